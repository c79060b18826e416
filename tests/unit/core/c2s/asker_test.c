/* What one client has under way with the database: when it is not read, and is read again. */
#include "core/c2s/asker.h"
#include "core/c2s/c2s.h"
#include "core/c2s/throttle.h"
#include "core/server/server.h"
#include "core/server/worker.h"
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

static struct {
	struct server server;
	struct worker *workers[2], *worker; /* the first one */
	struct conf conf;
	struct c2s client; /* of the first */
	int fd;
	unsigned n_answers;
} fix;

static size_t on_data(void *owner, struct strv in)
{
	return in.n;
}

static void on_close(void *owner, enum conn_close why, const char *detail)
{
}

static const struct conn_ops ops = { .on_data = on_data, .on_close = on_close };

static void client_init(struct c2s *c)
{
	struct handle h;
	int fds[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	fix.fd = fds[0];
	c->worker = fix.worker;
	CHECK_INT(slots_add(&fix.worker->streams, c, &h), 0);
	c->slot = h.slot;
	CHECK_INT(conn_new(fix.worker->loop, fds[1], "", NULL, &ops, c, &c->conn), 0);
}

static void set_up(void)
{
	struct store_conf sc = { .path = ":memory:" };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);

	memset(&fix, 0, sizeof(fix));
	fix.conf.refs = 1;
	fix.server.conf = &fix.conf;
	fix.server.n_workers = fix.server.n_threads = 2;
	fix.server.workers = fix.workers;
	CHECK_INT(store_open(&sc, &fix.server.store, &err), 0);
	for (uint16_t i = 0; i < 2; i++)
		CHECK_INT(worker_new(&fix.server, i, &fix.workers[i]), 0);
	fix.worker = fix.workers[0];
	this_worker = fix.worker;
	client_init(&fix.client);
}

static void turn(struct worker *w, int ms)
{
	this_worker = w;
	loop_turn(w->loop, ms);
	this_worker = fix.worker;
}

static void tear_down(void)
{
	while (fix.workers[0]->n_calls)
		turn(fix.workers[0], 1);
	while (fix.workers[1]->n_calls)
		turn(fix.workers[1], 1);
	turn(fix.workers[0], 0);
	throttle_free(&fix.client);
	conn_abort(fix.client.conn);
	turn(fix.worker, 0);
	slots_remove(&fix.worker->streams, c2s_handle(&fix.client));
	close(fix.fd);
	store_close(&fix.server.store);
	worker_free(&fix.workers[0]);
	worker_free(&fix.workers[1]);
}

static bool is_read(void)
{
	return conn_is_open(fix.client.conn);
}

static void on_answer(struct worker *w, struct store_call *call, void *arg)
{
	fix.n_answers++;
}

/* As for a stanza of the client's. */
static void write_something(struct worker *w, size_t bytes)
{
	static const struct jid who = { .s = "a@x", .n_local = 1, .n_domain = 1 };
	struct store_call *call = store_last_set(who, 1, STRV(""));

	call->held = bytes;
	this_worker = w;
	w->sender = c2s_handle(&fix.client);
	CHECK_INT(worker_store(w, call, on_answer, NULL), 0);
	w->sender = HANDLE_NONE;
	this_worker = fix.worker;
}

TEST(asker_is_not_read_while_enough_is_under_way)
{
	set_up();
	for (unsigned i = 0; i < ASKER_MAX; i++) {
		CHECK(is_read());
		write_something(fix.worker, 0);
	}
	CHECK(!is_read());
	while (fix.n_answers < ASKER_MAX)
		turn(fix.worker, 1);
	turn(fix.worker, 0);
	CHECK(is_read());
	CHECK_INT(fix.worker->askers.n, 0);
	tear_down();
}

TEST(asker_with_much_to_write_has_less_under_way)
{
	unsigned n = 0;

	set_up();
	for (; is_read(); n++)
		write_something(fix.worker, 1 << 20);
	CHECK(n > 8 && n <= 16);
	tear_down();
}

TEST(asker_has_few_questions_under_way)
{
	struct asker a[8];

	set_up();
	fix.worker->sender = c2s_handle(&fix.client);
	for (unsigned i = 0; i < 8; i++) {
		CHECK(is_read());
		a[i] = asker_begin_question(fix.worker, NULL);
	}
	CHECK(!is_read());
	for (unsigned i = 0; i < 8; i++)
		asker_end(fix.worker, a[i]);
	fix.worker->sender = HANDLE_NONE;
	turn(fix.worker, 0);
	CHECK(is_read());
	tear_down();
}

/* It hears of it in its own worker's next turn. */
TEST(asker_of_another_worker_waits_too)
{
	struct worker *other;

	set_up();
	other = fix.workers[1];
	for (unsigned i = 0; i < ASKER_MAX - 1; i++)
		write_something(other, 0);
	turn(fix.worker, 0);
	CHECK(is_read());
	write_something(other, 0);
	turn(fix.worker, 0);
	CHECK(!is_read());
	while (fix.n_answers < ASKER_MAX)
		turn(other, 1);
	turn(fix.worker, 0);
	CHECK(is_read());
	tear_down();
}

/* What nobody waits for counts for nobody: logins. */
TEST(asker_is_nobody)
{
	set_up();
	for (unsigned i = 0; i < 2; i++)
		asker_end(fix.worker, asker_begin(fix.worker, 2 * ASKER_MAX));
	CHECK_INT(fix.worker->askers.n, 0);
	CHECK(is_read());
	tear_down();
}
