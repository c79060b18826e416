/* Which connections a listener takes, and when. At a limit on the listener as a whole it stops
 * accepting: who comes waits in the kernel's queue, and a worker that has paused so is woken by
 * whatever makes room, on whichever worker that happens. */
#pragma once

#include "base/base.h"

#include <stdatomic.h>

struct c2s;
struct port;
struct worker;
struct worker_port;

/* A port's part. Any thread. */
struct admission {
	_Atomic int64_t open; /* connections, of all workers */
	atomic_uint
		n_waiting;  /* workers whose listener is paused until there is room ... */
	atomic_bool *waits; /* ... and which */
};

void admission_init(struct admission *a, uint16_t n_workers);
void admission_fini(struct admission *a);

/* On its worker, before each accept. False: the listener has been paused, and will be woken. */
bool admission_may_accept(struct worker_port *wp);
/* The limits may have changed: it looks again. */
void admission_look_again(struct worker_port *wp);

/* A connection comes, and goes, on whatever worker. */
void admission_enter(struct c2s *c);
void admission_leave(struct c2s *c);

enum refusal {
	REFUSED_PROXY_UNTRUSTED,
	REFUSED_PROXY_BAD,
	REFUSED_PROXY_TIMEOUT,
	REFUSED_MAX,
};

/* It is closed at once, without a word; that is counted, and logged at a limited rate. */
void admission_refuse(struct c2s *c, enum refusal why);
