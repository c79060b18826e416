#include "xmpp/saslprep.h"
#include "test.h"
#include "xmpp/precis.h"

/* `want` NULL: refused. */
static void check(const char *in, const char *want)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct strv out = STRV("untouched");
	int r = saslprep(a, strv_from(in), &out);

	if (want == NULL) {
		CHECK_INT(r, -EINVAL);
		CHECK_STR(out, "untouched");
		return;
	}
	CHECK_INT(r, 0);
	CHECK_STR(out, want);
	CHECK_INT(saslprep(a, out, &out), 0); /* again: nothing changes */
	CHECK_STR(out, want);
}

TEST(saslprep_examples_of_rfc_4013)
{
	check("I\u00ADX", "IX");
	check("user", "user");
	check("USER", "USER");
	check("\u00AA", "a");
	check("\u2168", "IX");
	check("\x07", NULL);
	check("\u0627\x31", NULL);
}

TEST(saslprep_maps_and_composes)
{
	check("m\u00B2-geheim", "m2-geheim");
	check("contrase\u00F1a1\u00BA", "contrase\u00F1a1o");
	check("contrasen\u0303a", "contrase\u00F1a");
	check("\uFF50\uFF41\uFF53\uFF53", "pass");
	check("a\u00A0b\u1680c\u200Ad\u202Fe\u205Ff\u3000g", "a b c d e f g");
	check("\u1112\u1161\u11AB", "\uD55C");
	/* what joins emoji, and chooses their colours, is nothing */
	check("\U0001F468\u200D\U0001F469\uFE0F", "\U0001F468\U0001F469");
	/* both a space and nothing: nothing, as clients have it */
	check("a\u200Bb", "ab");
	check("a\u034F\u1806\u180B\u180C\u180D\u200C\u2060\uFE00\uFEFFb", "ab");
}

TEST(saslprep_refuses)
{
	static const char *const bad[] = {
		"",
		"\u00AD",
		"a\tb",
		"a\nb",
		"\x7F",
		"a\xc2\x85"
		"b",
		"a\u06DDb",
		"a\u070Fb",
		"a\u180Eb",
		"a\u200Eb",
		"a\u2028b",
		"a\u202Eb",
		"a\u2061b",
		"a\u206Ab",
		"a\u2FF0b",
		"a\uE000b",
		"a\uFDD0b",
		"a\uFFFDb",
		"a\U0001FFFFb",
		"a\U0001D173b",
		"a\U000E0001b",
		"a\U000F0000b",
		"\u0627"
		"a",
		"\u0627"
		"1\u0628"
		"a",
		"1\u0627",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check(bad[i], NULL);
	check("\xff", NULL);
	check("a\xc3", NULL);
}

TEST(saslprep_of_right_to_left_text)
{
	check("\u05E9\u05DC\u05D5\u05DD", "\u05E9\u05DC\u05D5\u05DD");
	check("\u0627\x31\u0628", "\u0627\x31\u0628");
}

/* Unassigned in Unicode 3.2, or still. */
TEST(saslprep_takes_newer_characters)
{
	check("x\U0001FAEA", "x\U0001FAEA");
	check("\u1E9E", "\u1E9E");
}

TEST(saslprep_has_a_bound)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static char in[PRECIS_INPUT_MAX + 1];
	struct strv out;

	memset(in, 'a', sizeof(in));
	CHECK_INT(saslprep(a, strv_make(in, PRECIS_INPUT_MAX), &out), 0);
	CHECK_INT(saslprep(a, strv_make(in, PRECIS_INPUT_MAX + 1), &out), -EINVAL);
	memcpy(in, "\u00B2", 2);
	CHECK_INT(saslprep(a, strv_make(in, PRECIS_INPUT_MAX), &out), 0);
	CHECK_INT(out.n, PRECIS_INPUT_MAX - 1);
	CHECK_INT(saslprep(a, strv_make(in, PRECIS_INPUT_MAX + 1), &out), -EINVAL);
}
