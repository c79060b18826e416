/* Two ports of one worker wait for a descriptor, and a connection of another worker's ends at the
 * worst of moments: after a port has been found full, and before it looks again. */
#include "core/listen/port.h"
#include "core/server/server.h"
#include "core/server/worker.h"
#include "test.h"

/* The linker puts this in its place (--wrap): here is that moment. */
void __real_listener_pause(struct listener *l);
void __wrap_listener_pause(struct listener *l);

static _Atomic int64_t *leaves; /* the next time; NULL: nobody does */

void __wrap_listener_pause(struct listener *l)
{
	__real_listener_pause(l);
	if (leaves)
		atomic_fetch_sub(leaves, 1);
	leaves = NULL;
}

static struct worker_port *start(struct worker *w, const struct conf_listener *l)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1000);
	struct port *p;

	CHECK_INT(port_open(l, 1, 1, &p, &err), 0);
	port_start(w, p, l);
	return container_of(w->ports.prev, struct worker_port, link);
}

static void stop(struct worker_port *wp)
{
	struct port *p = wp->port;

	port_stop(&wp);
	port_close(p);
	port_unref(&p);
}

TEST(admission_wakes_all_ports_that_wait_for_a_descriptor)
{
	struct server server = { .n_workers = 1, .n_threads = 1 };
	struct worker worker = { .server = &server, .loop = loop_new() };
	struct conf_listener l = { .ip_address = STRV("127.0.0.1"),
				   .backlog = 1,
				   .num_acceptors = 1,
				   .max_connections = CONF_INFINITY,
				   .max_unauthenticated = CONF_INFINITY,
				   .accept_rate = CONF_INFINITY };
	struct room_for_all *room = &server.descriptors;
	struct worker_port *a, *b;

	log_set_level(LOG_ERROR);
	this_worker = &worker;
	list_init(&worker.ports);
	room_for_all_init(room, 1);
	room->open = room->max = 10;
	a = start(&worker, &l);
	b = start(&worker, &l);

	CHECK(!admission_may_accept(a) && a->io.paused);
	leaves = &room->open;
	CHECK(admission_may_accept(b) && !b->io.paused);
	CHECK(leaves == NULL && room->open == 10); /* the place is for whom b accepts */
	admission_undo(&worker, b->port);
	CHECK_INT(room->open, 9);
	/* Who has left finds nobody to wake. */
	CHECK_INT(room->waiters.n, 0);
	CHECK(!a->io.paused);

	stop(a);
	stop(b);
	room_for_all_fini(room);
	this_worker = NULL;
	loop_free(&worker.loop);
	log_set_level(LOG_NOTICE);
}

/* One worker with one listener, as small as they come. */
struct scene {
	struct worker worker, *workers[1];
	struct server server;
	struct conf_listener l;
	struct worker_port *port;
};

static void begin(struct scene *s, int64_t max_connections)
{
	log_set_level(LOG_ERROR);
	*s = (struct scene){
		.worker = { .loop = loop_new(),
			    .scratch = arena_new(1024),
			    .server = &s->server },
		.workers = { &s->worker },
		.server = { .workers = s->workers, .n_workers = 1, .n_threads = 1 },
		.l = { .ip_address = STRV("127.0.0.1"),
		       .backlog = 1,
		       .num_acceptors = 1,
		       .max_connections = max_connections,
		       .max_unauthenticated = CONF_INFINITY,
		       .accept_rate = CONF_INFINITY }
	};
	this_worker = &s->worker;
	loop_set_owner(s->worker.loop, &s->worker);
	list_init(&s->worker.ports);
	room_for_all_init(&s->server.descriptors, 1);
	s->port = start(&s->worker, &s->l);
}

static void end(struct scene *s)
{
	stop(s->port);
	room_for_all_fini(&s->server.descriptors);
	this_worker = NULL;
	loop_free(&s->worker.loop);
	arena_free(&s->worker.scratch);
	log_set_level(LOG_NOTICE);
}

/* Workers that accept at the same moment: each has its place before it does. */
TEST(admission_gives_a_place_to_one)
{
	struct scene s;
	const struct admission *a;

	begin(&s, 1);
	a = &s.port->port->admission;
	CHECK(admission_may_accept(s.port));
	CHECK(!admission_may_accept(s.port) && s.port->io.paused);
	CHECK_INT(a->open, 1);
	CHECK_INT(s.server.descriptors.open, 1);
	admission_undo(&s.worker, s.port->port); /* nobody was there */
	CHECK_INT(a->open, 0);
	CHECK_INT(a->unauthenticated, 0);
	CHECK_INT(s.server.descriptors.open, 0);
	loop_turn(s.worker.loop, 0);
	CHECK(!s.port->io.paused && admission_may_accept(s.port));
	end(&s);
}

static void let_in(struct scene *s, int n)
{
	while (n--) {
		CHECK(admission_may_accept(s->port));
		admission_enter(&s->worker, s->port->port, &s->l);
	}
}

/* While many go without a login, so many come in a second; then they wait, and are looked for again. */
TEST(admission_has_a_pace_while_many_go_without_a_login)
{
	struct scene s;

	clock_fake_set(100000, 0);
	begin(&s, CONF_INFINITY);
	let_in(&s, 2 * ADMISSION_PACE); /* as many as like */
	for (int i = 0; i < 2 * ADMISSION_LEFT_RATE; i++)
		admission_note_left(&s.port->port->admission, 1, loop_now(s.worker.loop));
	let_in(&s, ADMISSION_PACE);
	CHECK(!admission_may_accept(s.port) && s.port->io.paused);
	clock_fake_advance(20);
	loop_turn(s.worker.loop, 0);
	CHECK(!s.port->io.paused && admission_may_accept(s.port));
	end(&s);
	clock_fake_off();
}
