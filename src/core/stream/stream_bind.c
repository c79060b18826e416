/* Resource binding (RFC 6120 section 7), stanzas of a bound stream, IQs before login. */
#include "core/stream/stream_priv.h"

static void put_iq_error(struct stream *st, const struct stanza *s, enum stanza_err err,
			 const char *text)
{
	int r;

	if (!stanza_may_fail(s))
		return;
	r = stanza_write_error(st->env->out(st), s, err, text);
	(void)r; /* see stream_put */
}

static void bind_failed(struct stream *st, const struct stanza *s, enum stanza_err err,
			const char *text)
{
	put_iq_error(st, s, err, text);
	if (++st->neg->bind_failures >= STREAM_MAX_BIND_FAILURES)
		stream_close(st, STREAM_ERR_POLICY_VIOLATION,
			     "too many failed bind requests");
	else /* it may be tried again: a step of its own */
		st->env->timeout(st, st->listener->state_timeout_ms);
}

static enum stanza_err read_stanza(struct stream *st, struct arena *a,
				   const struct xml_el *el, struct stanza *ret)
{
	enum stanza_err err = stanza_read(a, el, ret);

	if (ret->work)
		st->env->works(st, ret->work);
	return err;
}

void bind_on_iq(struct stream *st, const struct xml_el *el, struct arena *a)
{
	struct strv resource = STRV("");
	const struct xml_el *bind, *wanted;
	struct stanza s;

	bind = xml_child(el, NS_BIND, "bind");
	if (bind == NULL) { /* RFC 6120 7.1: nothing else before it */
		stream_close(st, STREAM_ERR_NOT_AUTHORIZED, "bind a resource first");
		return;
	}
	if (read_stanza(st, a, el, &s) || s.type != IQ_SET) {
		bind_failed(st, &s, STANZA_ERR_BAD_REQUEST, NULL);
		return;
	}
	wanted = xml_child(bind, NS_BIND, "resource");
	if (wanted)
		resource = xml_text(wanted, a);
	if (resource.n && jid_prep_resource(a, resource, &resource) < 0) {
		bind_failed(st, &s, STANZA_ERR_BAD_REQUEST,
			    "this is no resource"); /* 7.7.2.1 */
		return;
	}
	mem_free(st->neg->bind_id);
	st->neg->bind_id = strv_dup(s.id);
	stream_wait(st);
	st->env->bind(st, resource);
}

/* The bind request again, as far as an answer to it needs it. */
static struct stanza bind_request(struct stream *st)
{
	static const struct xml_el none;

	return (struct stanza){ .kind = STANZA_IQ,
				.type = IQ_SET,
				.el = &none,
				.id = strv_from(st->neg->bind_id) };
}

static void put_bound(struct stream *st)
{
	struct stanza s = bind_request(st);
	AUTO(buf_free) struct buf b = BUF_INIT(65536);
	struct xml_out o = xml_out(&b);
	int r;

	xo_start(&o, "bind", NS_BIND);
	xo_leaf(&o, "jid", NS_NONE, jid_text(st->jid));
	xo_end(&o);
	r = o.err ? o.err : stanza_write_result(st->env->out(st), &s, buf_strv(&b));
	(void)r; /* see stream_put */
}

void stream_set_full_jid(struct stream *st, struct jid full)
{
	ASSERT(jid_is_bare(st->jid) && full.n_resource > 0);
	mem_free((char *)st->jid.s);
	st->jid = full;
}

void stream_on_bound(struct stream *st, enum stanza_err err, const char *text)
{
	struct stream_neg *n = st->neg;
	struct stanza s;

	if (st->closed)
		return;
	ASSERT(st->state == ST_BINDING && n->bind_id != NULL);
	stream_go_on(st);
	if (err) {
		s = bind_request(st);
		bind_failed(st, &s, err, text);
		return;
	}
	ASSERT(st->jid.n_resource > 0);
	put_bound(st);
	stream_enter(st, ST_BOUND);
	arena_free(&n->arena);
	mem_free(n->bind_id);
	mem_free(n);
	st->neg = NULL;
}

/* RFC 6120 8.1.2.1: `from` may be absent, or the bare or full JID of this very session. */
static bool from_is_ok(const struct stream *st, const struct stanza *s,
		       enum stanza_err err)
{
	if (jid_is_none(s->from)) /* or it is none, which is an error */
		return err == STANZA_ERR_NONE || xml_attr(s->el, "from").p == NULL;
	return jid_eq(s->from, st->jid) || jid_eq(s->from, jid_bare(st->jid));
}

/* What is escaped on the way out, and must fit into each answer. */
static bool is_start_moderate(const struct xml_el *el, const struct stanza *s)
{
	if (el->raw.n <= STREAM_MAX_ATTR) /* nearly all: none of it is longer */
		return true;
	return s->id.n <= STREAM_MAX_ATTR && s->lang.n <= STREAM_MAX_ATTR &&
	       xml_attr(el, "type").n <= STREAM_MAX_ATTR;
}

static bool swells(const struct xml_el *el)
{
	AUTO(buf_free) struct buf b = BUF_INIT(el->inner.n + STREAM_MAX_SWELL);

	return xml_write_inner(&b, el) < 0;
}

/* In a copy each child declares for itself what it uses from around it. */
static bool is_content_moderate(const struct xml_el *el)
{
	bool named = el->local.p != el->raw.p + 1; /* with a prefix */

	XML_EACH_CHILD(e, el)
		if (e->uses_outer_prefix || (named && e->uses_outer_default))
			return !swells(el);
	return true;
}

void bound_on_stanza(struct stream *st, const struct xml_el *el, struct arena *a)
{
	struct stanza s;
	enum stanza_err err = read_stanza(st, a, el, &s);

	if (!from_is_ok(st, &s, err)) {
		stream_close(st, STREAM_ERR_INVALID_FROM, NULL);
		return;
	}
	if (!is_start_moderate(el, &s)) {
		stream_close(st, STREAM_ERR_POLICY_VIOLATION,
			     "an id, type or language too long");
		return;
	}
	s.from = st->jid;
	if (s.lang.p == NULL)
		s.lang = strv_from(stream_lang(st)); /* RFC 6120 8.1.5 */
	if (err == STANZA_ERR_NONE && s.type == IQ_SET &&
	    xml_child(el, NS_BIND, "bind") && jid_is_none(s.to))
		err = STANZA_ERR_NOT_ALLOWED; /* one resource a stream */
	if (el->raw.n > STREAM_MAX_STANZA)    /* there is nothing in it, either */
		err = STANZA_ERR_POLICY_VIOLATION;
	if (err == STANZA_ERR_NONE && !is_content_moderate(el))
		err = STANZA_ERR_POLICY_VIOLATION;
	if (err)
		put_iq_error(st, &s, err, NULL);
	else
		st->env->stanza(st, &s);
}

void pre_auth_on_iq(struct stream *st, const struct xml_el *el, struct arena *a)
{
	struct stanza s;

	stream_neg_reset(st->neg);
	if (el->first == NULL || el->first->ns != NS_REGISTER) {
		stream_close(st, STREAM_ERR_NOT_AUTHORIZED, NULL);
		return;
	}
	if (read_stanza(st, a, el, &s)) {
		put_iq_error(st, &s, STANZA_ERR_BAD_REQUEST, NULL);
		return;
	}
	if (++st->neg->pre_auth_iqs > STREAM_MAX_PRE_AUTH_IQS) {
		stream_close(st, STREAM_ERR_POLICY_VIOLATION,
			     "too many requests before login");
		return;
	}
	stream_wait(st);
	if (!st->env->pre_auth_iq(st, &s)) {
		stream_go_on(st);
		stream_close(st, STREAM_ERR_NOT_AUTHORIZED, NULL);
	}
}
