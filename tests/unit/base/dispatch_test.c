#include "base/dispatch.h"
#include "test.h"

enum { N_JOBS = 64 };

static struct job {
	struct list link;
} jobs[N_JOBS];

static void start(struct dispatch *d, enum dispatch_strategy strategy, unsigned n,
		  size_t max)
{
	struct dispatch_conf conf = { n, strategy, max };

	dispatch_init(d, &conf, true);
}

static unsigned push(struct dispatch *d, int job)
{
	unsigned wake;

	CHECK(dispatch_push(d, &jobs[job].link, &wake));
	return wake;
}

static bool refuses(struct dispatch *d, int job)
{
	unsigned wake;

	return !dispatch_push(d, &jobs[job].link, &wake);
}

static int take(struct dispatch *d, unsigned i) /* -1: it waits */
{
	struct list *job = dispatch_take(d, i);

	return job ? (int)(container_of(job, struct job, link) - jobs) : -1;
}

/* Each does one job after the other, and wakes nobody. */
static void drain(struct dispatch *d)
{
	for (unsigned i = 0; i < d->n; i++)
		while (take(d, i) >= 0)
			;
	dispatch_fini(d);
}

TEST(dispatch_gives_the_oldest_to_whoever_is_free_first)
{
	struct dispatch d;

	start(&d, DISPATCH_ANY, 2, DISPATCH_NO_LIMIT);
	CHECK_INT(push(&d, 0), 0);
	CHECK_INT(push(&d, 1), 1);
	CHECK_INT(push(&d, 2), DISPATCH_NOBODY);
	CHECK_INT(push(&d, 3), DISPATCH_NOBODY);
	CHECK_INT(take(&d, 1), 1);
	CHECK_INT(take(&d, 1), 2);
	CHECK_INT(take(&d, 0), 0);
	CHECK_INT(take(&d, 1), 3);
	CHECK_INT(take(&d, 0), -1);
	CHECK_INT(take(&d, 1), -1);
	CHECK_INT(push(&d, 4), 1); /* who has worked last is awake soonest */
	drain(&d);
}

TEST(dispatch_refuses_when_too_much_waits)
{
	struct dispatch d;

	start(&d, DISPATCH_ANY, 2, 2);
	for (int i = 0; i < 2 + 2 * 2; i++)
		push(&d, i);
	CHECK(refuses(&d, 6));
	CHECK_INT(take(&d, 0), 0); /* this one did not wait */
	CHECK(refuses(&d, 6));
	CHECK_INT(take(&d, 0), 2);
	push(&d, 6);
	CHECK(refuses(&d, 7));
	drain(&d);
}

TEST(dispatch_lets_nothing_wait_when_nothing_may)
{
	struct dispatch d;

	start(&d, DISPATCH_ANY, 1, 0);
	CHECK_INT(push(&d, 0), 0);
	CHECK(refuses(&d, 1));
	CHECK_INT(take(&d, 0), 0);
	CHECK(refuses(&d, 1));
	CHECK_INT(take(&d, 0), -1);
	CHECK_INT(push(&d, 1), 0);
	drain(&d);
}

TEST(dispatch_gives_only_to_whoever_is_free_now)
{
	struct dispatch d;

	start(&d, DISPATCH_FREE, 2, DISPATCH_NO_LIMIT);
	CHECK_INT(push(&d, 0), 0);
	CHECK_INT(push(&d, 1), 1);
	CHECK(refuses(&d, 2));
	CHECK_INT(take(&d, 1), 1);
	CHECK(refuses(&d, 2)); /* it works on it */
	CHECK_INT(take(&d, 1), -1);
	dispatch_away(&d, 1);
	CHECK(refuses(&d, 2));
	CHECK_INT(take(&d, 1), -1);
	CHECK_INT(push(&d, 2), 1);
	drain(&d);
}

TEST(dispatch_takes_one_that_has_finished_for_free)
{
	struct dispatch d;

	start(&d, DISPATCH_FREE, 1, DISPATCH_NO_LIMIT);
	CHECK_INT(push(&d, 0), 0);
	CHECK_INT(take(&d, 0), 0);
	dispatch_finish(&d, 0);
	CHECK_INT(push(&d, 1), 0);
	CHECK(refuses(&d, 2));
	CHECK_INT(take(&d, 0), 1);
	drain(&d);

	start(&d, DISPATCH_ANY, 1, 1);
	push(&d, 0);
	push(&d, 1);
	CHECK_INT(take(&d, 0), 0);
	dispatch_finish(&d, 0); /* for what waits */
	CHECK_INT(push(&d, 2), DISPATCH_NOBODY);
	CHECK(refuses(&d, 3));
	CHECK_INT(take(&d, 0), 1);
	drain(&d);
}

TEST(dispatch_binds_jobs_to_workers_in_turn)
{
	struct dispatch d;

	start(&d, DISPATCH_NEXT, 3, DISPATCH_NO_LIMIT);
	for (unsigned i = 0; i < 3; i++)
		CHECK_INT(push(&d, (int)i), i);
	for (int i = 3; i < 7; i++)
		CHECK_INT(push(&d, i), DISPATCH_NOBODY);
	for (int i = 1; i < 7; i += 3)
		CHECK_INT(take(&d, 1), i);
	CHECK_INT(take(&d, 1), -1); /* what is others' stays theirs */
	for (int i = 0; i < 7; i += 3)
		CHECK_INT(take(&d, 0), i);
	drain(&d);
}

TEST(dispatch_binds_jobs_to_workers_at_random)
{
	struct dispatch d;
	unsigned seen = 0;

	start(&d, DISPATCH_RANDOM, 4, DISPATCH_NO_LIMIT);
	for (int n = 0; n < 500; n++) { /* one is missed once in 1e62 runs */
		unsigned i = push(&d, 0);
		CHECK(i < 4);
		CHECK_INT(take(&d, i), 0);
		CHECK_INT(take(&d, i), -1);
		seen |= 1u << i;
	}
	CHECK_INT(seen, 15);
	CHECK(!dispatch_set_down(&d, 0, true));
	CHECK(!dispatch_set_down(&d, 2, true));
	for (int n = 0; n < 100; n++) {
		unsigned i = push(&d, 0);
		CHECK(i == 1 || i == 3);
		CHECK_INT(take(&d, i), 0);
		CHECK_INT(take(&d, i), -1);
	}
	drain(&d);
}

TEST(dispatch_moves_what_is_queued_for_one_that_goes_down)
{
	struct dispatch d;

	start(&d, DISPATCH_NEXT, 3, DISPATCH_NO_LIMIT);
	for (int i = 0; i < 7; i++)
		push(&d, i);
	CHECK_INT(take(&d, 0), 0);
	CHECK(dispatch_set_down(&d, 0, true)); /* 3 and 6 */
	CHECK_INT(take(&d, 0), -1);
	CHECK_INT(take(&d, 1), 1);
	CHECK_INT(take(&d, 1), 4);
	CHECK_INT(take(&d, 1), 3);
	CHECK_INT(take(&d, 1), -1);
	CHECK_INT(take(&d, 2), 2);
	CHECK(dispatch_set_down(&d, 2, true)); /* 5 and 6 */
	CHECK_INT(take(&d, 2), -1);
	CHECK_INT(take(&d, 1), 5);
	CHECK_INT(push(&d, 7), DISPATCH_NOBODY);
	CHECK_INT(take(&d, 1), 6);
	CHECK_INT(take(&d, 1), 7);
	CHECK(!dispatch_set_down(&d, 1, true)); /* then there is no difference */
	CHECK_INT(push(&d, 8), 2);
	CHECK_INT(push(&d, 9), 0);
	CHECK(dispatch_set_down(&d, 1, false)); /* 8 and 9, which were not begun */
	CHECK_INT(take(&d, 2), -1);
	CHECK_INT(take(&d, 0), -1);
	CHECK_INT(take(&d, 1) + take(&d, 1), 17);
	CHECK_INT(take(&d, 1), -1);
	drain(&d);
}

TEST(dispatch_leaves_jobs_to_those_that_are_up)
{
	struct dispatch d;

	start(&d, DISPATCH_ANY, 2, DISPATCH_NO_LIMIT);
	CHECK(!dispatch_set_down(&d, 0, true));
	CHECK_INT(push(&d, 0), 1);
	CHECK_INT(push(&d, 1), DISPATCH_NOBODY);
	CHECK_INT(take(&d, 0), -1);
	CHECK_INT(take(&d, 1), 0);
	CHECK(dispatch_set_down(&d, 1, true)); /* worker 0 has to be woken for 1 */
	CHECK_INT(take(&d, 1), -1);
	CHECK_INT(take(&d, 0), 1);
	drain(&d);
}

TEST(dispatch_gives_what_was_just_given_to_one_that_goes_down_to_the_next)
{
	struct dispatch d;

	start(&d, DISPATCH_ANY, 2, 0);
	CHECK_INT(push(&d, 0), 0);
	CHECK_INT(push(&d, 1), 1);
	CHECK(!dispatch_set_down(&d, 0, true)); /* nobody is free: 0 is the next */
	CHECK_INT(take(&d, 0), -1);
	CHECK_INT(take(&d, 1), 1);
	CHECK_INT(take(&d, 1), 0);
	drain(&d);

	start(&d, DISPATCH_FREE, 2, DISPATCH_NO_LIMIT);
	CHECK_INT(push(&d, 0), 0);
	CHECK(dispatch_set_down(&d, 0, true));
	CHECK_INT(take(&d, 0), -1);
	CHECK_INT(take(&d, 1), 0);
	CHECK(refuses(&d, 1)); /* who is down is not free for it */
	CHECK_INT(take(&d, 1), -1);
	CHECK_INT(push(&d, 1), 1);
	CHECK(!dispatch_set_down(&d, 1, true)); /* nobody is better off */
	CHECK_INT(take(&d, 1), 1);
	drain(&d);
}

TEST(dispatch_has_those_that_are_down_work_when_all_are)
{
	struct dispatch_conf conf = { 2, DISPATCH_FREE, DISPATCH_NO_LIMIT };
	struct dispatch d;

	dispatch_init(&d, &conf, false);
	CHECK_INT(push(&d, 0), 0);
	CHECK_INT(push(&d, 1), 1);
	CHECK(refuses(&d, 2));
	CHECK_INT(take(&d, 0), 0);
	CHECK(!dispatch_set_down(&d, 0, false));
	CHECK_INT(take(&d, 1), 1); /* there is nobody free to do it instead */
	drain(&d);
}
