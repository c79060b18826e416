/* `meerkat status`. */
#include "base/buf.h"
#include "core/options/conf.h"
#include "main/admin.h"
#include "main/command.h"

#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

enum { STATUS_WAIT_S = 30 }; /* a reload, which comes first, may wait for workers */

/* Warnings are `check`'s business. A first start has made the defaults' certificate; where there is
 * none, there has been no server. */
static int read_conf(const struct args *a, struct conf **ret)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);

	if (a->config == NULL && access(CONF_DEFAULT_CERT, F_OK) < 0) {
		fputs("meerkat: no server has run here without a configuration: there is no "
		      "./meerkat-data (-c names the server's)\n",
		      stderr);
		return -1;
	}
	if (conf_load(a->config, ret, &errors) == 0)
		return 0;
	fwrite(errors.p, 1, errors.n, stderr);
	return -1;
}

static int complain(const struct conf *c, int err)
{
	struct sockaddr_un addr;

	if (!admin_address(c, &addr))
		fprintf(stderr,
			"meerkat: a server whose database is %s has no admin socket\n",
			c->store.path.p);
	else if (err == -ENOENT || err == -ECONNREFUSED)
		fprintf(stderr, "meerkat: no server runs: nobody answers at %s\n",
			addr.sun_path);
	else
		fprintf(stderr, "meerkat: the server does not answer at %s: %s\n",
			addr.sun_path, strerror(-err));
	return EXIT_FAILED;
}

int cmd_status(const struct args *a)
{
	AUTO(conf_unref) struct conf *c = NULL;
	AUTO(buf_free) struct buf answer = BUF_INIT(256 << 20);
	struct strv text;
	int r;

	if (read_conf(a, &c) < 0)
		return EXIT_FAILED;
	r = admin_ask(c, a->json ? "status json" : "status", STATUS_WAIT_S, &answer);
	text = buf_strv(&answer);
	if (r == 0 && (!strv_starts(text, STRV("ok\n")) || text.p[text.n - 1] != '\n'))
		r = -EPROTO;
	if (r < 0)
		return complain(c, r);
	text = strv_from_pos(text, 3);
	fwrite(text.p, 1, text.n, stdout);
	return EXIT_OK;
}
