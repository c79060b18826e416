/* The reader against expat: the same streams accepted, the same refused (but for what
 * XMPP restricts), the same trees; however the bytes are cut; and what is written is read
 * back.
 *
 * Needs: clang -fsanitize=fuzzer,address,undefined, the layers base and xml, libexpat,
 * libcrypto. The first byte of the input is the size of the pieces, the rest is the
 * stream. Run it with the seeds: fuzz_xml corpus/ */
#include "base/buf.h"
#include "xml/xml.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_TRACE = 1 << 24, SMALL = 1024 };
#define SEP '\1' /* between namespace and name: no character of XML */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

_Noreturn static void die(const char *what, struct strv in, const char *more)
{
	fprintf(stderr, "%s: " STRV_FMT "\n%s\n", what, STRV_ARG(in), more ? more : "");
	abort();
}

/* --- one way to write down a tree, for both --- */

static void put_name(struct buf *b, struct strv uri, struct strv local)
{
	if (uri.n > 0) {
		buf_put(b, uri);
		buf_putc(b, SEP);
	}
	buf_put(b, local);
	buf_putc(b, '\2');
}

static void put_attr_end(struct buf *b, struct strv value)
{
	buf_put(b, value);
	buf_putc(b, '\3');
}

/* --- ours --- */

struct ours {
	struct buf trace; /* events, one a line */
	size_t n_used;
	enum xml_event last; /* XML_MORE, XML_FAIL or XML_CLOSE */
	enum xml_error err;
	bool opened;
	bool wide_names; /* there are names that are not ASCII: expat knows an older list
			  */
};

static void dump(struct buf *b, const struct xml_el *e, bool *wide)
{
	AUTO(arena_free) struct arena *a = arena_new(256);

	put_name(b, e->ns_uri, e->local);
	*wide |= e->local.p[0] & 0x80;
	XML_EACH_ATTR(i, e) {
		put_name(b, i->ns_uri, i->local);
		put_attr_end(b, i->value);
	}
	for (const char *p = e->raw.p; p < e->inner.p; p++)
		*wide |= *p & 0x80; /* somewhere in the tag: good enough */
	buf_put(b, xml_text(e, a));
	buf_putc(b, '\4');
	XML_EACH_CHILD(i, e)
		dump(b, i, wide);
	buf_putc(b, '\5');
}

static void check_same(struct buf *want, const struct xml_el *e, const char *what)
{
	AUTO(buf_free) struct buf got = BUF_INIT(MAX_TRACE);
	bool wide = false;

	dump(&got, e, &wide);
	if (!strv_eq(buf_strv(&got), buf_strv(want)))
		die(what, e->raw, NULL);
}

/* What is written for another place means the same there. */
static void check_written(const struct xml_el *e, enum xml_ns outer)
{
	AUTO(buf_free) struct buf want = BUF_INIT(MAX_TRACE), b = BUF_INIT(MAX_TRACE);
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_el *again;
	bool wide = false;

	dump(&want, e, &wide);
	if (xml_write_el(&b, e, outer) < 0 ||
	    xml_parse(a, buf_strv(&b), outer, &again) < 0)
		die("written, not to be read", e->raw, buf_cstr(&b));
	check_same(&want, again, "written, other when read");
	if (again->uses_outer_prefix)
		die("written with a prefix from outside", e->raw, buf_cstr(&b));
	XML_EACH_CHILD(i, e)
		if (e->depth < 4)
			check_written(i, outer);
}

static void check_inner(const struct xml_el *e)
{
	AUTO(buf_free)
	struct buf want = BUF_INIT(MAX_TRACE), got = BUF_INIT(MAX_TRACE),
		   b = BUF_INIT(MAX_TRACE);
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct xml_el *again;
	bool wide = false;

	if (e->ns == NS_OTHER)
		return;
	buf_put(&b, STRV("<a>"));
	if (xml_write_inner(&b, e) < 0)
		die("inner", e->raw, NULL);
	buf_put(&b, STRV("</a>"));
	if (xml_parse(a, buf_strv(&b), e->ns, &again) < 0)
		die("inner written, not to be read", e->raw, buf_cstr(&b));
	buf_put(&want, xml_text(e, a));
	buf_put(&got, xml_text(again, a));
	XML_EACH_CHILD(i, e)
		dump(&want, i, &wide);
	XML_EACH_CHILD(i, again)
		dump(&got, i, &wide);
	if (!strv_eq(buf_strv(&got), buf_strv(&want)))
		die("inner written, other when read", e->raw, buf_cstr(&b));
}

static void on_event(struct ours *o, enum xml_event event, const struct xml_el *e)
{
	buf_putc(&o->trace, event == XML_OPEN ? 'O' : event == XML_ELEMENT ? 'E' : 'C');
	o->opened = true;
	if (event != XML_CLOSE)
		dump(&o->trace, e, &o->wide_names);
	buf_putc(&o->trace, '\n');
	if (event == XML_ELEMENT) {
		check_written(e, NS_CLIENT);
		check_written(e, NS_NONE);
		check_inner(e);
	}
}

static void run_ours(struct ours *o, struct strv doc, size_t piece)
{
	static struct xml_reader *r;
	struct xml_stream s = { 0 };
	size_t have = 0;

	if (r == NULL)
		r = xml_reader_new();
	*o = (struct ours){ .trace = BUF_INIT(MAX_TRACE), .last = XML_MORE };
	while (have < doc.n && o->last == XML_MORE) {
		have += MIN(piece, doc.n - have);
		do {
			AUTO(mem_freep) char *own = NULL;
			size_t used, n = have - o->n_used;
			struct xml_el *e;

			own = mem_alloc(n + 1);
			memcpy(own + 1, doc.p + o->n_used, n);
			o->last = xml_next(r, &s, strv_make(own + 1, n), &used, &e,
					   &o->err);
			o->n_used += used;
			if (o->last == XML_OPEN || o->last == XML_ELEMENT ||
			    o->last == XML_CLOSE)
				on_event(o, o->last, e);
		} while (o->last == XML_OPEN || o->last == XML_ELEMENT);
	}
	xml_stream_reset(&s);
}

/* --- expat --- */

struct node {
	struct node *parent, *first, *last, *next;
	struct buf head, text;
};

struct theirs {
	XML_Parser p;
	struct buf trace;
	struct node *at;
	unsigned depth; /* the stream is 1 */
	bool ok;
	const char *why;
	size_t error_at;
};

static void free_node(struct node *n)
{
	for (struct node *i = n->first, *next; i; i = next) {
		next = i->next;
		free_node(i);
	}
	buf_free(&n->head);
	buf_free(&n->text);
	mem_free(n);
}

static void dump_node(struct buf *b, const struct node *n)
{
	buf_put(b, buf_strv(&n->head));
	buf_put(b, buf_strv(&n->text));
	buf_putc(b, '\4');
	for (const struct node *i = n->first; i; i = i->next)
		dump_node(b, i);
	buf_putc(b, '\5');
}

static void put_expanded(struct buf *b, const char *name)
{
	const char *sep = strchr(name, SEP);

	put_name(b, strv_make(name, sep ? (size_t)(sep - name) : 0),
		 strv_from(sep ? sep + 1 : name));
}

static void on_start(void *arg, const char *name, const char **attr)
{
	struct theirs *t = arg;
	struct node *n = MEM_NEW(struct node);

	n->head = n->text = BUF_INIT(MAX_TRACE);
	put_expanded(&n->head, name);
	for (; *attr; attr += 2) {
		put_expanded(&n->head, attr[0]);
		put_attr_end(&n->head, strv_from(attr[1]));
	}
	if (++t->depth == 1) {
		buf_putc(&t->trace, 'O');
		dump_node(&t->trace, n);
		buf_putc(&t->trace, '\n');
		free_node(n);
		return;
	}
	n->parent = t->at;
	if (n->parent) {
		if (n->parent->last)
			n->parent->last->next = n;
		else
			n->parent->first = n;
		n->parent->last = n;
	}
	t->at = n;
}

static void on_end(void *arg, const char *name)
{
	struct theirs *t = arg;
	struct node *n = t->at;

	t->depth--;
	if (t->depth == 0) {
		buf_put(&t->trace, STRV("C\n"));
		return;
	}
	t->at = n->parent;
	if (t->depth > 1)
		return;
	buf_putc(&t->trace, 'E');
	dump_node(&t->trace, n);
	buf_putc(&t->trace, '\n');
	free_node(n);
}

static void on_text(void *arg, const char *s, int n)
{
	struct theirs *t = arg;

	if (t->at)
		buf_put(&t->at->text, strv_make(s, (size_t)n));
}

/* All in one piece: expat may put off looking at a few bytes more. more == NULL: it is
 * whole. */
static void run_theirs(struct theirs *t, struct strv doc, const char *more)
{
	AUTO(buf_free) struct buf all = BUF_INIT(MAX_TRACE);

	buf_put(&all, doc);
	buf_put(&all, strv_from(more ? more : ""));
	*t = (struct theirs){ .p = XML_ParserCreateNS("UTF-8", SEP),
			      .trace = BUF_INIT(MAX_TRACE) };
	XML_SetUserData(t->p, t);
	XML_SetElementHandler(t->p, on_start, on_end);
	XML_SetCharacterDataHandler(t->p, on_text);
	t->ok = XML_Parse(t->p, all.p, (int)all.n, more == NULL) == XML_STATUS_OK;
	t->why = t->ok ? NULL : XML_ErrorString(XML_GetErrorCode(t->p));
	t->error_at = (size_t)XML_GetCurrentByteIndex(t->p);
	while (t->at && t->at->parent)
		t->at = t->at->parent;
	if (t->at)
		free_node(t->at);
	XML_ParserFree(t->p);
}

/* --- the comparison --- */

static bool has_wide(struct strv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] & 0x80)
			return true;
	return false;
}

/* We fail where XMPP is stricter than XML. */
static bool is_restricted(const struct ours *o, struct strv rest)
{
	if (o->err != XML_ERR_MALFORMED && o->err != XML_ERR_ENCODING)
		return true;
	if (o->err == XML_ERR_ENCODING && !o->opened)
		return true;
	if (strv_starts(rest, STRV("<?xml")) || strv_starts(rest, STRV("\xef\xbb\xbf")))
		return true; /* expat takes any version; a byte order mark */
	if (!o->opened && rest.n > 1 && rest.p[1] == '\0')
		return true; /* expat thinks of UTF-16 */
	/* Character data between stanzas, or first of all, where expat waits for more. */
	return rest.p[0] != '<' || strv_starts(rest, STRV("<!["));
}

/* Expat sees what is wrong with a tag when it is whole, we when we are there. */
static bool accepts(struct strv doc, const char *more)
{
	struct theirs t;

	run_theirs(&t, doc, more);
	buf_free(&t.trace);
	return t.ok;
}

static void compare(const struct ours *o, struct strv doc)
{
	struct strv rest = strv_from_pos(doc, o->n_used);
	struct theirs t;

	run_theirs(&t, o->last == XML_CLOSE ? strv_make(doc.p, o->n_used) : doc,
		   o->last == XML_CLOSE ? NULL : "    ");
	if (!t.ok && (o->wide_names || has_wide(rest))) {
		; /* perhaps for a name that it does not know */
	} else if (o->last == XML_FAIL) {
		if (!strv_starts(buf_strv(&t.trace), buf_strv(&o->trace)))
			die("trees differ", doc, "before a failure");
		if (t.ok && !is_restricted(o, rest) && accepts(doc, "'>xxxxxx") &&
		    accepts(doc, "\">xxxxxx")) /* what may be CDATA it looks at in one */
			die("expat accepts", doc, NULL);
	} else if (t.ok) {
		if (!strv_eq(buf_strv(&t.trace), buf_strv(&o->trace)))
			die("trees differ", doc, NULL);
	} else {
		const char *last = rest.n ? memrchr(rest.p, '>', rest.n) : NULL;

		if (!strv_eq(buf_strv(&t.trace), buf_strv(&o->trace)))
			die("trees differ", doc, t.why);
		if (o->last == XML_CLOSE)
			die("expat refuses", doc, t.why);
		if (last && rest.n <= SMALL && doc.p + t.error_at < last)
			die("expat refuses", doc, t.why);
	}
	buf_free(&t.trace);
}

static void compare_pieces(const struct ours *whole, struct strv doc, size_t piece)
{
	struct ours o;

	run_ours(&o, doc, piece);
	if (!strv_eq(buf_strv(&o.trace), buf_strv(&whole->trace)))
		die("trees differ in pieces", doc, NULL);
	if (doc.n <= SMALL && (o.last != whole->last || o.n_used != whole->n_used ||
			       (o.last == XML_FAIL && o.err != whole->err)))
		die("other end in pieces", doc, NULL);
	buf_free(&o.trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strv doc;
	struct ours o;

	if (size < 2)
		return 0;
	doc = strv_make((const char *)data + 1, size - 1);
	run_ours(&o, doc, doc.n);
	compare(&o, doc);
	compare_pieces(&o, doc, MAX(data[0], 1));
	buf_free(&o.trace);
	return 0;
}
