#include "base/base64.h"
#include "base/utf8.h"
#include "test.h"

static void round_trip(const char *plain, const char *coded)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1000);
	char out[100];
	size_t n;

	CHECK_INT(buf_add_base64(&b, plain, strlen(plain)), 0);
	CHECK_STR(buf_strv(&b), coded);
	CHECK_INT(base64_decode(strv_from(coded), out, &n), 0);
	CHECK_STR(strv_make(out, n), plain);
}

TEST(base64_vectors_of_rfc_4648)
{
	round_trip("", "");
	round_trip("f", "Zg==");
	round_trip("fo", "Zm8=");
	round_trip("foo", "Zm9v");
	round_trip("foob", "Zm9vYg==");
	round_trip("fooba", "Zm9vYmE=");
	round_trip("foobar", "Zm9vYmFy");
}

TEST(base64_refuses_what_is_not_strictly_encoded)
{
	static const char *const bad[] = {
		"Z",	 "Zg",	   "Zg=",  "Zg===", "Zh==", "Zm9=", "Zg==Zg==",	 "=Zg=",
		"Zm 9v", "Zm9v\n", "====", "Z===",  "Zm9*", "Zg=a", "\xc3\xa9zz"
	};
	char out[100];
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(base64_decode(strv_from(bad[i]), out, &n), -EINVAL);
}

TEST(hex_round_trip)
{
	char text[9] = { 0 };
	unsigned char raw[4];

	hex_encode("\x00\xff\x1a\xb2", 4, text);
	CHECK_STR(strv_from(text), "00ff1ab2");
	CHECK_INT(hex_decode(STRV("00FF1aB2"), raw), 0);
	CHECK(memcmp(raw, "\x00\xff\x1a\xb2", 4) == 0);
	CHECK_INT(hex_decode(STRV("0"), raw), -EINVAL);
	CHECK_INT(hex_decode(STRV("0g"), raw), -EINVAL);
}

TEST(utf8_accepts_every_scalar_value)
{
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		char out[4];
		uint32_t back;
		size_t n;

		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		n = utf8_put(cp, out);
		CHECK_INT(utf8_next(strv_make(out, n), &back), n);
		CHECK_INT(back, cp);
	}
}

TEST(utf8_refuses_long_forms_surrogates_and_cuts)
{
	static const char *const bad[] = { "\x80",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xe0\x80\x80",
					   "\xed\xa0\x80",
					   "\xf4\x90\x80\x80",
					   "\xf0\x80\x80\x80",
					   "\xf8\x88\x80\x80\x80",
					   "\xc3",
					   "\xe2\x82",
					   "\xff" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!utf8_is_valid(strv_from(bad[i])));
	CHECK_INT(utf8_valid_len(STRV("0123456789ab\xff")), 12);
	CHECK(utf8_is_valid(STRV("gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x98\x80")));
}

TEST(strv_numbers)
{
	uint64_t v;

	CHECK(strv_to_u64(STRV("0"), 10, &v) == 0 && v == 0);
	CHECK(strv_to_u64(STRV("10"), 10, &v) == 0 && v == 10);
	CHECK_INT(strv_to_u64(STRV("11"), 10, &v), -ERANGE);
	CHECK_INT(strv_to_u64(STRV("5"), 3, &v), -ERANGE);
	CHECK(strv_to_u64(STRV("18446744073709551615"), UINT64_MAX, &v) == 0 &&
	      v == UINT64_MAX);
	CHECK_INT(strv_to_u64(STRV("18446744073709551616"), UINT64_MAX, &v), -ERANGE);
	CHECK_INT(strv_to_u64(STRV(""), 10, &v), -EINVAL);
	CHECK_INT(strv_to_u64(STRV("-1"), 10, &v), -EINVAL);
	CHECK_INT(strv_to_u64(STRV("1x"), 10, &v), -EINVAL);
}

TEST(strv_compares_and_trims)
{
	CHECK(strv_cmp(STRV("a"), STRV("ab")) < 0 && strv_cmp(STRV("b"), STRV("ab")) > 0);
	CHECK(strv_cmp(STRV("ab"), STRV("ab")) == 0);
	CHECK(strv_eq_nocase(STRV("aZ09"), STRV("Az09")) &&
	      !strv_eq_nocase(STRV("a"), STRV("b")));
	CHECK_STR(strv_trim(STRV(" \t a b\r\n")), "a b");
	CHECK_STR(strv_trim(STRV("  ")), "");
}
