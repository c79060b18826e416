/* A connection's output: collected, sealed, written once a turn; its limits and its end. */
#include "io/conn_priv.h"

#include <sys/socket.h>

static void on_timer(struct timer *t)
{
	struct conn *c = container_of(t, struct conn_io, timer)->conn;

	conn_die(c, CONN_CLOSE_SLOW, c->closing ? NULL : "the peer did not read");
}

static void on_idle(struct timer *t);

struct conn_io *conn_io(struct conn *c)
{
	struct conn_io *io = c->io;

	if (io)
		return io;
	ASSERT(c->loop != NULL);
	io = c->io = slab_zalloc(loop_slabs(c->loop), sizeof(*io));
	io->conn = c;
	loop_task_init(&io->flush, conn_flush);
	loop_task_init(&io->again, conn_again);
	io->in.max = CONN_MAX_IN;
	io->out.max = CONN_OUT_CAP;
	io->wire.max = CONN_WIRE_CAP;
	timer_init(&io->timer, on_timer);
	timer_init(&io->idle, on_idle);
	return io;
}

void conn_flush_later(struct conn *c)
{
	if (c->patient)
		loop_end_later(c->loop, &conn_io(c)->flush);
	else
		loop_at_turn_end(c->loop, &conn_io(c)->flush);
}

static void move(struct conn *c, struct conn_io *to)
{
	*to = *c->io; /* nothing is linked anywhere: as the links have to be for that */
	list_init(&to->flush.link);
	list_init(&to->again.link);
	list_init(&to->timer.link);
	list_init(&to->idle.link);
	c->io = to;
}

void conn_io_detach(struct conn *c)
{
	struct conn_io *io = c->io;

	if (io == NULL)
		return;
	ASSERT(list_empty(&io->timer.link) && list_empty(&io->idle.link));
	loop_task_cancel(&io->flush);
	loop_task_cancel(&io->again);
	move(c, mem_alloc(sizeof(*io)));
	slab_free(loop_slabs(c->loop), io, sizeof(*io));
}

void conn_io_attach(struct conn *c)
{
	struct conn_io *io = c->io;

	if (io == NULL)
		return;
	move(c, slab_alloc(loop_slabs(c->loop), sizeof(*io)));
	mem_free(io);
}

/* --- buffers: given back as soon as they are empty, or kept warm for a while --- */

static bool is_warm(const struct conn *c)
{
	return c->warm_ms && !c->closing && !c->dead;
}

static void give_back(struct conn *c, struct buf *b)
{
	buf_clear(b);
	if (b->p)
		loop_pool_put(c->loop, b);
}

void conn_empty(struct conn *c, struct buf *b)
{
	if (is_warm(c) && b->cap <= LOOP_POOL_CAP)
		buf_clear(b);
	else
		give_back(c, b);
}

void conn_touch(struct conn *c)
{
	struct conn_io *io;

	if (!is_warm(c))
		return;
	io = conn_io(c);
	io->used_at = loop_now(c->loop);
	if (c->warm_ms != CONN_WARM_FOR_EVER && list_empty(&io->idle.link))
		timer_arm(c->loop, &io->idle, c->warm_ms);
}

static bool has_tasks(const struct conn_io *io)
{
	return !list_empty(&io->flush.link) || !list_empty(&io->again.link);
}

static void go_cold(struct conn *c)
{
	conn_io_free(c);
	if (c->tls)
		tls_free_buffers(c->tls);
}

static void on_idle(struct timer *t)
{
	struct conn_io *io = container_of(t, struct conn_io, idle);
	struct conn *c = io->conn;
	msec_t left = io->used_at + c->warm_ms - loop_now(c->loop);

	if (c->closing) /* its last moments are counted in io->timer */
		return;
	if (left > 0)
		timer_arm(c->loop, t, left);
	else if (io->in.n || conn_out_strv(io).n || io->wire.n ||
		 has_tasks(io)) /* it waits, but is not idle */
		timer_arm(c->loop, t, c->warm_ms);
	else
		go_cold(c);
}

void conn_keep_warm(struct conn *c, uint32_t ms)
{
	if (ms == c->warm_ms)
		return;
	c->warm_ms = ms;
	if (c->tls)
		tls_keep_buffers(c->tls, ms != 0);
	if (c->tls && ms == 0)
		tls_free_buffers(c->tls);
	if (c->io)
		timer_cancel(c->loop, &c->io->idle);
	conn_touch(c);
	if (ms == 0 && c->io) {
		if (c->io->in.n == 0)
			buf_free(&c->io->in);
		if (c->io->wire.n == 0)
			give_back(c, &c->io->wire);
		conn_flush_later(c); /* gives back what is empty */
	}
}

void conn_io_free(struct conn *c)
{
	if (c->io == NULL)
		return;
	ASSERT(list_empty(&c->io->timer.link) && !has_tasks(c->io));
	give_back(c, &c->io->out);
	give_back(c, &c->io->wire);
	buf_free(&c->io->in);
	timer_cancel(c->loop, &c->io->idle);
	slab_free(loop_slabs(c->loop), c->io, sizeof(*c->io));
	c->io = NULL;
}

void conn_io_drop(struct conn *c)
{
	struct conn_io *io = c->io;

	if (io && is_warm(c))
		return; /* on_idle() does it */
	if (io && !io->in.p && !io->out.p && !io->wire.p && list_empty(&io->timer.link) &&
	    !has_tasks(io))
		conn_io_free(c);
}

static size_t waiting(const struct conn *c)
{
	return c->io ? conn_out_strv(c->io).n + c->io->wire.n - c->io->sent : 0;
}

size_t conn_room(const struct conn *c)
{
	size_t n = waiting(c);

	return n < CONN_MAX_OUT ? CONN_MAX_OUT - n : 0;
}

struct buf *conn_out(struct conn *c)
{
	struct conn_io *io = conn_io(c);

	ASSERT(c->loop != NULL);
	if (io->out.p == NULL)
		loop_pool_get(c->loop, &io->out);
	if (!c->dead && waiting(c) >= CONN_MAX_OUT)
		conn_die(c, CONN_CLOSE_SLOW, "too much output waits");
	if (c->dead || c->ended)
		buf_clear(&io->out); /* nobody will read it */
	else
		conn_flush_later(c);
	if (io->out.n == 0)
		io->out.n = TLS_ROOM;
	return &io->out;
}

void conn_add_wire(struct conn *c, struct strv bytes)
{
	struct conn_io *io = conn_io(c);

	if (io->wire.p == NULL)
		loop_pool_get(c->loop, &io->wire);
	if (waiting(c) >= CONN_MAX_OUT || buf_adds(&io->wire, bytes) < 0)
		conn_die(c, CONN_CLOSE_SLOW, "too much output waits");
	else
		conn_flush_later(c);
}

/* --- congestion: a source that asks within a turn hears of it, and of its end, too --- */

bool conn_is_congested(const struct conn *c)
{
	return c->congested || waiting(c) >= CONN_CONGESTED;
}

void conn_note_congestion(struct conn *c)
{
	c->congested = conn_is_congested(c);
}

static void note_relief(struct conn *c)
{
	if (!c->congested || waiting(c) >= CONN_CONGESTED / 2)
		return;
	c->congested = false;
	if (!c->closing)
		c->ops->on_drained(c->owner);
}

/* --- the mark --- */

void conn_mark(struct conn *c)
{
	struct conn_io *io = c->io;

	if (io)
		io->mark = c->tls && conn_out_strv(io).n ? CONN_MARK_OUT : waiting(c);
}

bool conn_is_written(const struct conn *c)
{
	return !c->dead && (c->io == NULL || c->io->mark == 0);
}

/* --- writing --- */

int conn_write_wire(struct conn *c)
{
	struct conn_io *io = c->io;
	bool shuts = c->closing && !c->peer_eof; /* the FIN goes with these bytes */
	ssize_t n;

	if (io == NULL || io->wire.n == 0)
		return 0;
	do
		n = send(c->watch.fd, io->wire.p + io->sent, io->wire.n - io->sent,
			 MSG_NOSIGNAL | (shuts ? MSG_MORE : 0));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -errno;
	if (c->meter)
		conn_meter_add(&c->meter->out, (size_t)n);
	io->sent += (size_t)n;
	if (io->mark != CONN_MARK_OUT)
		io->mark -= MIN(io->mark, (size_t)n);
	if (!c->closing)
		timer_cancel(c->loop, &io->timer); /* the peer does read */
	if (io->sent == io->wire.n) {
		io->sent = 0;
		conn_empty(c, &io->wire);
		return 0;
	}
	if (io->sent >
	    io->wire.n / 2) { /* moved seldom: a slow reader must not cost squares */
		buf_consume(&io->wire, io->sent);
		io->sent = 0;
	}
	return 1;
}

/* From `from` on. */
static void out_becomes_wire(struct conn_io *io, size_t from)
{
	struct buf spare = io->wire;

	ASSERT(io->wire.n == 0);
	io->wire.p = io->out.p;
	io->wire.n = io->out.n;
	io->wire.cap = io->out.cap;
	io->out = BUF_INIT(CONN_OUT_CAP);
	io->out.p = spare.p;
	io->out.cap = spare.cap;
	io->sent = from;
}

static int seal_in_place(struct conn_io *io, struct tls *tls)
{
	size_t from;
	int r = tls_seal_in_place(tls, &io->out, &from);

	if (r == 0)
		out_becomes_wire(io, from);
	return r;
}

static int seal_behind(struct conn *c, struct strv out)
{
	struct conn_io *io = c->io;
	int r = 0;

	if (io->wire.p == NULL)
		loop_pool_get(c->loop, &io->wire);
	if (out.n)
		r = tls_seal(c->tls, out, &io->wire);
	conn_empty(c, &io->out);
	return r;
}

/* And, if our side ends with it, close_notify behind it. */
static int seal_out(struct conn *c)
{
	struct conn_io *io = c->io;
	struct strv out = conn_out_strv(io);
	bool in_place = io->wire.n == 0 && tls_takes_whole(c->tls, out.n);
	int r = in_place ? seal_in_place(io, c->tls) : seal_behind(c, out);

	if (io->mark == CONN_MARK_OUT)
		io->mark = io->wire.n - io->sent;
	if (r < 0 || !c->closing)
		return r;
	tls_close_notify(c->tls, &io->wire);
	c->ended = true;
	return 0;
}

int conn_write(struct conn *c)
{
	struct conn_io *io = c->io;
	bool ends = c->closing && !c->ended;
	int r;

	if (io == NULL)
		return 0;
	if (conn_out_strv(io).n == 0)
		conn_empty(c, &io->out);
	if (c->tls && tls_is_up(c->tls) && (io->out.n || ends) && (r = seal_out(c)) < 0)
		return r;
	r = io->wire.n ? conn_write_wire(c) : 0;
	if (r == 0 && c->tls == NULL && io->out.n) {
		out_becomes_wire(io, TLS_ROOM);
		r = conn_write_wire(c);
	}
	return r;
}

static void watch_out(struct conn *c, bool wanted)
{
	if (c->wants_out == wanted)
		return;
	c->wants_out = wanted;
	loop_rewatch(c->loop, &c->watch, CONN_EVENTS | (wanted ? EPOLLOUT : 0));
}

/* Our side ends when all is out. */
static void end_our_side(struct conn *c)
{
	bool up = c->tls && tls_is_up(c->tls);

	/* on_drained has brought more, or the end */
	if (c->shut || (up ? !c->ended : !c->tls && waiting(c)))
		return;
	give_back(c, &conn_io(c)->out); /* waits for a handshake, which will not be */
	c->ended = c->shut = true;
	if (c->peer_eof)
		conn_die(c, CONN_CLOSED, NULL);
	else
		shutdown(c->watch.fd, SHUT_WR);
}

void conn_flush(struct loop_task *t)
{
	struct conn *c = container_of(t, struct conn_io, flush)->conn;
	int r;

	ASSERT(!c->dead);
	conn_note_congestion(c);
	conn_touch(c);
	r = conn_write(c);
	if (r == -EPROTO && c->tls) { /* nothing more can be sealed */
		conn_fail_tls(c);
		return;
	}
	if (r < 0) {
		conn_die(c, CONN_CLOSE_LOST, strerror(-r));
		return;
	}
	watch_out(c, r > 0);
	if (r > 0 && list_empty(&c->io->timer.link))
		timer_arm(c->loop, &c->io->timer, CONN_MAX_STUCK_MS);
	note_relief(c);
	if (r == 0 && c->closing && !c->dead)
		end_our_side(c);
	if (!c->dead)
		conn_io_drop(c);
}
