/* A connection: what is configured, on an SSL object that may be another library's. */
#include "tls/client_priv.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

SSL *tls_client_ssl(const struct tls_client *t)
{
	SSL *ssl = SSL_new(t->ctx);

	ASSERT(ssl != NULL);
	return ssl;
}

bool tls_client_verifies(const struct tls_client *t)
{
	return SSL_CTX_get_verify_mode(t->ctx) != SSL_VERIFY_NONE;
}

/* --- its parts --- */

/* The level first: it says which ciphers there may be. */
static bool set_ciphers(const struct tls_client *t, SSL *ssl)
{
	SSL_set_security_level(ssl, SSL_CTX_get_security_level(t->ctx));
	return (!t->list || SSL_set_cipher_list(ssl, t->list) == 1) &&
	       (!t->suites || SSL_set_ciphersuites(ssl, t->suites) == 1);
}

static bool set_versions(const struct tls_client *t, SSL *ssl)
{
	uint64_t without = SSL_CTX_get_options(t->ctx) & TLS_CLIENT_NO_VERSIONS;

	SSL_set_options(ssl, without);
	SSL_clear_options(ssl, TLS_CLIENT_NO_VERSIONS & ~without);
	return SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(t->ctx)) ==
		       1 &&
	       SSL_set_max_proto_version(ssl, SSL_CTX_get_max_proto_version(t->ctx)) == 1;
}

static bool set_certificate(const struct tls_client *t, SSL *ssl)
{
	X509 *x = SSL_CTX_get0_certificate(t->ctx);
	EVP_PKEY *key = SSL_CTX_get0_privatekey(t->ctx);
	STACK_OF(X509) *chain = NULL;

	if (x == NULL)
		return true;
	SSL_CTX_get0_chain_certs(t->ctx, &chain);
	return SSL_use_cert_and_key(ssl, x, key, chain, 1) == 1;
}

static bool set_trust(const struct tls_client *t, SSL *ssl)
{
	int mode = SSL_CTX_get_verify_mode(t->ctx);

	SSL_set_verify(ssl, mode, NULL);
	X509_VERIFY_PARAM_set_flags(SSL_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN);
	return mode == SSL_VERIFY_NONE ||
	       SSL_set1_verify_cert_store(ssl, SSL_CTX_get_cert_store(t->ctx)) == 1;
}

/* --- the name --- */

static bool is_address(const char *name)
{
	struct in6_addr any;

	return inet_pton(AF_INET, name, &any) == 1 ||
	       inet_pton(AF_INET6, name, &any) == 1;
}

static const char *name_of(const struct tls_client *t, const char *host)
{
	return t->name ? t->name : host;
}

/* RFC 4513 3.1.3: the name that the configuration has, not one that a resolver says. */
static bool set_expected(const struct tls_client *t, SSL *ssl, const char *name,
			 bool by_address)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(param, t->name_flags);
	if (!t->checks_name)
		return true;
	return by_address ? X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1
			  : X509_VERIFY_PARAM_set1_host(param, name, strlen(name)) == 1;
}

static bool set_name(const struct tls_client *t, SSL *ssl, const char *name)
{
	bool by_address = is_address(name);
	/* RFC 6066 3: addresses are not names. */
	const char *sent = t->sends_name && !by_address ? name : NULL;

	if (name[0] == '\0') /* it would be any */
		return false;
	return set_expected(t, ssl, name, by_address) &&
	       SSL_set_tlsext_host_name(ssl, sent) == 1;
}

/* --- the whole --- */

bool tls_client_set_up(const struct tls_client *t, SSL *ssl, const char *host)
{
	return set_ciphers(t, ssl) && set_versions(t, ssl) && set_certificate(t, ssl) &&
	       set_trust(t, ssl) && set_name(t, ssl, name_of(t, host));
}

void tls_client_describe(const struct tls_client *t, const SSL *ssl, const char *host,
			 struct buf *why)
{
	long verified = SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE
				? X509_V_OK
				: SSL_get_verify_result(ssl);

	if (verified == X509_V_ERR_HOSTNAME_MISMATCH ||
	    verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
		buf_putf(why, "TLS: the certificate is not for \"%.255s\"",
			 name_of(t, host));
	else if (verified != X509_V_OK)
		buf_putf(why, "TLS: the certificate is not valid: %s",
			 X509_verify_cert_error_string(verified));
}
