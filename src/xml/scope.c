/* What is declared around a stanza: by a stream's header, or by assumption. */
#include "xml/xml_priv.h"

enum { MAX_DECLS_BYTES = 4096 };

static const struct xml_binding stream_prefix = {
	.prefix = { "stream", 6 },
	.uri = { "http://etherx.jabber.org/streams", 32 },
	.ns = NS_STREAM,
};

static const struct xml_binding defaults[NS_OTHER] = {
	[NS_NONE] = { .up = &stream_prefix, .prefix = { "", 0 }, .uri = { "", 0 } },
#define X(id, text)                                      \
	[NS_##id] = { .up = &stream_prefix,              \
		      .prefix = { "", 0 },               \
		      .uri = { text, sizeof(text) - 1 }, \
		      .ns = NS_##id },
	XML_NAMESPACES(X)
#undef X
};

const struct xml_binding *xml_scope_of(enum xml_ns outer)
{
	ASSERT(outer < NS_OTHER);
	return &defaults[outer];
}

/* <stream:stream xmlns='jabber:client' xmlns:stream='...'>: costs no memory. */
static bool is_usual(const struct xml_el *header)
{
	const struct xml_binding *b = header->scope;
	unsigned seen = 0;

	if (!strv_is(xml_el_qname(header), "stream:stream"))
		return false;
	for (; b; b = b->up) {
		if (b->prefix.n == 0 && b->ns == NS_CLIENT)
			seen |= 1;
		else if (strv_is(b->prefix,
				 "stream")) /* the header's own: NS_STREAM or odd */
			seen |= b->ns == NS_STREAM ? 2 : 4;
		else
			seen |= 4;
	}
	return seen == 3;
}

static struct strv put(char **to, struct strv s)
{
	char *start = *to;

	if (s.n)
		memcpy(start, s.p, s.n);
	*to += s.n;
	return strv_make(start, s.n);
}

/* One block: the struct, the bindings, their text. A default namespace is always among
 * them. */
static struct xml_decls *copy(const struct xml_el *header, size_t n_bindings,
			      size_t n_text)
{
	struct xml_decls *d =
		mem_alloc(sizeof(*d) + n_bindings * sizeof(struct xml_binding) + n_text);
	struct xml_binding *to = (struct xml_binding *)(d + 1);
	char *text = (char *)(to + n_bindings);
	bool has_default = false;

	d->qname = put(&text, xml_el_qname(header));
	d->scope = NULL;
	for (const struct xml_binding *b = header->scope; b; b = b->up, to++) {
		*to = (struct xml_binding){ .up = d->scope, .ns = b->ns };
		to->prefix = put(&text, b->prefix);
		to->uri = put(&text, b->uri);
		d->scope = to;
		has_default |= b->prefix.n == 0;
	}
	if (!has_default) {
		*to = (struct xml_binding){ .up = d->scope,
					    .prefix = STRV(""),
					    .uri = STRV("") };
		d->scope = to;
	}
	return d;
}

enum xml_error xml_decls_new(const struct xml_el *header, struct xml_decls **ret)
{
	size_t n_bindings = 1, n_text = xml_el_qname(header).n;

	if (is_usual(header)) {
		*ret = NULL;
		return XML_OK;
	}
	for (const struct xml_binding *b = header->scope; b; b = b->up) {
		n_bindings++;
		n_text += b->prefix.n + b->uri.n;
	}
	if (n_bindings * sizeof(struct xml_binding) + n_text > MAX_DECLS_BYTES)
		return XML_ERR_TOO_BIG;
	*ret = copy(header, n_bindings, n_text);
	return XML_OK;
}

void xml_stream_reset(struct xml_stream *s)
{
	mem_free(s->decls);
	*s = (struct xml_stream){ .max_bytes = s->max_bytes };
}

enum xml_ns xml_stream_default_ns(const struct xml_stream *s)
{
	if (s->decls == NULL)
		return NS_CLIENT;
	for (const struct xml_binding *b = s->decls->scope; b; b = b->up)
		if (b->prefix.n == 0)
			return b->ns;
	return NS_NONE;
}
