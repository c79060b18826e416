#include "io/tls_rows.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>

static const char *const versions[TLS_VERSION_ROWS] = {
#define X(name) name,
	TLS_VERSIONS(X)
#undef X
};

static const char *ciphers[TLS_CIPHER_ROWS] = { "other" };
static pthread_once_t ciphers_once = PTHREAD_ONCE_INIT;

static unsigned find(const char *const *table, unsigned n, const char *name)
{
	for (unsigned i = 1; i < n && table[i]; i++)
		if (strcmp(table[i], name) == 0)
			return i;
	return 0;
}

/* In OpenSSL's order, the strongest first. The names are OpenSSL's own constants. */
static void list_ciphers(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	STACK_OF(SSL_CIPHER) * all;

	ASSERT(ctx != NULL);
	SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
	SSL_CTX_set_ciphersuites(ctx,
				 "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
				 "TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:"
				 "TLS_AES_128_CCM_8_SHA256");
	all = SSL_CTX_get_ciphers(ctx);
	for (int i = 0; i < sk_SSL_CIPHER_num(all) && i + 1 < TLS_CIPHER_ROWS; i++)
		ciphers[i + 1] = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, i));
	SSL_CTX_free(ctx);
	ERR_clear_error(); /* what a build of OpenSSL lacks is "other" */
}

unsigned tls_version_row(const char *version)
{
	return find(versions, TLS_VERSION_ROWS, version);
}

unsigned tls_cipher_row(const char *cipher)
{
	pthread_once(&ciphers_once, list_ciphers);
	return find(ciphers, TLS_CIPHER_ROWS, cipher);
}

const char *tls_version_row_name(unsigned row)
{
	ASSERT(row < TLS_VERSION_ROWS);
	return versions[row];
}

const char *tls_cipher_row_name(unsigned row)
{
	ASSERT(row < TLS_CIPHER_ROWS);
	pthread_once(&ciphers_once, list_ciphers);
	return ciphers[row];
}
