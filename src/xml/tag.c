/* Start tags: names, attributes, declarations of namespaces. */
#include "xml/xml_priv.h"
#include "base/hash.h"
#include "base/utf8.h"

enum { FEW = 16 }; /* attributes that are compared with each other */

#define XML_NS_URI   "http://www.w3.org/XML/1998/namespace"
#define XMLNS_NS_URI "http://www.w3.org/2000/xmlns/"

enum parsed xml_wrong_char(struct xml_parser *x, const char *p)
{
	bool encoded = !(*p & 0x80) || xml_wide_char(p) != 0;

	return xml_wrong(x, encoded ? XML_ERR_MALFORMED : XML_ERR_ENCODING);
}

static inline const char *skip_space(const char *p)
{
	while (ch_is(*p, CH_SPACE))
		p++;
	return p;
}

/* One or two names around a colon. Leaves x->p behind them. */
static inline enum parsed read_qname(struct xml_parser *x, struct strv *prefix,
				     struct strv *local)
{
	const char *start = x->p, *p = xml_ncname(start);

	*prefix = strv_make("", 0);
	if (p != NULL && *p == ':') {
		*prefix = strv_make(start, (size_t)(p - start));
		start = p + 1;
		p = xml_ncname(start);
	}
	if (unlikely(p == NULL))
		return xml_wrong_char(x, start);
	*local = strv_make(start, (size_t)(p - start));
	x->p = p;
	return PARSED;
}

/* --- values --- */

/* XML 1.0 3.3.3, for a value whose syntax is checked. Never longer than what is written.
 */
static struct strv normalise(struct arena *a, const char *p, const char *end)
{
	char *start = arena_alloc(a, (size_t)(end - p)), *to = start;

	while (p < end) {
		uint32_t cp;

		if (*p == '&') {
			enum xml_error err = xml_reference(&p, &cp);
			ASSERT(err == XML_OK);
			to += utf8_put(cp, to);
		} else if (ch_is(*p, CH_SPACE)) {
			p += *p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1;
			*to++ = ' ';
		} else {
			*to++ = *p++;
		}
	}
	return strv_make(start, (size_t)(to - start));
}

static const char *loose_value(const char *p, const char *end, char quote)
{
	p = xml_loose_span(p, end, '<', '&', quote, false);
	return end - p < LOOSE_END ? xml_value_span(p, end, quote) : p;
}

/* x->p is behind the opening quote, and in the end behind the closing one. */
static enum parsed read_value(struct xml_parser *x, char quote, struct strv *ret)
{
	const char *start = x->p, *p = xml_value_span(start, x->end, quote);
	bool plain = true;

	for (; p < x->end && unlikely(*p != quote); p = loose_value(p, x->end, quote)) {
		enum xml_error err;
		uint32_t cp;
		int n;

		x->n_stops++;
		if (*p & 0x80) {
			do {
				if ((n = xml_wide_char(p)) <= 0)
					return xml_wrong_char(x, p);
				p += n;
			} while (*p & 0x80);
			continue;
		}
		if (*p == '&') {
			if ((err = xml_reference(&p, &cp)) != XML_OK)
				return xml_wrong(x, err);
			if (++x->n_refs > x->max->refs)
				return xml_wrong(x, XML_ERR_TOO_DEEP);
		} else if (ch_is(*p, CH_SPACE)) {
			p++;
		} else { /* '<' or a control character */
			return xml_wrong(x, XML_ERR_MALFORMED);
		}
		plain = false;
	}
	if (p == x->end)
		return PARSED_PART;
	*ret = plain ? strv_make(start, (size_t)(p - start)) : normalise(x->a, start, p);
	x->p = p + 1;
	return PARSED;
}

/* --- namespaces --- */

static const struct xml_binding xml_prefix = {
	.prefix = { "xml", 3 },
	.uri = { XML_NS_URI, sizeof(XML_NS_URI) - 1 },
	.ns = NS_XML,
	.depth = DEPTH_NONE,
};

const struct xml_binding *xml_lookup(const struct xml_binding *b, struct strv prefix)
{
	for (; b; b = b->up)
		if (strv_eq(b->prefix, prefix))
			return b;
	return strv_eq(prefix, xml_prefix.prefix) ? &xml_prefix : NULL;
}

/* Namespaces in XML 1.0, 3: what may not be declared. */
static bool is_legal(struct strv prefix, struct strv uri)
{
	if (strv_is(prefix, "xmlns") || strv_is(uri, XMLNS_NS_URI))
		return false;
	if (strv_is(prefix, "xml") != strv_is(uri, XML_NS_URI))
		return false;
	return prefix.n == 0 || uri.n > 0;
}

static enum parsed declare(struct xml_parser *x, struct xml_el *e, struct strv prefix,
			   struct strv uri)
{
	struct xml_binding *b;
	uint8_t number = e->scope ? e->scope->number : 0;

	if (number == x->max->scope)
		return xml_wrong(x, XML_ERR_TOO_DEEP);
	for (const struct xml_binding *i = e->scope; i && i->depth == e->depth; i = i->up)
		if (strv_eq(i->prefix, prefix))
			return xml_wrong(x, XML_ERR_MALFORMED);
	if (!is_legal(prefix, uri))
		return xml_wrong(x, XML_ERR_MALFORMED);
	b = arena_alloc(x->a, sizeof(*b));
	*b = (struct xml_binding){
		.up = e->scope,
		.prefix = prefix,
		.uri = uri,
		.ns = ns_find(uri),
		.depth = e->depth,
		.number = (uint8_t)(number + 1),
	};
	e->scope = b;
	return PARSED;
}

/* --- attributes --- */

/* The attributes of one tag stand side by side; room is taken for several tags at once.
 */
static struct xml_attr *attr_new(struct xml_parser *x, struct xml_el *e)
{
	if (unlikely(x->n_room == 0)) {
		struct xml_attr *old = e->attr;

		x->n_chunk = MIN(MAX(x->n_chunk * 2, 8u), 64u);
		x->n_room = x->n_chunk;
		x->attr = arena_alloc(x->a, (e->n_attr + x->n_room) * sizeof(*old));
		e->attr = x->attr;
		if (e->n_attr > 0)
			memcpy(x->attr, old, e->n_attr * sizeof(*old));
		x->attr += e->n_attr;
	}
	if (e->n_attr == 0)
		e->attr = x->attr;
	e->n_attr++;
	x->n_room--;
	return x->attr++;
}

static enum parsed read_attr(struct xml_parser *x, struct xml_el *e)
{
	struct strv prefix, local, value;
	const char *start = x->p;
	struct xml_attr *a;
	enum parsed r;
	char quote;

	if ((r = read_qname(x, &prefix, &local)) != PARSED)
		return r;
	x->p = skip_space(x->p);
	if (*x->p != '=')
		return xml_wrong_char(x, x->p);
	x->p = skip_space(x->p + 1);
	quote = *x->p;
	if (quote != '\'' && quote != '"')
		return xml_wrong_char(x, x->p);
	x->p++;
	if ((r = read_value(x, quote, &value)) != PARSED)
		return r;
	if (++x->n_attrs > x->max->nodes)
		return xml_wrong(x, XML_ERR_TOO_DEEP);
	if (local.n == 5 && prefix.n == 0 && memcmp(local.p, "xmlns", 5) == 0)
		return declare(x, e, prefix, value);
	if (prefix.n == 5 && memcmp(prefix.p, "xmlns", 5) == 0)
		return declare(x, e, local, value);
	if (e->n_attr == x->max->attrs)
		return xml_wrong(x, XML_ERR_TOO_DEEP);
	a = attr_new(x, e);
	a->local = local;
	a->prefix = prefix;
	a->ns = NS_NONE;
	a->ns_uri = strv_make("", 0);
	a->value = value;
	a->raw = strv_make(start, (size_t)(x->p - start));
	return PARSED;
}

enum parsed xml_parse_attr(struct xml_parser *x, struct xml_el *e)
{
	for (;;) {
		const char *before = x->p;
		enum parsed r;

		x->p = skip_space(before);
		if (*x->p == '>' || *x->p == '/')
			return PARSED;
		if (x->p == before)
			return xml_wrong_char(x, before);
		if ((r = read_attr(x, e)) != PARSED)
			return r;
	}
}

static bool is_same_name(const struct xml_attr *a, const struct xml_attr *b)
{
	return a->ns == b->ns && strv_eq(a->local, b->local) &&
	       strv_eq(a->ns_uri, b->ns_uri);
}

/* For the usual few attributes. */
static bool has_duplicate(const struct xml_el *e)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < e->n_attr; i++) {
		const struct xml_attr *a = &e->attr[i];
		unsigned mix = (unsigned)a->local.n * 7 + (unsigned char)a->local.p[0];
		uint64_t bit = UINT64_C(1) << (mix % 64);

		/* Most names differ in this bit; those that do not are compared. */
		for (unsigned j = 0; (seen & bit) && j < i; j++)
			if (is_same_name(a, &e->attr[j]))
				return true;
		seen |= bit;
	}
	return false;
}

/* For many: a table that nobody can aim at, so that the work stays linear. */
static bool has_duplicate_of_many(const struct xml_el *e)
{
	enum { N_SLOT = 2 * XML_MAX_ATTRS };
	uint16_t slot[N_SLOT] = { 0 }; /* index + 1 */

	for (unsigned i = 0; i < e->n_attr; i++) {
		const struct xml_attr *a = &e->attr[i];
		uint64_t at = hash_strv(a->local) % N_SLOT;

		for (; slot[at]; at = (at + 1) % N_SLOT)
			if (is_same_name(a, &e->attr[slot[at] - 1]))
				return true;
		slot[at] = (uint16_t)(i + 1);
	}
	return false;
}

enum parsed xml_resolve(struct xml_parser *x, struct xml_el *e, struct strv prefix)
{
	const struct xml_binding *b = xml_lookup(e->scope, prefix);

	if (b != NULL) {
		e->ns = b->ns;
		e->ns_uri = b->uri;
	} else if (prefix.n == 0) { /* only a header has nothing around it */
		e->ns_uri = strv_make("", 0);
	} else {
		return xml_wrong(x, XML_ERR_MALFORMED);
	}
	if (prefix.n > 0)
		e->prefix_depth = b->depth;
	else if (b != NULL)
		e->default_depth = b->depth;
	for (unsigned i = 0; i < e->n_attr; i++) {
		struct xml_attr *a = &e->attr[i];

		if (a->prefix.n == 0)
			continue;
		if ((b = xml_lookup(e->scope, a->prefix)) == NULL)
			return xml_wrong(x, XML_ERR_MALFORMED);
		a->ns = b->ns;
		a->ns_uri = b->uri;
		e->prefix_depth = MIN(e->prefix_depth, b->depth);
	}
	if (e->n_attr > FEW ? has_duplicate_of_many(e) : has_duplicate(e))
		return xml_wrong(x, XML_ERR_MALFORMED);
	return PARSED;
}

enum parsed xml_parse_tag(struct xml_parser *x, struct xml_el *parent,
			  struct xml_el **ret, bool *ret_empty)
{
	const char *start = x->p - 1;
	struct xml_el *e = arena_alloc(x->a, sizeof(*e));
	struct strv prefix;
	enum parsed r;

	*e = (struct xml_el){
		.parent = parent,
		.text_plain = true,
		.depth = parent ? (uint8_t)(parent->depth + 1) : 1,
		.prefix_depth = DEPTH_NONE,
		.default_depth = DEPTH_NONE,
		.scope = parent ? parent->scope : x->scope,
	};
	if (e->depth > XML_MAX_DEPTH || ++x->n_nodes > x->max->nodes)
		return xml_wrong(x, XML_ERR_TOO_DEEP);
	if ((r = read_qname(x, &prefix, &e->local)) != PARSED ||
	    (r = xml_parse_attr(x, e)) != PARSED)
		return r;
	*ret_empty = *x->p == '/';
	if (*ret_empty && *++x->p != '>')
		return xml_wrong_char(x, x->p);
	x->p++;
	e->raw = strv_make(start, (size_t)(x->p - start));
	e->inner = strv_make(x->p, 0);
	*ret = e;
	return xml_resolve(x, e, prefix);
}
