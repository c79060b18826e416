/* TLS towards a directory. It is OpenSSL's, as everywhere in this server, and not that of the LDAP
 * library, which is GnuTLS in Debian: that has no password for a key, no name to send and other
 * names for ciphers. */
#include "auth/directory_tls.h"

#include <openssl/err.h>

static void say_why(const struct tls_client *t, SSL *ssl, const char *host,
		    struct buf *why)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	size_t before = why->n;

	tls_client_describe(t, ssl, host, why);
	if (why->n == before)
		buf_putf(why, "TLS: %s",
			 reason	 ? reason
			 : errno ? strerror(errno)
				 : "the connection was closed");
}

static int shake_hands(struct ldap_io *io)
{
	int r;

	do {
		ERR_clear_error();
		errno = 0;
		r = SSL_connect(io->ssl);
	} while (r != 1 && ldap_io_may_go_on(io, r));
	return r == 1 ? 0 : -EPROTO;
}

int ldap_tls_start(const struct tls_client *t, const char *host, struct ldap_io *io,
		   struct buf *why)
{
	int r;

	io->ssl = tls_client_ssl(t);
	SSL_set_mode(io->ssl,
		     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	errno = EINVAL;
	r = SSL_set_fd(io->ssl, io->fd) == 1 && tls_client_set_up(t, io->ssl, host)
		    ? 0
		    : -EINVAL;
	r = r ? r : shake_hands(io);
	if (r == 0)
		return 0;
	say_why(t, io->ssl, host, why);
	ldap_io_close(io);
	return r;
}
