/* Back-pressure: who sends to a client that does not read, or to a worker that is behind, is not
 * read from until there is room again, for a client five seconds at most. Nothing is dropped on the
 * way; a client that goes on not reading is closed in the end, by its connection's own limits. */
#pragma once

#include "base/slot.h"

struct c2s;
struct worker;

/* A stanza of this sender (HANDLE_NONE: a local matter, nothing to do) has gone to `to`. */
void throttle_after_send(struct worker *w, struct handle sender, struct c2s *to);

/* The same whether or not the connection is congested: until throttle_release(). */
void throttle_sender(struct worker *w, struct handle sender, struct c2s *to);

/* For any other reason; once for each throttle_go_on(). */
void throttle_stop(struct worker *w, struct handle sender);
void throttle_go_on(struct worker *w, struct handle sender);

/* `to` has room again, or is gone: its senders go on. */
void throttle_release(struct c2s *to);

/* It is gone, or goes to another worker: nothing waits for it, and it for nobody. */
void throttle_free(struct c2s *c);

/* The same between workers: this stream waits until `to`'s inbox has room. */
void throttle_for_inbox(struct c2s *c, struct worker *to);
void throttle_look_for_room(struct worker *w);
