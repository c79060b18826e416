/* A client's connection: the stream machine on a real socket. It starts on the worker that
 * accepted it and moves once, when SASL has succeeded, to the home worker of its account. */
#pragma once

#include "base/list.h"
#include "base/slot.h"
#include "core/stream.h"
#include "io/conn.h"

struct port;
struct proxy_reader;
struct session;
struct source;
struct worker;
struct worker_port;
struct store_call;

struct c2s {
	struct stream st;
	struct conn *conn;
	struct worker *worker;
	struct conf
		*conf; /* the snapshot that st.listener is of, and st.host until bound */
	struct port *port;	 /* where it came in */
	struct session *session; /* while bound */
	struct timer timer;
	struct list all;	     /* in worker->all_streams */
	struct list paused;	     /* in worker->paused, while an inbox has no room */
	struct worker *waits_for;    /* whose */
	struct delay *delay;	     /* of the answer to a login; see core/delay.h */
	struct shaper *shaper;	     /* NULL: none limits it; see core/shaper.h */
	struct throttled *throttled; /* who waits for this one: see core/throttle.h */
	uint32_t n_throttles;	     /* for how many others it waits itself */
	struct loop_task move_task;
	bool elsewhere; /* credentials: the account is to be noted, see store_account_note() */
	struct handle handle;
	struct proxy_reader
		*proxy; /* while its header is awaited: see core/c2s_proxy.h */
	struct source *source_ip, *source_net; /* see core/admission.h */
	bool anonymous : 1;		       /* holds its name: see core/anonymous.h */
	bool unauthenticated : 1;	       /* counts as such */
	bool quiet : 1;			       /* nothing more is said of its end */
	bool end_counted : 1;		       /* why it ends: see core/c2s_count.h */
};

static inline struct c2s *c2s_of(struct stream *st)
{
	return container_of(st, struct c2s, st);
}

/* A new connection, on the worker of `wp`. Owns fd. */
void c2s_accept(struct worker_port *wp, int fd, const char *peer);

/* A bound session goes by these options from now on; `l` is of `conf`. */
void c2s_adopt(struct c2s *c, struct conf *conf, const struct conf_listener *l);

/* The stream, if it is still there. */
struct c2s *c2s_get(struct worker *w, struct handle h);

/* Ends all streams of this worker with system-shutdown. */
void c2s_shutdown_all(struct worker *w);
