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

static int read_all(int fd, struct buf *b)
{
	for (;;) {
		size_t want = MIN((size_t)64 * 1024, b->max - b->n);
		char *to = want ? buf_reserve(b, want) : NULL;
		ssize_t n;

		if (to == NULL)
			return -EFBIG;
		n = read(fd, to, want);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		b->n += n > 0 ? (size_t)n : 0;
	}
}

int toml_read_text(struct arena *a, const char *path, struct strv *ret,
		   struct toml_error *err)
{
	AUTO(buf_free) struct buf text = BUF_INIT((size_t)TOML_MAX_BYTES + 1);
	AUTO(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return fail_file(err, -errno);
	r = read_all(fd, &text);
	if (r == 0)
		*ret = arena_strv(a, buf_strv(&text));
	if (text.n)
		mem_wipe(text.p, text.n); /* passwords are in it */
	return r < 0 ? fail_file(err, r) : 0;
}

int toml_read_file(struct arena *a, const char *path, struct toml_table **ret,
		   struct toml_error *err)
{
	struct strv text;
	int r = toml_read_text(a, path, &text, err);

	return r ? r : toml_parse(a, text, ret, err);
}
