/* The machine itself: headers, restarts, features, the table, the end. SASL is in
 * stream_sasl.c, bind and stanzas in stream_bind.c. */
#include "core/stream/stream_priv.h"
#include "base/rand.h"

#define TO(s) (1u << ST_##s)

static const uint16_t legal[ST_MAX] = {
	[ST_OPENING] = TO(AUTH) | TO(BINDING) | TO(CLOSING),
	[ST_SECURING] = TO(OPENING) | TO(CLOSING),
	[ST_AUTH] = TO(SECURING) | TO(OPENING) | TO(CLOSING),
	[ST_BINDING] = TO(BOUND) | TO(CLOSING),
	[ST_BOUND] = TO(DETACHED) | TO(CLOSING),
	[ST_DETACHED] = TO(BOUND) | TO(CLOSING),
};

void stream_enter(struct stream *st, enum stream_state to)
{
	ASSERT(legal[st->state] & (1u << to));
	st->state = (uint8_t)to;
	if (to == ST_BOUND || to == ST_CLOSING)
		st->env->timeout(st, -1);
	else
		st->env->timeout(st, st->listener->state_timeout_ms);
}

void stream_init(struct stream *st, const struct stream_env *env, const struct conf *c,
		 const struct conf_listener *l, bool secure)
{
	*st = (struct stream){ .env = env, .conf = c, .listener = l, .secure = secure };
	st->xs.max_bytes =
		(uint32_t)MIN(l->max_stanza_size, (int64_t)STREAM_MAX_NEG_BYTES);
	st->neg = MEM_NEW(struct stream_neg);
	st->neg->arena = arena_new(4096);
	st->neg->mech = -1;
}

void stream_set_conf(struct stream *st, const struct conf *c,
		     const struct conf_listener *l)
{
	ASSERT(st->authed);
	st->conf = c;
	st->listener = l;
	st->host = host_find(c, jid_domain(st->jid));
	ASSERT(st->host != NULL);
	st->xs.max_bytes = (uint32_t)MIN(l->max_stanza_size, (int64_t)64 << 20);
}

/* Nearly all are as short as "en" or "pt-BR". */
static void set_lang(struct stream *st, struct strv lang)
{
	if (st->has_long_lang)
		mem_free(st->lang_long);
	st->has_long_lang = lang.n >= sizeof(st->lang_short);
	memset(st->lang_short, 0, sizeof(st->lang_short));
	if (st->has_long_lang)
		st->lang_long = strv_dup(lang);
	else if (lang.n)
		memcpy(st->lang_short, lang.p, lang.n);
}

const char *stream_lang(const struct stream *st)
{
	if (st->has_long_lang)
		return st->lang_long;
	return st->lang_short[0] ? st->lang_short : NULL;
}

static void neg_free(struct stream *st)
{
	struct stream_neg *n = st->neg;

	st->neg = NULL;
	if (n == NULL)
		return;
	mem_wipe(&n->keys, sizeof(n->keys));
	arena_free_wiped(&n->arena);
	mem_free(n->bind_id);
	mem_free(n);
}

void stream_fini(struct stream *st)
{
	if (st->jid.n_resource == 0) /* else it is the session's */
		mem_free((char *)st->jid.s);
	neg_free(st);
	xml_stream_reset(&st->xs);
	set_lang(st, STRV_NULL);
	st->jid = (struct jid){ 0 };
}

void stream_put(struct stream *st, struct strv text)
{
	/* A full buffer means that the peer does not read: whoever owns the buffer sees that
	 * and drops the connection; what we add to it no longer matters. */
	int r = buf_adds(st->env->out(st), text);
	(void)r;
}

void stream_putf(struct stream *st, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addvf(st->env->out(st), fmt, ap);
	va_end(ap);
	(void)r;
}

void stream_wait(struct stream *st)
{
	ASSERT(!st->waiting);
	st->waiting = true;
	st->env->timeout(st, -1);
}

void stream_go_on(struct stream *st)
{
	ASSERT(st->waiting);
	st->waiting = false;
	if (st->state == ST_AUTH || st->state == ST_BINDING)
		st->env->timeout(st, st->listener->state_timeout_ms);
}

/* RFC 6120 4.3.3: after TLS and after SASL both sides start anew. */
void stream_restart(struct stream *st)
{
	xml_stream_reset(&st->xs);
	st->header_sent = false;
	stream_neg_reset(st->neg);
	stream_enter(st, ST_OPENING);
}

/* --- headers (RFC 6120 4.7) --- */

static void put_header(struct stream *st, struct strv to)
{
	struct strv from =
		st->host ? st->host->domain : st->conf->general.default_server_domain;
	const char *lang = stream_lang(st);
	struct buf *b = st->env->out(st);
	char id[23];
	int r;

	rand_token(id, sizeof(id) - 1); /* RFC 6120 4.7.3: not to be guessed */
	r = buf_add_all(b,
			STRV("<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
			     "xmlns:stream='http://etherx.jabber.org/streams' id='"),
			strv_from(id), STRV("' from='"), from,
			STRV("' version='1.0' xml:lang='"),
			strv_from(lang ? lang : st->conf->general.language.p), STRV("'"));
	if (r == 0 && to.p)
		r = xml_write_attr(b, "to", to);
	r = r ? r : buf_adds(b, STRV(">"));
	(void)r; /* see stream_put */
	st->header_sent = true;
}

static void put_features(struct stream *st)
{
	struct buf *b = st->env->out(st);
	bool can_tls = !st->secure && st->listener->has_tls;
	bool must_tls = can_tls && st->listener->tls.mode == TLS_MODE_STARTTLS_REQUIRED;

	stream_put(st, STRV("<stream:features>"));
	if (can_tls && !st->authed)
		stream_put(
			st,
			must_tls
				? STRV("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>"
				       "<required/></starttls>")
				: STRV("<starttls "
				       "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
	if (st->authed) {
		stream_put(st, STRV("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"));
		if (st->listener->backwards_compatible_session)
			stream_put(
				st,
				STRV("<session xmlns='urn:ietf:params:xml:ns:xmpp-session'>"
				     "<optional/></session>"));
	} else if (!must_tls) {
		stream_put_mechanisms(st, b);
	}
	if (!must_tls)
		st->env->features(st, st->authed, b);
	stream_put(st, STRV("</stream:features>"));
}

/* "1.0", "1.1", "2.0": at least 1.0 (RFC 6120 4.7.5). */
static bool version_is_ok(struct strv v)
{
	ptrdiff_t dot = v.p ? strv_find(v, '.') : -1;
	uint64_t major, minor;

	if (dot < 0 || strv_to_u64(strv_make(v.p, (size_t)dot), 1000, &major) < 0)
		return false;
	if (strv_to_u64(strv_from_pos(v, (size_t)dot + 1), 1000, &minor) < 0)
		return false;
	return major >= 1;
}

bool stream_takes_lang(struct strv lang)
{
	for (size_t i = 0; i < lang.n; i++) {
		char c = lang.p[i];
		if (!(c == '-' || (c >= '0' && c <= '9') ||
		      ((c | 32) >= 'a' && (c | 32) <= 'z')))
			return false;
	}
	return lang.n > 0 && lang.n <= STREAM_MAX_LANG;
}

static const struct host *find_host(struct stream *st, const struct xml_el *el,
				    enum stream_err *err)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct strv to = xml_attr(el, "to");
	const struct host *h;
	struct jid jid;

	if (to.p == NULL) {
		*err = STREAM_ERR_IMPROPER_ADDRESSING;
		return st->conf->n_hosts == 1 ? &st->conf->hosts[0] : NULL;
	}
	*err = STREAM_ERR_HOST_UNKNOWN;
	if (jid_parse(a, to, &jid) < 0 || jid.n_local || jid.n_resource)
		return NULL;
	h = host_find(st->conf, jid_domain(jid));
	if (st->host && h != st->host) /* after a restart it is the same one */
		return NULL;
	return h;
}

static enum stream_err check_header(struct stream *st, const struct xml_el *el)
{
	const struct host *h;
	enum stream_err err;
	struct strv lang;

	if (!strv_is(el->local, "stream") || el->ns != NS_STREAM)
		return STREAM_ERR_INVALID_NAMESPACE;
	if (!strv_starts(el->raw, STRV("<stream:")))
		return STREAM_ERR_BAD_NAMESPACE_PREFIX;
	st->header_seen = true;
	if (xml_stream_default_ns(&st->xs) != NS_CLIENT)
		return STREAM_ERR_INVALID_NAMESPACE;
	lang = xml_attr_ns(el, NS_XML, "lang");
	set_lang(st, stream_takes_lang(lang) ? lang : STRV_NULL);
	h = find_host(st, el, &err);
	if (h == NULL)
		return err;
	st->host = h;
	return version_is_ok(xml_attr(el, "version")) ? STREAM_ERR_NONE
						      : STREAM_ERR_UNSUPPORTED_VERSION;
}

static void on_header(struct stream *st, const struct xml_el *el)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct strv from = xml_attr(el, "from");
	enum stream_err err;
	struct jid jid;

	ASSERT(st->state == ST_OPENING);
	err = check_header(st, el);
	if (err) {
		stream_close(st, err, NULL);
		return;
	}
	st->env->opened(st);
	/* RFC 6120 4.7.2: `to` answers the peer's `from`. */
	put_header(st,
		   from.p && jid_parse(a, from, &jid) == 0 ? jid_text(jid) : STRV_NULL);
	put_features(st);
	stream_enter(st, st->authed ? ST_BINDING : ST_AUTH);
}

/* --- elements --- */

static void on_starttls(struct stream *st, const struct xml_el *el, struct arena *a)
{
	if (st->secure || !st->listener->has_tls || st->authed) { /* RFC 6120 5.4.2.2 */
		stream_put(st,
			   STRV("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
		stream_close(st, STREAM_ERR_NONE, "STARTTLS refused");
		return;
	}
	stream_put(st, STRV("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
	stream_enter(st, ST_SECURING);
	st->env->start_tls(st);
}

static void on_stream_error(struct stream *st, const struct xml_el *el, struct arena *a)
{
	st->peer_closed = true; /* nothing may follow it (RFC 6120 4.9.1.1) */
	stream_close(st, STREAM_ERR_NONE, "the client sent a stream error");
}

/* An empty cell is the protocol's error: not-authorized for a stanza, unsupported-stanza-type
 * for anything else. */
static const stream_handler table[ST_MAX][EL_MAX] = {
	[ST_AUTH] = {
		[EL_STARTTLS] = on_starttls,
		[EL_AUTH] = sasl_on_auth,
		[EL_RESPONSE] = sasl_on_response,
		[EL_ABORT] = sasl_on_abort,
		[EL_IQ] = pre_auth_on_iq,
		[EL_STREAM_ERROR] = on_stream_error,
	},
	[ST_BINDING] = {
		[EL_STARTTLS] = on_starttls,
		[EL_IQ] = bind_on_iq,
		[EL_STREAM_ERROR] = on_stream_error,
	},
	[ST_BOUND] = {
		[EL_STARTTLS] = on_starttls,
		[EL_IQ] = bound_on_stanza,
		[EL_MESSAGE] = bound_on_stanza,
		[EL_PRESENCE] = bound_on_stanza,
		[EL_STREAM_ERROR] = on_stream_error,
	},
};

static enum el_class class_of(const struct xml_el *el)
{
	if (el->ns == NS_CLIENT) {
		if (strv_is(el->local, "message"))
			return EL_MESSAGE;
		if (strv_is(el->local, "presence"))
			return EL_PRESENCE;
		return strv_is(el->local, "iq") ? EL_IQ : EL_OTHER;
	}
	if (el->ns == NS_SASL) {
		if (strv_is(el->local, "auth"))
			return EL_AUTH;
		if (strv_is(el->local, "response"))
			return EL_RESPONSE;
		return strv_is(el->local, "abort") ? EL_ABORT : EL_OTHER;
	}
	if (xml_is(el, NS_TLS, "starttls"))
		return EL_STARTTLS;
	return xml_is(el, NS_STREAM, "error") ? EL_STREAM_ERROR : EL_OTHER;
}

static bool is_stanza(enum el_class c)
{
	return c == EL_IQ || c == EL_MESSAGE || c == EL_PRESENCE;
}

static void on_element(struct stream *st, const struct xml_el *el, struct arena *a)
{
	enum el_class c = class_of(el);
	stream_handler fn = table[st->state][c];

	if (fn)
		fn(st, el, a);
	else
		stream_close(st,
			     is_stanza(c) ? STREAM_ERR_NOT_AUTHORIZED
					  : STREAM_ERR_UNSUPPORTED_STANZA_TYPE,
			     NULL);
}

static void on_xml_error(struct stream *st, enum xml_error err)
{
	static const enum stream_err row[] = {
		[XML_ERR_MALFORMED] = STREAM_ERR_NOT_WELL_FORMED,
		[XML_ERR_RESTRICTED] = STREAM_ERR_RESTRICTED_XML,
		[XML_ERR_ENCODING] = STREAM_ERR_UNSUPPORTED_ENCODING,
		[XML_ERR_TOO_BIG] = STREAM_ERR_POLICY_VIOLATION,
		[XML_ERR_TOO_DEEP] = STREAM_ERR_POLICY_VIOLATION,
	};
	const char *text = err == XML_ERR_TOO_BIG    ? "element too big"
			   : err == XML_ERR_TOO_DEEP ? "element too complex"
						     : NULL;

	ASSERT(err > XML_OK && err < ARRAY_LEN(row));
	stream_close(st, row[err], text);
}

static void on_close_tag(struct stream *st)
{
	st->peer_closed = true;
	stream_close(st, STREAM_ERR_NONE, NULL);
}

static bool takes_input(struct stream *st)
{
	return !st->waiting && !st->closed && st->state != ST_SECURING &&
	       st->env->goes_on(st);
}

/* Before a resource is bound there may be a password in it. */
static void empty(const struct stream *st, struct arena *a)
{
	if (st->neg)
		arena_reset_wiped(a);
	else
		arena_reset(a);
}

size_t stream_feed(struct stream *st, struct xml_reader *r, struct arena *a,
		   struct strv in)
{
	size_t done = 0, used;
	enum xml_event ev = XML_ELEMENT;
	enum xml_error err = XML_OK;
	struct xml_el *el = NULL;

	ASSERT(!st->feeding);
	st->feeding = true;
	/* Behind the header may be nothing, and yet the end: it may have closed itself. */
	while (ev != XML_MORE && (done < in.n || ev == XML_OPEN) && takes_input(st)) {
		ev = xml_next(r, &st->xs, strv_from_pos(in, done), &used, &el, &err);
		done += used;
		if (xml_reader_work(r))
			st->env->works(st, xml_reader_work(r));
		if (ev == XML_OPEN)
			on_header(st, el);
		else if (ev == XML_ELEMENT)
			on_element(st, el, a);
		else if (ev == XML_CLOSE)
			on_close_tag(st);
		else if (ev == XML_FAIL)
			on_xml_error(st, err);
		empty(st, a);
	}
	st->feeding = false;
	return st->closed ? in.n : done; /* what follows the end is nobody's */
}

void stream_on_secured(struct stream *st)
{
	if (st->closed)
		return;
	ASSERT(st->state == ST_SECURING || (st->state == ST_OPENING && !st->header_sent));
	st->secure = true;
	if (st->state == ST_SECURING) {
		st->host = NULL; /* nothing is remembered from the clear stream */
		stream_restart(st);
	} else {
		st->env->timeout(st, st->listener->state_timeout_ms);
	}
}

void stream_on_timeout(struct stream *st)
{
	stream_close(st, STREAM_ERR_CONNECTION_TIMEOUT, NULL);
}

void stream_on_eof(struct stream *st)
{
	st->peer_closed = true;
	stream_close(st, STREAM_ERR_NONE, "the connection ended");
}

/* Whoever registers may still hear what came of it; a login is for what would follow. */
bool stream_waits_in_vain(const struct stream *st)
{
	return st->waiting && !(st->state == ST_AUTH && st->neg->mech < 0);
}

void stream_resume(struct stream *st)
{
	if (!st->closed)
		stream_go_on(st);
}

static bool must_be_silent(const struct stream *st)
{
	return st->state == ST_SECURING ||
	       (st->conf->general.hide_service_name && !st->header_seen);
}

void stream_close(struct stream *st, enum stream_err why, const char *text)
{
	struct buf *b;
	int r = 0;

	if (st->closed)
		return;
	if (must_be_silent(st)) {
		st->closed = true;
		stream_enter(st, ST_CLOSING);
		st->env->close(st, why, text);
		return;
	}
	if (!st->header_sent && why != STREAM_ERR_NONE)
		put_header(st, STRV_NULL);
	b = st->env->out(st);
	if (why != STREAM_ERR_NONE) {
		r = buf_addf(
			b,
			"<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
			stream_err_name(why));
		if (r == 0 && text)
			r = buf_addf(b,
				     "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' "
				     "xml:lang='en'>%s</text>",
				     text);
		r = r ? r : buf_adds(b, STRV("</stream:error>"));
	}
	if (st->header_sent)
		r = r ? r : buf_adds(b, STRV("</stream:stream>"));
	(void)r; /* see stream_put */
	st->closed = true;
	stream_enter(st, ST_CLOSING);
	st->env->close(st, why, text);
}
