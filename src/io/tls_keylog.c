/* The secrets of connections, in the lines that NSS has invented and Wireshark reads: for whoever must
 * read the traffic of a test. */
#include "io/tls_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

/* One write a line: those of several threads do not mix. A full disk is no reason to stop. */
static void write_line(int fd, const char *line)
{
	struct iovec parts[] = { { (void *)line, strlen(line) }, { "\n", 1 } };
	ssize_t r = writev(fd, parts, ARRAY_LEN(parts));

	(void)r;
}

static void on_line(const SSL *ssl, const char *line)
{
	const struct tls_ctx *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	write_line(c->keylog_fd, line);
}

int tls_keylog_init(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	if (conf->keylog == NULL)
		return 0;
	c->keylog_fd = open(conf->keylog,
			    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->keylog_fd < 0) {
		buf_putf(err, "%s: cannot be opened: %s", conf->keylog, strerror(errno));
		return -EINVAL;
	}
	SSL_CTX_set_keylog_callback(c->ssl, on_line);
	buf_putf(&c->notes,
		 "keep_secrets: the keys of all connections are written to %s: who has "
		 "them can read the traffic\n",
		 conf->keylog);
	return 0;
}

void tls_keylog_fini(struct tls_ctx *c)
{
	if (c->keylog_fd >= 0)
		close(c->keylog_fd);
}
