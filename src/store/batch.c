/* What is done with calls on a link's thread: each alone, or several in one transaction. */
#include "store/store_priv.h"

enum { BATCH_TRIES = 3 };

static struct store_call *call_of(struct list *it)
{
	return container_of(it, struct store_call, link);
}

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

void call_run(struct store *s, struct store_call *c)
{
	c->n_items = c->n_messages = c->n_accounts = 0; /* it may run for a second time */
	c->err = c->run(s, c);
	if (is_failure(c->err))
		log_failure("a query failed");
}

void calls_end_read(void)
{
	if (db_end_read() < 0)
		log_failure("reads cannot be ended");
}

/* Runs one call within the batch's transaction; what fails is undone alone. -errno: the
 * transaction is lost, with all calls that were in it. */
static int run_in_batch(struct store *s, struct store_call *c)
{
	int r = db_later("SAVEPOINT one_call");

	if (r < 0)
		return r;
	call_run(s, c);
	/* A full disk, or one that fails, may end the transaction behind our back; what came
	 * next would be committed on its own. */
	if (!db_in_transaction())
		return c->err < 0 ? c->err : -EIO;
	if (c->err < 0)
		r = db_later("ROLLBACK TO SAVEPOINT one_call");
	return r ? r : db_later("RELEASE SAVEPOINT one_call");
}

static int commit(struct store *s)
{
	int r = 0;

	if (s->fail_in > 0 && --s->fail_in == 0)
		r = -EIO; /* a test's full disk */
	return r ? r : db_commit();
}

void calls_fail(struct list *batch, int err)
{
	LIST_EACH(it, batch)
		call_of(it)->err = err;
}

/* Nothing of the batch is in the database, and what its calls have read there is not either. */
static void fail_batch(struct list *batch, int err)
{
	log_failure("nothing can be written");
	if (db_in_transaction() && db_rollback() < 0)
		log_failure("nothing can be undone");
	calls_fail(batch, err);
}

/* What comes behind `last` goes to `rest`, in its order. */
static void cut_behind(struct list *batch, struct list *last, struct list *rest)
{
	while (batch->prev != last) {
		struct list *it = batch->prev;

		list_remove(it);
		list_push_front(rest, it);
	}
}

/* One transaction. Whoever has waited in it for somebody's lock in vain is the last one in it: what
 * has succeeded so far is committed before the next one waits. */
static int try_batch(struct store *s, struct list *batch, struct list *rest)
{
	int r = db_begin();

	for (struct list *it = batch->next; r == 0 && it != batch; it = it->next) {
		r = run_in_batch(s, call_of(it));
		if (call_of(it)->err == -ETIMEDOUT || call_of(it)->err == -EBUSY)
			cut_behind(batch, it, rest);
	}
	return r ? r : commit(s);
}

/* The database itself has undone a transaction that got into a deadlock: nobody has been told
 * anything yet, so it is run again. */
void calls_write(struct store *s, struct list *batch, struct list *rest)
{
	int r = 0;

	for (unsigned n = 0; n < BATCH_TRIES; n++) {
		list_splice(batch, rest);
		r = try_batch(s, batch, rest);
		if (r != -EBUSY || !s->conf.sql || db_in_transaction() ||
		    db_is_lost(store_db))
			break;
	}
	if (r < 0)
		fail_batch(batch, r);
}
