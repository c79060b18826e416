#include "auth/pool.h"
#include "base/hash.h"
#include "base/net.h"
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>

enum { N_KEYS = 4096 };

struct auth_pool {
	pthread_mutex_t lock;
	pthread_cond_t more;   /* for threads that are well ... */
	pthread_cond_t rested; /* ... and those that rest */
	const struct auth_pool_ops *ops;
	void *owner;
	struct list jobs;
	unsigned n_jobs;
	bool stopping;
	uint16_t per_account[N_KEYS], per_address[N_KEYS]; /* queued or running */
	unsigned n_resting, n_all;
	unsigned n_threads; /* still to be joined */
	pthread_t thread[];
};

uint32_t auth_pool_key(struct strv s)
{
	return (uint32_t)(hash_strv(s) % N_KEYS);
}

uint32_t auth_pool_address_key(struct strv address)
{
	return (uint32_t)(net_owner(address) % N_KEYS);
}

/* A thread whose service is down would fail jobs faster than the others can do them, and so get
 * most of them: it leaves them to those that are well, if there are any. With the lock. */
static void look_at(struct auth_pool *p, const void *state, bool *rests, msec_t *until)
{
	bool did = *rests;

	*until = p->ops && p->ops->rests_until ? p->ops->rests_until(state) : 0;
	*rests = clock_mono_ms() < *until;
	p->n_resting += (unsigned)*rests - (unsigned)did;
	if (*rests && !did && p->n_resting == p->n_all)
		pthread_cond_broadcast(&p->rested);
}

static void wait_for_jobs(struct auth_pool *p, bool rests, msec_t until)
{
	struct timespec t = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };

	if (rests)
		pthread_cond_timedwait(&p->rested, &p->lock, &t);
	else
		pthread_cond_wait(&p->more, &p->lock);
}

static void run_one(struct auth_pool *p, struct auth_job *j, void *state)
{
	uint32_t account = j->account_key, address = j->address_key;

	pthread_mutex_unlock(&p->lock);
	j->work(j, state);
	j->done(j);
	pthread_mutex_lock(&p->lock);
	p->per_account[account]--;
	p->per_address[address]--;
}

static void *run(void *arg)
{
	struct auth_pool *p = arg;
	bool rests = false;
	msec_t until;
	void *state;

	/* Messages come before logins: these threads yield the cores to the workers. */
	thread_be_nice();
	state = p->ops ? p->ops->open(p->owner) : NULL;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		bool leaves;
		struct list *item;

		look_at(p, state, &rests, &until);
		leaves = rests && p->n_resting < p->n_all && !p->stopping;
		item = leaves ? NULL : list_pop(&p->jobs);
		if (item == NULL && p->stopping)
			break;
		if (item == NULL) {
			wait_for_jobs(p, rests, until);
			continue;
		}
		p->n_jobs--;
		run_one(p, container_of(item, struct auth_job, link), state);
	}
	pthread_mutex_unlock(&p->lock);
	if (p->ops)
		p->ops->close(state);
	return NULL;
}

static void init_conds(struct auth_pool *p)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->more, &attr);
	pthread_cond_init(&p->rested, &attr);
	pthread_condattr_destroy(&attr);
}

struct auth_pool *auth_pool_new(unsigned n_threads, const struct auth_pool_ops *ops,
				void *owner)
{
	struct auth_pool *p = mem_zalloc(sizeof(*p) + n_threads * sizeof(p->thread[0]));
	sigset_t all, old;

	pthread_mutex_init(&p->lock, NULL);
	init_conds(p);
	list_init(&p->jobs);
	p->ops = ops;
	p->owner = owner;
	p->n_all = n_threads;
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (; p->n_threads < n_threads; p->n_threads++) {
		int r = pthread_create(&p->thread[p->n_threads], NULL, run, p);
		ASSERT(r == 0);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return p;
}

void auth_pool_stop(struct auth_pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->more);
	pthread_cond_broadcast(&p->rested);
	pthread_mutex_unlock(&p->lock);
	for (; p->n_threads; p->n_threads--)
		pthread_join(p->thread[p->n_threads - 1], NULL);
}

void auth_pool_free(struct auth_pool **pp)
{
	struct auth_pool *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	auth_pool_stop(p);
	pthread_cond_destroy(&p->more);
	pthread_cond_destroy(&p->rested);
	pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

int auth_pool_submit(struct auth_pool *p, struct auth_job *j)
{
	int r = -EAGAIN;

	ASSERT(j->account_key < N_KEYS && j->address_key < N_KEYS);
	pthread_mutex_lock(&p->lock);
	if (p->stopping) {
		r = -ECANCELED;
	} else if (p->n_jobs < AUTH_POOL_MAX_JOBS &&
		   p->per_account[j->account_key] < AUTH_POOL_MAX_PER_ACCOUNT &&
		   p->per_address[j->address_key] < AUTH_POOL_MAX_PER_ADDRESS) {
		p->per_account[j->account_key]++;
		p->per_address[j->address_key]++;
		p->n_jobs++;
		list_push(&p->jobs, &j->link);
		pthread_cond_signal(p->n_resting < p->n_all ? &p->more : &p->rested);
		r = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}
