#include "core/module.h"
#include "core/im/crossing.h"
#include "core/server/server.h"
#include "xml/xml.h"

enum { ROUTE_MAX_DEPTH = 8, ROUTE_MAX_BYTES = 64 << 20 };

void route_error(struct worker *w, const struct stanza *s, enum stanza_err err,
		 const char *text)
{
	AUTO(buf_free) struct buf b = BUF_INIT(65536); /* addresses and an id, escaped */

	if (!stanza_may_fail(s) || jid_is_none(s->from) ||
	    (s->kind == STANZA_PRESENCE && s->type != PRESENCE_SUBSCRIBE))
		return;
	if (stanza_write_error(&b, s, err, text) == 0)
		route_bytes(w, buf_strv(&b));
}

/* --- to the server itself (RFC 6121 10.5.1; RFC 6120 10.5) --- */

static const struct iq_handler *find_handler(const struct host *h, const struct stanza *s,
					     unsigned where)
{
	const struct xml_el *payload = stanza_payload(s);
	const struct iq_handler **list = h->iq[payload->ns];

	where |= s->type == IQ_GET ? IQ_ON_GET : IQ_ON_SET;
	for (; list && *list; list++)
		if (((*list)->where & where) == where &&
		    strv_is(payload->local, (*list)->name))
			return *list;
	return NULL;
}

static void run_iq(struct ctx *c, unsigned where)
{
	const struct iq_handler *ih;

	if (c->stanza->type != IQ_GET && c->stanza->type != IQ_SET)
		return;
	ih = find_handler(c->host, c->stanza, where);
	if (ih == NULL || ih->fn(c) == PASS)
		route_error(c->worker, c->stanza, STANZA_ERR_SERVICE_UNAVAILABLE, NULL);
}

static void to_server(struct worker *w, struct session *sender, const struct host *h,
		      const struct stanza *s)
{
	struct ctx c = { .worker = w,
			 .host = h,
			 .stanza = s,
			 .session = sender,
			 .scratch = w->scratch };

	if (s->kind == STANZA_IQ && jid_is_bare(s->to))
		run_iq(&c, IQ_TO_SERVER);
	else if (s->kind != STANZA_PRESENCE)
		route_error(w, s, STANZA_ERR_SERVICE_UNAVAILABLE, NULL);
}

/* --- to an account that is loaded --- */

static bool takes(const struct session *to, int min_priority)
{
	return session_is_available(to) && to->priority >= min_priority;
}

unsigned route_to_sessions(struct user *u, const struct stanza *s, int min_priority)
{
	struct stanza copy = *s;
	unsigned n = 0, taken = 0;

	u->worker->n_to_accounts += s->kind == STANZA_MESSAGE;
	LIST_EACH(it, &u->sessions)
		n += takes(container_of(it, struct session, in_user), min_priority);
	LIST_EACH(it, &u->sessions) {
		struct session *to = container_of(it, struct session, in_user);
		if (!takes(to, min_priority))
			continue;
		if (s->kind == STANZA_PRESENCE)
			copy.to = session_jid(to); /* RFC 6121 4.2.2 and others: full */
		taken += session_offer(to, &copy, n == 1);
	}
	if (n > 0 && taken == 0)
		route_error(u->worker, s, STANZA_ERR_RESOURCE_CONSTRAINT,
			    n == 1 ? "the receiver does not read" : "no receiver reads");
	return n;
}

/* RFC 6121 8.5.2.1.1 and 8.5.2.2.1: a message to the account, not to one session. */
static void message_to_account(struct ctx *c)
{
	const struct stanza *s = c->stanza;

	switch (s->type) {
	case MESSAGE_GROUPCHAT:
		route_error(c->worker, s, STANZA_ERR_SERVICE_UNAVAILABLE, NULL);
		return;
	case STANZA_ERROR:
		return;
	case MESSAGE_HEADLINE:
		route_to_sessions(c->user, s, 0);
		return;
	default:
		break;
	}
	if (route_to_sessions(c->user, s, 0) > 0)
		return;
	for (const struct hooks **h = c->host->hooks; *h; h++)
		if ((*h)->undelivered && (*h)->undelivered(c) == HANDLED)
			return;
	route_error(c->worker, s, STANZA_ERR_SERVICE_UNAVAILABLE, NULL);
}

static bool is_subscription(const struct stanza *s)
{
	return s->kind == STANZA_PRESENCE && s->type >= PRESENCE_SUBSCRIBE &&
	       s->type <= PRESENCE_UNSUBSCRIBED;
}

static void to_account(struct worker *w, struct session *sender, struct user *u,
		       const struct stanza *s)
{
	struct ctx c = { .worker = w,
			 .host = u->host,
			 .stanza = s,
			 .session = sender,
			 .user = u,
			 .scratch = w->scratch };

	if (s->kind == STANZA_IQ) {
		run_iq(&c, jid_eq_bare(s->from, u->jid) ? IQ_TO_OWN : IQ_TO_ACCOUNT);
		return;
	}
	for (const struct hooks **h = u->host->hooks; *h; h++)
		if ((*h)->to_user && (*h)->to_user(&c) == HANDLED)
			return;
	if (s->kind == STANZA_MESSAGE)
		message_to_account(&c);
	else if (s->type !=
		 PRESENCE_PROBE) /* errors too: a subscription may have failed */
		route_to_sessions(u, s, -128);
}

/* --- to an account whose home is here --- */

struct parked {
	struct handle sender;
	struct asker asker;
	uint32_t n;
	char bytes[];
};

/* RFC 6121 8.5.1, and what is said of accounts that there are. */
static void to_nobody(struct worker *w, const struct stanza *s)
{
	const struct host *h = host_find(w->conf, jid_domain(s->to));
	const struct iq_handler *ih = NULL;
	enum stanza_err err = STANZA_ERR_SERVICE_UNAVAILABLE;

	if (s->kind == STANZA_PRESENCE ||
	    (s->kind == STANZA_MESSAGE && s->type == MESSAGE_HEADLINE))
		return;
	if (h && s->kind == STANZA_IQ && (s->type == IQ_GET || s->type == IQ_SET))
		ih = find_handler(h, s, IQ_TO_ACCOUNT);
	if (ih && ih->to_stranger)
		err = ih->to_stranger;
	route_error(w, s, err, NULL);
}

static void read_ours(struct arena *a, struct strv bytes, struct stanza *ret)
{
	struct xml_el *el;
	enum stanza_err bad;
	int r = xml_parse(a, bytes, NS_CLIENT, &el);

	ASSERT(r == 0); /* our own writing */
	bad = stanza_read_ours(el, ret);
	ASSERT(bad == STANZA_ERR_NONE);
}

static void on_loaded(struct worker *w, struct user *u, int err, void *arg)
{
	AUTO(mem_freep) struct parked *p = arg;
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct handle sender = w->sender;
	struct stanza s;

	read_ours(a, strv_make(p->bytes, p->n), &s);
	w->sender = p->sender;
	if (u)
		to_account(w, NULL, u, &s);
	else if (err < 0)
		route_error(w, &s, STANZA_ERR_INTERNAL_SERVER_ERROR,
			    "the database failed");
	else
		to_nobody(w, &s);
	w->sender = sender;
	asker_end(w, p->asker);
}

static void load_and_route(struct worker *w, const struct stanza *s)
{
	AUTO(buf_free) struct buf b = BUF_INIT(ROUTE_MAX_BYTES);
	struct parked *p;

	if (stanza_write(&b, s) < 0) {
		route_error(w, s, STANZA_ERR_POLICY_VIOLATION, "stanza too big");
		return;
	}
	p = mem_alloc(sizeof(*p) + b.n);
	p->sender = w->sender;
	p->asker = s->kind == STANZA_IQ ? asker_begin_question(w, NULL)
					: asker_begin(w, asker_load(b.n));
	p->n = (uint32_t)b.n;
	memcpy(p->bytes, b.p, b.n);
	if (user_with(w, jid_bare(s->to), sizeof(*p) + b.n, on_loaded, p) < 0) {
		asker_end(w, p->asker);
		mem_free(p);
		route_error(w, s, STANZA_ERR_RESOURCE_CONSTRAINT, "too much is waiting");
	}
}

/* RFC 6121 8.5.3.2: a full JID that no session has. True: go on as for the bare JID. */
static bool falls_back_to_bare(struct worker *w, const struct stanza *s)
{
	if (s->kind == STANZA_MESSAGE) {
		if (s->type == MESSAGE_GROUPCHAT || s->type == MESSAGE_NORMAL)
			route_error(w, s, STANZA_ERR_SERVICE_UNAVAILABLE, NULL);
		return s->type == MESSAGE_CHAT;
	}
	if (s->kind == STANZA_IQ)
		route_error(w, s, STANZA_ERR_SERVICE_UNAVAILABLE, NULL);
	return is_subscription(s) ||
	       (s->kind == STANZA_PRESENCE && s->type == PRESENCE_PROBE);
}

bool route_is_for_session(const struct stanza *s)
{
	return !jid_is_bare(s->to) && !is_subscription(s) && s->type != PRESENCE_PROBE;
}

static void route_home(struct worker *w, struct session *sender, const struct stanza *s,
		       uint64_t hash)
{
	struct user *u = user_find_hashed(w, s->to, hash);
	struct session *to;

	ASSERT_ON(w);
	if (route_is_for_session(s)) {
		to = u ? session_find(u, jid_resource(s->to)) : NULL;
		/* RFC 6121 8.5.3.1 would have no IQ delivered that comes from somebody who may
		 * not see this session. MongooseIM, ejabberd and Prosody deliver it, and
		 * clients of people who are no contacts need it, for calls and files. */
		if (to) {
			session_send(to, s);
			return;
		}
		if (!falls_back_to_bare(w, s))
			return;
	}
	if (u) {
		user_pin(u); /* nobody may be online: it must not be dropped on the way */
		to_account(w, sender, u, s);
		user_unpin(u);
	} else if (s->kind != STANZA_PRESENCE || is_subscription(s)) {
		load_and_route(w, s); /* other presence is for those who are online */
	}
}

/* --- from here to there --- */

void route(struct worker *w, struct session *sender, const struct stanza *s)
{
	const struct host *h;
	struct worker *home;
	uint64_t hash;

	ASSERT_ON(w);
	ASSERT(!jid_is_none(s->from));
	if (jid_is_none(s->to)) { /* RFC 6120 10.3: for the sender's own account */
		route_to(w, sender, s, jid_bare(s->from));
		return;
	}
	worker_works(w, 0);
	h = host_find(w->conf, jid_domain(s->to));
	if (h == NULL) {
		route_error(w, s, STANZA_ERR_REMOTE_SERVER_NOT_FOUND, NULL);
		return;
	}
	if (s->to.n_local == 0) {
		to_server(w, sender, h, s);
		return;
	}
	hash = user_hash(s->to);
	home = worker_home_hashed(w->server, hash);
	if (home != w || w->depth >= ROUTE_MAX_DEPTH) {
		crossing_start(w, home, sender, s, hash);
		return;
	}
	w->depth++;
	route_home(w, sender, s, hash);
	w->depth--;
}

void route_to(struct worker *w, struct session *sender, const struct stanza *s,
	      struct jid to)
{
	struct stanza copy = *s;

	copy.to = to;
	route(w, sender, &copy);
}

void route_bytes(struct worker *w, struct strv bytes)
{
	AUTO(arena_free) struct arena *a = arena_new(2048);
	struct stanza s;

	read_ours(a, bytes, &s);
	route(w, NULL, &s);
}

void route_to_nobody(struct worker *w, struct strv bytes)
{
	AUTO(arena_free) struct arena *a = arena_new(2048);
	struct stanza s;

	read_ours(a, bytes, &s);
	to_nobody(w, &s);
}
