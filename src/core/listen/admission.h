/* Which connections a listener takes, and when. At a limit on the listener as a whole it stops
 * accepting: who comes waits in the kernel's queue, and a worker that has paused so is woken by
 * whatever makes room, on whichever worker that happens. At a limit on one address or network the
 * connection is closed. */
#pragma once

#include "base/base.h"
#include "base/clock.h"
#include "core/listen/source.h"

#include <stdatomic.h>

struct c2s;
struct conf_listener;
struct port;
struct worker;
struct worker_port;

/* Workers with a listener that is paused until there is room. Any thread. */
struct waiters {
	atomic_uint n;	 /* of them ... */
	atomic_bool *of; /* ... and which */
};

/* The server's part: all connections of all ports take a descriptor. Any thread. */
struct room_for_all {
	int64_t max; /* set before the workers' threads run */
	_Atomic int64_t open;
	struct waiters waiters;
};

void room_for_all_init(struct room_for_all *r, uint16_t n_workers);
void room_for_all_fini(struct room_for_all *r);

/* A port's part. Any thread. */
struct admission {
	_Atomic int64_t open;		 /* connections, of all workers ... */
	_Atomic int64_t unauthenticated; /* ... and those of them without a login yet */
	_Atomic int64_t accepted_until;	 /* microseconds: see rate_take() */
	_Atomic int64_t left_until; /* the same of those who have gone without a login */
	struct waiters waiters;
	struct sources sources;
};

enum {
	/* More than so many in a second, for each worker, that go without having logged in are such as
	 * only open and close, or fail: then so many are accepted in a second. That is as many as a worker
	 * can let log in with TLS in two thirds of its time, so that others lose little; ten times as many
	 * would come otherwise, and what the kernel does to bury their sockets nobody can interrupt. */
	ADMISSION_LEFT_RATE = 500,
	ADMISSION_PACE = 2000,
};

void admission_init(struct admission *a, uint16_t n_workers);
void admission_fini(struct admission *a);

/* On its worker: it begins to accept, or ends. */
void admission_start(struct worker_port *wp);
void admission_stop(struct worker_port *wp);
/* Before each accept. True: a place has been taken for whoever is accepted, so that workers that accept
 * at the same moment do not take the last one twice. False: the listener has been paused, and will be
 * woken. */
bool admission_may_accept(struct worker_port *wp);
/* The limits may have changed: it looks again. */
void admission_look_again(struct worker_port *wp);

/* Somebody has gone without a login, and a second later nobody speaks of it any more. Whether there are
 * too many of them. */
void admission_note_left(struct admission *a, unsigned n_workers, msec_t now);
bool admission_is_churned(const struct admission *a, unsigned n_workers, msec_t now);

/* The life of a connection, on its worker. It has been accepted, and has its place ... */
void admission_enter(struct worker *w, struct port *p, const struct conf_listener *l);
/* ... or nothing has come of it: the place is free. */
void admission_undo(struct worker *w, struct port *p);
/* Its client's address is known. False: there are too many from there, and it is closed. */
bool admission_address(struct c2s *c);
void admission_authenticated(struct c2s *c);
void admission_leave(struct c2s *c);

enum refusal {
	REFUSED_PROXY_UNTRUSTED,
	REFUSED_PROXY_BAD,
	REFUSED_PROXY_TIMEOUT,
	REFUSED_IP,
	REFUSED_NET,
	REFUSED_MAX,
};

/* It is closed at once, without a word; that is counted, and logged at a limited rate. */
void admission_refuse(struct c2s *c, enum refusal why);

/* A token bucket that all workers share, in one number: until when what was taken is paid for at
 * `rate` a second. A second's worth may be taken at once. */
/* In how many ms one may be taken; 0: now. */
nodiscard msec_t rate_wait(const _Atomic int64_t *until, int64_t rate, msec_t now);
void rate_take(_Atomic int64_t *until, int64_t rate, msec_t now);
