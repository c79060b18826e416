#include "auth/directory_lookup.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum {
	KEPT_MS = 10000
}; /* an answer that came too late for who asked is good for so long */

/* What a thread looks up; it and who asked have a reference each. */
struct question {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done, owned; /* owned: somebody still wants to know */
	msec_t done_at;
	int code;
	struct addrinfo *found;
	lookup_fn *resolve;
	char port[8];
	char host[];
};

struct ldap_lookup {
	struct question *asked; /* NULL: none is under way */
	lookup_fn *resolve;
	unsigned port;
	char *host;
};

/* --- a question --- */

static struct question *question_new(const struct ldap_lookup *l)
{
	size_t n = strlen(l->host) + 1;
	struct question *q = mem_zalloc(sizeof(*q) + n);
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->answered, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&q->lock, NULL);
	q->owned = true;
	q->resolve = l->resolve;
	snprintf(q->port, sizeof(q->port), "%u", l->port);
	memcpy(q->host, l->host, n);
	return q;
}

static void question_free(struct question *q)
{
	if (q->found)
		freeaddrinfo(q->found);
	pthread_cond_destroy(&q->answered);
	pthread_mutex_destroy(&q->lock);
	mem_free(q);
}

static void *run(void *arg)
{
	struct question *q = arg;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICSERV },
			*found = NULL;
	int code = q->resolve(q->host, q->port, &hints, &found);
	bool owned;

	pthread_mutex_lock(&q->lock);
	q->code = code;
	q->found = code == 0 ? found : NULL;
	q->done = true;
	q->done_at = clock_mono_ms();
	owned = q->owned;
	pthread_cond_signal(&q->answered);
	pthread_mutex_unlock(&q->lock);
	if (!owned)
		question_free(q);
	return NULL;
}

/* Whoever of the two comes last frees it. */
static void disown(struct question **pq)
{
	struct question *q = *pq;
	bool done;

	*pq = NULL;
	if (q == NULL)
		return;
	pthread_mutex_lock(&q->lock);
	q->owned = false;
	done = q->done;
	pthread_mutex_unlock(&q->lock);
	if (done)
		question_free(q);
}

static int start(struct question *q)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	r = pthread_create(&thread, &attr, run, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

/* --- a lookup --- */

struct ldap_lookup *ldap_lookup_new(const char *host, unsigned port, lookup_fn *resolve)
{
	struct ldap_lookup *l = MEM_NEW(struct ldap_lookup);

	l->host = mem_strdup(host);
	l->port = port;
	l->resolve = resolve;
	return l;
}

void ldap_lookup_free(struct ldap_lookup **p)
{
	struct ldap_lookup *l = *p;

	*p = NULL;
	if (l == NULL)
		return;
	disown(&l->asked);
	mem_free(l->host);
	mem_free(l);
}

/* An address, which needs nobody's answer. */
static bool is_numeric(const struct ldap_lookup *l, struct addrinfo **ret)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	char port[8];

	snprintf(port, sizeof(port), "%u", l->port);
	return getaddrinfo(l->host, port, &hints, ret) == 0;
}

/* One that nobody has taken for long is none. */
static bool is_old(struct question *q)
{
	bool old;

	pthread_mutex_lock(&q->lock);
	old = q->done && clock_mono_ms() - q->done_at > KEPT_MS;
	pthread_mutex_unlock(&q->lock);
	return old;
}

static bool await(struct question *q, const struct ldap_wait *w)
{
	bool done;
	int ms;

	pthread_mutex_lock(&q->lock);
	while (!q->done && (ms = ldap_wait_ms(w)) > 0) {
		msec_t at = clock_mono_ms() + ms;
		struct timespec t = { .tv_sec = at / 1000,
				      .tv_nsec = at % 1000 * 1000000 };
		pthread_cond_timedwait(&q->answered, &q->lock, &t);
	}
	done = q->done;
	pthread_mutex_unlock(&q->lock);
	return done;
}

static int ask(struct ldap_lookup *l)
{
	struct question *q = question_new(l);
	int r = start(q);

	if (r < 0)
		question_free(q);
	else
		l->asked = q;
	return r;
}

int ldap_lookup_get(struct ldap_lookup *l, const struct ldap_wait *w,
		    struct addrinfo **ret, const char **ret_why)
{
	int code;

	if (l->asked == NULL && is_numeric(l, ret))
		return 0;
	if (l->asked && is_old(l->asked))
		disown(&l->asked);
	if (l->asked == NULL && ask(l) < 0) {
		*ret_why = "there is no thread for that";
		return -EIO;
	}
	if (!await(l->asked, w))
		return -ETIMEDOUT;
	code = l->asked->code;
	if (code == 0) {
		*ret = l->asked->found;
		l->asked->found = NULL;
	} else {
		*ret_why = gai_strerror(code);
	}
	disown(&l->asked);
	return code == 0 ? 0 : -EIO;
}
