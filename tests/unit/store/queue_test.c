/* Order, groups, bounds and threads. */
#include "fixture.h"
#include "base/hash.h"

#include <stdio.h>

static struct jid romeo(struct store *s)
{
	fixture_account(s, "romeo@example.org");
	return fixture_jid("romeo@example.org");
}

static uint64_t key(struct strv username)
{
	return hash_strv(username) % STORE_N_KEYS;
}

/* An account whose reads need not wait for romeo's writes, nor for the holder's. */
static struct jid other_than_romeo(struct store *s)
{
	static char jid[64];
	struct jid j;

	for (int i = 0;; i++) {
		snprintf(jid, sizeof(jid), "other%d@example.org", i);
		j = fixture_jid(jid);
		if (key(jid_local(j)) != key(STRV("romeo")) &&
		    key(jid_local(j)) != key(STRV("the-holder")))
			break;
	}
	fixture_account(s, jid);
	return j;
}

ON_EACH(read_sees_the_write_before_it)
{
	static struct flight f;
	struct jid who = romeo(s);
	struct hold h;

	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("old"))), 0);
	hold_start(&h, s, NULL);
	flight_init(&f);
	flight_add(&f, s, store_vcard_set(who, STRV("new")));
	flight_add(&f, s, store_vcard_get(who));
	flight_add(&f, s, store_vcard_set(who, STRV("newer")));
	flight_add(&f, s, store_account_remove(who));
	flight_add(&f, s, store_vcard_get(who));
	hold_end(&h);
	flight_await(&f);
	CHECK_INT(f.call[0]->err, 0);
	CHECK_INT(f.call[1]->err, 0);
	CHECK_STR(f.call[1]->text, "new"); /* nor does it see the one behind it */
	CHECK_INT(f.call[4]->err, -ENOENT);
	flight_free(&f);
}

TEST(read_overtakes_the_writes_of_others_only)
{
	struct store *s = fixture_open(fixture_path());
	static struct flight f;
	struct jid who = romeo(s), other = other_than_romeo(s);
	struct hold h;

	hold_start(&h, s, NULL);
	flight_init(&f);
	flight_add(&f, s, store_vcard_set(who, STRV("new")));
	flight_add(&f, s, store_vcard_get(who));
	/* The writer is held: this answer is the reader's. It is behind whatever the reader was
	 * given before. */
	CHECK_INT(fixture_do(s, store_vcard_get(other)), -ENOENT);
	CHECK(sem_trywait(&f.done) < 0);
	hold_end(&h);
	flight_await(&f);
	CHECK_STR(f.call[1]->text, "new");
	flight_free(&f);
	/* Nothing is under way any more: the reader is asked again. */
	hold_start(&h, s, NULL);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), 0);
	hold_end(&h);
	fixture_close(s);
}

static const char *watched;
static bool was_there;

static void look(struct store_call *c)
{
	was_there = fixture_sql_is(watched,
				   "SELECT count(*) FROM vcard WHERE vcard = 'here'", 1);
	sem_post(c->arg);
}

TEST(answer_comes_when_others_can_see_the_change)
{
	struct store *s = fixture_open(watched = fixture_path());
	struct store_call *c = store_vcard_set(romeo(s), STRV("here"));
	sem_t done;

	sem_init(&done, 0, 0);
	c->arg = &done;
	c->deliver = look;
	CHECK_INT(store_submit(s, c), 0);
	sem_wait(&done);
	CHECK_INT(c->err, 0);
	CHECK(was_there);
	store_call_free(&c);
	fixture_close(s);
}

/* --- groups --- */

static int n_commits; /* the writer's, read when it is idle */

static int count_commit(void *arg)
{
	n_commits++;
	return 0;
}

static void count_commits(void)
{
	n_commits = 0;
	sqlite3_commit_hook(store_db->db, count_commit, NULL);
}

static int read_depth(struct store *s, struct store_call *c)
{
	c->number = store_db->reading;
	return 0;
}

static struct store_call *depth(struct jid who)
{
	struct store_call *c = store_vcard_get(who);

	c->run = read_depth;
	return c;
}

TEST(reads_that_have_waited_together_share_a_transaction)
{
	struct store *s = fixture_open(fixture_path());
	static struct flight f;
	struct jid who = romeo(s), other = other_than_romeo(s);
	struct hold h;

	hold_start_reader(&h, s);
	flight_init(&f);
	for (int i = 0; i < STORE_READS; i++)
		flight_add(&f, s, i % 2 ? store_roster_load(who) : depth(who));
	flight_add(&f, s, depth(who)); /* one too many */
	hold_end(&h);
	flight_await(&f);
	for (int i = 0; i < STORE_READS; i++) {
		CHECK_INT(f.call[i]->err, 0);
		CHECK_INT(f.call[i]->number, i % 2 ? 0 : 1);
	}
	CHECK_INT(f.call[STORE_READS]->number, 0);
	flight_free(&f);
	/* It is over: what is written behind it is seen. */
	CHECK_INT(fixture_do(s, store_vcard_set(other, STRV("new"))), 0);
	flight_init(&f);
	flight_add(&f, s, store_vcard_get(other));
	flight_await(&f);
	CHECK_STR(f.call[0]->text, "new");
	flight_free(&f);
	fixture_close(s);
}

ON_SQLITE(many_writes_are_one_commit)
{
	static struct flight f;
	struct jid who = romeo(s);
	struct hold h;

	hold_start(&h, s, count_commits);
	flight_init(&f);
	for (int i = 0; i < 2 * STORE_BATCH + 1; i++)
		flight_add(&f, s,
			   store_offline_add(who, i, STRV("n@x"), STRV("m"), INT64_MAX));
	hold_end(&h);
	flight_await(&f);
	for (size_t i = 0; i < f.n; i++)
		CHECK_INT(f.call[i]->err, 0);
	flight_free(&f);
	CHECK_INT(n_commits, 1 + 3); /* the holder's own is the first */
}

ON_EACH(failed_call_takes_no_other_with_it)
{
	static struct flight f;
	struct jid who = romeo(s);
	struct store_roster_item item = { .jid = STRV("j@x"),
					  .subscription = 'N',
					  .ask = 'N' };
	struct store_call *c;
	struct hold h;

	hold_start(&h, s, NULL);
	flight_init(&f);
	flight_add(&f, s, store_vcard_set(who, STRV("<v/>")));
	flight_add(&f, s, store_account_add(who, STRV("x"), STRV_NULL, INT64_MAX));
	flight_add(&f, s, store_last_set(who, 7, STRV("")));
	item.name = STRV("kept");
	flight_add(&f, s, store_roster_put(who, &item, STRV("1")));
	item.name = STRV("undone");
	c = store_roster_put(who, &item, STRV("2"));
	c->text = STRV_NULL; /* fails at its last statement: no version may be NULL */
	flight_add(&f, s, c);
	hold_end(&h);
	flight_await(&f);
	CHECK_INT(f.call[0]->err, 0);
	CHECK_INT(f.call[1]->err, -EEXIST);
	CHECK_INT(f.call[2]->err, 0);
	CHECK_INT(f.call[3]->err, 0);
	CHECK_INT(f.call[4]->err,
		  -EIO); /* nothing that the asker could take for an answer */
	flight_free(&f);
	c = store_roster_load(who);
	CHECK_INT(store_wait(s, c), 0);
	CHECK_STR(c->items[0].name, "kept");
	CHECK_STR(c->text, "1");
	store_call_free(&c);
	CHECK_INT(fixture_do(s, store_last_get(who)), 0);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), 0);
}

/* --- writes for which nobody waits --- */

static struct store_call *patient_last_set(struct jid who, int64_t seconds)
{
	struct store_call *c = store_last_set(who, seconds, STRV(""));

	c->patient = true;
	return c;
}

/* The clock stands still: none of them is due for its age. */
TEST(patient_writes_wait_for_one_that_is_not)
{
	struct store *s = fixture_open(fixture_path());
	static struct flight f;
	struct jid who = romeo(s);
	struct hold h;

	clock_fake_set(1000, 0);
	hold_start(&h, s, count_commits);
	flight_init(&f);
	for (int i = 0; i < STORE_BATCH - 1; i++)
		flight_add(&f, s, patient_last_set(who, i));
	hold_end(&h);
	CHECK_INT(fixture_do(s, store_vcard_get(who)),
		  -ENOENT);	 /* need not wait for them */
	CHECK_INT(n_commits, 1); /* the holder's */
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("new"))), 0);
	flight_await(&f);
	CHECK_INT(n_commits, 2);
	for (size_t i = 0; i < f.n; i++)
		CHECK_INT(f.call[i]->err, 0);
	flight_free(&f);
	clock_fake_off();
	fixture_close(s);
}

ON_EACH(patient_writes_are_done_when_there_are_many)
{
	static struct flight f;
	struct jid who = romeo(s);

	clock_fake_set(1000, 0);
	flight_init(&f);
	for (int i = 0; i < STORE_BATCH; i++)
		flight_add(&f, s, patient_last_set(who, i));
	flight_await(&f);
	flight_free(&f);
	clock_fake_off();
}

ON_EACH(patient_write_waits_for_so_long)
{
	static struct flight f;
	struct jid who = romeo(s);

	clock_fake_set(1000, 0);
	flight_init(&f);
	flight_add(&f, s, patient_last_set(who, 7));
	clock_fake_advance(STORE_PATIENCE_MS - 1);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOENT);
	CHECK(s->one || sem_trywait(&f.done) < 0);
	clock_fake_advance(1);
	flight_await(&f);
	CHECK_INT(f.call[0]->err, 0);
	flight_free(&f);
	clock_fake_off();
}

ON_EACH(read_of_what_is_patient_sees_it)
{
	static struct flight f;
	struct jid who = romeo(s);
	struct store_call *c = store_last_get(who);

	clock_fake_set(1000, 0);
	flight_init(&f);
	flight_add(&f, s, patient_last_set(who, 7));
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->number, 7);
	store_call_free(&c);
	flight_await(&f);
	flight_free(&f);
	clock_fake_off();
}

TEST(close_does_what_is_patient)
{
	static struct flight f;
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct jid who = romeo(s);

	clock_fake_set(1000, 0);
	flight_init(&f);
	flight_add(&f, s, patient_last_set(who, 7));
	fixture_close(s);
	flight_await(&f);
	CHECK_INT(f.call[0]->err, 0);
	flight_free(&f);
	clock_fake_off();
	CHECK(fixture_sql_is(path, "SELECT seconds FROM last", 7));
}

/* --- bounds --- */

ON_EACH(queue_is_bounded_in_calls)
{
	struct store_call *c = store_vcard_get(fixture_jid("romeo@example.org"));

	pthread_mutex_lock(&s->lock);
	s->n_calls += STORE_MAX_CALLS;
	pthread_mutex_unlock(&s->lock);
	CHECK_INT(store_wait(s, c), -EAGAIN);
	pthread_mutex_lock(&s->lock);
	s->n_calls--;
	pthread_mutex_unlock(&s->lock);
	CHECK_INT(store_wait(s, c), -ENOENT); /* a refused call is as good as new */
	pthread_mutex_lock(&s->lock);
	CHECK_INT(s->n_calls, STORE_MAX_CALLS - 1);
	s->n_calls = 0;
	pthread_mutex_unlock(&s->lock);
	store_call_free(&c);
}

ON_EACH(queue_has_room_for_logins)
{
	struct store_call *c = store_vcard_get(fixture_jid("romeo@example.org"));

	c->for_client = true;
	pthread_mutex_lock(&s->lock);
	s->n_calls += STORE_MAX_CALLS - STORE_MAX_CALLS / STORE_RESERVE;
	pthread_mutex_unlock(&s->lock);
	CHECK_INT(store_wait(s, c), -EAGAIN);
	c->for_client = false;
	CHECK_INT(store_wait(s, c), -ENOENT);
	pthread_mutex_lock(&s->lock);
	s->n_calls = 0;
	pthread_mutex_unlock(&s->lock);
	c->for_client = true;
	c->held = STORE_MAX_BYTES - STORE_MAX_BYTES / STORE_RESERVE;
	CHECK_INT(store_wait(s, c), -EAGAIN);
	c->for_client = false;
	CHECK_INT(store_wait(s, c), -ENOENT);
	store_call_free(&c);
}

ON_EACH(queue_is_bounded_in_bytes)
{
	static struct flight f;
	struct store_call *c;
	struct hold h;

	hold_start(&h, s, NULL);
	flight_init(&f);
	for (int i = 0; i < 3; i++) {
		c = store_vcard_set(fixture_jid("romeo@example.org"), STRV("x"));
		c->text.p =
			arena_alloc(c->arena, STORE_MAX_BYTES / 4); /* never touched */
		c->text.n = 1;
		flight_add(&f, s, c);
	}
	c = store_vcard_set(fixture_jid("romeo@example.org"), STRV("x"));
	c->text.p = arena_alloc(c->arena, STORE_MAX_BYTES / 4);
	CHECK_INT(store_submit(s, c), -EAGAIN);
	store_call_free(&c);
	c = store_vcard_get(fixture_jid("romeo@example.org"));
	c->held = STORE_MAX_BYTES / 4; /* by whoever asks */
	CHECK_INT(store_submit(s, c), -EAGAIN);
	store_call_free(&c);
	hold_end(&h);
	flight_await(&f);
	flight_free(&f);
	CHECK_INT(s->n_bytes, 0);
	CHECK_INT(s->n_calls, 0);
	for (size_t i = 0; i < STORE_N_KEYS; i++)
		CHECK_INT(s->writing[i], 0);
	CHECK_INT(fixture_do(s, store_vcard_get(fixture_jid("romeo@example.org"))),
		  -ENOENT);
}

/* What is small has whole blocks of memory all the same. */
ON_EACH(queue_counts_blocks)
{
	static struct flight f;
	struct jid who = romeo(s);
	struct hold h;

	hold_start(&h, s, NULL);
	flight_init(&f);
	for (int i = 0; i < 10; i++)
		flight_add(&f, s, store_last_set(who, i, STRV("")));
	pthread_mutex_lock(&s->lock);
	CHECK(s->n_bytes >= 10 * 1024);
	pthread_mutex_unlock(&s->lock);
	hold_end(&h);
	flight_await(&f);
	flight_free(&f);
}

/* --- the end --- */

TEST(close_does_what_is_queued)
{
	static struct flight f;
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct jid who = romeo(s), other = other_than_romeo(s);
	struct hold h;

	hold_start(&h, s, NULL);
	flight_init(&f);
	for (int i = 0; i < STORE_BATCH + 1; i++)
		flight_add(&f, s,
			   store_offline_add(who, i, STRV("n@x"), STRV("m"), INT64_MAX));
	flight_add(&f, s, store_vcard_get(other));
	sem_post(&h.go); /* not hold_end(): that would wait for the first batch */
	fixture_close(s);
	flight_await(&f);
	for (int i = 0; i < STORE_BATCH + 1; i++)
		CHECK_INT(f.call[i]->err, 0);
	CHECK_INT(f.call[STORE_BATCH + 1]->err, -ENOENT);
	flight_free(&f);
	store_call_free(&h.call);
	CHECK(fixture_sql_is(path, "SELECT count(*) FROM offline_message",
			     STORE_BATCH + 1));
}

TEST(close_and_free_accept_nothing)
{
	struct store *s = NULL;
	struct store_call *c = NULL;

	store_close(&s);
	store_call_free(&c);
}

/* --- threads --- */

enum { N_THREADS = 8, N_EACH = 60 };

struct asker {
	pthread_t thread;
	struct store *s;
	struct jid who;
	int failures;
};

/* Writes without waiting, then reads: what is read is what was written last. */
static void *ask(void *arg)
{
	struct asker *a = arg;
	struct store_call *c;
	char text[32];
	struct flight *f = mem_alloc(sizeof(*f));

	for (int i = 0; i < N_EACH; i++) {
		snprintf(text, sizeof(text), "%d", i);
		flight_init(f);
		flight_add(f, a->s, store_vcard_set(a->who, strv_from(text)));
		c = store_vcard_get(a->who);
		if (store_wait(a->s, c) != 0 || !strv_is(c->text, text))
			a->failures++;
		store_call_free(&c);
		flight_await(f);
		flight_free(f);
	}
	mem_free(f);
	return NULL;
}

ON_EACH(threads_see_their_own_writes)
{
	struct asker a[N_THREADS] = { 0 };
	char jid[N_THREADS][64];

	for (int i = 0; i < N_THREADS; i++) {
		snprintf(jid[i], sizeof(jid[i]), "u%d@example.org", i);
		fixture_account(s, jid[i]);
		a[i].s = s;
		a[i].who = fixture_jid(jid[i]);
	}
	for (int i = 0; i < N_THREADS; i++)
		CHECK_INT(pthread_create(&a[i].thread, NULL, ask, &a[i]), 0);
	for (int i = 0; i < N_THREADS; i++)
		CHECK_INT(pthread_join(a[i].thread, NULL), 0);
	for (int i = 0; i < N_THREADS; i++)
		CHECK_INT(a[i].failures, 0);
	CHECK_INT(s->n_calls, 0);
}
