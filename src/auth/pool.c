#include "auth/pool.h"
#include "base/hash.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

enum { N_KEYS = 4096 };

struct auth_pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	const struct auth_pool_ops *ops;
	void *owner;
	struct list jobs;
	unsigned n_jobs;
	bool stopping;
	uint16_t per_account[N_KEYS], per_address[N_KEYS]; /* queued or running */
	unsigned n_threads;
	pthread_t thread[];
};

uint32_t auth_pool_key(struct strv s)
{
	return (uint32_t)(hash_strv(s) % N_KEYS);
}

static void *run(void *arg)
{
	struct auth_pool *p = arg;
	void *state;

	/* Messages come before logins: these threads yield the cores to the workers. */
	setpriority(PRIO_PROCESS, (id_t)gettid(), 5);
	state = p->ops ? p->ops->open(p->owner) : NULL;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct list *item = list_pop(&p->jobs);
		struct auth_job *j;
		uint32_t account, address;

		if (item == NULL) {
			if (p->stopping)
				break;
			pthread_cond_wait(&p->more, &p->lock);
			continue;
		}
		p->n_jobs--;
		j = container_of(item, struct auth_job, link);
		account = j->account_key;
		address = j->address_key;
		pthread_mutex_unlock(&p->lock);
		j->work(j, state);
		j->done(j);
		pthread_mutex_lock(&p->lock);
		p->per_account[account]--;
		p->per_address[address]--;
	}
	pthread_mutex_unlock(&p->lock);
	if (p->ops)
		p->ops->close(state);
	return NULL;
}

struct auth_pool *auth_pool_new(unsigned n_threads, const struct auth_pool_ops *ops,
				void *owner)
{
	struct auth_pool *p = mem_zalloc(sizeof(*p) + n_threads * sizeof(p->thread[0]));
	sigset_t all, old;

	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	list_init(&p->jobs);
	p->ops = ops;
	p->owner = owner;
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
		pthread_cond_signal(&p->more);
		r = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}
