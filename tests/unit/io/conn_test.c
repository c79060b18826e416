/* Connections' input and life: plain and TLS, over UNIX sockets and loopback TCP. */
#include "pair.h"

#include <sys/socket.h>
#include <unistd.h>

static void send_text(struct pair *t, const char *text)
{
	peer_send(t, text, strlen(text));
}

/* --- echo --- */

static size_t echo(struct side *s, struct strv in)
{
	buf_put(conn_out(s->conn), in);
	return in.n;
}

TEST(conn_echoes)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		t.s.take = echo;
		send_text(&t, "hello");
		PAIR_UNTIL(&t, t.p.got.n == 5);
		CHECK_STR(buf_strv(&t.p.got), "hello");
		CHECK(t.s.meter.in >= 5 && t.s.meter.out >= 5);
		CHECK((w->version == 0) == (conn_tls(t.s.conn) == NULL));
		CHECK(strcmp(conn_peer(t.s.conn), "127.0.0.1") == 0);
		pair_close(&t);
	}
}

/* Two threads must never count in one place: without a loop there is none. */
TEST(conn_forgets_its_meter_when_it_moves)
{
	struct conn_meter other = { 0 };
	struct pair t;

	pair_open(&t, PAIR_TCP, NULL, 0);
	t.s.take = echo;
	send_text(&t, "hello");
	PAIR_UNTIL(&t, t.p.got.n == 5);
	CHECK(t.s.meter.in == 5 && t.s.meter.out == 5);
	conn_detach(&t.s.conn);
	conn_attach(&t.s.conn, t.s.loop, &side_ops, &t.s);
	conn_set_meter(t.s.conn, &other);
	send_text(&t, "world!");
	PAIR_UNTIL(&t, t.p.got.n == 11);
	CHECK(t.s.meter.in == 5 && t.s.meter.out == 5);
	CHECK(other.in == 6 && other.out == 6);
	pair_close(&t);
}

TEST(conn_echoes_megabytes)
{
	enum { N = 3 << 20 };
	char *big = mem_alloc(N);

	for (size_t i = 0; i < N; i++)
		big[i] = (char)(i * 7 + i / 251);
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		t.s.take = echo;
		peer_send(&t, big, N);
		PAIR_UNTIL(&t, t.p.got.n == N);
		CHECK(memcmp(t.p.got.p, big, N) == 0);
		pair_close(&t);
	}
	mem_free(big);
}

TEST(conn_takes_a_text_cut_anywhere)
{
	static const char text[] =
		"<message to='juliet'><body>Wherefore</body></message>";

	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		for (size_t cut = 0; cut < sizeof(text); cut++) {
			buf_clear(&t.s.got);
			peer_send(&t, text, cut);
			PAIR_UNTIL(&t, t.s.got.n == cut);
			peer_send(&t, text + cut, sizeof(text) - cut);
			PAIR_UNTIL(&t, t.s.got.n == sizeof(text));
			CHECK(memcmp(t.s.got.p, text, sizeof(text)) == 0);
		}
		pair_close(&t);
	}
}

/* --- an owner that takes a part --- */

/* Whole words with their comma, one a call. */
static size_t take_a_word(struct side *s, struct strv in)
{
	ptrdiff_t comma = strv_find(in, ',');

	if (comma < 0)
		return 0;
	buf_put(&s->got, strv_make(in.p, (size_t)comma + 1));
	return (size_t)comma + 1;
}

TEST(conn_keeps_what_the_owner_does_not_take)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		t.s.take = take_a_word;
		for (const char *p = "montague"; *p; p++)
			peer_send(&t, p, 1);
		pair_idle(&t);
		CHECK_INT(t.s.got.n, 0);
		send_text(&t, ",cap");
		PAIR_UNTIL(&t, t.s.got.n == 9);
		send_text(&t, "ulet,");
		PAIR_UNTIL(&t, t.s.got.n == 17);
		CHECK_STR(buf_strv(&t.s.got), "montague,capulet,");
		pair_close(&t);
	}
}

/* --- pause --- */

static size_t take_and_pause(struct side *s, struct strv in)
{
	conn_pause(s->conn, CONN_PAUSE_ANSWER);
	return take_a_word(s, in);
}

TEST(conn_gives_nothing_while_paused_and_all_afterwards)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		t.s.take = take_and_pause;
		send_text(&t, "one,two,three,");
		PAIR_UNTIL(&t, t.s.n_data == 1);
		pair_idle(&t);
		CHECK_INT(t.s.n_data, 1);
		conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
		PAIR_UNTIL(&t, t.s.n_data == 2);
		send_text(&t, "four,");
		pair_idle(&t);
		CHECK_INT(t.s.n_data, 2);
		while (t.s.n_data < 4) {
			int before = t.s.n_data;
			conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
			PAIR_UNTIL(&t, t.s.n_data > before);
			CHECK_INT(t.s.n_data, before + 1);
		}
		CHECK_STR(buf_strv(&t.s.got), "one,two,three,four,");
		pair_close(&t);
	}
}

TEST(conn_tells_the_end_only_when_it_goes_on)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		t.s.take = take_and_pause;
		send_text(&t, "one,two,");
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_data == 1);
		pair_idle(&t);
		CHECK_INT(t.s.n_eof, 0);
		conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
		PAIR_UNTIL(&t, t.s.n_data == 2);
		CHECK_INT(t.s.n_eof, 0);
		conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
		PAIR_UNTIL(&t, t.s.n_eof == 1);
		CHECK_STR(buf_strv(&t.s.got), "one,two,");
		pair_close(&t);
	}
}

static struct {
	struct loop_task end;
	int ends;
} turn;

static void end_of_turn(struct loop_task *t)
{
	turn.ends++;
}

static size_t take_and_yield(struct side *s, struct strv in)
{
	size_t used = take_a_word(s, in);

	CHECK_INT(turn.ends, s->n_data - 1);
	loop_at_turn_end(s->loop, &turn.end);
	if (used < in.n)
		conn_yield(s->conn);
	return used;
}

/* A word at a time, and nothing is read beside what waits; then the end. */
TEST(conn_that_yields_goes_on_when_others_have_had_their_turn)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		t.s.take = take_and_yield;
		loop_task_init(&turn.end, end_of_turn);
		turn.ends = 0;
		send_text(&t, "one,two,three,");
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_data > 0);
		PAIR_UNTIL(&t, t.s.n_eof == 1);
		CHECK_STR(buf_strv(&t.s.got), "one,two,three,");
		CHECK_INT(t.s.n_data, 3);
		pair_close(&t);
	}
}

/* What is paused stays in the kernel: the peer is slowed, our memory is not filled. */
TEST(conn_paused_does_not_read_ahead)
{
	struct pair t;
	char some[4096] = { 0 };
	ssize_t n;
	size_t sent = 0;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_pause(t.s.conn, CONN_PAUSE_ANSWER);
	while ((n = send(t.p.fd, some, sizeof(some), MSG_NOSIGNAL)) > 0) {
		sent += (size_t)n;
		loop_turn(t.s.loop, 0);
	}
	CHECK_INT(t.s.meter.in, 0);
	conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
	PAIR_UNTIL(&t, t.s.got.n == sent);
	pair_close(&t);
}

TEST(conn_goes_on_when_no_reason_is_left)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		conn_pause(t.s.conn, CONN_PAUSE_ANSWER);
		conn_pause(t.s.conn, CONN_PAUSE_RATE);
		conn_pause(t.s.conn, CONN_PAUSE_RATE);
		send_text(&t, "one,");
		conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
		conn_feed_again(t.s.conn, CONN_PAUSE_ROOM);
		pair_idle(&t);
		CHECK_INT(t.s.n_data, 0);
		conn_feed_again(t.s.conn, CONN_PAUSE_RATE);
		PAIR_UNTIL(&t, t.s.n_data == 1);
		pair_close(&t);
	}
}

/* What one read can bring in is bounded, and each byte of it counted once. */
TEST(conn_reads_in_pieces_as_small_as_its_owner_wants)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		t.s.take = take_a_word;
		PAIR_UNTIL(&t, w->version == 0 || t.s.n_secured);
		CHECK_INT(conn_plain_in(t.s.conn), 0);
		conn_set_read_size(t.s.conn, 3);
		send_text(&t, "montague,capulet");
		t.s.most_read = 0;
		PAIR_UNTIL(&t, conn_plain_in(t.s.conn) == 16);
		CHECK_INT(t.s.got.n, 9);
		send_text(&t, ",");
		PAIR_UNTIL(&t, t.s.got.n == 17);
		CHECK_STR(buf_strv(&t.s.got), "montague,capulet,");
		CHECK_INT(conn_plain_in(t.s.conn), 17);
		CHECK_INT(t.s.most_read, 3);
		conn_set_read_size(t.s.conn, 0);
		send_text(&t, "romeo,");
		PAIR_UNTIL(&t, t.s.got.n == 23);
		CHECK_INT(conn_plain_in(t.s.conn), 23);
		pair_close(&t);
	}
}

/* --- the peer's end --- */

TEST(conn_gives_all_data_and_then_the_end_once)
{
	enum { N = 300000 };
	char *big = mem_zalloc(N);

	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		peer_send(&t, big, N);
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_eof > 0);
		pair_idle(&t);
		CHECK_INT(t.s.n_eof, 1);
		CHECK_INT(t.s.got_at_eof, N);
		CHECK_INT(t.s.n_close, 0); /* we may still write */
		side_write(&t.s, "bye");
		PAIR_UNTIL(&t, t.p.got.n == 3);
		pair_close(&t);
	}
	mem_free(big);
}

TEST(conn_with_kept_bytes_still_sees_the_end)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		t.s.take = take_a_word;
		send_text(&t, "half a wor");
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_eof == 1);
		CHECK_INT(t.s.got.n, 0);
		pair_close(&t);
	}
}

TEST(conn_is_lost_when_the_peer_resets)
{
	EACH_WAY(w)
	{
		struct pair t;

		if (w->kind == PAIR_UNIX)
			continue;
		pair_open_way(&t, w);
		peer_reset(&t.p);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.why, CONN_CLOSE_LOST);
		CHECK(t.s.detail[0] != '\0');
		CHECK_INT(t.s.n_eof, 0);
		pair_close(&t);
	}
}

TEST(conn_writes_to_a_peer_that_is_gone_without_a_signal)
{
	struct pair t;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	close(t.p.fd);
	t.p.fd = -1;
	side_write(&t.s, "anybody there?");
	PAIR_UNTIL(&t, t.s.n_close == 1);
	CHECK_INT(t.s.why, CONN_CLOSE_LOST);
	pair_close(&t);
}

TEST(conn_takes_close_notify_for_the_end)
{
	EACH_WAY(w)
	{
		struct pair t;

		if (w->version == 0)
			continue;
		pair_open_way(&t, w);
		send_text(&t, "bye");
		SSL_shutdown(t.p.ssl); /* and no FIN */
		PAIR_UNTIL(&t, t.s.n_eof == 1);
		CHECK_INT(t.s.got_at_eof, 3);
		conn_close(t.s.conn, 60000);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.why, CONN_CLOSED);
		pair_close(&t);
	}
}

/* --- our end --- */

TEST(conn_close_sends_all_then_its_end_and_waits_for_the_peers)
{
	enum { N = 2 << 20 };
	char *big = mem_zalloc(N);

	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		buf_put(conn_out(t.s.conn), strv_make(big, N));
		conn_close(t.s.conn, 60000);
		PAIR_UNTIL(&t, t.p.eof);
		CHECK_INT(t.p.got.n, N);
		CHECK_INT(t.p.notified, w->version != 0);
		CHECK(!t.p.reset && !t.p.failed);
		pair_idle(&t);
		CHECK_INT(t.s.n_close, 0);
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.why, CONN_CLOSED);
		CHECK_INT(t.s.n_eof, 0);
		pair_close(&t);
	}
	mem_free(big);
}

TEST(conn_close_drops_what_still_comes)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		conn_close(t.s.conn, 60000);
		for (int i = 0; i < 100; i++)
			send_text(&t, "but wait, there is more to say ");
		PAIR_UNTIL(&t, t.p.eof);
		send_text(&t, "and more");
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.n_data, 0);
		CHECK_INT(t.s.why, CONN_CLOSED);
		CHECK(!t.p.reset);
		pair_close(&t);
	}
}

TEST(conn_close_after_the_peers_end_is_at_once)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_eof == 1);
		side_write(&t.s, "</stream>");
		conn_close(t.s.conn, 60000);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.why, CONN_CLOSED);
		PAIR_UNTIL(&t, t.p.eof);
		CHECK_STR(buf_strv(&t.p.got), "</stream>");
		pair_close(&t);
	}
}

TEST(conn_close_of_a_paused_one_sees_the_peers_end)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		conn_pause(t.s.conn, CONN_PAUSE_ANSWER);
		send_text(&t, "unread");
		pair_idle(&t);
		conn_close(t.s.conn, 60000);
		conn_pause(t.s.conn, CONN_PAUSE_ANSWER); /* too late to mean anything */
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.n_data, 0);
		CHECK_INT(t.s.why, CONN_CLOSED);
		pair_close(&t);
	}
}

TEST(conn_close_waits_no_longer_than_its_grace)
{
	EACH_WAY(w)
	{
		struct pair t;

		clock_fake_set(1000, 0);
		pair_open_way(&t, w);
		conn_close(t.s.conn, 2000);
		PAIR_UNTIL(&t, t.p.eof);
		clock_fake_advance(1999);
		pair_idle(&t);
		CHECK_INT(t.s.n_close, 0);
		clock_fake_advance(17);
		pair_step(&t);
		CHECK_INT(t.s.n_close, 1);
		CHECK_INT(t.s.why, CONN_CLOSED);
		pair_close(&t);
		clock_fake_off();
	}
}

TEST(conn_output_after_the_end_goes_nowhere)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		side_write(&t.s, "last");
		conn_close(t.s.conn, 60000);
		side_write(&t.s, " words"); /* of the same turn: goes out, too */
		PAIR_UNTIL(&t, t.p.eof);
		CHECK_STR(buf_strv(&t.p.got), "last words");
		for (int i = 0; i < 3; i++) {
			side_write(&t.s, "and another thing");
			pair_step(&t);
		}
		CHECK_INT(t.s.n_close, 0);
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.why, CONN_CLOSED);
		pair_close(&t);
	}
}

/* --- signs of life --- */

/* With TLS, a piece of a record is one, though there is nothing for the owner yet. */
TEST(conn_is_heard_by_any_byte)
{
	EACH_WAY(w)
	{
		struct pair t;

		pair_open_way(&t, w);
		peer_send(&t, "hello", 5);
		PAIR_UNTIL(&t, t.s.got.n == 5);
		pair_idle(&t);
		CHECK(conn_was_heard(t.s.conn) && !conn_was_heard(t.s.conn));
		CHECK_INT(send(t.p.fd, "\x17", 1, MSG_NOSIGNAL), 1);
		CHECK(conn_has_unread(t.s.conn) && !conn_was_heard(t.s.conn));
		PAIR_UNTIL(&t, !conn_has_unread(t.s.conn));
		CHECK(conn_was_heard(t.s.conn) && !conn_was_heard(t.s.conn));
		pair_close(&t);
	}
}

TEST(conn_leaves_unread_what_comes_in_a_pause)
{
	struct pair t;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_pause(t.s.conn, CONN_PAUSE_ROOM);
	peer_send(&t, "hello", 5);
	pair_idle(&t);
	CHECK(conn_has_unread(t.s.conn) && !conn_was_heard(t.s.conn));
	conn_feed_again(t.s.conn, CONN_PAUSE_ROOM);
	PAIR_UNTIL(&t, t.s.got.n == 5);
	CHECK(!conn_has_unread(t.s.conn) && conn_was_heard(t.s.conn));
	pair_close(&t);
}
