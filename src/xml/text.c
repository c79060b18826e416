/* Looking at a tree: attributes, children, character data. */
#include "xml/xml_priv.h"
#include "base/utf8.h"

struct strv xml_attr(const struct xml_el *e, const char *local)
{
	size_t n = strlen(local);

	XML_EACH_ATTR(a, e)
		if (a->local.n == n && a->prefix.n == 0 &&
		    memcmp(a->local.p, local, n) == 0)
			return a->value;
	return STRV_NULL;
}

struct strv xml_attr_ns(const struct xml_el *e, enum xml_ns ns, const char *local)
{
	XML_EACH_ATTR(a, e)
		if (a->ns == ns && strv_is(a->local, local))
			return a->value;
	return STRV_NULL;
}

struct xml_el *xml_child(const struct xml_el *e, enum xml_ns ns, const char *local)
{
	XML_EACH_CHILD(i, e)
		if (i->ns == ns && (local == NULL || strv_is(i->local, local)))
			return i;
	return NULL;
}

/* Where the character data goes on behind `p`: `e`'s next child, or its end. */
static const char *end_of_run(const struct xml_el *e, const struct xml_el *next)
{
	return next ? next->raw.p : e->inner.p + e->inner.n;
}

/* Resolves one run of character data, whose syntax is checked; returns where it ended. */
static char *resolve(const char *p, const char *end, char *to)
{
	while (p < end) {
		uint32_t cp;

		if (*p == '&') {
			enum xml_error err = xml_reference(&p, &cp);
			ASSERT(err == XML_OK);
			to += utf8_put(cp, to);
		} else if (*p == '\r') { /* XML 1.0 2.11 */
			p += p + 1 < end && p[1] == '\n' ? 2 : 1;
			*to++ = '\n';
		} else {
			*to++ = *p++;
		}
	}
	return to;
}

static char *resolve_cdata(const char *p, const char *end, char *to)
{
	for (; p < end; p++) {
		if (*p == '\r') {
			*to++ = '\n';
			p += p + 1 < end && p[1] == '\n';
		} else {
			*to++ = *p;
		}
	}
	return to;
}

/* Between two children there may be text and CDATA sections in turn. */
static char *resolve_run(const char *p, const char *end, char *to)
{
	while (p < end) {
		const char *lt = memchr(p, '<', (size_t)(end - p));
		const char *close;

		if (lt == NULL)
			return resolve(p, end, to);
		to = resolve(p, lt, to);
		p = lt + strlen("<![CDATA[");
		close = memmem(p, (size_t)(end - p), "]]>", 3);
		ASSERT(close != NULL);
		to = resolve_cdata(p, close, to);
		p = close + 3;
	}
	return to;
}

static struct strv gather(const struct xml_el *e, struct arena *a)
{
	char *start = arena_alloc(a, e->inner.n), *to = start;
	const char *p = e->inner.p;

	for (const struct xml_el *next = e->first;; next = next->next) {
		to = resolve_run(p, end_of_run(e, next), to);
		if (next == NULL)
			return strv_make(start, (size_t)(to - start));
		p = next->raw.p + next->raw.n;
	}
}

struct strv xml_text(const struct xml_el *e, struct arena *a)
{
	struct strv only = strv_make(e->inner.p, 0);
	const char *p = e->inner.p;

	if (!e->text_plain)
		return gather(e, a);
	for (const struct xml_el *next = e->first;; next = next->next) {
		const char *end = end_of_run(e, next);

		if (end > p && only.n > 0)
			return gather(e, a);
		if (end > p)
			only = strv_make(p, (size_t)(end - p));
		if (next == NULL)
			return only;
		p = next->raw.p + next->raw.n;
	}
}
