#include "auth/pool.h"
#include "base/hash.h"
#include "base/net.h"
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>

enum { N_KEYS = 4096 };

struct auth_thread {
	struct auth_pool *pool;
	pthread_t id;
	pthread_cond_t more; /* there is something for it */
};

struct auth_pool {
	pthread_mutex_t lock;
	const struct auth_pool_ops *ops;
	void *owner;
	struct dispatch jobs;
	unsigned n_jobs;
	bool stopping;
	uint16_t per_account[N_KEYS], per_address[N_KEYS]; /* queued or running */
	unsigned n_all, n_threads; /* n_threads: still to be joined */
	struct auth_thread thread[];
};

uint32_t auth_pool_key(struct strv s)
{
	return (uint32_t)(hash_strv(s) % N_KEYS);
}

uint32_t auth_pool_address_key(struct strv address)
{
	return (uint32_t)(net_owner(address) % N_KEYS);
}

static void wake_all(struct auth_pool *p)
{
	for (unsigned i = 0; i < p->n_all; i++)
		pthread_cond_signal(&p->thread[i].more);
}

/* A thread whose service is down would fail jobs faster than the others can do them, and so get
 * most of them: it leaves them to those that are well, if there are any. At the end nobody does: the
 * others may have gone. With the lock. */
static void look_at(struct auth_thread *t, const void *state, msec_t *until)
{
	struct auth_pool *p = t->pool;

	*until = 0;
	if (p->stopping || p->ops == NULL || p->ops->rests_until == NULL)
		return;
	*until = p->ops->rests_until(state);
	if (clock_mono_ms() >= *until)
		*until = 0;
	if (dispatch_set_down(&p->jobs, (unsigned)(t - p->thread), *until > 0))
		wake_all(p);
}

static void wait_for_jobs(struct auth_thread *t, msec_t until)
{
	struct timespec at = { .tv_sec = until / 1000,
			       .tv_nsec = until % 1000 * 1000000 };

	if (until)
		pthread_cond_timedwait(&t->more, &t->pool->lock, &at);
	else
		pthread_cond_wait(&t->more, &t->pool->lock);
}

static void run_one(struct auth_thread *t, struct auth_job *j, void *state)
{
	struct auth_pool *p = t->pool;
	uint32_t account = j->account_key, address = j->address_key;

	pthread_mutex_unlock(&p->lock);
	j->work(j, state);
	pthread_mutex_lock(&p->lock);
	p->per_account[account]--;
	p->per_address[address]--;
	dispatch_finish(&p->jobs, (unsigned)(t - p->thread));
	pthread_mutex_unlock(&p->lock);
	j->done(j);
	pthread_mutex_lock(&p->lock);
}

static void *run(void *arg)
{
	struct auth_thread *t = arg;
	struct auth_pool *p = t->pool;
	msec_t until;
	void *state;

	/* Messages come before logins: these threads yield the cores to the workers. */
	thread_be_nice();
	state = p->ops ? p->ops->open(p->owner) : NULL;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct list *item;

		look_at(t, state, &until);
		item = dispatch_take(&p->jobs, (unsigned)(t - p->thread));
		if (item == NULL && p->stopping)
			break;
		if (item == NULL) {
			wait_for_jobs(t, until);
			continue;
		}
		p->n_jobs--;
		run_one(t, container_of(item, struct auth_job, link), state);
	}
	pthread_mutex_unlock(&p->lock);
	if (p->ops)
		p->ops->close(state);
	return NULL;
}

static void start_threads(struct auth_pool *p)
{
	pthread_condattr_t attr;
	sigset_t all, old;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (unsigned i = 0; i < p->n_all; i++) {
		p->thread[i].pool = p;
		pthread_cond_init(&p->thread[i].more, &attr);
	}
	pthread_condattr_destroy(&attr);
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (; p->n_threads < p->n_all; p->n_threads++) {
		struct auth_thread *t = &p->thread[p->n_threads];
		int r = pthread_create(&t->id, NULL, run, t);
		ASSERT(r == 0);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct auth_pool *auth_pool_new(const struct dispatch_conf *conf,
				const struct auth_pool_ops *ops, void *owner)
{
	struct auth_pool *p =
		mem_zalloc(sizeof(*p) + conf->n_workers * sizeof(p->thread[0]));

	pthread_mutex_init(&p->lock, NULL);
	dispatch_init(&p->jobs, conf, true);
	p->ops = ops;
	p->owner = owner;
	p->n_all = conf->n_workers;
	start_threads(p);
	return p;
}

void auth_pool_stop(struct auth_pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	wake_all(p);
	pthread_mutex_unlock(&p->lock);
	for (; p->n_threads; p->n_threads--)
		pthread_join(p->thread[p->n_threads - 1].id, NULL);
}

void auth_pool_free(struct auth_pool **pp)
{
	struct auth_pool *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	auth_pool_stop(p);
	dispatch_fini(&p->jobs);
	for (unsigned i = 0; i < p->n_all; i++)
		pthread_cond_destroy(&p->thread[i].more);
	pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

static bool has_room(const struct auth_pool *p, const struct auth_job *j)
{
	return p->n_jobs < AUTH_POOL_MAX_JOBS &&
	       p->per_account[j->account_key] < AUTH_POOL_MAX_PER_ACCOUNT &&
	       p->per_address[j->address_key] < AUTH_POOL_MAX_PER_ADDRESS;
}

int auth_pool_submit(struct auth_pool *p, struct auth_job *j)
{
	unsigned wake;
	int r = -EAGAIN;

	ASSERT(j->account_key < N_KEYS && j->address_key < N_KEYS);
	pthread_mutex_lock(&p->lock);
	if (p->stopping) {
		r = -ECANCELED;
	} else if (has_room(p, j) && dispatch_push(&p->jobs, &j->link, &wake)) {
		p->per_account[j->account_key]++;
		p->per_address[j->address_key]++;
		p->n_jobs++;
		if (wake != DISPATCH_NOBODY)
			pthread_cond_signal(&p->thread[wake].more);
		r = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}
