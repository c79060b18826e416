/* SASL (RFC 6120 section 6): one exchange at a time, bounded tries. */
#include "core/stream/stream_priv.h"
#include "base/base64.h"
#include "base/rand.h"
#include "core/login/login.h"

static const char *const cb_names[CB_MAX] = {
	[CB_TLS_EXPORTER] = "tls-exporter",
	[CB_TLS_SERVER_END_POINT] = "tls-server-end-point",
	[CB_TLS_UNIQUE] = "tls-unique",
};

void stream_neg_reset(struct stream_neg *n)
{
	mem_wipe(&n->keys, sizeof(n->keys));
	arena_reset_wiped(n->arena); /* passwords */
	n->mech = -1;
	n->challenged = n->asked_initial = n->user_exists = false;
	n->user = (struct jid){ 0 };
}

static bool has_binding(struct stream *st)
{
	for (int k = 0; st->secure && k < CB_MAX; k++)
		if (st->env->channel_binding(st, (enum stream_cb)k, st->neg->arena).p)
			return true;
	return false;
}

/* Those that some method that may be used here can serve. */
static unsigned served_mechanisms(const struct stream *st)
{
	const struct conf_auth *auth = st->host->auth;
	unsigned methods = auth->method_set & st->listener->auth_methods, served = 0;

	for (int m = 0; m < AUTH_METHOD_MAX; m++)
		if (methods & (1u << m))
			served |= conf_method_mechanisms(auth, (enum auth_method)m);
	return auth->mechanisms & served;
}

/* A password in clear is only taken where nothing better can be had: over TLS, or where the
 * operator has configured no TLS at all (RFC 6120 13.9.4). */
static bool is_fit(struct stream *st, enum sasl_mech m)
{
	if (m == SASL_PLAIN)
		return st->secure || !st->listener->has_tls;
	if (m == SASL_EXTERNAL)
		return external_is_offered(st);
	return !sasl_mech_is_plus(m) || has_binding(st);
}

static bool is_offered(struct stream *st, enum sasl_mech m)
{
	return (served_mechanisms(st) & (1u << m)) && is_fit(st, m);
}

void stream_put_mechanisms(struct stream *st, struct buf *b)
{
	const struct conf_auth *auth = st->host->auth;
	unsigned served = served_mechanisms(st);
	bool any = false, any_plus = false;

	for (unsigned i = 0; i < auth->n_order; i++) {
		enum sasl_mech m = (enum sasl_mech)auth->order[i];
		int r;

		if (!(served & (1u << m)) || !is_fit(st, m))
			continue;
		if (!any)
			stream_put(st, STRV("<mechanisms "
					    "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"));
		any = true;
		any_plus |= sasl_mech_is_plus(m);
		r = buf_add_all(b, STRV("<mechanism>"), strv_from(sasl_mech_name(m)),
				STRV("</mechanism>"));
		(void)r; /* see stream_put */
	}
	if (any)
		stream_put(st, STRV("</mechanisms>"));
	if (!any_plus)
		return;
	stream_put(
		st,
		STRV("<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>")); /* XEP-0440 */
	for (int k = 0; k < CB_MAX; k++)
		if (st->env->channel_binding(st, (enum stream_cb)k, st->neg->arena).p)
			stream_putf(st, "<channel-binding type='%s'/>", cb_names[k]);
	stream_put(st, STRV("</sasl-channel-binding>"));
}

static void put_failure(struct stream *st, enum sasl_err err, bool counts)
{
	struct stream_neg *n = st->neg;

	st->env->auth_done(st, n->mech, err);
	stream_neg_reset(n);
	stream_putf(st,
		    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><%s/></failure>",
		    sasl_err_name(err));
	n->auth_failures += counts;
	if (++n->auth_tries >= STREAM_MAX_AUTH_TRIES ||
	    n->auth_failures >= STREAM_MAX_AUTH_FAILURES)
		stream_close(st, STREAM_ERR_POLICY_VIOLATION,
			     "too many failed authentications");
	else
		st->env->timeout(st, st->listener->state_timeout_ms);
}

static void fail(struct stream *st, enum sasl_err err)
{
	put_failure(st, err, true);
}

static void succeed(struct stream *st, struct strv data)
{
	struct stream_neg *n = st->neg;
	struct jid bare = n->user;

	st->env->auth_done(st, n->mech, SASL_ERR_NONE);
	stream_put(st, STRV("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"));
	if (data.p == NULL) {
		stream_put(st, STRV("/>"));
	} else {
		struct buf *b = st->env->out(st);
		int r = buf_adds(b, STRV(">"));
		r = r ? r : buf_add_base64(b, data.p, data.n);
		r = r ? r : buf_adds(b, STRV("</success>"));
		(void)r; /* see stream_put */
	}
	st->jid = bare;
	st->jid.s = strv_dup(jid_text(bare));
	st->authed = true;
	stream_restart(st);
	stream_set_conf(st, st->conf, st->listener);
	st->env->authenticated(st);
}

/* A password has been tried. Neither that it was right nor that it was wrong may show before its
 * time: an authorization identity that is refused says that it was right. */
static void judge(struct stream *st, enum sasl_err verdict, struct strv server_final)
{
	struct stream_neg *n = st->neg;

	n->verdict = verdict;
	n->server_final = server_final;
	stream_wait(st);
	st->env->tried(st, n->user, verdict != SASL_ERR_NOT_AUTHORIZED);
}

struct jid stream_user(const struct stream *st)
{
	return st->authed ? st->jid : st->neg->user;
}

void stream_on_answer_due(struct stream *st)
{
	struct stream_neg *n = st->neg;

	if (st->closed)
		return;
	ASSERT(st->state == ST_AUTH && n->mech >= 0);
	stream_go_on(st);
	if (n->verdict)
		fail(st, n->verdict);
	else
		succeed(st, n->server_final);
}

static void challenge(struct stream *st, struct strv data)
{
	struct buf *b = st->env->out(st);
	int r = buf_adds(b, STRV("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"));

	r = r ? r : buf_add_base64(b, data.p, data.n);
	r = r ? r : buf_adds(b, STRV("</challenge>"));
	(void)r; /* see stream_put */
	st->env->timeout(st, st->listener->state_timeout_ms);
}

/* The account that a name means; a name that is no localpart means an account that cannot
 * exist, and is treated as one that does not. */
static struct jid user_jid(struct stream *st, struct strv name)
{
	struct arena *a = st->neg->arena;
	struct strv local;

	if (jid_prep_local(a, name, &local) < 0)
		local = STRV(LOGIN_NOBODY);
	return jid_make(a, local, st->host->domain, STRV(""));
}

/* RFC 6120 6.3.8: an authorization identity must be the account itself. */
static bool authzid_is_ok(struct stream *st, struct strv authzid)
{
	struct jid jid;

	if (authzid.n == 0)
		return true;
	return jid_parse(st->neg->arena, authzid, &jid) == 0 &&
	       jid_eq(jid, st->neg->user);
}

/* --- PLAIN (RFC 4616) --- */

/* Some clients give the whole address; MongooseIM takes what stands before the @. Another domain makes it
 * a name that nobody has. */
static struct strv without_own_domain(struct stream *st, struct strv name)
{
	ptrdiff_t at = strv_find(name, '@');
	struct strv domain;

	if (at < 0 ||
	    jid_prep_domain(st->neg->arena, strv_from_pos(name, (size_t)at + 1),
			    &domain) < 0 ||
	    !strv_eq(domain, st->host->domain))
		return name;
	return strv_make(name.p, (size_t)at);
}

static void plain_step(struct stream *st, struct strv message)
{
	struct stream_neg *n = st->neg;
	struct sasl_plain plain;

	if (sasl_plain_parse(message, &plain) < 0) {
		fail(st, SASL_ERR_MALFORMED_REQUEST);
		return;
	}
	n->user = user_jid(st, without_own_domain(st, plain.authcid));
	if (!authzid_is_ok(st, plain.authzid)) {
		fail(st, SASL_ERR_INVALID_AUTHZID);
		return;
	}
	stream_wait(st);
	st->env->check_password(st, n->user, plain.passwd);
}

/* --- EXTERNAL --- */

static void external_step(struct stream *st, struct strv message)
{
	enum sasl_err err = external_user(st, message, &st->neg->user);

	if (err) {
		fail(st, err);
		return;
	}
	stream_wait(st);
	st->env->check_vouched(st, st->neg->user,
			       st->host->auth->method_set & st->listener->auth_methods);
}

void stream_on_password(struct stream *st, enum password_answer answer)
{
	if (st->closed)
		return;
	ASSERT(st->state == ST_AUTH && st->neg->mech >= 0);
	stream_go_on(st);
	if (answer == PASSWORD_BUSY)
		fail(st, SASL_ERR_TEMPORARY_AUTH_FAILURE);
	else
		judge(st,
		      answer == PASSWORD_RIGHT ? SASL_ERR_NONE : SASL_ERR_NOT_AUTHORIZED,
		      STRV_NULL);
}

/* --- ANONYMOUS --- */

static void anonymous_step(struct stream *st, struct strv message)
{
	enum sasl_err err = anonymous_user_name(st, message, &st->neg->user);

	if (err) {
		fail(st, err);
		return;
	}
	stream_wait(st);
	st->env->enter(st, st->neg->user, message);
}

/* --- SCRAM (RFC 5802) --- */

static enum sasl_err scram_err(enum scram_result r)
{
	switch (r) {
	case SCRAM_BAD_ENCODING:
		return SASL_ERR_MALFORMED_REQUEST;
	case SCRAM_BAD_AUTHZID:
		return SASL_ERR_INVALID_AUTHZID;
	case SCRAM_BAD_CB:
	case SCRAM_BAD_PROOF:
		return SASL_ERR_NOT_AUTHORIZED;
	case SCRAM_OK:
		break;
	}
	UNREACHABLE();
}

/* The bytes of the binding that the client names; p == NULL: none of that name here. */
static struct strv binding_data(struct stream *st)
{
	struct stream_neg *n = st->neg;

	for (int k = 0; k < CB_MAX; k++)
		if (strv_is(n->scram.cb_name, cb_names[k]))
			return st->env->channel_binding(st, (enum stream_cb)k, n->arena);
	return STRV_NULL;
}

/* Which flag goes with which mechanism (RFC 5802 6). "y" where we offer -PLUS means that
 * somebody took it out of the list on the way. */
static bool binding_fits(struct stream *st)
{
	struct stream_neg *n = st->neg;
	enum sasl_mech m = (enum sasl_mech)n->mech;

	if (sasl_mech_is_plus(m))
		return n->scram.cb == SCRAM_CB_USED && binding_data(st).p != NULL;
	if (n->scram.cb == SCRAM_CB_USED)
		return false;
	if (n->scram.cb == SCRAM_CB_NONE)
		return true;
	return !is_offered(st, sasl_mech_plus_of(m));
}

static void scram_first(struct stream *st, struct strv message)
{
	struct stream_neg *n = st->neg;
	enum scram_result r = scram_server_first(n->arena, message, &n->scram);

	if (r != SCRAM_OK) {
		fail(st, scram_err(r));
		return;
	}
	if (!binding_fits(st)) {
		/* Nobody's password has been tried. Clients that know tls-unique alone go through
		 * all the -PLUS mechanisms before they take one without. */
		put_failure(st, SASL_ERR_NOT_AUTHORIZED, false);
		return;
	}
	n->user = user_jid(st, n->scram.user);
	stream_wait(st);
	st->env->lookup(st, n->user, sasl_mech_alg((enum sasl_mech)n->mech));
}

void stream_on_keys(struct stream *st, const struct scram_keys *keys, bool exists,
		    int err)
{
	struct stream_neg *n = st->neg;
	char nonce[SCRAM_NONCE_LEN + 1];

	if (st->closed)
		return;
	ASSERT(st->state == ST_AUTH && n->mech >= 0);
	stream_go_on(st);
	if (err < 0) {
		fail(st, SASL_ERR_TEMPORARY_AUTH_FAILURE);
		return;
	}
	n->keys = *keys;
	n->user_exists = exists;
	n->challenged = true;
	rand_token(nonce, SCRAM_NONCE_LEN);
	challenge(st, scram_server_challenge(n->arena, &n->scram, &n->keys,
					     strv_from(nonce)));
}

static void scram_final(struct stream *st, struct strv message)
{
	struct stream_neg *n = st->neg;
	struct strv cb = n->scram.cb == SCRAM_CB_USED ? binding_data(st) : STRV_NULL,
		    server_final;
	enum scram_result r = scram_server_final(n->arena, &n->scram, &n->keys, message,
						 cb, &server_final);

	if (r == SCRAM_OK && !n->user_exists)
		r = SCRAM_BAD_PROOF;
	if (r == SCRAM_OK && !authzid_is_ok(st, n->scram.authzid))
		r = SCRAM_BAD_AUTHZID;
	if (r == SCRAM_OK)
		judge(st, SASL_ERR_NONE, server_final);
	else if (r == SCRAM_BAD_ENCODING) /* no password has been tried */
		fail(st, SASL_ERR_MALFORMED_REQUEST);
	else
		judge(st, scram_err(r), STRV_NULL);
}

/* --- the elements --- */

static void step(struct stream *st, struct strv message)
{
	if (st->neg->mech == SASL_PLAIN)
		plain_step(st, message);
	else if (st->neg->mech == SASL_EXTERNAL)
		external_step(st, message);
	else if (st->neg->mech == SASL_ANONYMOUS)
		anonymous_step(st, message);
	else if (st->neg->challenged)
		scram_final(st, message);
	else
		scram_first(st, message);
}

static int decode(struct stream *st, struct strv text, struct strv *ret)
{
	char *to = arena_alloc(st->neg->arena, text.n);
	size_t n;
	int r = base64_decode(text, to, &n);

	if (r == 0)
		*ret = strv_make(to, n);
	return r;
}

static enum sasl_err check_mechanism(struct stream *st, struct strv name,
				     enum sasl_mech *ret)
{
	int m = sasl_mech_find(name);

	if (!st->secure && st->listener->has_tls &&
	    st->listener->tls.mode == TLS_MODE_STARTTLS_REQUIRED)
		return SASL_ERR_ENCRYPTION_REQUIRED;
	if (m < 0 || !(served_mechanisms(st) & (1u << m)))
		return SASL_ERR_INVALID_MECHANISM;
	*ret = (enum sasl_mech)m;
	if (is_fit(st, *ret))
		return SASL_ERR_NONE;
	return m == SASL_PLAIN ? SASL_ERR_ENCRYPTION_REQUIRED
			       : SASL_ERR_INVALID_MECHANISM;
}

void sasl_on_auth(struct stream *st, const struct xml_el *el, struct arena *a)
{
	struct stream_neg *n = st->neg;
	struct strv text, message = STRV("");
	enum sasl_mech mech;
	enum sasl_err err;

	stream_neg_reset(n); /* RFC 6120 6.4.2: a new <auth/> begins anew */
	err = check_mechanism(st, xml_attr(el, "mechanism"), &mech);
	if (err) {
		fail(st, err);
		return;
	}
	n->mech = (int)mech;
	text = xml_text(el, n->arena);
	/* No initial response: ask for it with an empty challenge. ANONYMOUS needs none: XEP-0175 2. */
	if (text.n == 0 && mech != SASL_ANONYMOUS) {
		n->asked_initial = true;
		challenge(st, STRV(""));
		return;
	}
	if (!strv_is(text, "=") && decode(st, text, &message) < 0) {
		fail(st, SASL_ERR_INCORRECT_ENCODING);
		return;
	}
	step(st, message);
}

void sasl_on_response(struct stream *st, const struct xml_el *el, struct arena *a)
{
	struct stream_neg *n = st->neg;
	struct strv message;

	if (n->mech < 0 || (!n->asked_initial && !n->challenged)) {
		fail(st, SASL_ERR_MALFORMED_REQUEST);
		return;
	}
	if (decode(st, xml_text(el, n->arena), &message) < 0) {
		fail(st, SASL_ERR_INCORRECT_ENCODING);
		return;
	}
	n->asked_initial = false;
	step(st, message);
}

void sasl_on_abort(struct stream *st, const struct xml_el *el, struct arena *a)
{
	fail(st, SASL_ERR_ABORTED);
}
