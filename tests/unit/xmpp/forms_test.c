/* What may be stored of a password. */
#include "base/digest.h"
#include "test.h"
#include "xmpp/sasl/password.h"
#include "xmpp/sasl/sasl.h"

#define NFC    "caf\u00E9-1"
#define NFD    "cafe\u0301-1"
#define SQUARE "m\u00B2-geheim"

static struct password_forms forms_of(struct arena *a, const char *typed)
{
	struct password_forms f;

	password_forms(a, strv_from(typed), &f);
	return f;
}

static void check_forms(const char *typed, const char *one, const char *two,
			const char *three)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct password_forms f = forms_of(a, typed);
	const char *want[PASSWORD_FORMS_MAX] = { one, two, three };

	for (unsigned i = 0; i < PASSWORD_FORMS_MAX; i++) {
		CHECK_INT(i < f.n, want[i] != NULL);
		if (i < f.n)
			CHECK_STR(f.form[i], want[i]);
	}
}

TEST(forms_of_a_password)
{
	check_forms("correct horse", "correct horse", NULL, NULL);
	check_forms(NFC, NFC, NULL, NULL);
	check_forms(NFD, NFC, NFD, NULL);
	check_forms(SQUARE, "m2-geheim", SQUARE, NULL);
	check_forms("e\u0301\u00B2",
		    "\u00E9"
		    "2",
		    "\u00E9\u00B2", "e\u0301\u00B2");
	check_forms("a\u00A0b", "a b", "a\u00A0b", NULL);
	/* one profile alone allows them, or none */
	check_forms("a\u200Db", "ab", "a\u200Db", NULL);
	check_forms("1\u0627", "1\u0627", NULL, NULL);
	check_forms("a\tb", "a\tb", NULL, NULL);
	check_forms("\x01", "\x01", NULL, NULL);
}

TEST(forms_of_a_long_password)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static char token[SASL_PASSWD_MAX];
	struct password_forms f;

	memset(token, 'x', sizeof(token));
	password_forms(a, strv_make(token, sizeof(token)), &f);
	CHECK(f.n == 1 && f.form[0].p == token && f.form[0].n == sizeof(token));
	CHECK(!password_is_allowed(a, strv_make(token, sizeof(token))));
}

TEST(forms_that_are_stored)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);

	CHECK_STR(password_for_keys(a, STRV(SQUARE)), "m2-geheim");
	CHECK_STR(password_for_text(a, STRV(SQUARE)), SQUARE);
	CHECK_STR(password_for_keys(a, STRV(NFD)), NFC);
	CHECK_STR(password_for_text(a, STRV(NFD)), NFC);
	CHECK_STR(password_for_text(a, STRV("a\u200Db")), "a\u200Db");
	CHECK(password_is_allowed(a, STRV("a\u200Db")));
	CHECK(password_is_allowed(a, STRV("1\u0627")));
	CHECK(!password_is_allowed(a, STRV("a\tb")) &&
	      !password_is_allowed(a, STRV("")) &&
	      !password_is_allowed(a, STRV("a\xff")));
}

/* Keys of whichever form let the password in; those of another do not. */
TEST(forms_of_keys)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static const char typed[] = "e\u0301\u00B2";
	struct password_forms f = forms_of(a, typed),
			      wrong = forms_of(a, "e\u0301\u00B3");

	CHECK_INT(f.n, 3);
	for (unsigned i = 0; i < f.n; i++) {
		struct credentials c;

		credentials_derive(f.form[i], 1u << DIGEST_SHA256, 2, &c);
		CHECK(credentials_check(&c, &f) && !credentials_check(&c, &wrong));
	}
}

TEST(forms_of_plain_text)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static const struct {
		const char *row, *typed;
		bool right;
	} t[] = {
		{ SQUARE, SQUARE, true },      /* as MongooseIM has it */
		{ SQUARE, "m2-geheim", true }, /* a client that prepares all passwords */
		{ "m2-geheim", SQUARE, true },
		{ NFD, NFD, true },
		{ NFD, NFC, true },
		{ NFC, NFD, true },
		{ "a\tb", "a\tb", true },
		{ "a\tb", "a b", false },
		{ "a\u200Db", "a\u200Db", true },
		{ SQUARE, "m3-geheim", false },
		{ NFD, "cafe-1", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct password_forms f = forms_of(a, t[i].typed);
		struct credentials c;

		CHECK_INT(credentials_parse(a, strv_from(t[i].row), STRV_NULL, &c), 0);
		CHECK_INT(credentials_check(&c, &f), t[i].right);
	}
}

static uint64_t work_of(const struct credentials *c, const struct password_forms *f)
{
	struct credentials_usual u = { .keys = true };
	uint64_t before;

	scram_fake_keys(DIGEST_SHA1, STRV("0123456789abcdef0123456789abcdef"),
			STRV("romeo@example.net"), 64, &u.made_up);
	before = digest_count();
	CHECK(!credentials_check_evenly(c, &u, f));
	return digest_count() - before;
}

/* Neither the answer nor the work tells of an account, however many forms there are. */
TEST(forms_cost_the_same_for_nobody)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct password_forms one = forms_of(a, "wrong"),
			      three = forms_of(a, "e\u0301\u00B2");
	struct credentials keys;

	credentials_derive(STRV("secret"), 1u << DIGEST_SHA1, 64, &keys);
	CHECK_INT(one.n, 1);
	CHECK_INT(three.n, 3);
	CHECK_INT(work_of(&keys, &one), work_of(NULL, &one));
	CHECK_INT(work_of(&keys, &three), work_of(NULL, &three));
	CHECK(work_of(&keys, &three) >= 3 * 2 * 64 && work_of(&keys, &one) < 3 * 64);
}

/* The row's text may be of any form: SCRAM's clients prepare what they are given. */
TEST(forms_of_keys_made_of_plain_text)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct credentials c;
	struct scram_keys k;

	scram_fake_keys(DIGEST_SHA1, STRV("0123456789abcdef0123456789abcdef"),
			STRV("romeo@example.net"), 64, &k);
	CHECK_INT(credentials_parse(a, STRV(SQUARE), STRV_NULL, &c), 0);
	credentials_derive_evenly(&c, &k);
	CHECK(scram_check_password(&k, STRV("m2-geheim")));
}
