#include "core/c2s/throttle.h"
#include "core/c2s/c2s.h"
#include "core/server/server.h"
#include "core/server/worker.h"

enum {
	LOOK_AGAIN_MS = 1,
	PAUSE_MAX_MS = 5000, /* for one receiver, before it has room again */
};

/* One sender that waits for a connection; in the connection's list. */
struct throttled {
	struct throttled *next;
	struct handle sender;
};

/* Of a connection that waits, or is waited for. */
struct throttle {
	struct c2s *c2s;
	struct list paused;	   /* in worker->paused, while an inbox has no room ... */
	struct worker *waits_for;  /* ... whose */
	uint32_t n_throttles;	   /* for how many others it waits */
	struct throttled *waiting; /* who waits for this one ... */
	struct timer timer;	   /* ... but not for ever */
	bool is_late; /* they have waited long enough: nobody does any more, until it has room */
};

static void on_late(struct timer *timer);

static struct throttle *need(struct c2s *c)
{
	if (c->throttle == NULL) {
		c->throttle = MEM_NEW(struct throttle);
		c->throttle->c2s = c;
		list_init(&c->throttle->paused);
		timer_init(&c->throttle->timer, on_late);
	}
	return c->throttle;
}

static void drop_if_idle(struct c2s *c)
{
	struct throttle *t = c->throttle;

	if (t->n_throttles || t->waiting || t->is_late || !list_empty(&t->paused))
		return;
	c->throttle = NULL;
	timer_cancel(c->worker->loop, &t->timer);
	mem_free(t);
}

/* "Stop" or "go on", to the sender's worker. */
struct order {
	struct post post;
	struct handle sender;
	bool stop;
};

static void go_on_if_free(struct c2s *c)
{
	struct throttle *t = c->throttle;

	if (t->n_throttles == 0 && list_empty(&t->paused) && !c->st.closed)
		conn_feed_again(c->conn, CONN_PAUSE_ROOM);
	drop_if_idle(c);
}

static void throttle_one(struct c2s *c)
{
	need(c)->n_throttles++;
	conn_pause(c->conn, CONN_PAUSE_ROOM);
}

static void on_order(struct worker *w, struct post *p)
{
	struct order *o = container_of(p, struct order, post);
	struct c2s *c = c2s_get(w, o->sender);

	if (c && o->stop) {
		throttle_one(c);
	} else if (c && c->throttle && c->throttle->n_throttles > 0) {
		c->throttle->n_throttles--;
		go_on_if_free(c);
	}
	mem_free(o);
}

static void send_order(struct worker *w, struct handle sender, bool stop)
{
	struct c2s *c = stop && sender.worker == w->id ? c2s_get(w, sender) : NULL;
	struct order *o;

	if (c) { /* at once: more of its input may be at hand */
		throttle_one(c);
		return;
	}
	o = MEM_NEW(struct order);
	o->post.fn = on_order;
	o->sender = sender;
	o->stop = stop;
	worker_post(w->server->workers[sender.worker], &o->post, sizeof(*o));
}

static bool is_itself(const struct c2s *c, struct handle sender)
{
	return handle_eq(sender, c2s_handle(c));
}

void throttle_stop(struct worker *w, struct handle sender)
{
	send_order(w, sender, true);
}

void throttle_go_on(struct worker *w, struct handle sender)
{
	send_order(w, sender, false);
}

void throttle_sender(struct worker *w, struct handle sender, struct c2s *to)
{
	struct throttled *t;

	if (handle_is_none(sender) || to->st.closed)
		return;
	if (to->throttle && to->throttle->is_late && !is_itself(to, sender))
		return;
	for (t = to->throttle ? to->throttle->waiting : NULL; t; t = t->next)
		if (handle_eq(t->sender, sender))
			return;
	if (need(to)->waiting == NULL)
		timer_arm(w->loop, &to->throttle->timer, PAUSE_MAX_MS);
	t = MEM_NEW(struct throttled);
	t->sender = sender;
	t->next = to->throttle->waiting;
	to->throttle->waiting = t;
	count_add(&w->counters, COUNT_PEER_PAUSES, 1);
	throttle_stop(w, sender);
}

void throttle_after_send(struct worker *w, struct handle sender, struct c2s *to)
{
	if (conn_is_congested(to->conn))
		throttle_sender(w, sender, to);
}

static void let_them_go_on(struct throttle *t, bool all)
{
	struct worker *w = t->c2s->worker;
	struct throttled **at = &t->waiting, *one;

	timer_cancel(w->loop, &t->timer);
	while ((one = *at)) {
		if (!all && is_itself(t->c2s, one->sender)) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		throttle_go_on(w, one->sender);
		mem_free(one);
	}
}

/* A receiver must not decide how long others are not read from: it gets what it reads, and they an
 * error for what it has no room for (session.c). It goes on waiting for itself. */
static void on_late(struct timer *timer)
{
	struct throttle *t = container_of(timer, struct throttle, timer);

	t->is_late = true;
	let_them_go_on(t, false);
}

void throttle_release(struct c2s *to)
{
	struct throttle *t = to->throttle;

	if (t == NULL)
		return;
	t->is_late = false;
	let_them_go_on(t, true);
	drop_if_idle(to);
}

void throttle_free(struct c2s *c)
{
	struct throttle *t;

	throttle_release(c);
	t = c->throttle;
	if (t == NULL)
		return;
	list_remove(&t->paused);
	c->throttle = NULL;
	mem_free(t);
}

/* --- a worker that is behind --- */

void throttle_for_inbox(struct c2s *c, struct worker *to)
{
	struct throttle *t = c->throttle;

	if (c->st.closed || (t && !list_empty(&t->paused)))
		return;
	t = need(c);
	count_add(&c->worker->counters, COUNT_INBOX_PAUSES, 1);
	conn_pause(c->conn, CONN_PAUSE_ROOM);
	t->waits_for = to;
	list_push(&c->worker->paused, &t->paused);
	timer_arm(c->worker->loop, &c->worker->room_timer, LOOK_AGAIN_MS);
}

void throttle_look_for_room(struct worker *w)
{
	LIST_EACH_SAFE(it, &w->paused) {
		struct throttle *t = container_of(it, struct throttle, paused);
		if (worker_is_full(t->waits_for))
			continue;
		list_remove(&t->paused);
		go_on_if_free(t->c2s);
	}
	if (!list_empty(&w->paused))
		timer_arm(w->loop, &w->room_timer, LOOK_AGAIN_MS);
}
