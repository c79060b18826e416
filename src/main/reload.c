/* `meerkat reload`, and what a running server does about it. */
#include "main/reload.h"
#include "base/log.h"
#include "core/server/server.h"
#include "main/admin.h"
#include "main/certificates.h"
#include "main/command.h"

#include <stdio.h>

enum { RELOAD_WAIT_S = 30 };

/* Errors and warnings, a line each. */
static void log_lines(enum log_level level, const struct buf *b)
{
	struct strv rest = buf_strv(b);

	while (rest.n) {
		ptrdiff_t end = strv_find(rest, '\n');
		size_t n = end < 0 ? rest.n : (size_t)end;
		log_event(level, "server.reload", STRV_FMT,
			  STRV_ARG(strv_make(rest.p, n)));
		rest = strv_from_pos(rest, MIN(n + 1, rest.n));
	}
}

/* What is in use now. */
static void log_certificates(struct server *s)
{
	AUTO(conf_unref) struct conf *c = server_conf(s);

	certificates_log(c);
}

int reload(struct server *s, struct buf *text)
{
	int r = server_reload(s, text);

	log_lines(r < 0 ? LOG_ERROR : LOG_WARNING, text);
	if (r < 0)
		log_error("server.reload", "the configuration stays as it was");
	else
		log_notice("server.reload", "the configuration has been read again");
	if (r >= 0)
		log_certificates(s);
	return r;
}

void reload_files(struct server *s)
{
	static bool failed; /* and has been said; only the main thread comes here */
	AUTO(buf_free) struct buf text = BUF_INIT(1 << 20);
	int r = server_refresh(s, &text);

	if (r < 0 && !failed) {
		log_lines(LOG_WARNING, &text);
		log_warning("server.files",
			    "a certificate or another file that the "
			    "configuration names has changed and cannot be "
			    "used; what was read before stays in use");
	} else if (r > 0) {
		log_notice("server.files", "the files that the configuration names have "
					   "changed and have been read again");
		log_certificates(s);
	}
	failed = r < 0;
}

int cmd_reload(const struct args *a)
{
	AUTO(conf_unref) struct conf *c = NULL;
	AUTO(buf_free) struct buf answer = BUF_INIT(1 << 20);
	struct strv text;
	bool ok;
	int r = load_conf(a, &c);

	if (r < 0)
		return EXIT_FAILED;
	r = admin_ask(c, "reload", RELOAD_WAIT_S, &answer);
	text = buf_strv(&answer);
	if (r < 0) {
		fprintf(stderr, "meerkat: no server serves the database %s: %s\n",
			c->store.path.p, strerror(-r));
		return EXIT_FAILED;
	}
	ok = strv_starts(text, STRV("ok\n"));
	text = strv_from_pos(text, MIN((size_t)(strv_find(text, '\n') + 1), text.n));
	fwrite(text.p, 1, text.n, stderr);
	if (ok) {
		puts("the configuration has been read again");
		return EXIT_OK;
	}
	fputs("meerkat: the server's configuration stays as it was\n", stderr);
	return EXIT_FAILED;
}
