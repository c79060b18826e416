/* A peer that goes while an answer is awaited. */
#include "pair.h"

#include <sys/socket.h>
#include <unistd.h>

/* Takes one "login", and waits. */
static size_t take_and_wait(struct side *s, struct strv in)
{
	in.n = MIN(in.n, (size_t)5);
	buf_put(&s->got, in);
	conn_pause(s->conn, CONN_PAUSE_ANSWER);
	return in.n;
}

static void end_too(struct side *s)
{
	conn_close(s->conn, 1000);
}

static void start(struct pair *t, const struct way *w)
{
	pair_open_way(t, w);
	t->s.take = take_and_wait;
	t->s.at_eof = t->s.at_hangup = end_too;
}

static void login(struct pair *t, const char *text)
{
	peer_send(t, text, strlen(text));
	PAIR_UNTIL(t, t->s.n_data == 1);
}

/* Linux: a socket closed with something unread, or with no time to linger, sends RST. */
static void reset(struct pair *t)
{
	peer_reset(&t->p);
	PAIR_UNTIL(t, t->s.n_close == 1);
	CHECK_INT(t->s.why, CONN_CLOSE_LOST);
	CHECK_STR(strv_from(t->s.detail), "Connection reset by peer");
	CHECK_INT(t->s.n_eof, 0);
}

TEST(conn_notices_a_reset_while_an_answer_is_awaited)
{
	EACH_WAY(w)
	{
		struct pair t;

		if (w->kind != PAIR_TCP)
			continue;
		start(&t, w);
		login(&t, "login");
		reset(&t);
		pair_close(&t);
	}
}

/* The login and the reset are there before the server looks. */
TEST(conn_notices_a_reset_that_came_with_the_question)
{
	struct pair t;
	ssize_t n;

	start(&t, &(const struct way){ PAIR_TCP, 0 });
	n = send(t.p.fd, "login", 5, MSG_NOSIGNAL);
	CHECK_INT(n, 5);
	reset(&t);
	pair_close(&t);
}

/* What follows a login in the same breath is no reason to keep who has gone. */
TEST(conn_notices_a_reset_behind_more_input)
{
	struct pair t;

	start(&t, &(const struct way){ PAIR_TCP, 0 });
	login(&t, "login and more");
	peer_send(&t, "and more", 8);
	pair_idle(&t);
	CHECK_INT(t.s.n_close, 0);
	reset(&t);
	pair_close(&t);
}

/* close_notify and FIN, or FIN alone: nothing more can come, and so this is the end. */
TEST(conn_tells_an_end_behind_which_nothing_waits)
{
	EACH_WAY(w)
	{
		struct pair t;

		start(&t, w);
		login(&t, "login");
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_hangup == 1);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK(t.s.why == CONN_CLOSED && t.s.n_eof == 0);
		CHECK_INT(t.s.n_data, 1);
		pair_close(&t);
	}
}

/* A client may send all that it has to say, and end its side: it gets its answers. */
TEST(conn_gives_what_came_before_the_end)
{
	EACH_WAY(w)
	{
		struct pair t;

		start(&t, w);
		login(&t, "login");
		peer_send(&t, "hello", 5);
		peer_end(&t.p);
		pair_idle(&t);
		CHECK(t.s.n_hangup == 0 && t.s.n_close == 0 && t.s.n_data == 1);
		side_write(&t.s, "right");
		conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
		PAIR_UNTIL(&t, t.s.n_data == 2); /* waits again, for good */
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK(t.s.n_hangup == 1 && t.s.n_eof == 0);
		CHECK_STR(buf_strv(&t.s.got), "loginhello");
		PAIR_UNTIL(&t, t.p.got.n == 5);
		CHECK_STR(buf_strv(&t.p.got), "right");
		pair_close(&t);
	}
}

/* An owner who has something to say first hears of the end once more. */
TEST(conn_tells_an_end_again_behind_the_answer)
{
	EACH_WAY(w)
	{
		struct pair t;

		start(&t, w);
		t.s.at_hangup = NULL;
		login(&t, "login");
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_hangup > 0);
		CHECK(t.s.n_close == 0 && t.s.n_eof == 0);
		side_write(&t.s, "right");
		conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.n_eof, 1);
		PAIR_UNTIL(&t, t.p.got.n == 5);
		CHECK_STR(buf_strv(&t.p.got), "right");
		pair_close(&t);
	}
}

/* Other pauses end soon, and what has been sent before is to be read: messages, say. */
static size_t take_slowly(struct side *s, struct strv in)
{
	in.n = MIN(in.n, (size_t)5);
	buf_put(&s->got, in);
	conn_pause(s->conn, CONN_PAUSE_RATE);
	return in.n;
}

TEST(conn_reads_on_behind_other_pauses)
{
	EACH_WAY(w)
	{
		struct pair t;

		start(&t, w);
		t.s.take = take_slowly;
		login(&t, "hello");
		peer_send(&t, "world", 5);
		peer_end(&t.p);
		pair_idle(&t);
		CHECK(t.s.n_eof == 0 && t.s.n_hangup == 0 && t.s.n_data == 1);
		conn_feed_again(t.s.conn, CONN_PAUSE_RATE);
		PAIR_UNTIL(&t, t.s.n_data == 2);
		conn_feed_again(t.s.conn, CONN_PAUSE_RATE);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_INT(t.s.n_eof, 1);
		CHECK_STR(buf_strv(&t.s.got), "helloworld");
		pair_close(&t);
	}
}

/* Where it arrives, its socket may have events before it has been given what it brought along. */
TEST(conn_brings_what_it_has_kept_before_the_end)
{
	EACH_WAY(w)
	{
		struct pair t;

		start(&t, w);
		login(&t, "login");
		peer_send(&t, "hello", 5);
		peer_end(&t.p);
		pair_idle(&t);
		conn_detach(&t.s.conn);
		conn_attach(&t.s.conn, t.s.loop, &side_ops, &t.s);
		conn_feed_again(t.s.conn, CONN_PAUSE_ANSWER);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		CHECK_STR(buf_strv(&t.s.got), "loginhello");
		pair_close(&t);
	}
}
