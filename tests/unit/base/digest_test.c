#include "base/base64.h"
#include "base/digest.h"
#include "test.h"

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

TEST(mem_equal_ct_compares_all_bytes)
{
	CHECK(mem_equal_ct("abc", "abc", 3) && mem_equal_ct("a", "b", 0));
	CHECK(!mem_equal_ct("abc", "abd", 3) && !mem_equal_ct("xbc", "abc", 3));
}
