/* For the files of the connection only. */
#pragma once

#include "io/conn.h"

/* What a connection needs while there is something to do; an idle one has none of it. */
struct conn_io {
	struct conn *conn;
	struct loop_task flush; /* at the end of the turn; when dead: the funeral */
	struct loop_task again; /* in the next turn: more to read, or to give again */
	const char *detail;	/* of the end */
	struct buf in;		/* plain bytes that the owner has not taken */
	struct buf
		out; /* plain bytes to be sent, behind TLS_ROOM; n == 0: none, and no room */
	struct buf
		wire; /* bytes for the socket, ahead of `out`: sealed, or begun to be sent */
	size_t sent; /* of `wire` */
	size_t mark; /* conn_mark(): so many bytes of `wire` stand before it; CONN_MARK_OUT */
	struct timer timer; /* stuck output, or the grace of closing */
	struct timer idle; /* what is kept warm: until it has not been used for so long */
	msec_t used_at;
};

struct conn {
	struct io_watch watch;
	struct loop *loop; /* NULL: detached */
	const struct conn_ops *ops;
	void *owner;
	struct tls *tls;
	struct conn_io *io;
	struct conn_meter *meter; /* NULL: none */
	uint32_t plain_in;
	uint32_t warm_ms;   /* 0: nothing is kept for later */
	uint16_t read_size; /* 0: CONN_SHARE */
	uint8_t peer[16];   /* an IPv4 address as it stands in IPv6; zeroes: unknown */
	uint8_t why : 3;
	uint8_t paused : 4; /* enum conn_pause, of all that holds */
	bool watched : 1;
	bool readable : 1; /* the socket may hold more than was read */
	bool hup : 1; /* the peer's FIN, or an error, may stand behind what it holds */
	bool peer_eof : 1;
	bool eof_told : 1;
	bool wants_out : 1; /* EPOLLOUT is armed */
	bool congested : 1;
	bool closing : 1; /* conn_close() */
	bool ended : 1;	  /* nothing can follow what is in `wire` */
	bool shut : 1;	  /* our side has ended */
	bool dead : 1;
	bool feeding : 1;    /* on_data is on the stack */
	bool begins_tls : 1; /* conn_begin_tls(), in this on_data */
	bool patient : 1;    /* conn_set_patient() */
	bool greedy : 1;     /* there was more than its share: the rest is patient, too */
	bool secret : 1;     /* conn_set_secret() */
	bool heard : 1;	     /* since conn_was_heard() */
};

/* An idle connection is this and the TLS state: tests/unit/memory counts it. */
_Static_assert(sizeof(struct conn) <= 96, "a connection has grown");

enum {
	CONN_EVENTS = EPOLLIN | EPOLLRDHUP | EPOLLET,
	/* conn_out() looks at the limit before an append, so that the last one, as long as the
	 * longest input, is always whole. */
	CONN_OUT_CAP = CONN_MAX_OUT + CONN_MAX_IN + (1 << 20),
	/* ... with what sealing adds, and, no longer than what waits, what has been sent. */
	CONN_WIRE_CAP = CONN_OUT_CAP + CONN_MAX_OUT + (1 << 20),
};

#define CONN_MARK_OUT SIZE_MAX /* it is in `out`: not sealed yet */

static inline struct strv conn_out_strv(const struct conn_io *io)
{
	return io->out.n ? strv_from_pos(buf_strv(&io->out), TLS_ROOM) : STRV("");
}

/* The thread's own: nobody else writes. */
static inline void conn_meter_add(_Atomic int64_t *to, size_t n)
{
	int64_t v = atomic_load_explicit(to, memory_order_relaxed);
	atomic_store_explicit(to, v + (int64_t)n, memory_order_relaxed);
}

struct conn_io *conn_io(struct conn *c);
void conn_io_drop(struct conn *c); /* if nothing is in it */
void conn_io_free(struct conn *c);
/* It moves out of the loop's memory, and into another's; its timers are not armed. */
void conn_io_detach(struct conn *c);
void conn_io_attach(struct conn *c);

/* It is not idle: what it holds stays for a while, if it is to be kept warm. */
void conn_touch(struct conn *c);
void conn_empty(struct conn *c, struct buf *b); /* keeps its memory, or not */

void conn_die(struct conn *c, enum conn_close why, const char *detail);
void conn_fail_tls(struct conn *c); /* it has failed; its alert is in `wire` */
void conn_flush(struct loop_task *t);
void conn_again(struct loop_task *t);
void conn_flush_later(struct conn *c); /* at the end of the turn; loop_end_later() */
void conn_note_congestion(struct conn *c);

void conn_read(struct conn *c); /* once: a turn's share */
/* conn_hangup.c: it is paused; has the peer gone meanwhile? */
void conn_look_for_end(struct conn *c);

/* What can go out now goes out. 0: all; 1: some is left; -errno. */
nodiscard int conn_write(struct conn *c);
nodiscard int conn_write_wire(struct conn *c); /* ... but seals nothing more */
/* Behind what waits; too much is the end of the connection. */
void conn_add_wire(struct conn *c, struct strv bytes);
