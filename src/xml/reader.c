/* The reader: bytes of a stream in, one thing after the other out. */
#include "xml/xml_priv.h"

enum {
	ARENA_BLOCK = 32 * 1024,
	DEFAULT_MAX_BYTES = 64 * 1024 * 1024,
	MAX_DECLARATION = 1024,
	SMALL = 1024, /* bytes of an element that may be parsed anew with each '>' */
};

static const struct xml_bounds bounds = {
	.nodes = XML_MAX_NODES,
	.attrs = XML_MAX_ATTRS,
	.scope = XML_MAX_SCOPE,
	.refs = XML_MAX_REFS,
};

/* What has been read once may have been written with more: `from` and xml:lang, and what a
 * stream's header declares, once for each use; that is bounded in bytes. */
static const struct xml_bounds bounds_again = {
	.nodes = 4 * XML_MAX_NODES,
	.attrs = XML_MAX_ATTRS + 16,
	.scope = XML_MAX_SCOPE + 96,
	.refs = UINT32_MAX, /* it may be made of them */
};

struct xml_reader {
	struct arena *arena;
	uint32_t work; /* of the last xml_next() */
};

struct xml_reader *xml_reader_new(void)
{
	struct xml_reader *r = MEM_NEW(struct xml_reader);

	r->arena = arena_new(ARENA_BLOCK);
	return r;
}

void xml_reader_free(struct xml_reader **pr)
{
	struct xml_reader *r = *pr;

	*pr = NULL;
	if (r == NULL)
		return;
	arena_free(&r->arena);
	mem_free(r);
}

uint32_t xml_reader_work(const struct xml_reader *r)
{
	return r->work;
}

static uint32_t work_of(const struct xml_parser *x, size_t bytes)
{
	return (uint32_t)(bytes >> 11) + (x->n_nodes + x->n_attrs) / 32 +
	       (x->n_refs + x->n_stops) / 128;
}

static enum xml_event fail(enum xml_error why, enum xml_error *err)
{
	ASSERT(why != XML_OK);
	*err = why;
	return XML_FAIL;
}

static enum parsed parse_header(struct xml_parser *x, struct xml_stream *s,
				struct xml_el **ret)
{
	enum xml_error err;
	enum parsed r;
	bool empty;

	x->p++;
	if ((r = xml_parse_tag(x, NULL, ret, &empty)) != PARSED)
		return r;
	ASSERT(s->decls == NULL);
	if ((err = xml_decls_new(*ret, &s->decls)) != XML_OK)
		return xml_wrong(x, err);
	s->opened = true;
	x->after = empty ? XML_CLOSES_ITSELF : 0;
	return PARSED;
}

static enum parsed parse_close(struct xml_parser *x, struct xml_stream *s)
{
	struct strv name = s->decls ? s->decls->qname : STRV("stream:stream");
	const char *p = x->p + 2;

	if ((size_t)(x->end - p) <= name.n || memcmp(p, name.p, name.n) != 0)
		return xml_wrong(x, XML_ERR_MALFORMED);
	p += name.n;
	while (ch_is(*p, CH_SPACE))
		p++;
	if (*p != '>')
		return xml_wrong_char(x, p);
	x->p = p + 1;
	x->after = XML_ENDED;
	return PARSED;
}

/* Of what has been read to its end, and is too long to be looked into. */
static enum parsed parse_start(struct xml_parser *x, const struct xml_stream *s,
			       struct strv in, struct xml_el **ret)
{
	const char *last = memrchr(in.p, '>', XML_MAX_START);
	enum parsed r = PARSED_PART;

	if (last) {
		x->end = last + 1;
		r = xml_parse_start(x, in.p + s->scanned, ret);
	}
	return r == PARSED_PART ? xml_wrong(x, XML_ERR_TOO_BIG) : r;
}

/* Parses what stands before the last '>': nothing behind it is complete. Sets *ret_event.
 */
static enum parsed parse(struct xml_parser *x, struct xml_stream *s, struct strv in,
			 enum xml_event *ret_event, struct xml_el **ret)
{
	const char *last = memrchr(in.p, '>', in.n);

	s->tried = (uint8_t)(63 - __builtin_clzl(in.n));
	if (last == NULL)
		return PARSED_PART;
	x->p = in.p;
	x->end = last + 1;
	if (!s->opened) {
		*ret_event = XML_OPEN;
		return parse_header(x, s, ret);
	}
	if (in.p[1] == '/') {
		*ret_event = XML_CLOSE;
		return parse_close(x, s);
	}
	*ret_event = XML_ELEMENT;
	x->scope = s->decls ? s->decls->scope : xml_scope_of(NS_CLIENT);
	return s->scanned > XML_MAX_TREE ? parse_start(x, s, in, ret)
					 : xml_parse_element(x, ret);
}

/* An element that came in part is parsed again to find its errors early: at each '>'
 * while it is small, and whenever it has doubled, so that all the parsing together stays
 * linear. */
static bool is_worth_parsing(const struct xml_stream *s, struct strv in, size_t seen)
{
	if (in.n > XML_MAX_TREE)
		return false;
	if (in.n > SMALL && in.n >> s->tried < 2)
		return false;
	return in.n > seen && memrchr(in.p + seen, '>', in.n - seen) != NULL;
}

static enum xml_event read_element(struct xml_reader *r, struct xml_stream *s,
				   struct strv in, size_t *ret_used, struct xml_el **ret,
				   enum xml_error *err)
{
	size_t max = s->max_bytes ? s->max_bytes : DEFAULT_MAX_BYTES;
	struct strv view = strv_make(in.p, MIN(in.n, max));
	struct xml_parser x = { .a = r->arena, .max = &bounds };
	enum scanned scanned = SCAN_PART;
	enum parsed parsed = PARSED_PART;
	enum xml_event event;
	size_t seen = s->scanned;
	bool is_first = seen == 0 && view.n <= XML_MAX_TREE; /* and as a rule the last */

	if (seen > view.n) /* max_bytes has been lowered meanwhile */
		return fail(XML_ERR_TOO_BIG, err);
	if (!is_first)
		scanned = xml_scan(s, view);
	if (is_first || scanned != SCAN_PART || is_worth_parsing(s, view, seen))
		parsed = parse(&x, s, view, &event, ret);
	if (x.p)
		r->work = work_of(&x, parsed == PARSED ? (size_t)(x.p - in.p) : view.n);
	if (parsed == PARSED) {
		s->scanned = 0;
		s->depth = 0;
		s->scan_state = x.after;
		*ret_used += (size_t)(x.p - in.p);
		return event;
	}
	if (parsed == PARSED_WRONG)
		return fail(x.err, err);
	if (is_first)
		scanned = xml_scan(s, view);
	if (scanned != SCAN_PART)
		return fail(XML_ERR_MALFORMED, err);
	return in.n > max ? fail(XML_ERR_TOO_BIG, err) : XML_MORE;
}

/* What can be told from the first bytes of something at the level of the stream. */
static enum xml_error check_start(const struct xml_stream *s, struct strv in)
{
	unsigned char c = (unsigned char)in.p[0];

	if (c !=
	    '<') /* no UTF-8 starts with these; the others are text where none may be */
		return c == 0xc0 || c == 0xc1 || c > 0xf4 ? XML_ERR_ENCODING
							  : XML_ERR_MALFORMED;
	if (s->scan_state == XML_ENDED)
		return XML_ERR_MALFORMED;
	if (in.n > 1 && in.p[1] == '?')
		return XML_ERR_RESTRICTED;
	if (in.n > 2 && in.p[1] == '!')
		return in.p[2] == '[' ? XML_ERR_MALFORMED : XML_ERR_RESTRICTED;
	if (in.n > 1 && in.p[1] == '/' && !s->opened)
		return XML_ERR_MALFORMED;
	return XML_OK;
}

/* Takes an XML declaration and white space from the front of *in. PARSED_PART: not even
 * the beginning of an element is there. */
static enum parsed skip_start(struct xml_stream *s, struct strv *in, enum xml_error *err)
{
	const char *start = in->p;

	if (!s->opened && !s->declared && strv_starts(*in, STRV("<?"))) {
		struct strv view = strv_make(in->p, MIN(in->n, (size_t)MAX_DECLARATION));
		size_t used;
		enum parsed r = xml_parse_declaration(view, &used, err);

		if (r == PARSED_PART && in->n > view.n) {
			*err = XML_ERR_TOO_BIG;
			return PARSED_WRONG;
		}
		if (r != PARSED)
			return r;
		*in = strv_from_pos(*in, used);
	}
	while (in->n > 0 && ch_is(in->p[0], CH_SPACE))
		*in = strv_from_pos(*in, 1);
	s->declared |= in->p > start;
	if (in->n == 1 && in->p[0] == '<' && !s->opened && !s->declared)
		return PARSED_PART; /* it may become a declaration */
	return in->n > 0 ? PARSED : PARSED_PART;
}

enum xml_event xml_next(struct xml_reader *r, struct xml_stream *s, struct strv in,
			size_t *ret_used, struct xml_el **ret, enum xml_error *err)
{
	struct strv rest = in;
	enum xml_error start;

	ASSERT(s->scanned <= in.n);
	*ret_used = 0;
	r->work = 0;
	arena_reset(r->arena);
	if (s->scan_state == XML_CLOSES_ITSELF) {
		s->scan_state = XML_ENDED;
		return XML_CLOSE;
	}
	if (s->scanned == 0) {
		enum parsed p = skip_start(s, &rest, err);

		if (p == PARSED_WRONG)
			return XML_FAIL;
		*ret_used = in.n - rest.n;
		if (p == PARSED_PART)
			return XML_MORE;
	}
	if ((start = check_start(s, rest)) != XML_OK)
		return fail(start, err);
	return read_element(r, s, rest, ret_used, ret, err);
}

int xml_parse(struct arena *a, struct strv in, enum xml_ns outer, struct xml_el **ret)
{
	struct xml_parser x = { .a = a,
				.scope = xml_scope_of(outer),
				.max = &bounds_again };
	struct xml_el *e;

	in = strv_trim(in);
	if (in.n < 2 || in.p[0] != '<' || in.p[in.n - 1] != '>')
		return -EBADMSG;
	x.p = in.p;
	x.end = in.p + in.n;
	if (xml_parse_element(&x, &e) != PARSED || x.p != x.end)
		return -EBADMSG;
	*ret = e;
	return 0;
}
