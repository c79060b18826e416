/* The timer wheel, on a clock that stands still. */
#include "pair.h"
#include "io/loop.h"

enum { TICK = 16, ROUND = 16384 };

struct alarm {
	struct timer timer;
	struct loop *loop;
	int fired;
	msec_t at;
	int order;	       /* the how-manieth alarm it was */
	struct timer *cancels; /* another one, from within */
	msec_t again_ms;
};

static int n_fired;

static void on_alarm(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	a->fired++;
	a->at = loop_now(a->loop);
	a->order = ++n_fired;
	if (a->cancels)
		timer_cancel(a->loop, a->cancels);
	if (a->again_ms)
		timer_arm(a->loop, t, a->again_ms);
}

static void alarm_init(struct alarm *a, struct loop *l)
{
	*a = (struct alarm){ .loop = l };
	timer_init(&a->timer, on_alarm);
}

static struct loop *start(msec_t at)
{
	n_fired = 0;
	clock_fake_set(at, 0);
	return loop_new();
}

static void stop(struct loop **l)
{
	loop_free(l);
	clock_fake_off();
}

static void pass(struct loop *l, msec_t ms)
{
	clock_fake_advance(ms);
	loop_turn(l, 0);
}

TEST(timer_fires_once_never_early_and_at_most_a_tick_late)
{
	static const msec_t waits[] = { 0,    1,     15,    16,	   17,	  100,	 1000,
					1024, 16383, 16384, 16385, 16400, 40000, 100000 };

	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		for (msec_t begin = 1000; begin < 1000 + TICK; begin += 5) {
			struct loop *l = start(begin);
			struct alarm a;

			alarm_init(&a, l);
			timer_arm(l, &a.timer, waits[i]);
			for (msec_t t = 0; t < waits[i] + 3 * TICK; t++)
				pass(l, 1);
			CHECK_INT(a.fired, 1);
			CHECK(a.at - begin >= waits[i]);
			CHECK(a.at - begin <= waits[i] + TICK);
			stop(&l);
		}
	}
}

TEST(timer_of_no_wait_fires_in_a_later_turn)
{
	struct loop *l = start(160);
	struct alarm a;

	alarm_init(&a, l);
	timer_arm(l, &a.timer, 0);
	loop_turn(l, 0);
	CHECK_INT(a.fired, 0);
	pass(l, TICK);
	CHECK_INT(a.fired, 1);
	stop(&l);
}

TEST(timers_fire_in_the_order_of_their_times)
{
	enum { N = 50 };
	struct loop *l = start(77);
	struct alarm a[N];

	for (int i = 0; i < N; i++) { /* 37 and 50 share no divisor: each wait once */
		alarm_init(&a[i], l);
		timer_arm(l, &a[i].timer, 1000 + i * 37 % N * TICK);
	}
	for (int t = 0; t < 1000 + N * TICK + 2 * TICK; t += TICK)
		pass(l, TICK);
	for (int i = 0; i < N; i++)
		CHECK_INT(a[i].order, i * 37 % N + 1);
	stop(&l);
}

TEST(timers_that_are_due_together_still_fire_in_order)
{
	struct loop *l = start(5);
	struct alarm late, early, middle;

	alarm_init(&late, l);
	alarm_init(&early, l);
	alarm_init(&middle, l);
	timer_arm(l, &late.timer, 900);
	timer_arm(l, &early.timer, 100);
	timer_arm(l, &middle.timer, 500);
	pass(l, 1000); /* the loop was busy all the time */
	CHECK_INT(early.order, 1);
	CHECK_INT(middle.order, 2);
	CHECK_INT(late.order, 3);
	stop(&l);
}

TEST(timer_cancels_another_of_the_same_moment)
{
	struct loop *l = start(0);
	struct alarm a, b, c;

	alarm_init(&a, l);
	alarm_init(&b, l);
	alarm_init(&c, l);
	timer_arm(l, &a.timer, 50);
	timer_arm(l, &b.timer, 50);
	timer_arm(l, &c.timer, 50);
	a.cancels = &b.timer;
	pass(l, 100);
	CHECK_INT(a.fired, 1);
	CHECK_INT(b.fired, 0);
	CHECK_INT(c.fired, 1);
	timer_arm(l, &b.timer, 50); /* it can be used again */
	pass(l, 100);
	CHECK_INT(b.fired, 1);
	stop(&l);
}

TEST(timer_cancels_itself_and_what_is_not_armed)
{
	struct loop *l = start(0);
	struct alarm a;

	alarm_init(&a, l);
	timer_cancel(l, &a.timer);
	a.cancels = &a.timer;
	timer_arm(l, &a.timer, 10);
	pass(l, 100);
	CHECK_INT(a.fired, 1);
	stop(&l);
}

TEST(timer_armed_again_forgets_its_first_time)
{
	struct loop *l = start(0);
	struct alarm a;

	alarm_init(&a, l);
	timer_arm(l, &a.timer, 50);
	timer_arm(l, &a.timer, 5000);
	pass(l, 1000);
	CHECK_INT(a.fired, 0);
	timer_arm(l, &a.timer, 20);
	pass(l, 100);
	CHECK_INT(a.fired, 1);
	pass(l, 10000);
	CHECK_INT(a.fired, 1);
	stop(&l);
}

TEST(timer_that_arms_itself_fires_once_a_period)
{
	struct loop *l = start(0);
	struct alarm a;

	alarm_init(&a, l);
	a.again_ms = 100;
	timer_arm(l, &a.timer, 100);
	for (int i = 0; i < 1000; i++)
		pass(l, 10);
	CHECK(a.fired >= 10000 / (100 + TICK) && a.fired <= 100);
	timer_cancel(l, &a.timer);
	stop(&l);
}

TEST(timer_that_arms_itself_does_not_keep_the_turn)
{
	struct loop *l = start(0);
	struct alarm a;

	alarm_init(&a, l);
	a.again_ms = 1;
	timer_arm(l, &a.timer, 1);
	pass(l,
	     10 * ROUND); /* returns at all; and fires but once, since no time has passed */
	CHECK_INT(a.fired, 1);
	timer_cancel(l, &a.timer);
	stop(&l);
}

TEST(timer_beyond_a_round_waits_for_its_own)
{
	struct loop *l = start(3);
	struct alarm a;

	alarm_init(&a, l);
	timer_arm(l, &a.timer, 3 * ROUND + 40);
	for (int i = 0; i < 3 * ROUND; i += 64)
		pass(l, 64);
	CHECK_INT(a.fired, 0);
	pass(l, 40 + TICK);
	CHECK_INT(a.fired, 1);
	stop(&l);
}

TEST(timers_survive_a_sleep_longer_than_a_round)
{
	struct loop *l = start(3);
	struct alarm due, later, near, soon;

	alarm_init(&due, l);
	alarm_init(&later, l);
	alarm_init(&near, l);
	alarm_init(&soon, l);
	timer_arm(l, &near.timer, 3 * ROUND - 5);
	timer_arm(l, &due.timer, 2 * ROUND);
	timer_arm(l, &soon.timer, 100);
	timer_arm(l, &later.timer, 5 * ROUND);
	pass(l, 3 * ROUND + TICK);
	CHECK_INT(due.fired, 1);
	CHECK_INT(near.fired, 1);
	CHECK_INT(soon.fired, 1);
	CHECK_INT(later.fired, 0);
	timer_arm(l, &soon.timer, 200); /* the wheel goes on from where it is */
	pass(l, 199);
	CHECK_INT(soon.fired, 1);
	pass(l, 1 + TICK);
	CHECK_INT(soon.fired, 2);
	pass(l, 2 * ROUND);
	CHECK_INT(later.fired, 1);
	stop(&l);
}

TEST(timer_armed_after_a_long_turn_counts_from_that_turn)
{
	struct loop *l = start(0);
	struct alarm a, b;

	alarm_init(&a, l);
	alarm_init(&b, l);
	timer_arm(l, &a.timer, 100);
	pass(l, 500);
	timer_arm(l, &b.timer, 100);
	pass(l, 99);
	CHECK_INT(b.fired, 0);
	pass(l, 1 + TICK);
	CHECK_INT(b.fired, 1);
	stop(&l);
}

/* On the real clock: a sleeping loop wakes for its timer, and for nothing before. */
TEST(timer_wakes_a_loop_that_sleeps)
{
	struct loop *l = loop_new();
	struct alarm a;
	msec_t begin = clock_mono_ms();
	int turns = 0;

	alarm_init(&a, l);
	timer_arm(l, &a.timer, 40);
	while (!a.fired && turns++ < 100)
		loop_turn(l, 10000);
	CHECK_INT(a.fired, 1);
	CHECK(clock_mono_ms() - begin >= 40);
	CHECK(clock_mono_ms() - begin < 5000);
	CHECK(turns < 10);
	loop_free(&l);
}

/* What was cancelled wakes nobody, beyond its first round. */
TEST(timer_that_was_cancelled_does_not_wake_the_loop)
{
	enum { WAIT = 40 };
	struct loop *l = start(0);
	struct alarm far, a;
	msec_t begin;

	alarm_init(&far, l);
	alarm_init(&a, l);
	timer_arm(l, &far.timer, 3600000);
	for (int ms = 0; ms < ROUND; ms += TICK) {
		timer_arm(l, &a.timer, ms);
		timer_cancel(l, &a.timer);
	}
	pass(l, ROUND + 1000);
	begin = pair_real_ms();
	loop_turn(l, WAIT);
	CHECK(pair_real_ms() - begin >= WAIT);
	timer_cancel(l, &far.timer);
	stop(&l);
}
