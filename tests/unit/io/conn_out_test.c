/* Connections' output: a peer that does not read, congestion, limits. */
#include "chunks.h"

#include <stdio.h>
#include <poll.h>
#include <sys/socket.h>

/* --- a peer that does not read --- */

TEST(conn_congested_drains_when_the_peer_reads_again)
{
	EACH_VERSION(v)
	{
		struct pair t;
		size_t at;

		open_version(&t, *v);
		at = congest(&t);
		pair_idle(&t);
		CHECK_INT(t.s.n_drained, 0);
		CHECK((size_t)t.s.meter.out < at);
		t.p.reads = true;
		PAIR_UNTIL(&t, t.p.got.n == at);
		CHECK_INT(good_pattern(&t.p.got), at);
		CHECK_INT(t.s.n_drained, 1);
		CHECK(!conn_is_congested(t.s.conn));
		side_write(&t.s, "!"); /* and it works as before */
		PAIR_UNTIL(&t, t.p.got.n == at + 1);
		pair_close(&t);
	}
}

/* Who asks in the turn of the writing hears of it, and of the relief, though the kernel takes
 * all at once. */
TEST(conn_congested_within_a_turn_is_drained_at_its_end)
{
	struct pair t;
	size_t at = 0;

	pair_open(&t, PAIR_TCP, NULL, 0);
	while (at < CONN_CONGESTED)
		write_chunk(&t.s, &at);
	CHECK(conn_is_congested(t.s.conn));
	PAIR_UNTIL(&t, t.s.n_drained == 1);
	CHECK(!conn_is_congested(t.s.conn));
	PAIR_UNTIL(&t, t.p.got.n == at);
	pair_close(&t);
}

TEST(conn_is_written_when_all_before_the_mark_is)
{
	EACH_VERSION(v)
	{
		struct pair t;
		size_t at;

		open_version(&t, *v);
		conn_mark(t.s.conn);
		CHECK(conn_is_written(t.s.conn)); /* nothing stands before it */
		side_write(&t.s, "one");
		conn_mark(t.s.conn);
		CHECK(!conn_is_written(t.s.conn));
		loop_turn(t.s.loop, 0);
		CHECK(conn_is_written(t.s.conn));
		PAIR_UNTIL(&t, t.p.got.n == 3);
		at = congest(&t);
		conn_mark(t.s.conn);
		side_write(&t.s, "behind it"); /* does not count */
		pair_idle(&t);
		CHECK(!conn_is_written(t.s.conn));
		t.p.reads = true;
		PAIR_UNTIL(&t, conn_is_written(t.s.conn));
		CHECK(t.s.meter.out >= (int64_t)at);
		PAIR_UNTIL(&t, t.p.got.n == 3 + at + 9);
		pair_close(&t);
	}
}

/* What is added behind the mark does not move it. */
TEST(conn_is_written_though_more_waits)
{
	struct pair t;
	size_t at;

	pair_open(&t, PAIR_TCP, NULL, 0);
	at = congest(&t);
	conn_mark(t.s.conn);
	for (size_t n = 0; n < 4 << 20; n += CHUNK)
		write_chunk(&t.s, &at);
	t.p.reads = true;
	PAIR_UNTIL(&t, conn_is_written(t.s.conn));
	CHECK((size_t)t.s.meter.out < at);
	PAIR_UNTIL(&t, t.p.got.n == at);
	pair_close(&t);
}

TEST(conn_that_died_has_not_written)
{
	struct pair t;

	pair_open(&t, PAIR_TCP, NULL, 0);
	congest(&t);
	conn_mark(t.s.conn);
	peer_reset(&t.p);
	while (t.s.conn && !conn_is_dead(t.s.conn))
		pair_step(&t);
	CHECK(t.s.conn == NULL || !conn_is_written(t.s.conn));
	pair_close(&t);
}

static void close_when_drained(struct side *s)
{
	side_write(s, "that was all");
	conn_close(s->conn, 60000);
}

TEST(conn_closed_from_on_drained_still_sends_all)
{
	EACH_VERSION(v)
	{
		struct pair t;
		size_t at;

		open_version(&t, *v);
		t.s.at_drained = close_when_drained;
		at = congest(&t);
		t.p.reads = true;
		PAIR_UNTIL(&t, t.p.eof);
		CHECK_INT(t.p.got.n, at + 12);
		CHECK_INT(t.p.notified, *v != 0);
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		pair_close(&t);
	}
}

TEST(conn_close_of_a_congested_one_sends_all)
{
	EACH_VERSION(v)
	{
		struct pair t;
		size_t at;

		open_version(&t, *v);
		at = congest(&t);
		conn_close(t.s.conn, 60000);
		pair_idle(&t);
		t.p.reads = true;
		PAIR_UNTIL(&t, t.p.eof);
		CHECK_INT(good_pattern(&t.p.got), at);
		CHECK_INT(t.p.notified, *v != 0);
		CHECK_INT(t.s.n_drained, 0); /* not after conn_close() */
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.why, CONN_CLOSED);
		pair_close(&t);
	}
}

/* The kernel's buffer ends anywhere: before, within, and behind close_notify. */
TEST(conn_close_notify_comes_whole_though_the_kernel_is_full)
{
	static char some[8192];

	for (size_t n = 1800; n < 5000; n += 40) {
		struct tls_ctx *ctx = pair_ctx(NULL);
		int least = 1;
		struct pair t;

		pair_open(&t, PAIR_UNIX, ctx, TLS1_3_VERSION);
		CHECK_INT(setsockopt(t.s.conn->watch.fd, SOL_SOCKET, SO_SNDBUF, &least,
				     sizeof(least)),
			  0);
		t.p.reads = false;
		buf_put(conn_out(t.s.conn), strv_make(some, n));
		conn_close(t.s.conn, 60000);
		loop_turn(t.s.loop, 0);
		loop_turn(t.s.loop, 0);
		t.p.reads = true;
		PAIR_UNTIL(&t, t.p.eof);
		CHECK_INT(t.p.got.n, n);
		CHECK(t.p.notified && !t.p.failed);
		pair_close(&t);
		tls_ctx_unref(&ctx);
	}
}

/* The last words, close_notify and FIN, in the turn in which they were said. */
TEST(conn_ends_in_one_write)
{
	EACH_WAY(w)
	{
		struct pollfd p = { .events = POLLRDHUP };
		int64_t out;
		struct pair t;

		pair_open_way(&t, w);
		out = t.s.meter.out;
		p.fd = t.p.fd;
		side_write(&t.s, "bye");
		conn_close(t.s.conn, 60000);
		loop_turn(t.s.loop, 0);
		CHECK(t.s.meter.out >= out + 3 + (w->version ? 2 * 22 : 0));
		CHECK(t.s.conn->shut);
		CHECK_INT(poll(&p, 1, PAIR_DEADLINE_MS), 1);
		PAIR_UNTIL(&t, t.p.eof);
		CHECK_STR(buf_strv(&t.p.got), "bye");
		CHECK_INT(t.p.notified, w->version != 0);
		pair_close(&t);
	}
}

TEST(conn_is_dropped_when_too_much_waits)
{
	EACH_VERSION(v)
	{
		struct pair t;
		size_t at = 0;

		open_version(&t, *v);
		t.p.reads = false;
		while (t.s.conn && at < 64 << 20) {
			write_chunk(&t.s, &at);
			loop_turn(t.s.loop, 0);
		}
		CHECK_INT(t.s.n_close, 1);
		CHECK_INT(t.s.why, CONN_CLOSE_SLOW);
		CHECK(at >= CONN_MAX_OUT && at < CONN_MAX_OUT + (16 << 20));
		pair_close(&t);
	}
}

/* The limit holds within one turn, too, and who goes on writing harms nobody. */
TEST(conn_is_dropped_when_one_turn_writes_too_much)
{
	struct pair t;
	size_t at = 0;

	open_version(&t, 0);
	for (int i = 0; i < 2000; i++)
		write_chunk(&t.s, &at);
	CHECK(conn_out(t.s.conn)->n == TLS_ROOM); /* nobody will read it */
	loop_turn(t.s.loop, 0);
	CHECK_INT(t.s.why, CONN_CLOSE_SLOW);
	pair_close(&t);
}

TEST(conn_takes_one_append_of_the_longest_input)
{
	struct pair t;
	size_t at = 0;
	char *big = mem_zalloc(CONN_MAX_IN);

	open_version(&t, TLS1_3_VERSION);
	t.p.reads = false;
	while (at < CONN_MAX_OUT - CHUNK)
		write_chunk(&t.s, &at);
	buf_put(conn_out(t.s.conn), strv_make(big, CONN_MAX_IN));
	loop_turn(t.s.loop, 0);
	CHECK_INT(t.s.n_close, 0);
	mem_free(big);
	side_write(&t.s, "one more");
	loop_turn(t.s.loop, 0);
	CHECK_INT(t.s.why, CONN_CLOSE_SLOW);
	pair_close(&t);
}

/* What the socket has taken still lies in front of what waits. */
TEST(conn_takes_the_longest_input_behind_what_is_half_sent)
{
	struct pair t;
	char *big = mem_zalloc(CONN_MAX_IN);
	const struct conn_io *io;
	int step = 256 << 10; /* else the system may take more than half of it at once */

	open_version(&t, TLS1_3_VERSION);
	CHECK(setsockopt(t.s.conn->watch.fd, SOL_SOCKET, SO_SNDBUF, &step,
			 sizeof(step)) == 0);
	buf_put(conn_out(t.s.conn), strv_make(big, 24 << 20));
	loop_turn(t.s.loop, 0);
	io = t.s.conn->io;
	PAIR_UNTIL(&t, io->wire.n - io->sent < CONN_MAX_OUT);
	t.p.reads = false;
	CHECK(io->sent > 4 << 20);
	buf_put(conn_out(t.s.conn), strv_make(big, CONN_MAX_IN));
	mem_free(big);
	loop_turn(t.s.loop, 0);
	CHECK_INT(t.s.n_close, 0);
	pair_close(&t);
}

/* ... in which nothing was taken, and before the end of which nothing is closed. The kernel may take
 * some more at any time: then another minute begins. */
static void until_a_minute_has_passed(struct pair *t)
{
	int64_t out;

	do {
		out = t->s.meter.out;
		clock_fake_advance(CONN_MAX_STUCK_MS - 20);
		pair_idle(t);
		CHECK_INT(t->s.n_close, 0);
		if (t->s.meter.out != out)
			continue;
		clock_fake_advance(40);
		pair_idle(t);
	} while (t->s.meter.out != out);
}

TEST(conn_is_dropped_when_nothing_is_taken_for_a_minute)
{
	EACH_VERSION(v)
	{
		struct pair t;

		clock_fake_set(1000, 0);
		open_version(&t, *v);
		congest(&t);
		until_a_minute_has_passed(&t);
		CHECK_INT(t.s.n_close, 1);
		CHECK_INT(t.s.why, CONN_CLOSE_SLOW);
		pair_close(&t);
		clock_fake_off();
	}
}

TEST(conn_whose_peer_reads_slowly_is_kept)
{
	struct pair t;
	int64_t out;
	size_t at;

	clock_fake_set(1000, 0);
	open_version(&t, 0);
	at = congest(&t);
	for (int i = 0; i < 150; i++) /* more than the kernel takes in one go */
		write_chunk(&t.s, &at);
	clock_fake_advance(CONN_MAX_STUCK_MS - 20);
	pair_idle(&t);
	out = t.s.meter.out;
	while (t.s.meter.out == out) { /* until the kernel has room again */
		char b[65536];
		ssize_t n = recv(t.p.fd, b, sizeof(b), 0);
		CHECK(n > 0 || errno == EAGAIN);
		loop_turn(t.s.loop, 1);
	}
	until_a_minute_has_passed(&t); /* a new one, from that moment on */
	CHECK_INT(t.s.why, CONN_CLOSE_SLOW);
	pair_close(&t);
	clock_fake_off();
}

TEST(conn_grace_ends_though_output_waits)
{
	struct pair t;

	clock_fake_set(1000, 0);
	open_version(&t, TLS1_3_VERSION);
	congest(&t);
	conn_close(t.s.conn, 2000);
	pair_idle(&t);
	clock_fake_advance(2020);
	pair_step(&t);
	CHECK_INT(t.s.n_close, 1);
	CHECK_INT(t.s.why, CONN_CLOSED);
	pair_close(&t);
	clock_fake_off();
}
