/* Messages for those who are offline (XEP-0160), with the time when they came (XEP-0203):
 * MongooseIM's mod_offline. */
#include "core/module.h"
#include "core/access.h"
#include "core/c2s.h"

enum { OFFLINE_DEFAULT_MAX = 100 };

struct offline_conf {
	struct strv access_max_user_messages;
};

struct offline_user {
	bool flushing; /* one session is being given what is stored */
};

struct offline_session {
	bool flushed; /* has been given it since its priority is not negative */
};

extern const struct module mod_offline;

/* --- storing --- */

/* XEP-0160: what only says "composing" is not kept, nor what must not be (XEP-0334). */
static bool is_worth_storing(const struct stanza *s)
{
	bool content = false;

	XML_EACH_CHILD(e, s->el) {
		if (e->ns == NS_HINTS &&
		    (strv_is(e->local, "no-store") || strv_is(e->local, "no-permanent-store")))
			return false;
		if (e->ns != NS_CHATSTATES && e->ns != NS_HINTS && !strv_is(e->local, "thread"))
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
		later_error(l, STANZA_ERR_SERVICE_UNAVAILABLE, "the recipient's storage is full");
	} else {
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR, "the database failed");
	}
}

static enum verdict undelivered(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64 << 20);
	const struct offline_conf *conf = mod_conf(c->host, &mod_offline);
	int64_t max;

	if (!is_worth_storing(c->stanza))
		return HANDLED;
	if (stanza_write(&b, c->stanza) < 0)
		return PASS;
	max = access_number(c->host->conf, conf->access_max_user_messages, c->host->domain,
			    c->user->jid, OFFLINE_DEFAULT_MAX);
	later_store(later_new(c),
		    store_offline_add(c->user->jid, clock_wall_us(), jid_text(c->stanza->from),
				      buf_strv(&b), max),
		    stored);
	return HANDLED;
}

/* --- delivering --- */

struct flush {
	struct user *user; /* pinned */
	struct handle session;
};

static void flush_start(struct session *s);

static bool wants_flush(struct session *s)
{
	struct offline_session *d = mod_session_data(s, &mod_offline);

	return session_is_available(s) && s->priority >= 0 && !d->flushed;
}

/* A session that came while another was being served may find that one gone: it is next. */
static void flush_ends(struct flush *f)
{
	struct user *u = f->user;
	struct offline_user *d = mod_user_data(u, &mod_offline);

	d->flushing = false;
	mem_free(f);
	LIST_EACH(it, &u->sessions) {
		struct session *s = container_of(it, struct session, in_user);
		if (wants_flush(s)) {
			flush_start(s);
			break;
		}
	}
	user_unpin(u);
}

static void send_delayed(struct session *s, const struct store_message *m)
{
	AUTO(buf_free) struct buf b = BUF_INIT(65 << 20);
	struct xml_out o = xml_out(&b);
	static const struct strv end = { "</message>", 10 };
	char stamp[STAMP_LEN];

	if (m->packet.n < end.n ||
	    !strv_eq(strv_from_pos(m->packet, m->packet.n - end.n), end)) {
		log_error("offline.row", "message %lld cannot be read and is left out",
			  (long long)m->id);
		return;
	}
	stamp_format(m->at, stamp);
	xo_raw(&o, strv_make(m->packet.p, m->packet.n - end.n));
	xo_start(&o, "delay", NS_DELAY);
	xo_attr(&o, "from", s->user->host->domain);
	xo_attr(&o, "stamp", strv_from(stamp));
	xo_end(&o);
	xo_raw(&o, end);
	if (o.err == 0)
		session_send_bytes(s, buf_strv(&b));
}

static void load_more(struct flush *f, int64_t after);

static void removed(struct worker *w, struct store_call *call, void *arg)
{
	struct flush *f = arg;

	if (call->err < 0) /* they will come once more: better twice than never */
		flush_ends(f);
	else
		load_more(f, call->number);
}

static void loaded(struct worker *w, struct store_call *call, void *arg)
{
	struct flush *f = arg;
	struct c2s *c = c2s_get(w, f->session);
	int64_t last;

	if (call->err < 0 || call->n_messages == 0 || c == NULL || c->session == NULL ||
	    c->st.closed) {
		flush_ends(f);
		return;
	}
	for (size_t i = 0; i < call->n_messages; i++)
		send_delayed(c->session, &call->messages[i]);
	last = call->messages[call->n_messages - 1].id;
	if (worker_store(w, store_offline_remove(f->user->jid, last), removed, f) < 0)
		flush_ends(f);
}

static void load_more(struct flush *f, int64_t after)
{
	if (worker_store(f->user->worker, store_offline_load(f->user->jid, after), loaded, f) < 0)
		flush_ends(f);
}

static void flush_start(struct session *s)
{
	struct offline_session *sd = mod_session_data(s, &mod_offline);
	struct offline_user *ud = mod_user_data(s->user, &mod_offline);
	struct flush *f = MEM_NEW(struct flush);

	sd->flushed = ud->flushing = true;
	f->user = s->user;
	f->session = c2s_of(s->stream)->handle;
	user_pin(f->user);
	load_more(f, 0);
}

static void available(struct session *s, bool initial)
{
	struct offline_session *sd = mod_session_data(s, &mod_offline);
	struct offline_user *ud = mod_user_data(s->user, &mod_offline);

	if (initial || s->priority < 0)
		sd->flushed = false;
	if (wants_flush(s) && !ud->flushing)
		flush_start(s);
}

static const struct conf_option options[] = {
	CONF_STRING("access_max_user_messages", struct offline_conf, access_max_user_messages,
		    "\"max_user_offline_messages\"",
		    "The access rule whose value is how many messages an account may have waiting; "
		    "100 where there is no such rule."),
	CONF_UNSUPPORTED("store_groupchat_messages"),
	{ 0 },
};

static const struct hooks hooks = {
	.phase = PHASE_LATE,
	.undelivered = undelivered,
	.available = available,
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
