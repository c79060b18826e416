#include "core/options/glob.h"
#include "test.h"

static const struct {
	const char *pattern, *text;
	bool fits;
} cases[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "a", "", false },
	{ "*", "", true },
	{ "*", "abc", true },
	{ "**", "abc", true },
	{ "a*", "abc", true },
	{ "*c", "abc", true },
	{ "*b", "abc", false },
	{ "a*c", "ac", true },
	{ "a*b*c", "a-b-b-c", true },
	{ "a*b*c", "a-c-b", false },
	{ "*ab", "aab", true },
	{ "*aab*", "aaaab", true },
	{ "a?c", "abc", true },
	{ "a?c", "ac", false },
	{ "???", "ab", false },
	{ "?\?*", "abc", true },
	{ "j?rgen", "jürgen", true },
	{ "[ä-ü]*", "öl", true },
	{ "[ä-ü]*", "ol", false },
	{ "[abc]x", "bx", true },
	{ "[abc]x", "dx", false },
	{ "[a-c]", "b", true },
	{ "[a-c]", "-", false },
	{ "[!a-c]", "d", true },
	{ "[^a-c]", "b", false },
	{ "[]]", "]", true },
	{ "[!]]", "]", false },
	{ "[!]]", "a", true },
	{ "[a-]", "-", true },
	{ "[-a]", "-", true },
	{ "[a-]]", "a]", true },
	{ "[*?]", "*", true },
	{ "[*?]", "a", false },
	{ "[c-a]", "b", false },
	{ "]", "]", true },
	{ "\\*", "*", true },
	{ "\\*", "a", false },
	{ "\\[a]", "[a]", true },
	{ "a.c", "abc", false },
	{ "(a|b)", "a", false },
	{ "*.example.net", "a.b.example.net", true },
	{ "*.example.net", "example.net", false },
};

TEST(glob_fits_the_whole_text)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK(glob_error(strv_from(cases[i].pattern)) == NULL);
		if (glob_fits(strv_from(cases[i].pattern), strv_from(cases[i].text)) !=
		    cases[i].fits)
			test_fail(__FILE__, __LINE__, "%s against %s", cases[i].pattern,
				  cases[i].text);
	}
}

TEST(glob_errors)
{
	static const char *const open[] = { "[", "a[", "[a", "[]", "[!", "[!]", "[a-" };

	for (size_t i = 0; i < ARRAY_LEN(open); i++)
		CHECK(strcmp(glob_error(strv_from(open[i])), "a \"[\" is not closed") ==
		      0);
	CHECK(glob_error(STRV("a\\")) != NULL);
	CHECK(glob_error(STRV("a\\\\")) == NULL);
}

TEST(glob_with_many_stars_is_quick)
{
	char text[1024];

	memset(text, 'a', sizeof(text));
	CHECK(!glob_fits(STRV("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"),
			 strv_make(text, sizeof(text))));
}
