#include "pair.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* --- the connection's owner --- */

static size_t on_data(void *owner, struct strv in)
{
	struct side *s = owner;

	s->n_data++;
	if (s->take)
		return s->take(s, in);
	buf_put(&s->got, in);
	return in.n;
}

static void on_read(void *owner, size_t n)
{
	struct side *s = owner;

	s->most_read = MAX(s->most_read, n);
}

static void on_secured(void *owner)
{
	struct side *s = owner;

	s->n_secured++;
	if (s->at_secured)
		s->at_secured(s);
}

static void on_eof(void *owner)
{
	struct side *s = owner;

	s->n_eof++;
	s->got_at_eof = s->got.n;
	if (s->at_eof)
		s->at_eof(s);
}

static void on_hangup(void *owner)
{
	struct side *s = owner;

	s->n_hangup++;
	if (s->at_hangup)
		s->at_hangup(s);
}

static void on_drained(void *owner)
{
	struct side *s = owner;

	s->n_drained++;
	if (s->at_drained)
		s->at_drained(s);
}

static void on_close(void *owner, enum conn_close why, const char *detail)
{
	struct side *s = owner;

	s->n_close++;
	s->why = why;
	snprintf(s->detail, sizeof(s->detail), "%s", detail ? detail : "");
	s->conn = NULL;
}

const struct conn_ops side_ops = {
	.on_data = on_data,
	.on_read = on_read,
	.on_secured = on_secured,
	.on_eof = on_eof,
	.on_hangup = on_hangup,
	.on_drained = on_drained,
	.on_close = on_close,
};

/* --- making --- */

static void tcp_pair(int fds[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &one,
		   sizeof(one)); /* as io/listen.c does */
	CHECK(bind(l, (struct sockaddr *)&at, len) == 0 && listen(l, 1) == 0);
	CHECK_INT(getsockname(l, (struct sockaddr *)&at, &len), 0);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(connect(fds[1], (struct sockaddr *)&at, len), 0);
	setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fds[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(fds[0] >= 0);
	close(l);
}

void pair_open(struct pair *t, enum pair_kind kind, struct tls_ctx *tls, int version)
{
	int fds[2];

	*t = (struct pair){ .p.reads = true };
	t->s.loop = loop_new();
	t->s.got = BUF_INIT(64 << 20);
	t->p.got = BUF_INIT(64 << 20);
	if (kind == PAIR_TCP)
		tcp_pair(fds);
	else
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	t->p.fd = fds[1];
	CHECK_INT(conn_new(t->s.loop, fds[0], "127.0.0.1", tls, &side_ops, &t->s,
			   &t->s.conn),
		  0);
	conn_set_meter(t->s.conn, &t->s.meter);
	if (tls) {
		peer_start_tls(&t->p, version, version);
		PAIR_UNTIL(t, t->s.n_secured && SSL_is_init_finished(t->p.ssl));
	}
}

const struct way pair_ways[PAIR_N_WAYS] = {
	{ PAIR_UNIX, 0 },
	{ PAIR_TCP, 0 },
	{ PAIR_TCP, TLS1_2_VERSION },
	{ PAIR_TCP, TLS1_3_VERSION },
	{ PAIR_UNIX, TLS1_3_VERSION },
	{ PAIR_TCP, TLS1_2_VERSION, true },
	{ PAIR_TCP, TLS1_3_VERSION, true },
};

void pair_open_way(struct pair *t, const struct way *w)
{
	struct tls_conf conf = { .openssl_records = w->openssl };
	struct tls_ctx *ctx = w->version ? pair_ctx(&conf) : NULL;

	pair_open(t, w->kind, ctx, w->version);
	tls_ctx_unref(&ctx);
}

void pair_close(struct pair *t)
{
	if (t->s.conn)
		conn_abort(t->s.conn);
	loop_turn(t->s.loop, 0);
	CHECK(t->s.conn == NULL);
	CHECK_INT(t->s.n_close, 1);
	loop_free(&t->s.loop);
	buf_free(&t->s.got);
	buf_free(&t->p.got);
	SSL_free(t->p.ssl);
	tls_ctx_unref(&t->s.ctx);
	if (t->p.fd >= 0)
		close(t->p.fd);
}

/* --- the peer --- */

void peer_start_tls(struct peer *p, int min_version, int max_version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_min_proto_version(ctx, min_version);
	SSL_CTX_set_max_proto_version(ctx, max_version);
	p->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(p->ssl, p->fd);
	SSL_set_connect_state(p->ssl);
	SSL_set_mode(p->ssl,
		     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void note_end(struct peer *p)
{
	char c;
	ssize_t n = recv(p->fd, &c, 1, MSG_PEEK);

	p->eof |= n == 0;
	p->reset |= n < 0 && errno == ECONNRESET;
}

static void step_tls(struct peer *p)
{
	char b[16384];
	int n, why;

	ERR_clear_error();
	if (!SSL_is_init_finished(p->ssl)) {
		n = SSL_do_handshake(p->ssl);
		if (n != 1 && SSL_get_error(p->ssl, n) != SSL_ERROR_WANT_READ)
			p->failed = true;
		if (n != 1)
			return;
	}
	while (p->reads && (n = SSL_read(p->ssl, b, sizeof(b))) > 0)
		buf_put(&p->got, strv_make(b, (size_t)n));
	if (!p->reads)
		return;
	why = SSL_get_error(p->ssl, n);
	p->notified |= why == SSL_ERROR_ZERO_RETURN;
	p->failed |= why == SSL_ERROR_SSL;
	if (why != SSL_ERROR_WANT_READ)
		note_end(p);
}

void peer_step(struct peer *p)
{
	char b[65536];
	ssize_t n;

	if (p->fd < 0 || p->failed)
		return;
	if (p->ssl) {
		sig_t before = signal(SIGPIPE, SIG_IGN); /* OpenSSL's client write()s */
		step_tls(p);
		signal(SIGPIPE, before);
		return;
	}
	while (p->reads && (n = recv(p->fd, b, sizeof(b), 0)) > 0)
		buf_put(&p->got, strv_make(b, (size_t)n));
	if (p->reads)
		note_end(p);
}

void peer_send(struct pair *t, const char *bytes, size_t n)
{
	msec_t deadline = pair_real_ms() + PAIR_DEADLINE_MS;

	signal(SIGPIPE, SIG_IGN);
	while (n) {
		ssize_t r = t->p.ssl ? SSL_write(t->p.ssl, bytes, (int)n)
				     : send(t->p.fd, bytes, n, MSG_NOSIGNAL);
		CHECK(pair_real_ms() < deadline);
		if (r > 0) {
			bytes += r;
			n -= (size_t)r;
		} else {
			signal(SIGPIPE, SIG_DFL);
			pair_step(t);
			signal(SIGPIPE, SIG_IGN);
		}
	}
	signal(SIGPIPE, SIG_DFL);
}

void peer_end(struct peer *p)
{
	sig_t before = signal(SIGPIPE, SIG_IGN);

	if (p->ssl)
		SSL_shutdown(p->ssl);
	signal(SIGPIPE, before);
	shutdown(p->fd, SHUT_WR);
}

void peer_reset(struct peer *p)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(p->fd);
	p->fd = -1;
}

/* --- turning --- */

msec_t pair_real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (msec_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void pair_step(struct pair *t)
{
	loop_turn(t->s.loop, 1);
	peer_step(&t->p);
}

/* --- files --- */

static char dir[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void remove_dir(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *pair_file(const char *name)
{
	static char paths[16][300]; /* a test holds several */
	static size_t i;

	if (dir[0] == '\0') {
		strcpy(dir, "/tmp/meerkat-io-XXXXXX");
		CHECK(mkdtemp(dir) != NULL);
		atexit(remove_dir);
	}
	i = (i + 1) % ARRAY_LEN(paths);
	snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, name);
	return paths[i];
}

struct tls_ctx *pair_ctx(const struct tls_conf *conf)
{
	static const char *const names[] = { "localhost", NULL };
	struct tls_conf c = conf ? *conf : (struct tls_conf){ 0 };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	const char *path = pair_file("localhost.pem");
	struct tls_ctx *ctx;

	if (access(path, F_OK) < 0)
		CHECK_INT(tls_make_self_signed(path, path, names, &err), 0);
	c.certfile = c.certfile ? c.certfile : path;
	if (c.versions == 0 && c.n_options == 0)
		c.versions = 1u << TLS_V1_2 | 1u << TLS_V1_3;
	if (tls_ctx_new(&c, &ctx, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s", buf_cstr(&err));
	return ctx;
}
