/* What is well-formed and what is not, inside of an element. */
#include "feed.h"
#include "test.h"

#include <stdio.h>

/* `in` in a stream gives one element, dumped as `want`. */
static void good(const char *in, const char *want)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20), w = BUF_INIT(1 << 20);

	buf_putf(&b, "%s%s<end/>", HEADER, in);
	buf_putf(&w, OPEN "element %s\nelement {client}end\nmore\n", want);
	check_feed(in, 0, buf_strv(&b), buf_cstr(&w));
}

static void bad(struct strv in, enum xml_error err)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20), w = BUF_INIT(100);

	buf_put(&b, STRV(HEADER));
	buf_put(&b, in);
	buf_putf(&w, OPEN "fail %d\n", err);
	check_feed(in.p, 0, buf_strv(&b), buf_cstr(&w));
}

static void malformed(const char *in)
{
	bad(strv_from(in), XML_ERR_MALFORMED);
}

TEST(xml_nests)
{
	good("<a/>", "{client}a");
	good("<a></a>", "{client}a");
	good("<a\n/>", "{client}a");
	good("<a\t></a\r\n>", "{client}a");
	good("<a><b/><c><d/></c><a/></a>",
	     "{client}a{{client}b{client}c{{client}d}{client}a}");
	malformed("<a></b>");
	malformed("<a></ab>");
	malformed("<ab></a>");
	malformed("<a><b></a></b>");
	malformed("<a><b></a>");
	malformed("<a></stream:stream>");
	malformed("<a></ a>");
	malformed("<a></a b>");
	malformed("<a></a/>");
	malformed("<a></>");
	malformed("<a><></a>");
	malformed("< a/>");
	malformed("<a / >");
	malformed("<a/ >");
	malformed("<a//>");
	malformed("<a<b/>>");
	malformed("<a <b/>>");
}

TEST(xml_names_follow_the_fifth_edition)
{
	good("<_/>", "{client}_");
	good("<a.-_9\xc2\xb7/>", "{client}a.-_9\xc2\xb7");
	good("<\xc3\xa4/>", "{client}\xc3\xa4");		 /* U+00E4 */
	good("<a\xcc\x80/>", "{client}a\xcc\x80");		 /* U+0300 */
	good("<a\xe2\x80\xbf/>", "{client}a\xe2\x80\xbf");	 /* U+203F */
	good("<\xf0\x90\x80\x80/>", "{client}\xf0\x90\x80\x80"); /* U+10000 */
	good("<\xf3\xaf\xbf\xbf/>", "{client}\xf3\xaf\xbf\xbf"); /* U+EFFFF */
	good("<a \xcd\xb0='1'/>", "{client}a \xcd\xb0='1'");	 /* U+0370 */
	malformed("<1/>");
	malformed("<-a/>");
	malformed("<.a/>");
	malformed("<a!/>");
	malformed("<a$b/>");
	malformed("<\xc2\xb7/>");	   /* U+00B7 may not be first */
	malformed("<\xcc\x80/>");	   /* U+0300 neither */
	malformed("<a\xc3\x97/>");	   /* U+00D7, the multiplication sign */
	malformed("<a\xc3\xb7/>");	   /* U+00F7 */
	malformed("<a\xcd\xbe/>");	   /* U+037E, the Greek question mark */
	malformed("<a\xe2\x80\x80/>");	   /* U+2000 */
	malformed("<a\xe3\x80\x80/>");	   /* U+3000 */
	malformed("<a\xef\xb7\x90/>");	   /* U+FDD0 */
	malformed("<a\xf3\xb0\x80\x80/>"); /* U+F0000 */
	malformed("<a 1b='c'/>");
	malformed("<a \xe2\x80\x8e='c'/>");
	bad(STRV("<a\xc3/>"), XML_ERR_ENCODING);
	bad(STRV("<\xff/>"), XML_ERR_ENCODING);
}

TEST(xml_attributes)
{
	good("<a b='1' c=\"2\"/>", "{client}a b='1' c='2'");
	good("<a b = '1'\n\tc\r=\r'2' ></a>", "{client}a b='1' c='2'");
	good("<a b='' c='\"' d=\"'\"/>", "{client}a b='' c='\"' d='''");
	good("<a b='/>' c='>'/>", "{client}a b='/>' c='>'");
	good("<a b=']]>'/>", "{client}a b=']]>'");
	good("<a b='0123456789abcdef0123456789\"abcdef'/>",
	     "{client}a b='0123456789abcdef0123456789\"abcdef'");
	malformed("<a b/>");
	malformed("<a b></a>");
	malformed("<a b=c/>");
	malformed("<a b='c'd='e'/>");
	malformed("<a b='c'/ >");
	malformed("<a b='<'/>");
	malformed("<a b='c' b='d'/>");
	malformed("<a b='c' x='' y='' b=\"c\"/>");
	malformed("<a b=='c'/>");
	malformed("<a ='c'/>");
	malformed("<a 'c'/>");
	malformed("<a b='\x01'/>");
	malformed("<a b='&'/>");
	malformed("<a b='&amp'/>");
	malformed("<a b='& amp;'/>");
	malformed("<a b:='c'/>");
	malformed("<a :b='c'/>");
}

TEST(xml_attribute_values_are_normalised)
{
	good("<a b='1\t2\n3\r4\r\n5  6'/>", "{client}a b='1 2 3 4 5  6'");
	good("<a b='&lt;&gt;&amp;&quot;&apos;'/>", "{client}a b='<>&\"''");
	good("<a b='&#9;&#10;&#13;&#x20;&#xD;&#xa;'/>", "{client}a b='\t\n\r \r\n'");
	good("<a b='&#228;&#x20AC;&#x1F600;&#x10ffff;'/>",
	     "{client}a b='\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf'");
	good("<a b='\xc3\xa4&amp;\xe2\x82\xac'/>", "{client}a b='\xc3\xa4&\xe2\x82\xac'");
	good("<a b='&#00000000000000000000065;'/>", "{client}a b='A'");
	good("<a b='\r\r\n\n'/>", "{client}a b='   '");
	good("<a b='&#13;\n'/>", "{client}a b='\r '");
}

TEST(xml_character_data)
{
	good("<a>x</a>", "{client}a\"x\"");
	good("<a>x<b>y</b>z</a>", "{client}a\"xz\"{{client}b\"y\"}");
	good("<a>&lt;&gt;&amp;&quot;&apos;</a>", "{client}a\"<>&\"'\"");
	good("<a>&#65;&#x42;</a>", "{client}a\"AB\"");
	good("<a>1\r\n2\r3\n4\r\r\n5</a>", "{client}a\"1\n2\n3\n4\n\n5\"");
	good("<a>&#13;&#xD;&#10;</a>", "{client}a\"\r\r\n\"");
	good("<a>></a>", "{client}a\">\"");
	good("<a>]]</a>", "{client}a\"]]\"");
	good("<a>]>]] ></a>", "{client}a\"]>]] >\"");
	good("<a>]]&gt;</a>", "{client}a\"]]>\"");
	good("<a>\"'=/</a>", "{client}a\"\"'=/\"");
	good("<a>\x7f\xc2\x80\xc2\x85\xe2\x80\xa8</a>",
	     "{client}a\"\x7f\xc2\x80\xc2\x85\xe2\x80\xa8\"");
	malformed("<a>]]></a>");
	malformed("<a>]]]></a>");
	malformed("<a>&</a>");
	malformed("<a>&;</a>");
	malformed("<a>&amp</a>");
	malformed("<a>&amp ;</a>");
	malformed("<a>&1;</a>");
	malformed("<a>\x01</a>");
	malformed("<a>\x1f</a>");
	malformed("<a>\x0b</a>");
	malformed("<a>\x0c</a>");
	bad(strv_make("<a>\0</a>", 8), XML_ERR_MALFORMED);
}

TEST(xml_character_references)
{
	good("<a>&#9;</a>", "{client}a\"\t\"");
	good("<a>&#xD7FF;&#xE000;&#xFFFD;&#x10000;</a>",
	     "{client}a\"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd\xf0\x90\x80\x80\"");
	malformed("<a>&#;</a>");
	malformed("<a>&#x;</a>");
	malformed("<a>&#X41;</a>");
	malformed("<a>&#a;</a>");
	malformed("<a>&#xg;</a>");
	malformed("<a>&#6 5;</a>");
	malformed("<a>&# 65;</a>");
	malformed("<a>&#-65;</a>");
	malformed("<a>&#65</a>");
	malformed("<a>&#0;</a>");
	malformed("<a>&#8;</a>");
	malformed("<a>&#x1f;</a>");
	malformed("<a>&#xD800;</a>");
	malformed("<a>&#xDFFF;</a>");
	malformed("<a>&#xFFFE;</a>");
	malformed("<a>&#xFFFF;</a>");
	malformed("<a>&#x110000;</a>");
	malformed("<a>&#4294967361;</a>"); /* 2^32 + 65 */
	malformed("<a>&#x100000041;</a>");
}

TEST(xml_cdata_sections)
{
	good("<a><![CDATA[]]></a>", "{client}a");
	good("<a><![CDATA[<b>&amp;</b>]]></a>", "{client}a\"<b>&amp;</b>\"");
	good("<a>1<![CDATA[2]]>3<![CDATA[4]]></a>", "{client}a\"1234\"");
	good("<a><![CDATA[]]]]><b/><![CDATA[>]]]></a>", "{client}a\"]]>]\"{{client}b}");
	good("<a><![CDATA[ ]>]] >]]></a>", "{client}a\" ]>]] >\"");
	good("<a><![CDATA[1\r\n2\r3]]></a>", "{client}a\"1\n2\n3\"");
	good("<a><![CDATA[\r]]>\n</a>", "{client}a\"\n\n\"");
	good("<a><![CDATA[<![CDATA[]]></a>", "{client}a\"<![CDATA[\"");
	good("<a><![CDATA[\xc3\xa4]]></a>", "{client}a\"\xc3\xa4\"");
	malformed("<a><![CDATA[]]>]]></a>");
	malformed("<a><![cdata[]]></a>");
	malformed("<a><![CDATA []]></a>");
	malformed("<a><![CDATA[\x02]]></a>");
	malformed("<a><![INCLUDE[]]></a>");
	bad(STRV("<a><![CDATA[\x80]]></a>"), XML_ERR_ENCODING);
}

TEST(xml_is_utf_8)
{
	static const char *const wrong[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xc3(",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xe2(\xa1",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x98",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
	};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char in[64];

		snprintf(in, sizeof(in), "<a>x%s</a>", wrong[i]);
		bad(strv_from(in), XML_ERR_ENCODING);
		snprintf(in, sizeof(in), "<a b='%s'/>", wrong[i]);
		bad(strv_from(in), XML_ERR_ENCODING);
		snprintf(in, sizeof(in), "<a%s/>", wrong[i]);
		bad(strv_from(in), XML_ERR_ENCODING);
	}
	good("<a>\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd</a>",
	     "{client}"
	     "a\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd\"");
	good("<a>\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\xf0\x9f\xbf\xbe</a>",
	     "{client}a\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\xf0\x9f\xbf\xbe\"");
	malformed("<a>\xef\xbf\xbe</a>"); /* U+FFFE: UTF-8, but no character */
	malformed("<a>\xef\xbf\xbf</a>");
	malformed("<a b='\xef\xbf\xbf'/>");
}

TEST(xml_restricted)
{
	bad(STRV("<a><!-- x --></a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a><!----></a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a><?x y?></a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a><?xml version='1.0'?></a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a><!DOCTYPE a></a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a><!ENTITY a 'b'></a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a>&foo;</a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a>&amp1;</a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a>&AMP;</a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a>&\xc3\xa4;</a>"), XML_ERR_RESTRICTED);
	bad(STRV("<a b='&foo;'/>"), XML_ERR_RESTRICTED);
	bad(STRV("<a b='&a:b;'/>"), XML_ERR_RESTRICTED);
}

static void nest(struct buf *b, int levels)
{
	buf_put(b, STRV("<a>"));
	for (int i = 0; i < levels; i++)
		buf_put(b, STRV("<b>"));
	for (int i = 0; i < levels; i++)
		buf_put(b, STRV("</b>"));
	buf_put(b, STRV("</a>"));
}

TEST(xml_depth_has_a_bound)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct feed f;

	nest(&b, XML_MAX_DEPTH);
	CHECK(strstr(feed_all_ways(buf_strv(&b), 0), "close\n") != NULL);
	buf_clear(&b);
	nest(&b, XML_MAX_DEPTH + 1);
	CHECK_STR(strv_from(feed_all_ways(buf_strv(&b), 0)), "open a\nfail 5\n");

	/* The same where the scanner counts, not the parser. */
	feed_init(&f, 0);
	feed_add(&f, STRV("<a><b>"));
	for (int i = 0; i < 3000; i++)
		feed_add(&f, STRV("x"));
	for (int i = 0; i < XML_MAX_DEPTH; i++)
		feed_add(&f, STRV("<b>"));
	CHECK_STR(buf_strv(&f.out), "open a\nfail 5\n");
	feed_fini(&f);
}

static enum xml_event try(const struct buf *b, enum xml_error *err)
{
	struct xml_reader *r = xml_reader_new();
	struct xml_stream s = { 0 };
	struct xml_el *e;
	enum xml_event event;
	size_t used;

	*err = XML_OK;
	event = xml_next(r, &s, STRV("<a>"), &used, &e, err);
	CHECK_INT(event, XML_OPEN);
	event = xml_next(r, &s, buf_strv(b), &used, &e, err);
	xml_reader_free(&r);
	xml_stream_reset(&s);
	return event;
}

TEST(xml_attributes_have_a_bound)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	enum xml_error err;

	buf_put(&b, STRV("<a"));
	for (int i = 0; i < XML_MAX_ATTRS; i++)
		buf_putf(&b, " a%d='%d'", i, i);
	buf_put(&b, STRV("/>"));
	CHECK_INT(try(&b, &err), XML_ELEMENT);
	b.n -= 2;
	buf_put(&b, STRV(" b='c'/>"));
	CHECK_INT(try(&b, &err), XML_FAIL);
	CHECK_INT(err, XML_ERR_TOO_DEEP);
}

TEST(xml_many_attributes_have_different_names)
{
	static const struct {
		const char *last;
		enum xml_error err;
	} cases[] = {
		{ "b='c'", XML_OK },
		{ "a0='c'", XML_ERR_MALFORMED },
		{ "a99='c'", XML_ERR_MALFORMED },
		{ "p:a7='c'", XML_OK },
		{ "p:a7='c' q:a7='c'", XML_ERR_MALFORMED },
		{ "p:a7='c' p:a7='c'", XML_ERR_MALFORMED },
		{ "p:a7='c' r:a7='c'", XML_OK },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
		enum xml_error err;

		buf_put(&b, STRV("<a xmlns:p='u' xmlns:q='u' xmlns:r='v'"));
		for (int n = 0; n < 100; n++)
			buf_putf(&b, " a%d=''", n);
		buf_putf(&b, " %s/>", cases[i].last);
		CHECK_INT(try(&b, &err), cases[i].err ? XML_FAIL : XML_ELEMENT);
		CHECK_INT(err, cases[i].err);
	}
}

static void put_declarations(struct buf *b, const char *name, int n)
{
	buf_putf(b, "<%s", name);
	for (int i = 0; i < n; i++)
		buf_putf(b, " xmlns:%s%d='u'", name, i);
}

/* What is declared side by side does not add up, what is nested does. */
TEST(xml_declarations_have_a_bound)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	enum xml_error err;

	put_declarations(&b, "a", XML_MAX_SCOPE / 2);
	buf_putc(&b, '>');
	put_declarations(&b, "b", XML_MAX_SCOPE / 2);
	buf_put(&b, STRV("/>"));
	put_declarations(&b, "c", XML_MAX_SCOPE / 2);
	buf_put(&b, STRV("/></a>"));
	CHECK_INT(try(&b, &err), XML_ELEMENT);
	b.n -= strlen("/></a>");
	buf_put(&b, STRV("><d xmlns='u'/></c></a>"));
	CHECK_INT(try(&b, &err), XML_FAIL);
	CHECK_INT(err, XML_ERR_TOO_DEEP);
}

TEST(xml_elements_have_a_bound)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	enum xml_error err;

	buf_put(&b, STRV("<a>"));
	for (int i = 1; i < XML_MAX_NODES; i++)
		buf_put(&b, STRV("<b/>"));
	buf_put(&b, STRV("</a>"));
	CHECK_INT(try(&b, &err), XML_ELEMENT);
	b.n -= 4;
	buf_put(&b, STRV("<b/></a>"));
	CHECK_INT(try(&b, &err), XML_FAIL);
	CHECK_INT(err, XML_ERR_TOO_DEEP);
}

TEST(xml_attributes_of_all_elements_have_a_bound)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	enum xml_error err;

	buf_put(&b, STRV("<a>"));
	for (int i = 0; i < XML_MAX_NODES / 2; i++)
		buf_put(&b, STRV("<b c='' xmlns=''/>"));
	buf_put(&b, STRV("</a>"));
	CHECK_INT(try(&b, &err), XML_ELEMENT);
	b.n -= 4;
	buf_put(&b, STRV("<b c=''/></a>"));
	CHECK_INT(try(&b, &err), XML_FAIL);
	CHECK_INT(err, XML_ERR_TOO_DEEP);
}

/* Attributes of one tag stand side by side, however many there are. */
TEST(xml_keeps_many_attributes)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_el *e;

	buf_put(&b, STRV("<a x='y'><b x='&amp;' xmlns:p='q'"));
	for (int i = 0; i < 100; i++)
		buf_putf(&b, " a%d='&lt;%d'", i, i);
	buf_put(&b, STRV("/><c z='1'/></a>"));
	CHECK_INT(xml_parse(a, buf_strv(&b), NS_CLIENT, &e), 0);
	CHECK_STR(xml_attr(e, "x"), "y");
	CHECK_INT(e->first->n_attr, 101);
	for (int i = 0; i < 100; i++) {
		char name[16], value[16];

		snprintf(name, sizeof(name), "a%d", i);
		snprintf(value, sizeof(value), "<%d", i);
		CHECK_STR(xml_attr(e->first, name), value);
	}
	CHECK_STR(xml_attr(e->last, "z"), "1");
}

/* What the server adds to a stanza of that size must not make it unreadable. */
TEST(xml_what_was_read_may_grow)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 16);
	AUTO(buf_free) struct buf b = BUF_INIT(4 << 20);
	struct xml_el *e;

	buf_put(&b, STRV("<a from='x' xml:lang='y'"));
	for (int i = 0; i < XML_MAX_ATTRS; i++)
		buf_putf(&b, " a%d=''", i);
	buf_putc(&b, '>');
	put_declarations(&b, "b", XML_MAX_SCOPE + 64);
	buf_put(&b, STRV("/>"));
	for (int i = 0; i < XML_MAX_NODES; i++)
		buf_put(&b, STRV("<p:c xmlns:p='u' xmlns:q='v'/>"));
	buf_put(&b, STRV("</a>"));
	CHECK_INT(xml_parse(a, buf_strv(&b), NS_CLIENT, &e), 0);
}
