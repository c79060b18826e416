/* A connection's input and its life; conn_out.c has its output. */
#include "io/conn_priv.h"
#include "io/linger.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void read_later(struct conn *c)
{
	if (c->patient || c->greedy)
		loop_later(c->loop, &conn_io(c)->again);
	else
		loop_soon(c->loop, &conn_io(c)->again);
}

static bool is_to_read(const struct conn *c)
{
	return c->io && !list_empty(&c->io->again.link);
}

/* --- the end --- */

static void bury(struct loop_task *t)
{
	struct conn_io *io = container_of(t, struct conn_io, flush);
	struct conn *c = io->conn;

	if (c->why == CONN_CLOSE_TLS && !c->peer_eof) /* so that it hears the alert */
		linger(c->loop, c->watch.fd);
	else
		close(c->watch.fd);
	c->ops->on_close(c->owner, (enum conn_close)c->why, io->detail);
	conn_io_free(c);
	tls_free(&c->tls);
	slab_free(loop_slabs(c->loop), c, sizeof(*c));
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
	struct conn_io *io;

	ASSERT(c->loop != NULL);
	if (c->dead)
		return;
	io = conn_io(c);
	c->dead = true;
	/* Once goodbye is said, it does not matter how the peer goes. */
	c->why = (uint8_t)(c->closing && why != CONN_CLOSE_ABORT ? CONN_CLOSED : why) & 7;
	io->detail = detail;
	if (c->watched)
		loop_unwatch(c->loop, &c->watch);
	c->watched = false;
	stop_timers(c);
	loop_task_cancel(&io->again);
	loop_task_cancel(&io->flush);
	io->flush.fn = bury;
	loop_bury(c->loop, &io->flush);
}

void conn_fail_tls(struct conn *c)
{
	int r = conn_write_wire(c); /* the alert, if it can go out */

	(void)r;
	conn_die(c, CONN_CLOSE_TLS, tls_error(c->tls));
}

void conn_abort(struct conn *c)
{
	conn_die(c, CONN_CLOSE_ABORT, NULL);
}

static void forget_input(struct conn *c)
{
	struct buf *in = c->io ? &c->io->in : NULL;

	if (in == NULL ||
	    c->feeding) /* on_data may be reading it: give_kept() frees it then */
		return;
	if (c->secret && in->p)
		mem_wipe(in->p, in->cap);
	buf_free(in);
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
	conn_flush_later(c);
	read_later(c);
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
	bool secret = c->secret; /* until on_data says otherwise */
	struct strv rest;
	size_t n;

	if (in == NULL || in->n == 0 || c->paused || c->closing || c->dead)
		return;
	n = in->n;
	rest = give(c, buf_strv(in));
	buf_consume(in, in->n - rest.n);
	if (secret)
		mem_wipe(in->p + rest.n, n - rest.n);
	if (rest.n == 0)
		conn_empty(c, in);
}

/* Elsewhere, where it does not fit: what is there now would stay behind in memory that is free. */
static void move_secret(struct buf *in, size_t more)
{
	struct buf to = BUF_INIT(in->max);

	if (in->n == 0 || in->cap - in->n >= more ||
	    buf_reserve(&to, in->n + more) == NULL)
		return;
	buf_put(&to, buf_strv(in));
	mem_wipe(in->p, in->n);
	buf_free(in);
	*in = to;
}

static void keep(struct conn *c, struct strv in)
{
	if (c->secret)
		move_secret(&conn_io(c)->in, in.n);
	if (buf_adds(&conn_io(c)->in, in) < 0)
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
	} else if (rest.n) {
		keep(c, rest);
	}
}

static void take_cipher(struct conn *c, struct strv in)
{
	AUTO(buf_free) struct buf wire = BUF_INIT(1 << 20);
	struct buf *plain = loop_plain_buf(c->loop);
	bool was_up = tls_is_up(c->tls), secret = c->secret;
	int r;

	buf_clear(plain);
	r = tls_feed(c->tls, in, plain, &wire);
	if (wire.n && !c->ended)
		conn_add_wire(c, buf_strv(&wire));
	if (!was_up && tls_is_up(c->tls) && !c->closing && !c->dead) {
		conn_flush_later(c); /* what waited for the handshake */
		c->ops->on_secured(c->owner);
	}
	take_plain(c, buf_strv(plain));
	if (secret && plain->n)
		mem_wipe(plain->p, plain->n);
	if (r == -EPIPE)
		c->peer_eof = true;
	if (r == 0 || r == -EPIPE || c->dead)
		return;
	conn_fail_tls(c);
}

static void tell_eof(struct conn *c)
{
	if (!c->peer_eof || c->dead)
		return;
	if (c->io && !list_empty(&c->io->again.link)) /* what is kept is given first */
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
	return c->read_size ? c->read_size : CONN_SHARE;
}

static void on_bytes(struct conn *c, struct strv in)
{
	if (c->meter)
		conn_meter_add(&c->meter->in, in.n);
	conn_touch(c);
	c->heard = true;
	/* A short read has emptied the socket, unless a FIN stands behind the data. */
	c->greedy = in.n == read_size(c);
	c->readable = c->greedy || c->hup;
	if (c->ops->on_read && !c->closing)
		c->ops->on_read(c->owner, in.n);
	if (c->tls)
		take_cipher(c, in);
	else
		take_plain(c, in);
}

/* One read: a turn's share of one connection. */
void conn_read(struct conn *c)
{
	char *buf = loop_read_buf(c->loop);
	bool secret = c->secret;
	ssize_t n;

	do
		n = recv(c->watch.fd, buf, read_size(c), 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		on_bytes(c, strv_make(buf, (size_t)n));
		if (secret)
			mem_wipe(buf, (size_t)n);
		return;
	}
	c->readable = c->greedy = false;
	if (n == 0)
		c->peer_eof = true;
	else if (errno == EAGAIN || errno == EWOULDBLOCK)
		c->hup = false; /* no end was behind it after all */
	else
		conn_die(c, CONN_CLOSE_LOST, strerror(errno));
}

static void go_on(struct conn *c)
{
	if (c->readable && !c->paused && !c->dead)
		conn_read(c);
	if (c->dead)
		return;
	if (c->paused)
		conn_look_for_end(c);
	else if (c->readable)
		read_later(c);
	else
		tell_eof(c);
}

static void on_event(struct io_watch *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, watch);

	if (events & EPOLLOUT)
		conn_flush_later(c);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		c->readable = true;
		c->hup |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
		if (c->patient || is_to_read(c)) /* once a turn */
			read_later(c);
		else
			go_on(c);
	}
}

void conn_again(struct loop_task *t)
{
	struct conn *c = container_of(t, struct conn_io, again)->conn;

	c->paused &= (uint8_t)~CONN_PAUSE_TURN;
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
		read_later(c);
}

void conn_yield(struct conn *c)
{
	if (c->closing || c->dead)
		return;
	c->paused |= CONN_PAUSE_TURN;
	c->greedy = true;
	read_later(c);
}

bool conn_is_open(const struct conn *c)
{
	return !c->paused && !c->dead;
}

bool conn_was_heard(struct conn *c)
{
	bool heard = c->heard;

	c->heard = false;
	return heard;
}

bool conn_has_unread(const struct conn *c)
{
	int n = 0;

	return ioctl(c->watch.fd, FIONREAD, &n) == 0 && n > 0;
}

void conn_set_patient(struct conn *c, bool patient)
{
	c->patient = patient;
}

void conn_set_secret(struct conn *c, bool secret)
{
	c->secret = secret;
}

bool conn_is_waiting(const struct conn *c)
{
	return c->patient && is_to_read(c);
}

void conn_set_read_size(struct conn *c, size_t n)
{
	c->read_size = n < CONN_SHARE ? (uint16_t)n : 0;
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
	struct conn *c = slab_zalloc(loop_slabs(l), sizeof(*c));
	int r;

	c->watch = (struct io_watch){ .fd = fd, .on_event = on_event };
	c->loop = l;
	c->ops = ops;
	c->owner = owner;
	r = watch(c);
	if (r < 0) {
		close(fd);
		slab_free(loop_slabs(l), c, sizeof(*c));
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
		conn_add_wire(c, conn_out_strv(c->io));
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

/* To `to`, with what it has to do. */
static struct conn *move(struct conn *c, struct conn *to)
{
	*to = *c;
	if (to->io)
		to->io->conn = to;
	return to;
}

void conn_detach(struct conn **pc)
{
	struct conn *c = *pc;
	struct loop *l = c->loop;
	int r;

	ASSERT(l != NULL && !c->feeding && (c->dead || !c->closing));
	if (!c->dead) {
		conn_note_congestion(c);
		r = conn_write(c); /* an error shows again at the other end */
		(void)r;
		loop_unwatch(l, &c->watch);
		c->watched = false;
		stop_timers(c);
	}
	if (c->tls)
		tls_leave_thread(c->tls);
	c->meter = NULL;
	conn_io_detach(c); /* the dead are buried where they arrive */
	c->loop = NULL;
	*pc = move(c, mem_alloc(sizeof(*c)));
	slab_free(loop_slabs(l), c, sizeof(*c));
}

void conn_attach(struct conn **pc, struct loop *l, const struct conn_ops *ops,
		 void *owner)
{
	struct conn *c = move(*pc, slab_alloc(loop_slabs(l), sizeof(*c)));
	int r;

	ASSERT(c->loop == NULL);
	mem_free(*pc);
	*pc = c;
	c->loop = l;
	c->ops = ops;
	c->owner = owner;
	conn_io_attach(c);
	if (c->dead) {
		loop_bury(l, &c->io->flush);
		return;
	}
	r = watch(c);
	if (r < 0) {
		conn_die(c, CONN_CLOSE_LOST, strerror(-r));
		return;
	}
	c->readable = c->hup = true; /* edges may have passed while nobody watched */
	conn_touch(c);
	read_later(c);
	conn_flush_later(c);
}

void conn_set_meter(struct conn *c, struct conn_meter *m)
{
	c->meter = m;
}

bool conn_is_dead(const struct conn *c)
{
	return c->dead;
}

static const uint8_t v4_prefix[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool conn_peer_net(const struct conn *c, struct net *ret)
{
	static const uint8_t unknown[sizeof(c->peer)];
	bool v4 = memcmp(c->peer, v4_prefix, sizeof(v4_prefix)) == 0;

	if (memcmp(c->peer, unknown, sizeof(unknown)) == 0)
		return false;
	*ret = net_from_raw(!v4, c->peer + (v4 ? sizeof(v4_prefix) : 0));
	return true;
}

const char *conn_peer(const struct conn *c)
{
	static _Thread_local char text[NET_TEXT_MAX];
	struct net net;

	if (!conn_peer_net(c, &net))
		return "unknown";
	net_text(&net, text);
	return text;
}

void conn_set_peer(struct conn *c, const char *peer)
{
	struct net net;

	memset(c->peer, 0, sizeof(c->peer));
	if (net_parse_address(strv_from(peer), &net) < 0)
		return;
	if (net.v6) {
		memcpy(c->peer, net.raw, sizeof(c->peer));
		return;
	}
	memcpy(c->peer, v4_prefix, sizeof(v4_prefix));
	memcpy(c->peer + sizeof(v4_prefix), net.raw, 4);
}

uint32_t conn_plain_in(const struct conn *c)
{
	return c->plain_in;
}
