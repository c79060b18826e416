/* Who sends to a client that does not read: how long it is not read from itself. */
#include "core/c2s/throttle.h"
#include "core/c2s/c2s.h"
#include "core/im/crossing.h"
#include "core/im/user.h"
#include "core/server/server.h"
#include "core/server/worker.h"
#include "test.h"
#include "xmpp/stanza.h"

#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 50000 };

struct client {
	struct c2s c2s;
	int fd;	    /* its own end */
	size_t got; /* by the server, of what it has sent */
};

static struct {
	struct server server;
	struct worker *worker;
	struct conf conf;
	struct client sender, receiver;
} fix;

static size_t on_data(void *owner, struct strv in)
{
	container_of((struct c2s *)owner, struct client, c2s)->got += in.n;
	return in.n;
}

static void on_drained(void *owner)
{
	throttle_release(owner);
}

static void on_close(void *owner, enum conn_close why, const char *detail)
{
}

static const struct conn_ops ops = { .on_data = on_data,
				     .on_drained = on_drained,
				     .on_close = on_close };

static void client_init(struct client *c)
{
	struct handle h;
	int fds[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	c->fd = fds[0];
	c->c2s.worker = fix.worker;
	CHECK_INT(slots_add(&fix.worker->streams, &c->c2s, &h), 0);
	c->c2s.slot = h.slot;
	CHECK_INT(conn_new(fix.worker->loop, fds[1], "", NULL, &ops, &c->c2s,
			   &c->c2s.conn),
		  0);
}

static void client_fini(struct client *c)
{
	throttle_free(&c->c2s);
	conn_abort(c->c2s.conn);
	loop_turn(fix.worker->loop, 0);
	slots_remove(&fix.worker->streams, c2s_handle(&c->c2s));
	close(c->fd);
}

static void set_up(void)
{
	memset(&fix, 0, sizeof(fix));
	clock_fake_set(1000, 0);
	fix.conf.refs = 1;
	fix.server.conf = &fix.conf;
	fix.server.n_workers = fix.server.n_threads = 1;
	fix.server.workers = &fix.worker;
	CHECK_INT(worker_new(&fix.server, 0, &fix.worker), 0);
	this_worker = fix.worker;
	client_init(&fix.sender);
	client_init(&fix.receiver);
}

static void tear_down(void)
{
	client_fini(&fix.sender);
	client_fini(&fix.receiver);
	worker_free(&fix.worker);
	clock_fake_off();
}

static void after(msec_t ms)
{
	clock_fake_advance(ms);
	for (int i = 0; i < 3; i++)
		loop_turn(fix.worker->loop, 0);
}

static void send_to_receiver(void)
{
	static const char zeros[CHUNK];
	struct c2s *to = &fix.receiver.c2s;

	CHECK_INT(buf_add(conn_out(to->conn), zeros, CHUNK), 0);
	throttle_after_send(fix.worker, c2s_handle(&fix.sender.c2s), to);
}

static void congest(void)
{
	while (!conn_is_congested(fix.receiver.c2s.conn)) {
		send_to_receiver();
		after(0);
	}
}

/* Takes what has come. */
static void read_all(void)
{
	char bytes[CHUNK];

	while (read(fix.receiver.fd, bytes, sizeof(bytes)) > 0)
		after(0);
}

/* Whether what the sender says is read. */
static bool is_read(void)
{
	size_t before = fix.sender.got;

	CHECK(write(fix.sender.fd, "x", 1) == 1);
	after(0);
	return fix.sender.got > before;
}

TEST(throttle_stops_who_sends_to_a_client_that_does_not_read)
{
	set_up();
	CHECK(is_read());
	congest();
	CHECK(!is_read());
	read_all();
	CHECK(is_read());
	tear_down();
}

TEST(throttle_lets_go_on_in_the_end)
{
	set_up();
	congest();
	after(4999);
	CHECK(!is_read());
	after(1);
	CHECK(is_read());
	send_to_receiver(); /* has waited long enough for this one */
	CHECK(is_read());
	read_all();
	congest();
	CHECK(!is_read());
	tear_down();
}

/* A client that takes a little now and then has no room, and nobody waits longer for it. */
TEST(throttle_does_not_go_by_what_a_receiver_takes)
{
	char bytes[CHUNK];

	set_up();
	congest();
	for (int i = 0; i < 5; i++) {
		CHECK(!is_read());
		CHECK(read(fix.receiver.fd, bytes, 1000) == 1000);
		send_to_receiver();
		after(1000);
	}
	CHECK(is_read());
	tear_down();
}

TEST(throttle_ends_with_either_side)
{
	set_up();
	congest();
	throttle_free(&fix.receiver.c2s);
	CHECK(is_read());
	congest();
	send_to_receiver();
	throttle_free(&fix.sender.c2s);
	after(10000);
	tear_down();
}

/* --- another worker that is behind --- */

/* A presence with a megabyte, as it is broadcast: in nobody's name. */
static void cross(struct worker *to)
{
	static char inner[1 << 20];
	struct xml_el el = { .local = STRV("presence"), .ns = NS_CLIENT };
	struct stanza s = {
		.kind = STANZA_PRESENCE,
		.type = PRESENCE_AVAILABLE,
		.el = &el,
		.from = { .s = "a@b/c", .n_local = 1, .n_domain = 1, .n_resource = 1 },
		.to = { .s = "d@b", .n_local = 1, .n_domain = 1 }
	};

	memset(inner, 'x', sizeof(inner));
	el.inner = strv_make(inner, sizeof(inner));
	crossing_start(fix.worker, to, NULL, &s, user_hash(s.to));
}

static int64_t inbox_pauses(void)
{
	return atomic_load(&fix.worker->counters.v[COUNT_INBOX_PAUSES]);
}

TEST(throttle_stops_whose_presence_fills_an_inbox)
{
	struct worker *other;

	set_up();
	CHECK_INT(worker_new(&fix.server, 1, &other), 0);
	for (int i = 0; i < 20 && !worker_is_full(other); i++)
		cross(other);
	CHECK(worker_is_full(other));
	CHECK_INT(inbox_pauses(), 0); /* nobody has asked for it */
	fix.worker->sender = c2s_handle(&fix.sender.c2s);
	cross(other);
	fix.worker->sender = HANDLE_NONE;
	CHECK_INT(inbox_pauses(), 1);
	CHECK(!conn_is_open(fix.sender.c2s.conn));
	this_worker = other;
	while (!inbox_is_empty(loop_inbox(other->loop)))
		loop_turn(other->loop, 0);
	this_worker = fix.worker;
	CHECK(!worker_is_full(other));
	after(100); /* a tick of the wheel */
	CHECK(conn_is_open(fix.sender.c2s.conn));
	worker_free(&other);
	this_worker = fix.worker;
	tear_down();
}

/* --- questions to another worker --- */

static void on_nothing(struct worker *w, struct post *p)
{
	mem_free(p);
}

static void fill(struct worker *w)
{
	struct post *p = MEM_NEW(struct post);

	p->fn = on_nothing;
	worker_post(w, p, INBOX_FULL_BYTES + 1);
}

static bool has_nothing(const struct worker *w)
{
	return inbox_is_empty(loop_inbox(w->loop));
}

static void turn(struct worker *w)
{
	this_worker = w;
	loop_turn(w->loop, 0);
	this_worker = fix.worker;
}

static struct worker *both[2];

static struct worker *set_up_both(void)
{
	set_up();
	both[0] = fix.worker;
	CHECK_INT(worker_new(&fix.server, 1, &both[1]), 0);
	fix.server.workers = both;
	fix.server.n_workers = fix.server.n_threads = 2;
	return both[1];
}

static void tear_down_both(void)
{
	worker_free(&both[1]);
	this_worker = fix.worker;
	fix.server.n_workers = fix.server.n_threads = 1;
	tear_down();
}

/* For an account of the other worker's. */
static void ask(void)
{
	struct xml_el el = { .local = STRV("presence"), .ns = NS_CLIENT };
	struct stanza s = {
		.kind = STANZA_PRESENCE,
		.type = PRESENCE_PROBE,
		.el = &el,
		.from = { .s = "a@b/c", .n_local = 1, .n_domain = 1, .n_resource = 1 },
		.to = { .s = "d@b", .n_local = 1, .n_domain = 1 }
	};

	fix.worker->sender = c2s_handle(&fix.sender.c2s);
	crossing_start(fix.worker, both[1], NULL, &s, 1);
	fix.worker->sender = HANDLE_NONE;
}

TEST(throttle_has_questions_wait_whose_answers_have_no_room)
{
	struct worker *other = set_up_both();

	ask();
	CHECK(conn_is_open(fix.sender.c2s.conn));
	fill(fix.worker);
	turn(other);
	CHECK(has_nothing(other) && !has_nothing(fix.worker));
	while (!has_nothing(fix.worker)) /* behind what is there already */
		turn(fix.worker);
	CHECK(!conn_is_open(fix.sender.c2s.conn));
	fill(fix.worker);
	crossing_look_for_room(fix.worker);
	CHECK(has_nothing(other)); /* still none */
	turn(fix.worker);
	after(100);
	CHECK(!has_nothing(other));
	CHECK(conn_is_open(fix.sender.c2s.conn));
	turn(other);
	CHECK(has_nothing(other) &&
	      has_nothing(fix.worker)); /* asked, and not given back */
	tear_down_both();
}

TEST(throttle_forgets_questions_of_who_is_gone)
{
	struct worker *other = set_up_both();
	struct handle h = c2s_handle(&fix.sender.c2s), moved;

	ask();
	ask();
	fill(fix.worker);
	turn(other);
	while (!has_nothing(fix.worker))
		turn(fix.worker);
	ask(); /* comes back to nobody */
	fill(fix.worker);
	turn(other);
	slots_remove(&fix.worker->streams, h);
	after(100);
	after(100);
	CHECK(has_nothing(other));
	CHECK_INT(slots_add(&fix.worker->streams, &fix.sender.c2s, &moved), 0);
	fix.sender.c2s.slot = moved.slot;
	tear_down_both();
}

TEST(throttle_stops_who_asks_while_there_is_no_room_for_answers)
{
	struct worker *other = set_up_both();

	fill(fix.worker);
	ask();
	CHECK_INT(inbox_pauses(), 1);
	CHECK(!conn_is_open(fix.sender.c2s.conn));
	turn(fix.worker);
	after(100);
	CHECK(conn_is_open(fix.sender.c2s.conn));
	while (!has_nothing(other))
		turn(other);
	tear_down_both();
}
