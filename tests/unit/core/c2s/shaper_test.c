#include "conf_text.h"
#include "core/c2s/shaper.h"
#include "xmpp/jid.h"

/* --- the bucket --- */

TEST(bucket_gives_a_seconds_worth_at_once_and_then_the_rate)
{
	struct bucket b;

	bucket_init(&b, 1000, 5000);
	CHECK_INT(bucket_take(&b, 999, 5000), 0);
	CHECK_INT(bucket_take(&b, 1, 5000), 0);
	CHECK_INT(bucket_take(&b, 1, 5000), 1);
	CHECK_INT(bucket_take(&b, 249, 5000), 250);
	CHECK_INT(bucket_take(&b, 0, 5100), 150);
	CHECK_INT(bucket_take(&b, 0, 5249), 1);
	CHECK_INT(bucket_take(&b, 0, 5250), 0);
	CHECK_INT(bucket_take(&b, 100, 5350), 0);
	CHECK_INT(bucket_take(&b, 1, 5350), 1);
}

TEST(bucket_is_never_more_than_full)
{
	struct bucket b;

	bucket_init(&b, 1000, 0);
	CHECK_INT(bucket_take(&b, 1000, 0), 0);
	CHECK_INT(bucket_take(&b, 1000, INT64_C(1) << 60), 0);
	CHECK_INT(bucket_take(&b, 1, INT64_C(1) << 60), 1);
}

TEST(bucket_rounds_for_the_rate)
{
	struct bucket b;

	bucket_init(&b, 3, 0);
	CHECK_INT(bucket_take(&b, 4, 0), 334); /* a byte at 3 a second */
	CHECK_INT(bucket_take(&b, 0, 333), 1);
	CHECK_INT(bucket_take(&b, 0, 334), 0);
	bucket_init(&b, INT32_MAX, 0);
	CHECK_INT(bucket_take(&b, INT32_MAX, 0), 0);
	CHECK_INT(bucket_take(&b, UINT64_MAX, 0), 1000);
}

TEST(bucket_stands_a_clock_that_is_a_little_behind)
{
	struct bucket b;

	bucket_init(&b, 1000, 100);
	CHECK_INT(bucket_take(&b, 1100, 100), 100);
	CHECK_INT(bucket_take(&b, 0, 90), 100);
	CHECK_INT(bucket_take(&b, 0, 200), 0);
}

/* Whatever the sizes of the reads, what is read in all stays within depth + rate * time. */
TEST(bucket_keeps_the_rate_over_time)
{
	struct bucket b;
	msec_t now = 0;
	int64_t read = 0;

	bucket_init(&b, 10000, now);
	for (int i = 1; i < 1000; i++) {
		uint64_t n = (uint64_t)(i * 7919 % 2500 + 1);
		read += (int64_t)n;
		now += bucket_take(&b, n, now);
	}
	CHECK(read <= 10000 + now * 10 + 10 && read >= 10000 + now * 10 - 10);
}

/* --- the configuration --- */

#define SHAPERS_USED "[shaper]\nown.max_rate = 9\nfast.max_rate = 50000\n"
#define SHAPERS	     "[shaper]\nslow.max_rate = 1000\nfast.max_rate = 50000\n"

static struct conf *load(const char *text)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	CHECK_INT(conf_text_load(text, &c, &errors), 0);
	CHECK_STR(buf_strv(&errors), "");
	return c;
}

static int64_t rate(const struct conf *c, const char *domain, const char *user)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct jid jid = { 0 };

	if (user)
		CHECK_INT(jid_parse(a, strv_from(user), &jid), 0);
	return conf_shaper_rate(c, c->c2s[0].shaper, strv_from(domain), jid);
}

TEST(shaper_by_rule)
{
	struct conf *c =
		load(GENERAL LISTEN
		     "shaper = \"c2s_shaper\"\n" SHAPERS
		     "[acl]\nadmin = [{user = \"ann\"}]\nbot = [{user = \"bot\"}]\n"
		     "pad = [{user = \"cat\", resource = \"pad\"}]\n"
		     "[access]\nc2s_shaper = [{acl = \"admin\", value = \"none\"},\n"
		     "{acl = \"pad\", value = \"fast\"},\n"
		     "{acl = \"bot\", value = \"fast\"},\n"
		     "{acl = \"all\", value = \"slow\"}]\n");

	CHECK_INT(rate(c, "example.com", NULL), 1000);
	CHECK_INT(rate(c, "example.com", "ann@example.com"), 0);
	CHECK_INT(rate(c, "example.com", "bot@example.com/x"), 50000);
	CHECK_INT(rate(c, "example.com", "cat@example.com"), 1000);
	CHECK_INT(rate(c, "example.com", "cat@example.com/pad"), 50000);
	conf_unref(&c);
}

TEST(shaper_none_and_shaper_by_its_own_name)
{
	struct conf *c = load(GENERAL LISTEN);

	CHECK_STR(c->c2s[0].shaper, "none");
	CHECK_INT(rate(c, "example.com", "ann@example.com"), 0);
	conf_unref(&c);
	c = load(GENERAL LISTEN "shaper = \"none\"\n");
	CHECK_INT(rate(c, "example.com", NULL), 0);
	conf_unref(&c);
	c = load(GENERAL LISTEN "shaper = \"slow\"\n[shaper.slow]\nmax_rate = 7\n");
	CHECK_INT(rate(c, "example.com", NULL), 7);
	CHECK_INT(rate(c, "example.com", "ann@example.com"), 7);
	conf_unref(&c);
}

/* The rule comes before the shaper of the same name; who fits no clause is not limited. */
TEST(shaper_of_a_rules_name)
{
	struct conf *c =
		load(GENERAL LISTEN
		     "shaper = \"slow\"\n" SHAPERS
		     "[acl]\nbot = [{user = \"bot\"}]\nann = [{user = \"ann\"}]\n"
		     "[access]\nslow = [{acl = \"bot\", value = \"fast\"},\n"
		     "{acl = \"ann\", value = \"slow\"}]\n");

	CHECK_INT(rate(c, "example.com", "bot@example.com"), 50000);
	CHECK_INT(rate(c, "example.com", "ann@example.com"), 1000);
	CHECK_INT(rate(c, "example.com", "bob@example.com"), 0);
	CHECK_INT(rate(c, "example.com", NULL), 0);
	conf_unref(&c);
}

/* Where a domain does not have the rule, the shaper of its name stands in for it. */
TEST(shaper_by_the_rules_of_the_domain)
{
	struct conf *c =
		load("[general]\nhosts = [\"example.com\", \"example.org\"]\n"
		     "default_server_domain = \"example.com\"\n" LISTEN
		     "shaper = \"own\"\n[[host_config]]\nhost = \"example.org\"\n"
		     "[host_config.acl]\nbot = [{user = \"bot\"}]\n"
		     "[host_config.access]\n"
		     "own = [{acl = \"bot\", value = \"fast\"}]\n" SHAPERS_USED);

	CHECK_INT(rate(c, "example.com", NULL), 9);
	CHECK_INT(rate(c, "example.com", "bot@example.com"), 9);
	CHECK_INT(rate(c, "example.org", "bot@example.org"), 50000);
	CHECK_INT(rate(c, "example.org", "ann@example.org"), 0);
	conf_unref(&c);
}

TEST(shaper_mistakes)
{
	conf_text_fails(
		GENERAL LISTEN
		"shaper = \"c2s_shaper\"\n[[listen.c2s]]\nport = 5225\nshaper = \"all\"\n"
		"[[listen.c2s]]\nport = 5224\nshaper = \"c2s_sharper\"\n"
		"[access]\nc2s_shaper = [{acl = \"all\", value = \"fats\"},\n"
		"{acl = \"all\", value = \"allow\"}, {acl = \"all\", value = 1000},\n"
		"{acl = \"all\", value = \"none\"}]\n"
		"[[host_config]]\nhost = \"example.com\"\n"
		"[host_config.access]\nc2s_shaper = [{acl = \"all\", value = \"slwo\"}]\n" SHAPERS
		"none.max_rate = 1\ndeny.max_rate = 1\n",
		":9:10: error: listen.c2s[2].shaper: expected the name of a rule, of a "
		"shaper, or \"none\", found \"all\"; there is \"none\", "
		"\"slow\", \"fast\", \"deny\", \"c2s_shaper\"\n"
		":12:10: error: listen.c2s[3].shaper: expected the name of a rule, of a "
		"shaper, or \"none\", found \"c2s_sharper\"; did you mean "
		"\"c2s_shaper\"?\n"
		":14:37: error: access.c2s_shaper[1].value: expected the name of a shaper or "
		"\"none\", found \"fats\"; did you mean \"fast\"?\n"
		":15:23: error: access.c2s_shaper[2].value: expected the name of a shaper or "
		"\"none\", found \"allow\"; did you mean \"slow\"?\n"
		":15:55: error: access.c2s_shaper[3].value: expected the name of a shaper or "
		"\"none\", found \"1000\"; there is \"none\", \"slow\", "
		"\"fast\", \"deny\"\n"
		":20:37: error: host_config[1].access.c2s_shaper[1].value: expected the name "
		"of a shaper or \"none\", found \"slwo\"; did you mean \"slow\"?\n"
		":24:1: error: shaper.none: no shaper can have this name: rules mean "
		"something else by it\n"
		":25:1: error: shaper.deny: no shaper can have this name: rules mean "
		"something else by it\n");
	conf_text_fails(
		GENERAL LISTEN
		"shaper = \"slow\"\n[shaper.slow]\n[shaper.fast]\nmax_rate = 0\n"
		"[shaper.x]\nmaxrate = \"1\"\n",
		":7:9: error: shaper.slow.max_rate: this option is mandatory, "
		"and is missing: expected an integer from 1 to 2147483647\n"
		":9:12: error: shaper.fast.max_rate: expected an integer from 1 to "
		"2147483647, found the integer 0\n"
		":10:9: error: shaper.x.max_rate: this option is mandatory, and is "
		"missing: expected an integer from 1 to 2147483647\n"
		":11:1: error: shaper.x.maxrate: unknown option; did you mean "
		"\"max_rate\"?\n");
}

TEST(shaper_warnings)
{
	conf_text_warns(GENERAL LISTEN
			"shaper = \"slow\"\n" SHAPERS
			"spare.max_rate = 5\nwide.max_rate = 5\n"
			"[access]\nslow = [{acl = \"all\", value = \"fast\"}]\n"
			"other = [{acl = \"all\", value = \"spare\"}]\n",
			":8:1: warning: shaper.slow: nothing uses this shaper\n"
			":10:1: warning: shaper.spare: nothing uses this shaper\n"
			":11:1: warning: shaper.wide: nothing uses this shaper\n"
			":14:9: warning: access.other: nothing uses this rule\n");
}
