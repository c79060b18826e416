/* Messages between threads, and the order of what a turn does. */
#include "test.h"
#include "io/inbox.h"
#include "io/loop.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { N_PRODUCERS = 4, N_EACH = 20000, DEADLINE_MS = 20000 };

struct note {
	struct inbox_msg msg;
	int from, number;
	uint32_t work;
};

struct reader {
	struct loop *loop;
	int next[N_PRODUCERS];
	int n, disorder;
};

static uint32_t on_note(struct inbox_msg *m, void *owner)
{
	struct note *note = container_of(m, struct note, msg);
	struct reader *r = owner;
	uint32_t work = note->work;

	r->disorder += note->number != r->next[note->from];
	r->next[note->from] = note->number + 1;
	r->n++;
	mem_free(note);
	return work;
}

static void post_work(struct loop *l, int from, int number, uint32_t work)
{
	struct note *note = MEM_NEW(struct note);

	note->msg.run = on_note;
	note->msg.bytes = 100;
	note->from = from;
	note->number = number;
	note->work = work;
	inbox_post(loop_inbox(l), &note->msg);
}

static void post(struct loop *l, int from, int number)
{
	post_work(l, from, number, 0);
}

struct producer {
	pthread_t thread;
	struct loop *loop;
	int id;
};

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (int i = 0; i < N_EACH; i++)
		post(p->loop, p->id, i);
	return NULL;
}

TEST(inbox_keeps_each_producers_order_and_loses_nothing)
{
	struct loop *l = loop_new();
	struct reader r = { .loop = l };
	struct producer p[N_PRODUCERS];
	msec_t deadline = clock_mono_ms() + DEADLINE_MS;

	loop_set_owner(l, &r);
	for (int i = 0; i < N_PRODUCERS; i++) {
		p[i] = (struct producer){ .loop = l, .id = i };
		CHECK_INT(pthread_create(&p[i].thread, NULL, produce, &p[i]), 0);
	}
	while (r.n < N_PRODUCERS * N_EACH && clock_mono_ms() < deadline)
		loop_turn(l, 1000);
	for (int i = 0; i < N_PRODUCERS; i++)
		pthread_join(p[i].thread, NULL);
	CHECK_INT(r.n, N_PRODUCERS * N_EACH);
	CHECK_INT(r.disorder, 0);
	CHECK(inbox_is_empty(loop_inbox(l)));
	CHECK_INT(loop_inbox(l)->bytes, 0);
	loop_free(&l);
}

/* Two loops play ping-pong: every message finds the other asleep, or just falling asleep. A lost
 * wake-up would cost the ten seconds of the wait. */
struct pong {
	struct inbox_msg msg;
	struct loop *to[2];
	int left;
	atomic_bool *done;
};

static uint32_t on_pong(struct inbox_msg *m, void *owner)
{
	struct pong *p = container_of(m, struct pong, msg);

	if (--p->left <= 0)
		*p->done = true;
	if (p->left > -2) /* once more to each, so that both see `done` */
		inbox_post(loop_inbox(p->to[p->left & 1]), m);
	return 0;
}

static void *play(void *arg)
{
	struct pong *p = arg;
	msec_t begin = clock_mono_ms();

	while (!*p->done && clock_mono_ms() - begin < DEADLINE_MS)
		loop_turn(p->to[1], 10000);
	return NULL;
}

TEST(inbox_never_loses_a_wakeup)
{
	atomic_bool done = false;
	struct pong p = { .msg.run = on_pong, .left = 10001, .done = &done };
	msec_t begin = clock_mono_ms();
	pthread_t thread;

	p.to[0] = loop_new();
	p.to[1] = loop_new();
	CHECK_INT(pthread_create(&thread, NULL, play, &p), 0);
	inbox_post(loop_inbox(p.to[1]), &p.msg);
	while (!done && clock_mono_ms() - begin < DEADLINE_MS)
		loop_turn(p.to[0], 10000);
	pthread_join(thread, NULL);
	CHECK(done);
	CHECK(clock_mono_ms() - begin < 9000);
	while (!inbox_is_empty(loop_inbox(p.to[0])))
		loop_turn(p.to[0], 0);
	while (!inbox_is_empty(loop_inbox(p.to[1])))
		loop_turn(p.to[1], 0);
	loop_free(&p.to[0]);
	loop_free(&p.to[1]);
}

TEST(inbox_wakes_only_a_consumer_that_sleeps)
{
	struct inbox in;
	struct inbox_msg a = { .run = NULL }, b = { .run = NULL };
	uint64_t n;

	CHECK_INT(inbox_init(&in), 0);
	inbox_post(&in, &a);
	CHECK(read(in.event_fd, &n, sizeof(n)) < 0); /* nobody slept */
	CHECK(!inbox_sleep(&in));		     /* it must not: there is one */
	in.head = NULL;
	CHECK(inbox_sleep(&in));
	inbox_post(&in, &a);
	inbox_post(&in, &b);
	CHECK_INT(read(in.event_fd, &n, sizeof(n)), sizeof(n));
	CHECK_INT(n, 1);
	in.head = NULL;
	inbox_fini(&in);
}

TEST(inbox_says_when_it_is_full)
{
	struct loop *l = loop_new();
	struct reader r = { .loop = l };
	struct note *note = MEM_NEW(struct note);

	loop_set_owner(l, &r);
	CHECK(!inbox_is_full(loop_inbox(l)));
	note->msg.run = on_note;
	note->msg.bytes = INBOX_FULL_BYTES;
	inbox_post(loop_inbox(l), &note->msg);
	CHECK(!inbox_is_full(loop_inbox(l)));
	post(l, 0, 1); /* taken nevertheless: who asks is the sender */
	CHECK(inbox_is_full(loop_inbox(l)));
	while (!inbox_is_empty(loop_inbox(l)))
		loop_turn(l, 0);
	CHECK_INT(r.n, 2);
	CHECK(!inbox_is_full(loop_inbox(l)));
	loop_free(&l);
}

TEST(inbox_leaves_for_later_turns_what_is_more_than_a_share)
{
	enum { N = 50, WORK = INBOX_SHARE / 10 - 1, TOO_MUCH = 3 * INBOX_SHARE };
	struct loop *l = loop_new();
	struct reader r = { .loop = l };
	struct inbox *in = loop_inbox(l);

	clock_fake_set(1000, 0);
	loop_turn(l, 0); /* the time of a turn that began before would not stand still */
	loop_set_owner(l, &r);
	for (int i = 0; i < N; i++)
		post_work(l, 0, i, i == 20 ? TOO_MUCH : WORK);
	loop_turn(l, 0);
	CHECK_INT(r.n, 10);
	CHECK(!inbox_is_empty(in));
	CHECK_INT(in->bytes, 100 * (N - 10));
	CHECK(!inbox_sleep(in));
	post_work(l, 0, N, WORK); /* behind what has been taken already */
	loop_turn(l, -1);	  /* it would sleep for ever */
	CHECK_INT(r.n, 20);
	loop_turn(l, -1);
	CHECK_INT(r.n, 21);
	while (!inbox_is_empty(in))
		loop_turn(l, -1);
	CHECK_INT(r.n, N + 1);
	CHECK_INT(r.disorder, 0);
	CHECK_INT(in->bytes, 0);
	clock_fake_off();
	loop_free(&l);
}

TEST(inbox_of_a_loop_that_yields_is_run_in_smaller_shares)
{
	struct loop *l = loop_new();
	struct reader r = { .loop = l };

	loop_set_yielding(l);
	loop_set_owner(l, &r);
	for (int i = 0; i < 3; i++)
		post_work(l, 0, i, INBOX_SHARE / 10);
	for (int i = 1; i <= 3; i++) {
		loop_turn(l, -1);
		CHECK_INT(r.n, i);
	}
	loop_free(&l);
}

TEST(inbox_counts_what_is_long_as_work)
{
	struct loop *l = loop_new();
	struct reader r = { .loop = l };

	clock_fake_set(1000, 0);
	loop_turn(l, 0);
	loop_set_owner(l, &r);
	for (int i = 0; i < 3; i++) {
		struct note *note = MEM_NEW(struct note);
		note->msg.run = on_note;
		note->msg.bytes = INBOX_SHARE / 2 << 10;
		note->number = i;
		inbox_post(loop_inbox(l), &note->msg);
	}
	loop_turn(l, 0);
	CHECK_INT(r.n, 2);
	loop_turn(l, -1);
	CHECK_INT(r.n, 3);
	clock_fake_off();
	loop_free(&l);
}

/* Takes its time, on the clock that stands still. */
static void on_slow_step(struct loop_task *t)
{
	(void)t;
	clock_fake_advance_us(20);
}

static uint32_t on_slow_note(struct inbox_msg *m, void *owner)
{
	clock_fake_advance_us(20);
	on_note(m, owner);
	return INBOX_SHARE;
}

/* With many clients of its own in a turn, those of other workers would have next to nothing. */
TEST(inbox_has_as_much_time_as_the_rest_of_the_turn)
{
	enum { N_SLOW = 5, N = 20 };
	struct loop *l = loop_new();
	struct reader r = { .loop = l };
	struct loop_task slow[N_SLOW];

	clock_fake_set(1000, 0);
	loop_turn(l, 0);
	loop_set_owner(l, &r);
	for (int i = 0; i < N_SLOW; i++) {
		loop_task_init(&slow[i], on_slow_step);
		loop_soon(l, &slow[i]);
	}
	for (int i = 0; i < N; i++) {
		struct note *note = MEM_NEW(struct note);
		note->msg.run = on_slow_note;
		note->number = i;
		inbox_post(loop_inbox(l), &note->msg);
	}
	loop_turn(l, 0);
	CHECK_INT(r.n, N_SLOW);
	loop_turn(l, 0);
	CHECK_INT(r.n, N_SLOW + 1);
	while (!inbox_is_empty(loop_inbox(l)))
		loop_turn(l, -1);
	CHECK_INT(r.disorder, 0);
	clock_fake_off();
	loop_free(&l);
}

static void *stop(void *loop)
{
	loop_stop(loop);
	return NULL;
}

TEST(loop_stops_from_another_thread)
{
	struct loop *l = loop_new();
	pthread_t thread;

	CHECK_INT(pthread_create(&thread, NULL, stop, l), 0);
	loop_run(l);
	pthread_join(thread, NULL);
	loop_free(&l);
}

/* --- tasks --- */

struct step {
	struct loop_task task;
	struct loop *loop;
	struct step *next; /* ... put at the turn's end from within */
	int when;
};

static int now;

static void on_step(struct loop_task *t)
{
	struct step *s = container_of(t, struct step, task);

	s->when = ++now;
	if (s->next)
		loop_at_turn_end(s->loop, &s->next->task);
}

static void step_init(struct step *s, struct loop *l)
{
	now = 0;
	*s = (struct step){ .loop = l };
	loop_task_init(&s->task, on_step);
}

TEST(loop_runs_what_the_dying_ask_for_in_the_same_turn)
{
	struct loop *l = loop_new();
	struct step dying, last_words;

	step_init(&dying, l);
	step_init(&last_words, l);
	dying.next = &last_words;
	loop_bury(l, &dying.task);
	loop_turn(l, 0);
	CHECK_INT(dying.when, 1);
	CHECK_INT(last_words.when, 2);
	loop_free(&l);
}

TEST(loop_does_not_sleep_while_there_are_tasks)
{
	struct loop *l = loop_new();
	struct step s;
	msec_t begin = clock_mono_ms();

	step_init(&s, l);
	loop_at_turn_end(l, &s.task);
	loop_turn(l, 10000);
	CHECK_INT(s.when, 1);
	loop_soon(l, &s.task);
	loop_turn(l, 10000);
	CHECK_INT(s.when, 2);
	loop_bury(l, &s.task);
	loop_turn(l, 10000);
	CHECK_INT(s.when, 3);
	CHECK(clock_mono_ms() - begin < 9000);
	loop_free(&l);
}

TEST(loop_task_is_linked_once_and_can_be_cancelled)
{
	struct loop *l = loop_new();
	struct step a, b;

	step_init(&a, l);
	step_init(&b, l);
	loop_soon(l, &a.task);
	loop_soon(l, &a.task);
	loop_soon(l, &b.task);
	loop_task_cancel(&b.task);
	loop_turn(l, 0);
	CHECK_INT(a.when, 1);
	CHECK_INT(b.when, 0);
	loop_free(&l);
}

/* --- watches --- */

struct twin {
	struct io_watch watch;
	struct loop *loop;
	struct twin *other;
	int events;
};

static void on_twin(struct io_watch *w, uint32_t events)
{
	struct twin *t = container_of(w, struct twin, watch);

	t->events++;
	loop_unwatch(t->loop, &t->other->watch);
}

TEST(loop_gives_no_event_to_who_was_unwatched_in_the_same_turn)
{
	struct loop *l = loop_new();
	struct twin a = { .loop = l, .watch.on_event = on_twin }, b = a;
	int fds[2];

	a.other = &b;
	b.other = &a;
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	a.watch.fd = fds[0];
	b.watch.fd = fds[1];
	CHECK_INT(loop_watch(l, &a.watch, EPOLLOUT), 0);
	CHECK_INT(loop_watch(l, &b.watch, EPOLLOUT), 0);
	loop_turn(l, 1000);
	CHECK_INT(a.events + b.events, 1);
	close(fds[0]);
	close(fds[1]);
	loop_free(&l);
}
