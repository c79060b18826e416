#include "base/base64.h"
#include "base/digest.h"
#include "test.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static void check_hex(const unsigned char *got, size_t n, const char *want)
{
	char text[2 * DIGEST_MAX_LEN];

	hex_encode(got, n, text);
	CHECK_STR(strv_make(text, 2 * n), want);
}

TEST(digest_of_abc_fips_180)
{
	unsigned char out[DIGEST_MAX_LEN];

	digest(DIGEST_SHA1, STRV("abc"), out);
	check_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
	digest(DIGEST_SHA256, STRV("abc"), out);
	check_hex(out, 32,
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(digest_pbkdf2_rfc_6070)
{
	unsigned char out[DIGEST_MAX_LEN];

	digest_pbkdf2(DIGEST_SHA1, STRV("password"), STRV("salt"), 4096, out);
	check_hex(out, 20, "4b007901b765489abead49d926f721d065a429c1");
}

TEST(digest_hmac_rfc_2202_and_4231)
{
	unsigned char out[DIGEST_MAX_LEN];

	digest_hmac(DIGEST_SHA1, STRV("Jefe"), STRV("what do ya want for nothing?"), out);
	check_hex(out, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	digest_hmac(DIGEST_SHA256, STRV("Jefe"), STRV("what do ya want for nothing?"),
		    out);
	check_hex(out, 32,
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static const EVP_MD *evp_of(enum digest_alg alg)
{
	static const char *const names[DIGEST_MAX] = { "SHA1", "SHA224", "SHA256",
						       "SHA384", "SHA512" };

	return EVP_get_digestbyname(names[alg]);
}

/* Keys around the lengths of both blocks: shorter, as long, hashed. */
TEST(digest_is_what_openssl_makes_of_it)
{
	static const size_t lens[] = { 0, 1, 63, 64, 65, 127, 128, 129, 300 };
	unsigned char text[300], got[DIGEST_MAX_LEN], want[DIGEST_MAX_LEN];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i * 7 + 1);
	for (int alg = 0; alg < DIGEST_MAX; alg++) {
		for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
			struct strv in = strv_make((char *)text, lens[i]);
			size_t n = digest_len((enum digest_alg)alg);

			digest((enum digest_alg)alg, in, got);
			CHECK(EVP_Digest(in.p, in.n, want, NULL, evp_of(alg), NULL) == 1);
			CHECK(memcmp(got, want, n) == 0);
			digest_hmac((enum digest_alg)alg, in, strv_make("salt", i % 4),
				    got);
			CHECK(HMAC(evp_of(alg), in.p, (int)in.n,
				   (const unsigned char *)"salt", i % 4, want,
				   NULL) != NULL);
			CHECK(memcmp(got, want, n) == 0);
			digest_pbkdf2((enum digest_alg)alg, in, STRV("salt"),
				      (unsigned)i + 1, got);
			CHECK(PKCS5_PBKDF2_HMAC(in.p, (int)in.n,
						(const unsigned char *)"salt", 4,
						(int)i + 1, evp_of(alg), (int)n,
						want) == 1);
			CHECK(memcmp(got, want, n) == 0);
		}
	}
}

TEST(digest_key_is_used_again_and_again)
{
	unsigned char got[DIGEST_MAX_LEN], want[DIGEST_MAX_LEN];
	char key[200];
	struct digest_key k;

	memset(key, 'k', sizeof(key));
	for (enum digest_alg alg = 0; alg < DIGEST_MAX; alg++) {
		for (size_t n = 0; n <= sizeof(key); n += 40) {
			digest_key_make(&k, alg, strv_make(key, n));
			for (size_t i = 0; i < 3; i++) {
				struct strv in = strv_make("text", i);

				digest_hmac_with(&k, in, got);
				digest_hmac(alg, strv_make(key, n), in, want);
				CHECK(memcmp(got, want, digest_len(alg)) == 0);
			}
		}
	}
}

TEST(digest_of_what_comes_bit_by_bit)
{
	unsigned char wanted[DIGEST_MAX_LEN], out[DIGEST_MAX_LEN];
	char text[400];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	for (int alg = 0; alg < DIGEST_MAX; alg++) {
		struct digest_so_far d;
		size_t at = 0, n = digest_len((enum digest_alg)alg);

		digest_begin(&d, (enum digest_alg)alg);
		for (size_t piece = 0; at + piece <= sizeof(text); piece += 5) {
			digest_add(&d, strv_make(text + at, piece));
			at += piece;
			digest((enum digest_alg)alg, strv_make(text, at), wanted);
			digest_peek(&d, out);
			CHECK(memcmp(out, wanted, n) == 0);
		}
		CHECK(at > 256); /* more than two of the largest blocks */
	}
}

/* Of what is compared by words, and of what is left. */
TEST(mem_equal_ct_compares_all_bytes)
{
	char a[40], b[40];

	for (size_t n = 0; n < sizeof(a); n++) {
		memset(a, 'a', sizeof(a));
		memcpy(b, a, sizeof(b));
		b[n] = 'b'; /* is not asked for */
		CHECK(mem_equal_ct(a, b, n));
		for (size_t i = 0; i < n; i++) {
			b[i] ^= 1;
			CHECK(!mem_equal_ct(a, b, n));
			b[i] ^= 1;
		}
	}
}
