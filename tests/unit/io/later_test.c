/* Work that is patient: some of it in each turn, and never before what is not. All else takes no time
 * here, whenever this thread has to wait for its processor. */
#include "pair.h"

struct work {
	struct loop_task task;
	uint64_t ns;
	int *done;
	int order; /* the how-manieth it was; 0: it has not run */
};

enum { TURN_NS = LOOP_PATIENT_US * 1000 };

static void spend(struct work *w)
{
	uint64_t end = clock_thread_cpu_ns() + w->ns;

	while (clock_thread_cpu_ns() < end)
		;
	w->order = ++*w->done;
}

static void on_work(struct loop_task *t)
{
	spend(container_of(t, struct work, task));
}

static void work_init(struct work *w, int *done)
{
	*w = (struct work){ .ns = TURN_NS, .done = done };
	loop_task_init(&w->task, on_work);
}

TEST(loop_later_does_what_the_time_of_a_turn_allows_in_order)
{
	struct loop *l = loop_new();
	struct work work[4];
	int done = 0;

	clock_fake_set(1000, 0);
	for (size_t i = 0; i < ARRAY_LEN(work); i++) {
		work_init(&work[i], &done);
		loop_later(l, &work[i].task);
	}
	loop_later(l, &work[0].task); /* is linked already */
	for (int i = 0; i < (int)ARRAY_LEN(work); i++) {
		CHECK_INT(done, i);
		loop_turn(l, -1); /* does not sleep */
		CHECK_INT(work[i].order, i + 1);
	}
	loop_free(&l);
	clock_fake_off();
}

TEST(loop_later_does_not_begin_what_would_take_too_long)
{
	struct loop *l = loop_new();
	struct work work[2];
	int done = 0;

	clock_fake_set(1000, 0);
	for (size_t i = 0; i < ARRAY_LEN(work); i++) {
		work_init(&work[i], &done);
		work[i].ns = TURN_NS * 3 / 5;
		loop_later(l, &work[i].task);
	}
	loop_turn(l, 0);
	CHECK_INT(done, 1);
	loop_turn(l, 0);
	CHECK_INT(done, 2);
	loop_free(&l);
	clock_fake_off();
}

/* Takes no time itself, but at the turn's end, as what writes does. */
struct writing {
	struct loop *loop;
	struct loop_task task;
	struct work end;
};

static void on_writing(struct loop_task *t)
{
	struct writing *w = container_of(t, struct writing, task);

	loop_end_later(w->loop, &w->end.task);
}

TEST(loop_later_counts_what_the_turn_s_end_takes)
{
	struct loop *l = loop_new();
	struct writing all[3];
	int done = 0;

	clock_fake_set(1000, 0);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		all[i].loop = l;
		loop_task_init(&all[i].task, on_writing);
		work_init(&all[i].end, &done);
		loop_later(l, &all[i].task);
	}
	for (int i = 1; i <= (int)ARRAY_LEN(all); i++) {
		loop_turn(l, 0);
		CHECK_INT(done, i);
	}
	loop_free(&l);
	clock_fake_off();
}

TEST(loop_later_lets_the_next_turn_s_tasks_pass)
{
	struct loop *l = loop_new();
	struct work patient[2], soon;
	int done = 0;

	clock_fake_set(1000, 0);
	for (size_t i = 0; i < ARRAY_LEN(patient); i++) {
		work_init(&patient[i], &done);
		loop_later(l, &patient[i].task);
	}
	work_init(&soon, &done);
	loop_turn(l, 0);
	loop_soon(l, &soon.task);
	loop_turn(l, 0);
	CHECK_INT(patient[0].order, 1);
	CHECK_INT(soon.order, 2);
	CHECK_INT(patient[1].order, 3);
	loop_free(&l);
	clock_fake_off();
}

TEST(loop_later_can_be_cancelled)
{
	struct loop *l = loop_new();
	struct work w;
	int done = 0;

	clock_fake_set(1000, 0);
	work_init(&w, &done);
	loop_later(l, &w.task);
	loop_task_cancel(&w.task);
	loop_turn(l, 0);
	CHECK_INT(done, 0);
	loop_free(&l);
	clock_fake_off();
}

TEST(conn_patient_reads_when_its_turn_has_come)
{
	struct work before;
	struct pair t;
	int done = 0;

	clock_fake_set(1000, 0);
	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_set_patient(t.s.conn, true);
	work_init(&before, &done);
	loop_later(t.s.loop, &before.task);
	peer_send(&t, "hello", 5);
	CHECK(!conn_is_waiting(t.s.conn));
	loop_turn(t.s.loop, 0);
	CHECK(done == 1 && t.s.got.n == 0);
	CHECK(conn_is_waiting(t.s.conn));
	loop_turn(t.s.loop, 0);
	CHECK(t.s.got.n == 5 && !conn_is_waiting(t.s.conn));
	conn_set_patient(t.s.conn, false);
	loop_later(t.s.loop, &before.task);
	peer_send(&t, "hello", 5);
	loop_turn(t.s.loop, 0);
	CHECK(t.s.got.n == 10);
	pair_close(&t);
	clock_fake_off();
}

static size_t echo(struct side *s, struct strv in)
{
	buf_put(conn_out(s->conn), in);
	return in.n;
}

/* An answer that somebody else has brought waits; that to what came in goes out with its turn. */
TEST(conn_patient_writes_when_its_turn_has_come)
{
	struct work before;
	struct pair t;
	int done = 0;

	clock_fake_set(1000, 0);
	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_set_patient(t.s.conn, true);
	work_init(&before, &done);
	loop_later(t.s.loop, &before.task);
	buf_put(conn_out(t.s.conn), STRV("hello"));
	loop_turn(t.s.loop, 0);
	peer_step(&t.p);
	CHECK(done == 1 && t.p.got.n == 0);
	loop_turn(t.s.loop, 0);
	peer_step(&t.p);
	CHECK_INT(t.p.got.n, 5);
	t.s.take = echo;
	peer_send(&t, "hello", 5);
	loop_turn(t.s.loop, 0);
	loop_later(t.s.loop, &before.task);
	peer_step(&t.p);
	CHECK_INT(t.p.got.n, 10);
	conn_set_patient(t.s.conn, false);
	buf_put(conn_out(t.s.conn), STRV("hello"));
	loop_turn(t.s.loop, 0);
	peer_step(&t.p);
	CHECK_INT(t.p.got.n, 15);
	pair_close(&t);
	clock_fake_off();
}

static struct {
	struct work work;
	int done;
	struct loop_task owed; /* to others, by what has been read */
	int paid;
} share;

static void pay(struct loop_task *t)
{
	share.paid++;
}

static size_t take_slowly(struct side *s, struct strv in)
{
	CHECK_INT(share.paid, s->n_data - 1);
	spend(&share.work);
	loop_at_turn_end(s->loop, &share.owed);
	return in.n;
}

/* So much is read of one, and then it is the others' turn: what they get is written, and who has sent
 * less is heard. */
TEST(conn_takes_its_share_of_a_turn)
{
	static char much[4 * CONN_SHARE];
	struct work before;
	struct pair t;
	int done = 0;

	clock_fake_set(1000, 0);
	pair_open(&t, PAIR_UNIX, NULL, 0);
	work_init(&share.work, &share.done);
	loop_task_init(&share.owed, pay);
	work_init(&before, &done);
	t.s.take = take_slowly;
	peer_send(&t, much, sizeof(much));
	loop_later(t.s.loop, &before.task);
	loop_turn(t.s.loop, 0); /* at once, and then it is patient */
	CHECK_INT(t.s.n_data, 1);
	CHECK_INT(done, 1);
	for (int i = 2; i <= 4; i++) {
		loop_turn(t.s.loop, 0);
		CHECK_INT(t.s.meter.in, i * CONN_SHARE);
		CHECK_INT(share.paid, i);
	}
	loop_turn(t.s.loop, 0); /* that was all */
	loop_later(t.s.loop, &before.task);
	peer_send(&t, much, 1);
	loop_turn(t.s.loop, 0);
	CHECK(t.s.n_data == 5 && done == 2);
	pair_close(&t);
	clock_fake_off();
}

/* A quarter of it is longer than this thread waits for its processor. */
static void take_long(struct loop_task *t)
{
	clock_fake_advance(4000);
}

static void take_a_moment(struct loop_task *t)
{
	clock_fake_advance_us(20);
}

/* How much of the patient work is done in a turn that has such a task, too. */
static int done_beside(void (*fn)(struct loop_task *t), int64_t began_us)
{
	struct loop *l = loop_new();
	struct loop_task soon;
	struct work work[3];
	int done = 0, first;

	clock_fake_set(1000, 0);
	clock_fake_advance_us(began_us);
	loop_task_init(&soon, fn);
	loop_soon(l, &soon);
	for (size_t i = 0; i < ARRAY_LEN(work); i++) {
		work_init(&work[i], &done);
		loop_later(l, &work[i].task);
	}
	loop_turn(l, 0);
	first = done;
	while (done < (int)ARRAY_LEN(work))
		loop_turn(l, 0);
	loop_free(&l);
	clock_fake_off();
	return first;
}

/* As much as a quarter of what else there was. */
TEST(loop_later_has_its_share_of_a_long_turn)
{
	CHECK_INT(done_beside(take_long, 0), 3);
}

/* ... which is not a millisecond because one has just ended. */
TEST(loop_later_has_no_more_of_a_short_turn_that_passes_a_millisecond)
{
	CHECK_INT(done_beside(take_a_moment, 990), 1);
}

struct alarm {
	struct timer timer;
	struct work work;
	struct alarm *cancels; /* NULL: nobody */
	struct loop *loop;
};

static void on_alarm(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	spend(&a->work);
	if (a->cancels)
		timer_cancel(a->loop, &a->cancels->timer);
}

/* All at the same moment: one in each turn, as each takes its time; and others have their turns. */
TEST(loop_runs_the_timers_that_are_due_in_several_turns)
{
	struct alarm alarm[5];
	struct loop_task soon;
	struct loop *l;
	int done = 0;

	clock_fake_set(1000, 0);
	l = loop_new();
	loop_turn(l, 0);
	for (size_t i = 0; i < ARRAY_LEN(alarm); i++) {
		alarm[i] = (struct alarm){ .loop = l };
		work_init(&alarm[i].work, &done);
		timer_init(&alarm[i].timer, on_alarm);
		timer_arm(l, &alarm[i].timer, 10);
	}
	alarm[1].cancels = &alarm[2]; /* which is due */
	clock_fake_advance(32);
	loop_turn(l, 0);
	CHECK_INT(done, 1);
	loop_turn(l, -1); /* does not sleep */
	CHECK_INT(done, 2);
	loop_task_init(&soon, take_long); /* they have their share of a long turn */
	loop_soon(l, &soon);
	loop_turn(l, -1);
	CHECK_INT(done, 4);
	CHECK_INT(alarm[0].work.order, 1);
	CHECK_INT(alarm[1].work.order, 2);
	CHECK_INT(alarm[2].work.order, 0);
	CHECK_INT(alarm[3].work.order, 3);
	CHECK_INT(alarm[4].work.order, 4);
	loop_free(&l);
	clock_fake_off();
}
