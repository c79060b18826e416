#include "io/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
	struct io_watch watch;
	struct loop *loop;
	const struct conn_ops *ops;
	void *owner;
	struct tls *tls;
	struct buf in;	 /* plain bytes that the owner has not taken */
	struct buf out;	 /* plain bytes to be sent */
	struct buf wire; /* bytes for the socket, ahead of `out`: sealed, or a short write's rest */
	struct timer timer;	 /* stuck output, or the grace of closing */
	struct loop_task flush;	 /* at the end of the turn */
	struct loop_task again;	 /* in the next turn: more to read, or to give again */
	struct loop_task bury;
	uint64_t bytes_in, bytes_out;
	const char *detail;
	uint8_t why;
	bool paused : 1;
	bool readable : 1; /* the socket may hold more than was read */
	bool hup : 1;	   /* the peer's FIN, or an error, stands behind what it holds */
	bool peer_eof : 1;
	bool eof_told : 1;
	bool wants_out : 1; /* EPOLLOUT is armed */
	bool congested : 1;
	bool closing : 1;  /* conn_close() */
	bool shut : 1;	   /* our side has ended */
	bool dead : 1;
	bool feeding : 1; /* on_data is on the stack */
	char peer[CONN_PEER_LEN];
};

enum { EVENTS = EPOLLIN | EPOLLRDHUP | EPOLLET };

static void on_event(struct io_watch *w, uint32_t events);

/* --- the end --- */

static void bury(struct loop_task *t)
{
	struct conn *c = container_of(t, struct conn, bury);

	close(c->watch.fd);
	c->ops->on_close(c->owner, (enum conn_close)c->why, c->detail);
	tls_free(&c->tls);
	buf_free(&c->in);
	if (c->out.p)
		loop_pool_put(c->loop, &c->out);
	buf_free(&c->wire);
	mem_free(c);
}

static void die(struct conn *c, enum conn_close why, const char *detail)
{
	if (c->dead)
		return;
	c->dead = true;
	c->why = (uint8_t)why;
	c->detail = detail;
	loop_unwatch(c->loop, &c->watch);
	timer_cancel(c->loop, &c->timer);
	loop_task_cancel(&c->flush);
	loop_task_cancel(&c->again);
	loop_bury(c->loop, &c->bury);
}

void conn_abort(struct conn *c)
{
	die(c, CONN_CLOSE_ABORT, NULL);
}

static void on_timer(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);

	die(c, c->closing ? CONN_CLOSED : CONN_CLOSE_SLOW, "the peer did not read");
}

/* --- output --- */

struct buf *conn_out(struct conn *c)
{
	if (c->out.p == NULL)
		loop_pool_get(c->loop, &c->out);
	if (!c->dead)
		loop_at_turn_end(c->loop, &c->flush);
	return &c->out;
}

bool conn_is_congested(const struct conn *c)
{
	return c->congested;
}

static void give_back_out(struct conn *c)
{
	buf_clear(&c->out);
	loop_pool_put(c->loop, &c->out);
}

/* One write of `b`. 0: all of it; 1: the socket is full; -errno. */
static int write_some(struct conn *c, struct buf *b)
{
	ssize_t n;

	if (b->n == 0)
		return 0;
	do
		n = send(c->watch.fd, b->p, b->n, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		return -errno;
	if (n > 0) {
		c->bytes_out += (uint64_t)n;
		buf_consume(b, (size_t)n);
		if (!c->closing)
			timer_cancel(c->loop, &c->timer); /* the peer does read */
	}
	return b->n > 0;
}

/* Everything that can go out now. 0: all; 1: some is left; -errno. */
static int write_all(struct conn *c)
{
	int r;

	if (c->tls && tls_is_up(c->tls) && c->out.n) {
		if (tls_seal(c->tls, buf_strv(&c->out), &c->wire) < 0)
			return -ENOBUFS;
		give_back_out(c);
	}
	r = write_some(c, &c->wire);
	if (r == 0 && c->wire.p)
		buf_free(&c->wire);
	if (r == 0 && c->tls == NULL && c->out.p) {
		r = write_some(c, &c->out);
		if (r == 0)
			give_back_out(c);
	}
	return r;
}

static void watch_out(struct conn *c, bool wanted)
{
	if (c->wants_out == wanted)
		return;
	c->wants_out = wanted;
	loop_rewatch(c->loop, &c->watch, EVENTS | (wanted ? EPOLLOUT : 0));
}

static void note_congestion(struct conn *c)
{
	size_t n = c->out.n + c->wire.n;

	if (n >= CONN_CONGESTED) {
		c->congested = true;
	} else if (c->congested && n < CONN_CONGESTED / 2) {
		c->congested = false;
		if (!c->closing)
			c->ops->on_drained(c->owner);
	}
}

/* Our side ends when all is out: close_notify, then FIN. */
static void end_our_side(struct conn *c)
{
	if (c->tls && !c->shut) {
		tls_close_notify(c->tls, &c->wire);
		if (write_some(c, &c->wire) < 0) {
			die(c, CONN_CLOSED, NULL);
			return;
		}
	}
	if (!c->shut)
		shutdown(c->watch.fd, SHUT_WR);
	c->shut = true;
	if (c->peer_eof)
		die(c, CONN_CLOSED, NULL);
}

static void flush(struct loop_task *t)
{
	struct conn *c = container_of(t, struct conn, flush);
	int r;

	if (c->dead)
		return;
	if (c->out.n + c->wire.n >= CONN_MAX_OUT - 65536) {
		die(c, CONN_CLOSE_SLOW, "too much output waits");
		return;
	}
	r = write_all(c);
	if (r < 0) {
		die(c, c->closing ? CONN_CLOSED : CONN_CLOSE_LOST, strerror(-r));
		return;
	}
	watch_out(c, r > 0);
	if (r > 0 && !c->closing && list_empty(&c->timer.link))
		timer_arm(c->loop, &c->timer, CONN_MAX_STUCK_MS);
	note_congestion(c);
	if (r == 0 && c->closing && !c->dead)
		end_our_side(c);
}

void conn_close(struct conn *c, int grace_ms)
{
	if (c->closing || c->dead)
		return;
	c->closing = true;
	c->paused = false; /* what still comes is read and dropped, so that the FIN is seen */
	if (!c->feeding)
		buf_free(&c->in);
	timer_arm(c->loop, &c->timer, grace_ms);
	loop_at_turn_end(c->loop, &c->flush);
	loop_soon(c->loop, &c->again);
}

/* --- input --- */

/* Gives `in` to the owner; what it does not take is returned. */
static struct strv give(struct conn *c, struct strv in)
{
	struct tls *before = c->tls;
	size_t used;

	c->feeding = true;
	used = c->ops->on_data(c->owner, in);
	c->feeding = false;
	ASSERT(used <= in.n);
	if (c->tls != before || c->closing || c->dead) /* STARTTLS: the rest came in clear */
		return STRV("");
	return strv_from_pos(in, used);
}

/* What was kept, once more. */
static void give_kept(struct conn *c)
{
	struct strv rest;

	if (c->in.n == 0 || c->paused || c->closing || c->dead)
		return;
	rest = give(c, buf_strv(&c->in));
	if (rest.n == 0)
		buf_free(&c->in);
	else
		buf_consume(&c->in, c->in.n - rest.n);
}

static void take_plain(struct conn *c, struct strv in)
{
	if (c->closing || c->dead || in.n == 0)
		return;
	if (c->in.n == 0 && !c->paused)
		in = give(c, in);
	else if (buf_adds(&c->in, in) == 0) {
		give_kept(c);
		return;
	}
	if (in.n && buf_adds(&c->in, in) < 0)
		die(c, CONN_CLOSE_LOST, "too much input waits");
}

static void take_cipher(struct conn *c, struct strv in)
{
	struct buf *plain = loop_plain_buf(c->loop);
	bool was_up = tls_is_up(c->tls);
	int r;

	buf_clear(plain);
	r = tls_feed(c->tls, in, plain, &c->wire);
	if (c->wire.n)
		loop_at_turn_end(c->loop, &c->flush);
	if (!was_up && tls_is_up(c->tls) && !c->closing)
		c->ops->on_secured(c->owner);
	take_plain(c, buf_strv(plain));
	if (r == -EPIPE) {
		c->peer_eof = true;
	} else if (r < 0 && !c->dead) {
		int w = write_all(c); /* the alert */
		(void)w;
		die(c, CONN_CLOSE_TLS, tls_error(c->tls));
	}
}

static void tell_eof(struct conn *c)
{
	if (!c->peer_eof || c->dead)
		return;
	if (c->closing && c->shut) {
		die(c, CONN_CLOSED, NULL);
	} else if (!c->closing && !c->eof_told && !c->paused) {
		c->eof_told = true;
		c->ops->on_eof(c->owner);
	}
}

/* One read: a turn's share of one connection. */
static void read_once(struct conn *c)
{
	char *buf = loop_read_buf(c->loop);
	ssize_t n;

	do
		n = recv(c->watch.fd, buf, LOOP_BUF, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		c->readable = false;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			die(c, c->closing ? CONN_CLOSED : CONN_CLOSE_LOST, strerror(errno));
		return;
	}
	if (n == 0) {
		c->readable = false;
		c->peer_eof = true;
		return;
	}
	c->bytes_in += (uint64_t)n;
	/* A short read has emptied the socket, unless a FIN stands behind the data. */
	c->readable = n == LOOP_BUF || c->hup;
	if (c->tls)
		take_cipher(c, strv_make(buf, (size_t)n));
	else
		take_plain(c, strv_make(buf, (size_t)n));
}

static void go_on(struct conn *c)
{
	if (c->dead || c->paused)
		return;
	if (c->readable)
		read_once(c);
	if (c->readable && !c->dead && !c->paused)
		loop_soon(c->loop, &c->again);
	if (!c->readable)
		tell_eof(c);
}

static void on_event(struct io_watch *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, watch);

	if (c->dead)
		return;
	if (events & EPOLLOUT)
		loop_at_turn_end(c->loop, &c->flush);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		c->readable = true;
		c->hup |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
		go_on(c);
	}
}

static void on_again(struct loop_task *t)
{
	struct conn *c = container_of(t, struct conn, again);

	give_kept(c);
	go_on(c);
}

void conn_pause(struct conn *c)
{
	c->paused = true;
}

void conn_feed_again(struct conn *c)
{
	c->paused = false;
	if (!c->dead && c->loop)
		loop_soon(c->loop, &c->again);
}

/* --- making and moving --- */

static int watch(struct conn *c)
{
	c->watch.on_event = on_event;
	c->wants_out = false;
	return loop_watch(c->loop, &c->watch, EVENTS);
}

int conn_new(struct loop *l, int fd, const char *peer, struct tls_ctx *tls,
	     const struct conn_ops *ops, void *owner, struct conn **ret)
{
	struct conn *c = MEM_NEW(struct conn);
	int one = 1, r;

	c->watch.fd = fd;
	c->loop = l;
	c->ops = ops;
	c->owner = owner;
	c->in.max = CONN_MAX_IN;
	c->out.max = CONN_MAX_OUT;
	c->wire.max = CONN_MAX_OUT + (1 << 20);
	snprintf(c->peer, sizeof(c->peer), "%s", peer);
	timer_init(&c->timer, on_timer);
	loop_task_init(&c->flush, flush);
	loop_task_init(&c->again, on_again);
	loop_task_init(&c->bury, bury);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* a UNIX socket has none */
	r = watch(c);
	if (r < 0) {
		close(fd);
		mem_free(c);
		return r;
	}
	if (tls)
		c->tls = tls_new(tls);
	*ret = c;
	return 0;
}

void conn_start_tls(struct conn *c, struct tls_ctx *ctx)
{
	ASSERT(c->tls == NULL && !c->dead);
	if (c->out.p) { /* <proceed/> and what stands before it */
		if (buf_adds(&c->wire, buf_strv(&c->out)) < 0) {
			die(c, CONN_CLOSE_SLOW, "too much output waits");
			return;
		}
		give_back_out(c);
	}
	if (!c->feeding)
		buf_free(&c->in);
	c->tls = tls_new(ctx);
	loop_at_turn_end(c->loop, &c->flush);
}

struct tls *conn_tls(struct conn *c)
{
	return c->tls;
}

void conn_detach(struct conn *c)
{
	int r;

	ASSERT(!c->dead && !c->feeding);
	r = write_all(c); /* an error shows again at the other end */
	(void)r;
	loop_unwatch(c->loop, &c->watch);
	timer_cancel(c->loop, &c->timer);
	loop_task_cancel(&c->flush);
	loop_task_cancel(&c->again);
	c->loop = NULL;
}

void conn_attach(struct conn *c, struct loop *l, const struct conn_ops *ops, void *owner)
{
	int r;

	ASSERT(c->loop == NULL);
	c->loop = l;
	c->ops = ops;
	c->owner = owner;
	r = watch(c);
	ASSERT(r == 0); /* it was watched before, and this loop has room for it */
	c->readable = c->hup = true; /* edges may have passed while nobody watched */
	loop_soon(l, &c->again);
	loop_at_turn_end(l, &c->flush);
}

bool conn_is_dead(const struct conn *c)
{
	return c->dead;
}

const char *conn_peer(const struct conn *c)
{
	return c->peer;
}

uint64_t conn_bytes_in(const struct conn *c)
{
	return c->bytes_in;
}

uint64_t conn_bytes_out(const struct conn *c)
{
	return c->bytes_out;
}
