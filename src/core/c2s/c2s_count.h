/* What becomes of a connection, in its listener's counters. On the connection's worker. */
#pragma once

#include "core/listen/port_counter.h"

struct c2s;

void c2s_count(struct c2s *c, enum port_counter which, int64_t n);

/* Its bytes are counted for this worker from now on. */
void c2s_count_bytes(struct c2s *c);

/* The TLS handshake is over. */
void c2s_count_secured(struct c2s *c);
/* By this mechanism (-1: none that is known); SASL_ERR_NONE: a login. */
void c2s_count_auth(struct c2s *c, int mech, enum sasl_err err);

/* Why it ends. The first reason counts, others change nothing. */
void c2s_count_end(struct c2s *c, enum port_counter why);
void c2s_count_stream_end(struct c2s *c, enum stream_err why);
void c2s_count_conn_end(struct c2s *c, enum conn_close why);
