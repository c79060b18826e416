/* A connection's input and its life; conn_out.c has its output. */
#include "io/conn_priv.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the end --- */

static void bury(struct loop_task *t)
{
	struct conn *c = container_of(t, struct conn, flush);

	close(c->watch.fd);
	c->ops->on_close(c->owner, (enum conn_close)c->why, c->detail);
	conn_io_free(c);
	tls_free(&c->tls);
	mem_free(c->peer);
	mem_free(c);
}

static void stop_timers(struct conn *c)
{
	if (c->io == NULL)
		return;
	timer_cancel(c->loop, &c->io->timer);
	timer_cancel(c->loop, &c->io->idle);
}

void conn_die(struct conn *c, enum conn_close why, const char *detail)
{
	ASSERT(c->loop != NULL);
	if (c->dead)
		return;
	c->dead = true;
	/* Once goodbye is said, it does not matter how the peer goes. */
	c->why = (uint8_t)(c->closing && why != CONN_CLOSE_ABORT ? CONN_CLOSED : why);
	c->detail = detail;
	if (c->watched)
		loop_unwatch(c->loop, &c->watch);
	c->watched = false;
	stop_timers(c);
	loop_task_cancel(&c->again);
	loop_task_cancel(&c->flush);
	c->flush.fn = bury;
	loop_bury(c->loop, &c->flush);
}

void conn_abort(struct conn *c)
{
	conn_die(c, CONN_CLOSE_ABORT, NULL);
}

static void forget_input(struct conn *c)
{
	if (c->io &&
	    !c->feeding) /* on_data may be reading it: give_kept() frees it then */
		buf_free(&c->io->in);
}

void conn_close(struct conn *c, int grace_ms)
{
	ASSERT(c->loop != NULL);
	if (c->closing || c->dead)
		return;
	c->closing = true;
	c->paused = 0; /* what still comes is read and dropped, so that the FIN is seen */
	forget_input(c);
	timer_arm(c->loop, &conn_io(c)->timer, grace_ms);
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
	if (c->closing || c->dead)
		return STRV("");
	if (c->tls != before && !c->begins_tls) /* STARTTLS: the rest came in clear */
		return STRV("");
	return strv_from_pos(in, used);
}

/* What was kept, once more. */
static void give_kept(struct conn *c)
{
	struct buf *in = c->io ? &c->io->in : NULL;
	struct strv rest;

	if (in == NULL || in->n == 0 || c->paused || c->closing || c->dead)
		return;
	rest = give(c, buf_strv(in));
	if (rest.n == 0)
		conn_empty(c, in);
	else
		buf_consume(in, in->n - rest.n);
}

static void keep(struct conn *c, struct strv in)
{
	if (in.n && buf_adds(&conn_io(c)->in, in) < 0)
		conn_die(c, CONN_CLOSE_LOST, "too much input waits");
}

static void take_cipher(struct conn *c, struct strv in);

static void take_plain(struct conn *c, struct strv in)
{
	struct strv rest;

	c->plain_in += (uint32_t)in.n;
	if (c->closing || c->dead || in.n == 0)
		return;
	if (c->paused || (c->io && c->io->in.n)) {
		keep(c, in);
		give_kept(c);
		return;
	}
	rest = give(c, in);
	if (c->begins_tls) {
		c->begins_tls = false;
		c->plain_in -= (uint32_t)rest.n;
		if (rest.n)
			take_cipher(c, rest);
	} else {
		keep(c, rest);
	}
}

static void take_cipher(struct conn *c, struct strv in)
{
	AUTO(buf_free) struct buf wire = BUF_INIT(1 << 20);
	struct buf *plain = loop_plain_buf(c->loop);
	bool was_up = tls_is_up(c->tls);
	int r;

	buf_clear(plain);
	r = tls_feed(c->tls, in, plain, &wire);
	if (wire.n && !c->ended)
		conn_add_wire(c, buf_strv(&wire));
	if (!was_up && tls_is_up(c->tls) && !c->closing && !c->dead) {
		loop_at_turn_end(c->loop, &c->flush); /* what waited for the handshake */
		c->ops->on_secured(c->owner);
	}
	take_plain(c, buf_strv(plain));
	if (r == -EPIPE)
		c->peer_eof = true;
	if (r == 0 || r == -EPIPE || c->dead)
		return;
	r = conn_write_wire(c); /* the alert, if it can go out */
	(void)r;
	conn_die(c, CONN_CLOSE_TLS, tls_error(c->tls));
}

static void tell_eof(struct conn *c)
{
	if (!c->peer_eof || c->dead)
		return;
	if (c->closing && c->shut) {
		conn_die(c, CONN_CLOSED, NULL);
	} else if (!c->closing && !c->eof_told && !c->paused) {
		c->eof_told = true;
		c->ops->on_eof(c->owner);
	}
}

static size_t read_size(const struct conn *c)
{
	return c->read_size ? c->read_size : LOOP_BUF;
}

static void on_bytes(struct conn *c, struct strv in)
{
	c->bytes_in += in.n;
	if (c->meter)
		conn_meter_add(&c->meter->in, in.n);
	conn_touch(c);
	/* A short read has emptied the socket, unless a FIN stands behind the data. */
	c->readable = in.n == read_size(c) || c->hup;
	if (c->ops->on_read && !c->closing)
		c->ops->on_read(c->owner);
	if (c->tls)
		take_cipher(c, in);
	else
		take_plain(c, in);
}

/* One read: a turn's share of one connection. */
static void read_once(struct conn *c)
{
	char *buf = loop_read_buf(c->loop);
	ssize_t n;

	do
		n = recv(c->watch.fd, buf, read_size(c), 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		on_bytes(c, strv_make(buf, (size_t)n));
		return;
	}
	c->readable = false;
	if (n == 0)
		c->peer_eof = true;
	else if (errno == EAGAIN || errno == EWOULDBLOCK)
		c->hup = false; /* no end was behind it after all */
	else
		conn_die(c, CONN_CLOSE_LOST, strerror(errno));
}

static void go_on(struct conn *c)
{
	if (c->dead || c->paused)
		return;
	if (c->readable)
		read_once(c);
	if (c->dead || c->paused)
		return;
	if (c->readable)
		loop_soon(c->loop, &c->again);
	else
		tell_eof(c);
}

static void on_event(struct io_watch *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, watch);

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
	if (!c->dead)
		conn_io_drop(c);
}

void conn_pause(struct conn *c, enum conn_pause why)
{
	if (!c->closing)
		c->paused |= (uint8_t)why;
}

void conn_feed_again(struct conn *c, enum conn_pause why)
{
	c->paused &= (uint8_t)~why;
	if (!c->paused && !c->dead && c->loop)
		loop_soon(c->loop, &c->again);
}

void conn_set_read_size(struct conn *c, size_t n)
{
	c->read_size = n < LOOP_BUF ? (uint16_t)n : 0;
}

/* --- making and moving --- */

static int watch(struct conn *c)
{
	int r;

	c->wants_out = false;
	r = loop_watch(c->loop, &c->watch, CONN_EVENTS);
	c->watched = r == 0;
	return r;
}

int conn_new(struct loop *l, int fd, const char *peer, struct tls_ctx *tls,
	     const struct conn_ops *ops, void *owner, struct conn **ret)
{
	struct conn *c = MEM_NEW(struct conn);
	int one = 1, r;

	c->watch = (struct io_watch){ .fd = fd, .on_event = on_event };
	c->loop = l;
	c->ops = ops;
	c->owner = owner;
	loop_task_init(&c->flush, conn_flush);
	loop_task_init(&c->again, on_again);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		   sizeof(one)); /* a UNIX socket has none */
	/* A peer that vanished without a word is noticed some day even if nobody pings it. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	r = watch(c);
	if (r < 0) {
		close(fd);
		mem_free(c);
		return r;
	}
	conn_set_peer(c, peer);
	if (tls)
		c->tls = tls_new(tls);
	*ret = c;
	return 0;
}

void conn_start_tls(struct conn *c, struct tls_ctx *ctx)
{
	ASSERT(c->tls == NULL);
	if (c->dead)
		return;
	if (c->io && c->io->out.n) { /* <proceed/> and what stands before it */
		conn_add_wire(c, buf_strv(&c->io->out));
		buf_clear(&c->io->out);
	}
	forget_input(c);
	c->tls = tls_new(ctx);
	tls_keep_buffers(c->tls, c->warm_ms != 0);
}

void conn_begin_tls(struct conn *c, struct tls_ctx *ctx)
{
	ASSERT(c->feeding && c->tls == NULL && !c->begins_tls);
	ASSERT(c->io == NULL || c->io->in.n == 0);
	if (c->dead || c->closing)
		return;
	c->begins_tls = true;
	c->tls = tls_new(ctx);
	tls_keep_buffers(c->tls, c->warm_ms != 0);
}

struct tls *conn_tls(struct conn *c)
{
	return c->tls;
}

void conn_detach(struct conn *c)
{
	int r;

	ASSERT(c->loop != NULL && !c->feeding && (c->dead || !c->closing));
	if (!c->dead) {
		conn_note_congestion(c);
		r = conn_write(c); /* an error shows again at the other end */
		(void)r;
		loop_unwatch(c->loop, &c->watch);
		c->watched = false;
		stop_timers(c);
	}
	c->meter = NULL;
	loop_task_cancel(&c->flush); /* the dead are buried where they arrive */
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
	if (c->dead) {
		loop_bury(l, &c->flush);
		return;
	}
	r = watch(c);
	if (r < 0) {
		conn_die(c, CONN_CLOSE_LOST, strerror(-r));
		return;
	}
	c->readable = c->hup = true; /* edges may have passed while nobody watched */
	conn_touch(c);
	loop_soon(l, &c->again);
	loop_at_turn_end(l, &c->flush);
}

void conn_set_meter(struct conn *c, struct conn_meter *m)
{
	c->meter = m;
}

bool conn_is_dead(const struct conn *c)
{
	return c->dead;
}

const char *conn_peer(const struct conn *c)
{
	return c->peer;
}

void conn_set_peer(struct conn *c, const char *peer)
{
	mem_free(c->peer);
	c->peer = strv_dup(strv_make(peer, strnlen(peer, CONN_PEER_LEN - 1)));
}

uint64_t conn_bytes_in(const struct conn *c)
{
	return c->bytes_in;
}

uint32_t conn_plain_in(const struct conn *c)
{
	return c->plain_in;
}
