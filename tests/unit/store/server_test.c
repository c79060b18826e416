/* What can go wrong with any database server: statements that fail behind our back, locks of others,
 * other processes. */
#include "dbserver.h"
#include "fixture.h"

#include <stdio.h>

struct kind {
	const struct store_sql *(*conf)(void);
	struct store *(*open)(const struct store_sql *sql);
	void (*run)(const char *sql);
	int64_t (*number)(const char *sql);
	void (*hold)(const char *sql);
	void (*let_go)(void);
	const char *lock_vcard;
	const char *waiting; /* counts who waits for a lock */
	const char *mongooseim, *lock_roster, *waiting_long, *alter;
};

static const struct kind pgsql = {
	pgsql_conf,
	pgsql_open_store,
	pgsql_do,
	pgsql_number,
	pgsql_hold,
	pgsql_let_go,
	"BEGIN; LOCK TABLE vcard IN ACCESS EXCLUSIVE MODE",
	"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
	"db/mongooseim-pgsql.sql",
	"BEGIN; LOCK TABLE rosterusers IN ACCESS EXCLUSIVE MODE",
	"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
	" AND now() - query_start > interval '1.2 s'",
	"ALTER TABLE users ALTER COLUMN password TYPE varchar"
};

static const struct kind mysql = {
	mariadb_conf,
	mariadb_open_store,
	mariadb_do,
	mariadb_number,
	mariadb_hold,
	mariadb_let_go,
	"LOCK TABLES vcard WRITE",
	"SELECT variable_value FROM information_schema.global_status WHERE"
	" variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'",
	"db/mongooseim-mysql.sql",
	"LOCK TABLES rosterusers WRITE",
	"SELECT count(*) FROM information_schema.processlist WHERE"
	" state LIKE 'Waiting for table metadata lock%' AND time_ms > 1200",
	"ALTER TABLE users MODIFY password mediumtext NOT NULL"
};

#define ON_SERVERS(n)                             \
	static void on_##n(const struct kind *k); \
	TEST(n##_in_pgsql)                        \
	{                                         \
		on_##n(&pgsql);                   \
	}                                         \
	TEST(n##_in_mysql)                        \
	{                                         \
		on_##n(&mysql);                   \
	}                                         \
	static void on_##n(const struct kind *k)

static struct jid romeo_of(struct store *s)
{
	fixture_account(s, "romeo@example.org");
	return fixture_jid("romeo@example.org");
}

static struct store_call *own_call(int (*run)(struct store *, struct store_call *))
{
	struct store_call *c = store_vcard_get(fixture_jid("tester@example.org"));

	c->run = run;
	c->writes = true;
	return c;
}

/* --- statements that are put off --- */

/* As if the end of the savepoint, which travels with the next call's statement, had failed. */
static int run_wrong_later(struct store *s, struct store_call *c)
{
	int r = db_exec("INSERT INTO vcard (server, username, vcard)"
			" VALUES ('x', 'wrong', '')",
			"");

	return r ? r : db_later("SELECT 1 FROM nowhere");
}

ON_SERVERS(statement_that_was_put_off_and_fails_fails_the_batch)
{
	struct store *s = k->open(k->conf());
	struct jid romeo = romeo_of(s);
	static struct flight f;
	struct hold h;

	hold_start(&h, s, NULL);
	flight_init(&f);
	flight_add(&f, s, own_call(run_wrong_later));
	flight_add(&f, s, store_last_set(romeo, 1, STRV("")));
	hold_end(&h);
	flight_await(&f);
	CHECK(f.call[0]->err < 0);
	CHECK(f.call[1]->err < 0);
	flight_free(&f);
	CHECK_INT(k->number("SELECT count(*) FROM vcard"), 0);
	CHECK_INT(k->number("SELECT count(*) FROM last"), 0);
	CHECK_INT(fixture_do(s, store_last_set(romeo, 1, STRV(""))), 0);
	fixture_close(s);
}

/* --- what others have locked --- */

static struct flight *others;

static int run_look(struct store *s, struct store_call *c)
{
	int n;

	sem_getvalue(&others->done, &n);
	return n;
}

ON_SERVERS(what_has_succeeded_is_committed_before_the_next_one_waits)
{
	struct store_sql sql = *k->conf();
	struct store *s = k->open(&sql);
	struct jid romeo = romeo_of(s);
	static struct flight f, look;
	struct hold h;

	fixture_close(s);
	sql.query_timeout_ms = 1000;
	s = k->open(&sql);
	others = &f;
	k->hold(k->lock_vcard);
	hold_start(&h, s, NULL);
	flight_init(&f);
	flight_add(&f, s, store_last_set(romeo, 1, STRV("")));
	flight_add(&f, s, store_vcard_set(romeo, STRV("")));
	flight_init(&look);
	flight_add(&look, s, own_call(run_look));
	hold_end(&h);
	flight_await(&look);
	k->let_go();
	flight_await(&f);
	CHECK_INT(f.call[0]->err, 0);
	CHECK(f.call[1]->err == -ETIMEDOUT || f.call[1]->err == -EBUSY);
	CHECK_INT(look.call[0]->err, 2); /* both had heard by then */
	flight_free(&f);
	flight_free(&look);
	fixture_close(s);
}

static int n_tries;

static int run_try(struct store *s, struct store_call *c)
{
	n_tries++;
	return db_exec(
		"INSERT INTO vcard (server, username, vcard) VALUES ('x', 'y', '')", "");
}

ON_SERVERS(who_ends_waits_for_one_lock_only)
{
	struct store_sql sql = *k->conf();
	struct store *s = k->open(&sql);
	static struct flight f;
	struct hold h;

	fixture_close(s);
	sql.query_timeout_ms = 1000;
	s = k->open(&sql);
	n_tries = 0;
	k->hold(k->lock_vcard);
	hold_start(&h, s, NULL);
	flight_init(&f);
	for (int i = 0; i < 1000; i++) /* two batches */
		flight_add(&f, s, own_call(run_try));
	hold_end(&h);
	store_close(&s);
	k->let_go();
	flight_await(&f);
	CHECK_INT(n_tries, 1);
	for (int i = 0; i < 1000; i++)
		CHECK(f.call[i]->err == -ETIMEDOUT || f.call[i]->err == -EBUSY);
	flight_free(&f);
}

/* --- other processes --- */

static bool has_ended(struct flight *f)
{
	int n;

	sem_getvalue(&f->done, &n);
	return n == (int)f->n;
}

static const struct kind *kind;
static struct store *other;
static struct flight removal;

static int run_remove(struct store *s, struct store_call *c)
{
	flight_init(&removal);
	flight_add(&removal, other,
		   store_account_remove(fixture_jid("romeo@example.org")));
	while (!has_ended(&removal) && kind->number(kind->waiting) == 0)
		dbserver_pause();
	return 0;
}

/* Else the next one of that name would inherit what was under way. */
ON_SERVERS(account_is_not_removed_while_something_is_written_for_it)
{
	const struct store_sql *sql = k->conf();
	struct store *s = k->open(sql);
	struct jid romeo = romeo_of(s);
	static struct flight f;
	struct hold h;

	kind = k;
	other = k->open(sql);
	hold_start(&h, s, NULL);
	flight_init(&f);
	flight_add(&f, s, store_offline_add(romeo, 1, STRV("a@b"), STRV("<m/>"), 10));
	flight_add(&f, s, own_call(run_remove));
	hold_end(&h);
	flight_await(&f);
	flight_await(&removal);
	CHECK_INT(f.call[0]->err, 0);
	CHECK_INT(removal.call[0]->err, 0);
	flight_free(&f);
	flight_free(&removal);
	CHECK_INT(k->number("SELECT count(*) FROM users"), 0);
	CHECK_INT(k->number("SELECT count(*) FROM offline_message"), 0);
	fixture_close(other);
	fixture_close(s);
}

/* --- the schema --- */

static bool comes_true(const struct kind *k, const char *sql)
{
	for (int i = 0; i < 2000; i++) {
		if (k->number(sql) > 0)
			return true;
		dbserver_pause();
	}
	return false;
}

/* As on a large table: it takes longer than a query may. */
ON_SERVERS(migration_may_take_its_time)
{
	struct store_sql sql = *k->conf();
	struct store_conf conf = { .path = "meerkat", .sql = &sql };
	struct jid who = fixture_jid("romeo@example.org");
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;
	int r = -ENOTCONN;

	k->run(dbserver_file(k->mongooseim));
	k->hold(k->lock_roster);
	sql.query_timeout_ms = 1000;
	CHECK_INT(store_open(&conf, &s, &err), 0);
	CHECK(comes_true(k, k->waiting_long));
	k->let_go();
	for (int i = 0; r == -ENOTCONN && i < 2000; i++) {
		r = fixture_do(s, store_account_add(who, STRV("x"), STRV_NULL, 1));
		dbserver_pause();
	}
	CHECK_INT(r, 0);
	CHECK_INT(fixture_do(s, store_roster_load(who)), 0);
	fixture_close(s);
	buf_free(&err);
}

/* Statements are prepared: an upgrade of MongooseIM's under our feet makes them unfit. */
ON_SERVERS(types_of_columns_may_change)
{
	const struct store_sql *sql = k->conf();
	struct jid who;
	struct store *s;
	int r = -ENOTCONN;

	k->run(dbserver_file(k->mongooseim));
	s = k->open(sql);
	who = romeo_of(s);
	for (unsigned i = 0; i < sql->readers.n_workers * 8; i++)
		CHECK_INT(fixture_do(s, store_account_get(who)), 0);
	k->run(k->alter);
	for (unsigned i = 0; r < 0 && i <= sql->readers.n_workers; i++) {
		r = fixture_do(s, store_account_get(who));
		CHECK(r == 0 || r == -ENOTCONN);
	}
	CHECK_INT(r, 0);
	fixture_close(s);
}

/* --- who reads --- */

static struct store *open_readers(const struct kind *k, struct store_sql *sql, unsigned n,
				  enum dispatch_strategy strategy, size_t max)
{
	*sql = *k->conf();
	sql->readers = (struct dispatch_conf){ n, strategy, max };
	return k->open(sql);
}

static struct flight reads;
static sem_t reading, may_read;

static int run_held(struct store *s, struct store_call *c)
{
	sem_post(&reading);
	sem_wait(&may_read);
	return 0;
}

static int run_which(struct store *s, struct store_call *c)
{
	const struct store_link *l = container_of(store_db, struct store_link, db);

	c->number = l->writes ? -1 : l - s->read;
	return 0;
}

static struct store_call *own_read(int (*run)(struct store *, struct store_call *))
{
	struct store_call *c = own_call(run);

	c->writes = false;
	return c;
}

static int try_to_read(struct store *s)
{
	struct store_call *c = own_read(run_held);
	int r;

	c->deliver = reads.call[0]->deliver;
	c->owner = reads.call[0]->owner;
	r = store_submit(s, c);
	store_call_free(&c);
	return r;
}

static void start_to_read(struct store *s, unsigned n, unsigned n_at_once)
{
	sem_init(&reading, 0, 0);
	sem_init(&may_read, 0, 0);
	flight_init(&reads);
	for (unsigned i = 0; i < n; i++)
		flight_add(&reads, s, own_read(run_held));
	for (unsigned i = 0; i < n_at_once; i++)
		sem_wait(&reading);
}

static void end_reading(void)
{
	for (size_t i = 0; i < reads.n; i++)
		sem_post(&may_read);
	flight_await(&reads);
	for (size_t i = 0; i < reads.n; i++)
		CHECK_INT(reads.call[i]->err, 0);
	flight_free(&reads);
}

ON_SERVERS(so_many_reads_may_wait_for_each_reader)
{
	struct store_sql sql;
	struct store *s = open_readers(k, &sql, 2, DISPATCH_ANY, 2);

	for (int again = 0; again < 3; again++) {
		start_to_read(s, 2 + 2 * 2, 2);
		CHECK_INT(try_to_read(s), -EAGAIN);
		CHECK_INT(fixture_do(s, own_call(run_which)),
			  0); /* the writer is not full */
		end_reading();
	}
	fixture_close(s);
}

ON_SERVERS(reads_do_not_wait_for_a_free_reader_where_they_may_not)
{
	struct store_sql sql;
	struct store *s = open_readers(k, &sql, 2, DISPATCH_FREE, DISPATCH_NO_LIMIT);

	for (int again = 0; again < 3; again++) {
		start_to_read(s, 2, 2);
		CHECK_INT(try_to_read(s), -EAGAIN);
		end_reading();
		CHECK_INT(fixture_do(s, own_read(run_which)), 0);
	}
	fixture_close(s);
}

ON_SERVERS(readers_are_asked_in_turn)
{
	struct store_sql sql;
	struct store *s = open_readers(k, &sql, 3, DISPATCH_NEXT, DISPATCH_NO_LIMIT);
	struct store_call *c;

	for (int i = 0; i < 9; i++) {
		c = own_read(run_which);
		CHECK_INT(store_wait(s, c), 0);
		CHECK_INT(c->number, i % 3);
		store_call_free(&c);
	}
	start_to_read(s, 9, 3); /* and all of them are answered at the end */
	end_reading();
	fixture_close(s);
}

ON_SERVERS(who_has_just_read_reads_again)
{
	struct store_sql sql;
	struct store *s = open_readers(k, &sql, 3, DISPATCH_ANY, DISPATCH_NO_LIMIT);
	int64_t first = -1;

	start_to_read(s, 3, 3); /* all are connected: who comes is the first, too */
	end_reading();
	for (int i = 0; i < 9; i++) {
		struct store_call *c = own_read(run_which);

		CHECK_INT(store_wait(s, c), 0);
		CHECK(i == 0 || c->number == first);
		first = c->number;
		store_call_free(&c);
	}
	fixture_close(s);
}
