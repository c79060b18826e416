/* Shapers: how many bytes a second a client may send. A token bucket over what is received, one
 * second deep and full at first; while it is overdrawn the socket is not read, so that the
 * client's TCP slows down. Nothing is dropped, and nobody else notices. */
#pragma once

#include "base/clock.h"

struct c2s;

/* The arithmetic alone. */
struct bucket {
	int64_t rate;  /* bytes a second */
	int64_t level; /* thousandths of a byte; below 0: overdrawn */
	msec_t at;     /* when the level was this */
};

void bucket_init(struct bucket *b, int64_t rate, msec_t now); /* full */

/* Takes so many bytes; returns how long it then stays overdrawn, in ms. */
nodiscard msec_t bucket_take(struct bucket *b, uint64_t bytes, msec_t now);

/* Who the client is, what holds for it (`st.conf`, `st.listener`) or its worker has changed: looks
 * up its shaper anew. What it owes stays owed. */
void shaper_refresh(struct c2s *c);

/* Counts what has been read since the last call. */
void shaper_take(struct c2s *c);

/* For a moment without a worker; shaper_refresh() ends it. */
void shaper_suspend(struct c2s *c);

void shaper_free(struct c2s *c);
