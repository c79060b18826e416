/* What is counted for a listener. Each worker counts for itself, in a table of its own, and whoever
 * asks adds them up. */
#pragma once

#include "io/conn.h"
#include "io/tls_rows.h"
#include "xmpp/error.h"
#include "xmpp/sasl/sasl.h"

#include <stdatomic.h>

/* One row each; the name is JSON's, for ever. Rows of one kind have a beginning in common:
 * "refused_" for who was not let in, "closed_" for why a connection ended, if not with a stream
 * error. A connection ends for one reason, the first. Those up to the bytes are shown to people even
 * if they are 0. */
#define PORT_COUNTERS(X)                                                                 \
	X(ACCEPTED, "accepted")                                                          \
	X(SESSIONS, "sessions")	    /* open at the moment */                             \
	X(STANZAS_IN, "stanzas_in") /* of bound sessions, as those out */                \
	X(STANZAS_OUT, "stanzas_out")                                                    \
	X(BYTES_IN, "bytes_in")                                                          \
	X(BYTES_OUT, "bytes_out")                                                        \
	X(SHAPED_MS, "shaped_ms")                                                        \
	X(AUTH_DELAYED, "auth_delayed") /* logins answered late, after failed ones */    \
	X(PAUSED_CONNECTIONS, "paused_connections") /* how often it stopped accepting */ \
	X(PAUSED_UNAUTHENTICATED, "paused_unauthenticated")                              \
	X(PAUSED_RATE, "paused_rate")                                                    \
	X(PAUSED_CHURN, "paused_churn")                                                  \
	X(PAUSED_DESCRIPTORS, "paused_descriptors") /* the process has no more */        \
	X(REFUSED_IP, "refused_ip")		    /* too many from there */            \
	X(REFUSED_NET, "refused_net")                                                    \
	X(REFUSED_PROXY_UNTRUSTED, "refused_proxy_untrusted")                            \
	X(REFUSED_PROXY_BAD, "refused_proxy_bad")	  /* no good PROXY header */     \
	X(REFUSED_PROXY_TIMEOUT, "refused_proxy_timeout") /* none in time */             \
	X(CLOSED_CLIENT, "closed_client")     /* the client closed its stream */         \
	X(CLOSED_STARTTLS, "closed_starttls") /* asked for where there is none */        \
	X(CLOSED_EOF, "closed_eof")	      /* ... or only the connection */           \
	X(CLOSED_LOST, "closed_lost")	      /* an error of the socket */               \
	X(CLOSED_SLOW, "closed_slow")	      /* the client did not read */              \
	X(CLOSED_TLS_HANDSHAKE, "closed_tls_handshake") /* it failed */                  \
	X(CLOSED_TLS_RECORD, "closed_tls_record")

enum port_counter {
#define X(id, name) PORT_COUNT_##id,
	PORT_COUNTERS(X)
#undef X
	/* Tables that have their rows elsewhere; the first row's place. */
	PORT_COUNT_STREAM_ERROR, /* enum stream_err */
	PORT_COUNT_TLS_VERSION =
		PORT_COUNT_STREAM_ERROR + STREAM_ERR_MAX, /* handshakes */
	PORT_COUNT_TLS_CIPHER = PORT_COUNT_TLS_VERSION + TLS_VERSION_ROWS, /* the same */
	PORT_COUNT_LOGIN = PORT_COUNT_TLS_CIPHER + TLS_CIPHER_ROWS, /* enum sasl_mech */
	PORT_COUNT_AUTH_FAILURE = PORT_COUNT_LOGIN + SASL_MECH_MAX, /* enum sasl_err */
	PORT_COUNT_MAX = PORT_COUNT_AUTH_FAILURE + SASL_ERR_MAX,
};

_Static_assert(PORT_COUNT_BYTES_OUT == PORT_COUNT_BYTES_IN + 1, "a struct conn_meter");

/* A worker's. Written by its thread only. */
struct port_counters {
	union {
		_Atomic int64_t v[PORT_COUNT_MAX];
		struct {
			_Atomic int64_t before[PORT_COUNT_BYTES_IN];
			struct conn_meter bytes;
		};
	};
	char apart[64]; /* from what another worker writes */
};

/* The groups, for whoever prints them: a row after the other, or a table. */
struct port_counter_group {
	const char *name; /* NULL: rows that stand for themselves */
	unsigned first, n;
	const char *(*row_name)(unsigned row); /* NULL: there is no such row */
	bool sparse; /* most rows are of no use to anybody: those that are 0 are left out */
};

enum { PORT_COUNTER_GROUPS = 6 };
extern const struct port_counter_group port_counter_groups[PORT_COUNTER_GROUPS];
