#include "core/throttle.h"
#include "core/c2s.h"
#include "core/server.h"
#include "core/worker.h"

enum { LOOK_AGAIN_MS = 1 };

/* One sender that waits for a connection; in the connection's list. */
struct throttled {
	struct throttled *next;
	struct handle sender;
};

/* "Stop" or "go on", to the sender's worker. */
struct order {
	struct post post;
	struct handle sender;
	bool stop;
};

static void go_on_if_free(struct c2s *c)
{
	if (c->n_throttles == 0 && list_empty(&c->paused) && !c->st.closed)
		conn_feed_again(c->conn, CONN_PAUSE_ROOM);
}

static void on_order(struct worker *w, struct post *p)
{
	struct order *o = container_of(p, struct order, post);
	struct c2s *c = c2s_get(w, o->sender);

	if (c && o->stop) {
		c->n_throttles++;
		conn_pause(c->conn, CONN_PAUSE_ROOM);
	} else if (c && c->n_throttles > 0) {
		c->n_throttles--;
		go_on_if_free(c);
	}
	mem_free(o);
}

static void send_order(struct worker *w, struct handle sender, bool stop)
{
	struct order *o = MEM_NEW(struct order);

	o->post.fn = on_order;
	o->sender = sender;
	o->stop = stop;
	worker_post(w->server->workers[sender.worker], &o->post, sizeof(*o));
}

void throttle_sender(struct worker *w, struct handle sender, struct c2s *to)
{
	struct throttled *t;

	if (handle_is_none(sender) || to->st.closed)
		return;
	for (t = to->throttled; t; t = t->next)
		if (handle_eq(t->sender, sender))
			return;
	t = MEM_NEW(struct throttled);
	t->sender = sender;
	t->next = to->throttled;
	to->throttled = t;
	count_add(&w->counters, COUNT_PEER_PAUSES, 1);
	send_order(w, sender, true);
}

void throttle_after_send(struct worker *w, struct handle sender, struct c2s *to)
{
	if (conn_is_congested(to->conn))
		throttle_sender(w, sender, to);
}

void throttle_release(struct c2s *to)
{
	while (to->throttled) {
		struct throttled *t = to->throttled;
		to->throttled = t->next;
		send_order(to->worker, t->sender, false);
		mem_free(t);
	}
}

/* --- a worker that is behind --- */

void throttle_for_inbox(struct c2s *c, struct worker *to)
{
	if (c->st.closed || !list_empty(&c->paused))
		return;
	count_add(&c->worker->counters, COUNT_INBOX_PAUSES, 1);
	conn_pause(c->conn, CONN_PAUSE_ROOM);
	c->waits_for = to;
	list_push(&c->worker->paused, &c->paused);
	timer_arm(c->worker->loop, &c->worker->room_timer, LOOK_AGAIN_MS);
}

void throttle_look_for_room(struct worker *w)
{
	LIST_EACH_SAFE(it, &w->paused) {
		struct c2s *c = container_of(it, struct c2s, paused);
		if (worker_is_full(c->waits_for))
			continue;
		list_remove(&c->paused);
		go_on_if_free(c);
	}
	if (!list_empty(&w->paused))
		timer_arm(w->loop, &w->room_timer, LOOK_AGAIN_MS);
}
