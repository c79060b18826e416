#include "core/c2s/turn.h"
#include "core/c2s/c2s.h"
#include "core/server/worker.h"

static bool is_over(const struct c2s *c)
{
	return c->worker->work >= WORKER_SHARE;
}

void turn_begin(struct c2s *c)
{
	c->worker->work = 0;
}

bool turn_goes_on(struct stream *st)
{
	const struct c2s *c = c2s_of(st);

	return !is_over(c) && conn_is_open(c->conn);
}

void turn_works(struct stream *st, uint32_t work)
{
	c2s_of(st)->worker->work += work;
}

void turn_end(struct c2s *c, size_t used, size_t n)
{
	if (c->st.waiting) /* nothing more until the answer is here: see conn_feed_again() */
		conn_pause(c->conn, CONN_PAUSE_ANSWER);
	if (used < n && is_over(c))
		conn_yield(c->conn);
}
