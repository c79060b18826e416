#include "auth/jws.h"
#include "base/arena.h"
#include "base/base64.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <strings.h>

static const struct jws_alg algs[] = {
	{ "HS256", JWS_HMAC, DIGEST_SHA256, NULL, 0 },
	{ "HS384", JWS_HMAC, DIGEST_SHA384, NULL, 0 },
	{ "HS512", JWS_HMAC, DIGEST_SHA512, NULL, 0 },
	{ "RS256", JWS_RSA, DIGEST_SHA256, NULL, 0 },
	{ "RS384", JWS_RSA, DIGEST_SHA384, NULL, 0 },
	{ "RS512", JWS_RSA, DIGEST_SHA512, NULL, 0 },
	{ "ES256", JWS_EC, DIGEST_SHA256, "prime256v1", 32 }, /* RFC 7518 3.4 */
	{ "ES384", JWS_EC, DIGEST_SHA384, "secp384r1", 48 },
	{ "ES512", JWS_EC, DIGEST_SHA512, "secp521r1", 66 },
};

const struct jws_alg *jws_alg_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		bool same_size = strcmp(name + 2, algs[i].name + 2) == 0 ||
				 (strcmp(name + 2, "386") == 0 &&
				  strcmp(algs[i].name + 2, "384") == 0);
		if (strncmp(name, algs[i].name, 2) == 0 && same_size)
			return &algs[i];
	}
	return NULL;
}

/* --- keys --- */

static EVP_PKEY *read_public_key(struct strv key)
{
	BIO *bio = BIO_new_mem_buf(key.p, (int)key.n);
	EVP_PKEY *k = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return k;
}

static bool has_curve(EVP_PKEY *k, const char *curve)
{
	char name[32];
	size_t n;

	return EVP_PKEY_get_base_id(k) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(k, name, sizeof(name), &n) == 1 &&
	       strcmp(name, curve) == 0;
}

/* Everybody has those: whoever knows one could sign with it. */
static bool is_public_in_pem(struct strv key)
{
	static const char *const marks[] = { "-----BEGIN PUBLIC KEY-----",
					     "-----BEGIN RSA PUBLIC KEY-----",
					     "-----BEGIN CERTIFICATE-----" };

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (memmem(key.p, key.n, marks[i], strlen(marks[i])))
			return true;
	return false;
}

static const char *curve_expected(const struct jws_alg *alg)
{
	return alg->digest == DIGEST_SHA256   ? "a public key in PEM of the curve P-256"
	       : alg->digest == DIGEST_SHA384 ? "a public key in PEM of the curve P-384"
					      : "a public key in PEM of the curve P-521";
}

const char *jws_key_trouble(const struct jws_alg *alg, struct strv key)
{
	const char *expected = NULL;
	EVP_PKEY *k;

	if (alg->kind == JWS_HMAC)
		return key.n == 0 ? "a key, found nothing"
		       : is_public_in_pem(key)
			       ? "a secret, found a public key or a certificate"
			       : NULL;
	k = read_public_key(key);
	if (alg->kind == JWS_RSA &&
	    (k == NULL || EVP_PKEY_get_base_id(k) != EVP_PKEY_RSA))
		expected = "a public key in PEM of RSA";
	else if (alg->kind == JWS_EC && (k == NULL || !has_curve(k, alg->curve)))
		expected = curve_expected(alg);
	EVP_PKEY_free(k);
	return expected;
}

const char *jws_key_weakness(const struct jws_alg *alg, struct strv key)
{
	enum { MIN_RSA_BITS = 2048 };
	EVP_PKEY *k;
	bool weak;

	if (alg->kind == JWS_HMAC)
		return key.n >= digest_len(alg->digest) ? NULL
		       : alg->digest == DIGEST_SHA256	? "a secret of at least 32 bytes"
		       : alg->digest == DIGEST_SHA384	? "a secret of at least 48 bytes"
							: "a secret of at least 64 bytes";
	if (alg->kind != JWS_RSA)
		return NULL;
	k = read_public_key(key);
	weak = k && EVP_PKEY_get_bits(k) < MIN_RSA_BITS;
	EVP_PKEY_free(k);
	return weak ? "a key of at least 2048 bits" : NULL;
}

/* --- signatures --- */

static bool hmac_fits(const struct jws_alg *alg, struct strv key, struct strv signed_text,
		      struct strv signature)
{
	unsigned char want[DIGEST_MAX_LEN];
	size_t n = digest_len(alg->digest);

	digest_hmac(alg->digest, key, signed_text, want);
	return signature.n == n && mem_equal_ct(want, signature.p, n);
}

/* RFC 7518 3.4: two numbers one after the other, where OpenSSL wants them in ASN.1. p NULL: they are not. */
static struct strv to_asn1(struct arena *a, const struct jws_alg *alg,
			   struct strv signature)
{
	const unsigned char *p = (const unsigned char *)signature.p;
	struct strv ret = STRV_NULL;
	unsigned char *der;
	ECDSA_SIG *sig;
	int n;

	if (signature.n != 2 * alg->n_number)
		return ret;
	sig = ECDSA_SIG_new();
	ECDSA_SIG_set0(sig, BN_bin2bn(p, (int)alg->n_number, NULL),
		       BN_bin2bn(p + alg->n_number, (int)alg->n_number, NULL));
	n = i2d_ECDSA_SIG(sig, NULL);
	if (n > 0) {
		unsigned char *at = der = arena_alloc(a, (size_t)n);
		i2d_ECDSA_SIG(sig, &at);
		ret = strv_make((char *)der, (size_t)n);
	}
	ECDSA_SIG_free(sig);
	return ret;
}

static const EVP_MD *md_of(enum digest_alg alg)
{
	return alg == DIGEST_SHA256   ? EVP_sha256()
	       : alg == DIGEST_SHA384 ? EVP_sha384()
				      : EVP_sha512();
}

static bool public_key_fits(struct arena *a, const struct jws_alg *alg, struct strv key,
			    struct strv signed_text, struct strv signature)
{
	struct strv s = alg->kind == JWS_EC ? to_asn1(a, alg, signature) : signature;
	EVP_PKEY *k = read_public_key(key);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool fits = s.p && k && ctx &&
		    EVP_DigestVerifyInit(ctx, NULL, md_of(alg->digest), NULL, k) == 1 &&
		    EVP_DigestVerify(ctx, (const unsigned char *)s.p, s.n,
				     (const unsigned char *)signed_text.p,
				     signed_text.n) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	ERR_clear_error();
	return fits;
}

/* --- tokens --- */

/* RFC 7515 2: base 64 for URLs, and no padding. */
static bool decode(struct arena *a, struct strv in, struct strv *ret)
{
	size_t padded = (in.n + 3) / 4 * 4, n;
	char *text = arena_alloc(a, padded + 1), *to = arena_alloc(a, padded + 1);

	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		if (c == '+' || c == '/' || c == '=')
			return false;
		text[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	memset(text + in.n, '=', padded - in.n);
	if (base64_decode(strv_make(text, padded), to, &n) < 0)
		return false;
	*ret = strv_make(to, n);
	return true;
}

static json_t *decode_object(struct arena *a, struct strv in)
{
	struct strv text;

	/* Nothing but an object or an array is taken. */
	return decode(a, in, &text)
		       ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL)
		       : NULL;
}

static bool is_type_of_token(const json_t *typ)
{
	const char *s = json_string_value(typ);

	if (typ == NULL)
		return true;
	if (s == NULL)
		return false;
	if (strncasecmp(s, "application/", 12) == 0) /* RFC 7515 4.1.9: may be left out */
		s += 12;
	return strcasecmp(s, "JWT") == 0 || strcasecmp(s, "at+jwt") == 0;
}

static bool header_fits(const json_t *header, const struct jws_alg *alg)
{
	const char *name = json_string_value(json_object_get(header, "alg"));

	return name && strcmp(name, alg->name) == 0 &&
	       json_object_get(header, "crit") == NULL &&
	       is_type_of_token(json_object_get(header, "typ"));
}

static bool signature_fits(struct arena *a, const struct jws_alg *alg, struct strv key,
			   struct strv signed_text, struct strv signature)
{
	if (alg->kind == JWS_HMAC)
		return hmac_fits(alg, key, signed_text, signature);
	return public_key_fits(a, alg, key, signed_text, signature);
}

static json_t *verified(struct arena *a, const struct jws_alg *alg, struct strv key,
			struct strv token)
{
	ptrdiff_t first = strv_find(token, '.'), second;
	struct strv payload, signature, rest;
	json_t *header;
	bool ok;

	if (first < 0)
		return NULL;
	rest = strv_from_pos(token, (size_t)first + 1);
	second = strv_find(rest, '.');
	if (second < 0 || !decode(a, strv_from_pos(rest, (size_t)second + 1), &signature))
		return NULL;
	payload = strv_make(rest.p, (size_t)second);
	header = decode_object(a, strv_make(token.p, (size_t)first));
	ok = header_fits(header, alg) &&
	     signature_fits(a, alg, key,
			    strv_make(token.p, (size_t)first + 1 + payload.n), signature);
	json_decref(header);
	return ok ? decode_object(a, payload) : NULL;
}

int jws_verify(const struct jws_alg *alg, struct strv key, struct strv token,
	       json_t **ret)
{
	struct arena *a = arena_new(16384);
	json_t *claims = verified(a, alg, key, token);

	arena_free_wiped(&a);
	if (!json_is_object(claims)) {
		json_decref(claims);
		return -EACCES;
	}
	*ret = claims;
	return 0;
}
