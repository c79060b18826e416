/* Clients' certificates: whether one passes, and whether the handshake goes on without. The
 * verdict is of the handshake itself: it is not kept in a session, so that one that is resumed
 * has none. */
#include "io/tls_priv.h"
#include "tls/anchors.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* Intermediates in a chain. */
enum { MAX_DEPTH = 10 };

void tls_peer_init(struct tls_peer *p, struct tls_ctx *c, SSL *ssl)
{
	*p = (struct tls_peer){ .trust = &c->trust, .ssl = ssl, .error = X509_V_OK };
	SSL_set_app_data(ssl, p);
}

const char *tls_peer_reason(const struct tls_peer *p)
{
	return p->error == X509_V_OK ? NULL : X509_verify_cert_error_string(p->error);
}

struct tls_peer *tls_peer_of(X509_STORE_CTX *x)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());

	return SSL_get_app_data(ssl);
}

static int verify(X509_STORE_CTX *x, const struct tls_trust *trust)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(x);
	STACK_OF(X509) * anchors;
	int r;

	if (trust->verify != TLS_VERIFY_SELF_SIGNED || X509_self_signed(leaf, 1) != 1)
		return X509_verify_cert(x);
	/* Its own trust anchor; all else about it must be right. */
	anchors = sk_X509_new_null();
	ASSERT(anchors != NULL && sk_X509_push(anchors, leaf) == 1);
	X509_STORE_CTX_set0_trusted_stack(x, anchors);
	r = X509_verify_cert(x);
	sk_X509_free(anchors);
	return r;
}

/* In place of X509_verify_cert() in the handshake: stops at the first error, which is then the
 * alert's, and may still let the handshake go on. */
static int judge(X509_STORE_CTX *x, void *arg)
{
	struct tls_peer *p = tls_peer_of(x);

	tls_no_ticket(p->ssl);
	p->verified = verify(x, p->trust) == 1;
	p->error = X509_V_OK;
	if (!p->verified)
		p->error = X509_STORE_CTX_get_error(x);
	if (!p->verified && p->error == X509_V_OK)
		p->error = X509_V_ERR_UNSPECIFIED;
	ERR_clear_error();
	return p->verified || !p->trust->must_verify;
}

/* --- at start --- */

/* The names in the request make a client choose among its certificates. The system's anchors are
 * too many to be sent each time; and whoever may sign for himself is on no list. */
static int name_authorities(struct tls_ctx *c, const struct tls_conf *conf,
			    struct buf *err)
{
	STACK_OF(X509_NAME) * names;

	if (conf->verify == TLS_VERIFY_SELF_SIGNED)
		return 0;
	names = SSL_load_client_CA_file(conf->cacertfile);
	if (names == NULL)
		return tls_fail(err, conf->cacertfile,
				"no certificate in PEM can be read");
	SSL_CTX_set_client_CA_list(c->ssl, names);
	return 0;
}

static int add_anchors(struct tls_ctx *c, X509_STORE *store, const struct tls_conf *conf,
		       struct buf *err)
{
	if (conf->cacertfile == NULL)
		return tls_add_system_anchors(store)
			       ? 0
			       : tls_fail(err, NULL, "the system's trust anchors");
	if (X509_STORE_load_file(store, conf->cacertfile) != 1)
		return tls_fail(err, conf->cacertfile,
				"no certificate in PEM can be read");
	return name_authorities(c, conf, err);
}

int tls_trust_init(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	X509_STORE *store;
	size_t before = err->n; /* the option stands before what is wrong with it */
	int mode = SSL_VERIFY_PEER, r;

	c->trust = (struct tls_trust){ .verify = conf->verify,
				       .must_verify = conf->must_verify,
				       .stale_crl = -1 };
	/* The system's configuration of OpenSSL may ask for certificates. */
	SSL_CTX_set_verify(c->ssl, SSL_VERIFY_NONE, NULL);
	if (conf->verify == TLS_VERIFY_NONE)
		return 0;
	/* Not the context's own store, from which OpenSSL would complete our chain. */
	store = X509_STORE_new();
	ASSERT(store != NULL);
	buf_putf(err, "cacertfile: ");
	r = add_anchors(c, store, conf, err);
	if (r == 0) {
		err->n = before;
		buf_putf(err, "crl_files: ");
		r = tls_crl_load(&c->trust, store, conf, err);
	}
	SSL_CTX_set0_verify_cert_store(c->ssl, store);
	if (conf->must_verify)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(c->ssl, mode, tls_crl_on_error);
	SSL_CTX_set_verify_depth(c->ssl, MAX_DEPTH);
	SSL_CTX_set_cert_verify_callback(c->ssl, judge, NULL);
	ERR_clear_error();
	return r;
}

int tls_ctx_stale_crl(const struct tls_ctx *c)
{
	return c->trust.stale_crl;
}

void tls_trust_fini(struct tls_trust *trust)
{
	sk_X509_CRL_pop_free(trust->crls, X509_CRL_free);
	trust->crls = NULL;
}
