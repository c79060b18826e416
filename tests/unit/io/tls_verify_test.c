/* Clients' certificates: which pass, and what becomes of the handshake with the others. */
#include "ca.h"
#include "pair.h"

#include <openssl/pem.h>
#include <stdio.h>

enum kind {
	NOBODY,
	CLIENT,
	BY_INTERMEDIATE,
	SELF_SIGNED,
	SELF_SIGNED_EXPIRED,
	SELF_SIGNED_SERVER,
	EXPIRED,
	NOT_YET,
	STRANGER,
	SERVER,
	WEAK,
	UNKNOWN_CRITICAL,
	N_KINDS,
};

static struct made root, intermediate, other_root, certs[N_KINDS];

static const char *const for_server[] = { "extendedKeyUsage", "serverAuth", NULL };
static const char *const for_client[] = { "extendedKeyUsage", "clientAuth", NULL };
static const char *const strange[] = { "1.2.3.4.5", "critical,ASN1:NULL", NULL };

static void make_all(void)
{
	if (root.x)
		return;
	root = ca_authority("Root", NULL);
	other_root = ca_authority("Other Root", NULL);
	intermediate = ca_authority("Intermediate", &root);
	certs[CLIENT] = ca_client("client", &root);
	certs[BY_INTERMEDIATE] = ca_client("by intermediate", &intermediate);
	certs[SELF_SIGNED] = ca_client("self-signed", NULL);
	certs[SELF_SIGNED_EXPIRED] =
		ca_make(&(struct spec){ "old", NULL, -3600, -60, for_client });
	certs[SELF_SIGNED_SERVER] =
		ca_make(&(struct spec){ "server", NULL, 0, 0, for_server });
	certs[EXPIRED] = ca_make(&(struct spec){ "old", &root, -3600, -60, for_client });
	certs[NOT_YET] = ca_make(&(struct spec){ "new", &root, 3600, 7200, for_client });
	certs[STRANGER] = ca_client("stranger", &other_root);
	certs[SERVER] = ca_make(&(struct spec){ "server", &root, 0, 0, for_server });
	certs[WEAK] = ca_make(&(struct spec){ "weak", &root, 0, 0, for_client, NULL,
					      EVP_RSA_gen(1024) });
	certs[UNKNOWN_CRITICAL] =
		ca_make(&(struct spec){ "strange", &root, 0, 0, strange });
}

static const char *root_file(void)
{
	static char path[300]; /* outlives what pair_file() keeps */
	const struct made *one = &root;

	make_all();
	snprintf(path, sizeof(path), "%s", ca_write("root.pem", &one, 1));
	return path;
}

static void shake_hands(struct pair *t, const struct tls_conf *conf, enum kind kind,
			int version)
{
	make_all();
	ca_shake_hands(t, conf, kind == NOBODY ? NULL : &certs[kind],
		       kind == BY_INTERMEDIATE ? &intermediate : NULL, version);
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

struct expected {
	enum kind kind;
	bool peer, self_signed; /* passes */
	int alert;		/* of peer, when it does not */
};

static const struct expected expected[] = {
	{ CLIENT, true, true, 0 },
	{ BY_INTERMEDIATE, true, true, 0 },
	{ SELF_SIGNED, false, true, SSL_AD_UNKNOWN_CA },
	{ SELF_SIGNED_EXPIRED, false, false, SSL_AD_UNKNOWN_CA },
	{ SELF_SIGNED_SERVER, false, false, SSL_AD_UNKNOWN_CA },
	{ EXPIRED, false, false, SSL_AD_CERTIFICATE_EXPIRED },
	{ NOT_YET, false, false, SSL_AD_BAD_CERTIFICATE },
	{ STRANGER, false, false, SSL_AD_UNKNOWN_CA },
	{ SERVER, false, false, SSL_AD_UNSUPPORTED_CERTIFICATE },
	{ WEAK, false, false, SSL_AD_BAD_CERTIFICATE },
	{ UNKNOWN_CRITICAL, false, false, SSL_AD_CERTIFICATE_UNKNOWN },
};

static void check_lenient(const struct tls_conf *conf, enum kind kind, bool passes,
			  int version)
{
	struct pair t;

	shake_hands(&t, conf, kind, version);
	if (t.s.n_secured != 1)
		test_fail(__FILE__, __LINE__, "kind %d: no handshake: %s", kind,
			  t.s.detail);
	if (tls_peer_verified(conn_tls(t.s.conn)) != passes)
		test_fail(__FILE__, __LINE__, "kind %d: %s", kind,
			  passes ? "does not pass" : "passes");
	CHECK((tls_peer_error(conn_tls(t.s.conn)) == NULL) == (passes || !kind));
	pair_close(&t);
}

TEST(tls_verify_lets_the_handshake_go_on_where_it_may)
{
	struct tls_conf conf = { .verify = TLS_VERIFY_PEER, .cacertfile = root_file() };

	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		check_lenient(&conf, NOBODY, false, versions[v]);
		for (size_t i = 0; i < ARRAY_LEN(expected); i++)
			check_lenient(&conf, expected[i].kind, expected[i].peer,
				      versions[v]);
	}
}

TEST(tls_verify_takes_who_has_signed_for_himself_where_it_may)
{
	struct tls_conf conf = { .verify = TLS_VERIFY_SELF_SIGNED,
				 .cacertfile = root_file() };

	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		check_lenient(&conf, NOBODY, false, versions[v]);
		for (size_t i = 0; i < ARRAY_LEN(expected); i++)
			check_lenient(&conf, expected[i].kind, expected[i].self_signed,
				      versions[v]);
	}
}

static void check_alert(const struct tls_conf *conf, enum kind kind, int alert,
			int version)
{
	struct pair t;

	shake_hands(&t, conf, kind, version);
	CHECK(t.s.detail[0] != '\0');
	CHECK_INT(ca_alert(&t), alert);
	pair_close(&t);
}

TEST(tls_verify_ends_the_handshake_with_the_fitting_alert)
{
	struct tls_conf conf = { .verify = TLS_VERIFY_PEER,
				 .must_verify = true,
				 .cacertfile = root_file() };

	check_alert(&conf, NOBODY, SSL_AD_HANDSHAKE_FAILURE, TLS1_2_VERSION);
	check_alert(&conf, NOBODY, SSL_AD_CERTIFICATE_REQUIRED, TLS1_3_VERSION);
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
			const struct expected *x = &expected[i];
			if (x->peer)
				check_lenient(&conf, x->kind, true, versions[v]);
			else
				check_alert(&conf, x->kind, x->alert, versions[v]);
		}
	}
}

TEST(tls_verify_says_why)
{
	struct tls_conf conf = { .verify = TLS_VERIFY_PEER, .cacertfile = root_file() };
	struct pair t;

	shake_hands(&t, &conf, EXPIRED, TLS1_3_VERSION);
	CHECK(strstr(tls_peer_error(conn_tls(t.s.conn)), "expired") != NULL);
	pair_close(&t);
	conf.must_verify = true;
	shake_hands(&t, &conf, EXPIRED, TLS1_3_VERSION);
	CHECK(strstr(t.s.detail, "expired") != NULL);
	pair_close(&t);
	shake_hands(&t, &conf, NOBODY, TLS1_3_VERSION);
	CHECK(strstr(t.s.detail, "did not return a certificate") != NULL);
	pair_close(&t);
}

/* --- the request --- */

static int n_names; /* in the request; -1: none has come */

static int on_request(SSL *ssl, X509 **x, EVP_PKEY **key)
{
	n_names = sk_X509_NAME_num(SSL_get_client_CA_list(ssl));
	return 0;
}

static int names_in_request(const struct tls_conf *conf)
{
	struct pair t;

	n_names = -1;
	pair_open(&t, PAIR_UNIX, NULL, 0);
	t.s.ctx = pair_ctx(conf);
	conn_start_tls(t.s.conn, t.s.ctx);
	peer_start_tls(&t.p, TLS1_3_VERSION, TLS1_3_VERSION);
	SSL_CTX_set_client_cert_cb(SSL_get_SSL_CTX(t.p.ssl), on_request);
	PAIR_UNTIL(&t, t.s.n_secured || t.s.n_close);
	CHECK_INT(t.s.n_secured, 1);
	CHECK(!tls_peer_verified(conn_tls(t.s.conn)));
	pair_close(&t);
	return n_names;
}

TEST(tls_verify_asks_for_certificates_of_these_authorities)
{
	struct tls_conf conf = { .verify = TLS_VERIFY_PEER, .cacertfile = root_file() };
	const struct made *two[] = { &root, &other_root };

	CHECK_INT(names_in_request(&conf), 1);
	conf.cacertfile = ca_write("two.pem", two, 2);
	CHECK_INT(names_in_request(&conf), 2);
	conf.verify = TLS_VERIFY_SELF_SIGNED; /* such a one is on no list */
	CHECK_INT(MAX(names_in_request(&conf), 0), 0);
	conf.verify = TLS_VERIFY_PEER;
	conf.cacertfile = NULL; /* too many */
	CHECK_INT(MAX(names_in_request(&conf), 0), 0);
	conf.verify = TLS_VERIFY_NONE;
	CHECK_INT(names_in_request(&conf), -1);
}

TEST(tls_verify_names_the_anchors_that_cannot_be_read)
{
	const char *crl_only = ca_write_crl("no-anchors.pem", NULL, 0);
	static const enum tls_verify modes[] = { TLS_VERIFY_PEER,
						 TLS_VERIFY_SELF_SIGNED };

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		AUTO(buf_free) struct buf err = BUF_INIT(4096);
		struct tls_conf conf = { .certfile = pair_file("localhost.pem"),
					 .versions = 1u << TLS_V1_3,
					 .verify = modes[i],
					 .cacertfile = crl_only };
		struct tls_ctx *ctx = pair_ctx(NULL); /* makes the file */

		tls_ctx_unref(&ctx);
		CHECK_INT(tls_ctx_new(&conf, &ctx, &err), -EINVAL);
		CHECK(strstr(buf_cstr(&err),
			     "no-anchors.pem: no certificate in PEM can be read"));
	}
}

/* Anchors are for judging others: our own chain is what the certificate's file has. */
TEST(tls_verify_does_not_lengthen_our_own_chain)
{
	struct tls_conf conf = { .verify = TLS_VERIFY_PEER };
	const struct made *one = &root;
	struct made server;
	struct pair t;
	FILE *f;

	conf.cacertfile = root_file();
	server = ca_client("server", one);
	one = &server;
	conf.certfile = ca_write("leaf.pem", &one, 1);
	conf.keyfile = pair_file("leaf.key");
	f = fopen(conf.keyfile, "w");
	PEM_write_PrivateKey(f, server.key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	made_free(&server);
	shake_hands(&t, &conf, NOBODY, TLS1_3_VERSION);
	CHECK_INT(sk_X509_num(SSL_get_peer_cert_chain(t.p.ssl)), 1);
	pair_close(&t);
}
