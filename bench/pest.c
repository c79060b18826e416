/* Clients as nobody wants them, many at a time, until the driver writes a line. What the server
 * does to them is not judged here; what it does to others meanwhile is measured by another run. */
#include "load.h"

#include <stdio.h>

static struct {
	struct session *all;
	uint64_t ended; /* connections, which were made again */
	uint64_t ready;
} pest;

static void again(struct session *s)
{
	const struct load_conf *c = s->engine->conf;

	pest.ended++;
	session_connect(s, s->engine, c->first_user + (unsigned)(pest.ended % c->users));
}

static void refused(struct session *s)
{
	session_abandon(s);
	again(s);
}

static void ignore(struct session *s)
{
}

static void ignore_data(struct session *s, char *p, size_t n)
{
}

static void run(struct engine *e, void (*each)(struct session *s))
{
	const struct load_conf *c = e->conf;

	e->on_data = ignore_data;
	e->on_closed = e->on_lost = again;
	e->on_refused = refused;
	if (e->on_ready == NULL)
		e->on_ready = ignore;
	pest.all = mem_zalloc(c->sessions * sizeof(*pest.all));
	for (unsigned i = 0; i < c->sessions; i++)
		session_connect(&pest.all[i], e, c->first_user + i % c->users);
	say("ready");
	while (!e->go) {
		engine_turn(e, SECOND / 100);
		for (unsigned i = 0; each && i < c->sessions; i++)
			each(&pest.all[i]);
	}
	say("done {\"count\": %llu, \"ready\": %llu}", (unsigned long long)pest.ended,
	    (unsigned long long)pest.ready);
}

/* --- who sends all that the server takes, to itself --- */

static void send_more(struct session *s)
{
	char stanza[512];
	int n;

	if (s->state != SESSION_READY || s->out.n >= 65536)
		return;
	n = snprintf(stanza, sizeof(stanza),
		     "<message to='%s' type='chat'><body>%0100d</body></message>", s->jid,
		     0);
	ASSERT(n > 0 && (size_t)n < sizeof(stanza));
	while (s->out.n < 65536)
		session_send(s, strv_make(stanza, (size_t)n));
}

void endless_run(struct engine *e)
{
	run(e, send_more);
}

static void go_deaf(struct session *s)
{
	s->deaf = true;
}

/* ... and reads nothing of it. */
void deaf_run(struct engine *e)
{
	e->on_ready = go_deaf;
	run(e, send_more);
}

/* --- who opens and closes --- */

static void close_again(struct session *s)
{
	if (s->state <= SESSION_CONNECTING)
		return;
	session_abandon(s);
	again(s);
}

void churn_run(struct engine *e)
{
	run(e, close_again);
}

/* --- who tries passwords: once a connection --- */

void flood_run(struct engine *e)
{
	run(e, NULL);
}

/* --- who log in all at once, stay, and come again when they are thrown out --- */

static void count_ready(struct session *s)
{
	pest.ready++;
}

void storm_run(struct engine *e)
{
	e->on_ready = count_ready;
	run(e, NULL);
}
