/* Counters that are no listener's (those are in core/listen/port_counter.h), one row
 * each: kept by every worker for itself, summed when somebody asks. Columns: identifier,
 * JSON's name, for people. */
#pragma once

#include "base/base.h"

#include <stdatomic.h>

#define COUNTERS(X)                                                               \
	X(STANZAS_CROSSED, "stanzas_crossed", "stanzas handed to another worker") \
	X(OFFLINE_STORED, "offline_stored", "messages stored for offline users")  \
	X(PASSWORDS_UPGRADED, "passwords_upgraded",                               \
	  "stored passwords brought up to date")                                  \
	X(LOGINS_AT_DOOR, "logins_at_door",                                       \
	  "connections that logged in beside the messages")                       \
	X(PEER_PAUSES, "peer_pauses", "pauses for a client that does not read")   \
	X(INBOX_PAUSES, "inbox_pauses", "pauses for a worker that is behind")

enum counter {
#define X(id, name, text) COUNT_##id,
	COUNTERS(X)
#undef X
		COUNT_MAX,
};

struct counters {
	_Atomic int64_t v[COUNT_MAX]; /* written by one thread only */
};

static inline void count_add(struct counters *c, enum counter which, int64_t n)
{
	int64_t v = atomic_load_explicit(&c->v[which], memory_order_relaxed);
	atomic_store_explicit(&c->v[which], v + n, memory_order_relaxed);
}
