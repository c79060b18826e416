/* The queues and the threads: a writer that groups commits, and readers. */
#include "store/store_priv.h"
#include "base/hash.h"
#include "base/log.h"
#include "tls/wipe.h"

#include <signal.h>

static struct store_call *call_of(struct list *it)
{
	return container_of(it, struct store_call, link);
}

/* `done`: it was all that the link had taken. */
static void deliver_all(struct store_link *l, struct list *batch, bool done)
{
	struct store *s = l->store;
	struct list *it;

	pthread_mutex_lock(&s->lock);
	if (!l->writes && done)
		dispatch_finish(&s->reads, (unsigned)(l - s->read));
	LIST_EACH(item, batch) {
		struct store_call *c = call_of(item);

		s->n_calls--;
		s->n_bytes -= c->bytes;
		if (c->in_writer && !c->patient)
			s->writing[c->account]--;
	}
	pthread_mutex_unlock(&s->lock);
	while ((it = list_pop(batch))) {
		struct store_call *c = call_of(it);
		c->deliver(c);
	}
}

static void count_waiting(struct store *s, const struct store_call *c, size_t by)
{
	if (c->patient)
		s->n_patient += by;
	else
		s->n_urgent += by;
}

/* The calls of `rest` were not begun: they are the first ones of the next batch. Who ends does not
 * wait for what is locked: nothing that still waits is done then. */
static void put_back(struct store *s, struct list *batch, struct list *rest)
{
	pthread_mutex_lock(&s->lock);
	if (s->stopping) {
		list_splice(rest, &s->writes);
		s->n_urgent = s->n_patient = 0;
		calls_fail(rest, -ETIMEDOUT);
		list_splice(batch, rest);
	} else {
		LIST_EACH(it, rest)
			count_waiting(s, call_of(it), 1);
		list_splice(rest, &s->writes);
		list_splice(&s->writes, rest);
	}
	pthread_mutex_unlock(&s->lock);
}

static void run_writes(struct store *s, struct list *batch)
{
	struct list rest;

	list_init(&rest);
	calls_write(s, batch, &rest);
	if (!list_empty(&rest))
		put_back(s, batch, &rest);
}

/* --- the threads --- */

/* Who has waited for too long may have given up, and what comes behind need not wait for it. */
static void drop_late(struct store_link *l, struct list *batch)
{
	const struct store *s = l->store;
	msec_t limit = s->conf.sql ? s->conf.sql->call_timeout_ms : INT64_MAX;
	struct list late;

	list_init(&late);
	LIST_EACH_SAFE(it, batch) {
		struct store_call *c = call_of(it);

		if (clock_mono_ms() - c->submitted < limit)
			continue;
		list_remove(it);
		list_push(&late, it);
		c->err = -ETIMEDOUT;
	}
	if (!list_empty(&late))
		deliver_all(l, &late, list_empty(batch));
}

/* Those that have come together see the same moment: what a transaction costs, they share. */
static void run_reads(struct store_link *l, struct list *batch)
{
	bool together = batch->next != batch->prev && db_begin_read() == 0;

	while (!list_empty(batch)) {
		struct list *it = list_pop(batch), one;

		list_init(&one);
		list_push(&one, it);
		call_run(l->store, call_of(it));
		deliver_all(l, &one, list_empty(batch));
	}
	if (together)
		calls_end_read();
}

static void run_batch(struct store_link *l, struct list *batch)
{
	struct store *s = l->store;

	link_check(l);
	if (s->conf.sql)
		drop_late(l, batch);
	if (list_empty(batch))
		return;
	if (!l->up)
		calls_fail(batch, -ENOTCONN);
	else if (l->writes)
		run_writes(s, batch);
	else
		run_reads(l, batch);
	l->used_at = clock_mono_ms();
	if (!list_empty(batch))
		deliver_all(l, batch, true);
}

/* Not if nobody waits for any of them, and there is time for more to come. */
static bool writes_are_due(const struct store *s)
{
	return s->n_urgent || s->stopping || s->n_patient >= STORE_BATCH ||
	       (s->n_patient && clock_mono_ms() >= s->patient_until);
}

static void take_writes(struct store *s, struct list *batch)
{
	unsigned n = writes_are_due(s) ? STORE_BATCH : 0;
	struct list *it;

	while (n-- && (it = list_pop(&s->writes))) {
		count_waiting(s, call_of(it), (size_t)-1);
		list_push(batch, it);
	}
}

static void take_reads(struct store_link *l, struct list *batch)
{
	struct store *s = l->store;
	unsigned me = (unsigned)(l - s->read), n = s->conf.sql ? 1 : STORE_READS;
	struct list *it;

	while (n-- && (it = dispatch_take(&s->reads, me)))
		list_push(batch, it);
	if (!list_empty(batch))
		dispatch_away(&s->reads, me); /* the last try may have found nothing */
}

/* Takes calls that this link is to run; the lock is held. */
static void take(struct store_link *l, struct list *batch)
{
	if (l->writes)
		take_writes(l->store, batch);
	else
		take_reads(l, batch);
}

static msec_t patience(const struct store_link *l)
{
	const struct store *s = l->store;
	msec_t ms = link_patience(l), left;

	if (!l->writes || s->n_patient == 0)
		return ms;
	left = MAX(s->patient_until - clock_mono_ms(), (msec_t)0);
	return ms < 0 ? left : MIN(ms, left);
}

static void wait_for_calls(struct store_link *l)
{
	struct store *s = l->store;
	msec_t ms = patience(l);
	struct timespec t;
	int r;

	if (ms < 0) {
		pthread_cond_wait(&l->more, &s->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	r = pthread_cond_timedwait(&l->more, &s->lock, &t);
	if (r != ETIMEDOUT)
		return;
	if (!l->writes)
		dispatch_away(&s->reads, (unsigned)(l - s->read));
	pthread_mutex_unlock(&s->lock);
	link_idle(l);
	pthread_mutex_lock(&s->lock);
}

static void *run_link(void *arg)
{
	struct store_link *l = arg;
	struct store *s = l->store;
	struct list batch;

	list_init(&batch);
	store_db = &l->db;
	tls_wipe_all();
	pthread_mutex_lock(&s->lock);
	for (;;) {
		take(l, &batch);
		if (list_empty(&batch)) {
			if (s->stopping)
				break;
			wait_for_calls(l);
			continue;
		}
		/* What arrives while this batch commits makes up the next one: the group grows
		 * with the load, and a lone call waits for nobody. */
		pthread_mutex_unlock(&s->lock);
		run_batch(l, &batch);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- opening and closing --- */

static void start_thread(struct store_link *l)
{
	sigset_t all, old;
	int r;

	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	r = pthread_create(&l->thread, NULL, run_link, l);
	ASSERT(r == 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static const struct db_driver *find_server(enum store_driver driver)
{
	switch (driver) {
	case STORE_PGSQL:
		return &db_pgsql;
	case STORE_COCKROACHDB:
		return &db_cockroachdb;
	case STORE_MYSQL:
		return &db_mysql;
	}
	UNREACHABLE();
}

static const struct db_driver *find_driver(const struct store_conf *conf)
{
	return conf->sql ? find_server(conf->sql->driver) : &db_sqlite;
}

int store_load(enum store_driver driver, struct buf *err)
{
	return find_server(driver)->load(err);
}

static void init_link(struct store *s, struct store_link *l, bool writes)
{
	pthread_condattr_t attr;

	l->store = s;
	l->writes = writes;
	l->db.driver = s->driver;
	l->backoff_ms = LINK_BACKOFF_MS;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->more, &attr);
	pthread_condattr_destroy(&attr);
}

static void free_link(struct store_link *l)
{
	db_close(&l->db);
	pthread_cond_destroy(&l->more);
}

/* All of them down. */
static void init_readers(struct store *s, const struct store_sql *sql)
{
	struct dispatch_conf conf = { 1, DISPATCH_ANY, DISPATCH_NO_LIMIT };

	if (sql)
		conf = sql->readers;
	if (s->one)
		conf.n_workers = 0;
	s->n_read = conf.n_workers;
	dispatch_init(&s->reads, &conf, false);
}

static struct store *new_store(const struct store_conf *conf)
{
	struct store *s = MEM_NEW(struct store);

	s->conf = *conf;
	s->driver = find_driver(conf);
	s->one = conf->sql == NULL && strcmp(conf->path, ":memory:") == 0;
	init_readers(s, conf->sql);
	s->read = mem_zalloc(MAX(s->n_read, 1u) * sizeof(*s->read));
	list_init(&s->writes);
	pthread_mutex_init(&s->lock, NULL);
	init_link(s, &s->write, true);
	for (unsigned i = 0; i < s->n_read; i++)
		init_link(s, &s->read[i], false);
	return s;
}

static void free_store(struct store *s)
{
	for (unsigned i = 0; i < s->n_read; i++)
		free_link(&s->read[i]);
	free_link(&s->write);
	dispatch_fini(&s->reads);
	pthread_mutex_destroy(&s->lock);
	mem_free(s->read);
	mem_free(s);
}

int store_open(const struct store_conf *conf, struct store **ret, struct buf *err)
{
	bool now = conf->sql == NULL || conf->wait;
	int r = conf->sql ? store_load(conf->sql->driver, err) : 0;
	struct store *s;

	if (r < 0)
		return r;
	s = new_store(conf);
	r = now ? link_open(&s->write, err) : 0;
	for (unsigned i = 0; now && r == 0 && i < s->n_read; i++)
		r = link_open(&s->read[i], err);
	if (r < 0) {
		free_store(s);
		return r;
	}
	start_thread(&s->write);
	for (unsigned i = 0; i < s->n_read; i++)
		start_thread(&s->read[i]);
	*ret = s;
	return 0;
}

void store_close(struct store **ps)
{
	struct store *s = *ps;

	*ps = NULL;
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->write.more);
	store_wake_readers(s);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->write.thread, NULL);
	for (unsigned i = 0; i < s->n_read; i++)
		pthread_join(s->read[i].thread, NULL);
	ASSERT(list_empty(&s->writes));
	free_store(s);
}

/* The lock is held, here and below. */
void store_wake_readers(struct store *s)
{
	for (unsigned i = 0; i < s->n_read; i++)
		pthread_cond_signal(&s->read[i].more);
}

/* A read goes behind the writes to the same account that are not committed yet: whoever has submitted
 * a change and then reads sees the change. */
static bool is_for_writer(const struct store *s, const struct store_call *c)
{
	return c->writes || c->in_order || c->sees_patient || s->one ||
	       s->writing[c->account] > 0;
}

/* *ret_wake: who is to be woken when the lock is free: woken before, it would only wait for that. NULL:
 * nobody. */
static bool to_reader(struct store *s, struct store_call *c, pthread_cond_t **ret_wake)
{
	unsigned wake;

	if (!dispatch_push(&s->reads, &c->link, &wake))
		return false;
	*ret_wake = wake == DISPATCH_NOBODY ? NULL : &s->read[wake].more;
	return true;
}

static void to_writer(struct store *s, struct store_call *c, pthread_cond_t **ret_wake)
{
	s->writing[c->account] += !c->patient;
	list_push(&s->writes, &c->link);
	count_waiting(s, c, 1);
	if (c->patient && s->n_patient == 1)
		s->patient_until = c->submitted + STORE_PATIENCE_MS;
	if (!c->patient || s->n_patient == 1 || writes_are_due(s))
		*ret_wake = &s->write.more;
}

static bool has_room(const struct store *s, const struct store_call *c)
{
	size_t calls = STORE_MAX_CALLS, bytes = STORE_MAX_BYTES;

	if (c->for_client) {
		calls -= calls / STORE_RESERVE;
		bytes -= bytes / STORE_RESERVE;
	}
	return s->n_calls < calls && s->n_bytes + c->bytes <= bytes;
}

int store_submit(struct store *s, struct store_call *c)
{
	pthread_cond_t *wake = NULL;
	int r = -EAGAIN;

	c->account = (uint16_t)(hash_strv(c->username) % STORE_N_KEYS);
	c->bytes = (uint32_t)MIN(arena_size(c->arena) + c->held, (size_t)UINT32_MAX);
	c->submitted = s->conf.sql || c->patient ? clock_mono_ms() : 0;
	ASSERT(c->writes || !c->patient);
	pthread_mutex_lock(&s->lock);
	if (has_room(s, c)) {
		c->in_writer = is_for_writer(s, c);
		if (c->in_writer)
			to_writer(s, c, &wake);
		if (c->in_writer || to_reader(s, c, &wake))
			r = 0;
	}
	if (r == 0) {
		s->n_calls++;
		s->n_bytes += c->bytes;
	}
	pthread_mutex_unlock(&s->lock);
	if (wake)
		pthread_cond_signal(wake);
	return r;
}

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
};

static void wake(struct store_call *c)
{
	struct waiting *w = c->owner;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

int store_wait(struct store *s, struct store_call *c)
{
	struct waiting w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
	int r;

	c->deliver = wake;
	c->owner = &w;
	r = store_submit(s, c);
	if (r < 0)
		return r;
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.cond, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return c->err;
}

void store_fail_write(struct store *s, unsigned nth)
{
	s->fail_in = nth;
}

void store_call_free(struct store_call **pc)
{
	struct store_call *c = *pc;
	struct arena *a;

	*pc = NULL;
	if (c == NULL)
		return;
	a = c->arena;
	if (c->secret)
		arena_free_wiped(&a);
	else
		arena_free(&a);
}
