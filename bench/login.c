/* Logging in: once (the first, after a start), over and over, and to stay. */
#include "load.h"

#include <stdio.h>

static struct {
	unsigned ready, next_user;
	unsigned slot; /* open loop: where to look for a free one */
	uint64_t logins;
	bool measures;
	struct samples latency; /* from the beginning to the bound resource */
} count;

static void ignore_data(struct session *s, char *p, size_t n)
{
	if (memmem(p, n, "<stream:error", 13) != NULL)
		fail("user%u: %.*s", s->user, (int)n, p);
}

static void ignore_closed(struct session *s)
{
	fail("user%u: the server ended the stream", s->user);
}

static void first_ready(struct session *s)
{
	say("done {\"at\": %.6f}", (double)now_ns() / 1e9);
	count.ready++;
}

void first_run(struct engine *e)
{
	struct session s = { .quiet_failure = true };
	nsec_t start = now_ns();

	e->on_ready = first_ready;
	e->on_data = ignore_data;
	e->on_closed = ignore_closed;
	while (count.ready == 0) {
		if (now_ns() - start > 60 * SECOND)
			fail("no login within a minute of the start");
		if (s.state == SESSION_CLOSED)
			session_connect(&s, e, 0);
		engine_turn(e, SECOND / 500);
	}
	session_abandon(&s);
}

static void next_login(struct session *s, nsec_t begun)
{
	const struct load_conf *c = s->engine->conf;

	s->begun = begun; /* the accounts in an order that none keeps them in */
	session_connect(s, s->engine,
			c->first_user + count.next_user++ * 7919 % c->users);
}

static void login_ready(struct session *s)
{
	if (count.measures)
		samples_add(&count.latency, now_ns() - s->begun);
	session_close(s);
}

static void login_closed(struct session *s)
{
	const struct load_conf *c = s->engine->conf;

	count.logins++;
	if (!c->open_loop && (c->count == 0 || count.next_user < c->count))
		next_login(s, now_ns());
}

/* Begins what is due in whatever slot is free, and returns when the next is. */
static nsec_t timetable(struct engine *e, struct session *all, nsec_t start)
{
	const struct load_conf *c = e->conf;
	nsec_t due;

	while ((due = start + (nsec_t)(count.next_user * (uint64_t)SECOND / c->rate)) <=
	       now_ns()) {
		unsigned tries = 0;

		while (all[count.slot].state != SESSION_CLOSED) {
			count.slot = (count.slot + 1) % c->sessions;
			if (++tries > c->sessions)
				fail("the server does not keep up: %u logins are under way",
				     c->sessions);
		}
		next_login(&all[count.slot], due);
	}
	return due;
}

static bool is_enough(const struct engine *e)
{
	return e->conf->count && count.logins >= e->conf->count;
}

/* Runs for `duration`; a server that completes nothing for 15 seconds has failed. */
static void login_phase(struct engine *e, struct session *all, nsec_t start,
			nsec_t duration)
{
	nsec_t end = now_ns() + duration, seen_at = now_ns(), now;
	uint64_t seen = count.logins;

	while ((now = now_ns()) < end && !is_enough(e)) {
		nsec_t wait = MIN(end - now, SECOND / 10);

		if (e->conf->open_loop)
			wait = MIN(wait, MAX(timetable(e, all, start) - now_ns(), 0));
		engine_turn(e, wait);
		if (count.logins != seen) {
			seen = count.logins;
			seen_at = now;
		}
		if (now - seen_at > 15 * SECOND)
			fail("logins stalled after %llu",
			     (unsigned long long)count.logins);
	}
}

static void begin(struct session *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		next_login(&all[i], now_ns());
}

/* A number of logins instead of a time. */
static void run_counted(struct engine *e, struct session *all)
{
	engine_wait_go(e);
	begin(all, MIN(e->conf->sessions, e->conf->count));
	login_phase(e, all, 0, 3600 * SECOND);
	say("done {\"count\": %llu}", (unsigned long long)count.logins);
}

static void login_report(uint64_t logins, double seconds, double cpu, unsigned resumed)
{
	if (count.latency.n == 0)
		fail("nobody has logged in");
	say("done {\"count\": %llu, \"seconds\": %.6f, \"generator_cpu\": %.6f, "
	    "\"resumed\": %u, \"p50\": %.1f, \"p99\": %.1f}",
	    (unsigned long long)logins, seconds, cpu, resumed,
	    samples_quantile_us(&count.latency, 0.5),
	    samples_quantile_us(&count.latency, 0.99));
}

/* The timetable goes on while the driver makes up its mind. */
static void run_timed(struct engine *e, struct session *all)
{
	const struct load_conf *c = e->conf;
	nsec_t start, from, cpu;
	uint64_t logins;
	unsigned resumed;
	double seconds;

	if (!c->open_loop)
		begin(all, c->sessions);
	engine_wait_go(e);
	start = now_ns();
	login_phase(e, all, start, c->warmup_ms * (SECOND / 1000));
	say("start");
	logins = count.logins;
	resumed = e->n_resumed;
	from = now_ns();
	cpu = cpu_ns();
	count.measures = true;
	login_phase(e, all, start, c->measure_ms * (SECOND / 1000));
	logins = count.logins - logins;
	seconds = (double)(now_ns() - from) / 1e9;
	cpu = cpu_ns() - cpu;
	say("stop");
	login_report(logins, seconds, (double)cpu / 1e9, e->n_resumed - resumed);
}

void login_run(struct engine *e)
{
	const struct load_conf *c = e->conf;
	AUTO(mem_freep) struct session *all = mem_zalloc(c->sessions * sizeof(*all));

	e->on_ready = login_ready;
	e->on_data = ignore_data;
	e->on_closed = login_closed;
	samples_init(&count.latency, 1000000);
	for (unsigned i = 0; i < c->sessions; i++)
		all[i].engine = e;
	if (c->count)
		run_counted(e, all);
	else
		run_timed(e, all);
	for (unsigned i = 0; i < c->sessions; i++)
		session_abandon(&all[i]);
}

static void idle_ready(struct session *s)
{
	session_send(s, STRV("<presence/>"));
	count.ready++;
}

void idle_run(struct engine *e)
{
	const struct load_conf *c = e->conf;
	enum { PARALLEL = 64 };
	AUTO(mem_freep) struct session *all = mem_zalloc(c->sessions * sizeof(*all));
	unsigned started = 0, seen = 0;
	nsec_t seen_at = now_ns();

	e->on_ready = idle_ready;
	e->on_data = ignore_data;
	e->on_closed = ignore_closed;
	while (count.ready < c->sessions) {
		while (started < c->sessions && started - count.ready < PARALLEL) {
			session_connect(&all[started], e, started % c->users);
			started++;
		}
		engine_turn(e, SECOND);
		if (count.ready != seen) {
			seen = count.ready;
			seen_at = now_ns();
		}
		if (now_ns() - seen_at > 15 * SECOND)
			fail("logins stalled after %u sessions", seen);
	}
	engine_wait_go(e);
	say("done {\"count\": %u}", count.ready);
}
