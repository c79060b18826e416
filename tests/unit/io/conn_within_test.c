/* Connections that end while they call their owner. */
#include "pair.h"

#include <sys/socket.h>
#include <unistd.h>

static void send_text(struct pair *t, const char *text)
{
	peer_send(t, text, strlen(text));
}

/* --- ends from within --- */

static size_t abort_in_data(struct side *s, struct strv in)
{
	conn_abort(s->conn);
	side_write(s, "too late");
	return in.n / 2;
}

static size_t close_in_data(struct side *s, struct strv in)
{
	side_write(s, "bye");
	conn_close(s->conn, 60000);
	return 0;
}

static size_t keep_then_close(struct side *s, struct strv in)
{
	return s->n_data == 1 ? 0 : close_in_data(s, in);
}

static size_t keep_then_abort(struct side *s, struct strv in)
{
	return s->n_data == 1 ? 0 : abort_in_data(s, in);
}

TEST(conn_survives_its_abort_from_on_data)
{
	size_t (*const takes[])(struct side *, struct strv) = { abort_in_data,
								keep_then_abort };

	for (size_t i = 0; i < ARRAY_LEN(takes); i++) {
		EACH_WAY(w)
		{
			struct pair t;

			pair_open_way(&t, w);
			t.s.take = takes[i];
			send_text(&t, "abc");
			if (i) {
				PAIR_UNTIL(&t, t.s.n_data == 1);
				send_text(&t, "def");
			}
			PAIR_UNTIL(&t, t.s.n_close == 1);
			CHECK_INT(t.s.why, CONN_CLOSE_ABORT);
			CHECK_INT(t.s.n_data, i + 1);
			pair_close(&t);
		}
	}
}

TEST(conn_survives_its_close_from_on_data)
{
	size_t (*const takes[])(struct side *, struct strv) = { close_in_data,
								keep_then_close };

	for (size_t i = 0; i < ARRAY_LEN(takes); i++) {
		EACH_WAY(w)
		{
			struct pair t;

			pair_open_way(&t, w);
			t.s.take = takes[i];
			send_text(&t, "abc");
			if (i) {
				PAIR_UNTIL(&t, t.s.n_data == 1);
				send_text(&t, "def");
			}
			PAIR_UNTIL(&t, t.p.eof);
			CHECK_STR(buf_strv(&t.p.got), "bye");
			peer_end(&t.p);
			PAIR_UNTIL(&t, t.s.n_close == 1);
			CHECK_INT(t.s.why, CONN_CLOSED);
			CHECK_INT(t.s.n_data, i + 1);
			pair_close(&t);
		}
	}
}

static void close_at_eof(struct side *s)
{
	side_write(s, "</stream>");
	conn_close(s->conn, 60000);
}

static void abort_at_eof(struct side *s)
{
	conn_abort(s->conn);
}

TEST(conn_survives_its_end_from_on_eof)
{
	void (*const ends[])(struct side *) = { close_at_eof, abort_at_eof };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		EACH_WAY(w)
		{
			struct pair t;

			pair_open_way(&t, w);
			t.s.at_eof = ends[i];
			send_text(&t, "abc");
			peer_end(&t.p);
			PAIR_UNTIL(&t, t.s.n_close == 1);
			CHECK_INT(t.s.why, i ? CONN_CLOSE_ABORT : CONN_CLOSED);
			CHECK_INT(t.s.n_eof, 1);
			CHECK_INT(t.s.got.n, 3);
			pair_close(&t);
		}
	}
}

TEST(conn_aborts_twice_and_closes_twice)
{
	struct pair t;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_close(t.s.conn, 1000);
	conn_close(t.s.conn, 1000);
	conn_abort(t.s.conn);
	conn_abort(t.s.conn);
	conn_close(t.s.conn, 1000);
	loop_turn(t.s.loop, 0);
	CHECK_INT(t.s.n_close, 1);
	CHECK_INT(t.s.why, CONN_CLOSE_ABORT);
	pair_close(&t);
}
