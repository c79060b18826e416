/* STARTTLS and handshakes of connections that go wrong. */
#include "pair.h"
#include "io/conn_priv.h"
#include "io/linger.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

static const char starttls[] = "<starttls/>";

static size_t take_starttls(struct side *s, struct strv in)
{
	if (conn_tls(s->conn)) {
		buf_put(&s->got, in);
		return in.n;
	}
	if (in.n < sizeof(starttls) - 1)
		return 0; /* it is kept: so it is discarded from there, too */
	side_write(s, "<proceed/>");
	conn_start_tls(s->conn, s->ctx);
	side_write(s, "<features/>"); /* sealed, though there is no handshake yet */
	return sizeof(starttls) - 1;
}

static void shake_hands(struct pair *t)
{
	PAIR_UNTIL(t, t->p.got.n == 10);
	CHECK_STR(buf_strv(&t->p.got), "<proceed/>");
	buf_clear(&t->p.got);
	peer_start_tls(&t->p, TLS1_2_VERSION, TLS1_3_VERSION);
	PAIR_UNTIL(t, t->s.n_secured == 1);
}

TEST(conn_starts_tls_and_forgets_what_came_in_clear)
{
	static const char *const tries[] = { "<starttls/>",
					     "<starttls/><iq id='injected'/>" };

	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		for (size_t cut = 0; cut < sizeof(starttls) - 1; cut++) {
			struct pair t;

			pair_open(&t, i ? PAIR_TCP : PAIR_UNIX, NULL, 0);
			t.s.ctx = pair_ctx(NULL);
			t.s.take = take_starttls;
			peer_send(&t, tries[i], cut);
			pair_idle(&t);
			peer_send(&t, tries[i] + cut, strlen(tries[i]) - cut);
			shake_hands(&t);
			PAIR_UNTIL(&t, t.p.got.n == 11);
			CHECK_STR(buf_strv(&t.p.got), "<features/>");
			peer_send(&t, "<auth/>", 7);
			PAIR_UNTIL(&t, t.s.got.n >= 7);
			CHECK_STR(buf_strv(&t.s.got), "<auth/>");
			pair_close(&t);
		}
	}
}

TEST(conn_fails_when_clear_text_follows_starttls_later)
{
	struct pair t;

	pair_open(&t, PAIR_TCP, NULL, 0);
	t.s.ctx = pair_ctx(NULL);
	t.s.take = take_starttls;
	peer_send(&t, starttls, sizeof(starttls) - 1);
	PAIR_UNTIL(&t, t.p.got.n == 10);
	peer_send(&t, "<iq id='injected'/>", 19);
	PAIR_UNTIL(&t, t.s.n_close == 1);
	CHECK_INT(t.s.why, CONN_CLOSE_TLS);
	CHECK_INT(t.s.n_secured, 0);
	CHECK_INT(t.s.n_data, 1);
	CHECK(t.s.detail[0] != '\0');
	pair_close(&t);
}

static size_t take_nothing(struct side *s, struct strv in)
{
	return 0;
}

TEST(conn_starts_tls_later_and_forgets_what_was_kept)
{
	struct pair t;

	pair_open(&t, PAIR_TCP, NULL, 0);
	t.s.ctx = pair_ctx(NULL);
	t.s.take = take_nothing;
	peer_send(&t, "injected", 8);
	PAIR_UNTIL(&t, t.s.n_data == 1);
	t.s.take = NULL;
	conn_start_tls(t.s.conn, t.s.ctx);
	peer_start_tls(&t.p, TLS1_3_VERSION, TLS1_3_VERSION);
	PAIR_UNTIL(&t, t.s.n_secured == 1);
	peer_send(&t, "true", 4);
	PAIR_UNTIL(&t, t.s.got.n >= 4);
	CHECK_STR(buf_strv(&t.s.got), "true");
	pair_close(&t);
}

TEST(conn_says_why_there_is_no_handshake)
{
	struct tls_conf conf = { .versions = 1u << TLS_V1_3 };
	struct pair t;

	pair_open(&t, PAIR_TCP, NULL, 0);
	t.s.ctx = pair_ctx(&conf);
	conn_start_tls(t.s.conn, t.s.ctx);
	peer_start_tls(&t.p, TLS1_2_VERSION, TLS1_2_VERSION);
	PAIR_UNTIL(&t, t.s.n_close == 1 && t.p.failed);
	CHECK_INT(t.s.why, CONN_CLOSE_TLS);
	CHECK_INT(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
	ERR_clear_error();
	pair_close(&t);
}

TEST(conn_closes_in_the_middle_of_a_handshake)
{
	struct pair t;
	struct tls_ctx *ctx = pair_ctx(NULL);

	pair_open(&t, PAIR_TCP, NULL, 0);
	conn_start_tls(t.s.conn, ctx);
	side_write(&t.s, "never seen");
	conn_close(t.s.conn, 60000);
	PAIR_UNTIL(&t, t.p.eof);
	CHECK_INT(t.p.got.n, 0);
	peer_end(&t.p);
	PAIR_UNTIL(&t, t.s.n_close == 1);
	CHECK_INT(t.s.why, CONN_CLOSED);
	tls_ctx_unref(&ctx);
	pair_close(&t);
}

/* A line in clear, then TLS, without a word in between. */
static size_t take_line(struct side *s, struct strv in)
{
	ptrdiff_t end = strv_find(in, '\n');

	if (conn_tls(s->conn) || s->step == 1) {
		buf_put(&s->got, in);
		return in.n;
	}
	if (end < 0)
		return in.n; /* all that comes before must be taken */
	s->step = 1;
	conn_set_peer(s->conn, "2001:db8::7");
	conn_begin_tls(s->conn, s->ctx);
	return (size_t)end + 1;
}

/* The client's first flight comes with the line, or is cut off it anywhere. */
TEST(conn_begins_tls_with_the_byte_behind_a_header)
{
	for (size_t cut = 1; cut < 200; cut += cut < 20 ? 1 : 17) {
		char wire[1024] = "header\n";
		struct pair t;
		int n, fds[2];

		pair_open(&t, PAIR_TCP, NULL, 0);
		t.s.ctx = pair_ctx(NULL);
		t.s.take = take_line;
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		n = t.p.fd;
		t.p.fd = fds
			[0]; /* what the client says first, to put it behind the line */
		peer_start_tls(&t.p, TLS1_2_VERSION, TLS1_3_VERSION);
		peer_step(&t.p);
		t.p.fd = n;
		SSL_set_fd(t.p.ssl, n);
		n = (int)read(fds[1], wire + 7, sizeof(wire) - 7);
		CHECK(n > 200);
		close(fds[0]);
		close(fds[1]);
		CHECK_INT(write(t.p.fd, wire, cut), cut);
		pair_idle(&t);
		CHECK_INT(write(t.p.fd, wire + cut, (size_t)n + 7 - cut),
			  (size_t)n + 7 - cut);
		PAIR_UNTIL(&t, t.s.n_secured == 1);
		peer_send(&t, "<xml/>", 6);
		PAIR_UNTIL(&t, t.s.got.n >= 6);
		CHECK_STR(buf_strv(&t.s.got), "<xml/>");
		CHECK_STR(strv_from(conn_peer(t.s.conn)), "2001:db8::7");
		CHECK_INT(conn_plain_in(t.s.conn), 7 + 6);
		pair_close(&t);
	}
}

/* --- the last words --- */

/* An alert, and then an end in order. */
static bool hears_an_alert(struct pair *t)
{
	char got[100];
	ssize_t n = 0, r;

	while ((r = recv(t->p.fd, got + n, sizeof(got) - (size_t)n, 0)) > 0 ||
	       (r < 0 && errno == EAGAIN)) {
		n += MAX(r, (ssize_t)0);
		pair_step(t);
	}
	return r == 0 && n == 7 && memcmp(got, "\x15\3", 2) == 0;
}

static void send_much(struct pair *t)
{
	static const char much[200000] = "\x16\3\1\0\4no hello";
	size_t at = 0;
	ssize_t n;

	while ((n = send(t->p.fd, much + at, sizeof(much) - at, MSG_NOSIGNAL)) > 0)
		at += (size_t)n;
	CHECK(at > 70000); /* more than one read takes */
}

/* Bytes that nobody reads would make a reset of the end, which takes the alert with it. */
TEST(conn_that_fails_is_heard_by_a_peer_that_still_sends)
{
	struct tls_ctx *ctx = pair_ctx(NULL);
	struct pair t;

	pair_open(&t, PAIR_TCP, NULL, 0);
	t.p.reads = false;
	conn_start_tls(t.s.conn, ctx);
	send_much(&t);
	PAIR_UNTIL(&t, t.s.n_close == 1);
	CHECK_INT(t.s.why, CONN_CLOSE_TLS);
	pair_idle(&t);
	CHECK(hears_an_alert(&t));
	pair_close(&t); /* while it lingers */
	tls_ctx_unref(&ctx);
}

TEST(conn_that_fails_lingers_for_so_long_and_for_so_many)
{
	enum { N = LINGER_MAX + 2 };
	int fds[N][2], open = 0;
	struct loop *l;

	clock_fake_set(1000000, 0);
	l = loop_new();
	loop_turn(l, 0);
	for (int i = 0; i < N; i++) {
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds[i]), 0);
		linger(l, fds[i][0]);
	}
	CHECK_INT(loop_lingering(l)->n, LINGER_MAX);
	close(fds[0][1]); /* the peer ends */
	loop_turn(l, 0);
	CHECK_INT(loop_lingering(l)->n, LINGER_MAX - 1);
	for (size_t n = 0; n <= LINGER_MAX_BYTES; n += 1000) { /* it never ends */
		char b[1000] = { 0 };

		if (write(fds[1][1], b, sizeof(b)) < 0)
			break;
		loop_turn(l, 0);
	}
	CHECK_INT(loop_lingering(l)->n, LINGER_MAX - 2);
	clock_fake_advance(LINGER_MS + 32);
	for (int i = 0; i < N; i++) /* a few in each turn */
		loop_turn(l, 0);
	CHECK_INT(loop_lingering(l)->n, 0);
	for (int i = 1; i < N; i++)
		open += close(fds[i][1]) == 0;
	CHECK_INT(open, N - 1);
	loop_free(&l);
	clock_fake_off();
}

/* --- records, however the socket takes them --- */

enum { RECORD = 1 << 14 };

/* Around what a pooled buffer holds, what a record holds, and more than that. */
static const size_t lengths[] = { 1,	4000, 4066,	  4067,	  4068,	      4083,
				  4084, 9000, RECORD - 1, RECORD, RECORD + 1, 40000 };

static void write_pattern(struct side *s, size_t at, size_t n)
{
	static char some[40000];

	for (size_t i = 0; i < n; i++)
		some[i] = (char)((at + i) % 251);
	buf_put(conn_out(s->conn), strv_make(some, n));
}

static void ask_for_new_keys(struct pair *t)
{
	if (SSL_version(t->p.ssl) != TLS1_3_VERSION)
		return;
	CHECK_INT(SSL_key_update(t->p.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	peer_send(t, "k", 1);
}

static bool is_pattern(struct strv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != (char)(i % 251))
			return false;
	return true;
}

/* Records that go out at once, that are cut, and that wait behind others; new keys between them,
 * and close_notify at their end. */
TEST(conn_sends_what_it_seals_in_order)
{
	EACH_WAY(w)
	{
		int least = 1, waited = 0;
		struct pair t;
		size_t n = 0;

		if (w->version == 0)
			continue;
		pair_open_way(&t, w);
		setsockopt(t.s.conn->watch.fd, SOL_SOCKET, SO_SNDBUF, &least,
			   sizeof(least));
		for (size_t i = 0; i < 240; i++) {
			size_t part = lengths[i % ARRAY_LEN(lengths)];

			t.p.reads = i % 60 < 25;
			write_pattern(&t.s, n, part);
			n += part;
			if (i % 13 == 0)
				ask_for_new_keys(&t);
			pair_step(&t);
			waited += t.s.conn->io && t.s.conn->io->wire.n;
		}
		CHECK(waited > 0 && waited < 240);
		t.p.reads = true;
		conn_close(t.s.conn, 10000);
		PAIR_UNTIL(&t, t.p.notified);
		CHECK_INT(t.p.got.n, n);
		CHECK(is_pattern(buf_strv(&t.p.got)));
		pair_close(&t);
	}
}
