#include "core/login/delay.h"
#include "auth/backoff.h"
#include "core/c2s/c2s.h"
#include "core/c2s/c2s_count.h"
#include "core/server/server.h"
#include "core/server/worker.h"

enum { LOG_PER_MINUTE = 6 }; /* of each worker */

struct delay {
	struct c2s *c2s;
	struct timer timer;
};

static uint32_t limit(int64_t n)
{
	return n == CONF_INFINITY ? BACKOFF_OFF : (uint32_t)n;
}

static msec_t weigh(struct c2s *c, struct jid user, bool right)
{
	const struct conf_general *g = &c->st.conf->general;
	struct backoff *b = c->worker->server->backoff;
	const struct backoff_conf conf = {
		.per_account = limit(g->failed_per_account),
		.per_address = limit(g->failed_per_address),
		.forget_ms = g->failed_forget_after_s * 1000,
		.max_delay_ms = g->failed_max_delay_ms,
	};
	msec_t now = loop_now(c->worker->loop);

	return right ? backoff_right(b, &conf, jid_text(user), conn_peer(c->conn), now)
		     : backoff_wrong(b, &conf, jid_text(user), conn_peer(c->conn), now);
}

static void log_delay(const struct c2s *c, struct jid user, msec_t ms)
{
	static _Thread_local struct log_limit log_limit;
	unsigned dropped;

	if (log_limit_ok(&log_limit, LOG_PER_MINUTE, &dropped))
		log_warning("auth.delayed",
			    "the answer to a login as " STRV_FMT " from %s waits %lld "
			    "ms, after too many failures; %u more such answers before it",
			    STRV_ARG(jid_text(user)), conn_peer(c->conn), (long long)ms,
			    dropped);
}

static void on_due(struct timer *t)
{
	struct c2s *c = container_of(t, struct delay, timer)->c2s;

	delay_free(c);
	stream_on_answer_due(&c->st);
	conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
}

void delay_tried(struct stream *st, struct jid user, bool right)
{
	struct c2s *c = c2s_of(st);
	msec_t ms = weigh(c, user, right);
	struct delay *d;

	ASSERT(c->early->delay == NULL);
	if (ms == 0) {
		stream_on_answer_due(st);
		return;
	}
	c2s_count(c, PORT_COUNT_AUTH_DELAYED, 1);
	log_delay(c, user, ms);
	d = c->early->delay = MEM_NEW(struct delay);
	d->c2s = c;
	timer_init(&d->timer, on_due);
	timer_arm(c->worker->loop, &d->timer, ms);
}

void delay_free(struct c2s *c)
{
	struct delay *d = c->early->delay;

	if (d == NULL)
		return;
	c->early->delay = NULL;
	timer_cancel(c->worker->loop, &d->timer);
	mem_free(d);
}
