/* The key schedule of TLS 1.3, beside OpenSSL's own. */
#include "../test.h"
#include "io/tls_kdf.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

enum { MAX_PARAMS = 8 };

struct question {
	int mode;
	const char *digest;
	struct strv key, salt, prefix, label, data; /* p == NULL: not given */
};

static unsigned add(OSSL_PARAM *to, const char *name, struct strv s)
{
	if (s.p == NULL)
		return 0;
	*to = OSSL_PARAM_construct_octet_string(name, (char *)s.p, s.n);
	return 1;
}

static int ask(const char *properties, const struct question *q, unsigned char *to,
	       size_t n)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, properties);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[MAX_PARAMS];
	unsigned at = 0;
	int mode = q->mode, r;

	CHECK(ctx != NULL);
	params[at++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	params[at++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
							(char *)q->digest, 0);
	at += add(&params[at], OSSL_KDF_PARAM_KEY, q->key);
	at += add(&params[at], OSSL_KDF_PARAM_SALT, q->salt);
	at += add(&params[at], OSSL_KDF_PARAM_PREFIX, q->prefix);
	at += add(&params[at], OSSL_KDF_PARAM_LABEL, q->label);
	at += add(&params[at], OSSL_KDF_PARAM_DATA, q->data);
	params[at] = OSSL_PARAM_construct_end();
	r = EVP_KDF_derive(ctx, to, n, params);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return r == 1;
}

static void check_same(const struct question *q, size_t n)
{
	unsigned char ours[64] = { 0 }, theirs[64] = { 1 };

	CHECK(ask("provider=meerkat", q, ours, n));
	CHECK(ask("provider=default", q, theirs, n));
	CHECK(memcmp(ours, theirs, n) == 0);
}

static const char bytes[48] = "all the secrets of this world are made of these";
static const struct {
	const char *name;
	size_t len;
} digests[] = { { "SHA2-256", 32 }, { "SHA2-384", 48 }, { "SHA256", 32 } };

TEST(tls_kdf_expands_as_openssl_does)
{
	static const struct strv labels[] = { STRV("key"), STRV("c ap traffic"),
					      STRV("EXPORTER-Channel-Binding"),
					      STRV("") };

	tls_kdf_init();
	for (size_t d = 0; d < ARRAY_LEN(digests); d++) {
		struct question q = { EVP_KDF_HKDF_MODE_EXPAND_ONLY, digests[d].name,
				      strv_make(bytes, digests[d].len),
				      .prefix = STRV("tls13 ") };

		for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
			q.label = labels[i];
			for (size_t n = 1; n <= digests[d].len; n++)
				check_same(&q, n);
			q.data = strv_make(bytes, digests[d].len);
			check_same(&q, digests[d].len);
			q.data = STRV_NULL;
		}
	}
}

TEST(tls_kdf_extracts_as_openssl_does)
{
	tls_kdf_init();
	for (size_t d = 0; d < ARRAY_LEN(digests); d++) {
		size_t len = digests[d].len;
		struct strv secret = strv_make(bytes, len);
		struct question q = { EVP_KDF_HKDF_MODE_EXTRACT_ONLY, digests[d].name,
				      .prefix = STRV("tls13 "),
				      .label = STRV("derived") };

		check_same(&q, len); /* no pre-shared key */
		q.key = strv_make(bytes, 32);
		check_same(&q, len); /* one */
		q.salt = secret;
		check_same(&q, len); /* the shared secret of the key exchange */
		q.key = STRV_NULL;
		check_same(&q, len); /* the master secret */
	}
}

TEST(tls_kdf_is_what_contexts_with_its_properties_get)
{
	EVP_KDF *kdf, *ours;

	tls_kdf_init();
	kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, TLS_KDF_PROPERTIES);
	ours = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, "provider=meerkat");
	CHECK(kdf != NULL && kdf == ours);
	EVP_KDF_free(kdf);
	EVP_KDF_free(ours);
}

TEST(tls_kdf_refuses_what_is_no_part_of_tls)
{
	static const struct question good = { EVP_KDF_HKDF_MODE_EXPAND_ONLY,
					      "SHA2-256",
					      { bytes, 32 },
					      .prefix = STRV("tls13 "),
					      .label = STRV("key") };
	static const char much[100];
	struct question bad[] = { good, good, good, good, good, good, good, good, good };
	unsigned char to[64];

	tls_kdf_init();
	CHECK(ask("provider=meerkat", &good, to, 32));
	CHECK(!ask("provider=meerkat", &good, to, 33)); /* would be a second block */
	bad[0].mode = EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
	bad[1].digest = "SHA2-512";
	bad[2].key = STRV_NULL;
	bad[3].key.n = 31;
	bad[4].prefix = STRV("dtls13");
	bad[5].label = strv_make(much, sizeof(much));
	bad[6].data = strv_make(much, sizeof(much));
	bad[7].mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
	bad[7].salt = strv_make(bytes, 31);
	bad[8].prefix = STRV_NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!ask("provider=meerkat", &bad[i], to, 32));
}

TEST(tls_kdf_collects_the_traffic_secrets)
{
	struct question q = { EVP_KDF_HKDF_MODE_EXPAND_ONLY,
			      "SHA2-384",
			      { bytes, 48 },
			      .prefix = STRV("tls13 ") };
	struct tls_secrets got = { 0 };
	unsigned char to[2][48];

	tls_kdf_init();
	tls_kdf_collect(&got);
	q.label = STRV("c hs traffic");
	CHECK(ask("provider=meerkat", &q, to[0], 48));
	CHECK(got.n[0] == 0 && got.n[1] == 0);
	q.label = STRV("c ap traffic");
	CHECK(ask("provider=meerkat", &q, to[0], 48));
	q.label = STRV("s ap traffic");
	CHECK(ask("provider=meerkat", &q, to[1], 48));
	tls_kdf_collect(NULL);
	q.label = STRV("c ap traffic");
	q.key = strv_make(bytes + 1, 32);
	q.digest = "SHA2-256";
	CHECK(ask("provider=meerkat", &q, to[0] + 1, 32)); /* nobody collects */
	CHECK(got.n[0] == 48 && got.n[1] == 48);
	CHECK(got.secret[0][0] == to[0][0] && memcmp(got.secret[1], to[1], 48) == 0);
}
