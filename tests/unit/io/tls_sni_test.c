/* Which of several certificates a client gets, and what is bound to it. */
#include "ca.h"
#include "pair.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

/* A certificate with this common name, these dNSNames ("DNS:a,DNS:b", NULL: none) and its key, in
 * one file. */
static struct strv write_one(const char *file, const char *cn, const char *dns,
			     EVP_PKEY *key)
{
	const char *const ext[] = { dns ? "subjectAltName" : NULL, dns, NULL };
	struct made m = ca_make(&(struct spec){ .name = cn, .ext = ext, .key = key });
	const char *path = pair_file(file);
	FILE *f = fopen(path, "w");

	PEM_write_X509(f, m.x);
	PEM_write_PrivateKey(f, m.key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	made_free(&m);
	return strv_from(path);
}

struct met {
	char cn[64];
	bool bound; /* tls-server-end-point is that of the certificate that came */
};

static void note(struct met *met, struct pair *t)
{
	unsigned char ours[TLS_CB_MAX], theirs[EVP_MAX_MD_SIZE];
	X509 *x = SSL_get1_peer_certificate(t->p.ssl);
	unsigned n = 0;
	size_t n_ours = 0;

	CHECK(x != NULL);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, met->cn,
				  sizeof(met->cn));
	X509_digest(x, EVP_sha256(), theirs, &n);
	CHECK_INT(tls_channel_binding(conn_tls(t->s.conn), TLS_CB_SERVER_END_POINT, ours,
				      &n_ours),
		  0);
	met->bound = n_ours == n && memcmp(ours, theirs, n) == 0;
	X509_free(x);
}

/* `sigalgs` NULL: the usual. */
static struct met meet(struct tls_ctx *ctx, const char *name, int version,
		       const char *sigalgs)
{
	struct met met = { 0 };
	struct pair t;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_start_tls(t.s.conn, ctx);
	peer_start_tls(&t.p, version, version);
	if (name)
		SSL_set_tlsext_host_name(t.p.ssl, name);
	if (sigalgs)
		CHECK_INT(SSL_set1_sigalgs_list(t.p.ssl, sigalgs), 1);
	PAIR_UNTIL(&t, t.s.n_secured && SSL_is_init_finished(t.p.ssl));
	note(&met, &t);
	pair_close(&t);
	return met;
}

static void check_gets(struct tls_ctx *ctx, const char *name, const char *want)
{
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct met met = meet(ctx, name, v, NULL);
		if (strcmp(met.cn, want) != 0)
			test_fail(__FILE__, __LINE__, "%s gets %s, wanted %s",
				  name ? name : "(no name)", met.cn, want);
		CHECK(met.bound);
	}
}

TEST(tls_sni_finds_the_certificate_of_the_name)
{
	struct strv files[] = {
		write_one("a.pem", "a", "DNS:a.example,DNS:second.a.example", NULL),
		write_one("w.pem", "wild", "DNS:*.wild.example", NULL),
		write_one("x.pem", "exact", "DNS:one.wild.example", NULL),
		write_one("cn.pem", "cn.example", NULL, NULL),
		write_one("odd.pem", "odd.example", "DNS:f*.odd.example,DNS:*", NULL),
	};
	struct strv main =
		write_one("main.pem", "main", "DNS:main.example,DNS:a.example", NULL);
	struct tls_conf conf = { .certfile = main.p,
				 .sni_certfiles = files,
				 .n_sni_certfiles = ARRAY_LEN(files) };
	struct tls_ctx *ctx = pair_ctx(&conf);

	check_gets(ctx, NULL, "main");
	check_gets(ctx, "main.example", "main");
	check_gets(ctx, "unknown.example", "main");
	check_gets(ctx, "a.example", "a");
	check_gets(ctx, "A.eXample", "a");
	check_gets(ctx, "a.example.", "a");
	check_gets(ctx, "second.a.example", "a");
	check_gets(ctx, "b.a.example", "main");
	check_gets(ctx, "two.wild.example", "wild");
	check_gets(ctx, "one.wild.example", "exact"); /* though it stands behind */
	check_gets(ctx, "three.two.wild.example", "main");
	check_gets(ctx, "wild.example", "main");
	check_gets(ctx, "cn.example", "cn.example");
	check_gets(ctx, "odd.example", "main"); /* dNSNames replace the common name */
	check_gets(ctx, "foo.odd.example", "main");
	check_gets(ctx, "localhost", "main"); /* a bare "*" is nobody's */
	tls_ctx_unref(&ctx);
}

/* Two for one name: the client's signature algorithms decide. */
TEST(tls_sni_has_a_certificate_for_each_kind_of_key)
{
	struct strv files[] = {
		write_one("ec.pem", "ec", "DNS:both.example", NULL),
		write_one("ec2.pem", "ec2", "DNS:both.example", NULL),
		write_one("rsa.pem", "rsa", "DNS:both.example", EVP_RSA_gen(2048)),
	};
	struct tls_conf conf = { .sni_certfiles = files,
				 .n_sni_certfiles = ARRAY_LEN(files) };
	struct tls_ctx *ctx = pair_ctx(&conf);

	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct met met = meet(ctx, "both.example", v, "ECDSA+SHA256");
		CHECK(strcmp(met.cn, "ec") == 0 && met.bound);
		met = meet(ctx, "both.example", v, "RSA-PSS+SHA256");
		CHECK(strcmp(met.cn, "rsa") == 0 && met.bound);
	}
	tls_ctx_unref(&ctx);
}

TEST(tls_sni_sends_the_chain_and_opens_the_key)
{
	struct made root = ca_authority("root", NULL), mid = ca_authority("mid", &root);
	static const char *const ext[] = { "subjectAltName", "DNS:deep.example", NULL };
	struct made leaf =
		ca_make(&(struct spec){ .name = "leaf", .issuer = &mid, .ext = ext });
	struct strv file = strv_from(pair_file("deep.pem"));
	struct tls_conf conf = { .sni_certfiles = &file,
				 .n_sni_certfiles = 1,
				 .password = "wherefore" };
	FILE *f = fopen(file.p, "w");
	struct tls_ctx *ctx;
	struct pair t;

	PEM_write_X509(f, leaf.x);
	PEM_write_X509(f, mid.x);
	PEM_write_PrivateKey(f, leaf.key, EVP_aes_128_cbc(),
			     (const unsigned char *)"wherefore", 9, NULL, NULL);
	fclose(f);
	ctx = pair_ctx(&conf);
	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_start_tls(t.s.conn, ctx);
	peer_start_tls(&t.p, TLS1_3_VERSION, TLS1_3_VERSION);
	SSL_set_tlsext_host_name(t.p.ssl, "deep.example");
	PAIR_UNTIL(&t, t.s.n_secured && SSL_is_init_finished(t.p.ssl));
	CHECK_INT(sk_X509_num(SSL_get_peer_cert_chain(t.p.ssl)), 2);
	pair_close(&t);
	tls_ctx_unref(&ctx);
	made_free(&root);
	made_free(&mid);
	made_free(&leaf);
}

TEST(tls_sni_names_the_file_that_cannot_be_used)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "no certificate in PEM can be read" },
		{ NULL, "No such file" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_free) struct buf err = BUF_INIT(4096);
		struct tls_ctx *ctx = pair_ctx(NULL); /* makes the file */
		struct strv file = strv_from(pair_file(i ? "none.pem" : "empty.pem"));
		struct tls_conf conf = { .certfile = pair_file("localhost.pem"),
					 .versions = 1u << TLS_V1_3,
					 .sni_certfiles = &file,
					 .n_sni_certfiles = 1 };

		tls_ctx_unref(&ctx);
		if (rows[i].text)
			fclose(fopen(file.p, "w"));
		CHECK_INT(tls_ctx_new(&conf, &ctx, &err), -EINVAL);
		CHECK(strv_starts(buf_strv(&err), STRV("sni_certfiles: ")));
		CHECK(strstr(buf_cstr(&err), file.p) &&
		      strstr(buf_cstr(&err), rows[i].want));
		CHECK_INT(ERR_peek_error(), 0);
	}
}
