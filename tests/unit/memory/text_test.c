/* What was read from a file, and had a secret in it, leaves nothing on the heap. */
#include "auth/web_token.h"
#include "conf/toml.h"
#include "heap.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N = 4096 };

static unsigned char inverted[N];
static char file[] = "/tmp/meerkat-text-XXXXXX";

/* Anything of it. */
static unsigned copies(void)
{
	return heap_copies(inverted + 32, 32);
}

static void make_secret(char secret[N])
{
	for (unsigned i = 0; i < N; i++) {
		secret[i] = (char)('!' + (i * 7 + i / 90 * 11 + i / 7) % 90);
		if (secret[i] == '"' || secret[i] == '\\')
			secret[i] = '~';
		inverted[i] = (unsigned char)~secret[i];
	}
}

/* `before`, `n` bytes of the secret, `after`: not by way of the heap. */
static void write_file(const char *before, size_t n, const char *after)
{
	char secret[N];
	int fd;

	strcpy(file + strlen(file) - 6, "XXXXXX");
	fd = mkstemp(file);
	CHECK(fd >= 0);
	make_secret(secret);
	CHECK(write(fd, before, strlen(before)) >= 0 &&
	      write(fd, secret, n) == (ssize_t)n && write(fd, after, strlen(after)) >= 0);
	close(fd);
	mem_wipe(secret, sizeof(secret));
}

TEST(a_configuration_leaves_nothing_on_the_heap)
{
	struct arena *a = arena_new(4096);
	struct toml_error err;
	struct toml_table *t;

	write_file("password = \"", N, "\"\n");
	CHECK_INT(toml_read_file(a, file, &t, &err), 0);
	unlink(file);
	CHECK(copies() > 0); /* that is how it would look */
	arena_free_wiped(&a);
	CHECK_INT(copies(), 0);
}

/* What is put there and grows has to move. */
static void make_holes(void *blocks[16])
{
	for (unsigned i = 0; i < 16; i++)
		blocks[i] = mem_alloc(N);
	for (unsigned i = 0; i < 16; i += 2) {
		mem_free(blocks[i]);
		blocks[i] = NULL;
	}
}

TEST(a_key_of_tokens_leaves_nothing_on_the_heap)
{
	void *blocks[16];
	struct auth_jwt_conf conf = { .kind = AUTH_JWT_FILE,
				      .algorithm = "HS256",
				      .username_key = "sub" };
	AUTO(buf_free) struct buf err = BUF_INIT(1000);
	struct auth_backend *b;

	write_file("", N, "");
	conf.key = file;
	make_holes(blocks);
	CHECK_INT(auth_jwt_new(&conf, &b, &err), 0);
	unlink(file);
	CHECK(copies() > 0);
	auth_backend_free(&b);
	CHECK_INT(copies(), 0);
	for (unsigned i = 0; i < 16; i++)
		mem_free(blocks[i]);
}
