/* The answer to a login that comes after failed ones waits for a while (auth/backoff.h): a timer
 * gives it, and no thread waits. */
#pragma once

#include "core/stream/stream.h"

struct c2s;

/* stream_env.tried: ends in stream_on_answer_due(). */
void delay_tried(struct stream *st, struct jid user, bool right);

void delay_free(struct c2s *c);
