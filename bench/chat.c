/* Messages between pairs of sessions. Closed loop: each pair has a number of messages in
 * flight; what arrives is replaced. Open loop: messages leave by a timetable, whatever
 * the server does, and latency counts from the moment in the timetable; or, as the network would
 * have it, from that of the write(2) to that of the packet's arrival, so that it is none of the
 * server's business how long we wait for a processor of our own. Of latencies, each half a
 * second has quantiles of its own, and the median of these is told: a machine that stands still for
 * a moment spoils one of them.
 *
 * A body ends in the pair's number and the message's, so that each arrival is checked:
 * nothing lost, doubled, swapped or misrouted, or the run has failed. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#define WINDOW (SECOND / 2)

enum { BODY = 100, N_PAIR = 4, N_SEQ = 8, N_MARK = N_PAIR + N_SEQ, RING = 4096 };

#define BODY_END "</body>"

struct pair {
	struct session from, to;
	unsigned number;
	uint32_t sent, received;
	char tail[N_MARK + sizeof(BODY_END) - 1]; /* of what came: a mark may be cut */
	size_t n_tail;
	char stanza[512];
	size_t n_stanza, id_at, mark_at;
	nsec_t due[RING]; /* open loop: by sequence number */
};

static struct {
	struct pair **pair;
	unsigned n_pair, ready;
	uint64_t sent, received;
	bool draining;
	struct samples *window; /* open loop: latencies, while measuring */
	size_t n_window;
	nsec_t measure_from, measure_to;
} chat;

static void put_hex(char *to, unsigned n, uint32_t v)
{
	while (n-- > 0) {
		to[n] = "0123456789abcdef"[v & 15];
		v >>= 4;
	}
}

static void stanza_init(struct pair *p)
{
	char filler[BODY - N_MARK + 1];
	int n;

	for (size_t i = 0; i < sizeof(filler) - 1; i++)
		filler[i] = "lorem ipsum dolor sit amet "[i % 27];
	filler[sizeof(filler) - 1] = '\0';
	n = snprintf(p->stanza, sizeof(p->stanza),
		     "<message to='%s' type='chat' id='00000000'>"
		     "<body>%s%04x00000000</body></message>",
		     p->to.jid, filler, p->number);
	ASSERT(n > 0 && (size_t)n < sizeof(p->stanza));
	p->n_stanza = (size_t)n;
	p->id_at = (size_t)(strstr(p->stanza, "id='") + 4 - p->stanza);
	p->mark_at = (size_t)(strstr(p->stanza, BODY_END) - N_SEQ - p->stanza);
}

static void pair_send(struct pair *p, nsec_t due)
{
	bool wire = p->from.engine->conf->wire;

	if (p->sent - p->received >= RING)
		fail("the server does not keep up: %d messages are under way", RING);
	put_hex(p->stanza + p->id_at, N_SEQ, p->sent);
	put_hex(p->stanza + p->mark_at, N_SEQ, p->sent);
	p->due[p->sent % RING] = wire ? now_ns() : due;
	p->sent++;
	chat.sent++;
	session_send(&p->from, strv_make(p->stanza, p->n_stanza));
	if (wire) /* not at the turn's end: it may be late */
		session_flush(&p->from);
}

static void measure(const struct engine *e, nsec_t due)
{
	nsec_t came = e->conf->wire ? e->came : now_ns();
	size_t i;

	if (due < chat.measure_from || due >= chat.measure_to)
		return;
	if (came == 0)
		fail("the kernel does not say when packets came");
	i = (size_t)((due - chat.measure_from) / WINDOW);
	samples_add(&chat.window[MIN(i, chat.n_window - 1)], came - due);
}

static void arrived(struct pair *p, const char *mark)
{
	char want[N_MARK];

	put_hex(want, N_PAIR, p->number);
	put_hex(want + N_PAIR, N_SEQ, p->received);
	if (memcmp(mark, want, N_MARK) != 0)
		fail("message %.*s came where %.*s was next", N_MARK, mark, N_MARK, want);
	if (p->received == p->sent)
		fail("a message came before it was sent");
	if (chat.n_window)
		measure(p->from.engine, p->due[p->received % RING]);
	p->received++;
	chat.received++;
}

static bool is_enough(const struct pair *p)
{
	unsigned count = p->from.engine->conf->count;

	return count && chat.sent >= count;
}

static void receive(struct pair *p, char *in, size_t n)
{
	const size_t n_end = sizeof(BODY_END) - 1;
	char *at, *end = in + n;
	uint32_t before = p->received;

	ASSERT(p->n_tail <= HEADROOM);
	in -= p->n_tail;
	memcpy(in, p->tail, p->n_tail);
	while ((at = memmem(in, (size_t)(end - in), BODY_END, n_end)) != NULL) {
		if (at - in < N_MARK)
			fail("a body that we did not send");
		arrived(p, at - N_MARK);
		in = at + n_end;
	}
	p->n_tail = MIN((size_t)(end - in), sizeof(p->tail));
	memcpy(p->tail, end - p->n_tail, p->n_tail);
	if (p->from.engine->conf->open_loop || chat.draining)
		return;
	for (uint32_t i = before; i != p->received && !is_enough(p); i++)
		pair_send(p, 0);
}

static void on_data(struct session *s, char *p, size_t n)
{
	if (s == &s->pair->to)
		receive(s->pair, p, n);
	else if (memmem(p, n, "<message", 8) != NULL || memmem(p, n, "<stream:error", 13))
		fail("the sender got: %.*s", (int)n, p);
}

static void on_ready(struct session *s)
{
	session_send(s, STRV("<presence/>"));
	chat.ready++;
}

static void on_closed(struct session *s)
{
	fail("user%u: the server ended the stream", s->user);
}

static void set_up(struct engine *e)
{
	nsec_t deadline = now_ns() + 60 * SECOND;

	e->on_ready = on_ready;
	e->on_data = on_data;
	e->on_closed = on_closed;
	chat.n_pair = e->conf->pairs;
	chat.pair = mem_zalloc(chat.n_pair * sizeof(struct pair *));
	for (unsigned i = 0; i < chat.n_pair; i++) {
		struct pair *p = chat.pair[i] = MEM_NEW(struct pair);

		p->number = i;
		p->from.pair = p->to.pair = p;
		session_connect(&p->from, e, e->conf->first_user + 2 * i);
		session_connect(&p->to, e, e->conf->first_user + 2 * i + 1);
		while (chat.ready < 2 * (i + 1)) {
			engine_turn(e, SECOND);
			if (now_ns() > deadline)
				fail("%u of %u sessions within a minute", chat.ready,
				     2 * chat.n_pair);
		}
		stanza_init(p);
	}
}

/* Sends what is due, and returns when the next is. */
static nsec_t timetable(struct engine *e, nsec_t start)
{
	nsec_t due;

	while ((due = start + (nsec_t)(chat.sent * (uint64_t)SECOND / e->conf->rate)) <=
	       now_ns())
		pair_send(chat.pair[chat.sent % chat.n_pair], due);
	return due;
}

/* Until `end`, or all has arrived when draining; 10 seconds without an arrival fail. */
static void phase(struct engine *e, nsec_t start, nsec_t end)
{
	nsec_t now, seen_at = now_ns(), wait;
	uint64_t seen = chat.received;

	while ((now = now_ns()) < end) {
		if (chat.draining && chat.received == chat.sent)
			return;
		if (chat.received != seen) {
			seen = chat.received;
			seen_at = now;
		}
		if (now - seen_at > 10 * SECOND)
			break;
		wait = MIN(end - now, SECOND);
		if (e->conf->open_loop && !chat.draining)
			wait = MIN(wait, MAX(timetable(e, start) - now_ns(), 0));
		engine_turn(e, e->n_dirty > 0 ? 0 : wait);
	}
	if (chat.draining || now - seen_at > 10 * SECOND)
		fail("%llu of %llu messages arrived", (unsigned long long)chat.received,
		     (unsigned long long)chat.sent);
}

static double median_us(double q)
{
	struct samples all;
	double ret;

	samples_init(&all, chat.n_window);
	for (size_t i = 0; i < chat.n_window; i++) {
		if (chat.window[i].n == 0)
			fail("nothing was measured");
		samples_add(&all,
			    (nsec_t)(samples_quantile_us(&chat.window[i], q) * 1000));
	}
	ret = samples_quantile_us(&all, 0.5);
	mem_free(all.v);
	return ret;
}

static void report(uint64_t received, double seconds, double cpu)
{
	if (chat.n_window == 0) {
		say("done {\"count\": %llu, \"seconds\": %.6f, \"generator_cpu\": %.6f}",
		    (unsigned long long)received, seconds, cpu);
		return;
	}
	say("done {\"count\": %llu, \"seconds\": %.6f, \"generator_cpu\": %.6f, "
	    "\"p50\": %.1f, \"p99\": %.1f}",
	    (unsigned long long)received, seconds, cpu, median_us(0.5), median_us(0.99));
}

static void start_sending(struct engine *e, nsec_t start)
{
	const struct load_conf *c = e->conf;

	if (!c->open_loop) {
		for (unsigned i = 0; i < chat.n_pair * c->in_flight; i++)
			pair_send(chat.pair[i % chat.n_pair], 0);
		return;
	}
	chat.measure_from = start + c->warmup_ms * (SECOND / 1000);
	chat.measure_to = chat.measure_from + c->measure_ms * (SECOND / 1000);
	chat.n_window =
		MAX((size_t)(c->measure_ms * (SECOND / 1000) / WINDOW), (size_t)1);
	chat.window = mem_zalloc(chat.n_window * sizeof(*chat.window));
	for (size_t i = 0; i < chat.n_window; i++) /* the last one may be longer */
		samples_init(&chat.window[i],
			     (size_t)(2 * WINDOW / SECOND * c->rate) + 1);
}

/* A number of messages instead of a time: for whoever counts what each costs. */
static void run_counted(struct engine *e)
{
	nsec_t seen_at = now_ns();

	start_sending(e, seen_at);
	while (chat.received < e->conf->count) {
		uint64_t seen = chat.received;

		engine_turn(e, e->n_dirty > 0 ? 0 : SECOND);
		if (chat.received != seen)
			seen_at = now_ns();
		if (now_ns() - seen_at > 30 * SECOND)
			fail("%llu messages arrived", (unsigned long long)chat.received);
	}
	say("done {\"count\": %llu}", (unsigned long long)chat.received);
}

void chat_run(struct engine *e)
{
	const struct load_conf *c = e->conf;
	nsec_t start, from, to, cpu;
	uint64_t received;

	set_up(e);
	engine_wait_go(e);
	if (c->count) {
		run_counted(e);
		return;
	}
	start = now_ns();
	start_sending(e, start);
	phase(e, start, start + c->warmup_ms * (SECOND / 1000));
	say("start");
	from = now_ns();
	cpu = cpu_ns();
	received = chat.received;
	phase(e, start, from + c->measure_ms * (SECOND / 1000));
	received = chat.received - received;
	to = now_ns();
	cpu = cpu_ns() - cpu;
	say("stop");
	chat.draining = true;
	phase(e, start, to + 60 * SECOND);
	report(received, (double)(to - from) / 1e9, (double)cpu / 1e9);
}
