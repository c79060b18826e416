/* A listener as it runs: one address and port, its sockets, what is connected through it, and
 * its counters. All workers share it, and a reload of the configuration that keeps its address
 * and port keeps it. */
#pragma once

#include "base/list.h"
#include "core/listen/admission.h"
#include "core/listen/port_counter.h"
#include "core/options/conf.h"
#include "io/listen.h"

struct server;
struct worker;

struct port {
	atomic_uint refs; /* the server's, each worker's, each connection's */
	char name[64];	  /* "0.0.0.0:5222", "[::]:5222": for people */
	struct admission admission;
	struct list
		closed; /* in the server's port_totals, when nobody listens any more */
	bool reuse_port;
	int *fd; /* one socket, or with reuse_port one for each that accepts; the server's */
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
	struct timer rate_timer;	  /* of core/listen/admission.c */
};

/* Opens the sockets: with reuse_port one for each of those that accept, the first of all workers.
 * -errno, and a text in `err`. */
nodiscard int port_open(const struct conf_listener *l, uint16_t n_accept,
			uint16_t n_workers, struct port **ret, struct buf *err);
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
