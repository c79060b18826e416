#include "test.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/anonymous.h"
#include "xmpp/sasl/sasl.h"

TEST(anonymous_trace_is_a_short_text)
{
	static const struct strv good[] = {
		STRV(""),
		STRV("sirhc"),
		STRV("a b !~"),
		STRV("sirhc@example.org"),
		STRV("\xe2\x82\xac"),
		STRV("\xf0\x9f\x98\x80"),
	};
	static const struct strv bad[] = {
		STRV("a\nb"),		  /* C.2.1 */
		STRV("a\0b"),		  /* the same */
		STRV("\x7f"),		  /* the same */
		STRV("\xc2\x85"),	  /* C.2.2 */
		STRV("\xe2\x80\xa8"),	  /* C.2.2, a line separator */
		STRV("\xee\x80\x80"),	  /* C.3 */
		STRV("\xf4\x8f\xbf\xbd"), /* C.3, U+10FFFD */
		STRV("\xef\xb7\x90"),	  /* C.4 */
		STRV("\xf0\x9f\xbf\xbf"), /* C.4, U+1FFFF */
		STRV("\xed\xa0\x80"),	  /* C.5 */
		STRV("\xef\xbf\xbd"),	  /* C.6 */
		STRV("\xe2\x80\xae"),	  /* C.8, what turns the line round */
		STRV("\xf3\xa0\x81\x81"), /* C.9 */
		STRV("\xff"),		  /* no UTF-8 */
		STRV("\xe2\x82"),	  /* the same, cut */
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK_INT(sasl_anonymous_check(good[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (sasl_anonymous_check(bad[i]) != -EINVAL)
			test_fail(__FILE__, __LINE__, "row %zu is taken", i);
}

TEST(anonymous_trace_has_255_characters_at_most)
{
	char text[2 * (SASL_TRACE_MAX + 1)];

	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	CHECK_INT(sasl_anonymous_check(strv_make(text, 2 * SASL_TRACE_MAX)), 0);
	CHECK_INT(sasl_anonymous_check(strv_make(text, sizeof(text))), -EINVAL);
}

TEST(anonymous_names_are_random_uuids)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	char one[SASL_ANONYMOUS_NAME_LEN + 1], two[SASL_ANONYMOUS_NAME_LEN + 1];
	struct strv local;

	for (int i = 0; i < 64; i++) {
		sasl_anonymous_name(one);
		sasl_anonymous_name(two);
		CHECK(strcmp(one, two) != 0);
		CHECK_INT(strlen(one), SASL_ANONYMOUS_NAME_LEN);
		CHECK(one[14] == '4' && strchr("89ab", one[19]) != NULL);
		CHECK(one[8] == '-' && one[13] == '-' && one[18] == '-' &&
		      one[23] == '-');
		CHECK_INT(jid_prep_local(a, strv_from(one), &local), 0);
		CHECK_STR(local, one);
	}
}

TEST(anonymous_is_a_mechanism)
{
	CHECK_INT(sasl_mech_find(STRV("ANONYMOUS")), SASL_ANONYMOUS);
	CHECK_INT(sasl_mech_find_option(STRV("anonymous")), SASL_ANONYMOUS);
}
