/* Namespaces in XML 1.0, and what the stream's header declares. */
#include "feed.h"
#include "test.h"

static void good(const char *in, const char *want)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20), w = BUF_INIT(1 << 20);

	buf_putf(&b, "%s%s", HEADER, in);
	buf_putf(&w, OPEN "element %s\nmore\n", want);
	check_feed(in, 0, buf_strv(&b), buf_cstr(&w));
}

static void bad(const char *in)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);

	buf_putf(&b, "%s%s", HEADER, in);
	check_feed(in, 0, buf_strv(&b), OPEN "fail 1\n");
}

TEST(ns_knows_its_list)
{
#define X(id, text)                                   \
	CHECK_INT(ns_find(STRV(text)), NS_##id);      \
	CHECK_STR(ns_text(NS_##id), text);            \
	CHECK_INT(ns_find(STRV(text "x")), NS_OTHER); \
	CHECK_INT(ns_find(strv_make(text, sizeof(text) - 2)), NS_OTHER);
	XML_NAMESPACES(X)
#undef X
	CHECK_INT(ns_find(STRV("")), NS_NONE);
	CHECK_INT(ns_find(STRV_NULL), NS_NONE);
	CHECK_INT(ns_find(STRV("x")), NS_OTHER);
	CHECK_INT(ns_find(STRV("Jabber:client")), NS_OTHER);
	CHECK_STR(ns_text(NS_NONE), "");
}

TEST(ns_default)
{
	good("<a xmlns='u'><b/><c xmlns='v'><d/></c><e xmlns=''><f g='h'/></e><i/></a>",
	     "{u}a{{u}b{v}c{{v}d}e{f g='h'}{u}i}");
	good("<a><b xmlns='u'/><c/></a>", "{client}a{{u}b{client}c}");
	good("<a b='c' xmlns='u'/>", "{u}a b='c'"); /* not for attributes */
	good("<a xmlns='&#117;&amp;'/>", "{u&}a");
}

TEST(ns_prefixes)
{
	good("<p:a xmlns:p='u'><p:b p:c='d'/><e/></p:a>", "{u}a{{u}b {u}c='d'{client}e}");
	good("<a p:b='c' xmlns:p='u'/>",
	     "{client}a {u}b='c'"); /* declared behind its use */
	good("<p:a xmlns:p='u'><p:b xmlns:p='v'><p:c/></p:b><p:d/></p:a>",
	     "{u}a{{v}b{{v}c}{u}d}");
	good("<a xml:lang='en' xml:space='x'/>",
	     "{client}a {xml}lang='en' {xml}space='x'");
	good("<xml:a/>", "{xml}a");
	good("<stream:error/>", "{stream}error");
	good("<stream:a xmlns:stream='u'/>", "{u}a");
	good("<xmlfoo:a xmlns:xmlfoo='u'/>", "{u}a");
	bad("<p:a/>");
	bad("<a p:b='c'/>");
	bad("<a><b xmlns:p='u'/><p:c/></a>");
	bad("<p:a xmlns:p='u'><b></p:b></p:a>");
	bad("<p:a xmlns:p='u' xmlns:q='u'></q:a>"); /* end tags match by letter */
	bad("<a:b:c xmlns:a='u'/>");
	bad("<a:/>");
	bad("<:a/>");
	bad("<:/>");
	bad("<a:1 xmlns:a='u'/>");
	bad("<a xmlns:a:b='u'/>");
}

TEST(ns_duplicate_attributes)
{
	good("<a b='1' p:b='2' q:b='3' xmlns:p='u' xmlns:q='v'/>",
	     "{client}a b='1' {u}b='2' {v}b='3'");
	good("<p:a b='1' p:b='2' xmlns:p='jabber:client'/>",
	     "{client}a b='1' {client}b='2'");
	bad("<a p:b='1' q:b='2' xmlns:p='u' xmlns:q='u'/>");
	bad("<a p:b='1' p:b='2' xmlns:p='u'/>");
	bad("<a p:b='1' q:b='2' xmlns:p='u' xmlns:q='&#117;'/>");
	bad("<a xmlns='u' xmlns='u'/>");
	bad("<a xmlns='u' xmlns='v'/>");
	bad("<a xmlns:p='u' xmlns:p='v'/>");
}

TEST(ns_reserved)
{
	good("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:b='c'/>",
	     "{client}a {xml}b='c'");
	bad("<a xmlns:xml='u'/>");
	bad("<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>");
	bad("<a xmlns='http://www.w3.org/XML/1998/namespace'/>");
	bad("<a xmlns:xmlns='u'/>");
	bad("<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>");
	bad("<a xmlns:p='http://www.w3.org/2000/xmlns/'/>");
	bad("<a xmlns='http://www.w3.org/2000/xmlns/'/>");
	bad("<xmlns:a/>");
	bad("<a xmlns:p=''/>");
	bad("<a xmlns:='u'/>");
}

/* Whatever prefixes a client likes in its header hold for its stanzas, too. */
TEST(ns_of_the_header)
{
	CHECK_FEED("<s:stream xmlns:s='http://etherx.jabber.org/streams' "
		   "xmlns='jabber:client'><iq/><s:x/></s:stream>",
		   OPEN "element {client}iq\nelement {stream}x\nclose\n");
	CHECK_FEED("<stream xmlns='http://etherx.jabber.org/streams' "
		   "xmlns:c='jabber:client'><c:iq><x/></c:iq></stream>",
		   OPEN "element {client}iq{{stream}x}\nclose\n");
	CHECK_FEED("<stream:stream " HEADER_ATTRS " xmlns:x='foo'><x:a><b x:c=''/></x:a>"
		   "</stream:stream>",
		   OPEN "element {foo}a{{client}b {foo}c=''}\nclose\n");
	CHECK_FEED(
		"<stream:stream xmlns='jabber:server' "
		"xmlns:stream='http://etherx.jabber.org/streams'><iq/></stream:stream>",
		OPEN "element {jabber:server}iq\nclose\n");
	CHECK_FEED("<stream:stream xmlns:stream='http://etherx.jabber.org/streams'><iq/>",
		   OPEN "element iq\nmore\n");
	CHECK_FEED("<stream:stream xmlns:stream='foo' xmlns='jabber:client'><stream:iq/>",
		   "open {foo}stream\nelement {foo}iq\nmore\n");
	CHECK_FEED("<stream:stream " HEADER_ATTRS "><x:a/>", OPEN "fail 1\n");
	CHECK_FEED(
		"<s:stream xmlns:s='http://etherx.jabber.org/streams'></stream:stream>",
		OPEN "fail 1\n");
	CHECK_FEED("<a xmlns:xml='http://www.w3.org/XML/1998/namespace'><b xml:lang=''/>",
		   "open a\nelement b {xml}lang=''\nmore\n");
}
