/* Threads for what must not hold up a worker: password checks that cost CPU (a PBKDF2 takes
 * milliseconds), and questions to programs and servers, whose answers take their time. The queue is bounded, in all and for each key (an account, an address), so
 * that one flood cannot keep the others out. */
#pragma once

#include "base/clock.h"
#include "base/dispatch.h"
#include "base/strv.h"

struct auth_pool;

struct auth_job {
	struct list link;
	uint32_t account_key; /* auth_pool_key() */
	uint32_t address_key; /* auth_pool_address_key() */
	/* On a thread of the pool, with what that thread has opened. */
	void (*work)(struct auth_job *j, void *state);
	void (*done)(struct auth_job *j); /* right after it, on the same thread; owns j */
};

enum {
	AUTH_POOL_MAX_JOBS = 4096,
	AUTH_POOL_MAX_PER_ACCOUNT = 16,
	AUTH_POOL_MAX_PER_ADDRESS = 256,
};

/* What each thread of a pool has of its own: a program, a connection. On that thread. */
struct auth_pool_ops {
	void *(*open)(void *owner);
	void (*close)(void *state);
	/* Until when (clock_mono_ms()) what it opened is known not to work; NULL: never. It leaves
	 * its jobs to the others until then, unless none of them is better off. */
	msec_t (*rests_until)(const void *state);
};

/* `ops` may be NULL: threads without a state. */
nodiscard struct auth_pool *auth_pool_new(const struct dispatch_conf *conf,
					  const struct auth_pool_ops *ops, void *owner);

/* Whoever is free takes the oldest job. */
#define AUTH_POOL_PLAIN(n_threads) \
	(&(struct dispatch_conf){ (n_threads), DISPATCH_ANY, DISPATCH_NO_LIMIT })

/* Runs what is queued to its end, then stops the threads. */
void auth_pool_free(struct auth_pool **p);

/* The first half of free: from here on nothing is taken. */
void auth_pool_stop(struct auth_pool *p);

/* -ECANCELED: it has been stopped. -EAGAIN: too much is queued, in all or for one of its keys, or
 * more than the pool's strategy allows; j is still the caller's. */
nodiscard int auth_pool_submit(struct auth_pool *p, struct auth_job *j);

uint32_t auth_pool_key(struct strv s);
uint32_t auth_pool_address_key(struct strv address); /* all of a /64 of IPv6 are one */
