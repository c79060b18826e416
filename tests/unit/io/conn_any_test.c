/* What a connection costs, and that it loses nothing in whatever order things happen. */
#include "pair.h"
#include "io/conn_priv.h"

#include <sys/socket.h>

static size_t echo(struct side *s, struct strv in)
{
	buf_put(conn_out(s->conn), in);
	return in.n;
}

/* --- what it costs --- */

TEST(conn_idle_holds_no_buffer)
{
	CHECK(sizeof(struct conn) <= 152);
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		t.s.take = echo;
		peer_send(&t, "hello", 5);
		PAIR_UNTIL(&t, t.p.got.n == 5);
		pair_idle(&t);
		CHECK(t.s.conn->io == NULL);
		pair_close(&t);
	}
}

/* One that was moved, or whose socket had an error, does not read twice for ever. */
TEST(conn_moved_reads_once_an_event)
{
	struct pair t;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_detach(&t.s.conn);
	conn_attach(&t.s.conn, t.s.loop, &side_ops, &t.s);
	CHECK(t.s.conn->hup);
	pair_step(&t);
	CHECK(!t.s.conn->hup && !t.s.conn->readable);
	pair_close(&t);
}

/* --- anything in any order --- */

static uint32_t dice_state;

static uint32_t dice(uint32_t n) /* 0 .. n - 1, the same in every run */
{
	dice_state = dice_state * 1664525 + 1013904223;
	return (dice_state >> 8) % n;
}

#define ALL_REASONS \
	((enum conn_pause)(CONN_PAUSE_ANSWER | CONN_PAUSE_ROOM | CONN_PAUSE_RATE))

static enum conn_pause a_reason(void)
{
	return (enum conn_pause)(1 << dice(3));
}

static size_t take_some_and_echo(struct side *s, struct strv in)
{
	size_t n = dice(2) ? in.n : dice((uint32_t)in.n + 1);

	buf_put(&s->got, strv_make(in.p, n));
	buf_put(conn_out(s->conn), strv_make(in.p, n));
	if (dice(4) == 0)
		conn_pause(s->conn, a_reason());
	return n;
}

static void at_random_write(struct pair *t, struct buf *sent)
{
	static char some[20000];
	size_t n = dice(8) ? dice(100) + 1 : dice(sizeof(some)) + 1;
	ssize_t r;

	for (size_t i = 0; i < n; i++)
		some[i] = (char)((sent->n + i) % 251);
	r = t->p.ssl ? SSL_write(t->p.ssl, some, (int)n)
		     : send(t->p.fd, some, n, MSG_NOSIGNAL);
	if (r > 0)
		buf_put(sent, strv_make(some, (size_t)r));
}

static void at_random(struct pair *t, struct buf *sent)
{
	switch (dice(8)) {
	case 0:
	case 1:
		at_random_write(t, sent);
		break;
	case 2:
		conn_pause(t->s.conn, a_reason());
		break;
	case 3:
	case 4:
		conn_feed_again(t->s.conn, a_reason());
		break;
	case 5:
		conn_set_read_size(t->s.conn, dice(3) ? dice(2000) : 0);
		conn_keep_warm(t->s.conn, dice(3) * 20);
		conn_set_patient(t->s.conn, dice(2));
		conn_detach(&t->s.conn);
		if (dice(2))
			at_random_write(t, sent);
		conn_attach(&t->s.conn, t->s.loop, &side_ops, &t->s);
		break;
	default:
		t->p.reads = dice(2);
		loop_turn(t->s.loop, 0);
		peer_step(&t->p);
	}
}

TEST(conn_loses_nothing_whatever_the_order)
{
	for (uint32_t seed = 0; seed < 60; seed++) {
		const struct way *w = &pair_ways[seed % PAIR_N_WAYS];
		AUTO(buf_free) struct buf sent = BUF_INIT(16 << 20);
		struct pair t;

		dice_state = seed;
		pair_open_way(&t, w);
		t.s.take = take_some_and_echo;
		for (int i = 0; i < 300; i++)
			at_random(&t, &sent);
		t.p.reads = true;
		peer_end(&t.p);
		while (t.s.n_eof == 0) {
			conn_feed_again(t.s.conn, ALL_REASONS);
			pair_step(&t);
		}
		/* A part that was left lying is asked for again. */
		for (int i = 0; i < 1000 && t.s.got.n < sent.n; i++) {
			conn_feed_again(t.s.conn, ALL_REASONS);
			pair_step(&t);
		}
		CHECK_INT(t.s.got.n, sent.n);
		PAIR_UNTIL(&t, t.p.got.n == sent.n);
		CHECK(memcmp(t.p.got.p ? t.p.got.p : "", sent.p ? sent.p : "", sent.n) ==
		      0);
		CHECK_INT(t.s.n_eof, 1);
		if (dice(2))
			conn_close(t.s.conn, 1000);
		pair_close(&t);
	}
}
