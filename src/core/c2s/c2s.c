#include "core/c2s/c2s.h"
#include "auth/cache.h"
#include "core/account/account_note.h"
#include "core/account/register.h"
#include "core/c2s/c2s_count.h"
#include "core/c2s/c2s_move.h"
#include "core/c2s/c2s_priv.h"
#include "core/c2s/c2s_proxy.h"
#include "core/c2s/door.h"
#include "core/c2s/shaper.h"
#include "core/c2s/throttle.h"
#include "core/c2s/turn.h"
#include "core/im/hold.h"
#include "core/listen/port.h"
#include "core/login/anonymous.h"
#include "core/login/client_cert.h"
#include "core/login/delay.h"
#include "core/login/login.h"
#include "core/module.h"
#include "core/options/access.h"
#include "core/server/server.h"

#include <stdio.h>

enum {
	C2S_CLOSE_GRACE_MS =
		2000, /* for the peer to take our last bytes and end its side */
	C2S_DEFAULT_MAX_SESSIONS = 100,
	C2S_LATE_MS = 100, /* ... we are, when a connection's input waits for its turn */
};

struct c2s *c2s_get(struct worker *w, struct handle h)
{
	ASSERT_ON(w);
	return handle_is_none(h) ? NULL : slots_get(&w->streams, h);
}

struct handle c2s_handle(const struct c2s *c)
{
	return slots_handle(&c->worker->streams, c->slot);
}

static void fill_log_context(const void *of, struct log_context *to)
{
	static _Thread_local char conn[32];
	const struct c2s *c = of;

	snprintf(conn, sizeof(conn), "%u/%u", c->worker->id, c->slot);
	*to = (struct log_context){ .conn = conn,
				    .jid = c->st.jid.s,
				    .address = conn_peer(c->conn) };
}

void c2s_log_context(const struct c2s *c)
{
	log_context_set(fill_log_context, c);
}

static struct proxy_reader *proxy_of(const struct c2s *c)
{
	return c->early ? c->early->proxy : NULL;
}

/* --- what the stream asks for --- */

static struct buf *env_out(struct stream *st)
{
	return conn_out(c2s_of(st)->conn);
}

static void env_opened(struct stream *st)
{
	shaper_refresh(c2s_of(st));
}

static void env_timeout(struct stream *st, int64_t ms)
{
	struct c2s *c = c2s_of(st);
	struct c2s_early *e = c->early;

	ASSERT(e != NULL || ms < 0); /* who is bound takes its time */
	if (e)
		timer_cancel(c->worker->loop, &e->timer);
	if (ms >= 0 && ms != CONF_INFINITY)
		timer_arm(c->worker->loop, &e->timer, ms);
}

void c2s_time_out(struct c2s *c)
{
	c2s_log_context(c);
	if (c->early->proxy)
		c2s_proxy_timeout(c);
	else
		stream_on_timeout(&c->st);
	log_context_set(NULL, NULL);
}

static void on_timer(struct timer *t)
{
	struct c2s *c = container_of(t, struct c2s_early, timer)->c2s;

	if (conn_is_waiting(c->conn)) /* for us */
		timer_arm(c->worker->loop, t, C2S_LATE_MS);
	else
		c2s_time_out(c);
}

static void env_start_tls(struct stream *st)
{
	struct c2s *c = c2s_of(st);
	struct worker *door = door_for(c->worker);

	conn_start_tls(c->conn, st->listener->tls_ctx);
	if (door)
		c2s_move_later(c, door);
}

static struct strv env_channel_binding(struct stream *st, enum stream_cb kind,
				       struct arena *a)
{
	static const enum tls_cb_kind kinds[CB_MAX] = {
		[CB_TLS_EXPORTER] = TLS_CB_EXPORTER,
		[CB_TLS_SERVER_END_POINT] = TLS_CB_SERVER_END_POINT,
		[CB_TLS_UNIQUE] = TLS_CB_UNIQUE,
	};
	struct tls *tls = conn_tls(c2s_of(st)->conn);
	unsigned char data[TLS_CB_MAX];
	size_t n;

	if (tls == NULL || tls_channel_binding(tls, kinds[kind], data, &n) < 0)
		return STRV_NULL;
	return arena_strv(a, strv_make((char *)data, n));
}

static void env_features(struct stream *st, bool authed, struct buf *b)
{
	for (const struct hooks **h = st->host->hooks; *h; h++)
		if ((*h)->features)
			(*h)->features(st->host, authed, register_is_offered(st), b);
}

static void log_close(struct c2s *c, enum stream_err why, const char *text)
{
	c2s_log_context(c);
	if (why != STREAM_ERR_NONE)
		log_info("stream.closed", "%s%s%s", stream_err_name(why),
			 text ? ": " : "", text ? text : "");
	else
		log_debug("stream.closed", "%s", text ? text : "by the client");
	log_context_set(NULL, NULL);
}

static void env_close(struct stream *st, enum stream_err why, const char *text)
{
	struct c2s *c = c2s_of(st);

	c2s_count_stream_end(c, why);
	log_close(c, why, text);
	if (c->session)
		session_unbind(&c->session);
	anonymous_leaves(c);
	shaper_free(c);
	conn_close(c->conn, C2S_CLOSE_GRACE_MS);
}

/* --- bind --- */

void c2s_early_new(struct c2s *c)
{
	struct c2s_early *e = MEM_NEW(struct c2s_early);

	e->c2s = c;
	timer_init(&e->timer, on_timer);
	loop_task_init(&e->move_task, c2s_move);
	c->early = e;
}

static void early_free(struct c2s *c)
{
	struct c2s_early *e = c->early;

	if (e == NULL)
		return;
	delay_free(c);
	timer_cancel(c->worker->loop, &e->timer);
	loop_task_cancel(&e->move_task);
	mem_free(e->proxy);
	mem_free(e);
	c->early = NULL;
}

void c2s_keep_warm(struct c2s *c, const struct conf_listener *l)
{
	/* Infinity is for ever. */
	conn_keep_warm(c->conn,
		       (uint32_t)MIN(l->hibernate_after_ms, (int64_t)CONN_WARM_FOR_EVER));
}

void c2s_adopt(struct c2s *c, struct conf *conf, const struct conf_listener *l)
{
	struct conf *old = c2s_conf(c);

	stream_set_conf(&c->st, conf_ref(conf), l);
	c2s_keep_warm(c, l);
	conf_unref(&old);
}

/* A reload may have taken the domain away meanwhile, or the account has been removed. */
static bool is_gone(struct c2s *c)
{
	if (host_find(c->worker->conf, jid_domain(c->st.jid)) == NULL)
		stream_close(&c->st, STREAM_ERR_HOST_GONE,
			     "this domain is no longer served");
	else if (!c->anonymous && removals_of(&c->worker->server->removals, c->st.jid) !=
					  c->early->removals)
		stream_close(&c->st, STREAM_ERR_NOT_AUTHORIZED,
			     "the account has been removed");
	return c->st.closed;
}

/* Options may have changed since it was accepted; those of a listener that is gone stay. */
static void adopt_newest(struct c2s *c)
{
	LIST_EACH(it, &c->worker->ports) {
		struct worker_port *wp = container_of(it, struct worker_port, link);
		if (wp->port == c->port && c->st.conf != c->worker->conf)
			c2s_adopt(c, c->worker->conf, wp->conf);
	}
}

struct bind_request {
	struct handle handle;
	size_t n;
	char resource[];
};

static void bind_to(struct c2s *c, struct user *u, int err, struct strv resource)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct worker *w = c->worker;
	struct stream *st = &c->st;
	struct jid wanted;
	int64_t max;

	if (u == NULL) { /* removed a moment ago, or the database fails */
		stream_on_bound(st,
				err ? STANZA_ERR_INTERNAL_SERVER_ERROR
				    : STANZA_ERR_NOT_ALLOWED,
				NULL);
		conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
		return;
	}
	adopt_newest(c);
	wanted = jid_make(a, jid_local(u->jid), jid_domain(u->jid), resource);
	if (!access_allows(st->conf, st->listener->access, jid_domain(u->jid), wanted)) {
		stream_on_bound(st, STANZA_ERR_NOT_ALLOWED, NULL);
		conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
		return;
	}
	max = access_number(w->conf, STRV("max_user_sessions"), jid_domain(u->jid),
			    u->jid, C2S_DEFAULT_MAX_SESSIONS);
	c->session = session_bind(u, st, resource, (uint64_t)MAX(max, 1));
	stream_on_bound(st, STANZA_ERR_NONE, NULL);
	conn_set_patient(c->conn, false);
	conn_set_secret(c->conn, false);
	early_free(c);
	shaper_refresh(c);
	c2s_log_context(c);
	log_info("session.bound", "%u of this account", u->n_sessions);
	log_context_set(NULL, NULL);
	conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
}

static void load_and_bind(struct c2s *c, struct bind_request *b);

static void on_user(struct worker *w, struct user *u, int err, void *arg)
{
	AUTO(mem_freep) struct bind_request *b = arg;
	struct c2s *c = c2s_get(w, b->handle);

	if (c == NULL || c->st.closed || is_gone(c))
		return;
	if (u && u->anonymous && !c->anonymous) { /* the name is an account's now */
		user_end(u, STREAM_ERR_CONFLICT, "the name belongs to an account");
		load_and_bind(c, b);
		b = NULL;
		return;
	}
	if (c->anonymous && u == NULL && err == 0 && user_is_loading(w, c->st.jid)) {
		load_and_bind(c, b); /* somebody has asked again since */
		b = NULL;
		return;
	}
	if (c->anonymous) { /* XEP-0175 2: no resource of its own choice, either */
		u = anonymous_user(c, u, err);
		b->n = 0;
	}
	if (u)
		user_pin(u);
	bind_to(c, u, err, strv_make(b->resource, b->n));
	if (u)
		user_unpin(u);
}

static void load_and_bind(struct c2s *c, struct bind_request *b)
{
	if (user_with(c->worker, c->st.jid, sizeof(*b) + b->n, on_user, b) == 0)
		return;
	mem_free(b);
	stream_on_bound(&c->st, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
	conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
}

static void on_noted(struct worker *w, int err, void *arg)
{
	struct bind_request *b = arg;
	struct c2s *c = c2s_get(w, b->handle);

	if (c && !c->st.closed && err == 0 && !is_gone(c)) {
		c->early->elsewhere = false;
		load_and_bind(c, b);
		return;
	}
	mem_free(b);
	if (c && !c->st.closed) {
		stream_on_bound(&c->st, STANZA_ERR_INTERNAL_SERVER_ERROR, NULL);
		conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
	}
}

static void env_bind(struct stream *st, struct strv resource)
{
	struct c2s *c = c2s_of(st);
	struct bind_request *b;

	if (is_gone(c))
		return;
	b = mem_alloc(sizeof(*b) + resource.n);
	b->handle = c2s_handle(c);
	b->n = resource.n;
	memcpy(b->resource, resource.p ? resource.p : "", resource.n);
	if (!c->early->elsewhere) {
		load_and_bind(c, b);
		return;
	}
	/* Whoever logs in with another server's word has an account from now on. */
	if (account_note(c->worker, st->jid, c->early->removals, on_noted, b) < 0) {
		mem_free(b);
		stream_on_bound(st, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
	}
}

/* --- stanzas --- */

static bool run_from_client(struct ctx *c)
{
	for (const struct hooks **h = c->host->hooks; *h; h++)
		if ((*h)->from_client && (*h)->from_client(c) == HANDLED)
			return true;
	return false;
}

static void env_stanza(struct stream *st, const struct stanza *s)
{
	struct c2s *c = c2s_of(st);
	struct worker *w = c->worker;
	struct ctx ctx = { .worker = w,
			   .host = c->session->user->host,
			   .stanza = s,
			   .session = c->session,
			   .user = c->session->user,
			   .scratch = w->scratch };

	c2s_count(c, PORT_COUNT_STANZAS_IN, 1);
	w->sender = c2s_handle(c);
	if (s->kind == STANZA_MESSAGE)
		w->talk_at = loop_now(w->loop);
	if (!run_from_client(&ctx) && c->session)
		route(w, c->session, s);
	w->sender = HANDLE_NONE;
}

static void env_auth_done(struct stream *st, int mech, enum sasl_err err)
{
	c2s_count_auth(c2s_of(st), mech, err);
}

static void env_authenticated(struct stream *st)
{
	struct c2s *c = c2s_of(st);

	if (conn_tls(c->conn))
		tls_forget_login(conn_tls(c->conn));
	admission_authenticated(c);
	c2s_log_context(c);
	log_info("auth.ok", "logged in");
	log_context_set(NULL, NULL);
	shaper_refresh(c);
	if (worker_home(c->worker->server, st->jid) != c->worker)
		c2s_move_later(c, NULL);
}

static bool env_pre_auth_iq(struct stream *st, const struct stanza *s)
{
	return register_pre_auth(st, s);
}

const struct stream_env c2s_stream_env = {
	.out = env_out,
	.opened = env_opened,
	.timeout = env_timeout,
	.start_tls = env_start_tls,
	.channel_binding = env_channel_binding,
	.lookup = login_lookup,
	.check_password = login_check_password,
	.certificate = client_cert_names,
	.check_vouched = login_check_vouched,
	.enter = anonymous_enter,
	.tried = delay_tried,
	.auth_done = env_auth_done,
	.authenticated = env_authenticated,
	.bind = env_bind,
	.stanza = env_stanza,
	.goes_on = turn_goes_on,
	.works = turn_works,
	.pre_auth_iq = env_pre_auth_iq,
	.features = env_features,
	.close = env_close,
};

/* --- what the connection says --- */

static size_t on_data(void *owner, struct strv in)
{
	struct c2s *c = owner;
	size_t used = 0;

	if (proxy_of(c)) {
		used = c2s_proxy_feed(c, in);
		if (used == in.n || conn_tls(c->conn) || conn_is_dead(c->conn))
			return used;
	}
	turn_begin(c);
	used += stream_feed(&c->st, c->worker->reader, c->worker->scratch,
			    strv_from_pos(in, used));
	shaper_take(c);
	turn_end(c, used, in.n);
	return used;
}

/* Also what never becomes an element, or is TLS's own. */
static void on_read(void *owner, size_t n)
{
	struct c2s *c = owner;
	struct c2s_early *e = c->early;
	int64_t max = c->st.listener->max_pre_auth_bytes;

	if (e == NULL)
		return;
	e->bytes_in += n;
	if (!c->st.authed && e->proxy == NULL && (int64_t)e->bytes_in > max)
		stream_close(&c->st, STREAM_ERR_POLICY_VIOLATION,
			     "too much was sent before login");
}

static void on_secured(void *owner)
{
	struct c2s *c = owner;

	c2s_count_secured(c);
	c2s_log_context(c);
	client_cert_log(c);
	log_context_set(NULL, NULL);
	stream_on_secured(&c->st);
}

static void on_eof(void *owner)
{
	struct c2s *c = owner;

	if (proxy_of(c)) {
		c2s_proxy_eof(c);
		return;
	}
	c2s_count_end(c, PORT_COUNT_CLOSED_EOF);
	stream_on_eof(&c->st);
}

static void on_hangup(void *owner)
{
	struct c2s *c = owner;

	if (stream_waits_in_vain(&c->st))
		on_eof(c);
}

static void on_drained(void *owner)
{
	struct c2s *c = owner;

	if (c->session)
		hold_drained(c->session);
	if (!conn_is_congested(c->conn))
		throttle_release(c);
}

static void c2s_free(struct c2s *c)
{
	struct conf *conf = c2s_conf(c);
	struct strv session = jid_is_bare(c->st.jid) ? STRV_NULL : jid_text(c->st.jid);

	throttle_free(c);
	shaper_free(c);
	early_free(c);
	c2s_delist(c);
	stream_fini(&c->st);
	session_text_free(c->worker, session);
	admission_leave(c);
	port_unref(&c->port);
	conf_unref(&conf);
	slab_free(loop_slabs(c->worker->loop), c, sizeof(*c));
}

static void on_close(void *owner, enum conn_close why, const char *detail)
{
	struct c2s *c = owner;

	c2s_count_conn_end(c, why);
	if (why != CONN_CLOSED && !c->quiet) {
		c2s_log_context(c);
		if (why == CONN_CLOSE_TLS && !c->st.secure)
			client_cert_log(c);
		log_info("conn.closed", "%s%s", why == CONN_CLOSE_TLS ? "TLS: " : "",
			 detail ? detail : "aborted");
		log_context_set(NULL, NULL);
	}
	if (!c->st.closed) { /* nobody has said goodbye */
		c->st.closed = true;
		if (c->session)
			session_unbind(&c->session);
		anonymous_leaves(c);
	}
	c2s_free(c);
}

const struct conn_ops c2s_conn_ops = {
	.on_data = on_data,
	.on_read = on_read,
	.on_secured = on_secured,
	.on_eof = on_eof,
	.on_hangup = on_hangup,
	.on_drained = on_drained,
	.on_close = on_close,
};
