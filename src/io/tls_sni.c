/* More than one certificate: which one a client gets that asks for a name (SNI, RFC 6066 3). */
#include "io/tls_priv.h"

#include <openssl/err.h>

/* --- names --- */

/* RFC 6125 6.4.3: "*" is the whole of the leftmost label, and stands for one. */
static bool is_wildcard_of(struct strv pattern, struct strv name)
{
	ptrdiff_t dot = strv_find(name, '.');

	if (!strv_starts(pattern, STRV("*.")) || pattern.n < 3 || dot <= 0)
		return false;
	return strv_eq_nocase(strv_from_pos(pattern, 1),
			      strv_from_pos(name, (size_t)dot));
}

static bool fits(const struct tls_cert *cert, struct strv name, bool by_wildcard)
{
	for (size_t i = 0; i < cert->n_names; i++) {
		struct strv pattern = strv_from(cert->names[i]);
		if (by_wildcard ? is_wildcard_of(pattern, name)
				: strv_eq_nocase(pattern, name))
			return true;
	}
	return false;
}

static int key_type(const struct tls_cert *cert)
{
	return EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(cert->holder));
}

/* Of each kind of key the first one that fits, so that the client's signature algorithms and
 * ciphers decide between them. Those for names come before the one for all others. */
enum { MAX_KINDS = 4 };

static size_t find(const struct tls_ctx *c, struct strv name, bool by_wildcard,
		   const struct tls_cert *found[MAX_KINDS])
{
	size_t n = 0;

	for (size_t i = 1; i <= c->n_certs && n < MAX_KINDS; i++) {
		const struct tls_cert *cert = &c->certs[i % c->n_certs];
		size_t k = 0;

		if (!fits(cert, name, by_wildcard))
			continue;
		while (k < n && key_type(found[k]) != key_type(cert))
			k++;
		if (k == n)
			found[n++] = cert;
	}
	return n;
}

/* --- the handshake --- */

static bool use(SSL *ssl, const struct tls_cert *cert)
{
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(cert->holder, &chain);
	return SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(cert->holder),
				    SSL_CTX_get0_privatekey(cert->holder), chain, 1) == 1;
}

/* 1: go on, with what the context has if no other certificate fits. */
static int choose(SSL *ssl, void *arg)
{
	const struct tls_ctx *c = arg;
	const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_cert *found[MAX_KINDS];
	struct strv name = strv_from(asked ? asked : "");
	size_t n;

	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	n = name.n ? find(c, name, false, found) : 0;
	if (n == 0 && name.n)
		n = find(c, name, true, found);
	if (n == 0 || (n == 1 && found[0] == &c->certs[0]))
		return 1;
	SSL_certs_clear(ssl);
	for (size_t i = 0; i < n; i++)
		if (!use(ssl, found[i]))
			return 0;
	return 1;
}

const struct tls_cert *tls_cert_sent(const struct tls_ctx *c, SSL *ssl)
{
	const X509 *x = SSL_get_certificate(ssl);

	for (size_t i = 0; i < c->n_certs; i++)
		if (SSL_CTX_get0_certificate(c->certs[i].holder) == x)
			return &c->certs[i];
	return NULL;
}

/* --- at start --- */

static int load(struct tls_ctx *c, const char *file, const char *password,
		struct buf *err)
{
	struct tls_cert *cert = &c->certs[c->n_certs++];
	int r;

	cert->holder = SSL_CTX_new(TLS_server_method());
	ASSERT(cert->holder != NULL);
	SSL_CTX_set_security_level(cert->holder, SSL_CTX_get_security_level(c->ssl));
	r = tls_cert_open(cert, file, err);
	r = r ? r : tls_cert_add_key(cert, file, password, err);
	if (r == 0 && cert->n_names == 0)
		r = tls_fail(err, file, "the certificate is for no name");
	return r;
}

int tls_load_sni(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	for (size_t i = 0; i < conf->n_sni_certfiles; i++) {
		int r = load(c, conf->sni_certfiles[i].p, conf->password, err);
		if (r < 0)
			return r;
	}
	if (c->n_certs > 1)
		SSL_CTX_set_cert_cb(c->ssl, choose, c);
	return 0;
}
