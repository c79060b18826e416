/* The XML declaration (XML 1.0 2.8), the only thing that looks like a processing
 * instruction and is none. It is short: it is read from its start until it is whole. */
#include "xml/xml_priv.h"

struct cursor {
	const char *p, *end;
	enum xml_error err;
};

static enum parsed wrong(struct cursor *c, enum xml_error err)
{
	c->err = err;
	return PARSED_WRONG;
}

static enum parsed expect(struct cursor *c, const char *what)
{
	for (; *what; what++, c->p++) {
		if (c->p == c->end)
			return PARSED_PART;
		if (*c->p != *what)
			return wrong(c, XML_ERR_MALFORMED);
	}
	return PARSED;
}

/* PARSED: there is at least one more byte. */
static enum parsed skip_space(struct cursor *c)
{
	while (c->p < c->end && ch_is(*c->p, CH_SPACE))
		c->p++;
	return c->p < c->end ? PARSED : PARSED_PART;
}

/* " = 'value'", where the value is made of letters, digits, and a few signs. */
static enum parsed read_value(struct cursor *c, struct strv *ret)
{
	const char *start;
	enum parsed r;
	char quote;

	if ((r = skip_space(c)) != PARSED || (r = expect(c, "=")) != PARSED ||
	    (r = skip_space(c)) != PARSED)
		return r;
	quote = *c->p++;
	if (quote != '\'' && quote != '"')
		return wrong(c, XML_ERR_MALFORMED);
	start = c->p;
	while (c->p < c->end && ch_is(*c->p, CH_NAME))
		c->p++;
	if (c->p == c->end)
		return PARSED_PART;
	if (*c->p != quote)
		return wrong(c, XML_ERR_MALFORMED);
	*ret = strv_make(start, (size_t)(c->p++ - start));
	return PARSED;
}

static enum parsed read_version(struct cursor *c)
{
	struct strv v;
	enum parsed r;

	if ((r = expect(c, "version")) != PARSED || (r = read_value(c, &v)) != PARSED)
		return r;
	if (!strv_starts(v, STRV("1.")) || v.n == 2)
		return wrong(c, XML_ERR_MALFORMED);
	for (size_t i = 2; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return wrong(c, XML_ERR_MALFORMED);
	return PARSED;
}

static enum parsed read_encoding(struct cursor *c)
{
	struct strv v;
	enum parsed r;

	if ((r = expect(c, "encoding")) != PARSED || (r = read_value(c, &v)) != PARSED)
		return r;
	if (v.n == 0 || !ch_is(v.p[0], CH_START) || v.p[0] == '_')
		return wrong(c, XML_ERR_MALFORMED);
	return strv_eq_nocase(v, STRV("UTF-8")) ? PARSED : wrong(c, XML_ERR_ENCODING);
}

static enum parsed read_standalone(struct cursor *c)
{
	struct strv v;
	enum parsed r;

	if ((r = expect(c, "standalone")) != PARSED || (r = read_value(c, &v)) != PARSED)
		return r;
	return strv_is(v, "yes") || strv_is(v, "no") ? PARSED
						     : wrong(c, XML_ERR_MALFORMED);
}

/* Behind "<?": whether it is a declaration at all. */
static enum parsed read_target(struct cursor *c)
{
	enum parsed r = expect(c, "xml");

	if (r == PARSED_WRONG)
		return wrong(c, XML_ERR_RESTRICTED);
	if (r == PARSED_PART || c->p == c->end)
		return PARSED_PART;
	if (ch_is(*c->p, CH_SPACE))
		return PARSED;
	if (ch_is(*c->p, CH_NAME) || *c->p == ':' || (*c->p & 0x80))
		return wrong(c, XML_ERR_RESTRICTED); /* "<?xml-stylesheet" */
	return wrong(c, XML_ERR_MALFORMED);
}

/* An optional part, told by its first letter; white space must stand before it. */
static enum parsed read_optional(struct cursor *c, char letter,
				 enum parsed (*read)(struct cursor *))
{
	enum parsed r = skip_space(c);

	if (r != PARSED || *c->p != letter)
		return r;
	return ch_is(c->p[-1], CH_SPACE) ? read(c) : wrong(c, XML_ERR_MALFORMED);
}

enum parsed xml_parse_declaration(struct strv in, size_t *ret_used, enum xml_error *err)
{
	struct cursor c = { .p = in.p + 2, .end = in.p + in.n };
	enum parsed r;

	ASSERT(strv_starts(in, STRV("<?")));
	if ((r = read_target(&c)) == PARSED && (r = skip_space(&c)) == PARSED &&
	    (r = read_version(&c)) == PARSED &&
	    (r = read_optional(&c, 'e', read_encoding)) == PARSED &&
	    (r = read_optional(&c, 's', read_standalone)) == PARSED &&
	    (r = skip_space(&c)) == PARSED)
		r = expect(&c, "?>");
	if (r == PARSED)
		*ret_used = (size_t)(c.p - in.p);
	if (r == PARSED_WRONG)
		*err = c.err;
	return r;
}
