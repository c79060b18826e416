/* A listener as it runs: one address and port, its sockets, what is connected through it, and
 * its counters. All workers share it, and a reload of the configuration that keeps its address
 * and port keeps it. */
#pragma once

#include "base/list.h"
#include "core/admission.h"
#include "core/conf.h"
#include "core/counter.h"
#include "io/listen.h"

#include <stdatomic.h>

struct server;
struct worker;

/* Counters of a listener, one row each: kept by every worker for itself, summed when asked. */
#define PORT_COUNTERS(X)                                           \
	X(ACCEPTED, "accepted")                                    \
	X(PAUSED_CONNECTIONS, "paused: max_connections")           \
	X(PAUSED_UNAUTHENTICATED, "paused: max_unauthenticated")   \
	X(PAUSED_RATE, "paused: accept_rate")                      \
	X(REFUSED_IP, "refused: max_connections_per_ip")           \
	X(REFUSED_NET, "refused: max_connections_per_net")         \
	X(REFUSED_PROXY_UNTRUSTED, "refused: not a trusted proxy") \
	X(REFUSED_PROXY_BAD, "refused: no good PROXY header")      \
	X(REFUSED_PROXY_TIMEOUT, "refused: no PROXY header in time")

enum port_counter {
#define X(id, name) PORT_COUNT_##id,
	PORT_COUNTERS(X)
#undef X
		PORT_COUNT_MAX,
};

struct port_counters {
	_Atomic int64_t v[PORT_COUNT_MAX]; /* written by one worker only */
};

struct port {
	atomic_uint refs; /* the server's, each worker's, each connection's */
	char name[64];	  /* "0.0.0.0:5222", "[::]:5222": for people */
	struct admission admission;
	bool reuse_port;
	int *fd; /* one socket, or with reuse_port one for each worker; the server's */
	uint16_t n_fd, n_workers;
	struct port_counters *counters[]; /* by worker */
};

/* A worker's part of a port. Owned by the worker. */
struct worker_port {
	struct list link; /* in worker->ports */
	struct listener io;
	struct port *port;
	struct worker *worker;
	const struct conf_listener *conf; /* of worker->conf */
	struct timer rate_timer;	  /* of core/admission.c */
};

/* Opens the sockets. -errno, and a text in `err`. */
nodiscard int port_open(const struct conf_listener *l, uint16_t n_workers,
			struct port **ret, struct buf *err);
/* The kernel's queue gets this listener's length. */
void port_set_backlog(struct port *p, const struct conf_listener *l);
/* Closes the sockets: nobody listens any more. What is connected stays. */
void port_close(struct port *p);
struct port *port_ref(struct port *p);
void port_unref(struct port **p);

/* Is it this listener's? */
bool port_is(const struct port *p, const struct conf_listener *l);
/* "0.0.0.0:5222" */
void port_name(const struct conf_listener *l, char to[static 64]);

/* The worker begins to accept. On the worker, or before its thread runs. */
void port_start(struct worker *w, struct port *p, const struct conf_listener *l);
/* Its options from now on. */
void port_configure(struct worker_port *wp, const struct conf_listener *l);
void port_stop(struct worker_port **wp);

void port_count(struct port *p, const struct worker *w, enum port_counter which,
		int64_t n);
int64_t port_sum(const struct port *p, enum port_counter which);
