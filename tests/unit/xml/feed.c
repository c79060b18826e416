#include "feed.h"
#include "test.h"

void feed_init(struct feed *f, uint32_t max_bytes)
{
	*f = (struct feed){
		.r = xml_reader_new(),
		.s = { .max_bytes = max_bytes },
		.in = BUF_INIT(1 << 24),
		.out = BUF_INIT(1 << 24),
	};
}

void feed_fini(struct feed *f)
{
	xml_reader_free(&f->r);
	xml_stream_reset(&f->s);
	buf_free(&f->in);
	buf_free(&f->out);
}

static void dump_name(struct buf *b, enum xml_ns ns, struct strv uri, struct strv local)
{
	struct strv shown = uri;

	CHECK(ns == NS_OTHER || strv_eq(ns_text(ns), uri));
	CHECK(ns == ns_find(uri));
	if (ns == NS_CLIENT)
		shown = STRV("client");
	else if (ns == NS_STREAM)
		shown = STRV("stream");
	else if (ns == NS_XML)
		shown = STRV("xml");
	if (shown.n > 0)
		buf_putf(b, "{" STRV_FMT "}", STRV_ARG(shown));
	buf_put(b, local);
}

void dump_el(struct buf *b, const struct xml_el *e)
{
	AUTO(arena_free) struct arena *a = arena_new(256);
	struct strv text = xml_text(e, a);

	dump_name(b, e->ns, e->ns_uri, e->local);
	XML_EACH_ATTR(i, e) {
		buf_putc(b, ' ');
		dump_name(b, i->ns, i->ns_uri, i->local);
		buf_putf(b, "='" STRV_FMT "'", STRV_ARG(i->value));
	}
	CHECK(text.p != NULL);
	if (text.n)
		buf_putf(b, "\"" STRV_FMT "\"", STRV_ARG(text));
	if (e->first == NULL)
		return;
	buf_putc(b, '{');
	XML_EACH_CHILD(i, e) {
		CHECK(i->parent == e);
		CHECK(i->next != NULL || i == e->last);
		dump_el(b, i);
	}
	buf_putc(b, '}');
}

static void dump_event(struct feed *f, enum xml_event event, const struct xml_el *e,
		       enum xml_error err)
{
	if (event == XML_OPEN || event == XML_ELEMENT) {
		buf_put(&f->out, event == XML_OPEN ? STRV("open ") : STRV("element "));
		dump_el(&f->out, e);
		buf_putc(&f->out, '\n');
		return;
	}
	f->ended = true;
	if (event == XML_FAIL)
		buf_putf(&f->out, "fail %d\n", err);
	else
		buf_put(&f->out, STRV("close\n"));
}

void feed_add(struct feed *f, struct strv bytes)
{
	enum xml_event event = XML_MORE;

	buf_put(&f->in, bytes);
	while (!f->ended) {
		AUTO(mem_freep) char *own = mem_alloc(f->in.n + 1);
		char *at = own + 1; /* the last byte is the block's last */
		enum xml_error err = XML_OK;
		struct xml_el *e = NULL;
		size_t used;

		memcpy(at, buf_strv(&f->in).p, f->in.n);
		event = xml_next(f->r, &f->s, strv_make(at, f->in.n), &used, &e, &err);
		CHECK(used <= f->in.n);
		buf_consume(&f->in, used);
		if (event == XML_MORE)
			break;
		dump_event(f, event, e, err);
	}
}

const char *feed_all_ways(struct strv in, uint32_t max_bytes)
{
	static struct feed whole, split;

	feed_fini(&whole);
	feed_init(&whole, max_bytes);
	feed_add(&whole, in);
	if (!whole.ended)
		buf_put(&whole.out, STRV("more\n"));
	for (size_t cut = 0; cut <= in.n; cut++) { /* 0: byte by byte */
		size_t piece = cut ? cut : 1;

		feed_init(&split, max_bytes);
		for (size_t at = 0; at < in.n; at += piece, piece = cut ? in.n : 1)
			feed_add(&split, strv_make(in.p + at, MIN(piece, in.n - at)));
		if (!split.ended)
			buf_put(&split.out, STRV("more\n"));
		if (!strv_eq(buf_strv(&split.out), buf_strv(&whole.out)))
			test_fail(__FILE__, __LINE__,
				  "cut at %zu: " STRV_FMT "\nwhole: " STRV_FMT, cut,
				  STRV_ARG(buf_strv(&split.out)),
				  STRV_ARG(buf_strv(&whole.out)));
		feed_fini(&split);
	}
	return buf_cstr(&whole.out);
}

void check_feed(const char *file, int line, struct strv in, const char *want)
{
	const char *got = feed_all_ways(in, 0);

	if (strcmp(got, want) != 0)
		test_fail(file, line, STRV_FMT "\ngives  %swanted %s", STRV_ARG(in), got,
			  want);
}
