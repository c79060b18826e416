/* A client's connection: the stream machine on a real socket. It starts on the worker that
 * accepted it, or at its door (core/c2s/door.h), and moves to the home worker of its
 * account when SASL has succeeded. */
#pragma once

#include "base/list.h"
#include "base/slot.h"
#include "core/stream/stream.h"
#include "io/conn.h"

struct port;
struct delay;
struct proxy_reader;
struct session;
struct shaper;
struct throttle;
struct worker;
struct worker_port;
struct store_call;

/* What only a connection without a session needs. */
struct c2s_early {
	struct c2s *c2s;
	struct timer timer;	    /* of the stream's state */
	struct loop_task move_task; /* see core/c2s/c2s_move.h */
	struct worker *to;	    /* ... to this one; NULL: to the account's home */
	struct proxy_reader
		*proxy;	     /* while its header is awaited: see core/c2s/c2s_proxy.h */
	struct delay *delay; /* of the answer to a login; see core/login/delay.h */
	uint64_t bytes_in;
	uint32_t removals; /* before the login; see core/account/removals.h */
	bool elsewhere;	   /* credentials: the account is to be noted in our database */
};

/* Millions of these are idle: what few need hangs on a pointer. In its worker's slabs. */
struct c2s {
	struct stream
		st; /* holds a reference of st.conf: the snapshot that st.listener is of,
			   * and st.host until bound */
	struct conn *conn;
	struct worker *worker;
	struct port *port;	   /* where it came in */
	struct session *session;   /* while bound */
	struct c2s_early *early;   /* until then */
	struct shaper *shaper;	   /* NULL: none limits it; see core/c2s/shaper.h */
	struct throttle *throttle; /* NULL: nobody waits; see core/c2s/throttle.h */
	uint32_t slot;		   /* of worker->streams */
	bool counts_ip : 1, counts_net : 1; /* its address: core/listen/admission.h */
	bool anonymous : 1;	  /* holds its name: see core/login/anonymous.h */
	bool unauthenticated : 1; /* counts as such */
	bool quiet : 1;		  /* nothing more is said of its end */
	bool end_counted : 1;	  /* why it ends: see core/c2s/c2s_count.h */
};

_Static_assert(sizeof(struct c2s) <= 160, "a connection has grown");

static inline struct c2s *c2s_of(struct stream *st)
{
	return container_of(st, struct c2s, st);
}

/* The snapshot that it goes by. */
static inline struct conf *c2s_conf(const struct c2s *c)
{
	return (struct conf *)c->st.conf;
}

/* What names it over time, and to other threads. */
struct handle c2s_handle(const struct c2s *c);

/* A new connection, on the worker of `wp`; its stream begins there or at the door. Owns fd. */
void c2s_accept(struct worker_port *wp, int fd, const char *peer);

/* A bound session goes by these options from now on; `l` is of `conf`. */
void c2s_adopt(struct c2s *c, struct conf *conf, const struct conf_listener *l);

/* The stream, if it is still there. */
struct c2s *c2s_get(struct worker *w, struct handle h);

/* Ends all streams of this worker with system-shutdown. */
void c2s_shutdown_all(struct worker *w);
