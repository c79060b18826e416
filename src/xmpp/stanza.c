#include "xmpp/stanza.h"

struct type_row {
	enum stanza_kind kind;
	enum stanza_type type;
	struct strv name;
};

static const struct type_row types[] = {
	{ STANZA_MESSAGE, MESSAGE_CHAT, { "chat", 4 } },
	{ STANZA_MESSAGE, MESSAGE_NORMAL, { "normal", 6 } },
	{ STANZA_MESSAGE, MESSAGE_GROUPCHAT, { "groupchat", 9 } },
	{ STANZA_MESSAGE, MESSAGE_HEADLINE, { "headline", 8 } },
	{ STANZA_MESSAGE, STANZA_ERROR, { "error", 5 } },
	{ STANZA_PRESENCE, PRESENCE_UNAVAILABLE, { "unavailable", 11 } },
	{ STANZA_PRESENCE, PRESENCE_SUBSCRIBE, { "subscribe", 9 } },
	{ STANZA_PRESENCE, PRESENCE_SUBSCRIBED, { "subscribed", 10 } },
	{ STANZA_PRESENCE, PRESENCE_UNSUBSCRIBE, { "unsubscribe", 11 } },
	{ STANZA_PRESENCE, PRESENCE_UNSUBSCRIBED, { "unsubscribed", 12 } },
	{ STANZA_PRESENCE, PRESENCE_PROBE, { "probe", 5 } },
	{ STANZA_PRESENCE, STANZA_ERROR, { "error", 5 } },
	{ STANZA_IQ, IQ_GET, { "get", 3 } },
	{ STANZA_IQ, IQ_SET, { "set", 3 } },
	{ STANZA_IQ, IQ_RESULT, { "result", 6 } },
	{ STANZA_IQ, STANZA_ERROR, { "error", 5 } },
};

static const struct strv kind_names[] = { { "message", 7 },
					  { "presence", 8 },
					  { "iq", 2 } };
static const struct strv starts[] = { { "<message", 8 },
				      { "<presence", 9 },
				      { "<iq", 3 } };
static const struct strv ends[] = { { "</message>", 10 },
				    { "</presence>", 11 },
				    { "</iq>", 5 } };

static enum stanza_kind kind_of(const struct xml_el *el)
{
	ASSERT(el->ns == NS_CLIENT);
	for (int k = STANZA_MESSAGE; k <= STANZA_IQ; k++)
		if (strv_eq(el->local, kind_names[k]))
			return (enum stanza_kind)k;
	UNREACHABLE();
}

static enum stanza_err read_type(struct stanza *s, struct strv text)
{
	for (size_t i = 0; text.p && i < ARRAY_LEN(types); i++) {
		if (types[i].kind == s->kind && strv_eq(types[i].name, text)) {
			s->type = types[i].type;
			return STANZA_ERR_NONE;
		}
	}
	if (s->kind == STANZA_MESSAGE) {
		s->type = MESSAGE_NORMAL; /* RFC 6121 5.2.2: unknown means normal */
		return STANZA_ERR_NONE;
	}
	s->type = s->kind == STANZA_IQ ? IQ_SET : PRESENCE_AVAILABLE;
	return s->kind == STANZA_PRESENCE && text.p == NULL ? STANZA_ERR_NONE
							    : STANZA_ERR_BAD_REQUEST;
}

/* RFC 6120 8.2.3. */
static enum stanza_err check_iq(const struct stanza *s)
{
	const struct xml_el *first = s->el->first;

	if (s->id.p == NULL)
		return STANZA_ERR_BAD_REQUEST;
	if ((s->type == IQ_GET || s->type == IQ_SET) &&
	    (first == NULL || first->next != NULL))
		return STANZA_ERR_BAD_REQUEST;
	if (s->type == IQ_RESULT && first != NULL && first->next != NULL)
		return STANZA_ERR_BAD_REQUEST;
	return STANZA_ERR_NONE;
}

/* All but the addresses, whose text is returned. */
static enum stanza_err read_start(const struct xml_el *el, struct stanza *ret,
				  struct strv *from, struct strv *to)
{
	struct strv type = STRV_NULL;
	enum stanza_err err, r;

	*ret = (struct stanza){ .kind = kind_of(el), .el = el };
	*from = *to = STRV_NULL;
	for (unsigned i = 0; i < el->n_attr; i++) {
		const struct xml_attr *at = &el->attr[i];
		if (at->ns == NS_XML && strv_is(at->local, "lang"))
			ret->lang = at->value;
		if (at->ns != NS_NONE)
			continue;
		if (strv_is(at->local, "to"))
			*to = at->value;
		else if (strv_is(at->local, "from"))
			*from = at->value;
		else if (strv_is(at->local, "id"))
			ret->id = at->value;
		else if (strv_is(at->local, "type"))
			type = at->value;
	}
	err = read_type(ret, type);
	r = ret->kind == STANZA_IQ ? check_iq(ret) : STANZA_ERR_NONE;
	return err ? err : r;
}

static enum stanza_err read_jid(struct arena *a, struct strv text, struct jid *ret,
				uint32_t *work)
{
	if (text.p == NULL || jid_parse_counted(a, text, ret, work) == 0)
		return STANZA_ERR_NONE;
	return STANZA_ERR_JID_MALFORMED;
}

enum stanza_err stanza_read(struct arena *a, const struct xml_el *el, struct stanza *ret)
{
	struct strv from, to;
	enum stanza_err err = read_start(el, ret, &from, &to), r;

	r = read_jid(a, from, &ret->from, &ret->work);
	err = err ? err : r;
	r = read_jid(a, to, &ret->to, &ret->work);
	return err ? err : r;
}

enum stanza_err stanza_read_ours(const struct xml_el *el, struct stanza *ret)
{
	struct strv from, to;
	enum stanza_err err = read_start(el, ret, &from, &to);

	if (from.p)
		ret->from = jid_from_text(from);
	if (to.p)
		ret->to = jid_from_text(to);
	return err;
}

static struct strv type_name(const struct stanza *s)
{
	if (s->type ==
	    MESSAGE_NORMAL) /* as it was written: nothing, or a word of its own */
		return xml_attr(s->el, "type");
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == s->type && types[i].kind == s->kind)
			return types[i].name;
	return STRV_NULL;
}

static inline int put_attr(struct buf *b, struct strv name, struct strv value)
{
	return value.p ? xml_write_named(b, name, value) : 0;
}

static bool is_ours(const struct xml_attr *at)
{
	return strv_is(at->local, "to") || strv_is(at->local, "from") ||
	       strv_is(at->local, "id") || strv_is(at->local, "type");
}

/* Attributes without a namespace that we know nothing of travel with the stanza. */
static int put_other_attrs(struct buf *b, const struct xml_el *el)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < el->n_attr; i++) {
		if (el->attr[i].ns != NS_NONE || is_ours(&el->attr[i]))
			continue;
		r = buf_adds(b, STRV(" "));
		r = r ? r : buf_adds(b, el->attr[i].raw);
	}
	return r;
}

static int put_tag(struct buf *b, const struct stanza *s)
{
	int r = buf_adds(b, starts[s->kind]);

	r = r || jid_is_none(s->from) ? r : put_attr(b, STRV("from"), jid_text(s->from));
	r = r || jid_is_none(s->to) ? r : put_attr(b, STRV("to"), jid_text(s->to));
	r = r ? r : put_attr(b, STRV("id"), s->id);
	r = r ? r : put_attr(b, STRV("type"), type_name(s));
	r = r ? r : put_attr(b, STRV("xml:lang"), s->lang);
	return r ? r : put_other_attrs(b, s->el);
}

int stanza_write_start(struct buf *b, const struct stanza *s)
{
	int r = put_tag(b, s);
	return r ? r : buf_adds(b, STRV(">"));
}

int stanza_write(struct buf *b, const struct stanza *s)
{
	int r = put_tag(b, s);

	if (r == 0 && s->el->inner.n == 0)
		return buf_adds(b, STRV("/>"));
	r = r ? r : buf_adds(b, STRV(">"));
	r = r ? r : xml_write_inner(b, s->el);
	return r ? r : buf_adds(b, ends[s->kind]);
}

/* The start tag of an answer, up to its type. */
static int put_answer(struct buf *b, const struct stanza *s, const char *type)
{
	int r = buf_adds(b, starts[s->kind]);

	r = r || jid_is_none(s->to) ? r : put_attr(b, STRV("from"), jid_text(s->to));
	r = r || jid_is_none(s->from) ? r : put_attr(b, STRV("to"), jid_text(s->from));
	r = r ? r : put_attr(b, STRV("id"), s->id);
	return r ? r : put_attr(b, STRV("type"), strv_from(type));
}

int stanza_write_error(struct buf *b, const struct stanza *s, enum stanza_err err,
		       const char *text)
{
	int r = put_answer(b, s, "error");

	ASSERT(err != STANZA_ERR_NONE);
	r = r ? r : buf_addf(b, "><error type='%s'>", stanza_err_type(err));
	r = r ? r
	      : buf_addf(b, "<%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>",
			 stanza_err_name(err));
	if (r == 0 && text) {
		r = buf_addf(
			b,
			"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>");
		r = r ? r : xml_write_text(b, strv_from(text));
		r = r ? r : buf_adds(b, STRV("</text>"));
	}
	r = r ? r : buf_adds(b, STRV("</error>"));
	return r ? r : buf_adds(b, ends[s->kind]);
}

int stanza_write_result(struct buf *b, const struct stanza *s, struct strv payload)
{
	int r = put_answer(b, s, "result");

	if (r == 0 && payload.n == 0)
		return buf_adds(b, STRV("/>"));
	r = r ? r : buf_adds(b, STRV(">"));
	r = r ? r : buf_adds(b, payload);
	return r ? r : buf_adds(b, ends[s->kind]);
}
