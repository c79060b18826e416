#include "../test.h"
#include "auth/directory_bind.h"

#include <pthread.h>

enum { N_THREADS = 4, N_TIMES = 300 };

struct asking {
	struct ldap_binders *binders;
	struct auth_backend backend;
};

/* Who has one of them finds out that nobody listens, and when it may try again. */
static void *ask(void *arg)
{
	struct asking *a = arg;

	for (int i = 0; i < N_TIMES; i++) {
		struct auth_call c = { .backend = &a->backend,
				       .until = clock_mono_ms() + 10000 };
		struct ldap_link *l;
		int r;

		l = ldap_binders_take(a->binders, c.until, &r);
		CHECK(l != NULL);
		r = ldap_link_ready(l, &c);
		CHECK(r < 0);
		ldap_binders_give(a->binders, l);
	}
	return NULL;
}

/* What others do with one that is taken nobody looks at: a race that ThreadSanitizer sees. */
TEST(directory_binders_are_each_somebody_s)
{
	static const char *const servers[] = { "127.0.0.1", NULL };
	static const enum dispatch_strategy strategies[] = { DISPATCH_RANDOM,
							     DISPATCH_NEXT };
	struct auth_ldap_pool pool = { .servers = servers,
				       .port = 1,
				       .connect_interval_ms = 1 };
	AUTO(buf_free) struct buf err = BUF_INIT(1000);

	CHECK(auth_ldap_load(&err) == 0);
	for (size_t i = 0; i < ARRAY_LEN(strategies); i++) {
		struct dispatch_conf conf = { .n_workers = N_THREADS,
					      .strategy = strategies[i],
					      .max_queue = N_THREADS };
		struct asking a = { .binders = ldap_binders_new(&pool, &conf) };
		pthread_t thread[N_THREADS];

		for (int t = 0; t < N_THREADS; t++)
			CHECK(pthread_create(&thread[t], NULL, ask, &a) == 0);
		for (int t = 0; t < N_THREADS; t++)
			pthread_join(thread[t], NULL);
		ldap_binders_free(&a.binders);
	}
}
