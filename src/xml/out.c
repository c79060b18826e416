/* The writer that remembers what is open and the first error. */
#include "xml/xml.h"

#include <stdarg.h>
#include <stdio.h>

static void add(struct xml_out *o, struct strv s)
{
	if (o->err == 0)
		o->err = buf_adds(o->b, s);
}

/* Content follows: the start tag is done. */
static void close_tag(struct xml_out *o)
{
	if (o->open)
		add(o, STRV(">"));
	o->open = false;
}

void xo_start(struct xml_out *o, const char *name, enum xml_ns ns)
{
	ASSERT(o->depth < ARRAY_LEN(o->name));
	close_tag(o);
	add(o, STRV("<"));
	add(o, strv_from(name));
	o->name[o->depth++] = name;
	o->open = true;
	if (ns != NS_NONE)
		xo_attr(o, "xmlns", ns_text(ns));
}

void xo_attr(struct xml_out *o, const char *name, struct strv value)
{
	ASSERT(o->open);
	if (value.p != NULL && o->err == 0)
		o->err = xml_write_attr(o->b, name, value);
}

void xo_attrf(struct xml_out *o, const char *name, const char *fmt, ...)
{
	AUTO(mem_freep) char *big = NULL;
	char small[256], *s = small;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	ASSERT(n >= 0);
	if ((size_t)n >= sizeof(small)) {
		s = big = mem_alloc((size_t)n + 1);
		va_start(ap, fmt);
		vsnprintf(big, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	xo_attr(o, name, strv_make(s, (size_t)n));
}

void xo_text(struct xml_out *o, struct strv text)
{
	if (text.n == 0)
		return;
	close_tag(o);
	if (o->err == 0)
		o->err = xml_write_text(o->b, text);
}

void xo_raw(struct xml_out *o, struct strv bytes)
{
	if (bytes.n == 0)
		return;
	close_tag(o);
	add(o, bytes);
}

void xo_el(struct xml_out *o, const struct xml_el *e, enum xml_ns outer)
{
	close_tag(o);
	if (o->err == 0)
		o->err = xml_write_el(o->b, e, outer);
}

void xo_end(struct xml_out *o)
{
	ASSERT(o->depth > 0);
	o->depth--;
	if (o->open) {
		o->open = false;
		add(o, STRV("/>"));
		return;
	}
	add(o, STRV("</"));
	add(o, strv_from(o->name[o->depth]));
	add(o, STRV(">"));
}

void xo_leaf(struct xml_out *o, const char *name, enum xml_ns ns, struct strv text)
{
	xo_start(o, name, ns);
	xo_text(o, text);
	xo_end(o);
}
