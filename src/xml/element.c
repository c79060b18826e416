/* A whole element: nesting and character data. */
#include "xml/xml_priv.h"

static const char *loose_text(const char *p, const char *end)
{
	p = xml_loose_span(p, end, '<', '&', '&', true);
	return end - p < LOOSE_END ? xml_text_span(p, end) : p;
}

static const char *loose_cdata(const char *p, const char *end)
{
	p = xml_loose_span(p, end, '\0', '\0', '\0', true);
	return end - p < LOOSE_END ? xml_text_span(p, end) : p;
}

static bool is_cdata_end(const char *p)
{
	return *p == ']' && p[1] == ']' && p[2] == '>';
}

/* One character, or more of its kind, of those at which the spans stop. */
static enum parsed pass_special(struct xml_parser *x, struct xml_el *e, const char **pp)
{
	const char *p = *pp;
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
	} else if (*p == '&') {
		do {
			if ((err = xml_reference(&p, &cp)) != XML_OK)
				return xml_wrong(x, err);
			if (++x->n_refs > x->max->refs)
				return xml_wrong(x, XML_ERR_TOO_DEEP);
		} while (*p == '&');
		e->text_plain = false;
	} else if ((*p == ']' && !is_cdata_end(p)) || ch_is(*p, CH_SPACE)) {
		p++;
	} else {
		return xml_wrong(x, XML_ERR_MALFORMED);
	}
	*pp = p;
	return PARSED;
}

/* Character data up to the next '<'. */
static enum parsed read_text(struct xml_parser *x, struct xml_el *e)
{
	const char *p = xml_text_span(x->p, x->end);
	enum parsed r;

	if (unlikely(p < x->end && *p != '<')) {
		do {
			if ((r = pass_special(x, e, &p)) != PARSED)
				return r;
			p = loose_text(p, x->end);
		} while (p < x->end && *p != '<');
		if (e->text_plain && memchr(x->p, '\r', (size_t)(p - x->p)))
			e->text_plain = false;
	}
	if (p == x->end)
		return PARSED_PART;
	x->p = p;
	return PARSED;
}

/* x->p is at "<!", which may start nothing but a CDATA section. */
static enum parsed read_cdata(struct xml_parser *x, struct xml_el *e)
{
	const char *p = x->p + 2;
	int n;

	for (const char *want = "[CDATA["; *want; want++, p++) {
		if (*p == *want)
			continue;
		if (p == x->p + 2)
			return xml_wrong(x,
					 XML_ERR_RESTRICTED); /* comment, declaration */
		return xml_wrong_char(x, p);
	}
	if (++x->n_refs > x->max->refs)
		return xml_wrong(x, XML_ERR_TOO_DEEP);
	e->text_plain = false;
	for (; (p = loose_cdata(p, x->end)) != x->end; x->n_stops++) {
		if (*p & 0x80) {
			do {
				if ((n = xml_wide_char(p)) <= 0)
					return xml_wrong_char(x, p);
				p += n;
			} while (*p & 0x80);
			continue;
		}
		if (is_cdata_end(p)) {
			x->p = p + 3;
			return PARSED;
		}
		if (!ch_is(*p, CH_SPACE) && *p != '<' && *p != '&' && *p != ']')
			return xml_wrong(x, XML_ERR_MALFORMED);
		p++;
	}
	return PARSED_PART;
}

static void append(struct xml_el *parent, struct xml_el *e)
{
	if (parent->last)
		parent->last->next = e;
	else
		parent->first = e;
	parent->last = e;
}

/* x->p is behind the element. */
static void close_element(struct xml_parser *x, struct xml_el *e)
{
	struct xml_el *parent = e->parent;

	e->raw.n = (size_t)(x->p - e->raw.p);
	e->uses_outer_prefix = e->prefix_depth < e->depth;
	e->uses_outer_default = e->default_depth < e->depth;
	if (parent != NULL) {
		parent->prefix_depth = MIN(parent->prefix_depth, e->prefix_depth);
		parent->default_depth = MIN(parent->default_depth, e->default_depth);
	}
}

/* x->p is at the "</" that must belong to `e`. */
static enum parsed read_end(struct xml_parser *x, struct xml_el *e)
{
	struct strv name = xml_el_qname(e);
	const char *p = x->p + 2;

	if ((size_t)(x->end - p) <= name.n || memcmp(p, name.p, name.n) != 0)
		return xml_wrong(x, XML_ERR_MALFORMED); /* there is a '>' before */
	p += name.n;
	while (ch_is(*p, CH_SPACE))
		p++;
	if (*p != '>')
		return xml_wrong_char(x, p);
	e->inner.n = (size_t)(x->p - e->inner.p);
	x->p = p + 1;
	close_element(x, e);
	return PARSED;
}

/* What starts with the '<' at x->p. Moves *at down into a child or up to the parent; the
 * root has NULL above it. */
static enum parsed read_markup(struct xml_parser *x, struct xml_el **at)
{
	struct xml_el *e, *parent = *at;
	enum parsed r;
	bool empty;

	switch (x->p[1]) {
	case '/':
		if ((r = read_end(x, parent)) == PARSED)
			*at = parent->parent;
		return r;
	case '!':
		return read_cdata(x, parent);
	case '?':
		return xml_wrong(x, XML_ERR_RESTRICTED);
	default:
		x->p++;
		if ((r = xml_parse_tag(x, parent, &e, &empty)) != PARSED)
			return r;
		append(parent, e);
		if (empty)
			close_element(x, e);
		else
			*at = e;
		return PARSED;
	}
}

enum parsed xml_parse_element(struct xml_parser *x, struct xml_el **ret)
{
	struct xml_el *root, *at;
	enum parsed r;
	bool empty;

	ASSERT(x->end > x->p && x->end[-1] == '>' && *x->p == '<');
	x->p++;
	if ((r = xml_parse_tag(x, NULL, &root, &empty)) != PARSED)
		return r;
	if (empty)
		close_element(x, root);
	for (at = empty ? NULL : root; at != NULL;) {
		if ((r = read_text(x, at)) != PARSED ||
		    (r = read_markup(x, &at)) != PARSED)
			return r;
	}
	*ret = root;
	return PARSED;
}

enum parsed xml_parse_start(struct xml_parser *x, const char *end, struct xml_el **ret)
{
	enum parsed r;
	bool empty;

	x->p++;
	if ((r = xml_parse_tag(x, NULL, ret, &empty)) != PARSED)
		return r;
	x->p = end;
	close_element(x, *ret);
	return PARSED;
}
