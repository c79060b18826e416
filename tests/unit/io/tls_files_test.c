/* Certificates, keys and parameters in files; the messages when they are wrong; certificates of
 * our own making. */
#include "pair.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- files to try --- */

/* A certificate with this signature hash, and its key, in one file. */
static const char *write_pem(const char *name, EVP_PKEY *key, const EVP_MD *md,
			     const char *password)
{
	const char *path = pair_file(name);
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	FILE *f = fopen(path, "w");

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -10);
	X509_gmtime_adj(X509_getm_notAfter(x), 1000);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, subject);
	X509_set_pubkey(x, key);
	CHECK(X509_sign(x, key, md) > 0);
	PEM_write_X509(f, x);
	PEM_write_PrivateKey(f, key, password ? EVP_aes_128_cbc() : NULL,
			     (const unsigned char *)password,
			     password ? (int)strlen(password) : 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
	return path;
}

static const char *write_text(const char *name, const char *text)
{
	const char *path = pair_file(name);
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
	return path;
}

static const char *write_dh(const char *name, const char *group)
{
	const char *path = pair_file(name);
	BIO *f = BIO_new_file(path, "w");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *key = NULL;

	CHECK(EVP_PKEY_keygen_init(ctx) == 1 &&
	      EVP_PKEY_CTX_set_group_name(ctx, group) == 1);
	CHECK_INT(EVP_PKEY_generate(ctx, &key), 1);
	CHECK_INT(PEM_write_bio_Parameters(f, key), 1);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	BIO_free(f);
	return path;
}

static struct tls_conf good_conf(void)
{
	struct tls_ctx *ctx = pair_ctx(NULL); /* makes the file */

	tls_ctx_unref(&ctx);
	return (struct tls_conf){ .certfile = pair_file("localhost.pem"),
				  .versions = 1u << TLS_V1_2 | 1u << TLS_V1_3 };
}

static void check_refused(const struct tls_conf *conf, const char *want1,
			  const char *want2)
{
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct tls_ctx *ctx = (void *)&err;

	CHECK_INT(tls_ctx_new(conf, &ctx, &err), -EINVAL);
	CHECK(ctx == (void *)&err); /* untouched */
	if (!strstr(buf_cstr(&err), want1) || !strstr(buf_cstr(&err), want2))
		test_fail(__FILE__, __LINE__, "\"%s\" has no \"%s\" or \"%s\"",
			  buf_cstr(&err), want1, want2);
	CHECK_INT(ERR_peek_error(), 0);
}

static void check_taken(const struct tls_conf *conf)
{
	struct tls_ctx *ctx = pair_ctx(conf);

	tls_ctx_unref(&ctx);
}

/* --- what is wrong is named --- */

TEST(tls_names_the_certificate_that_cannot_be_read)
{
	struct tls_conf conf = good_conf();

	conf.certfile = pair_file("absent.pem");
	check_refused(&conf, "absent.pem", "No such file");
	conf.certfile = write_text("text.pem", "this is no certificate\n");
	check_refused(&conf, "text.pem", "no certificate");
	conf.certfile = write_text("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
	check_refused(&conf, "cut.pem", "no certificate");
	conf.certfile = pair_file("");
	check_refused(&conf, conf.certfile, "no certificate");
}

TEST(tls_names_the_key_that_cannot_be_read)
{
	struct tls_conf conf = good_conf();

	conf.keyfile = pair_file("absent.key");
	check_refused(&conf, "absent.key", "No such file");
	conf.keyfile = write_text("text.key", "this is no key\n");
	check_refused(&conf, "text.key", "no private key");
	conf.keyfile = write_pem("other.pem", EVP_EC_gen("P-256"), EVP_sha256(), NULL);
	check_refused(&conf, "other.pem", "does not fit");
	conf.keyfile =
		write_pem("ed.pem", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, NULL);
	check_refused(&conf, "ed.pem", "does not fit");
}

/* PKCS#8 ("ENCRYPTED PRIVATE KEY") and the format before it ("EC PRIVATE KEY", "DEK-Info:"). */
static const char *write_traditional(const char *name, const char *password)
{
	const char *path = pair_file(name);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *f;

	EVP_PKEY_up_ref(key);
	write_pem(name, key, EVP_sha256(), NULL);
	f = BIO_new_file(path, "r");
	X509 *x = PEM_read_bio_X509(f, NULL, NULL, NULL);
	BIO_free(f);
	f = BIO_new_file(path, "w");
	PEM_write_bio_X509(f, x);
	CHECK_INT(PEM_write_bio_PrivateKey_traditional(f, key, EVP_aes_128_cbc(),
						       (const unsigned char *)password,
						       (int)strlen(password), NULL, NULL),
		  1);
	BIO_free(f);
	X509_free(x);
	EVP_PKEY_free(key);
	return path;
}

TEST(tls_opens_a_key_of_the_old_format_with_its_password)
{
	struct tls_conf conf = good_conf();

	conf.certfile = write_traditional("old.pem", "wherefore");
	conf.password = "wherefore";
	check_taken(&conf);
	conf.password = "therefore";
	check_refused(&conf, "old.pem", "password");
	conf.password = NULL;
	check_refused(&conf, "old.pem", "password");
}

TEST(tls_opens_a_key_with_its_password)
{
	const char *path =
		write_pem("secret.pem", EVP_EC_gen("P-256"), EVP_sha256(), "wherefore");
	struct tls_conf conf = good_conf();

	conf.certfile = path;
	conf.password = "wherefore";
	check_taken(&conf);
	conf.password = "therefore";
	check_refused(&conf, "secret.pem", "password");
	conf.password = NULL;
	check_refused(&conf, "secret.pem", "password");
	conf.password = "";
	check_refused(&conf, "secret.pem", "password");
}

TEST(tls_names_dh_parameters_that_cannot_be_used)
{
	struct tls_conf conf = good_conf();

	conf.dhfile = write_dh("ffdhe2048.pem", "ffdhe2048");
	check_taken(&conf);
	conf.dhfile = write_dh("modp_1536.pem", "modp_1536");
	check_refused(
		&conf, "modp_1536.pem",
		"parameters of 1536 bits cannot be used at OpenSSL's security level");
	conf.ciphers = "DEFAULT:@SECLEVEL=1";
	check_taken(&conf);
	conf.ciphers = NULL;
	conf.dhfile = pair_file("absent.dh");
	check_refused(&conf, "absent.dh", "No such file");
	conf.dhfile = conf.certfile;
	check_refused(&conf, "localhost.pem", "no Diffie-Hellman");
	/* 512 bits, made for this test */
	conf.dhfile = write_text(
		"weak.pem",
		"-----BEGIN DH PARAMETERS-----\n"
		"MEYCQQDaWDwW2YUiidDkr3VvTMqS3UvlM7gE+w/tlO+cikQD7VdGUNNpmdsp13Yn\n"
		"a6LT1BLiGPTdHghM9tgAPnxHdOgzAgEC\n"
		"-----END DH PARAMETERS-----\n");
	check_refused(&conf, "weak.pem", "dhfile: ");
}

/* --- what is right is used --- */

static const char *cipher_of(const struct tls_conf *conf, int version)
{
	static char name[100];
	struct tls_ctx *ctx = pair_ctx(conf);
	struct pair t;

	pair_open(&t, PAIR_UNIX, ctx, version);
	snprintf(name, sizeof(name), "%s", tls_cipher(conn_tls(t.s.conn)));
	pair_close(&t);
	tls_ctx_unref(&ctx);
	return name;
}

TEST(tls_uses_the_dh_parameters)
{
	struct tls_conf conf = good_conf();

	conf.certfile = write_pem("rsa.pem", EVP_RSA_gen(2048), EVP_sha256(), NULL);
	conf.ciphers = "DHE-RSA-AES128-GCM-SHA256";
	CHECK(strcmp(cipher_of(&conf, TLS1_2_VERSION), conf.ciphers) == 0);
	conf.dhfile = write_dh("ffdhe2048.pem", "ffdhe2048");
	CHECK(strcmp(cipher_of(&conf, TLS1_2_VERSION), conf.ciphers) == 0);
}

static size_t end_point_of(const char *certfile)
{
	struct tls_conf conf = { .certfile = certfile };
	struct tls_ctx *ctx = pair_ctx(&conf);
	unsigned char cb[TLS_CB_MAX];
	struct pair t;
	size_t n = 0;
	int r;

	pair_open(&t, PAIR_UNIX, ctx, TLS1_3_VERSION);
	r = tls_channel_binding(conn_tls(t.s.conn), TLS_CB_SERVER_END_POINT, cb, &n);
	pair_close(&t);
	tls_ctx_unref(&ctx);
	CHECK(r == 0 || (r == -ENOTSUP && n == 0));
	return n;
}

/* RFC 5929 4.1: the hash is the signature's own. */
TEST(tls_server_end_point_follows_the_signature)
{
	CHECK_INT(end_point_of(
			  write_pem("384.pem", EVP_EC_gen("P-256"), EVP_sha384(), NULL)),
		  48);
	CHECK_INT(end_point_of(
			  write_pem("512.pem", EVP_EC_gen("P-256"), EVP_sha512(), NULL)),
		  64);
	CHECK_INT(end_point_of(write_pem("ed.pem",
					 EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL,
					 NULL)),
		  0);
}

/* --- certificates of our own --- */

static X509 *read_certificate(const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *x;

	CHECK(f != NULL);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	CHECK(x != NULL);
	return x;
}

static void check_mode(const char *path)
{
	struct stat st;

	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
}

TEST(tls_self_signed_is_for_its_names)
{
	static const char *const names[] = { "example.org", "127.0.0.1", "::1",
					     "a,DNS:evil.example", NULL };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	const char *path = pair_file("names.pem");
	X509 *x;

	CHECK_INT(tls_make_self_signed(path, NULL, names, &err), 0);
	check_mode(path);
	x = read_certificate(path);
	CHECK_INT(X509_check_host(x, "example.org", 0, 0, NULL), 1);
	CHECK_INT(X509_check_host(x, "evil.example", 0, 0, NULL), 0);
	CHECK_INT(X509_check_host(x, "other.example", 0, 0, NULL), 0);
	CHECK_INT(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
	CHECK_INT(X509_check_ip_asc(x, "::1", 0), 1);
	CHECK_INT(X509_check_ip_asc(x, "127.0.0.2", 0), 0);
	CHECK(X509_cmp_current_time(X509_get0_notBefore(x)) < 0);
	CHECK(X509_cmp_current_time(X509_get0_notAfter(x)) > 0);
	CHECK_INT(X509_verify(x, X509_get0_pubkey(x)), 1);
	X509_free(x);
	check_taken(&(struct tls_conf){ .certfile = path });
}

/* A client that trusts this certificate accepts it for its name. */
TEST(tls_self_signed_is_accepted_by_who_trusts_it)
{
	struct tls_ctx *ctx = pair_ctx(NULL);
	struct pair t;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	t.s.ctx = ctx;
	conn_start_tls(t.s.conn, ctx);
	peer_start_tls(&t.p, TLS1_3_VERSION, TLS1_3_VERSION);
	CHECK_INT(SSL_CTX_load_verify_file(SSL_get_SSL_CTX(t.p.ssl),
					   pair_file("localhost.pem")),
		  1);
	SSL_set_verify(t.p.ssl, SSL_VERIFY_PEER, NULL);
	SSL_set1_host(t.p.ssl, "localhost");
	PAIR_UNTIL(&t, t.s.n_secured == 1 || t.s.n_close || t.p.failed);
	CHECK_INT(t.s.n_secured, 1);
	CHECK_INT(SSL_get_verify_result(t.p.ssl), X509_V_OK);
	pair_close(&t);
}

TEST(tls_self_signed_fills_two_files_that_fit)
{
	static const char *const names[] = { "example.org", NULL };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct tls_conf conf = { .certfile = pair_file("two.crt"),
				 .keyfile = pair_file("two.key") };

	for (int i = 0; i < 2; i++) { /* the second time in place of the first */
		CHECK_INT(tls_make_self_signed(conf.certfile, conf.keyfile, names, &err),
			  0);
		check_mode(conf.certfile);
		check_mode(conf.keyfile);
		check_taken(&conf);
	}
	CHECK(access(pair_file("two.crt.new"), F_OK) < 0);
	CHECK(access(pair_file("two.key.new"), F_OK) < 0);
}

/* What lies there under the name of the unfinished file, lies open or leads elsewhere. */
TEST(tls_self_signed_does_not_follow_what_is_there)
{
	static const char *const names[] = { "example.org", NULL };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	const char *victim = write_text("victim", "precious"),
		   *path = pair_file("link.pem");
	struct stat st;

	CHECK_INT(symlink(victim, pair_file("link.pem.new")), 0);
	CHECK_INT(tls_make_self_signed(path, path, names, &err), 0);
	check_mode(path);
	CHECK_INT(stat(victim, &st), 0);
	CHECK_INT(st.st_size, 8);
}

TEST(tls_self_signed_takes_a_long_name)
{
	static const char name[] =
		"a-very-long-label-of-a-domain-of-somebody-who-likes-to-write."
		"and-another-one-of-the-same-kind-because-one-is-not-enough."
		"example.org";
	static const char *const names[] = { name, NULL };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	const char *path = pair_file("long.pem");
	X509 *x;

	CHECK_INT(tls_make_self_signed(path, path, names, &err), 0);
	x = read_certificate(path);
	CHECK_INT(X509_check_host(x, name, 0, 0, NULL), 1);
	CHECK(X509_NAME_entry_count(X509_get_subject_name(x)) == 1);
	X509_free(x);
}

TEST(tls_self_signed_names_the_file_that_it_cannot_write)
{
	static const char *const names[] = { "example.org", NULL };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	const char *good = pair_file("good.crt");

	CHECK_INT(tls_make_self_signed(pair_file("absent/x.pem"), NULL, names, &err),
		  -EINVAL);
	CHECK(strstr(buf_cstr(&err), "absent/x.pem") &&
	      strstr(buf_cstr(&err), "No such file"));
	/* The second cannot be: there is no first either. */
	CHECK_INT(tls_make_self_signed(good, pair_file("absent/x.key"), names, &err),
		  -EINVAL);
	CHECK(access(good, F_OK) < 0);
	CHECK(access(pair_file("good.crt.new"), F_OK) < 0);
}
