#include "xmpp/sasl/password.h"
#include "test.h"

/* The examples of MongooseIM's "SCRAM serialization format". */
#define SHA1                                                               \
	"===SHA1===QClQsw/sfPEnwj4AEp6E1w==|ys1104hRhqMoRputBY5sLHKXoSw=|" \
	"EJvxXWM42tO7BgW21lNZyBc1dD0="
#define SHA224                                                                         \
	"==SHA224==dk0ImXFVPoUfqD5FveV7YA==|G0ibQ/YYuCtoun4I+1IF2zJ7Q8x2T23ETnq5Gg==|" \
	"EvE2EkZcUb3k4CooeOcVFy95P32t+NDX0xbQUA=="
#define SHA256                                                                             \
	"==SHA256==M7BYKSo04XbzBr4C7b056g==|A779MC05nSGQln5no0hKTGHFSaQ7oguKBZgORW3s+es=|" \
	"XhtGFf6NDWsnVSCO4xkzPD3qc046fPL0pATZi7RmaWo="
#define SHA384                                                              \
	"==SHA384==Ryu0fA29gbwgqFOBk5Mczw==|"                               \
	"k3QwC0Lb1y1/V/31byC5KML5t3mH4JTPjFyeAz7lV2l4SPfzi3JHvLEdoNB5K/VY|" \
	"kR+LMI/E0QBG3oF405/MTAT6NAlCOfPrFOaWH3WBVGM0Viu9Brk6kGwVwXjSP8v0"
#define SHA512                                                                                   \
	"==SHA512==SLNuVNcWiNBmnYZNIdj+zg==|"                                                    \
	"3ey3gzSsmbxcLnoc1VKCR/739uKX6uuPCyAzn6x8o87ibcjOdUaU8qhL5X4MUI9UPTt667GagNpVTmAWTFNsjA" \
	"==|"                                                                                    \
	"jUUDbuQ9ae4UnAWS6RV6W4yifX3La3ESjfZjGol+TBROIb/ihR8UawPHrSHkp4yyDJXtRhR9RlHCHy4bcCm1Yg=="
#define MULTI "==MULTI_SCRAM==,4096,"
#define ALL   MULTI SHA1 "," SHA224 "," SHA256 "," SHA384 "," SHA512
#define LEGACY                                                                 \
	"==SCRAM==,tmi5IE+9pceRV/jkPLFHEaVY33c=,MiWNa8T3dniVDwmh77ufJ41fpAQ=," \
	"inKXODlSY5y5SCsLxibi0w==,4096"

static bool same_keys(const struct scram_keys *a, const struct scram_keys *b)
{
	size_t n = digest_len(a->alg);

	return a->alg == b->alg && a->iterations == b->iterations &&
	       a->n_salt == b->n_salt && memcmp(a->salt, b->salt, a->n_salt) == 0 &&
	       memcmp(a->stored_key, b->stored_key, n) == 0 &&
	       memcmp(a->server_key, b->server_key, n) == 0;
}

static bool opens(const struct credentials *c, struct strv password)
{
	struct password_forms f = { 1, { password } };

	return credentials_check(c, &f);
}

TEST(credentials_of_mongooseim_5_hashes)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct credentials c;

	CHECK_INT(credentials_parse(a, STRV(""), STRV(ALL), &c), 0);
	CHECK(!c.has_plain);
	CHECK_INT(c.n_keys, DIGEST_MAX);
	for (int i = 0; i < DIGEST_MAX; i++) {
		const struct scram_keys *k = credentials_keys(&c, (enum digest_alg)i);
		struct scram_keys again;
		CHECK(k != NULL && k->iterations == 4096 && k->n_salt == 16);
		scram_derive(k->alg, STRV("padthai"),
			     strv_make((const char *)k->salt, 16), 4096, &again);
		CHECK(same_keys(k, &again));
	}
	CHECK(opens(&c, STRV("padthai")));
	CHECK(!opens(&c, STRV("padthaj")));
	CHECK_STR(credentials_details(a, &c), ALL);
}

TEST(credentials_of_mongooseim_3_6)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct credentials c;
	struct scram_keys again;

	CHECK_INT(credentials_parse(a, STRV(""), STRV(LEGACY), &c), 0);
	CHECK_INT(c.n_keys, 1);
	scram_derive(DIGEST_SHA1, STRV("misio"),
		     strv_make((const char *)c.keys[0].salt, 16), 4096, &again);
	CHECK(same_keys(&c.keys[0], &again));
	CHECK(opens(&c, STRV("misio")));
	CHECK_STR(credentials_details(a, &c),
		  "==MULTI_SCRAM==,4096,===SHA1===inKXODlSY5y5SCsLxibi0w==|"
		  "tmi5IE+9pceRV/jkPLFHEaVY33c=|MiWNa8T3dniVDwmh77ufJ41fpAQ=");
}

TEST(credentials_that_are_too_long)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct strv text =
		strv_make(arena_zalloc(a, CREDENTIALS_MAX + 1), CREDENTIALS_MAX + 1);
	struct credentials c;

	CHECK_INT(credentials_parse(a, text, STRV_NULL, &c), -EINVAL);
	CHECK_INT(credentials_parse(a, STRV("x"), text, &c), -EINVAL);
	text.n--;
	CHECK_INT(credentials_parse(a, text, STRV_NULL, &c), 0);
}

TEST(credentials_in_any_order_and_number)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct credentials c;

	CHECK_INT(credentials_parse(a, STRV("ignored"), STRV(MULTI SHA512 "," SHA256),
				    &c),
		  0);
	CHECK(!c.has_plain && c.n_keys == 2);
	CHECK(credentials_keys(&c, DIGEST_SHA1) == NULL);
	CHECK(credentials_keys(&c, DIGEST_SHA256)->stored_key[0] == 0x03);
	CHECK(opens(&c, STRV("padthai")) && !opens(&c, STRV("ignored")));
	CHECK_STR(credentials_details(a, &c), MULTI SHA256 "," SHA512);
}

TEST(credentials_in_plain_text)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct credentials c;
	char text[] = "secret";

	CHECK_INT(credentials_parse(a, strv_from(text), STRV_NULL, &c), 0);
	text[0] = 'x'; /* it was copied */
	CHECK(c.has_plain && c.n_keys == 0);
	CHECK(opens(&c, STRV("secret")) && !opens(&c, STRV("secre")));
	CHECK_INT(credentials_parse(a, STRV("==SCRAM==,"), STRV(""), &c), 0);
	CHECK(opens(&c, STRV("==SCRAM==,")));
}

TEST(credentials_empty_open_nothing)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct credentials c;

	CHECK_INT(credentials_parse(a, STRV(""), STRV_NULL, &c), 0);
	CHECK(!c.has_plain && !opens(&c, STRV("")));
	CHECK_INT(credentials_parse(a, STRV_NULL, STRV_NULL, &c), 0);
	CHECK(!c.has_plain && !opens(&c, STRV("")));
}

TEST(credentials_refuse_unknown_forms)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static const char *const bad[] = {
		"x",
		"{}",
		"==SCRAM==",
		"==SCRAM==,",
		"==MULTI_SCRAM==",
		"==MULTI_SCRAM==,",
		"==MULTI_SCRAM==,4096",
		"==MULTI_SCRAM==,4096,",
		"==multi_scram==,4096," SHA1,
		" " MULTI SHA1,
		MULTI SHA1 " ",
		MULTI SHA1 ",",
		MULTI "," SHA1,
		MULTI SHA1 "|",
		MULTI SHA1 "," SHA1,
		"==MULTI_SCRAM==,0," SHA1,
		"==MULTI_SCRAM==,-1," SHA1,
		"==MULTI_SCRAM==,10000001," SHA1,
		"==MULTI_SCRAM==,," SHA1,
		MULTI
		"==SHA512=SLNuVNcWiNBmnYZNIdj+zg==|AAAA|AAAA", /* a prefix one short */
		MULTI "==SHA3-256" SHA1,
		MULTI "==SHA257==AAAA|AAAA|AAAA",
		MULTI "===SHA1===QClQsw/sfPEnwj4AEp6E1w==|ys1104hRhqMoRputBY5sLHKXoSw=",
		MULTI "===SHA1===QClQsw/sfPEnwj4AEp6E1w|ys1104hRhqMoRputBY5sLHKXoSw=|"
		      "EJvxXWM42tO7BgW21lNZyBc1dD0=",
		MULTI
		"===SHA1===|ys1104hRhqMoRputBY5sLHKXoSw=|EJvxXWM42tO7BgW21lNZyBc1dD0=",
		MULTI "===SHA1===QClQsw/sfPEnwj4AEp6E1w==||EJvxXWM42tO7BgW21lNZyBc1dD0=",
		MULTI
		"===SHA1===QClQsw/sfPEnwj4AEp6E1w==|AAAA|EJvxXWM42tO7BgW21lNZyBc1dD0=",
		LEGACY ",",
		LEGACY "x",
		"==SCRAM==,tmi5IE+9pceRV/jkPLFHEaVY33c=",
		"==SCRAM==,AAAA,MiWNa8T3dniVDwmh77ufJ41fpAQ=,inKXODlSY5y5SCsLxibi0w==,4096",
		"==SCRAM==,tmi5IE+9pceRV/jkPLFHEaVY33c=,MiWNa8T3dniVDwmh77ufJ41fpAQ=,,4096",
	};
	struct credentials c, before;

	memset(&c, 0x5a, sizeof(c));
	before = c;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (credentials_parse(a, STRV("pw"), strv_from(bad[i]), &c) != -EINVAL)
			test_fail(__FILE__, __LINE__, "not refused: %s", bad[i]);
	CHECK(memcmp(&c, &before, sizeof(c)) == 0);
}

TEST(credentials_every_cut_is_refused)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct credentials c;

	for (size_t n = 1; n < sizeof(MULTI SHA1) - 1; n++)
		CHECK_INT(credentials_parse(a, STRV(""), strv_make(MULTI SHA1, n), &c),
			  -EINVAL);
	for (size_t n = 1; n < sizeof(LEGACY) - 4; n++) /* "...,4" is whole again */
		CHECK_INT(credentials_parse(a, STRV(""), strv_make(LEGACY, n), &c),
			  -EINVAL);
}

TEST(credentials_derive_and_read_back)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct credentials c, again;

	credentials_derive(STRV("pw"), (1u << DIGEST_MAX) - 1, 3, &c);
	CHECK_INT(c.n_keys, DIGEST_MAX);
	CHECK(memcmp(c.keys[0].salt, c.keys[1].salt, SCRAM_SALT_LEN) != 0);
	CHECK_INT(credentials_parse(a, STRV(""), credentials_details(a, &c), &again), 0);
	CHECK_INT(again.n_keys, DIGEST_MAX);
	for (int i = 0; i < DIGEST_MAX; i++)
		CHECK(same_keys(&c.keys[i], &again.keys[i]));

	credentials_derive(STRV("pw"), 1u << DIGEST_SHA384, 3, &c);
	CHECK(c.n_keys == 1 && c.keys[0].alg == DIGEST_SHA384);
	CHECK(opens(&c, STRV("pw")) && !opens(&c, STRV("")));
}

TEST(credentials_wipe_leaves_nothing)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static const struct credentials zero;
	struct credentials c;
	const char *copy;

	CHECK_INT(credentials_parse(a, STRV("secret"), STRV_NULL, &c), 0);
	copy = c.plain.p;
	credentials_wipe(&c);
	CHECK(memcmp(copy, "\0\0\0\0\0\0", 6) == 0);
	CHECK(memcmp(&c, &zero, sizeof(c)) == 0);
	CHECK(!opens(&c, STRV("")));
}
