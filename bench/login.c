/* Logging in: once (the first, after a start), over and over, and to stay. */
#include "load.h"

#include <stdio.h>

static struct {
	unsigned ready, next_user;
	uint64_t logins;
	bool stop;
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

static void next_login(struct session *s)
{
	const struct load_conf *c = s->engine->conf;

	session_connect(s, s->engine, c->first_user + count.next_user++ % c->users);
}

static void login_ready(struct session *s)
{
	session_close(s);
}

static void login_closed(struct session *s)
{
	unsigned max = s->engine->conf->count;

	count.logins++;
	if (!count.stop && (max == 0 || count.next_user < max))
		next_login(s);
}

static bool is_enough(const struct engine *e)
{
	return e->conf->count && count.logins >= e->conf->count;
}

/* Runs for `duration`; a server that completes nothing for 15 seconds has failed. */
static void login_phase(struct engine *e, nsec_t duration)
{
	nsec_t end = now_ns() + duration, seen_at = now_ns(), now;
	uint64_t seen = count.logins;

	while ((now = now_ns()) < end && !is_enough(e)) {
		engine_turn(e, MIN(end - now, SECOND / 10));
		if (count.logins != seen) {
			seen = count.logins;
			seen_at = now;
		}
		if (now - seen_at > 15 * SECOND)
			fail("logins stalled after %llu",
			     (unsigned long long)count.logins);
	}
}

/* A number of logins instead of a time. */
static void run_counted(struct engine *e, struct session *all)
{
	unsigned n = MIN(e->conf->sessions, e->conf->count);

	engine_wait_go(e);
	for (unsigned i = 0; i < n; i++) {
		all[i].engine = e;
		next_login(&all[i]);
	}
	login_phase(e, 3600 * SECOND);
	say("done {\"count\": %llu}", (unsigned long long)count.logins);
}

void login_run(struct engine *e)
{
	const struct load_conf *c = e->conf;
	AUTO(mem_freep) struct session *all = mem_zalloc(c->sessions * sizeof(*all));
	uint64_t logins;
	nsec_t from, cpu;
	double seconds;

	e->on_ready = login_ready;
	e->on_data = ignore_data;
	e->on_closed = login_closed;
	if (c->count) {
		run_counted(e, all);
		return;
	}
	for (unsigned i = 0; i < c->sessions; i++) {
		all[i].engine = e;
		next_login(&all[i]);
	}
	engine_wait_go(e);
	login_phase(e, c->warmup_ms * (SECOND / 1000));
	say("start");
	logins = count.logins;
	from = now_ns();
	cpu = cpu_ns();
	login_phase(e, c->measure_ms * (SECOND / 1000));
	logins = count.logins - logins;
	seconds = (double)(now_ns() - from) / 1e9;
	cpu = cpu_ns() - cpu;
	say("stop");
	say("done {\"count\": %llu, \"seconds\": %.6f, \"generator_cpu\": %.6f}",
	    (unsigned long long)logins, seconds, (double)cpu / 1e9);
	count.stop = true;
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
	enum { PARALLEL = 64 };
	const struct load_conf *c = e->conf;
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
