#include "test.h"
#include "base/utf8.h"
#include "xmpp/jid.h"

#include <stdio.h>

struct example {
	const char *in, *want; /* want == NULL: not a JID */
};

static void check_examples(const struct example *e, size_t n)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	for (size_t i = 0; i < n; i++) {
		struct jid j = { 0 };
		int r = jid_parse(a, strv_from(e[i].in), &j);
		if (r != (e[i].want ? 0 : -EINVAL))
			test_fail(__FILE__, __LINE__, "\"%s\": %d", e[i].in, r);
		if (e[i].want)
			CHECK_STR(jid_text(j), e[i].want);
		else
			CHECK(jid_is_none(j)); /* *ret untouched */
	}
}

#define SAME(s)      \
	{            \
		s, s \
	}
#define NONE(s)         \
	{               \
		s, NULL \
	}

TEST(jid_examples_of_the_rfc)
{
	static const struct example e[] = {
		/* RFC 7622 3.5, table 1 */
		SAME("juliet@example.com"),
		SAME("juliet@example.com/foo"),
		SAME("juliet@example.com/foo bar"),
		SAME("juliet@example.com/foo@bar"),
		SAME("foo\\20bar@example.com"),
		SAME("fussball@example.com"),
		SAME("fu\u00DFball@example.com"),
		SAME("\u03C0@example.com"),
		{ "\u03A3@example.com/foo", "\u03C3@example.com/foo" },
		SAME("\u03C3@example.com/foo"),
		SAME("\u03C2@example.com/foo"),
		SAME("king@example.com/\u265A"),
		SAME("example.com"),
		SAME("example.com/foobar"),
		SAME("a.example.com/b@example.net"),
		/* table 2 */
		NONE("\"juliet\"@example.com"),
		NONE("foo bar@example.com"),
		NONE("@example.com/"),
		NONE("henry\u2163@example.com"),
		NONE("\u265A@example.com"),
		NONE("juliet@"),
		NONE("/foobar"),
		/* which lists this one as well; erratum 4560 takes it out */
		SAME("juliet@example.com/ foo"),
	};
	check_examples(e, ARRAY_LEN(e));
}

TEST(jid_splits_at_the_first_separators)
{
	static const struct {
		const char *in, *local, *domain, *resource;
	} e[] = {
		{ "a@b/c", "a", "b", "c" },
		{ "a@b", "a", "b", "" },
		{ "b", "", "b", "" },
		{ "b/c", "", "b", "c" },
		{ "b/a@c", "", "b", "a@c" },
		{ "a@b/c/d", "a", "b", "c/d" },
		{ "a@b/@", "a", "b", "@" },
		{ "a@b//", "a", "b", "/" },
		{ "a@b/c@d/e", "a", "b", "c@d/e" },
	};
	AUTO(arena_free) struct arena *a = arena_new(4096);
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		struct jid j;
		CHECK(jid_parse(a, strv_from(e[i].in), &j) == 0);
		CHECK_STR(jid_local(j), e[i].local);
		CHECK_STR(jid_domain(j), e[i].domain);
		CHECK_STR(jid_resource(j), e[i].resource);
	}
}

TEST(jid_refuses_empty_parts)
{
	static const struct example e[] = {
		NONE(""),      NONE("@"),   NONE("/"),	 NONE("@/"),
		NONE("@b"),    NONE("a@"),  NONE("b/"),	 NONE("a@b/"),
		NONE("a@/c"),  NONE("@/c"), NONE("/c"),	 NONE("a@@b"),
		NONE("a@b@c"), NONE("."),   NONE("a@."), NONE("a@./c"),
	};
	check_examples(e, ARRAY_LEN(e));
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct jid j;
	CHECK(jid_parse(a, STRV_NULL, &j) == -EINVAL);
}

TEST(jid_local_part)
{
	static const struct example e[] = {
		{ "JULIET@x", "juliet@x" },
		{ "\u00C9mile@x", "\u00E9mile@x" },
		{ "\uFF41\uFF22@x", "ab@x" },
		SAME("!#$%()*+,-.;=?[\\]^_`{|}~@x"),
		NONE("a\"b@x"),
		NONE("a&b@x"),
		NONE("a'b@x"),
		NONE("a:b@x"),
		NONE("a<b@x"),
		NONE("a>b@x"),
		NONE("a b@x"),
		NONE("a\tb@x"),
		NONE("a\x7F"
		     "b@x"),
		NONE("a\uFF20b@x"), /* fullwidth @ */
		NONE("a\uFF0Fb@x"), /* fullwidth / */
		NONE("a\uFF02b@x"), /* fullwidth " */
		NONE("\xFF@x"),
		NONE("\u200C@x"),
		NONE("a\u05D0@x"), /* Bidi rule */
		SAME("l\u00B7l@x"),
		NONE("l\u00B7@x"),
	};
	check_examples(e, ARRAY_LEN(e));
}

TEST(jid_domain_names)
{
	static const struct example e[] = {
		{ "Example.COM", "example.com" },
		{ "example.com.", "example.com" },
		{ "a@Example.com./R", "a@example.com/R" },
		{ "a@b\u3002c", "a@b.c" },
		{ "a@b\uFF0Ec\uFF61", "a@b.c" },
		{ "\uFF45\uFF58", "ex" },
		SAME("localhost"),
		SAME("1.2.3.4"),
		SAME("3com.example"),
		SAME("a-b.c--d"), /* hyphens in the second and third place */
		NONE("ab--c"),
		NONE("a..b"),
		NONE(".a"),
		NONE("a.."),
		NONE("a.\u3002"),
		NONE("\u3002"),
		NONE("-a"),
		NONE("a-"),
		NONE("a.-b"),
		NONE("a_b"),
		NONE("a b"),
		NONE("a\tb"),
		NONE("a:5222"),
		NONE("a!b"),
		NONE("\xFF"),
	};
	check_examples(e, ARRAY_LEN(e));
}

TEST(jid_domain_is_idna2008)
{
	static const struct example e[] = {
		SAME("b\u00FCcher.example"),
		{ "B\u00DCCHER.example", "b\u00FCcher.example" },
		{ "bu\u0308cher.example", "b\u00FCcher.example" },
		{ "xn--bcher-kva.example", "b\u00FCcher.example" },
		{ "XN--BCHER-KVA.Example", "b\u00FCcher.example" },
		{ "a.xn--bcher-kva", "a.b\u00FCcher" },
		SAME("fa\u00DF.de"), /* IDNA2003 made it fass.de */
		{ "xn--fa-hia.de", "fa\u00DF.de" },
		SAME("\u05D0\u05D1.com"),
		NONE("1.\u05D0\u05D1"), /* a Bidi name: every label must obey */
		NONE("\u05D0a.com"),
		SAME("l\u00B7l.cat"),
		SAME("\u13EB"), /* Cherokee: capitals are right */
		{ "\uABBB", "\u13EB" },
		{ "\u13FD", "\u13F5" },
		{ "xn--bce", "\u13EB" },
		NONE("a\u00B7b.cat"),
		NONE("\u2603.com"), /* symbols, which IDNA2003 took */
		NONE("\u0301a.com"),
		NONE("a\u200Cb.com"),
		NONE("-\u00FC"),
		NONE("\u00FC-"),
		NONE("\u00FCa--b"), /* hyphens in the third and fourth place */
		NONE("xn--"),
		NONE("xn--abc-"), /* an A-label of ASCII */
		NONE("xn--a"),
		NONE("xn--bcher-99999999"),
		NONE("xn--\u00FC"),
		NONE("xn--n3h.com"), /* the snowman */
	};
	check_examples(e, ARRAY_LEN(e));
}

TEST(jid_domain_literals)
{
	static const struct example e[] = {
		SAME("[::1]"),
		{ "a@[2001:DB8:0:0::1]/r", "a@[2001:db8::1]/r" },
		{ "[::1].", "[::1]" },
		SAME("a@[::ffff:192.0.2.1]"),
		NONE("[::1"),
		NONE("::1]"),
		NONE("[]"),
		NONE("[127.0.0.1]"),
		NONE("[::1%eth0]"),
		NONE("[::1]x"),
		NONE("x[::1]"),
		NONE("[1:2:3:4:5:6:7:8:9]"),
		NONE("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:"
		     "1]"),
	};
	check_examples(e, ARRAY_LEN(e));
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct jid j;
	CHECK(jid_parse(a, strv_make("[::1\0]", 6), &j) == -EINVAL);
	CHECK(jid_parse(a, strv_make("a\0b", 3), &j) == -EINVAL);
	CHECK(jid_parse(a, strv_make("\u00FC\0b", 4), &j) == -EINVAL);
}

TEST(jid_resource_part)
{
	static const struct example e[] = {
		SAME("a@b/Home Office"),
		SAME("a@b/\"&'/:<>@"),
		SAME("a@b/\uFF21\u2163"),
		{ "a@b/x\u3000y", "a@b/x y" },
		{ "a@b/e\u0301", "a@b/\u00E9" },
		NONE("a@b/x\ny"),
		NONE("a@b/\u200B"),
		NONE("a@b/\xE2\x99"),
	};
	check_examples(e, ARRAY_LEN(e));
}

static int parse_lengths(struct arena *a, size_t local, size_t label, size_t resource)
{
	char in[8192];
	size_t n = 0;
	struct jid j;
	memset(in, 'a', sizeof(in));
	if (local > 0)
		in[n = local] = '@', n++;
	n += label;
	if (resource > 0)
		in[n++] = '/', n += resource;
	return jid_parse(a, strv_make(in, n), &j);
}

TEST(jid_parts_are_limited)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	CHECK_INT(parse_lengths(a, 1023, 63, 1023), 0);
	CHECK_INT(parse_lengths(a, 1024, 1, 1), -EINVAL);
	CHECK_INT(parse_lengths(a, 1, 64, 1), -EINVAL);
	CHECK_INT(parse_lengths(a, 1, 1, 1024), -EINVAL);
	CHECK_INT(parse_lengths(a, 0, 1, 4000), -EINVAL);

	char in[2048];
	struct strv out;
	memset(in, 'a', sizeof(in));
	for (size_t i = 63; i < 253; i += 64)
		in[i] = '.';
	CHECK(jid_prep_domain(a, strv_make(in, 253), &out) == 0);
	in[253] = '.';
	CHECK(jid_prep_domain(a, strv_make(in, 254), &out) == 0); /* the dot goes first */
	CHECK_INT(out.n, 253);
	in[253] = 'a';
	CHECK(jid_prep_domain(a, strv_make(in, 254), &out) == -EINVAL);
	in[0] = 'A';
	CHECK(jid_prep_domain(a, strv_make(in, 254), &out) == -EINVAL);
	CHECK(jid_prep_domain(a, strv_make(in, 253), &out) == 0);

	/* the limit is on what comes out: 400 fullwidth letters are 1200 bytes, then 400
	 */
	for (size_t i = 0; i < 1200; i += 3)
		memcpy(in + i, "\uFF41", 3);
	CHECK(jid_prep_local(a, strv_make(in, 1200), &out) == 0);
	CHECK_INT(out.n, 400);
	/* where they stay, they are too many; U+0958 decomposes, so that 3 bytes become 6
	 */
	CHECK(jid_prep_resource(a, strv_make(in, 1200), &out) == -EINVAL);
	CHECK(jid_prep_resource(a, strv_make(in, 1023), &out) == 0);
	for (size_t i = 0; i < 1023; i += 3)
		memcpy(in + i, "\u0958", 3);
	CHECK(jid_prep_resource(a, strv_make(in, 1023), &out) == -EINVAL);
	CHECK(jid_prep_resource(a, strv_make(in, 510), &out) == 0);
}

TEST(jid_canonical_costs_no_memory)
{
	static const char *const in[] = { "juliet@example.com/Balcony", "example.com",
					  "a@b.c", "b/~ c" };
	AUTO(arena_free) struct arena *a = arena_new(4096);
	size_t used = arena_used(a);
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		struct jid j;
		CHECK(jid_parse(a, strv_from(in[i]), &j) == 0);
		CHECK(j.s == in[i]);
	}
	CHECK_INT(arena_used(a), used);
	struct strv s = STRV("b\u00FCcher"), out; /* borrowed, if not for nothing */
	CHECK(jid_prep_domain(a, s, &out) == 0 && out.p == s.p);
	CHECK(jid_prep_local(a, s, &out) == 0 && out.p == s.p);
	CHECK(jid_prep_resource(a, s, &out) == 0 && out.p == s.p);
}

TEST(jid_makes_and_copies)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct jid j = jid_make(a, STRV("a"), STRV("b.c"), STRV("d"));
	CHECK_STR(jid_text(j), "a@b.c/d");
	CHECK_STR(jid_bare_text(j), "a@b.c");
	CHECK_STR(jid_text(jid_bare(j)), "a@b.c");
	CHECK_STR(jid_text(jid_make(a, STRV_NULL, STRV("b"), STRV_NULL)), "b");
	CHECK_STR(jid_text(jid_make(a, STRV_NULL, STRV("b"), STRV("r"))), "b/r");
	CHECK_STR(jid_text(jid_make(a, STRV("l"), STRV("b"), STRV_NULL)), "l@b");
	struct jid copy = jid_dup(a, j);
	CHECK(copy.s != j.s && jid_eq(copy, j) && strlen(copy.s) == 7);
	CHECK(jid_eq_bare(copy, jid_bare(j)) && !jid_eq(copy, jid_bare(j)));
	CHECK(jid_is_none(jid_dup(a, (struct jid){ 0 })));
	copy = jid_dup(a, jid_bare(j)); /* the resource is not carried along */
	CHECK_STR(strv_from(copy.s), "a@b.c");
}

/* Whatever parses is canonical: it parses again to itself, in place, part by part. */
static void check_stable(struct arena *a, struct strv in)
{
	struct jid j, again;
	struct strv out;
	if (jid_parse(a, in, &j) < 0)
		return;
	CHECK(utf8_is_valid(jid_text(j)));
	CHECK(j.n_local <= JID_PART_MAX && j.n_domain <= JID_PART_MAX && j.n_domain > 0);
	CHECK(jid_parse(a, jid_text(j), &again) == 0);
	CHECK(again.s == j.s && jid_eq(j, again));
	CHECK(jid_prep_domain(a, jid_domain(j), &out) == 0 && out.p == jid_domain(j).p);
	if (j.n_local)
		CHECK(jid_prep_local(a, jid_local(j), &out) == 0 && out.p == j.s);
	if (j.n_resource)
		CHECK(jid_prep_resource(a, jid_resource(j), &out) == 0 &&
		      out.p == jid_resource(j).p);
	CHECK(jid_eq(j, jid_make(a, jid_local(j), jid_domain(j), jid_resource(j))));
}

TEST(jid_is_stable_on_random_strings)
{
	static const char *const pieces[] = {
		"@",	  "/",	    ".",      "a",	   "B",	     "-",      "xn--",
		"1",	  " ",	    "\u00FC", "\u00DC",	   "\u0308", "\u05D0", "\u0661",
		"\uFF20", "\uFF21", "\u3002", "\u00B7",	   "l",	     "\u200C", "\u094D",
		"\u0130", "\u212B", "\xC3",   "bcher-kva", "\u30FB", "\u30A2", "\u00DF",
		"[::1]",  "ab.c",   "\u2163", "j@d/r",
	};
	AUTO(arena_free) struct arena *a = arena_new(64 * 1024);
	uint64_t x = 0x9E3779B97F4A7C15u;
	for (int round = 0; round < 100000; round++) {
		char s[256];
		size_t n = 0;
		for (int i = 0, len = 1 + round % 9; i < len; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			const char *piece = pieces[(x >> 32) % ARRAY_LEN(pieces)];
			memcpy(s + n, piece, strlen(piece));
			n += strlen(piece);
		}
		check_stable(a, strv_make(s, n));
		arena_reset(a);
	}
}

TEST(jid_from_text_has_the_parts_of_what_was_parsed)
{
	static const char *const texts[] = { "a@x",   "x",	   "a@x/r", "x/r",
					     "x/a@r", "a@x/b@c/d", "x/@" };
	AUTO(arena_free) struct arena *a = arena_new(1024);

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct jid want, got = jid_from_text(strv_from(texts[i]));

		CHECK_INT(jid_parse(a, strv_from(texts[i]), &want), 0);
		CHECK(jid_eq(got, want) && got.s == texts[i]);
	}
}
