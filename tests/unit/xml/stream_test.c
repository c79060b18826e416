/* The level of the stream: declaration, header, stanzas, the end, limits. */
#include "base/clock.h"
#include "feed.h"
#include "test.h"

TEST(stream_opens_carries_elements_and_closes)
{
	CHECK_FEED("<?xml version='1.0'?>" HEADER "<presence/> \n<iq type='get' id='1'>"
		   "<query xmlns='jabber:iq:roster'/></iq>\r\n\t</stream:stream>",
		   OPEN "element {client}presence\n"
			"element {client}iq type='get' id='1'{{jabber:iq:roster}query}\n"
			"close\n");
}

TEST(stream_header_is_an_element_without_children)
{
	CHECK_FEED("<stream:stream\n\tto = 'a.b'  version=\"1.0\" "
		   "xml:lang='en' " HEADER_ATTRS "\n>",
		   "open {stream}stream to='a.b' version='1.0' {xml}lang='en'\nmore\n");
	CHECK_FEED("  \n" HEADER, OPEN "more\n");
	CHECK_FEED("<foo>", "open foo\nmore\n");
	CHECK_FEED("<foo></foo >", "open foo\nclose\n");
	CHECK_FEED("<a:foo xmlns:a='b'><c/></a:foo>", "open {b}foo\nelement c\nclose\n");
}

TEST(stream_header_may_close_itself)
{
	CHECK_FEED("<stream:stream " HEADER_ATTRS "/>", OPEN "close\n");
	CHECK_FEED("<foo/>", "open foo\nclose\n");
}

TEST(stream_accepts_declarations_of_utf_8)
{
	static const char *const good[] = {
		"<?xml version='1.0'?>",
		"<?xml version=\"1.0\" ?>",
		"<?xml version='1.1'?>",
		"<?xml version='1.0' encoding='UTF-8'?>\n",
		"<?xml version='1.0' encoding=\"utf-8\"?>",
		"<?xml  version = '1.0'\tencoding = 'Utf-8'\n standalone = 'yes' ?>  ",
		"<?xml version='1.0' standalone='no'?>",
		"",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(buf_free) struct buf b = BUF_INIT(1000);

		buf_putf(&b, "%s%s", good[i], HEADER);
		check_feed(good[i], (int)i, buf_strv(&b), OPEN "more\n");
	}
}

TEST(stream_refuses_other_declarations)
{
	static const struct {
		const char *in;
		enum xml_error err;
	} bad[] = {
		{ "<?xml version='1.0' encoding='ISO-8859-1'?>", XML_ERR_ENCODING },
		{ "<?xml version='1.0' encoding='utf-16'?>", XML_ERR_ENCODING },
		{ "<?xml version='1.0' encoding='UTF8'?>", XML_ERR_ENCODING },
		{ "<?xml version='2.0'?>", XML_ERR_MALFORMED },
		{ "<?xml version='1.'?>", XML_ERR_MALFORMED },
		{ "<?xml version='1.x'?>", XML_ERR_MALFORMED },
		{ "<?xml version=''?>", XML_ERR_MALFORMED },
		{ "<?xml version='1.0\"?>", XML_ERR_MALFORMED },
		{ "<?xml version=1.0?>", XML_ERR_MALFORMED },
		{ "<?xml version='1.0'>", XML_ERR_MALFORMED },
		{ "<?xml version='1.0'?"
		  "?>",
		  XML_ERR_MALFORMED },
		{ "<?xml version='1.0'encoding='UTF-8'?>", XML_ERR_MALFORMED },
		{ "<?xml version='1.0' encoding='UTF-8'standalone='no'?>",
		  XML_ERR_MALFORMED },
		{ "<?xml version='1.0' encoding=''?>", XML_ERR_MALFORMED },
		{ "<?xml version='1.0' encoding='_UTF-8'?>", XML_ERR_MALFORMED },
		{ "<?xml version='1.0' encoding='8'?>", XML_ERR_MALFORMED },
		{ "<?xml version='1.0' standalone='maybe'?>", XML_ERR_MALFORMED },
		{ "<?xml version='1.0' standalone='no' encoding='UTF-8'?>",
		  XML_ERR_MALFORMED },
		{ "<?xml version='1.0' version='1.0'?>", XML_ERR_MALFORMED },
		{ "<?xml encoding='UTF-8'?>", XML_ERR_MALFORMED },
		{ "<?xml?>", XML_ERR_MALFORMED },
		{ "<?xml ?>", XML_ERR_MALFORMED },
		{ "<?XML version='1.0'?>", XML_ERR_RESTRICTED },
		{ "<?xml-stylesheet href='a'?>", XML_ERR_RESTRICTED },
		{ "<?php 1 ?>", XML_ERR_RESTRICTED },
		{ " <?xml version='1.0'?>", XML_ERR_RESTRICTED },
		{ "<?xml version='1.0'?><?xml version='1.0'?>", XML_ERR_RESTRICTED },
		{ "\xef\xbb\xbf", XML_ERR_MALFORMED },
		{ "\xff\xfe<", XML_ERR_ENCODING },
		{ "\xfe\xff", XML_ERR_ENCODING },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_free) struct buf in = BUF_INIT(1000), want = BUF_INIT(100);

		buf_putf(&in, "%s%s", bad[i].in, HEADER);
		buf_putf(&want, "fail %d\n", bad[i].err);
		check_feed(bad[i].in, (int)i, buf_strv(&in), buf_cstr(&want));
	}
}

TEST(stream_bounds_the_declaration)
{
	AUTO(buf_free) struct buf b = BUF_INIT(3000);

	buf_put(&b, STRV("<?xml version='1.0'"));
	for (int i = 0; i < 1100; i++)
		buf_putc(&b, ' ');
	buf_put(&b, STRV("?>" HEADER));
	check_feed(__FILE__, __LINE__, buf_strv(&b), "fail 4\n");
}

TEST(stream_allows_nothing_but_white_space_between_elements)
{
	static const struct {
		const char *in;
		enum xml_error err;
	} bad[] = {
		{ "hello", XML_ERR_MALFORMED },
		{ "&amp;", XML_ERR_MALFORMED },
		{ "\xc3\xa4", XML_ERR_MALFORMED },
		{ "\xc0\x80", XML_ERR_ENCODING },
		{ "\x01", XML_ERR_MALFORMED },
		{ ">", XML_ERR_MALFORMED },
		{ "<![CDATA[x]]>", XML_ERR_MALFORMED },
		{ "<!-- x -->", XML_ERR_RESTRICTED },
		{ "<!DOCTYPE x>", XML_ERR_RESTRICTED },
		{ "<!", XML_OK }, /* who knows */
		{ "<?x?>", XML_ERR_RESTRICTED },
		{ "<?xml version='1.0'?>", XML_ERR_RESTRICTED },
		{ "</stream>", XML_ERR_MALFORMED },
		{ "</stream:strea>", XML_ERR_MALFORMED },
		{ "</stream:streams>", XML_ERR_MALFORMED },
		{ "</stream:stream/>", XML_ERR_MALFORMED },
		{ "</stream:stream a='b'>", XML_ERR_MALFORMED },
		{ "</ stream:stream>", XML_ERR_MALFORMED },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_free) struct buf in = BUF_INIT(1000), want = BUF_INIT(100);

		buf_putf(&in, "%s %s", HEADER, bad[i].in);
		buf_putf(&want, OPEN "fail %d\n", bad[i].err);
		check_feed(bad[i].in, (int)i, buf_strv(&in),
			   bad[i].err ? buf_cstr(&want) : OPEN "more\n");
	}
}

TEST(stream_starts_with_its_header)
{
	CHECK_FEED("x", "fail 1\n");
	CHECK_FEED("</stream:stream>", "fail 1\n");
	CHECK_FEED("<>", "fail 1\n");
	CHECK_FEED("<![CDATA[", "fail 1\n");
	CHECK_FEED("<!DOCTYPE stream>" HEADER, "fail 2\n");
	CHECK_FEED("<!-- -->" HEADER, "fail 2\n");
	CHECK_FEED("GET / HTTP/1.1\r\n", "fail 1\n");
	CHECK_FEED("\x16\x03\x01\x02", "fail 1\n");
	CHECK_FEED("<stream:stream xmlns='jabber:client'>", "fail 1\n");
}

TEST(stream_ends_once)
{
	struct feed f;

	feed_init(&f, 0);
	feed_add(&f, STRV(HEADER "</stream:stream>"));
	CHECK_STR(buf_strv(&f.out), OPEN "close\n");
	f.ended = false;
	feed_add(&f, STRV(" \n"));
	CHECK_STR(buf_strv(&f.out), OPEN "close\n");
	feed_add(&f, STRV("<iq/>"));
	CHECK_STR(buf_strv(&f.out), OPEN "close\nfail 1\n");
	feed_fini(&f);
}

TEST(stream_is_as_new_after_a_reset)
{
	struct feed f;

	feed_init(&f, 777);
	feed_add(&f, STRV("<?xml version='1.0'?><a:a xmlns:a='u' xmlns:b='v'><b:c>"));
	CHECK(f.s.decls != NULL && f.s.scanned > 0);
	xml_stream_reset(&f.s);
	buf_clear(&f.in);
	buf_clear(&f.out);
	CHECK(f.s.decls == NULL && f.s.max_bytes == 777 && !f.s.opened && !f.s.declared);
	feed_add(&f, STRV("<?xml version='1.0'?>" HEADER "<b:c/>"));
	CHECK_STR(buf_strv(&f.out), OPEN "fail 1\n");
	feed_fini(&f);
}

TEST(stream_of_which_less_is_taken_meanwhile)
{
	struct feed f;

	feed_init(&f, 1000);
	feed_add(&f,
		 STRV(HEADER "<message><body>0123456789012345678901234567890123456789"));
	CHECK(f.s.scanned > 50);
	f.s.max_bytes = 50;
	feed_add(&f, STRV("0"));
	CHECK_STR(buf_strv(&f.out), OPEN "fail 4\n");
	feed_fini(&f);
}

TEST(stream_uses_up_white_space_at_once)
{
	struct feed f;

	feed_init(&f, 0);
	feed_add(&f, STRV(HEADER "\n  "));
	CHECK_INT(f.in.n, 0);
	feed_add(&f, STRV("  <a"));
	CHECK_INT(f.in.n, 2);
	CHECK_INT(f.s.scanned, 2);
	feed_fini(&f);
}

TEST(stream_with_the_usual_header_owns_nothing)
{
	struct feed f;

	feed_init(&f, 0);
	feed_add(&f,
		 STRV("<stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
		      "to='a' xmlns='jabber:client'>"));
	CHECK(f.s.opened && f.s.decls == NULL);
	feed_fini(&f);
}

TEST(stream_bounds_one_element)
{
	CHECK_STR(strv_from(feed_all_ways(STRV("<a><b>1234</b><c>12345</c></a>"), 12)),
		  "open a\nelement b\"1234\"\nelement c\"12345\"\nclose\n");
	CHECK_STR(strv_from(feed_all_ways(STRV("<a><b>1234</b><c>123456</c></a>"), 12)),
		  "open a\nelement b\"1234\"\nfail 4\n");
	CHECK_STR(strv_from(feed_all_ways(STRV("<a><b>1234567890"), 12)),
		  "open a\nfail 4\n");
	CHECK_STR(strv_from(feed_all_ways(STRV("<a><b>123456789"), 12)),
		  "open a\nmore\n");
	CHECK_STR(strv_from(feed_all_ways(STRV("<abcdefghijkl>"), 12)), "fail 4\n");
	CHECK_STR(strv_from(feed_all_ways(STRV("<abcdefghij>"), 12)),
		  "open abcdefghij\nmore\n");
	/* White space between elements is not part of one. */
	CHECK_STR(strv_from(feed_all_ways(STRV("<a>                 <b/>"), 12)),
		  "open a\nelement b\nmore\n");
	/* What is wrong behind the limit does not matter, what is before does. */
	CHECK_STR(strv_from(feed_all_ways(STRV("<a><b>123456789&</b>"), 12)),
		  "open a\nfail 4\n");
	CHECK_STR(strv_from(feed_all_ways(STRV("<a><b>&</b>4567890"), 12)),
		  "open a\nfail 1\n");
}

TEST(stream_bounds_what_a_header_declares)
{
	AUTO(buf_free) struct buf b = BUF_INIT(10000);

	buf_put(&b, STRV("<a "));
	for (int i = 0; i < 70; i++)
		buf_putf(&b, "xmlns:p%d='u' ", i);
	buf_put(&b, STRV("><p69:b/></a>"));
	check_feed(__FILE__, __LINE__, buf_strv(&b), "open a\nelement {u}b\nclose\n");
	buf_clear(&b);
	buf_put(&b, STRV("<a "));
	for (int i = 0; i < 90; i++)
		buf_putf(&b, "xmlns:p%d='u' ", i);
	buf_put(&b, STRV("><p69:b/></a>"));
	check_feed(__FILE__, __LINE__, buf_strv(&b), "fail 4\n");
}

/* A long element takes the way of the frame scanner. */
TEST(stream_drips_long_elements)
{
	AUTO(buf_free) struct buf in = BUF_INIT(1 << 16), want = BUF_INIT(1 << 16);

	buf_put(&in, STRV(HEADER "<m a='>\"/>' b=\"'&gt;'\" ><e/><f x='/'/>"));
	buf_put(&want, STRV(OPEN "element {client}m a='>\"/>' b=''>''\""));
	for (int i = 0; i < 50; i++) {
		buf_put(&in, STRV("<![CDATA[<a>]]]]><![CDATA[]>'<b c=']]>\n"));
		buf_put(&want, STRV("<a>]]]>'<b c='\n"));
	}
	buf_put(&in, STRV("</m><iq/>"));
	buf_put(&want, STRV("\"{{client}e{client}f x='/'}\nelement {client}iq\nmore\n"));
	check_feed(__FILE__, __LINE__, buf_strv(&in), buf_cstr(&want));
}

TEST(stream_finds_errors_in_long_elements)
{
	static const char *const bad[] = { "</b></m>", "&</m>", "<?x?>", "<!--",
					   "<![CDOTA[" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_free) struct buf in = BUF_INIT(1 << 16);
		const char *out;

		buf_put(&in, STRV(HEADER "<m>"));
		for (int n = 0; n < 2000; n++)
			buf_putc(&in, 'x');
		buf_putf(&in, "%s</m><iq/>", bad[i]);
		out = feed_all_ways(buf_strv(&in), 0);
		CHECK(strv_starts(strv_from(out), STRV(OPEN "fail ")));
	}
}

/* Every byte is looked at a bounded number of times, however slowly it comes. Were it not so,
 * this would take ten times what is allowed; it takes a hundredth. */
TEST(stream_drips_in_linear_time)
{
	AUTO(buf_free) struct buf in = BUF_INIT(1 << 20);
	struct xml_reader *r = xml_reader_new();
	struct xml_stream s = { 0 };
	enum xml_event event = XML_MORE;
	struct xml_el *e;
	enum xml_error err;
	size_t used, n = strlen(HEADER);
	uint64_t start = clock_thread_cpu_ns();

	CHECK_INT(xml_next(r, &s, STRV(HEADER), &used, &e, &err), XML_OPEN);
	CHECK_INT(used, n);
	buf_put(&in, STRV("<m>"));
	while (in.n < 700000)
		buf_put(&in, STRV("<a b='c'>some text</a>"));
	buf_put(&in, STRV("</m>"));
	for (n = 1; n <= in.n && event == XML_MORE; n++)
		event = xml_next(r, &s, strv_make(in.p, n), &used, &e, &err);
	CHECK_INT(event, XML_ELEMENT);
	CHECK_INT(used, in.n);
	CHECK(clock_thread_cpu_ns() - start < UINT64_C(3000000000));
	xml_reader_free(&r);
}

/* Nobody takes it: its start says what it was, and no piece of the rest is looked into. */
TEST(stream_does_not_look_into_what_is_too_long)
{
	static const char part[] = "<c>&nothing;\x01</c>";
	AUTO(buf_free) struct buf b = BUF_INIT(32 << 20);
	struct feed f;

	feed_init(&f, 0);
	f.in.max = 64 << 20;
	feed_add(&f, STRV(HEADER "<message id='i'>"));
	while (b.n <= XML_MAX_TREE)
		buf_put(&b, STRV("<c>xxxxxxxxx</c>"));
	for (int i = 0; i < 3; i++) { /* it grows to more than twice as much */
		feed_add(&f, buf_strv(&b));
		feed_add(&f, strv_from(part));
		CHECK_INT(xml_reader_work(f.r), 0);
	}
	feed_add(&f, STRV("</message>"));
	feed_add(&f, STRV("<presence/>"));
	CHECK_STR(buf_strv(&f.out),
		  OPEN "element {client}message id='i'\nelement {client}presence\n");
	feed_fini(&f);
}

TEST(stream_refuses_a_start_tag_that_is_too_long)
{
	AUTO(buf_free) struct buf b = BUF_INIT(32 << 20);
	struct feed f;

	feed_init(&f, 0);
	f.in.max = 64 << 20;
	feed_add(&f, STRV(HEADER));
	buf_put(&b, STRV("<message id='"));
	memset(buf_reserve(&b, XML_MAX_TREE), 'x', XML_MAX_TREE);
	b.n += XML_MAX_TREE;
	feed_add(&f, buf_strv(&b));
	feed_add(&f, STRV("'/>"));
	CHECK(f.ended);
	CHECK(strstr(buf_cstr(&f.out), "fail"));
	feed_fini(&f);
}
