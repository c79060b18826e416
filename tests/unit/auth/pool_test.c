#include "auth/cache.h"
#include "auth/pool.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_int worked, finished;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void work(struct auth_job *j, void *state)
{
	pthread_mutex_lock(&gate); /* the test holds it while it fills the queue */
	pthread_mutex_unlock(&gate);
	worked++;
}

static void done(struct auth_job *j)
{
	finished++;
	mem_free(j);
}

static int submit(struct auth_pool *p, const char *account, const char *address)
{
	struct auth_job *j = MEM_NEW(struct auth_job);
	int r;

	j->account_key = auth_pool_key(strv_from(account));
	j->address_key = auth_pool_address_key(strv_from(address));
	j->work = work;
	j->done = done;
	r = auth_pool_submit(p, j);
	if (r < 0)
		mem_free(j);
	return r;
}

TEST(pool_bounds_what_one_account_may_queue_and_finishes_all_of_it)
{
	struct auth_pool *p = auth_pool_new(AUTH_POOL_PLAIN(2), NULL, NULL);

	worked = finished = 0;
	pthread_mutex_lock(&gate);
	for (int i = 0; i < AUTH_POOL_MAX_PER_ACCOUNT; i++)
		CHECK_INT(submit(p, "romeo@example.net", "192.0.2.1"), 0);
	CHECK_INT(submit(p, "romeo@example.net", "192.0.2.1"), -EAGAIN);
	CHECK_INT(submit(p, "juliet@example.net", "192.0.2.2"), 0);
	pthread_mutex_unlock(&gate);
	auth_pool_free(&p);
	CHECK(p == NULL);
	CHECK_INT(worked, AUTH_POOL_MAX_PER_ACCOUNT + 1);
	CHECK_INT(finished, worked);
}

TEST(pool_bounds_what_one_address_may_queue)
{
	struct auth_pool *p = auth_pool_new(AUTH_POOL_PLAIN(1), NULL, NULL);
	int ok = 0;

	pthread_mutex_lock(&gate);
	for (int i = 0; i < 2 * AUTH_POOL_MAX_PER_ADDRESS; i++) {
		char account[8] = { (char)('a' + i % 26), (char)('a' + i / 26), 0 };
		ok += submit(p, account, "192.0.2.1") == 0;
	}
	CHECK_INT(ok, AUTH_POOL_MAX_PER_ADDRESS);
	pthread_mutex_unlock(&gate);
	auth_pool_free(&p);
}

TEST(pool_bounds_what_a_subscriber_of_ipv6_may_queue)
{
	struct auth_pool *p = auth_pool_new(AUTH_POOL_PLAIN(1), NULL, NULL);
	int ok = 0;

	pthread_mutex_lock(&gate);
	for (int i = 0; i < 2 * AUTH_POOL_MAX_PER_ADDRESS; i++) {
		char account[8] = { (char)('a' + i % 26), (char)('a' + i / 26), 0 };
		char address[32];
		snprintf(address, sizeof(address), "2001:db8:0:1:%x::1", i);
		ok += submit(p, account, address) == 0;
	}
	CHECK_INT(ok, AUTH_POOL_MAX_PER_ADDRESS);
	CHECK_INT(submit(p, "romeo", "2001:db8:0:2::1"), 0);
	pthread_mutex_unlock(&gate);
	auth_pool_free(&p);
}

/* --- strategies --- */

static int submit_each(struct auth_pool *p, int n, int *ret_refused)
{
	int ok = 0;

	*ret_refused = 0;
	for (int i = 0; i < n; i++) {
		char account[8] = { (char)('a' + i), 0 };
		int r = submit(p, account, account);

		CHECK(r == 0 || r == -EAGAIN);
		ok += r == 0;
		*ret_refused += r < 0;
	}
	return ok;
}

TEST(pool_takes_no_more_than_there_are_free_threads)
{
	struct dispatch_conf conf = { 3, DISPATCH_FREE, DISPATCH_NO_LIMIT };
	struct auth_pool *p = auth_pool_new(&conf, NULL, NULL);
	int refused;

	finished = 0;
	for (int again = 0; again < 20; again++) {
		pthread_mutex_lock(&gate);
		CHECK_INT(submit_each(p, 5, &refused), 3);
		CHECK_INT(refused, 2);
		pthread_mutex_unlock(&gate);
		while (finished < 3 * (again + 1)) /* who has answered is free */
			sched_yield();
	}
	auth_pool_free(&p);
}

TEST(pool_lets_so_many_wait_for_each_thread)
{
	struct dispatch_conf conf = { 2, DISPATCH_ANY, 3 };
	struct auth_pool *p = auth_pool_new(&conf, NULL, NULL);
	int refused;

	finished = 0;
	pthread_mutex_lock(&gate);
	CHECK_INT(submit_each(p, 10, &refused), 2 + 2 * 3);
	CHECK_INT(refused, 2);
	pthread_mutex_unlock(&gate);
	auth_pool_free(&p);
	CHECK_INT(finished, 8);
}

TEST(pool_answers_at_its_end_what_is_bound_to_threads)
{
	static const enum dispatch_strategy bound[] = { DISPATCH_NEXT, DISPATCH_RANDOM };

	for (int i = 0; i < 2; i++) {
		struct dispatch_conf conf = { 3, bound[i], DISPATCH_NO_LIMIT };
		struct auth_pool *p = auth_pool_new(&conf, NULL, NULL);
		int refused;

		finished = 0;
		pthread_mutex_lock(&gate);
		CHECK_INT(submit_each(p, 20, &refused), 20);
		pthread_mutex_unlock(&gate);
		auth_pool_free(&p);
		CHECK_INT(finished, 20);
	}
}

/* --- threads whose service is down --- */

struct place {
	int number;
	_Atomic msec_t until;
};

static struct place places[2];
static atomic_int n_places, asked[2];

static void *open_place(void *owner)
{
	struct place *p = &places[n_places++];

	return p;
}

static void close_place(void *state)
{
}

static msec_t rests_until(const void *state)
{
	return ((const struct place *)state)->until;
}

static void note(struct auth_job *j, void *state)
{
	asked[((struct place *)state)->number]++;
}

static void set_places(msec_t first, msec_t second)
{
	n_places = asked[0] = asked[1] = finished = 0;
	places[0] = (struct place){ 0, first };
	places[1] = (struct place){ 1, second };
}

static struct auth_pool *ask_often(int n, enum dispatch_strategy strategy)
{
	static const struct auth_pool_ops ops = { open_place, close_place, rests_until };
	struct dispatch_conf conf = { 2, strategy, DISPATCH_NO_LIMIT };
	struct auth_pool *p = auth_pool_new(&conf, &ops, NULL);

	for (int i = 0; i < n; i++) {
		struct auth_job *j = MEM_NEW(struct auth_job);
		j->work = note;
		j->done = done;
		while (auth_pool_submit(p, j) < 0)
			sched_yield();
		while (finished <= i)
			sched_yield();
	}
	return p;
}

TEST(pool_leaves_jobs_to_threads_whose_service_is_there)
{
	struct auth_pool *p;

	set_places(INT64_MAX / 2, 0);
	p = ask_often(200, DISPATCH_ANY);
	CHECK_INT(asked[0], 0);
	CHECK_INT(asked[1], 200);
	auth_pool_free(&p);
}

TEST(pool_does_not_hold_jobs_back_when_no_service_is_there)
{
	struct auth_pool *p;

	set_places(INT64_MAX / 2, INT64_MAX / 2);
	p = ask_often(200, DISPATCH_ANY);
	CHECK_INT(asked[0] + asked[1], 200);
	auth_pool_free(&p);
}

TEST(pool_uses_a_thread_again_that_has_rested)
{
	struct auth_pool *p;

	set_places(clock_mono_ms() + 20, 0);
	p = ask_often(1, DISPATCH_NEXT);
	while (asked[0] == 0) { /* of two that are well, each in turn */
		struct auth_job *j = MEM_NEW(struct auth_job);
		int before = finished;
		j->work = note;
		j->done = done;
		CHECK_INT(auth_pool_submit(p, j), 0);
		while (finished == before)
			sched_yield();
	}
	CHECK(clock_mono_ms() >= places[0].until);
	auth_pool_free(&p);
}

/* Its service goes down with the first question: what is in its queue goes to the other one. */
static void go_down(struct auth_job *j, void *state)
{
	struct place *p = state;

	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	if (p->number == 0 && asked[0] == 0)
		p->until = INT64_MAX / 2;
	asked[p->number]++;
}

TEST(pool_moves_what_is_queued_for_a_thread_whose_service_goes_down)
{
	static const struct auth_pool_ops ops = { open_place, close_place, rests_until };
	struct dispatch_conf conf = { 2, DISPATCH_NEXT, DISPATCH_NO_LIMIT };
	struct auth_pool *p;

	set_places(0, 0);
	p = auth_pool_new(&conf, &ops, NULL);
	pthread_mutex_lock(&gate);
	for (uint32_t i = 0; i < 10; i++) {
		struct auth_job *j = MEM_NEW(struct auth_job);
		j->account_key = j->address_key = i;
		j->work = go_down;
		j->done = done;
		CHECK_INT(auth_pool_submit(p, j), 0);
	}
	pthread_mutex_unlock(&gate);
	while (finished < 10)
		sched_yield();
	CHECK_INT(asked[0], 1);
	CHECK_INT(asked[1], 9);
	auth_pool_free(&p);
}

TEST(cache_knows_a_password_until_the_row_changes)
{
	struct auth_cache *c = auth_cache_new(64);

	CHECK(!auth_cache_has(c, STRV("a@x"), STRV("pw"), STRV("row1")));
	auth_cache_add(c, STRV("a@x"), STRV("pw"), STRV("row1"));
	CHECK(auth_cache_has(c, STRV("a@x"), STRV("pw"), STRV("row1")));
	CHECK(!auth_cache_has(c, STRV("a@x"), STRV("pw"), STRV("row2")));
	CHECK(!auth_cache_has(c, STRV("a@x"), STRV("pwr"), STRV("ow1")));
	CHECK(!auth_cache_has(c, STRV("a@x"), STRV("Pw"), STRV("row1")));
	CHECK(!auth_cache_has(c, STRV("b@x"), STRV("pw"), STRV("row1")));
	auth_cache_free(&c);
	CHECK(c == NULL);
}
