#include "core/server/retire.h"
#include "core/options/conf.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

struct retired {
	struct list link;
	struct conf *conf; /* with `lock`; NULL: gone, with the secrets in it */
	pthread_t thread;
	atomic_bool done;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void retirement_init(struct retirement *r)
{
	list_init(&r->list);
	r->n = 0;
}

static void *wait_for_answers(void *arg)
{
	struct retired *one = arg;
	struct conf *c = one->conf;

	conf_stop(c, false);
	pthread_mutex_lock(&lock);
	one->conf = NULL;
	pthread_mutex_unlock(&lock);
	conf_unref(&c);
	atomic_store(&one->done, true);
	return NULL;
}

static void part_with(struct retirement *r, struct retired *one)
{
	pthread_join(one->thread, NULL);
	list_remove(&one->link);
	r->n--;
	mem_free(one);
}

static void hurry(struct retired *one)
{
	pthread_mutex_lock(&lock);
	if (one->conf)
		conf_hurry(one->conf);
	pthread_mutex_unlock(&lock);
}

void retirement_tidy(struct retirement *r)
{
	LIST_EACH_SAFE(it, &r->list) {
		struct retired *one = container_of(it, struct retired, link);
		if (atomic_load(&one->done))
			part_with(r, one);
	}
}

void retirement_add(struct retirement *r, struct conf *c)
{
	struct retired *one;
	sigset_t all, old;
	int e;

	retirement_tidy(r);
	if (r->n >= RETIRED_MAX) {
		struct retired *oldest = container_of(r->list.next, struct retired, link);
		hurry(oldest);
		part_with(r, oldest);
	}
	if (!conf_has_backends(c)) {
		conf_unref(&c);
		return;
	}
	one = MEM_NEW(struct retired);
	one->conf = c;
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	e = pthread_create(&one->thread, NULL, wait_for_answers, one);
	ASSERT(e == 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	list_push(&r->list, &one->link);
	r->n++;
}

void retirement_hurry(struct retirement *r)
{
	LIST_EACH(it, &r->list)
		hurry(container_of(it, struct retired, link));
}

void retirement_end(struct retirement *r)
{
	retirement_hurry(r);
	while (!list_empty(&r->list))
		part_with(r, container_of(r->list.next, struct retired, link));
}
