/* Messages for those who are offline (XEP-0160), with the time when they came (XEP-0203):
 * MongooseIM's mod_offline. */
#include "core/module.h"
#include "core/c2s/c2s.h"
#include "core/im/hold.h"
#include "core/options/access.h"

enum {
	OFFLINE_DEFAULT_MAX = 100,
	FLUSH_MAX_BYTES =
		4 << 20, /* at once; what follows waits until the client has read */
	FLUSH_RETRY_MS = 100,
};

struct offline_conf {
	struct strv access_max_user_messages;
};

struct flush;

struct offline_user {
	struct flush *flush; /* one session is being given what is stored */
};

struct offline_session {
	bool flushed; /* has been given it since its priority is not negative */
};

extern const struct module mod_offline;

/* --- storing --- */

/* XEP-0160: what only says "composing" is not kept, nor what must not be. XEP-0334 4.1: "no
 * permanent store" is about archives, not about messages under way. */
static bool is_worth_storing(const struct stanza *s)
{
	bool content = false;

	if (xml_child(s->el, NS_HINTS, "no-store"))
		return false;
	XML_EACH_CHILD(e, s->el) {
		if (e->ns == NS_HINTS)
			content = content || strv_is(e->local, "store");
		else if (e->ns != NS_CHATSTATES && !xml_is(e, NS_CLIENT, "thread"))
			content = true;
	}
	return content;
}

static void stored(struct later *l, struct store_call *call)
{
	if (call->err == 0) {
		count_add(&l->worker->counters, COUNT_OFFLINE_STORED, 1);
		later_drop(l);
	} else if (call->err == -ENOSPC) {
		later_error(l, STANZA_ERR_SERVICE_UNAVAILABLE,
			    "the recipient's storage is full");
	} else if (call->err == -ENOENT) { /* the account has just been removed */
		later_error(l, STANZA_ERR_SERVICE_UNAVAILABLE, NULL);
	} else {
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR, "the database failed");
	}
}

static int64_t max_messages(const struct ctx *c)
{
	const struct offline_conf *conf = mod_conf(c->host, &mod_offline);

	return access_number(c->host->conf, conf->access_max_user_messages,
			     c->host->domain, c->user->jid, OFFLINE_DEFAULT_MAX);
}

/* XEP-0023, which MongooseIM's mod_offline reads; anything but a number of seconds: never. */
static wallus_t expires(const struct stanza *s, wallus_t now)
{
	XML_EACH_CHILD(e, s->el) {
		uint64_t seconds;

		if (!strv_is(e->ns_uri, "jabber:x:expire"))
			continue;
		if (strv_to_u64(xml_attr(e, "seconds"), INT32_MAX, &seconds) < 0 ||
		    seconds == 0)
			return 0;
		return now + (wallus_t)seconds * 1000000;
	}
	return 0;
}

static enum verdict undelivered(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64 << 20);
	wallus_t now = clock_wall_us();
	struct store_call *call;

	if (c->user->anonymous) /* as if there were no such account */
		return PASS;
	if (!is_worth_storing(c->stanza))
		return HANDLED;
	if (stanza_write(&b, c->stanza) < 0)
		return PASS;
	call = store_offline_add(c->user->jid, now, jid_text(c->stanza->from),
				 buf_strv(&b), max_messages(c));
	call->expires = expires(c->stanza, now);
	later_store(later_new(c), call, stored);
	return HANDLED;
}

/* --- delivering --- */

struct flush {
	struct user *user; /* pinned */
	struct handle session;
	int64_t after;	       /* the id of the last message that has been sent */
	bool unremoved;	       /* ... and is in the database, until it has been written */
	struct timer timer;    /* while the client has to read first */
	struct loop_task look; /* has it been written by the end of the turn? */
};

static void flush_start(struct session *s);

static bool wants_flush(struct session *s)
{
	struct offline_session *d = mod_session_data(s, &mod_offline);

	return session_takes_messages(s) && !d->flushed;
}

/* The session, but for this one, that waits longest while another is being served. */
static struct session *next_to_flush(const struct user *u, const struct session *but)
{
	LIST_EACH(it, &u->sessions) {
		struct session *s = container_of(it, struct session, in_user);
		if (s != but && wants_flush(s))
			return s;
	}
	return NULL;
}

/* A session that came while another was being served may find that one gone: it is next. New
 * messages go on waiting for it, and no longer for those that have been served. */
static void flush_ends(struct flush *f)
{
	struct user *u = f->user;
	struct offline_user *d = mod_user_data(u, &mod_offline);
	struct session *next;

	d->flush = NULL;
	mem_free(f);
	LIST_EACH(it, &u->sessions) {
		struct session *s = container_of(it, struct session, in_user);
		if (!wants_flush(s))
			hold_end(s);
	}
	next = next_to_flush(u, NULL);
	if (next)
		flush_start(next);
	user_unpin(u);
}

/* The connection that is being served; NULL: what is in its output is lost. */
static struct c2s *flush_connection(const struct flush *f)
{
	struct c2s *c = c2s_get(f->user->worker, f->session);

	if (c == NULL || c->session == NULL || c->st.closed || conn_is_dead(c->conn))
		return NULL;
	return c;
}

/* ... if its session still takes messages. */
static struct session *flush_session(const struct flush *f)
{
	struct c2s *c = flush_connection(f);

	return c && session_takes_messages(c->session) ? c->session : NULL;
}

static int write_delayed(struct buf *b, const struct stanza *s, struct strv domain,
			 wallus_t at)
{
	struct xml_out o = xml_out(b);
	char stamp[STAMP_LEN];
	int r = stanza_write_start(b, s);

	r = r ? r : xml_write_inner(b, s->el);
	if (r < 0)
		return r;
	stamp_format(at, stamp);
	xo_start(&o, "delay", NS_DELAY);
	xo_attr(&o, "from", domain);
	xo_attr(&o, "stamp", strv_from(stamp));
	xo_end(&o);
	xo_raw(&o, STRV("</message>"));
	return o.err;
}

static void send_delayed(struct session *s, const struct store_message *m)
{
	AUTO(buf_free) struct buf b = BUF_INIT(65 << 20);
	AUTO(arena_free) struct arena *a = arena_new(2048);
	struct strv domain = s->user->host->domain;
	struct xml_el *el;
	struct stanza st;

	if (xml_parse(a, m->packet, NS_CLIENT, &el) < 0 ||
	    !xml_is(el, NS_CLIENT, "message") ||
	    stanza_read(a, el, &st) != STANZA_ERR_NONE ||
	    write_delayed(&b, &st, domain, m->at) < 0)
		log_some_errors("offline.row",
				STRV_FMT ": message %lld cannot be read and is left out",
				STRV_ARG(jid_text(s->user->jid)), (long long)m->id);
	else
		session_send_bytes(s, buf_strv(&b));
}

static void load_more(struct flush *f);

/* The client has to read first. Another session need not wait for that: it gets what is in the
 * database, which may be in this one's output, too. */
static void wait_for_client(struct flush *f)
{
	if (next_to_flush(f->user, flush_connection(f)->session))
		flush_ends(f);
	else
		timer_arm(f->user->worker->loop, &f->timer, FLUSH_RETRY_MS);
}

/* What is sent waits in memory until the client has read it, which has its bound. */
static void go_on(struct flush *f)
{
	struct session *s = flush_session(f);

	if (s == NULL)
		flush_ends(f);
	else if (conn_is_congested(c2s_of(s->stream)->conn))
		wait_for_client(f);
	else
		load_more(f);
}

static void removed(struct worker *w, struct store_call *call, void *arg)
{
	struct flush *f = arg;

	f->unremoved = false;
	if (call->err < 0) /* they will come once more: better twice than never */
		flush_ends(f);
	else
		go_on(f);
}

static bool remove_sent(struct flush *f)
{
	struct store_call *call = store_offline_remove(f->user->jid, f->after);

	return worker_store(f->user->worker, call, removed, f) == 0;
}

/* What has been written is not ours any more. What has not is lost with the connection, or with
 * the server, and has to come again. */
static void remove_written(struct flush *f)
{
	struct worker *w = f->user->worker;
	struct c2s *c = flush_connection(f);

	if (c == NULL)
		flush_ends(f);
	else if (!conn_is_written(c->conn))
		wait_for_client(f);
	else if (!remove_sent(f)) /* the database is too busy now */
		timer_arm(w->loop, &f->timer, FLUSH_RETRY_MS);
}

static void on_timer(struct timer *t)
{
	struct flush *f = container_of(t, struct flush, timer);

	if (f->unremoved)
		remove_written(f);
	else
		go_on(f);
}

static void on_look(struct loop_task *t)
{
	struct flush *f = container_of(t, struct flush, look);
	struct c2s *c = flush_connection(f);

	if (c && !conn_is_written(c->conn)) /* it has had no time for that */
		timer_arm(f->user->worker->loop, &f->timer, FLUSH_RETRY_MS);
	else
		remove_written(f);
}

static void loaded(struct worker *w, struct store_call *call, void *arg)
{
	struct flush *f = arg;
	struct session *s = flush_session(f);
	wallus_t now = clock_wall_us();
	size_t bytes = 0;

	if (call->err < 0 || call->n_messages == 0 || s == NULL) {
		flush_ends(f);
		return;
	}
	for (size_t i = 0; i < call->n_messages && bytes < FLUSH_MAX_BYTES; i++) {
		const struct store_message *m = &call->messages[i];

		if (i > 0 && session_room(s) < 2 * m->packet.n)
			break;
		if (m->expires == 0 || m->expires > now) {
			send_delayed(s, m);
			bytes += m->packet.n;
		}
		f->after = m->id; /* removed, whether it has expired or not */
	}
	f->unremoved = true;
	conn_mark(c2s_of(s->stream)->conn);
	loop_soon(w->loop, &f->look); /* by then this turn's output has been written */
}

static void load_more(struct flush *f)
{
	struct worker *w = f->user->worker;

	if (worker_store(w, store_offline_load(f->user->jid, f->after), loaded, f) < 0)
		timer_arm(w->loop, &f->timer,
			  FLUSH_RETRY_MS); /* the database is too busy now */
}

static void flush_start(struct session *s)
{
	struct offline_session *sd = mod_session_data(s, &mod_offline);
	struct offline_user *ud = mod_user_data(s->user, &mod_offline);
	struct flush *f = MEM_NEW(struct flush);

	ASSERT(ud->flush == NULL);
	sd->flushed = true;
	ud->flush = f;
	f->user = s->user;
	f->session = c2s_handle(c2s_of(s->stream));
	timer_init(&f->timer, on_timer);
	loop_task_init(&f->look, on_look);
	user_pin(f->user);
	go_on(f);
}

static void available(struct session *s, bool initial)
{
	struct offline_session *sd = mod_session_data(s, &mod_offline);
	struct offline_user *ud = mod_user_data(s->user, &mod_offline);

	if (s->user->anonymous) /* for whom nothing is stored */
		return;
	if (initial || s->priority < 0)
		sd->flushed = false;
	if (!wants_flush(s))
		return;
	/* What comes now is newer than what is stored: RFC 6120 10.1. */
	hold_start(s);
	if (ud->flush == NULL)
		flush_start(s);
}

/* A flush that waits for the database ends when the answer is here. A client may have read all and
 * say goodbye before we have looked whether it is written. */
static void unbind(struct session *s)
{
	struct offline_user *ud = mod_user_data(s->user, &mod_offline);
	struct worker *w = s->user->worker;
	struct flush *f = ud->flush;
	struct c2s *c;

	if (f == NULL || flush_connection(f) != NULL)
		return;
	if (list_empty(&f->timer.link) && list_empty(&f->look.link))
		return;
	timer_cancel(w->loop, &f->timer);
	loop_task_cancel(&f->look);
	c = c2s_get(w, f->session);
	if (!f->unremoved || c == NULL || !conn_is_written(c->conn) || !remove_sent(f))
		flush_ends(f);
}

static const struct conf_option options[] = {
	CONF_STRING(
		"access_max_user_messages", struct offline_conf, access_max_user_messages,
		"\"max_user_offline_messages\"",
		"The access rule whose value is how many messages an account may have waiting; "
		"100 where there is no such rule.",
		.is_rule = true),
	CONF_UNSUPPORTED("store_groupchat_messages"),
	{ 0 },
};

static const struct hooks hooks = {
	.phase = PHASE_LATE,
	.undelivered = undelivered,
	.available = available,
	.unbind = unbind,
};

const struct module mod_offline = {
	.name = "mod_offline",
	.doc = "Messages for users who are offline (XEP-0160).",
	.features = (const enum xml_ns[]){ NS_OFFLINE, NS_NONE },
	.on_by_default = true,
	.hooks = &hooks,
	.options = options,
	.conf_size = sizeof(struct offline_conf),
	.session_size = sizeof(struct offline_session),
	.user_size = sizeof(struct offline_user),
};
