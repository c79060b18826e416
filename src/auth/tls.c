#include "auth/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

void auth_tls_split_ciphers(const char *ciphers, struct buf *list, struct buf *suites)
{
	struct strv rest = strv_from(ciphers);

	while (rest.n) {
		size_t n = 0;
		while (n < rest.n && !strchr(":, ", rest.p[n]))
			n++;
		struct strv word = strv_make(rest.p, n);
		struct buf *b = strv_starts(word, STRV("TLS_")) ? suites : list;
		buf_putf(b, "%s" STRV_FMT, b->n && n ? ":" : "", STRV_ARG(word));
		rest = strv_from_pos(rest, MIN(n + 1, rest.n));
	}
}

bool auth_tls_set_ciphers(SSL_CTX *ctx, const char *ciphers)
{
	AUTO(buf_free) struct buf list = BUF_INIT(8192), suites = BUF_INIT(8192);

	if (strlen(ciphers) > 4096)
		return false;
	auth_tls_split_ciphers(ciphers, &list, &suites);
	return (list.n || suites.n) &&
	       (!list.n || SSL_CTX_set_cipher_list(ctx, buf_cstr(&list))) &&
	       (!suites.n || SSL_CTX_set_ciphersuites(ctx, buf_cstr(&suites)));
}

bool auth_tls_takes_ciphers(const char *ciphers)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool ok;

	ASSERT(ctx != NULL);
	ok = auth_tls_set_ciphers(ctx, ciphers);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}
