#include "core/login/anonymous.h"
#include "test.h"

static struct jid make(struct arena *a, const char *local, const char *domain)
{
	return jid_make(a, strv_from(local), strv_from(domain), STRV(""));
}

static bool is_taken(struct anonymous_names *n, struct jid user)
{
	int r = anonymous_take(n, user, false, CONF_INFINITY);

	if (r == 0)
		anonymous_give_back(n, user);
	return r == -EEXIST;
}

TEST(anonymous_names_are_taken_once)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct anonymous_names *n = anonymous_names_new();
	struct jid juliet = make(a, "juliet", "example.com"),
		   other = make(a, "juliet", "example.net");

	CHECK(!is_taken(n, juliet));
	CHECK_INT(anonymous_take(n, juliet, false, CONF_INFINITY), 0);
	CHECK_INT(anonymous_take(n, juliet, false, CONF_INFINITY), -EEXIST);
	CHECK(is_taken(n, juliet) && !is_taken(n, other));
	CHECK_INT(anonymous_take(n, other, false, CONF_INFINITY), 0);
	anonymous_give_back(n, juliet);
	CHECK(!is_taken(n, juliet) && is_taken(n, other));
	CHECK_INT(anonymous_take(n, juliet, false, CONF_INFINITY), 0);
	anonymous_names_free(&n);
	CHECK(n == NULL);
	anonymous_names_free(&n);
}

TEST(anonymous_names_may_be_shared)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct anonymous_names *n = anonymous_names_new();
	struct jid juliet = make(a, "juliet", "example.com");

	CHECK_INT(anonymous_take(n, juliet, true, 1), 0);
	CHECK_INT(anonymous_take(n, juliet, true, 1), 0); /* one user, still */
	anonymous_give_back(n, juliet);
	CHECK(is_taken(n, juliet));
	anonymous_give_back(n, juliet);
	CHECK(!is_taken(n, juliet));
	anonymous_names_free(&n);
}

TEST(anonymous_names_are_limited_in_each_domain)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct anonymous_names *n = anonymous_names_new();
	struct jid one = make(a, "a", "example.com"), two = make(a, "b", "example.com"),
		   third = make(a, "c", "example.com"),
		   other = make(a, "c", "example.net");

	CHECK_INT(anonymous_take(n, one, false, 2), 0);
	CHECK_INT(anonymous_take(n, two, false, 2), 0);
	CHECK_INT(anonymous_take(n, third, false, 2), -ENOSPC);
	CHECK(!is_taken(n, third));
	CHECK_INT(anonymous_take(n, other, false, 2), 0);
	anonymous_give_back(n, one);
	CHECK_INT(anonymous_take(n, third, false, 2), 0);
	anonymous_names_free(&n);
}
