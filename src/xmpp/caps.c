#include "xmpp/caps.h"
#include "base/base64.h"
#include "base/digest.h"

#include <stdlib.h>

static int by_text(const void *a, const void *b)
{
	return strv_cmp(*(const struct strv *)a, *(const struct strv *)b);
}

struct set {
	struct strv *v;
	size_t n;
};

static struct set set_new(struct arena *a, const struct xml_el *e)
{
	size_t n = 0;

	XML_EACH_CHILD(c, e)
		n++;
	return (struct set){ .v = ARENA_ARRAY(a, struct strv, n + 1) };
}

static void set_add(struct set *s, const char *text)
{
	s->v[s->n++] = strv_from(text);
}

static void set_put(struct set *s, struct buf *b)
{
	qsort(s->v, s->n, sizeof(*s->v), by_text);
	for (size_t i = 0; i < s->n; i++)
		buf_put(b, s->v[i]);
}

static const char *values_of(struct arena *a, const struct xml_el *field)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct set s = set_new(a, field);

	XML_EACH_CHILD(v, field)
		if (xml_is(v, NS_DATA, "value"))
			set_add(&s,
				arena_printf(a, STRV_FMT "<", STRV_ARG(xml_text(v, a))));
	set_put(&s, &b);
	return arena_cstr(a, buf_strv(&b));
}

/* The form as one string: its type, then its fields in order. NULL: not a form that counts. */
static const char *form_text(struct arena *a, const struct xml_el *form)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct set s = set_new(a, form);
	const char *type = NULL;

	XML_EACH_CHILD(f, form) {
		struct strv var = xml_attr(f, "var");

		if (!xml_is(f, NS_DATA, "field") || var.p == NULL)
			continue;
		if (strv_is(var, "FORM_TYPE"))
			type = values_of(a, f);
		else
			set_add(&s, arena_printf(a, STRV_FMT "<%s", STRV_ARG(var),
						 values_of(a, f)));
	}
	if (type == NULL)
		return NULL;
	buf_put(&b, strv_from(type));
	set_put(&s, &b);
	return arena_cstr(a, buf_strv(&b));
}

void caps_ver(struct arena *a, const struct xml_el *query, char to[CAPS_VER_LEN])
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct set ids = set_new(a, query), features = set_new(a, query);
	struct set forms = set_new(a, query);
	unsigned char hash[DIGEST_MAX_LEN];

	XML_EACH_CHILD(e, query) {
		if (xml_is(e, NS_DISCO_INFO, "identity"))
			set_add(&ids,
				arena_printf(a,
					     STRV_FMT "/" STRV_FMT "/" STRV_FMT
						      "/" STRV_FMT "<",
					     STRV_ARG(xml_attr(e, "category")),
					     STRV_ARG(xml_attr(e, "type")),
					     STRV_ARG(xml_attr_ns(e, NS_XML, "lang")),
					     STRV_ARG(xml_attr(e, "name"))));
		else if (xml_is(e, NS_DISCO_INFO, "feature"))
			set_add(&features, arena_printf(a, STRV_FMT "<",
							STRV_ARG(xml_attr(e, "var"))));
		else if (xml_is(e, NS_DATA, "x") && form_text(a, e))
			set_add(&forms, form_text(a, e));
	}
	set_put(&ids, &b);
	set_put(&features, &b);
	set_put(&forms, &b);
	digest(DIGEST_SHA1, buf_strv(&b), hash);
	base64_encode(hash, digest_len(DIGEST_SHA1), to);
}
