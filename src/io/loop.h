/* The event loop of one worker: epoll (edge-triggered), timers, the inbox, and work for the end
 * of the turn. A turn is: wait, events, ready tasks, some of the inbox, the tasks of the turn's end
 * (where connections write), the dead are buried; and then some of the timers that are due, and some
 * of the work that is patient, each piece with an end of its own. Only the loop's own thread calls
 * these, except loop_stop(). */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/slab.h"

#include <sys/epoll.h>

struct loop;
struct inbox;

struct io_watch {
	int fd;
	void (*on_event)(struct io_watch *w, uint32_t events);
};

/* Embedded in what has work to do; linked at most once at a time. */
struct loop_task {
	struct list link;
	void (*fn)(struct loop_task *t);
};

struct timer {
	struct list link;
	msec_t at;
	void (*fn)(struct timer *t); /* the timer is no longer armed when it runs */
};

enum { LOOP_BUF = 65536, LOOP_PATIENT_US = 20 };

nodiscard struct loop *loop_new(void);
void loop_free(struct loop **l);

/* Who gets the inbox's messages as `owner`. */
void loop_set_owner(struct loop *l, void *owner);
struct inbox *loop_inbox(struct loop *l);

/* Before it runs: its turns are short, and its thread offers its processor to others after each. A
 * thread that waits for it and is not just waking up (its time had run out by a little, or a third one
 * had come between) gets it at the kernel's next tick otherwise: 4 ms later, with 250 of them a second. */
void loop_set_yielding(struct loop *l);
void loop_run(struct loop *l);			 /* until loop_stop() */
void loop_stop(struct loop *l);			 /* any thread */
void loop_turn(struct loop *l, int max_wait_ms); /* one turn; for tests */

msec_t loop_now(const struct loop *l); /* of this turn */

/* -errno of epoll_ctl(2). */
nodiscard int loop_watch(struct loop *l, struct io_watch *w, uint32_t events);
void loop_rewatch(struct loop *l, struct io_watch *w, uint32_t events);
/* No event from here on, not even of this turn. */
void loop_unwatch(struct loop *l, struct io_watch *w);

static inline void loop_task_init(struct loop_task *t, void (*fn)(struct loop_task *))
{
	list_init(&t->link);
	t->fn = fn;
}
void loop_at_turn_end(struct loop *l, struct loop_task *t); /* of this turn */
void loop_soon(struct loop *l,
	       struct loop_task *t); /* in the next turn, without waiting */
/* In this turn or in a later one, without waiting, in the order in which they come: a turn does so
 * much of this work as LOOP_PATIENT_US allow, or a quarter of the time that all else in it has taken,
 * and one task at least. What many want at a time, and nobody is held up by for long, does not hold
 * up the rest. */
void loop_later(struct loop *l, struct loop_task *t);
/* The end of what is patient: at once behind such work, otherwise as loop_later(). */
void loop_end_later(struct loop *l, struct loop_task *t);
void loop_bury(struct loop *l, struct loop_task *t); /* after this turn's last task */
static inline void loop_task_cancel(struct loop_task *t)
{
	list_remove(&t->link);
}

static inline void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	list_init(&t->link);
	t->fn = fn;
}
/* Fires once, no earlier than `ms` from now, and at most 16 ms late on an idle loop; an armed
 * timer is set anew. Of those that are due, a turn runs as many as of patient tasks. */
void timer_arm(struct loop *l, struct timer *t, msec_t ms);
void timer_cancel(struct loop *l, struct timer *t);

/* Memory of the loop's thread for what belongs to its connections. Gone with the loop. */
struct slabs *loop_slabs(struct loop *l);

/* Shared by all connections of the loop while an event is handled. */
char *loop_read_buf(struct loop *l); /* LOOP_BUF bytes */
struct buf *loop_plain_buf(struct loop *l);

/* For io/linger.h. */
struct loop_lingering {
	struct list list;
	unsigned n;
};
struct loop_lingering *loop_lingering(struct loop *l);

/* Output buffers of LOOP_POOL_CAP bytes, which connections hold only while they have output. */
enum { LOOP_POOL_CAP = 4096, LOOP_POOL_MAX = 256 };
void loop_pool_get(struct loop *l, struct buf *b); /* b is empty and owns nothing */
void loop_pool_put(struct loop *l, struct buf *b); /* gives b's memory back */
