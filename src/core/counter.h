/* Counters, one row each: kept by every worker for itself, summed when somebody asks. */
#pragma once

#include "base/base.h"

#include <stdatomic.h>

#define COUNTERS(X)                                                \
	X(CONNS_ACCEPTED, "connections accepted")                  \
	X(CONNS_OPEN, "connections open")                          \
	X(SESSIONS_OPEN, "sessions open")                          \
	X(STANZAS_IN, "stanzas received from clients")             \
	X(STANZAS_OUT, "stanzas sent to clients")                  \
	X(STANZAS_CROSSED, "stanzas handed to another worker")     \
	X(BYTES_IN, "bytes received")                              \
	X(BYTES_OUT, "bytes sent")                                 \
	X(TLS_HANDSHAKES, "TLS handshakes completed")              \
	X(TLS_FAILURES, "TLS handshakes failed")                   \
	X(AUTH_OK, "logins")                                       \
	X(AUTH_FAILED, "failed logins")                            \
	X(AUTH_DELAYED, "logins answered late, after failed ones") \
	X(CLOSED_PEER, "closed by the client")                     \
	X(CLOSED_LOST, "connections lost")                         \
	X(CLOSED_SLOW, "closed: the client did not read")          \
	X(CLOSED_ERROR, "closed with a stream error")              \
	X(CLOSED_TLS, "closed: TLS failed")                        \
	X(OFFLINE_STORED, "messages stored for offline users")     \
	X(PEER_PAUSES, "streams paused: a receiver did not read")  \
	X(INBOX_PAUSES, "streams paused: a worker was behind")     \
	X(SHAPED_MS, "milliseconds that shapers held streams")

enum counter {
#define X(id, doc) COUNT_##id,
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
