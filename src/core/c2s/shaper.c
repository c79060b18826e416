#include "core/c2s/shaper.h"
#include "core/c2s/c2s.h"
#include "core/c2s/c2s_count.h"
#include "core/options/conf.h"
#include "core/server/worker.h"

enum {
	PIECES = 4, /* a second's worth is read in no fewer: so little can be overdrawn */
	UNIT = 1000,	      /* of a bucket's level: a byte's thousandths, for ms */
	COUNT_EVERY_MS = 250, /* who is held for long is counted meanwhile */
};

struct shaper {
	struct c2s *c2s;
	struct bucket bucket;
	struct timer timer; /* while overdrawn */
	uint32_t counted;   /* of conn_plain_in() */
	bool is_held;	    /* overdrawn: the socket is not read ... */
	msec_t since;	    /* ... and is counted from then on */
};

/* --- the bucket --- */

void bucket_init(struct bucket *b, int64_t rate, msec_t now)
{
	ASSERT(rate > 0 && rate <= INT32_MAX);
	*b = (struct bucket){ .rate = rate, .level = rate * UNIT, .at = now };
}

static void fill(struct bucket *b, msec_t now)
{
	int64_t room = b->rate * UNIT - b->level;
	msec_t passed = MAX(now - b->at, (msec_t)0); /* clocks of two loops may differ */

	b->level += passed > room / b->rate ? room : passed * b->rate;
	b->at = MAX(now, b->at);
}

msec_t bucket_take(struct bucket *b, uint64_t bytes, msec_t now)
{
	fill(b, now);
	/* A read is never so long that this could overflow. */
	b->level -= (int64_t)MIN(bytes, (uint64_t)INT32_MAX) * UNIT;
	return b->level < 0 ? (-b->level + b->rate - 1) / b->rate : 0;
}

/* --- holding back --- */

static void count_held(struct shaper *s)
{
	msec_t now = loop_now(s->c2s->worker->loop);

	c2s_count(s->c2s, PORT_COUNT_SHAPED_MS, MAX(now - s->since, (msec_t)0));
	s->since = now;
}

static void let_go(struct shaper *s)
{
	struct worker *w = s->c2s->worker;

	if (!s->is_held)
		return;
	s->is_held = false;
	timer_cancel(w->loop, &s->timer);
	count_held(s);
	conn_feed_again(s->c2s->conn, CONN_PAUSE_RATE);
}

static void hold(struct shaper *s, msec_t ms)
{
	struct loop *l = s->c2s->worker->loop;

	if (s->is_held)
		count_held(s);
	else
		s->since = loop_now(l);
	s->is_held = true;
	conn_pause(s->c2s->conn, CONN_PAUSE_RATE);
	timer_arm(l, &s->timer, MIN(ms, (msec_t)COUNT_EVERY_MS));
}

static void take(struct shaper *s, uint64_t bytes)
{
	msec_t ms = bucket_take(&s->bucket, bytes, loop_now(s->c2s->worker->loop));

	if (ms > 0)
		hold(s, ms);
	else
		let_go(s);
}

static void on_timer(struct timer *t)
{
	take(container_of(t, struct shaper, timer), 0);
}

void shaper_take(struct c2s *c)
{
	struct shaper *s = c->shaper;
	uint32_t counted;

	if (s == NULL)
		return;
	counted = s->counted;
	s->counted = conn_plain_in(c->conn);
	take(s, s->counted - counted);
}

/* --- whose --- */

static int64_t rate_of(const struct c2s *c)
{
	const struct stream *st = &c->st;
	struct strv domain =
		st->host ? st->host->domain : st->conf->general.default_server_domain;

	return conf_shaper_rate(st->conf, st->listener->shaper, domain, st->jid);
}

static void set_rate(struct shaper *s, int64_t rate)
{
	msec_t now = loop_now(s->c2s->worker->loop);
	int64_t owed = MIN(s->bucket.level, (int64_t)0);

	if (s->bucket.rate == rate)
		return;
	bucket_init(&s->bucket, rate, now);
	if (owed < 0)
		s->bucket.level = owed;
	conn_set_read_size(s->c2s->conn, (size_t)MAX(rate / PIECES, (int64_t)1));
}

static void shaper_new(struct c2s *c)
{
	struct shaper *s = MEM_NEW(struct shaper);

	s->c2s = c;
	s->counted = conn_plain_in(c->conn);
	timer_init(&s->timer, on_timer);
	c->shaper = s;
}

void shaper_refresh(struct c2s *c)
{
	int64_t rate;

	ASSERT_ON(c->worker);
	if (c->shaper)
		c->shaper->c2s = c; /* it may have moved */
	if (c->st.closed)
		return;
	rate = rate_of(c);
	if (rate == 0) {
		shaper_free(c);
		return;
	}
	if (c->shaper == NULL)
		shaper_new(c);
	set_rate(c->shaper, rate);
	take(c->shaper, 0);
}

void shaper_suspend(struct c2s *c)
{
	if (c->shaper)
		timer_cancel(c->worker->loop, &c->shaper->timer);
}

void shaper_free(struct c2s *c)
{
	struct shaper *s = c->shaper;

	if (s == NULL)
		return;
	let_go(s);
	conn_set_read_size(c->conn, 0);
	c->shaper = NULL;
	mem_free(s);
}
