/* What needs a look in character data and values, at each place among what is passed over many
 * bytes at a time, once something has needed one. */
#include "test.h"
#include "xml/xml.h"

#include <stdio.h>

enum { N = 70 };

/* `what` at `at` of N blanks and others, between these; how xml_parse() ends. */
static int parse(struct arena *a, const char *before, size_t at, const char *what,
		 const char *after, struct xml_el **ret)
{
	static const char filler[] = "\n]\t a>]\nb";
	char *in = arena_alloc(a, 200);
	size_t n = (size_t)sprintf(in, "%s", before);

	for (size_t i = 0; i < N; i++)
		in[n + i] = filler[i % (sizeof(filler) - 1)];
	memcpy(in + n + at, what, strlen(what));
	n += N;
	n += (size_t)sprintf(in + n, "%s", after);
	return xml_parse(a, strv_make(in, n), NS_CLIENT, ret);
}

static const struct place {
	const char *before, *after;
	bool cdata, value;
} places[] = {
	{ "<b>", "</b>", false, false },
	{ "<b><![CDATA[", "]]></b>", true, false },
	{ "<b a='", "'/>", false, true },
	{ "<b a=\"", "\"/>", false, true },
};

static void check(const char *what, bool in_text, bool in_cdata, bool in_value)
{
	for (const struct place *p = places; p < places + ARRAY_LEN(places); p++) {
		bool good = p->cdata ? in_cdata : p->value ? in_value : in_text;

		for (size_t at = 0; at + strlen(what) <= N; at++) {
			AUTO(arena_free) struct arena *a = arena_new(1024);
			struct xml_el *e;
			int r = parse(a, p->before, at, what, p->after, &e);

			if (r != (good ? 0 : -EBADMSG))
				test_fail(__FILE__, __LINE__, "%s%s at %zu: %d",
					  p->before, what, at, r);
		}
	}
}

TEST(loose_spans_pass_what_is_allowed)
{
	check("\xc3\xa9", true, true, true);
	check("\xe2\x82\xac\xc3\xa9", true, true, true);
	check("\xf0\x9f\x98\x80", true, true, true);
	check("&lt;&amp;", true, true, true);
	check("&#9;&#13;", true, true, true);
	check("\r\r\n\t\r", true, true, true);
	check("x]] >]>]", true, true, true);
}

TEST(loose_spans_stop_at_what_is_not)
{
	static const char wide[][4] = { "\x80", "\xff", "\xc3", "\xc0\x80" };

	for (int c = 1; c < 0x20; c++) {
		char what[2] = { (char)c, '\0' };
		if (c != '\t' && c != '\n' && c != '\r')
			check(what, false, false, false);
	}
	for (size_t i = 0; i < ARRAY_LEN(wide); i++)
		check(wide[i], false, false, false);
	check("<!", false, true, false);
	check("&;", false, true, false);
	check("]]>", false, false, true); /* CDATA's second end is text's */
	check("x]]]>", false, false, true);
}

/* Behind a blank, too, a CR is one that has to be resolved. */
TEST(loose_spans_find_each_cr)
{
	for (size_t at = 0; at < N; at++) {
		AUTO(arena_free) struct arena *a = arena_new(1024);
		struct xml_el *e;

		CHECK_INT(parse(a, "<b>", at, "\r", "</b>", &e), 0);
		CHECK(!e->text_plain);
		CHECK(memchr(xml_text(e, a).p, '\r', xml_text(e, a).n) == NULL);
	}
}

/* What it is to read `n` of `what` between these, in one element, beyond a piece for each 2 KiB. */
static uint32_t extra_work(const char *before, const char *what, size_t n,
			   const char *after, enum xml_error want)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16 << 20);
	struct xml_reader *r = xml_reader_new();
	struct xml_stream s = { 0 };
	enum xml_error err = XML_OK;
	enum xml_event ev;
	struct xml_el *e;
	uint32_t work;
	size_t used;

	ev = xml_next(r, &s, STRV("<stream>"), &used, &e, &err);
	CHECK_INT(ev, XML_OPEN);
	buf_put(&b, strv_from(before));
	for (size_t i = 0; i < n; i++)
		buf_put(&b, strv_from(what));
	buf_put(&b, strv_from(after));
	ev = xml_next(r, &s, buf_strv(&b), &used, &e, &err);
	CHECK_INT(ev, want ? XML_FAIL : XML_ELEMENT);
	CHECK_INT(err, want);
	work = xml_reader_work(r);
	CHECK(work >= b.n >> 11);
	xml_stream_reset(&s);
	xml_reader_free(&r);
	return work - (uint32_t)(b.n >> 11);
}

/* However much of it there is: the span that stops at none of these does the rest. */
TEST(loose_spans_are_no_work_for_each_character)
{
	static const char *const what[] = { "\n", "\t", "\r",	"]",
					    "] ", "]x", "\r\n", "\xc3\xa9" };
	enum { MANY = 100000 };

	for (size_t i = 0; i < ARRAY_LEN(what); i++)
		for (const struct place *p = places; p < places + ARRAY_LEN(places); p++)
			CHECK(extra_work(p->before, what[i], MANY, p->after, XML_OK) <
			      10);
}

TEST(loose_spans_do_what_is_done_one_by_one_within_bounds)
{
	static const struct {
		const char *before, *what, *after;
	} e[] = {
		{ "<b>", "&#9;", "</b>" },   { "<b>", "&amp;", "</b>" },
		{ "<b>", "x&lt;", "</b>" },  { "<b>", "<![CDATA[]]>", "</b>" },
		{ "<b a='", "&#9;", "'/>" }, { "<b a='&#9;'>", "&#9;", "<c/></b>" },
	};

	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		const size_t more = i == 5;

		CHECK(extra_work(e[i].before, e[i].what, XML_MAX_REFS - more, e[i].after,
				 XML_OK) >= XML_MAX_REFS / 128);
		extra_work(e[i].before, e[i].what, XML_MAX_REFS - more + 1, e[i].after,
			   XML_ERR_TOO_DEEP);
	}
}
