#include "conf_text.h"
#include "core/module.h"

#include <stdlib.h>
#include <unistd.h>

int conf_text_load(const char *text, struct conf **ret, struct buf *errors)
{
	AUTO(buf_free) struct buf raw = BUF_INIT(1 << 20);
	char path[] = "/tmp/meerkat-conf-XXXXXX";
	int fd = mkstemp(path), r;
	const char *at;

	modules_init();
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	r = conf_load(path, ret, &raw);
	unlink(path);
	for (at = buf_cstr(&raw); *at;) {
		const char *hit = strstr(at, path);
		size_t n = hit ? (size_t)(hit - at) : strlen(at);
		buf_put(errors, strv_make(at, n));
		at += n + (hit ? strlen(path) : 0);
	}
	return r;
}

void conf_text_fails(const char *text, const char *want)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	CHECK_INT(conf_text_load(text, &c, &errors), -EINVAL);
	CHECK_STR(buf_strv(&errors), want);
}

void conf_text_warns(const char *text, const char *want)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	CHECK_INT(conf_text_load(text, &c, &errors), 0);
	CHECK_STR(buf_strv(&errors), want);
	conf_unref(&c);
}
