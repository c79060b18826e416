/* Stanzas to accounts whose home is another worker. They cross as bytes: what is parsed is in memory
 * of the sender's. A stanza to one session stays what it is: if the session takes it, its bytes are
 * what is sent, and nobody reads it again. */
#pragma once

#include <stdint.h>

struct session;
struct stanza;
struct worker;

/* The stanza has its final from and to, with user_hash(). `sender`, or the client that it is made for, may be made to
 * wait for room. */
void crossing_start(struct worker *w, struct worker *to, struct session *sender,
		    const struct stanza *s, uint64_t hash);

/* What another worker is asked (an IQ or a probe, for an account), and would answer into an inbox that
 * is full, it gives back: here it waits for room, and the client that asks is not read. */
void crossing_look_for_room(struct worker *w);
void crossing_drop_questions(struct worker *w);
