/* Classes of users, and what the rules make of them. */
#include "core/options/access.h"
#include "core/module.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#define START                                                     \
	"[general]\nhosts = [\"example.com\", \"example.org\"]\n" \
	"default_server_domain = \"example.com\"\n[[listen.c2s]]\nport = 5222\n"

#define EVIL "ann@example.com/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"

/* A configuration whose only class is c; NULL when it is refused. */
static struct conf *load(const char *patterns, const char *rule)
{
	AUTO(buf_free) struct buf text = BUF_INIT(1 << 16), errors = BUF_INIT(1 << 20);
	char path[] = "/tmp/meerkat-access-XXXXXX";
	int fd = mkstemp(path), r;
	struct conf *c = NULL;

	modules_init();
	buf_putf(&text,
		 START
		 "[shaper]\nquick.max_rate = 9\nslow.max_rate = 5\nother.max_rate = 1\n"
		 "[acl]\nc = [%s]\n[access]\nr = [%s]\n",
		 patterns, rule);
	CHECK(fd >= 0 && write(fd, buf_cstr(&text), text.n) == (ssize_t)text.n);
	close(fd);
	r = conf_load(path, &c, &errors);
	unlink(path);
	return r < 0 ? NULL : c;
}

static bool allows(const char *patterns, const char *text)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct conf *c = load(patterns, "{acl = \"c\", value = \"allow\"}");
	struct jid jid;
	bool is;

	CHECK(c != NULL);
	CHECK_INT(jid_parse(a, strv_from(text), &jid), 0);
	is = access_allows(c, STRV("r"), STRV("example.com"), jid);
	conf_unref(&c);
	return is;
}

static bool is_refused(const char *patterns)
{
	struct conf *c = load(patterns, "{acl = \"c\", value = \"allow\"}");

	if (c == NULL)
		return true;
	conf_unref(&c);
	return false;
}

TEST(acl_all_conditions_of_a_pattern_must_hold)
{
	const char *both = "{user = \"ann\", resource = \"phone\"}";

	CHECK(allows(both, "ann@example.com/phone"));
	CHECK(!allows(both, "ann@example.com/desk"));
	CHECK(!allows(both, "bob@example.com/phone"));
	CHECK(!allows("{user_glob = \"a*\", user_regexp = \"b$\"}", "ann@example.com"));
	CHECK(allows("{user_glob = \"a*\", user_regexp = \"b$\"}", "ab@example.com"));
}

TEST(acl_one_of_the_patterns_is_enough)
{
	const char *either = "{user = \"ann\"}, {user = \"bob\"}";

	CHECK(allows(either, "ann@example.com"));
	CHECK(allows(either, "bob@example.com"));
	CHECK(!allows(either, "eve@example.com"));
	CHECK(!allows("", "ann@example.com"));
}

TEST(acl_domains)
{
	CHECK(allows("{}", "ann@example.com"));
	CHECK(!allows("{}", "ann@example.org"));
	CHECK(allows("{match = \"any_hosted_domain\"}", "ann@example.org"));
	CHECK(!allows("{match = \"any_hosted_domain\"}", "ann@example.net"));
	CHECK(allows("{match = \"all\"}", "ann@example.net"));
	CHECK(!allows("{match = \"none\"}", "ann@example.com"));
	CHECK(!allows("{match = \"all\", server = \"example.org\"}", "ann@example.com"));
}

TEST(acl_words_are_prepared_as_jids_are)
{
	CHECK(allows("{user = \"ANN\"}", "ann@example.com"));
	CHECK(allows("{server = \"EXAMPLE.com\"}", "ann@example.com"));
	CHECK(!allows("{resource = \"PHONE\"}", "ann@example.com/phone"));
	CHECK(allows("{resource = \"PHONE\"}", "ann@example.com/PHONE"));
	CHECK(allows("{user_glob = \"JÜR*\"}", "Jürgen@example.com"));
	CHECK(allows("{server_glob = \"*.COM\"}", "ann@example.com"));
	CHECK(!allows("{resource_glob = \"P*\"}", "ann@example.com/phone"));
	CHECK(allows("{user_regexp = \"^AN\"}", "ann@example.com"));
	CHECK(allows("{server_regexp = '^EX\\D+$'}", "ann@example.com"));
	CHECK(!allows("{resource_regexp = \"^P\"}", "ann@example.com/phone"));
}

TEST(acl_refuses_what_cannot_be_meant)
{
	CHECK(is_refused("{user = \"a b\"}"));
	CHECK(is_refused("{user = \"\"}"));
	CHECK(is_refused("{user = \"ann@example.com\"}"));
	CHECK(is_refused("{server = \"a b\"}"));
	CHECK(is_refused("{resource = \"\"}"));
	CHECK(is_refused("{user_glob = \"[a\"}"));
	CHECK(is_refused("{resource_glob = \"a\\\\\"}"));
	CHECK(is_refused("{resource_regexp = \"[a\"}"));
}

TEST(acl_expression_that_explodes_gives_the_slowest_shaper_of_the_rule)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct strv domain = STRV("example.com");
	struct conf *c = load("{resource_regexp = \"^(a+)+$\"}",
			      "{acl = \"c\", value = \"quick\"}, "
			      "{acl = \"none\", value = \"slow\"}, "
			      "{acl = \"all\", value = \"none\"}");
	struct jid jid;

	CHECK(c != NULL);
	CHECK_INT(jid_parse(a, STRV("ann@example.com/aaaa"), &jid), 0);
	CHECK_INT(conf_shaper_rate(c, STRV("r"), domain, jid), 9);
	CHECK_INT(jid_parse(a, STRV("ann@example.com/aaaa!"), &jid), 0);
	CHECK_INT(conf_shaper_rate(c, STRV("r"), domain, jid), 0);
	CHECK_INT(jid_parse(a, strv_from(EVIL), &jid), 0);
	CHECK_INT(conf_shaper_rate(c, STRV("r"), domain, jid), 5);
	conf_unref(&c);
}

TEST(acl_expression_that_explodes_denies)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	const char *rule =
		"{acl = \"c\", value = \"deny\"}, {acl = \"all\", value = \"allow\"}";
	struct conf *c = load("{resource_regexp = \"^(a+)+$\"}", rule);
	struct jid jid;

	CHECK(c != NULL);
	CHECK_INT(jid_parse(a, strv_from(EVIL), &jid), 0);
	CHECK(!access_allows(c, STRV("r"), STRV("example.com"), jid));
	CHECK_INT(jid_parse(a, STRV("ann@example.com/aaaa!"), &jid), 0);
	CHECK(access_allows(c, STRV("r"), STRV("example.com"), jid));
	conf_unref(&c);
	/* Another pattern may still say so. */
	CHECK(allows("{resource_regexp = \"^(a+)+$\"}, {user = \"ann\"}", EVIL));
	CHECK(!allows("{resource_regexp = \"^(a+)+$\", user_regexp = \"bob\"}", EVIL));
}
