/* What a connection holds while it is idle: its own buffers, and OpenSSL's, of which the large
 * ones are counted. */
#include "io/conn_priv.h"
#include "pair.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { LARGE = 16384, WARM_MS = 5000, LONGER_MS = WARM_MS + 40 };

static atomic_int n_large; /* of OpenSSL's blocks in use */

static int is_large(void *p)
{
	return p && malloc_usable_size(p) >= LARGE;
}

static void *counted_malloc(size_t n, const char *file, int line)
{
	void *p = malloc(n);

	n_large += is_large(p);
	return p;
}

static void counted_free(void *p, const char *file, int line)
{
	n_large -= is_large(p);
	free(p);
}

static void *counted_realloc(void *p, size_t n, const char *file, int line)
{
	n_large -= is_large(p);
	p = realloc(p, n);
	n_large += is_large(p);
	return p;
}

static void __attribute__((constructor)) count_openssls_memory(void)
{
	CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free);
}

static size_t echo(struct side *s, struct strv in)
{
	buf_put(conn_out(s->conn), in);
	buf_put(&s->got, in);
	return in.n;
}

static void open_warm(struct pair *t, const struct way *w, uint32_t ms)
{
	clock_fake_set(100000, 0);
	pair_open_way(t, w);
	t->s.take = echo;
	PAIR_UNTIL(t, w->version == 0 || t->s.n_secured);
	conn_keep_warm(t->s.conn, ms);
}

static void talk(struct pair *t)
{
	size_t n = t->p.got.n + 5;

	peer_send(t, "hello", 5);
	PAIR_UNTIL(t, t->p.got.n == n);
	pair_idle(t);
}

/* The buffers of the connection itself: of OpenSSL's that are still there when it has cooled
 * down, none is its own. */
static int large_when(struct pair *t, msec_t ms)
{
	clock_fake_advance(ms);
	pair_idle(t);
	return n_large;
}

TEST(conn_that_is_not_kept_warm_holds_nothing_when_idle)
{
	EACH_WAY(w)
	{
		struct pair t;
		int n;

		open_warm(&t, w, 0);
		talk(&t);
		CHECK(t.s.conn->io == NULL);
		n = n_large;
		CHECK_INT(large_when(&t, LONGER_MS), n);
		pair_close(&t);
		clock_fake_off();
	}
}

TEST(conn_kept_warm_cools_down_when_it_is_idle_for_long_enough)
{
	EACH_WAY(w)
	{
		struct pair t;
		int n;

		open_warm(&t, w, WARM_MS);
		for (int i = 0; i < 2; i++) {
			talk(&t);
			n = n_large;
			CHECK_INT(large_when(&t, WARM_MS - 1000), n);
			talk(&t); /* not idle: the time begins anew */
			n = n_large;
			CHECK_INT(large_when(&t, WARM_MS - 1000), n);
			CHECK(t.s.conn->io != NULL && t.s.conn->io->wire.p != NULL);
			n -= w->openssl ? 2 : 0; /* to read, to write */
			CHECK_INT(large_when(&t, 1040), n);
			CHECK(t.s.conn->io == NULL);
		}
		pair_close(&t);
		clock_fake_off();
	}
}

TEST(conn_kept_warm_for_ever)
{
	EACH_WAY(w)
	{
		struct pair t;
		int n;

		open_warm(&t, w, CONN_WARM_FOR_EVER);
		talk(&t);
		n = n_large;
		CHECK_INT(large_when(&t, (msec_t)1 << 40), n);
		CHECK(t.s.conn->io != NULL && t.s.conn->io->wire.p != NULL);
		conn_keep_warm(t.s.conn, 0);
		pair_idle(&t);
		CHECK(t.s.conn->io == NULL);
		CHECK_INT(n_large, n - (w->openssl ? 2 : 0));
		talk(&t);
		CHECK(t.s.conn->io == NULL);
		pair_close(&t);
		clock_fake_off();
	}
}

static size_t take_all_eight(struct side *s, struct strv in)
{
	return in.n < 8 ? 0 : echo(s, in);
}

/* Input that is not complete is not given back, however long it waits. */
TEST(conn_kept_warm_loses_nothing_that_waits)
{
	EACH_WAY(w)
	{
		struct pair t;

		open_warm(&t, w, WARM_MS);
		t.s.take = take_all_eight;
		peer_send(&t, "part", 4);
		PAIR_UNTIL(&t, t.s.n_data == 1);
		for (int i = 0; i < 3; i++)
			large_when(&t, LONGER_MS);
		peer_send(&t, "ners", 4);
		PAIR_UNTIL(&t, t.p.got.n == 8);
		CHECK_STR(buf_strv(&t.s.got), "partners");
		large_when(&t, LONGER_MS);
		large_when(&t, LONGER_MS);
		CHECK(t.s.conn->io == NULL);
		pair_close(&t);
		clock_fake_off();
	}
}

TEST(conn_kept_warm_moves_and_cools_down_there)
{
	EACH_WAY(w)
	{
		struct pair t;

		open_warm(&t, w, WARM_MS);
		talk(&t);
		conn_detach(&t.s.conn);
		loop_turn(t.s.loop, 0);
		conn_attach(&t.s.conn, t.s.loop, &side_ops, &t.s);
		pair_idle(&t);
		CHECK(t.s.conn->io != NULL);
		large_when(&t, LONGER_MS);
		CHECK(t.s.conn->io == NULL);
		talk(&t);
		conn_close(t.s.conn, 1000);
		peer_end(&t.p);
		PAIR_UNTIL(&t, t.s.n_close == 1);
		pair_close(&t);
		clock_fake_off();
	}
}

/* The grace of its end is longer than it would be kept warm. */
TEST(conn_kept_warm_ends_in_its_own_time)
{
	EACH_WAY(w)
	{
		struct pair t;

		open_warm(&t, w, WARM_MS);
		talk(&t);
		conn_close(t.s.conn, 3 * WARM_MS);
		PAIR_UNTIL(&t, t.p.eof);
		large_when(&t, LONGER_MS);
		CHECK_INT(t.s.n_close, 0);
		large_when(&t, 2 * LONGER_MS);
		CHECK_INT(t.s.n_close, 1);
		CHECK_INT(t.s.why, CONN_CLOSED);
		pair_close(&t);
		clock_fake_off();
	}
}
