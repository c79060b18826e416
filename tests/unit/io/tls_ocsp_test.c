/* Stapled OCSP responses: which file is taken, who gets it, and until when. */
#include "ca.h"
#include "pair.h"
#include "base/clock.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <stdio.h>

/* The authority, our certificate, and another one of the authority's. */
static struct made root, ours, other;

struct answer {
	const struct made *about, *issuer, *signer;
	int status;
	long from_s, until_s; /* of now; until 0: no end */
};

static const char *write_answer(const char *name, const struct answer *a)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), a->about->x, a->issuer->x);
	ASN1_TIME *from = X509_gmtime_adj(NULL, a->from_s);
	ASN1_TIME *until = a->until_s ? X509_gmtime_adj(NULL, a->until_s) : NULL;
	const char *path = pair_file(name);
	OCSP_RESPONSE *response;
	unsigned char *der = NULL;
	int n;
	FILE *f = fopen(path, "wb");

	CHECK(OCSP_basic_add1_status(basic, id, a->status, 0,
				     a->status == V_OCSP_CERTSTATUS_REVOKED ? from : NULL,
				     from, until) != NULL);
	CHECK_INT(OCSP_basic_sign(basic, a->signer->x, a->signer->key, EVP_sha256(), NULL,
				  a->signer == &root ? OCSP_NOCERTS : 0),
		  1);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	n = i2d_OCSP_RESPONSE(response, &der);
	CHECK(n > 0 && fwrite(der, 1, (size_t)n, f) == (size_t)n);
	fclose(f);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return path;
}

static const char *write_chain(const char *name, const struct made *leaf, bool whole)
{
	const char *path = pair_file(name);
	FILE *f = fopen(path, "w");

	PEM_write_X509(f, leaf->x);
	if (whole)
		PEM_write_X509(f, root.x);
	PEM_write_PrivateKey(f, leaf->key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	return path;
}

static struct tls_conf make_all(void)
{
	static const char *const san[] = { "subjectAltName", "DNS:other.example", NULL };

	root = ca_authority("root", NULL);
	ours = ca_make(&(struct spec){ .name = "ours", .issuer = &root });
	other = ca_make(&(struct spec){ .name = "other", .issuer = &root, .ext = san });
	return (struct tls_conf){ .certfile = write_chain("ours.pem", &ours, true),
				  .versions = 1u << TLS_V1_2 | 1u << TLS_V1_3 };
}

static void free_all(void)
{
	made_free(&root);
	made_free(&ours);
	made_free(&other);
	ERR_clear_error();
}

static struct answer good(void)
{
	return (struct answer){ &ours, &root, &root, V_OCSP_CERTSTATUS_GOOD, -60, 3600 };
}

/* How many bytes are stapled for a client that asks; -1: none. */
static long stapled(struct tls_ctx *ctx, const char *name, int version, bool asks)
{
	unsigned char *p;
	struct pair t;
	long n;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_start_tls(t.s.conn, ctx);
	peer_start_tls(&t.p, version, version);
	if (asks)
		SSL_set_tlsext_status_type(t.p.ssl, TLSEXT_STATUSTYPE_ocsp);
	if (name)
		SSL_set_tlsext_host_name(t.p.ssl, name);
	PAIR_UNTIL(&t, t.s.n_secured && SSL_is_init_finished(t.p.ssl));
	n = SSL_get_tlsext_status_ocsp_resp(t.p.ssl, &p);
	pair_close(&t);
	return n;
}

TEST(tls_ocsp_goes_to_who_asks_while_it_is_in_time)
{
	struct tls_conf conf = make_all();
	struct answer a = good();
	struct strv sni = strv_from(write_chain("other.pem", &other, true));
	struct tls_ctx *ctx;
	wallus_t now = clock_wall_us();

	conf.ocsp_file = write_answer("good.der", &a);
	conf.sni_certfiles = &sni;
	conf.n_sni_certfiles = 1;
	ctx = pair_ctx(&conf);
	CHECK_STR(tls_ctx_notes(ctx), "");
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		CHECK(stapled(ctx, NULL, v, true) > 100);
		CHECK(stapled(ctx, NULL, v, false) < 0);
		CHECK(stapled(ctx, "other.example", v, true) < 0);
	}
	clock_fake_set(1000, now + 3590 * 1000000LL);
	CHECK(stapled(ctx, NULL, TLS1_3_VERSION, true) > 100);
	clock_fake_advance(20 * 1000);
	CHECK(stapled(ctx, NULL, TLS1_3_VERSION, true) < 0);
	clock_fake_off();
	tls_ctx_unref(&ctx);
	a.until_s = 0;
	conf.ocsp_file = write_answer("endless.der", &a);
	ctx = pair_ctx(&conf);
	CHECK(tls_ctx_ocsp_until(ctx) == INT64_MAX);
	CHECK(stapled(ctx, NULL, TLS1_3_VERSION, true) > 100);
	tls_ctx_unref(&ctx);
	free_all();
}

TEST(tls_ocsp_that_is_out_of_date_is_no_error)
{
	struct tls_conf conf = make_all();
	struct answer a = good();
	struct tls_ctx *ctx;

	a.until_s = -10;
	conf.ocsp_file = write_answer("stale.der", &a);
	ctx = pair_ctx(&conf);
	CHECK(strv_starts(tls_ctx_notes(ctx), STRV("ocsp_file: ")));
	CHECK(stapled(ctx, NULL, TLS1_3_VERSION, true) < 0);
	CHECK(tls_ctx_ocsp_until(ctx) < clock_wall_us() / 1000000);
	tls_ctx_unref(&ctx);
	free_all();
}

/* A responder that the issuer has charged, and one that it has not. */
TEST(tls_ocsp_may_be_signed_by_a_delegate)
{
	static const char *const ext[] = { "extendedKeyUsage", "OCSPSigning", NULL };
	struct tls_conf conf = make_all();
	struct made delegate = ca_make(
		&(struct spec){ .name = "responder", .issuer = &root, .ext = ext });
	struct answer a = good();
	struct tls_ctx *ctx;

	a.signer = &delegate;
	conf.ocsp_file = write_answer("delegate.der", &a);
	ctx = pair_ctx(&conf);
	CHECK(stapled(ctx, NULL, TLS1_3_VERSION, true) > 100);
	tls_ctx_unref(&ctx);
	made_free(&delegate);
	free_all();
}

static void check_refused(struct tls_conf conf, const char *file, const char *want)
{
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct tls_ctx *ctx;

	conf.ocsp_file = file;
	CHECK_INT(tls_ctx_new(&conf, &ctx, &err), -EINVAL);
	CHECK(strv_starts(buf_strv(&err), STRV("ocsp_file: ")));
	if (!strstr(buf_cstr(&err), file) || !strstr(buf_cstr(&err), want))
		test_fail(__FILE__, __LINE__, "\"%s\" has no \"%s\"", buf_cstr(&err),
			  want);
	CHECK_INT(ERR_peek_error(), 0);
}

TEST(tls_ocsp_that_cannot_be_used_is_refused)
{
	struct tls_conf conf = make_all();
	struct made stranger = ca_authority("root", NULL); /* of the same name */
	struct answer a = good();

	check_refused(conf, pair_file("absent.der"), "No such file");
	check_refused(conf, conf.certfile, "no OCSP response in DER");
	a.about = &other;
	check_refused(conf, write_answer("x.der", &a), "about another certificate");
	a = good();
	a.signer = &stranger;
	check_refused(conf, write_answer("x.der", &a), "not signed by");
	a.signer = &other; /* not charged with it */
	check_refused(conf, write_answer("x.der", &a), "not signed by");
	a.signer = a.issuer = &stranger;
	check_refused(conf, write_answer("x.der", &a), "about another certificate");
	a = good();
	a.status = V_OCSP_CERTSTATUS_REVOKED;
	check_refused(conf, write_answer("x.der", &a), "revoked");
	a.status = V_OCSP_CERTSTATUS_UNKNOWN;
	check_refused(conf, write_answer("x.der", &a), "does not know");
	a = good();
	conf.certfile = write_chain("short.pem", &ours, false);
	check_refused(conf, write_answer("x.der", &a), "issuer is not in");
	made_free(&stranger);
	free_all();
}
