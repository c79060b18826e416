/* Which of a pool's workers does which job. Data only: its owner has the threads, the lock, and what
 * wakes them. All but init and fini run under that lock.
 *
 * A worker takes a job, does it, and takes the next; when there is none, it waits. What is given to one
 * that waits is its own from then on. A worker may be down: what it would do would fail. The others
 * then get its jobs, unless they are all down. */
#pragma once

#include "base/list.h"

enum dispatch_strategy {
	DISPATCH_ANY,	 /* the oldest job goes to whoever is free first */
	DISPATCH_FREE,	 /* to somebody who is free now, or not at all */
	DISPATCH_RANDOM, /* each worker has a queue: one of them, at random ... */
	DISPATCH_NEXT,	 /* ... or in turn */
};

struct dispatch_conf {
	unsigned n_workers;
	enum dispatch_strategy strategy;
	size_t max_queue; /* jobs that wait, for each worker; with DISPATCH_ANY */
};

#define DISPATCH_NO_LIMIT SIZE_MAX
#define DISPATCH_NOBODY	  UINT32_MAX

struct dispatch_place {
	struct list idle; /* while it waits */
	struct list jobs; /* its own */
	bool waits, down;
};

struct dispatch {
	enum dispatch_strategy strategy;
	size_t n_waiting, max_waiting; /* of `jobs` */
	struct list jobs;	       /* DISPATCH_ANY: whoever comes takes them */
	struct list up, down;	       /* who waits; the last to come is the first */
	unsigned n, n_up, next;
	struct dispatch_place *place;
};

/* Everybody waits, and is `up`, or all are down. */
void dispatch_init(struct dispatch *d, const struct dispatch_conf *conf, bool up);
void dispatch_fini(struct dispatch *d); /* nobody has jobs any more */

/* False: there is nobody to do it, or too much waits. *ret_wake: who has to be woken, or
 * DISPATCH_NOBODY: none waits. */
nodiscard bool dispatch_push(struct dispatch *d, struct list *job, unsigned *ret_wake);

/* What worker `i` is to do now; NULL: nothing, it waits. */
struct list *dispatch_take(struct dispatch *d, unsigned i);

/* Its job is done, and it is about to take the next one, which is its own already: whoever is told of
 * the end then finds a worker that is free, or one place more in the queue. */
void dispatch_finish(struct dispatch *d, unsigned i);

/* It has something else to do until it takes again. */
void dispatch_away(struct dispatch *d, unsigned i);

/* True: jobs have got to others, who have to be woken, whoever they are. */
nodiscard bool dispatch_set_down(struct dispatch *d, unsigned i, bool down);
