#include "conf/toml_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int fail_file(struct toml_error *err, int r)
{
	*err = (struct toml_error){ 0 };
	if (r == -EFBIG)
		snprintf(err->text, sizeof(err->text), "the file is larger than %u bytes",
			 TOML_MAX_BYTES);
	else
		snprintf(err->text, sizeof(err->text), "cannot read the file: %s",
			 strerrordesc_np(-r));
	return r;
}

enum { ROOM = TOML_MAX_BYTES + 1 };

static int read_all(int fd, char *to, size_t *ret)
{
	size_t n = 0;
	ssize_t r;

	do {
		r = read(fd, to + n, ROOM - n);
		n += r > 0 ? (size_t)r : 0;
	} while (r > 0 || (r < 0 && errno == EINTR));
	*ret = n;
	return r < 0 ? -errno : n == ROOM ? -EFBIG : 0;
}

/* Passwords are in it: it is in one place, of which only as much is used as there are bytes. */
int toml_read_text(struct arena *a, const char *path, struct strv *ret,
		   struct toml_error *err)
{
	AUTO(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n;
	char *text;
	int r;

	if (fd < 0)
		return fail_file(err, -errno);
	text = mem_map(ROOM);
	r = read_all(fd, text, &n);
	if (r == 0)
		*ret = arena_strv(a, strv_make(text, n));
	mem_wipe(text, n);
	mem_unmap(text, ROOM);
	return r < 0 ? fail_file(err, r) : 0;
}

int toml_read_file(struct arena *a, const char *path, struct toml_table **ret,
		   struct toml_error *err)
{
	struct strv text;
	int r = toml_read_text(a, path, &text, err);

	return r ? r : toml_parse(a, text, ret, err);
}
