/* Writing: text, attributes, and elements that came from elsewhere. */
#include "xml/xml_priv.h"

/* Adds `s` with those bytes replaced for which `escape` gives something. */
static int write_escaped(struct buf *b, struct strv s, const char *(*escape)(char))
{
	size_t from = 0;
	int r;

	for (size_t i = 0; i < s.n; i++) {
		const char *instead;

		if (!ch_is(s.p[i], CH_TEXT_STOP | CH_VALUE_STOP) && s.p[i] != '>')
			continue;
		if ((instead = escape(s.p[i])) == NULL)
			continue;
		if ((r = buf_add(b, s.p + from, i - from)) < 0 ||
		    (r = buf_adds(b, strv_from(instead))) < 0)
			return r;
		from = i + 1;
	}
	return buf_add(b, s.p + from, s.n - from);
}

static const char *escape_text(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>': /* for the sake of "]]>" */
		return "&gt;";
	case '\r': /* a reader would make it '\n' */
		return "&#13;";
	default:
		return NULL;
	}
}

static const char *escape_value(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '\'':
		return "&apos;";
	case '\t': /* a reader would make them blanks */
		return "&#9;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	default:
		return NULL;
	}
}

int xml_write_text(struct buf *b, struct strv text)
{
	return write_escaped(b, text, escape_text);
}

static int write_attr(struct buf *b, struct strv prefix, struct strv local,
		      struct strv value)
{
	int r;

	if ((r = buf_add(b, " ", 1)) < 0 || (r = buf_adds(b, prefix)) < 0 ||
	    (prefix.n > 0 && (r = buf_add(b, ":", 1)) < 0) ||
	    (r = buf_adds(b, local)) < 0 || (r = buf_add(b, "='", 2)) < 0 ||
	    (r = write_escaped(b, value, escape_value)) < 0)
		return r;
	return buf_add(b, "'", 1);
}

int xml_write_named(struct buf *b, struct strv name, struct strv value)
{
	char *to, *end;

	/* Nearly all values are as they stand, and fit: that is one look, and one copy. */
	if (xml_value_span(value.p, value.p + value.n, '\'') != value.p + value.n)
		return write_attr(b, STRV(""), name, value);
	to = buf_reserve(b, name.n + value.n + 4);
	if (to == NULL)
		return -EMSGSIZE;
	*to = ' ';
	end = mempcpy(to + 1, name.p, name.n);
	*end = '=';
	end[1] = '\'';
	end = mempcpy(end + 2, value.p, value.n);
	*end = '\'';
	b->n += (size_t)(end + 1 - to);
	return 0;
}

/* --- elements --- */

/* The declarations outside of an element that it uses. */
struct used {
	const struct xml_binding **b;
	size_t n, room;
};

static void used_free(struct used *u)
{
	mem_free(u->b);
}

static void use(struct used *u, const struct xml_binding *b)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->b[i] == b)
			return;
	if (u->n == u->room) {
		u->room = MAX(u->room * 2, (size_t)8);
		u->b = mem_realloc(u->b, u->room * sizeof(u->b[0]));
	}
	u->b[u->n++] = b;
}

/* Collects what `e` and those below it use from above `depth`. Not deeper than
 * XML_MAX_DEPTH. */
static void collect(struct used *u, const struct xml_el *e, uint8_t depth)
{
	const struct xml_binding *b;
	struct strv prefix = xml_el_prefix(e);

	if (e->prefix_depth >= depth)
		return;
	if (prefix.n > 0 && (b = xml_lookup(e->scope, prefix))->depth < depth)
		use(u, b);
	XML_EACH_ATTR(a, e)
		if (a->prefix.n > 0 &&
		    (b = xml_lookup(e->scope, a->prefix))->depth < depth)
			use(u, b);
	XML_EACH_CHILD(i, e)
		collect(u, i, depth);
}

static int declare_prefixes(struct buf *b, const struct xml_el *e)
{
	AUTO(used_free) struct used u = { 0 };
	int r;

	collect(&u, e, e->depth);
	for (size_t i = 0; i < u.n; i++)
		if ((r = write_attr(b, STRV("xmlns"), u.b[i]->prefix, u.b[i]->uri)) < 0)
			return r;
	return 0;
}

/* The default namespace around an element that uses it: the name of the first one without
 * a prefix stands in it. */
static struct strv outer_default(const struct xml_el *e)
{
	uint8_t depth = e->depth;

	while (xml_el_prefix(e).n > 0)
		for (e = e->first; e->default_depth >= depth; e = e->next)
			;
	return e->ns_uri;
}

static bool is_as_written(const struct xml_el *e, struct strv outer)
{
	return !e->uses_outer_prefix &&
	       (!e->uses_outer_default || strv_eq(outer_default(e), outer));
}

/* Nothing outside is declared by the element itself, so adding the declarations to its
 * start tag is all that it takes. */
static int write_el(struct buf *b, const struct xml_el *e, struct strv outer)
{
	size_t name_end = xml_el_qname(e).n + 1;
	int r;

	if (is_as_written(e, outer))
		return buf_adds(b, e->raw);
	if ((r = buf_add(b, e->raw.p, name_end)) < 0)
		return r;
	if (e->uses_outer_default && !strv_eq(outer_default(e), outer) &&
	    (r = xml_write_named(b, STRV("xmlns"), outer_default(e))) < 0)
		return r;
	if (e->uses_outer_prefix && (r = declare_prefixes(b, e)) < 0)
		return r;
	return buf_adds(b, strv_from_pos(e->raw, name_end));
}

int xml_write_el(struct buf *b, const struct xml_el *e, enum xml_ns outer)
{
	return write_el(b, e, ns_text(outer));
}

int xml_write_inner(struct buf *b, const struct xml_el *e)
{
	const char *p = e->inner.p, *end = p + e->inner.n;
	int r;

	XML_EACH_CHILD(i, e) {
		if (is_as_written(i, e->ns_uri))
			continue;
		if ((r = buf_add(b, p, (size_t)(i->raw.p - p))) < 0 ||
		    (r = write_el(b, i, e->ns_uri)) < 0)
			return r;
		p = i->raw.p + i->raw.n;
	}
	return buf_add(b, p, (size_t)(end - p));
}
