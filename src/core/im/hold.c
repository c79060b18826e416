#include "core/im/hold.h"
#include "core/c2s/c2s.h"
#include "core/c2s/throttle.h"
#include "core/module.h"

enum {
	HOLD_PAUSES = 64 << 10,	 /* from here on, who sends is not read any more */
	HOLD_MAX = CONN_MAX_OUT, /* bytes for one session; the last message may pass it */
	HOLD_MAX_ALL = 256 << 20, /* ... for all of a worker's */
	HOLD_MAX_STANZA = 65 << 20,
};

struct held {
	struct list link;
	bool sole;
	bool named; /* is for the full JID */
	uint32_t n;
	uint64_t number; /* worker->n_to_accounts */
	char bytes[];
};

struct hold {
	struct list messages;
	size_t bytes;
	bool leaves; /* goes out as the client reads; what comes meanwhile is behind it */
};

static struct c2s *connection(struct session *s)
{
	return c2s_of(s->stream);
}

static struct held *held_new(struct strv bytes, uint64_t number)
{
	struct held *m = mem_alloc(sizeof(*m) + bytes.n);

	*m = (struct held){ .n = (uint32_t)bytes.n, .number = number };
	memcpy(m->bytes, bytes.p, bytes.n);
	list_init(&m->link);
	return m;
}

static bool is_full(const struct worker *w, const struct hold *h, size_t n)
{
	return h->bytes >= HOLD_MAX || w->held_bytes + n > HOLD_MAX_ALL;
}

static void put_before(struct list *at, struct worker *w, struct hold *h, struct held *m)
{
	list_add_before(at, &m->link);
	h->bytes += m->n;
	w->held_bytes += m->n;
}

static void put(struct worker *w, struct hold *h, struct held *m)
{
	put_before(&h->messages, w, h, m);
}

/* --- who begins to take messages holds what others hold: it is older than what comes now --- */

static void share_one(struct session *s, struct list *at, struct held *m)
{
	struct worker *w = s->user->worker;

	if (is_full(w, s->hold, m->n))
		return;
	put_before(at, w, s->hold, held_new(strv_make(m->bytes, m->n), m->number));
	worker_works(w, m->n);
	m->sole = false;
}

static void share(struct session *s, const struct hold *from)
{
	struct list *own = &s->hold->messages, *at = own->next;

	LIST_EACH(it, &from->messages) {
		struct held *m = container_of(it, struct held, link), *next = NULL;

		if (m->named || m->number <= s->had)
			continue;
		for (; at != own; at = at->next) {
			next = container_of(at, struct held, link);
			if (next->number >= m->number)
				break;
		}
		if (at == own || next->named || next->number > m->number)
			share_one(s, at, m);
	}
}

void hold_start(struct session *s)
{
	ASSERT_ON(s->user->worker);
	if (s->hold == NULL) {
		s->hold = MEM_NEW(struct hold);
		list_init(&s->hold->messages);
	}
	s->hold->leaves = false;
	LIST_EACH(it, &s->user->sessions) {
		struct session *other = container_of(it, struct session, in_user);
		if (other != s && other->hold)
			share(s, other->hold);
	}
}

static bool keep(struct session *s, const struct stanza *st, bool sole)
{
	AUTO(buf_free) struct buf b = BUF_INIT(HOLD_MAX_STANZA);
	struct worker *w = s->user->worker;
	struct hold *h = s->hold;
	struct held *m;

	if (stanza_write(&b, st) < 0 || is_full(w, h, b.n)) {
		/* Out of order rather than an error for what others have received. */
		if (sole)
			route_error(w, st, STANZA_ERR_RESOURCE_CONSTRAINT,
				    "too much is waiting");
		return sole;
	}
	m = held_new(buf_strv(&b), w->n_to_accounts);
	m->sole = sole;
	m->named = jid_eq(st->to, session_jid(s));
	put(w, h, m);
	if (h->bytes >= HOLD_PAUSES)
		throttle_sender(w, w->sender, connection(s));
	return true;
}

bool hold_message(struct session *s, const struct stanza *st, bool sole)
{
	return s->hold && st->kind == STANZA_MESSAGE && keep(s, st, sole);
}

static bool somebody_takes_messages(const struct user *u)
{
	LIST_EACH(it, &u->sessions)
		if (session_takes_messages(container_of(it, struct session, in_user)))
			return true;
	return false;
}

static struct held *take(struct worker *w, struct hold *h)
{
	struct list *it = list_pop(&h->messages);
	struct held *m;

	if (it == NULL)
		return NULL;
	m = container_of(it, struct held, link);
	h->bytes -= m->n;
	w->held_bytes -= m->n;
	return m;
}

/* So much that its client's output does not become too long; the rest when that has been read. */
static void send_some(struct session *s)
{
	struct c2s *c = connection(s);
	struct hold *h = s->hold;
	struct held *m;

	while (!conn_is_congested(c->conn) && (m = take(s->user->worker, h))) {
		session_send_bytes(s, strv_make(m->bytes, m->n));
		if (!m->named)
			s->had = m->number;
		mem_free(m);
	}
	if (!list_empty(&h->messages))
		return;
	s->hold = NULL;
	mem_free(h);
}

static void pass_on(struct user *u, struct strv bytes)
{
	if (u->removed)
		route_to_nobody(u->worker, bytes);
	else
		route_bytes(u->worker, bytes);
}

/* The session has ended, or does not take messages to the account; while it is bound, those that
 * name it stay. What others have had, or hold themselves, is theirs; when nobody is left it is
 * everybody's again. */
static void route_anew(struct user *u, struct hold *h, bool bound)
{
	struct worker *w = u->worker;
	struct handle sender = w->sender;
	struct list stays;
	struct held *m;

	list_init(&stays);
	w->sender = HANDLE_NONE; /* has nothing to do with these */
	while ((m = take(w, h))) {
		if (bound && m->named) {
			list_push(&stays, &m->link);
			continue;
		}
		if (m->sole || !somebody_takes_messages(u))
			pass_on(u, strv_make(m->bytes, m->n));
		mem_free(m);
	}
	w->sender = sender;
	while (!list_empty(&stays))
		put(w, h, container_of(list_pop(&stays), struct held, link));
}

static bool is_ending(struct session *s)
{
	return s->stream->closed || conn_is_dead(connection(s)->conn);
}

void hold_end(struct session *s)
{
	struct c2s *c = connection(s);
	struct hold *h = s->hold;

	if (h == NULL || is_ending(s))
		return;
	if (!session_takes_messages(s))
		route_anew(s->user, h, true);
	h->leaves = true;
	send_some(s);
	if (!conn_is_congested(c->conn))
		throttle_release(c);
}

void hold_drained(struct session *s)
{
	if (s->hold && s->hold->leaves && !is_ending(s))
		send_some(s);
}

void hold_session_ends(struct session *s)
{
	struct hold *h = s->hold;

	if (h == NULL)
		return;
	s->hold = NULL;
	route_anew(s->user, h, false);
	mem_free(h);
}
