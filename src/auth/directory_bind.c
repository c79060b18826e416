#include "auth/directory_bind.h"
#include "base/rand.h"
#include "tls/wipe.h"

#include <pthread.h>

struct binder {
	struct ldap_link link;
	bool taken;
};

struct ldap_binders {
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct dispatch_conf conf;
	size_t n_waiting;
	unsigned next;
	struct binder binders[];
};

struct ldap_binders *ldap_binders_new(const struct auth_ldap_pool *pool,
				      const struct dispatch_conf *conf)
{
	struct ldap_binders *b =
		mem_zalloc(sizeof(*b) + conf->n_workers * sizeof(b->binders[0]));
	pthread_condattr_t attr;

	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->given, &attr);
	pthread_condattr_destroy(&attr);
	b->conf = *conf;
	for (unsigned i = 0; i < conf->n_workers; i++)
		ldap_link_init(&b->binders[i].link, pool);
	return b;
}

void ldap_binders_free(struct ldap_binders **pb)
{
	struct ldap_binders *b = *pb;
	bool wiped;

	*pb = NULL;
	if (b == NULL)
		return;
	wiped = tls_wipe_begin(); /* this thread is none of those that speak TLS */
	for (unsigned i = 0; i < b->conf.n_workers; i++)
		ldap_link_fini(&b->binders[i].link);
	tls_wipe_end(wiped);
	pthread_cond_destroy(&b->given);
	pthread_mutex_destroy(&b->lock);
	mem_free(b);
}

static bool is_down(const struct binder *one)
{
	return ldap_link_rests_until(&one->link) > clock_mono_ms();
}

/* One whose server is there, if there is one. */
static struct binder *find_free(struct ldap_binders *b)
{
	struct binder *found = NULL;

	for (unsigned i = 0; i < b->conf.n_workers; i++) {
		struct binder *one = &b->binders[i];

		if (one->taken)
			continue;
		if (!is_down(one))
			return one;
		found = one;
	}
	return found;
}

/* The one to wait for; NULL: any. */
static struct binder *choose(struct ldap_binders *b)
{
	unsigned n = b->conf.n_workers;

	if (b->conf.strategy == DISPATCH_RANDOM)
		return &b->binders[rand_u64() % n];
	if (b->conf.strategy == DISPATCH_NEXT)
		return &b->binders[b->next++ % n];
	return NULL;
}

/* How one that is taken is, only its thread knows. */
static struct binder *look(struct ldap_binders *b, struct binder *chosen)
{
	if (chosen && chosen->taken)
		return NULL;
	return chosen && !is_down(chosen) ? chosen : find_free(b);
}

static bool may_wait(const struct ldap_binders *b)
{
	return b->conf.strategy != DISPATCH_FREE &&
	       b->n_waiting / b->conf.n_workers < b->conf.max_queue;
}

/* With the lock. */
static struct binder *wait_for(struct ldap_binders *b, msec_t until, int *err)
{
	struct timespec t = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
	struct binder *chosen = choose(b), *one = look(b, chosen);
	int r = 0;

	*err = may_wait(b) ? -ETIMEDOUT : -EAGAIN;
	if (one || *err == -EAGAIN)
		return one;
	b->n_waiting++;
	while (one == NULL && r != ETIMEDOUT) {
		r = pthread_cond_timedwait(&b->given, &b->lock, &t);
		one = look(b, chosen);
	}
	b->n_waiting--;
	return one;
}

struct ldap_link *ldap_binders_take(struct ldap_binders *b, msec_t until, int *err)
{
	struct binder *one;

	pthread_mutex_lock(&b->lock);
	one = wait_for(b, until, err);
	if (one)
		one->taken = true;
	pthread_mutex_unlock(&b->lock);
	return one ? &one->link : NULL;
}

void ldap_binders_give(struct ldap_binders *b, struct ldap_link *l)
{
	struct binder *one = container_of(l, struct binder, link);

	pthread_mutex_lock(&b->lock);
	one->taken = false;
	pthread_cond_broadcast(&b->given); /* each may wait for another one */
	pthread_mutex_unlock(&b->lock);
}
