/* The queues and the two threads: a writer that groups commits, and a reader. */
#include "store/store_priv.h"
#include "base/hash.h"
#include "base/log.h"

#include <signal.h>

static void log_failure(const char *what)
{
	static _Thread_local struct log_limit limit;
	unsigned dropped;

	if (log_limit_ok(&limit, 60, &dropped))
		log_error("store.failed", "%s: %s (%u more like it)", what, db_error(),
			  dropped);
}

static bool is_failure(int err)
{
	return err < 0 && err != -ENOENT && err != -EEXIST && err != -ENOSPC;
}

static void run_call(struct store *s, struct store_call *c)
{
	c->err = c->run(s, c);
	if (is_failure(c->err))
		log_failure("a query failed");
}

static void deliver_all(struct store *s, struct list *batch)
{
	struct list *it;

	pthread_mutex_lock(&s->lock);
	LIST_EACH(item, batch) {
		struct store_call *c = container_of(item, struct store_call, link);
		s->n_calls--;
		s->n_bytes -= c->bytes;
		if (c->in_writer)
			s->writing[c->account]--;
	}
	pthread_mutex_unlock(&s->lock);
	while ((it = list_pop(batch))) {
		struct store_call *c = container_of(it, struct store_call, link);
		c->deliver(c);
	}
}

/* --- the writer --- */

/* Runs one call within the batch's transaction; what fails is undone alone. -errno: the
 * transaction is lost, with all calls that were in it. */
static int run_in_batch(struct store *s, struct store_call *c)
{
	int r = db_exec("SAVEPOINT call", "");

	if (r < 0)
		return r;
	run_call(s, c);
	/* A full disk, or one that fails, may end the transaction behind our back; what came
	 * next would be committed on its own. */
	if (!db_in_transaction())
		return c->err < 0 ? c->err : -EIO;
	if (c->err < 0)
		r = db_exec("ROLLBACK TO SAVEPOINT call", "");
	return r ? r : db_exec("RELEASE SAVEPOINT call", "");
}

static int commit(struct store *s)
{
	int r = 0;

	if (s->fail_in > 0 && --s->fail_in == 0)
		r = -ENOSPC; /* a test's full disk */
	return r ? r : db_exec("COMMIT", "");
}

/* Nothing of the batch is in the database, and what its calls have read there is not either. */
static void fail_batch(struct list *batch, int err)
{
	log_failure("nothing can be written");
	if (db_in_transaction() && db_exec("ROLLBACK", "") < 0)
		log_failure("nothing can be undone");
	LIST_EACH(it, batch)
		container_of(it, struct store_call, link)->err = err;
}

static void run_batch(struct store *s, struct list *batch)
{
	int r = db_exec(store_db->driver->begin, "");

	for (struct list *it = batch->next; r == 0 && it != batch; it = it->next)
		r = run_in_batch(s, container_of(it, struct store_call, link));
	r = r ? r : commit(s);
	if (r < 0)
		fail_batch(batch, r);
	deliver_all(s, batch);
}

/* Takes up to STORE_BATCH calls; the lock is held. */
static void take(struct list *from, struct list *batch, unsigned max)
{
	struct list *it;

	while (max-- && (it = list_pop(from)))
		list_push(batch, it);
}

static void *writer(void *arg)
{
	struct store *s = arg;
	struct list batch;

	list_init(&batch);
	store_db = &s->write;
	pthread_mutex_lock(&s->lock);
	for (;;) {
		take(&s->writes, &batch, STORE_BATCH);
		if (list_empty(&batch)) {
			if (s->stopping)
				break;
			pthread_cond_wait(&s->more_writes, &s->lock);
			continue;
		}
		/* What arrives while this batch commits makes up the next one: the group grows
		 * with the load, and a lone call waits for nobody. */
		pthread_mutex_unlock(&s->lock);
		run_batch(s, &batch);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- the reader --- */

static void *reader(void *arg)
{
	struct store *s = arg;
	struct list batch;

	list_init(&batch);
	store_db = &s->read;
	pthread_mutex_lock(&s->lock);
	for (;;) {
		take(&s->reads, &batch, 1);
		if (list_empty(&batch)) {
			if (s->stopping)
				break;
			pthread_cond_wait(&s->more_reads, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		run_call(s, container_of(batch.next, struct store_call, link));
		deliver_all(s, &batch);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- opening and closing --- */

static void start_thread(pthread_t *t, void *(*fn)(void *), struct store *s)
{
	sigset_t all, old;
	int r;

	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	r = pthread_create(t, NULL, fn, s);
	ASSERT(r == 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int store_open(const struct store_conf *conf, struct store **ret, struct buf *err)
{
	struct store *s = MEM_NEW(struct store);
	int r;

	list_init(&s->writes);
	list_init(&s->reads);
	s->one = strcmp(conf->path, ":memory:") == 0;
	r = db_open(&s->write, &db_sqlite, conf->path, true, err);
	r = r ? r : db_migrate(&s->write, conf->path, err);
	if (r == 0 && !s->one) {
		r = db_open(&s->read, &db_sqlite, conf->path, false, err);
		if (r < 0)
			db_close(&s->write);
	}
	if (r < 0) {
		mem_free(s);
		return r;
	}
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->more_writes, NULL);
	pthread_cond_init(&s->more_reads, NULL);
	start_thread(&s->writer, writer, s);
	if (!s->one)
		start_thread(&s->reader, reader, s);
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
	pthread_cond_broadcast(&s->more_writes);
	pthread_cond_broadcast(&s->more_reads);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->writer, NULL);
	if (!s->one)
		pthread_join(s->reader, NULL);
	ASSERT(list_empty(&s->writes) && list_empty(&s->reads));
	db_close(&s->read);
	db_close(&s->write);
	pthread_cond_destroy(&s->more_writes);
	pthread_cond_destroy(&s->more_reads);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

int store_submit(struct store *s, struct store_call *c)
{
	bool to_writer;
	int r = -EAGAIN;

	c->account = (uint16_t)(hash_strv(c->username) % STORE_N_KEYS);
	c->bytes = (uint32_t)arena_used(c->arena);
	pthread_mutex_lock(&s->lock);
	if (s->n_calls < STORE_MAX_CALLS && s->n_bytes + c->bytes <= STORE_MAX_BYTES) {
		/* A read goes behind the writes to the same account that are not committed yet:
		 * whoever has submitted a change and then reads sees the change. */
		to_writer = c->writes || s->one || s->writing[c->account] > 0;
		s->n_calls++;
		s->n_bytes += c->bytes;
		s->writing[c->account] += to_writer;
		c->in_writer = to_writer;
		list_push(to_writer ? &s->writes : &s->reads, &c->link);
		pthread_cond_signal(to_writer ? &s->more_writes : &s->more_reads);
		r = 0;
	}
	pthread_mutex_unlock(&s->lock);
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
	arena_free(&a);
}
