/* What the files of a connection know of each other. */
#pragma once

#include "core/c2s/c2s.h"

struct conf_listener;

extern const struct conn_ops c2s_conn_ops;
extern const struct stream_env c2s_stream_env;

/* c->early, with a timer that is not running. */
void c2s_early_new(struct c2s *c);
/* The stream's state, or the PROXY header, has taken too long. */
void c2s_time_out(struct c2s *c);
void c2s_keep_warm(struct c2s *c, const struct conf_listener *l);
/* The log says of whom it speaks, until log_context_set(). */
void c2s_log_context(const struct c2s *c);
