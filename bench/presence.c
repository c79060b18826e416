/* One account that changes its presence, and its contacts, who are told: the next change comes when
 * all have been told of the last. */
#include "load.h"

#include <stdio.h>

static struct {
	struct session *all; /* the first is the one who changes */
	unsigned n_contacts, ready, told;
	uint32_t number;
	char mark[32];
	uint64_t broadcasts;
	nsec_t sent_at;
	bool measures;
	struct samples latency;
} bc;

static void broadcast(void)
{
	char stanza[128];
	int n;

	bc.number++;
	bc.told = 0;
	snprintf(bc.mark, sizeof(bc.mark), "<status>%08x</status>", bc.number);
	n = snprintf(stanza, sizeof(stanza), "<presence>%s</presence>", bc.mark);
	ASSERT(n > 0 && (size_t)n < sizeof(stanza));
	bc.sent_at = now_ns();
	session_send(&bc.all[0], strv_make(stanza, (size_t)n));
}

static void on_data(struct session *s, char *p, size_t n)
{
	if (memmem(p, n, "<stream:error", 13) != NULL)
		fail("user%u: %.*s", s->user, (int)n, p);
	if (s == &bc.all[0] || bc.number == 0 ||
	    memmem(p, n, bc.mark, strlen(bc.mark)) == NULL)
		return;
	if (++bc.told < bc.n_contacts)
		return;
	bc.broadcasts++;
	if (bc.measures)
		samples_add(&bc.latency, now_ns() - bc.sent_at);
	broadcast();
}

static void on_ready(struct session *s)
{
	session_send(s, STRV("<presence/>"));
	bc.ready++;
}

static void on_closed(struct session *s)
{
	fail("user%u: the server ended the stream", s->user);
}

static void turn_for(struct engine *e, nsec_t duration)
{
	nsec_t end = now_ns() + duration, now;
	uint64_t seen = bc.broadcasts;

	while ((now = now_ns()) < end)
		engine_turn(e, e->n_dirty > 0 ? 0 : end - now);
	if (bc.number > 0 && bc.broadcasts == seen)
		fail("%u of %u contacts were told", bc.told, bc.n_contacts);
}

static void set_up(struct engine *e)
{
	enum { PARALLEL = 64 };
	unsigned n = e->conf->sessions, started = 0;
	nsec_t deadline = now_ns() + 120 * SECOND;

	e->on_ready = on_ready;
	e->on_data = on_data;
	e->on_closed = on_closed;
	bc.n_contacts = n - 1;
	bc.all = mem_zalloc(n * sizeof(*bc.all));
	while (bc.ready < n) {
		for (; started < n && started - bc.ready < PARALLEL; started++)
			session_connect(&bc.all[started], e, started);
		engine_turn(e, SECOND);
		if (now_ns() > deadline)
			fail("%u of %u sessions within two minutes", bc.ready, n);
	}
	turn_for(e, SECOND); /* all have heard of each other */
}

void presence_run(struct engine *e)
{
	const struct load_conf *c = e->conf;
	nsec_t from, cpu;
	uint64_t broadcasts;
	double seconds;

	if (c->sessions < 2)
		fail("sessions: one and its contacts");
	set_up(e);
	samples_init(&bc.latency, 1000000);
	engine_wait_go(e);
	broadcast();
	turn_for(e, c->warmup_ms * (SECOND / 1000));
	say("start");
	broadcasts = bc.broadcasts;
	from = now_ns();
	cpu = cpu_ns();
	bc.measures = true;
	turn_for(e, c->measure_ms * (SECOND / 1000));
	broadcasts = bc.broadcasts - broadcasts;
	seconds = (double)(now_ns() - from) / 1e9;
	cpu = cpu_ns() - cpu;
	say("stop");
	say("done {\"count\": %llu, \"seconds\": %.6f, \"generator_cpu\": %.6f, "
	    "\"p50\": %.1f, \"p99\": %.1f}",
	    (unsigned long long)(broadcasts * bc.n_contacts), seconds, (double)cpu / 1e9,
	    samples_quantile_us(&bc.latency, 0.5),
	    samples_quantile_us(&bc.latency, 0.99));
}
