/* X25519 with key pairs of our making, beside OpenSSL's own. */
#include "ca.h"
#include "base/x25519.h"
#include "io/tls_kdf.h"

#include <openssl/evp.h>
#include <openssl/provider.h>

#if HAS_X25519

static EVP_PKEY *pair_of(const char *properties)
{
	EVP_PKEY *key;

	tls_kdf_init();
	key = EVP_PKEY_Q_keygen(NULL, properties, "X25519");
	CHECK(key != NULL);
	return key;
}

static void check_provider(const EVP_PKEY *key, const char *want)
{
	CHECK(key != NULL);
	CHECK_STR(strv_from(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key))), want);
}

static void derive(EVP_PKEY *mine, EVP_PKEY *others, unsigned char *to)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mine, "?provider=meerkat");
	size_t n = X25519_LEN;

	CHECK(EVP_PKEY_derive_init(ctx) == 1);
	CHECK(EVP_PKEY_derive_set_peer(ctx, others) == 1);
	CHECK(EVP_PKEY_derive(ctx, to, &n) == 1 && n == X25519_LEN);
	EVP_PKEY_CTX_free(ctx);
}

TEST(tls_x25519_pairs_agree_with_those_of_openssl)
{
	for (int i = 0; i < 50; i++) {
		EVP_PKEY *ours = pair_of("?provider=meerkat"),
			 *theirs = pair_of("provider=default");
		unsigned char a[X25519_LEN], b[X25519_LEN];

		check_provider(ours, "meerkat");
		check_provider(theirs, "default");
		derive(ours, theirs, a);
		derive(theirs, ours, b);
		CHECK(memcmp(a, b, sizeof(a)) == 0);
		EVP_PKEY_free(ours);
		EVP_PKEY_free(theirs);
	}
}

TEST(tls_x25519_secrets_are_clamped_and_never_the_same)
{
	unsigned char secret[2][X25519_LEN];

	for (int i = 0; i < 2; i++) {
		EVP_PKEY *key = pair_of("?provider=meerkat");
		size_t n = X25519_LEN;

		CHECK(EVP_PKEY_get_raw_private_key(key, secret[i], &n) == 1);
		CHECK_INT(secret[i][0] & 7, 0);
		CHECK_INT(secret[i][31] & 0xc0, 0x40);
		EVP_PKEY_free(key);
	}
	CHECK(memcmp(secret[0], secret[1], X25519_LEN) != 0);
}

/* As libssl has an empty key for what its peer has sent. */
TEST(tls_x25519_has_keys_without_a_pair)
{
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	tls_kdf_init();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "X25519", "?provider=meerkat");
	CHECK(EVP_PKEY_paramgen_init(ctx) == 1);
	CHECK(EVP_PKEY_CTX_set_group_name(ctx, "x448") != 1);
	CHECK(EVP_PKEY_CTX_set_group_name(ctx, "x25519") == 1);
	CHECK(EVP_PKEY_paramgen(ctx, &key) == 1);
	check_provider(key, "meerkat");
	CHECK(EVP_PKEY_set1_encoded_public_key(key, (const unsigned char *)"1", 1) != 1);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
}

static SSL *side_of(SSL_CTX *c, BIO *in, BIO *out)
{
	SSL *s = SSL_new(c);

	BIO_up_ref(in);
	BIO_up_ref(out);
	SSL_set_bio(s, in, out);
	return s;
}

/* Whose the server's keys are; in TLS 1.2 they are gone by then. */
static void check_keys(SSL *server, const char *want)
{
	EVP_PKEY *key = NULL;

	CHECK(SSL_get_tmp_key(server, &key) == 1);
	check_provider(key, want);
	EVP_PKEY_free(key);
	CHECK(SSL_get_peer_tmp_key(server, &key) == 1);
	check_provider(key, want);
	EVP_PKEY_free(key);
}

static void shake_hands(SSL *server, SSL *client)
{
	int r[2] = { 0 };

	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (int i = 0; i < 10 && (r[0] != 1 || r[1] != 1); i++) {
		r[0] = SSL_do_handshake(client);
		r[1] = SSL_do_handshake(server);
	}
	CHECK(r[0] == 1 && r[1] == 1);
}

static void check_handshake(int version, const char *group, const char *want)
{
	struct made cert = ca_make(&(struct spec){ .name = "server" });
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
	SSL_CTX *s, *c = SSL_CTX_new_ex(NULL, "provider=default", TLS_client_method());
	SSL *server, *client;

	tls_kdf_init();
	s = SSL_CTX_new_ex(NULL, TLS_KDF_PROPERTIES, TLS_server_method());
	CHECK(SSL_CTX_use_certificate(s, cert.x) == 1);
	CHECK(SSL_CTX_use_PrivateKey(s, cert.key) == 1);
	CHECK(SSL_CTX_set_max_proto_version(s, version) == 1);
	CHECK(SSL_CTX_set1_groups_list(c, group) == 1);
	server = side_of(s, up, down);
	client = side_of(c, down, up);
	shake_hands(server, client);
	if (version == TLS1_3_VERSION)
		check_keys(server, want);
	SSL_free(server);
	SSL_free(client);
	SSL_CTX_free(s);
	SSL_CTX_free(c);
	BIO_free(up);
	BIO_free(down);
	made_free(&cert);
}

/* In TLS 1.2 the certificate's group must be one of the client's, too. */
TEST(tls_x25519_serves_a_handshake)
{
	check_handshake(TLS1_3_VERSION, "X25519", "meerkat");
	check_handshake(TLS1_2_VERSION, "X25519:P-256", "meerkat");
}

TEST(tls_x25519_leaves_other_groups_alone)
{
	check_handshake(TLS1_3_VERSION, "P-256", "default");
	check_handshake(TLS1_3_VERSION, "X448", "default");
}

#endif
