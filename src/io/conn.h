/* One stream socket, plain or TLS, owned by one loop. What is written to it is collected and goes
 * out in one write at the end of the turn; an idle connection holds no buffer,
 * unless its owner wants it to. */
#pragma once

#include "base/net.h"
#include "io/loop.h"
#include "io/tls.h"

#include <stdatomic.h>

struct conn;

/* Bytes of sockets. Many connections of one thread may share it; any thread may read. */
struct conn_meter {
	_Atomic int64_t in, out; /* written by the loop's thread only */
};

enum conn_close {
	CONN_CLOSED,	  /* as asked for with conn_close(), or after the peer's end */
	CONN_CLOSE_LOST,  /* an error of the socket */
	CONN_CLOSE_SLOW,  /* the peer did not read: too much waits, or for too long */
	CONN_CLOSE_TLS,	  /* the handshake or a record failed */
	CONN_CLOSE_ABORT, /* conn_abort() */
};

struct conn_ops {
	/* Bytes; returns how many are done with. The rest is kept and given again, with what
	 * follows behind it. */
	size_t (*on_data)(void *owner, struct strv in);
	/* So many bytes have been read, and nothing of them been looked at yet. Optional. */
	void (*on_read)(void *owner, size_t n);
	void (*on_secured)(void *owner); /* the TLS handshake has succeeded */
	void (*on_eof)(
		void *owner); /* the peer has ended its side; not after conn_close() */
	/* It has done so while an answer is awaited (CONN_PAUSE_ANSWER), and nothing of what it has
	 * sent is left. Of an owner who does not close, on_eof comes when the pause has ended.
	 * Optional. */
	void (*on_hangup)(void *owner);
	void (*on_drained)(
		void *owner); /* output, which was congested, is so no longer */

	/* The last call: the socket is closed, and the conn is freed behind it. Never within
	 * another call. */
	void (*on_close)(void *owner, enum conn_close why, const char *detail);
};

enum {
	/* So much may wait for a peer; when more is to be added, it is dropped. */
	CONN_MAX_OUT = 16 << 20,
	CONN_CONGESTED = 256 << 10, /* ... from here on its sources should pause */
	CONN_MAX_IN = 65 << 20,	    /* what the owner has not taken */
	/* What one may take of a turn: is read of it. What it sends beyond that is patient. */
	CONN_SHARE = 4 << 10,
	CONN_MAX_STUCK_MS = 60000, /* output waits, and nothing of it is taken */
};

/* Takes over fd (a connected socket, non-blocking). `tls`: from the first byte; NULL: plain. */
nodiscard int conn_new(struct loop *l, int fd, const char *peer, struct tls_ctx *tls,
		       const struct conn_ops *ops, void *owner, struct conn **ret);

/* The buffer to append output to, until the caller returns to the loop: ask again for each
 * stanza, the limit is looked at here. What is added to a connection that has ended is dropped. */
struct buf *conn_out(struct conn *c);
/* How much more may be added before too much waits. */
size_t conn_room(const struct conn *c);
/* Who has heard "yes" hears on_drained (or on_close) later. */
bool conn_is_congested(const struct conn *c);
/* Sets the mark behind all that has been added until now; there is one only. */
void conn_mark(struct conn *c);
/* What stands before the mark has been handed to the system. */
bool conn_is_written(const struct conn *c);

/* STARTTLS: what is in the output goes out in clear, what has come in clear is discarded
 * (RFC 6120 5.4.3.3). */
void conn_start_tls(struct conn *c, struct tls_ctx *ctx);
/* Direct TLS behind something else: from on_data only. The first byte of TLS is the one behind
 * those that this on_data takes; all that came before must have been taken. */
void conn_begin_tls(struct conn *c, struct tls_ctx *ctx);
struct tls *conn_tls(struct conn *c); /* NULL: plain */

/* Why nothing is read. Each reason ends for itself: the last one's end lets input go on. */
enum conn_pause {
	CONN_PAUSE_ANSWER = 1, /* the owner waits for one; a peer that goes is noticed */
	CONN_PAUSE_ROOM = 2,   /* a receiver, or another thread, is behind */
	CONN_PAUSE_RATE = 4,   /* too much has come in too short a time */
	CONN_PAUSE_TURN = 8,   /* conn_yield(): until the next turn */
};

/* No more on_data until conn_feed_again(), which also gives again what was kept. */
void conn_pause(struct conn *c, enum conn_pause why);
void conn_feed_again(struct conn *c, enum conn_pause why);

/* What on_data has not taken is given again when others have had their turn: in the next one, or when
 * all that is patient has been done before it. */
void conn_yield(struct conn *c);

/* It is neither paused nor at its end: on_data may take what it has been given. */
bool conn_is_open(const struct conn *c);

/* Has anything been read since the last call, however little? */
bool conn_was_heard(struct conn *c);
/* Is there something in the socket? */
bool conn_has_unread(const struct conn *c);

/* What comes in, and what goes out, waits for its turn among all that is patient: see
 * loop_later(). */
void conn_set_patient(struct conn *c, bool patient);
/* ... and does so now: it is not the peer that keeps us waiting. */
bool conn_is_waiting(const struct conn *c);
/* What comes in may be a password: no copy of ours outlives its handling. */
void conn_set_secret(struct conn *c, bool secret);

/* At most so many bytes are read at once; 0: CONN_SHARE. */
void conn_set_read_size(struct conn *c, size_t n);

/* How long a connection keeps its buffers when it has become idle, in ms. 0 (the default): not at
 * all; CONN_WARM_FOR_EVER: always. */
#define CONN_WARM_FOR_EVER UINT32_MAX
void conn_keep_warm(struct conn *c, uint32_t ms);

/* Counts its bytes there from now on; after conn_attach() it has to be the new thread's. */
void conn_set_meter(struct conn *c, struct conn_meter *m);

/* Sends what is in the output, close_notify, and the end of our side; then waits for the peer's
 * end, at most `grace_ms` in all. */
void conn_close(struct conn *c, int grace_ms);
void conn_abort(struct conn *c);

/* Leaves its loop, so that another thread can take it; callbacks end. Not within on_data, not
 * after conn_close(). What has died meanwhile moves, too, and is closed where it arrives. Its
 * memory is the loop's: each of the two puts it elsewhere. */
void conn_detach(struct conn **c);
void conn_attach(struct conn **c, struct loop *l, const struct conn_ops *ops,
		 void *owner);

bool conn_is_dead(const struct conn *c); /* on_close is on its way */
/* "192.0.2.1", "2001:db8::1"; "unknown". Until the next call on this thread. */
const char *conn_peer(const struct conn *c);
bool conn_peer_net(const struct conn *c, struct net *ret); /* false: unknown */
/* It is somebody else's, who is behind the peer. */
void conn_set_peer(struct conn *c, const char *peer);
/* What has come in without what TLS adds, modulo 2^32: for differences. */
uint32_t conn_plain_in(const struct conn *c);
