#include "auth/cache.h"
#include "auth/pool.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

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
	j->address_key = auth_pool_key(strv_from(address));
	j->work = work;
	j->done = done;
	r = auth_pool_submit(p, j);
	if (r < 0)
		mem_free(j);
	return r;
}

TEST(pool_bounds_what_one_account_may_queue_and_finishes_all_of_it)
{
	struct auth_pool *p = auth_pool_new(2, NULL, NULL);

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
	struct auth_pool *p = auth_pool_new(1, NULL, NULL);
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
