/* OCSP stapling (RFC 6066 8) of a response that is in a file: what the certificate's issuer says about
 * it, renewed by somebody else. */
#include "io/tls_priv.h"
#include "base/clock.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <time.h>

/* A response; the certificate that it is about is the listener's own. */
enum { MAX_RESPONSE = 64 * 1024 };

static int64_t seconds(const ASN1_GENERALIZEDTIME *at)
{
	struct tm tm;

	return at && ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : INT64_MAX;
}

static bool is_in_time(const struct tls_ocsp *o)
{
	int64_t now = clock_wall_us() / 1000000;

	return now >= o->from_s && now < o->until_s;
}

/* RFC 6960 4.1.1: the serial number, and hashes of the issuer's name and key. */
static bool is_about(const OCSP_CERTID *id, X509 *x, X509 *issuer)
{
	const EVP_MD *md;
	ASN1_OBJECT *alg;
	OCSP_CERTID *want;
	bool same;

	OCSP_id_get0_info(NULL, &alg, NULL, NULL, (OCSP_CERTID *)id);
	md = EVP_get_digestbyobj(alg);
	want = md ? OCSP_cert_to_id(md, x, issuer) : NULL;
	same = want && OCSP_id_cmp(id, want) == 0;
	OCSP_CERTID_free(want);
	return same;
}

static const OCSP_SINGLERESP *find(OCSP_BASICRESP *basic, X509 *x, X509 *issuer)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *one = OCSP_resp_get0(basic, i);
		if (is_about(OCSP_SINGLERESP_get0_id(one), x, issuer))
			return one;
	}
	return NULL;
}

/* By the issuer, or by whom it has charged with that. */
static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *known = sk_X509_new_null(); /* the response need not have it */
	bool ok;

	ASSERT(store != NULL && known != NULL && sk_X509_push(known, issuer) > 0);
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	X509_STORE_add_cert(store, issuer);
	ok = OCSP_basic_verify(basic, known, store, 0) == 1;
	sk_X509_free(known);
	X509_STORE_free(store);
	return ok;
}

/* The certificate behind ours in the file; itself, if it has signed itself. NULL: not there. */
static X509 *find_issuer(SSL_CTX *ctx, X509 *x)
{
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i), x) == X509_V_OK)
			return sk_X509_value(chain, i);
	return X509_check_issued(x, x) == X509_V_OK ? x : NULL;
}

static const char *judge(struct tls_ocsp *o, OCSP_BASICRESP *basic, SSL_CTX *ctx)
{
	X509 *x = SSL_CTX_get0_certificate(ctx), *issuer = find_issuer(ctx, x);
	ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
	const OCSP_SINGLERESP *one;
	int status;

	if (issuer == NULL)
		return "the certificate's issuer is not in `certfile`, where the chain "
		       "must be";
	one = find(basic, x, issuer);
	if (one == NULL)
		return "the response is about another certificate";
	if (!is_signed(basic, issuer))
		return "the response is not signed by the certificate's issuer";
	status = OCSP_single_get0_status((OCSP_SINGLERESP *)one, NULL, NULL, &from,
					 &until);
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return "the response says that the certificate is revoked";
	if (status != V_OCSP_CERTSTATUS_GOOD)
		return "the response does not know the certificate";
	o->from_s = seconds(from);
	o->until_s = seconds(until);
	return NULL;
}

/* NULL, or what is wrong. */
static const char *check(struct tls_ocsp *o, SSL_CTX *ctx)
{
	const unsigned char *p = o->der;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)o->n);
	OCSP_BASICRESP *basic;
	const char *wrong;

	if (response == NULL || p != o->der + o->n) {
		OCSP_RESPONSE_free(response);
		return "no OCSP response in DER";
	}
	if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		wrong = "the response is an error";
	else
		wrong = NULL;
	basic = wrong ? NULL : OCSP_response_get1_basic(response);
	if (wrong == NULL)
		wrong = basic ? judge(o, basic, ctx) : "the response is of no known kind";
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	return wrong;
}

/* --- the handshake --- */

/* Only with the certificate that it is about. */
static int on_request(SSL *ssl, void *arg)
{
	const struct tls_ctx *c = arg;
	unsigned char *copy;

	if (tls_cert_sent(c, ssl) != &c->certs[0] || !is_in_time(&c->ocsp))
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(c->ocsp.der, c->ocsp.n); /* OpenSSL frees it */
	if (copy == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)c->ocsp.n);
	return SSL_TLSEXT_ERR_OK;
}

/* --- at start --- */

static int read_response(struct tls_ocsp *o, const char *file, struct buf *err)
{
	BIO *f = BIO_new_file(file, "rb");
	int n = -1;

	o->der = mem_alloc(MAX_RESPONSE);
	if (f)
		n = BIO_read(f, o->der, MAX_RESPONSE);
	BIO_free(f);
	if (n <= 0)
		return tls_fail(err, file, "no OCSP response in DER");
	o->n = (size_t)n;
	return 0;
}

int tls_ocsp_init(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	const char *wrong;
	int r;

	if (conf->ocsp_file == NULL)
		return 0;
	r = read_response(&c->ocsp, conf->ocsp_file, err);
	if (r < 0)
		return r;
	wrong = check(&c->ocsp, c->ssl);
	ERR_clear_error();
	if (wrong)
		return tls_fail(err, conf->ocsp_file, wrong);
	if (!is_in_time(&c->ocsp))
		buf_putf(&c->notes,
			 "ocsp_file: %s: the response is out of date and is not sent\n",
			 conf->ocsp_file);
	SSL_CTX_set_tlsext_status_cb(c->ssl, on_request);
	SSL_CTX_set_tlsext_status_arg(c->ssl, c);
	return 0;
}

void tls_ocsp_fini(struct tls_ctx *c)
{
	mem_free(c->ocsp.der);
}

int64_t tls_ctx_ocsp_until(const struct tls_ctx *c)
{
	return c->ocsp.n ? c->ocsp.until_s : INT64_MAX;
}
