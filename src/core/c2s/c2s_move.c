#include "core/c2s/c2s_move.h"
#include "core/c2s/c2s_count.h"
#include "core/c2s/c2s_priv.h"
#include "core/c2s/shaper.h"
#include "core/c2s/throttle.h"
#include "core/server/server.h"
#include "core/server/worker.h"

/* In pieces of the inbox's work. */
enum { MOVE_WORK = 20 };

struct move {
	struct post post;
	int64_t ms;	/* that its state may still last, or CONF_INFINITY */
	struct c2s c2s; /* in no worker's memory */
};

void c2s_enlist(struct c2s *c, struct worker *w)
{
	struct handle h;
	int r;

	c->worker = w;
	r = slots_add(&w->streams, c, &h);
	ASSERT(r == 0); /* the kernel's limit of descriptors comes first */
	c->slot = h.slot;
	w->n_streams++;
}

void c2s_delist(struct c2s *c)
{
	slots_remove(&c->worker->streams, c2s_handle(c));
	c->worker->n_streams--;
	shaper_suspend(c);
}

static struct c2s *settle(struct worker *w, const struct c2s *from)
{
	struct c2s *c = slab_alloc(loop_slabs(w->loop), sizeof(*c));

	*c = *from;
	c->early->c2s = c;
	return c;
}

static void on_moved(struct worker *w, struct post *p)
{
	struct move *m = container_of(p, struct move, post);
	struct c2s *c = settle(w, &m->c2s);
	int64_t ms = m->ms;

	mem_free(m);
	w->work += MOVE_WORK;
	c2s_enlist(c, w);
	conn_attach(&c->conn, w->loop, &c2s_conn_ops, c);
	c2s_count_bytes(c);
	c->st.waiting = false;
	shaper_refresh(c);
	if (atomic_load(&w->server->stopping))
		stream_close(&c->st, STREAM_ERR_SYSTEM_SHUTDOWN, NULL);
	else
		c->st.env->timeout(&c->st, ms);
	conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
}

void c2s_move_later(struct c2s *c, struct worker *to)
{
	c->early->to = to;
	c->st.waiting = true;
	loop_at_turn_end(c->worker->loop, &c->early->move_task);
}

/* Who goes home begins a new state there. */
static int64_t ms_left(const struct c2s *c)
{
	const struct timer *t = &c->early->timer;

	if (c->early->to == NULL)
		return c->st.listener->state_timeout_ms;
	return list_empty(&t->link) ? CONF_INFINITY
				    : MAX(t->at - loop_now(c->worker->loop), (msec_t)1);
}

void c2s_move(struct loop_task *t)
{
	struct c2s *c = container_of(t, struct c2s_early, move_task)->c2s;
	struct worker *w = c->worker, *to = c->early->to;
	struct move *m;

	if (c->st.closed || conn_is_dead(c->conn))
		return;
	m = MEM_NEW(struct move);
	m->post.fn = on_moved;
	m->ms = ms_left(c);
	c->early->to = NULL;
	c2s_delist(c);
	timer_cancel(w->loop, &c->early->timer);
	throttle_free(c);
	conn_detach(&c->conn);
	m->c2s = *c;
	slab_free(loop_slabs(w->loop), c, sizeof(*c));
	worker_post(to ? to : worker_home(w->server, m->c2s.st.jid), &m->post,
		    sizeof(*m));
}
