/* Messages from other threads to a loop: a queue with many producers and one consumer, which is
 * woken once for a batch, and only when it sleeps. Posting never fails and never blocks; who
 * posts on behalf of a peer asks inbox_is_full() and stops reading from that peer. Messages of
 * one producer keep their order. */
#pragma once

#include "base/base.h"

#include <stdatomic.h>

struct inbox_msg {
	struct inbox_msg *next;
	void (*run)(struct inbox_msg *m, void *owner); /* owns m */
	uint32_t bytes;				       /* what it counts for */
};

enum { INBOX_FULL_BYTES = 16 << 20 };

struct inbox {
	_Atomic(struct inbox_msg *) head; /* the newest first */
	_Atomic int64_t bytes;
	atomic_bool sleeping;
	int event_fd;
};

nodiscard int inbox_init(struct inbox *in); /* -errno of eventfd(2) */
void inbox_fini(struct inbox *in);

void inbox_post(struct inbox *in, struct inbox_msg *m);
static inline bool inbox_is_full(const struct inbox *in)
{
	return atomic_load_explicit(&in->bytes, memory_order_relaxed) > INBOX_FULL_BYTES;
}

static inline bool inbox_is_empty(const struct inbox *in)
{
	return atomic_load_explicit(&in->head, memory_order_relaxed) == NULL;
}

/* The consumer's: runs all that is there, the oldest first. */
void inbox_run(struct inbox *in, void *owner);

/* Says that the consumer is about to sleep. False: there are messages, it must not. */
nodiscard bool inbox_sleep(struct inbox *in);
void inbox_awake(struct inbox *in);
void inbox_wake(struct inbox *in); /* any thread */
