#include "io/loop.h"
#include "io/inbox.h"
#include "io/linger.h"

#include <sched.h>
#include <unistd.h>

enum {
	MAX_EVENTS = 256,
	FEW_EVENTS = 16, /* of a loop that yields */
	TICK_SHIFT = 4,	 /* a tick of the wheel is 16 ms */
	N_SLOTS =
		1024, /* ... and a round 16 s; who waits longer is looked at once a round */
	N_WORDS = N_SLOTS / 64,
};

struct loop {
	int epoll_fd;
	struct inbox inbox;
	struct io_watch inbox_watch;
	void *owner;
	atomic_bool stop;
	bool in_patient; /* that work's part of a turn */
	bool yields;
	uint64_t began_us; /* this turn; finer than now: most take less than 0.1 ms */
	msec_t now;
	struct list turn_end, soon, patient, dead;
	struct list wheel[N_SLOTS];
	uint64_t busy[N_WORDS]; /* which slots may hold timers; no other is initialized */
	int64_t tick;		/* the last one that was handled */
	struct list due;	/* timers whose time has come */
	size_t n_timers;
	struct epoll_event
		*batch; /* the events of this turn that are still to be handled */
	int n_batch;
	struct slabs slabs;
	struct loop_lingering lingering;
	struct buf plain;
	char *pool[LOOP_POOL_MAX];
	unsigned n_pool;
	char read_buf[LOOP_BUF];
};

/* --- timers --- */

static size_t slot_of(msec_t at)
{
	return (size_t)(at >> TICK_SHIFT) & (N_SLOTS - 1);
}

static bool is_busy(const struct loop *l, size_t slot)
{
	return l->busy[slot / 64] >> (slot % 64) & 1;
}

void timer_cancel(struct loop *l, struct timer *t)
{
	if (list_empty(&t->link))
		return;
	list_remove(&t->link);
	l->n_timers--;
}

void timer_arm(struct loop *l, struct timer *t, msec_t ms)
{
	size_t slot;

	ASSERT(t->fn != NULL && ms >= 0);
	timer_cancel(l, t);
	/* One tick more: a timer never fires early, and the slot of now is being handled. */
	t->at = MIN(ms, (msec_t)1 << 40) + l->now + (1 << TICK_SHIFT) - 1;
	if ((t->at >> TICK_SHIFT) <= l->tick)
		t->at = (l->tick + 1) << TICK_SHIFT;
	slot = slot_of(t->at);
	if (!is_busy(l, slot))
		list_init(&l->wheel[slot]);
	list_push(&l->wheel[slot], &t->link);
	l->busy[slot / 64] |= (uint64_t)1 << (slot % 64);
	l->n_timers++;
}

static void look_at_slot(struct loop *l, size_t slot, int64_t tick)
{
	if (!is_busy(l, slot))
		return;
	LIST_EACH_SAFE(item, &l->wheel[slot]) {
		struct timer *t = container_of(item, struct timer, link);
		if ((t->at >> TICK_SHIFT) > tick)
			continue;
		list_remove(item);
		list_push(&l->due, item);
	}
	if (list_empty(
		    &l->wheel[slot])) /* its timers may have been cancelled: sleep on */
		l->busy[slot / 64] &= ~((uint64_t)1 << (slot % 64));
}

static void look_for_timers(struct loop *l)
{
	int64_t until = l->now >> TICK_SHIFT;

	if (until - l->tick >
	    N_SLOTS) /* we slept for more than a round: each slot once */
		l->tick = until - N_SLOTS;
	while (l->tick < until) {
		l->tick++;
		look_at_slot(l, (size_t)l->tick & (N_SLOTS - 1), until);
	}
}

/* How long the loop may sleep: to the next slot that is in use; -1: for ever. */
static int next_timer_ms(const struct loop *l)
{
	size_t from = (size_t)(l->tick + 1) & (N_SLOTS - 1);

	if (l->n_timers == 0)
		return -1;
	for (size_t i = 0; i <= N_WORDS; i++) {
		size_t word = (from / 64 + i) % N_WORDS;
		uint64_t bits = l->busy[word];
		size_t slot, ahead;

		if (i == 0)
			bits &= ~(uint64_t)0 << (from % 64);
		if (bits == 0)
			continue;
		slot = word * 64 + (size_t)__builtin_ctzll(bits);
		ahead = (slot - from) & (N_SLOTS - 1);
		return (int)MAX((msec_t)0,
				((l->tick + 1 + (int64_t)ahead) << TICK_SHIFT) - l->now);
	}
	return N_SLOTS << TICK_SHIFT;
}

/* --- the loop --- */

static void on_inbox(struct io_watch *w, uint32_t events)
{
	uint64_t n;
	ssize_t r = read(w->fd, &n, sizeof(n));
	(void)r; /* the turn runs the inbox in any case */
}

struct loop *loop_new(void)
{
	struct loop *l =
		mem_map(sizeof(*l)); /* most of it are rarely used slots, and buffers */
	int r = inbox_init(&l->inbox);

	ASSERT(r == 0);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ASSERT(l->epoll_fd >= 0);
	list_init(&l->turn_end);
	list_init(&l->soon);
	list_init(&l->patient);
	list_init(&l->due);
	list_init(&l->dead);
	list_init(&l->lingering.list);
	l->now = clock_mono_ms();
	l->tick = l->now >> TICK_SHIFT;
	slabs_init(&l->slabs);
	l->plain = BUF_INIT(4 * LOOP_BUF);
	l->inbox_watch =
		(struct io_watch){ .fd = l->inbox.event_fd, .on_event = on_inbox };
	r = loop_watch(l, &l->inbox_watch, EPOLLIN);
	ASSERT(r == 0);
	return l;
}

void loop_free(struct loop **pl)
{
	struct loop *l = *pl;

	*pl = NULL;
	if (l == NULL)
		return;
	linger_end_all(l);
	while (l->n_pool)
		mem_free(l->pool[--l->n_pool]);
	buf_free(&l->plain);
	slabs_fini(&l->slabs);
	close(l->epoll_fd);
	inbox_fini(&l->inbox);
	mem_unmap(l, sizeof(*l));
}

void loop_set_owner(struct loop *l, void *owner)
{
	l->owner = owner;
}

struct inbox *loop_inbox(struct loop *l)
{
	return &l->inbox;
}

msec_t loop_now(const struct loop *l)
{
	return l->now;
}

struct slabs *loop_slabs(struct loop *l)
{
	return &l->slabs;
}

char *loop_read_buf(struct loop *l)
{
	return l->read_buf;
}

struct buf *loop_plain_buf(struct loop *l)
{
	return &l->plain;
}

struct loop_lingering *loop_lingering(struct loop *l)
{
	return &l->lingering;
}

int loop_watch(struct loop *l, struct io_watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &ev) < 0 ? -errno : 0;
}

void loop_rewatch(struct loop *l, struct io_watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	int r = epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
	ASSERT(r == 0);
}

void loop_unwatch(struct loop *l, struct io_watch *w)
{
	int r = epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	ASSERT(r == 0);
	/* Its event may be at hand already; its owner may be gone, or be another thread's, then. */
	for (int i = 0; i < l->n_batch; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

static void add_task(struct list *to, struct loop_task *t)
{
	if (list_empty(&t->link))
		list_push(to, &t->link);
}

void loop_at_turn_end(struct loop *l, struct loop_task *t)
{
	add_task(&l->turn_end, t);
}

void loop_soon(struct loop *l, struct loop_task *t)
{
	add_task(&l->soon, t);
}

void loop_later(struct loop *l, struct loop_task *t)
{
	add_task(&l->patient, t);
}

void loop_end_later(struct loop *l, struct loop_task *t)
{
	add_task(l->in_patient ? &l->turn_end : &l->patient, t);
}

void loop_bury(struct loop *l, struct loop_task *t)
{
	add_task(&l->dead, t);
}

static void run_tasks(struct list *tasks)
{
	struct list *it;

	while ((it = list_pop(tasks))) {
		struct loop_task *t = container_of(it, struct loop_task, link);
		t->fn(t);
	}
}

static bool has_tasks(const struct loop *l)
{
	return !list_empty(&l->soon) || !list_empty(&l->patient) ||
	       !list_empty(&l->due) || !list_empty(&l->turn_end) || !list_empty(&l->dead);
}

static int wait_for_events(struct loop *l, struct epoll_event *ev, int max_wait_ms)
{
	int ms, n;

	if (l->n_timers) /* the last turn may have been long */
		l->now = clock_mono_ms();
	ms = next_timer_ms(l);
	if (max_wait_ms >= 0 && (ms < 0 || ms > max_wait_ms))
		ms = max_wait_ms;
	if (has_tasks(l) || !inbox_sleep(&l->inbox))
		ms = 0;
	do
		n = epoll_wait(l->epoll_fd, ev, l->yields ? FEW_EVENTS : MAX_EVENTS, ms);
	while (n < 0 && errno == EINTR);
	ASSERT(n >= 0);
	inbox_awake(&l->inbox);
	return n;
}

static void run_events(struct loop *l, struct epoll_event *ev, int n)
{
	for (int i = 0; i < n; i++) {
		struct io_watch *w = ev[i].data.ptr;

		l->batch = &ev[i + 1];
		l->n_batch = n - i - 1;
		if (w)
			w->on_event(w, ev[i].events);
	}
	l->batch = NULL;
	l->n_batch = 0;
}

static void end_turn(struct loop *l)
{
	do { /* who goes may leave words to others: they go out before we sleep */
		run_tasks(&l->turn_end);
		run_tasks(&l->dead);
	} while (!list_empty(&l->turn_end));
}

static uint64_t patient_ns(const struct loop *l)
{
	uint64_t others_us = clock_mono_us() - l->began_us;

	return MAX((uint64_t)LOOP_PATIENT_US, others_us / 4) * 1000;
}

/* Thousands may have been armed at the same moment, and each may have to close a connection. */
static void run_timers(struct loop *l)
{
	uint64_t end = list_empty(&l->due) ? 0 : clock_mono_ns() + patient_ns(l);
	struct list *it;

	while ((it = list_pop(&l->due))) { /* one by one: a timer may cancel another */
		struct timer *t = container_of(it, struct timer, link);

		l->n_timers--;
		t->fn(t);
		end_turn(l);
		if (clock_mono_ns() >= end)
			break;
	}
}

static void run_patient(struct loop *l)
{
	/* Not the thread's time, which would be a system call for each task: who was interrupted
	 * looks the sooner at what others want. */
	uint64_t now = clock_mono_ns(), end = now + patient_ns(l), last = 0;
	struct list *it;

	/* The next one may take as long as the last one did, with what it writes and whom it buries. */
	while (now + last < end && (it = list_pop(&l->patient))) {
		struct loop_task *t = container_of(it, struct loop_task, link);
		t->fn(t);
		end_turn(l);
		last = clock_mono_ns() - now;
		now += last;
	}
}

/* Here others' clients are served, whose turns have been with their own workers: they get a share,
 * and no less time than this worker's have had. */
static void run_inbox(struct loop *l)
{
	uint64_t begin, events;

	if (inbox_is_empty(&l->inbox))
		return;
	begin = clock_mono_us();
	events = l->yields ? 0 : begin - l->began_us;
	while (inbox_run(&l->inbox, l->owner) && clock_mono_us() - begin < events)
		;
}

void loop_turn(struct loop *l, int max_wait_ms)
{
	struct epoll_event ev[MAX_EVENTS];
	struct list ready;
	int n = wait_for_events(l, ev, max_wait_ms);

	l->began_us = clock_mono_us();
	l->now = (msec_t)(l->began_us / 1000);
	list_init(&ready); /* what becomes ready from here on waits for the next turn */
	list_splice(&ready, &l->soon);
	run_events(l, ev, n);
	run_tasks(&ready);
	run_inbox(l);
	end_turn(l);
	look_for_timers(l);
	run_timers(l);
	if (list_empty(&l->patient))
		return;
	l->in_patient = true;
	run_patient(l);
	l->in_patient = false;
}

void loop_set_yielding(struct loop *l)
{
	l->yields = true;
	l->inbox.share = INBOX_SHARE / 10;
}

void loop_run(struct loop *l)
{
	while (!atomic_load(&l->stop)) {
		loop_turn(l, -1);
		if (l->yields)
			sched_yield();
	}
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	inbox_wake(&l->inbox);
}

/* --- the pool of output buffers --- */

void loop_pool_get(struct loop *l, struct buf *b)
{
	ASSERT(b->p == NULL);
	b->p = l->n_pool ? l->pool[--l->n_pool] : mem_alloc(LOOP_POOL_CAP);
	b->cap = LOOP_POOL_CAP;
}

void loop_pool_put(struct loop *l, struct buf *b)
{
	if (b->cap == LOOP_POOL_CAP && l->n_pool < LOOP_POOL_MAX) {
		l->pool[l->n_pool++] = b->p;
		b->p = NULL;
		b->n = b->cap = 0;
	} else {
		buf_free(b);
	}
}
