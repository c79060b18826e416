#include "xmpp/sasl/sasl.h"
#include "test.h"

TEST(sasl_table)
{
	CHECK_INT(sasl_mech_find(STRV("PLAIN")), SASL_PLAIN);
	CHECK_INT(sasl_mech_find(STRV("plain")), -1);
	CHECK_INT(sasl_mech_find(STRV("")), -1);
	CHECK_INT(sasl_mech_find(STRV_NULL), -1);
	CHECK_INT(sasl_mech_find(STRV("SCRAM-SHA-1-PLUS")), SASL_SCRAM_SHA1_PLUS);
	CHECK_INT(sasl_mech_find_option(STRV("scram_sha256_plus")),
		  SASL_SCRAM_SHA256_PLUS);
	CHECK_INT(sasl_mech_find_option(STRV("digest")), -1);
	CHECK_INT(sasl_mech_alg(SASL_SCRAM_SHA384_PLUS), DIGEST_SHA384);
	CHECK_INT(sasl_mech_plus_of(SASL_SCRAM_SHA1), SASL_SCRAM_SHA1_PLUS);
	CHECK_INT(sasl_mech_plus_of(SASL_SCRAM_SHA224_PLUS), SASL_SCRAM_SHA224_PLUS);
	CHECK(!sasl_mech_is_plus(SASL_PLAIN) &&
	      sasl_mech_is_plus(SASL_SCRAM_SHA512_PLUS));
	CHECK_STR(strv_from(sasl_mech_option(SASL_SCRAM_SHA1)), "scram_sha1");
}

/* Each row says the same thing in its columns, strongest first, PLAIN last but for what
 * takes no password. */
TEST(sasl_table_agrees_with_itself)
{
	CHECK_INT(SASL_MECH_MAX, 13);
	CHECK_INT(SASL_PLAIN, SASL_MECH_MAX - 3);
	CHECK_INT(SASL_ANONYMOUS, SASL_MECH_MAX - 2);
	CHECK_INT(SASL_EXTERNAL, SASL_MECH_MAX - 1);
	for (int i = 0; i < SASL_MECH_MAX; i++) {
		const enum sasl_mech m = (enum sasl_mech)i;
		CHECK_INT(sasl_mech_find(strv_from(sasl_mech_name(m))), i);
		CHECK_INT(sasl_mech_find_option(strv_from(sasl_mech_option(m))), i);
		if (m >= SASL_PLAIN)
			continue;
		CHECK(sasl_mech_is_plus(m) ==
		      (strstr(sasl_mech_name(m), "-PLUS") != NULL));
		CHECK(sasl_mech_is_plus(m) ==
		      (strstr(sasl_mech_option(m), "_plus") != NULL));
		CHECK_INT(sasl_mech_alg(m), DIGEST_SHA512 - i / 2);
		CHECK_INT(sasl_mech_plus_of(m), i / 2 * 2);
	}
}

TEST(sasl_plain_reads_rfc_4616_messages)
{
	struct sasl_plain p;

	CHECK_INT(sasl_plain_parse(STRV("\0tim\0tanstaaftanstaaf"), &p), 0);
	CHECK_STR(p.authzid, "");
	CHECK_STR(p.authcid, "tim");
	CHECK_STR(p.passwd, "tanstaaftanstaaf");
	CHECK_INT(sasl_plain_parse(STRV("Ursel\0Kurt\0xipj3plmq"), &p), 0);
	CHECK_STR(p.authzid, "Ursel");
	CHECK_STR(p.authcid, "Kurt");
	CHECK_STR(p.passwd, "xipj3plmq");
}

TEST(sasl_plain_refuses_the_rest)
{
	static const struct strv bad[] = {
		STRV(""),
		STRV_NULL,
		STRV("a"),
		STRV("\0"),
		STRV("\0a"),
		STRV("\0\0"),
		STRV("\0a\0"),
		STRV("\0\0b"),
		STRV("a\0b"),
		STRV("\0a\0b\0"),
		STRV("\0a\0\0b"),
		STRV("\0a\0b\0c"),
		STRV("\0a\0\xff"),
		STRV("\0\xc0\x80\0b"),
		STRV("\xed\xa0\x80\0a\0b"),
	};
	struct sasl_plain p = { .authcid = STRV("kept") };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(sasl_plain_parse(bad[i], &p), -EINVAL);
	CHECK_STR(p.authcid, "kept");
}

static int parse_sized(size_t authzid, size_t authcid, size_t passwd)
{
	static char text[3 * SASL_PASSWD_MAX];
	struct sasl_plain p;

	memset(text, 'x', sizeof(text));
	text[authzid] = text[authzid + 1 + authcid] = '\0';
	return sasl_plain_parse(strv_make(text, authzid + authcid + passwd + 2), &p);
}

TEST(sasl_plain_bounds)
{
	CHECK_INT(parse_sized(SASL_NAME_MAX, SASL_NAME_MAX, SASL_PASSWD_MAX), 0);
	CHECK_INT(parse_sized(SASL_NAME_MAX + 1, 1, 1), -EINVAL);
	CHECK_INT(parse_sized(0, SASL_NAME_MAX + 1, 1), -EINVAL);
	CHECK_INT(parse_sized(0, 1, SASL_PASSWD_MAX + 1), -EINVAL);
}
