/* Standalone elements, and looking at a tree. */
#include "feed.h"
#include "test.h"

static struct xml_el *parse(struct arena *a, const char *in)
{
	struct xml_el *e;

	CHECK_INT(xml_parse(a, strv_from(in), NS_CLIENT, &e), 0);
	return e;
}

TEST(parse_takes_one_element)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	AUTO(buf_free) struct buf b = BUF_INIT(1000);
	struct xml_el *e;

	dump_el(&b, parse(a, " <a b='c'><d xmlns='u'/>x</a>\n"));
	CHECK_STR(buf_strv(&b), "{client}a b='c'\"x\"{{u}d}");
	CHECK_INT(xml_parse(a, STRV("<a><stream:b/></a>"), NS_NONE, &e), 0);
	CHECK(e->ns == NS_NONE && e->first->ns == NS_STREAM);
	CHECK_INT(xml_parse(a, STRV("<a/>"), NS_ROSTER, &e), 0);
	CHECK(e->ns == NS_ROSTER);
	CHECK_STR(e->ns_uri, "jabber:iq:roster");
}

TEST(parse_refuses_all_else)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	static const char *const bad[] = {
		"",
		" ",
		"<",
		">",
		"<>",
		"a",
		"<a>",
		"<a",
		"<a/><b/>",
		"<a/>x",
		"x<a/>",
		"<a></a></a>",
		"</a>",
		"<a></b>",
		"<p:a/>",
		"<!-- --><a/>",
		"<?xml version='1.0'?><a/>",
		"<a/>>",
		"<a b='>",
		"<a>&x;</a>",
		"<a><![CDATA[</a>",
		"<a>]]>",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct xml_el *e = NULL;
		int r = xml_parse(a, strv_from(bad[i]), NS_CLIENT, &e);

		if (r != -EBADMSG || e != NULL)
			test_fail(__FILE__, __LINE__, "%s: %d", bad[i], r);
	}
}

/* Every beginning of an element is refused, and read no further than it goes. */
TEST(parse_refuses_parts)
{
	struct strv all = STRV("<p:a \xc3\xa4 = '&#65;&lt;\r\n' xmlns:p=\"u\">]]<b/>&amp;"
			       "<![CDATA[]>]]]><c:d xmlns:c='x'></c:d ></p:a >");

	for (size_t n = 0; n <= all.n; n++) {
		AUTO(arena_free) struct arena *a = arena_new(1024);
		AUTO(mem_freep) char *own = mem_alloc(n + 1);
		struct xml_el *e;

		memcpy(own + 1, all.p, n);
		CHECK_INT(xml_parse(a, strv_make(own + 1, n), NS_CLIENT, &e),
			  n == all.n ? 0 : -EBADMSG);
	}
}

TEST(tree_slices_its_input)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_el *e =
		parse(a, "<a b = 'c' p:d=\"&amp;\" xmlns:p='u'> x<e f=''/>&lt;</a >");

	CHECK_STR(e->raw, "<a b = 'c' p:d=\"&amp;\" xmlns:p='u'> x<e f=''/>&lt;</a >");
	CHECK_STR(e->inner, " x<e f=''/>&lt;");
	CHECK_STR(e->first->raw, "<e f=''/>");
	CHECK_STR(e->first->inner, "");
	CHECK(e->first->inner.p == e->first->raw.p + e->first->raw.n);
	CHECK_INT(e->n_attr, 2);
	CHECK_STR(e->attr[0].raw, "b = 'c'");
	CHECK_STR(e->attr[1].raw, "p:d=\"&amp;\"");
	CHECK_STR(e->attr[1].prefix, "p");
	CHECK_STR(e->attr[1].local, "d");
	CHECK_STR(e->attr[1].value, "&");
	CHECK(e->attr[0].value.p == e->raw.p + strlen("<a b = '")); /* no copy */
}

TEST(tree_finds_attributes)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_el *e =
		parse(a, "<a xml:lang='en' lang='de' b='' xmlns:p='urn:xmpp:ping' "
			 "p:b='1'/>");

	CHECK_STR(xml_attr(e, "lang"), "de");
	CHECK_STR(xml_attr_ns(e, NS_XML, "lang"), "en");
	CHECK_STR(xml_attr_ns(e, NS_PING, "b"), "1");
	CHECK(xml_attr(e, "b").p != NULL && xml_attr(e, "b").n == 0);
	CHECK(xml_attr(e, "bb").p == NULL);
	CHECK(xml_attr(e, "xmlns").p == NULL);
	CHECK(xml_attr_ns(e, NS_XML, "b").p == NULL);
}

TEST(tree_finds_children)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_el *e = parse(a, "<a>1<b/><c xmlns='urn:xmpp:ping'/><b i='2'/><b "
				    "xmlns='jabber:iq:roster'/></a>");

	CHECK(xml_is(e, NS_CLIENT, "a") && !xml_is(e, NS_CLIENT, "b") &&
	      !xml_is(e, NS_PING, "a"));
	CHECK(xml_child(e, NS_CLIENT, "b") == e->first);
	CHECK(xml_child(e, NS_CLIENT, NULL) == e->first);
	CHECK(xml_child(e, NS_PING, NULL) == e->first->next);
	CHECK(xml_child(e, NS_ROSTER, "b") == e->last);
	CHECK(xml_child(e, NS_ROSTER, "c") == NULL);
	CHECK(xml_child(e->first, NS_CLIENT, NULL) == NULL);
}

TEST(text_is_a_slice_where_it_can_be)
{
	AUTO(arena_free) struct arena *a = arena_new(1024), *t = arena_new(1024);
	static const struct {
		const char *in, *text;
		bool slice;
	} cases[] = {
		{ "<a/>", "", true },
		{ "<a></a>", "", true },
		{ "<a>x y</a>", "x y", true },
		{ "<a>x<b/></a>", "x", true },
		{ "<a><b/>x</a>", "x", true },
		{ "<a><b>1</b>x<b>2</b></a>", "x", true },
		{ "<a>x<b/>y</a>", "xy", false },
		{ "<a>x&gt;</a>", "x>", false },
		{ "<a><b>&gt;</b>x</a>", "x", true },
		{ "<a>x\r\n</a>", "x\n", false },
		{ "<a><![CDATA[x]]></a>", "x", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct strv text;

		arena_reset(t);
		text = xml_text(parse(a, cases[i].in), t);
		CHECK_STR(text, cases[i].text);
		CHECK(text.p != NULL);
		CHECK_INT(arena_used(t) == 0, cases[i].slice);
	}
}

static void check_flags(const char *in, bool prefix, bool dflt)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_el *e = parse(a, in);

	if (e->uses_outer_prefix != prefix || e->uses_outer_default != dflt)
		test_fail(__FILE__, __LINE__, "%s: prefix %d, default %d", in,
			  e->uses_outer_prefix, e->uses_outer_default);
}

TEST(tree_knows_what_it_takes_from_around)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_el *e;

	check_flags("<a/>", false, true);
	check_flags("<a xmlns='u'/>", false, false);
	check_flags("<a xmlns=''/>", false, false);
	check_flags("<a xmlns='u'><b/></a>", false, false);
	check_flags("<p:a xmlns:p='u'/>", false, false);
	check_flags("<p:a xmlns:p='u'><b/></p:a>", false, true);
	check_flags("<p:a xmlns:p='u'><b xmlns='v'/></p:a>", false, false);
	check_flags("<p:a xmlns:p='u'><p:b><c xmlns='v'/><d/></p:b></p:a>", false, true);
	check_flags("<stream:a/>", true, false);
	check_flags("<a stream:b='c'/>", true, true);
	check_flags("<a xmlns='u'><b><stream:c/></b></a>", true, false);
	check_flags("<a xmlns='u' xmlns:stream='v'><b><stream:c/></b></a>", false, false);
	check_flags("<a xmlns='u' xml:lang='en'><xml:b/></a>", false, false);

	/* Seen from a child, its parent is around it. */
	e = parse(a, "<a xmlns='u' xmlns:p='v'><b/><p:c/><d xmlns='w' p:x=''/></a>");
	CHECK(!e->uses_outer_prefix && !e->uses_outer_default);
	CHECK(!e->first->uses_outer_prefix && e->first->uses_outer_default);
	CHECK(e->first->next->uses_outer_prefix && !e->first->next->uses_outer_default);
	CHECK(e->last->uses_outer_prefix && !e->last->uses_outer_default);
}
