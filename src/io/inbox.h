/* Messages from other threads to a loop: a queue with many producers and one consumer, which is
 * woken once for a batch, and only when it sleeps. Posting never fails and never blocks; who
 * posts on behalf of a peer asks inbox_is_full() and stops reading from that peer. Messages of
 * one producer keep their order. A few bytes of a message may be a lot of work for the consumer,
 * who has others to look after: it runs a share at a time. */
#pragma once

#include "base/base.h"

#include <stdatomic.h>

struct inbox_msg {
	struct inbox_msg *next;
	/* Owns m. How much work it has been, itself (one piece, and one for each KiB) not counted. */
	uint32_t (*run)(struct inbox_msg *m, void *owner);
	uint32_t bytes; /* what it counts for */
};

enum { INBOX_FULL_BYTES = 16 << 20, INBOX_SHARE = 1000 /* pieces of work, at a time */ };

struct inbox {
	_Atomic(struct inbox_msg *) head; /* the newest first */
	struct inbox_msg
		*taken; /* the consumer's: the oldest first, and all before `head` */
	_Atomic int64_t bytes; /* of both */
	uint32_t share;	       /* the consumer's: how much work at a time */
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

/* The consumer's. */
static inline bool inbox_is_empty(const struct inbox *in)
{
	return in->taken == NULL &&
	       atomic_load_explicit(&in->head, memory_order_relaxed) == NULL;
}

/* The consumer's: runs what is there, the oldest first; the message that passes the share is the
 * last one. True: there were more. */
bool inbox_run(struct inbox *in, void *owner);

/* Says that the consumer is about to sleep. False: there are messages, it must not. */
nodiscard bool inbox_sleep(struct inbox *in);
void inbox_awake(struct inbox *in);
void inbox_wake(struct inbox *in); /* any thread */
