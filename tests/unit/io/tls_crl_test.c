/* Revocation lists. */
#include "ca.h"

#include <openssl/pem.h>
#include <stdio.h>

static struct made root, intermediate, leaf, other, below;

static void make_all(void)
{
	root = ca_authority("Root", NULL);
	intermediate = ca_authority("Intermediate", &root);
	leaf = ca_client("leaf", &root);
	other = ca_client("other", &root);
	below = ca_client("below", &intermediate);
}

static void free_all(void)
{
	made_free(&root);
	made_free(&intermediate);
	made_free(&leaf);
	made_free(&other);
	made_free(&below);
}

/* With these lists, one file each. */
static struct tls_conf conf_with(X509_CRL *const *crls, size_t n)
{
	static char anchors[300], paths[4][300]; /* outlive what pair_file() keeps */
	static struct strv files[4];
	const struct made *one = &root;

	snprintf(anchors, sizeof(anchors), "%s", ca_write("root.pem", &one, 1));
	for (size_t i = 0; i < n; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%zu.crl", i);
		snprintf(paths[i], sizeof(paths[i]), "%s",
			 ca_write_crl(name, &crls[i], 1));
		files[i] = strv_from(paths[i]);
	}
	return (struct tls_conf){ .verify = TLS_VERIFY_PEER,
				  .cacertfile = anchors,
				  .crl_files = files,
				  .n_crl_files = n };
}

enum verdict { PASSES, REVOKED, CRL_AT_FAULT };

static void check(const struct tls_conf *conf, const struct made *client,
		  enum verdict want)
{
	struct pair t;
	struct tls *tls;

	ca_shake_hands(&t, conf, client, client == &below ? &intermediate : NULL,
		       TLS1_3_VERSION);
	CHECK_INT(t.s.n_secured, 1);
	tls = conn_tls(t.s.conn);
	if (tls_peer_verified(tls) != (want == PASSES))
		test_fail(__FILE__, __LINE__, "%s", tls_peer_error(tls));
	CHECK_INT(tls_peer_crl_is_at_fault(tls), want == CRL_AT_FAULT);
	if (want == REVOKED)
		CHECK(strstr(tls_peer_error(tls), "revoked") != NULL);
	pair_close(&t);
}

TEST(tls_crl_revokes_and_only_what_it_has)
{
	X509_CRL *crl;
	struct tls_conf conf;

	make_all();
	crl = ca_crl(&root, &leaf, 3600);
	conf = conf_with(&crl, 1);
	check(&conf, &leaf, REVOKED);
	check(&conf, &other, PASSES);
	check(&conf, &below, PASSES); /* its issuer has none */
	conf.verify = TLS_VERIFY_SELF_SIGNED;
	check(&conf, &leaf, REVOKED);
	check(&conf, &other, PASSES);
	X509_CRL_free(crl);
	free_all();
}

TEST(tls_crl_revokes_intermediates)
{
	X509_CRL *crl;
	struct tls_conf conf;

	make_all();
	crl = ca_crl(&root, &intermediate, 3600);
	conf = conf_with(&crl, 1);
	check(&conf, &below, REVOKED);
	check(&conf, &leaf, PASSES);
	X509_CRL_free(crl);
	free_all();
}

TEST(tls_crl_of_each_issuer_counts)
{
	X509_CRL *crls[2];
	struct tls_conf conf;
	struct strv file;

	make_all();
	crls[0] = ca_crl(&root, NULL, 3600);
	crls[1] = ca_crl(&intermediate, &below, 3600);
	conf = conf_with(crls, 2);
	check(&conf, &below, REVOKED);
	check(&conf, &leaf, PASSES);
	/* Both in one file. */
	file = strv_from(ca_write_crl("both.crl", crls, 2));
	conf.crl_files = &file;
	conf.n_crl_files = 1;
	check(&conf, &below, REVOKED);
	X509_CRL_free(crls[0]);
	X509_CRL_free(crls[1]);
	free_all();
}

TEST(tls_crl_out_of_date_lets_nobody_of_its_issuer_pass)
{
	X509_CRL *crls[2];
	struct tls_conf conf;
	struct tls_ctx *ctx;

	make_all();
	crls[0] = ca_crl(&intermediate, NULL, -1);
	crls[1] = ca_crl(&root, NULL, 3600);
	conf = conf_with(crls, 2);
	check(&conf, &below, CRL_AT_FAULT);
	check(&conf, &leaf, PASSES);
	ctx = pair_ctx(&conf);
	CHECK_INT(tls_ctx_stale_crl(ctx), 0);
	tls_ctx_unref(&ctx);
	/* A newer one beside it does. */
	X509_CRL_free(crls[1]);
	crls[1] = ca_crl(&intermediate, NULL, 3600);
	conf = conf_with(crls, 2);
	check(&conf, &below, PASSES);
	X509_CRL_free(crls[0]);
	X509_CRL_free(crls[1]);
	free_all();
}

/* Signed by somebody else of the same name. */
TEST(tls_crl_that_is_forged_lets_nobody_pass)
{
	struct made impostor;
	struct tls_conf conf;
	X509_CRL *crl;

	make_all();
	impostor = ca_authority("Root", NULL);
	crl = ca_crl(&impostor, NULL, 3600);
	conf = conf_with(&crl, 1);
	check(&conf, &leaf, CRL_AT_FAULT);
	check(&conf, &below, CRL_AT_FAULT); /* its intermediate is the root's */
	X509_CRL_free(crl);
	made_free(&impostor);
	free_all();
}

TEST(tls_crl_ends_the_handshake_where_it_must)
{
	X509_CRL *crl;
	struct tls_conf conf;
	struct pair t;

	make_all();
	crl = ca_crl(&root, &leaf, 3600);
	conf = conf_with(&crl, 1);
	conf.must_verify = true;
	ca_shake_hands(&t, &conf, &leaf, NULL, TLS1_2_VERSION);
	CHECK_INT(ca_alert(&t), SSL_AD_CERTIFICATE_REVOKED);
	pair_close(&t);
	ca_shake_hands(&t, &conf, &leaf, NULL, TLS1_3_VERSION);
	CHECK_INT(ca_alert(&t), SSL_AD_CERTIFICATE_REVOKED);
	CHECK(strstr(t.s.detail, "revoked") != NULL);
	pair_close(&t);
	X509_CRL_free(crl);
	free_all();
}

static void write_bytes(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	CHECK(f != NULL && fwrite(p, 1, n, f) == n);
	fclose(f);
}

TEST(tls_crl_may_be_der)
{
	unsigned char *der = NULL;
	struct strv file;
	struct tls_conf conf;
	X509_CRL *crl;
	int n;

	make_all();
	crl = ca_crl(&root, &leaf, 3600);
	n = i2d_X509_CRL(crl, &der);
	conf = conf_with(&crl, 1);
	file = strv_from(pair_file("der.crl"));
	write_bytes(file.p, der, (size_t)n);
	conf.crl_files = &file;
	check(&conf, &leaf, REVOKED);
	OPENSSL_free(der);
	X509_CRL_free(crl);
	free_all();
}

static void check_unreadable(const char *name, const char *text)
{
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct tls_ctx *ctx = pair_ctx(NULL); /* makes the certificate */
	struct strv file = strv_from(pair_file(name));
	struct tls_conf conf = { .certfile = pair_file("localhost.pem"),
				 .versions = 1u << TLS_V1_3,
				 .verify = TLS_VERIFY_PEER,
				 .crl_files = &file,
				 .n_crl_files = 1 };

	tls_ctx_unref(&ctx);
	if (text)
		write_bytes(file.p, text, strlen(text));
	CHECK_INT(tls_ctx_new(&conf, &ctx, &err), -EINVAL);
	CHECK(strstr(buf_cstr(&err), name) != NULL);
	CHECK(strstr(buf_cstr(&err), "no revocation list can be read") != NULL);
}

TEST(tls_crl_that_cannot_be_read_is_named)
{
	AUTO(buf_free) struct buf cut = BUF_INIT(8192);
	X509_CRL *crl;
	BIO *mem = BIO_new(BIO_s_mem());
	char *p;
	long n;

	check_unreadable("absent.crl", NULL);
	check_unreadable("empty.crl", "");
	check_unreadable("text.crl", "nobody is revoked\n");
	/* One that is whole, and one that is not. */
	make_all();
	crl = ca_crl(&root, NULL, 3600);
	PEM_write_bio_X509_CRL(mem, crl);
	n = BIO_get_mem_data(mem, &p);
	buf_put(&cut, strv_make(p, (size_t)n));
	buf_put(&cut, strv_make(p, (size_t)n / 2));
	check_unreadable("cut.crl", buf_cstr(&cut));
	BIO_free(mem);
	X509_CRL_free(crl);
	free_all();
}
