/* One client's turn on its worker: what comes in one go may make a thousand times as much work. When
 * it has made a millisecond of it, others are next; a stanza is never left half done. */
#pragma once

#include "base/base.h"

struct c2s;
struct stream;

void turn_begin(struct c2s *c);

/* May another stanza be handled in it? */
bool turn_goes_on(struct stream *st);

void turn_works(struct stream *st, uint32_t work);

/* So much of `n` bytes has been taken: the rest comes in a turn of its own. */
void turn_end(struct c2s *c, size_t used, size_t n);
