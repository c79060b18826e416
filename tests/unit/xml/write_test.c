/* Writing: escapes, elements at another place, the writer. */
#include "feed.h"
#include "test.h"

#include <stdio.h>

TEST(write_escapes_text)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1000);

	CHECK_INT(xml_write_text(&b, STRV("a<b>&'\"]]>\r\n\t\xc3\xa4")), 0);
	CHECK_STR(buf_strv(&b), "a&lt;b&gt;&amp;'\"]]&gt;&#13;\n\t\xc3\xa4");
}

TEST(write_escapes_values)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1000);

	CHECK_INT(xml_write_attr(&b, "n", STRV("a<b>&'\"\r\n\t\xc3\xa4")), 0);
	CHECK_STR(buf_strv(&b), " n='a&lt;b>&amp;&apos;\"&#13;&#10;&#9;\xc3\xa4'");
	buf_clear(&b);
	CHECK_INT(xml_write_attr(&b, "n", STRV("")), 0);
	CHECK_STR(buf_strv(&b), " n=''");
}

/* Whether one looks at the bytes of a value, and where the look ends, changes nothing. */
TEST(write_escapes_values_of_each_length)
{
	for (size_t n = 0; n < 50; n++) {
		for (size_t at = 0; at <= n; at++) { /* at == n: nothing to escape */
			AUTO(buf_free) struct buf b = BUF_INIT(1000);
			char value[64], want[80];
			int len;

			memset(value, 'v', sizeof(value));
			len = snprintf(want, sizeof(want), " n='%.*s%s%.*s'", (int)at,
				       value, at < n ? "&apos;" : "",
				       (int)(at < n ? n - at - 1 : 0), value);
			if (at < n)
				value[at] = '\'';
			CHECK_INT(xml_write_attr(&b, "n", strv_make(value, n)), 0);
			CHECK_STR(buf_strv(&b), want);
			CHECK_INT(b.n, len);
		}
	}
}

TEST(write_knows_the_end_of_its_room)
{
	for (size_t max = 0; max < 12; max++) {
		struct buf b = BUF_INIT(max);

		CHECK_INT(xml_write_attr(&b, "n", STRV("value")), /* n='value' */
			  max < 10 ? -EMSGSIZE : 0);
		CHECK(b.n <= max);
		buf_free(&b);
	}
}

TEST(write_escapes_what_is_read_back)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	AUTO(buf_free) struct buf b = BUF_INIT(1000);
	const char *s = "<>&'\"\r\n\t \r\n]]>\x7f\xf0\x9f\x98\x80";
	struct xml_el *e;

	buf_put(&b, STRV("<a"));
	CHECK_INT(xml_write_attr(&b, "b", strv_from(s)), 0);
	buf_putc(&b, '>');
	CHECK_INT(xml_write_text(&b, strv_from(s)), 0);
	buf_put(&b, STRV("</a>"));
	CHECK_INT(xml_parse(a, buf_strv(&b), NS_CLIENT, &e), 0);
	CHECK_STR(xml_attr(e, "b"), s);
	CHECK_STR(xml_text(e, a), s);
}

/* Reads `in` behind a header that declares h, stream and jabber:client, writes it for a
 * place whose default namespace is `outer`; it must mean the same there, where h is not
 * declared. */
static void check_write(const char *header, const char *in, enum xml_ns outer,
			const char *want)
{
	AUTO(buf_free)
	struct buf b = BUF_INIT(10000), before = BUF_INIT(10000), after = BUF_INIT(10000);
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_reader *r = xml_reader_new();
	struct xml_stream s = { 0 };
	enum xml_error err;
	struct xml_el *e;
	size_t used;

	CHECK_INT(xml_next(r, &s, strv_from(header), &used, &e, &err), XML_OPEN);
	CHECK_INT(xml_next(r, &s, strv_from(in), &used, &e, &err), XML_ELEMENT);
	CHECK_INT(xml_write_el(&b, e, outer), 0);
	dump_el(&before, e);
	CHECK_STR(buf_strv(&b), want);
	CHECK_INT(xml_parse(a, buf_strv(&b), outer, &e), 0);
	CHECK(!e->uses_outer_prefix);
	dump_el(&after, e);
	CHECK_STR(buf_strv(&after), buf_cstr(&before));
	xml_reader_free(&r);
	xml_stream_reset(&s);
}

TEST(write_element_elsewhere)
{
	static const char h[] =
		"<stream:stream " HEADER_ATTRS " xmlns:h='urn:h&amp;' xmlns:i='i'>";

	/* As it is written where that is right. */
	check_write(h, "<a><b/></a>", NS_CLIENT, "<a><b/></a>");
	check_write(h, "<a  b = \"c\" >&#65;</a >", NS_CLIENT,
		    "<a  b = \"c\" >&#65;</a >");
	check_write(h, "<a xmlns='u'><b/></a>", NS_NONE, "<a xmlns='u'><b/></a>");
	check_write(h, "<p:a xmlns:p='u'/>", NS_ROSTER, "<p:a xmlns:p='u'/>");
	/* In another default namespace. */
	check_write(h, "<a><b/></a>", NS_NONE, "<a xmlns='jabber:client'><b/></a>");
	check_write(h, "<a b='c'/>", NS_SASL, "<a xmlns='jabber:client' b='c'/>");
	check_write(h, "<p:a xmlns:p='u'><b/></p:a>", NS_NONE,
		    "<p:a xmlns='jabber:client' xmlns:p='u'><b/></p:a>");
	check_write(h, "<p:a xmlns:p='u'><b xmlns='v'/><p:c><d/></p:c></p:a>", NS_NONE,
		    "<p:a xmlns='jabber:client' xmlns:p='u'><b "
		    "xmlns='v'/><p:c><d/></p:c></p:a>");
	/* Prefixes of the header, only those that are used, each once. */
	check_write(h, "<h:a/>", NS_CLIENT, "<h:a xmlns:h='urn:h&amp;'/>");
	check_write(h, "<h:a><h:b h:c=''/></h:a>", NS_NONE,
		    "<h:a xmlns:h='urn:h&amp;'><h:b h:c=''/></h:a>");
	check_write(h, "<a><b i:x='1'/><h:c/></a>", NS_CLIENT,
		    "<a xmlns:i='i' xmlns:h='urn:h&amp;'><b i:x='1'/><h:c/></a>");
	check_write(h, "<a><h:b xmlns:h='v'/><i:c/></a>", NS_CLIENT,
		    "<a xmlns:i='i'><h:b xmlns:h='v'/><i:c/></a>");
	check_write(h, "<h:a><b/></h:a>", NS_NONE,
		    "<h:a xmlns='jabber:client' xmlns:h='urn:h&amp;'><b/></h:a>");
	check_write(h, "<stream:error/>", NS_CLIENT,
		    "<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>");
}

TEST(write_element_of_an_unusual_header)
{
	static const char c[] = "<stream xmlns='http://etherx.jabber.org/streams' "
				"xmlns:c='jabber:client'>";

	check_write(c, "<c:iq type='get'><query xmlns='u'/></c:iq>", NS_CLIENT,
		    "<c:iq xmlns:c='jabber:client' type='get'><query xmlns='u'/></c:iq>");
	check_write(
		c, "<c:iq><a/></c:iq>", NS_CLIENT,
		"<c:iq xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>"
		"<a/></c:iq>");
	check_write("<s:stream xmlns:s='http://etherx.jabber.org/streams'>", "<a/>",
		    NS_CLIENT, "<a xmlns=''/>");
	check_write("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='u'>",
		    "<a/>", NS_CLIENT, "<a xmlns='u'/>");
}

TEST(write_child_alone)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	AUTO(buf_free) struct buf b = BUF_INIT(1000);
	struct xml_el *e;

	CHECK_INT(
		xml_parse(a,
			  STRV("<a xmlns='u' xmlns:p='v' xmlns:q='w'><b><p:c/></b></a>"),
			  NS_CLIENT, &e),
		0);
	CHECK_INT(xml_write_el(&b, e->first, NS_CLIENT), 0);
	CHECK_STR(buf_strv(&b), "<b xmlns='u' xmlns:p='v'><p:c/></b>");
}

static void check_inner(const char *in, const char *want)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	AUTO(buf_free) struct buf b = BUF_INIT(1000);
	struct xml_el *e;

	CHECK_INT(xml_parse(a, strv_from(in), NS_CLIENT, &e), 0);
	CHECK_INT(xml_write_inner(&b, e), 0);
	CHECK_STR(buf_strv(&b), want);
}

TEST(write_what_is_inside)
{
	check_inner("<a/>", "");
	check_inner("<a>1&amp;<b/>2<c xmlns='u'/> </a>", "1&amp;<b/>2<c xmlns='u'/> ");
	check_inner("<a xmlns='u'><b/></a>", "<b/>");
	check_inner("<a xmlns:p='u'>1<b/>2<p:c/>3<d><p:e/></d>4</a>",
		    "1<b/>2<p:c xmlns:p='u'/>3<d xmlns:p='u'><p:e/></d>4");
	check_inner("<p:a xmlns:p='u'>1<b/>2<p:c/>3</p:a>",
		    "1<b xmlns='jabber:client'/>2<p:c xmlns:p='u'/>3");
}

TEST(write_stops_at_the_buffers_maximum)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_el *e;
	size_t whole = strlen("<h xmlns='jabber:client' xmlns:stream='"
			      "http://etherx.jabber.org/streams'>&lt;<stream:x/></h>");

	CHECK_INT(xml_parse(a, STRV("<h>&lt;<stream:x/></h>"), NS_CLIENT, &e), 0);
	for (size_t max = 0; max <= whole; max++) {
		AUTO(buf_free) struct buf b = BUF_INIT(max);

		CHECK_INT(xml_write_el(&b, e, NS_NONE), max < whole ? -EMSGSIZE : 0);
		CHECK(b.n <= max);
	}
}

static int reply(struct buf *b)
{
	struct xml_out o = xml_out(b);

	xo_start(&o, "iq", NS_NONE);
	xo_attr(&o, "type", STRV("result"));
	xo_attr(&o, "to", STRV_NULL);
	xo_attr(&o, "id", STRV("'1'"));
	xo_start(&o, "query", NS_ROSTER);
	xo_attrf(&o, "n", "%d&", 7);
	xo_leaf(&o, "group", NS_NONE, STRV("a<b"));
	xo_leaf(&o, "empty", NS_PING, STRV_NULL);
	xo_raw(&o, STRV("<raw/>"));
	xo_text(&o, STRV("t"));
	xo_text(&o, STRV(""));
	xo_end(&o);
	xo_start(&o, "none", NS_NONE);
	xo_text(&o, STRV(""));
	xo_raw(&o, STRV(""));
	xo_end(&o);
	xo_end(&o);
	return o.err;
}

TEST(out_writes_a_reply)
{
	static const char want[] = "<iq type='result' id='&apos;1&apos;'><query "
				   "xmlns='jabber:iq:roster' n='7&amp;'>"
				   "<group>a&lt;b</group><empty "
				   "xmlns='urn:xmpp:ping'/><raw/>t</query><none/></iq>";

	for (size_t max = 0; max < sizeof(want); max++) {
		AUTO(buf_free) struct buf b = BUF_INIT(max);
		int r = reply(&b);

		CHECK_INT(r, max < sizeof(want) - 1 ? -EMSGSIZE : 0);
		if (r == 0)
			CHECK_STR(buf_strv(&b), want);
	}
}

TEST(out_formats_long_attributes)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1000);
	struct xml_out o = xml_out(&b);

	xo_start(&o, "a", NS_NONE);
	xo_attrf(&o, "b", "%0300d", 1);
	xo_end(&o);
	CHECK_INT(o.err, 0);
	CHECK_INT(b.n, strlen("<a b=''/>") + 300);
	CHECK(strv_starts(buf_strv(&b), STRV("<a b='000")));
}

TEST(out_takes_elements)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	AUTO(buf_free) struct buf b = BUF_INIT(1000);
	struct xml_out o = xml_out(&b);
	struct xml_el *e;

	CHECK_INT(xml_parse(a, STRV("<a/>"), NS_CLIENT, &e), 0);
	xo_start(&o, "forwarded", NS_NONE);
	xo_el(&o, e, NS_NONE);
	xo_el(&o, e, NS_CLIENT);
	xo_end(&o);
	CHECK_INT(o.err, 0);
	CHECK_STR(buf_strv(&b), "<forwarded><a xmlns='jabber:client'/><a/></forwarded>");
}
