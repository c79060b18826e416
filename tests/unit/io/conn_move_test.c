/* A connection's move to another thread's loop. */
#include "chunks.h"
#include "io/inbox.h"

#include <pthread.h>

/* The connection goes around between two loops, each on its thread, while the peer talks to it
 * and it answers. */
struct mover {
	struct inbox_msg msg;
	struct loop *loops[2];
	struct side *s;
	int hops, at;
	struct loop_task task;
	atomic_bool stop;
};

enum { N_HOPS = 60, N_ECHO = 200000 };

static _Thread_local struct mover *mover;

static size_t echo_and_count(struct side *s, struct strv in)
{
	s->step += in.n;
	buf_put(conn_out(s->conn), in);
	return in.n;
}

static uint32_t on_moved(struct inbox_msg *m, void *owner)
{
	struct mover *mv = container_of(m, struct mover, msg);
	struct loop *l = mv->loops[mv->at];

	mv->s->loop = l;
	conn_attach(&mv->s->conn, l, &side_ops, mv->s);
	if (--mv->hops > 0)
		loop_soon(l, &mv->task);
	return 0;
}

static void move_on(struct loop_task *t)
{
	struct mover *mv = container_of(t, struct mover, task);

	conn_detach(&mv->s->conn);
	mv->at = !mv->at;
	inbox_post(loop_inbox(mv->loops[mv->at]), &mv->msg);
}

static void *other_thread(void *arg)
{
	mover = arg;
	while (!mover->stop)
		loop_turn(mover->loops[1], 100);
	return NULL;
}

static void start_moving(struct mover *mv, struct side *s)
{
	*mv = (struct mover){ .s = s, .hops = N_HOPS, .msg.run = on_moved };
	loop_task_init(&mv->task, move_on);
	mv->loops[0] = s->loop;
	mv->loops[1] = loop_new();
	loop_soon(s->loop, &mv->task);
}

TEST(conn_moves_between_threads_with_bytes_in_flight)
{
	EACH_VERSION(v)
	{
		struct pair t;
		struct mover mv;
		pthread_t thread;
		static char big[N_ECHO];
		size_t sent = 0;
		msec_t deadline = pair_real_ms() + PAIR_DEADLINE_MS;

		for (size_t i = 0; i < N_ECHO; i++)
			big[i] = (char)(i % N_PATTERN);
		open_version(&t, *v);
		t.s.take = echo_and_count;
		start_moving(&mv, &t.s);
		CHECK_INT(pthread_create(&thread, NULL, other_thread, &mv), 0);
		while (t.p.got.n < N_ECHO && pair_real_ms() < deadline) {
			size_t n = MIN((size_t)3001, N_ECHO - sent);
			ssize_t r = !n	      ? 0
				    : t.p.ssl ? SSL_write(t.p.ssl, big + sent, (int)n)
					      : send(t.p.fd, big + sent, n, MSG_NOSIGNAL);
			sent += r > 0 ? (size_t)r : 0;
			loop_turn(mv.loops[0], 1);
			peer_step(&t.p);
		}
		mv.stop = true;
		pthread_join(thread, NULL);
		CHECK_INT(t.p.got.n, N_ECHO);
		CHECK_INT(good_pattern(&t.p.got), N_ECHO);
		while (mv.hops > 0) { /* whose turn it was when the other thread ended */
			loop_turn(mv.loops[0], 0);
			loop_turn(mv.loops[1], 0);
		}
		conn_abort(t.s.conn);
		loop_turn(mv.loops[0], 0);
		loop_turn(mv.loops[1], 0);
		CHECK_INT(t.s.n_close, 1);
		t.s.loop = mv.loops[0];
		loop_free(&mv.loops[1]);
		pair_close(&t);
	}
}

/* What came, and what went wrong, while nobody watched. */
TEST(conn_attached_sees_what_it_missed)
{
	EACH_VERSION(v)
	{
		struct pair t;
		struct loop *l = loop_new();

		open_version(&t, *v);
		side_write(&t.s, "out");
		conn_detach(&t.s.conn);
		peer_send(&t, "in", 2);
		peer_end(&t.p);
		loop_turn(t.s.loop, 0);
		CHECK_INT(t.s.n_data, 0);
		conn_attach(&t.s.conn, l, &side_ops, &t.s);
		loop_free(&t.s.loop);
		t.s.loop = l;
		PAIR_UNTIL(&t, t.s.n_eof == 1);
		CHECK_STR(buf_strv(&t.s.got), "in");
		PAIR_UNTIL(&t, t.p.got.n == 3);
		pair_close(&t);
	}
}

TEST(conn_attached_drains_what_was_congested)
{
	EACH_VERSION(v)
	{
		struct pair t;
		struct loop *l = loop_new();
		size_t at;

		open_version(&t, *v);
		at = congest(&t);
		conn_detach(&t.s.conn);
		t.p.reads = true;
		peer_step(&t.p);
		conn_attach(&t.s.conn, l, &side_ops, &t.s);
		loop_free(&t.s.loop);
		t.s.loop = l;
		PAIR_UNTIL(&t, t.p.got.n == at);
		CHECK_INT(good_pattern(&t.p.got), at);
		CHECK_INT(t.s.n_drained, 1);
		pair_close(&t);
	}
}

/* Relief that comes while it leaves is told where it arrives. */
TEST(conn_detached_when_congested_drains_where_it_arrives)
{
	struct pair t;
	size_t at = 0;

	open_version(&t, 0);
	while (at < CONN_CONGESTED)
		write_chunk(&t.s, &at);
	CHECK(conn_is_congested(t.s.conn));
	conn_detach(&t.s.conn); /* the kernel takes all */
	CHECK_INT(t.s.n_drained, 0);
	conn_attach(&t.s.conn, t.s.loop, &side_ops, &t.s);
	PAIR_UNTIL(&t, t.s.n_drained == 1);
	PAIR_UNTIL(&t, t.p.got.n == at);
	pair_close(&t);
}

/* It dies in the turn in which it is to move: the new owner hears of it. */
TEST(conn_that_has_died_can_be_moved)
{
	struct pair t;
	struct loop *l = loop_new();

	open_version(&t, TLS1_3_VERSION);
	conn_abort(t.s.conn);
	conn_detach(&t.s.conn);
	loop_turn(t.s.loop, 0);
	CHECK_INT(t.s.n_close, 0);
	conn_attach(&t.s.conn, l, &side_ops, &t.s);
	conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
	conn_close(t.s.conn, 1000);
	loop_free(&t.s.loop);
	t.s.loop = l;
	pair_step(&t);
	CHECK_INT(t.s.n_close, 1);
	CHECK_INT(t.s.why, CONN_CLOSE_ABORT);
	pair_close(&t);
}
