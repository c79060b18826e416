/* What can go wrong with a database server. */
#include "dbserver.h"
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct jid romeo(struct store *s)
{
	fixture_account(s, "romeo@example.org");
	return fixture_jid("romeo@example.org");
}

/* A call that does something of the test's own on the thread of a connection. */
static struct store_call *own_call(int (*run)(struct store *, struct store_call *),
				   bool writes)
{
	struct store_call *c = store_vcard_get(fixture_jid("tester@example.org"));

	c->run = run;
	c->writes = writes;
	return c;
}

static void terminate_all(void)
{
	pgsql_do("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
		 " WHERE application_name = 'meerkat'");
}

/* --- within a batch --- */

/* One batch: a write, the call, a write. Returns the errors. */
static void run_around(struct store *s, struct jid who, struct store_call *c, int err[3])
{
	static struct flight f;
	struct hold h;

	hold_start(&h, s, NULL);
	flight_init(&f);
	flight_add(&f, s, store_vcard_set(who, STRV("before")));
	flight_add(&f, s, c);
	flight_add(&f, s, store_last_set(who, 1, STRV("behind")));
	hold_end(&h);
	flight_await(&f);
	for (size_t i = 0; i < 3; i++)
		err[i] = f.call[i]->err;
	flight_free(&f);
}

static int run_terminate(struct store *s, struct store_call *c)
{
	terminate_all();
	return 0;
}

TEST(pgsql_connection_lost_within_a_batch_fails_all_of_it)
{
	struct store *s = pgsql_open_store(pgsql_conf());
	struct jid who = romeo(s);
	int err[3];

	run_around(s, who, own_call(run_terminate, true), err);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(err[i], -ENOTCONN);
	CHECK_INT(pgsql_number("SELECT count(*) FROM vcard"), 0);
	CHECK_INT(pgsql_number("SELECT count(*) FROM last"), 0);
	/* The next one goes over a new connection. */
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), 0);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), 0);
	fixture_close(s);
}

static int run_wrong(struct store *s, struct store_call *c)
{
	CHECK_INT(db_exec("INSERT INTO nowhere (x) VALUES (?)", "s", STRV("x")), -EIO);
	return 0; /* and keeps it to itself */
}

TEST(pgsql_transaction_with_a_hidden_failure_is_no_success)
{
	struct store *s = pgsql_open_store(pgsql_conf());
	struct jid who = romeo(s);
	int err[3];

	run_around(s, who, own_call(run_wrong, true), err);
	for (size_t i = 0; i < 3; i++)
		CHECK(err[i] < 0);
	CHECK_INT(pgsql_number("SELECT count(*) FROM vcard"), 0);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), 0);
	fixture_close(s);
}

/* --- servers that take their time --- */

static int run_sleep(struct store *s, struct store_call *c)
{
	struct db_stmt *st = db_query("SELECT 1 FROM pg_sleep(60)", "");
	int r = db_one(st);

	db_finish(st);
	return r;
}

TEST(pgsql_statement_that_takes_too_long_fails_alone)
{
	struct store_sql sql = *pgsql_conf();
	struct store *s = pgsql_open_store(&sql);
	struct jid who = romeo(s);
	int err[3];

	fixture_close(s);
	sql.query_timeout_ms = 3000; /* the server's own limit is a little less */
	s = pgsql_open_store(&sql);
	run_around(s, who, own_call(run_sleep, true), err);
	CHECK_INT(err[0], 0);
	CHECK_INT(err[1], -ETIMEDOUT);
	CHECK_INT(err[2], 0);
	fixture_close(s);
}

TEST(pgsql_server_that_hangs_is_given_up)
{
	struct store_sql sql = *pgsql_conf();
	struct store *s;
	struct jid who;
	int64_t pid;

	sql.readers.n_workers = 1;
	s = pgsql_open_store(&sql);
	who = romeo(s);
	fixture_close(s);
	sql.query_timeout_ms = 1000;
	s = pgsql_open_store(&sql);
	pid = pgsql_number("SELECT pid FROM pg_stat_activity WHERE application_name ="
			   " 'meerkat' ORDER BY backend_start LIMIT 1");
	CHECK(pid > 0);
	kill((pid_t)pid, SIGSTOP);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("lost"))), -ETIMEDOUT);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("kept"))), 0);
	kill((pid_t)pid, SIGCONT);
	fixture_close(s);
	CHECK_INT(pgsql_number("SELECT count(*) FROM vcard WHERE vcard = 'kept'"), 1);
}

/* --- servers that come and go --- */

TEST(pgsql_connections_closed_while_idle_are_made_anew)
{
	struct store *s = pgsql_open_store(pgsql_conf());
	struct jid who = romeo(s);

	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), 0);
	terminate_all();
	for (int i = 0; i < 10; i++)
		CHECK_INT(fixture_do(s, store_vcard_get(who)), 0);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("y"))), 0);
	fixture_close(s);
}

/* Until it works, or the test's patience ends. */
static int do_until(struct store *s, struct jid who, int other)
{
	int r = other;

	for (int i = 0; r == other && i < 1000; i++) {
		r = fixture_do(s, store_vcard_set(who, STRV("x")));
		if (r == other)
			dbserver_pause();
	}
	return r;
}

TEST(pgsql_server_may_go_and_come_back)
{
	struct store *s = pgsql_open_store(pgsql_conf());
	struct jid who = romeo(s);

	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOENT);
	pgsql_kill();
	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOTCONN);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), -ENOTCONN);
	pgsql_restart();
	CHECK_INT(do_until(s, who, -ENOTCONN), 0);
	fixture_close(s);
}

TEST(pgsql_server_need_not_be_there_at_the_start)
{
	const struct store_sql *sql = pgsql_conf();
	struct store_conf conf = { .path = "meerkat", .sql = sql };
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;
	struct jid who;

	fixture_close(pgsql_open_store(sql));
	pgsql_kill();
	CHECK_INT(store_open(&conf, &s, &err), 0);
	CHECK_INT(fixture_do(s, store_vcard_get(fixture_jid("romeo@example.org"))),
		  -ENOTCONN);
	who = fixture_jid("romeo@example.org");
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), -ENOTCONN);
	pgsql_restart();
	CHECK_INT(do_until(s, who, -ENOTCONN), -ENOENT); /* no such account: it answers */
	fixture_close(s);
	pgsql_kill();
	conf.wait = true; /* but the command line wants to know */
	CHECK_INT(store_open(&conf, &s, &err), -ENOTCONN);
	CHECK(strstr(buf_cstr(&err), "the database meerkat: cannot be reached: "));
	buf_free(&err);
	pgsql_restart();
}

/* --- what is refused --- */

static void check_refused(const struct store_sql *sql, int want, const char *text)
{
	struct store_conf conf = { .path = "meerkat", .sql = sql, .wait = true };
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;

	CHECK_INT(store_open(&conf, &s, &err), want);
	CHECK(strstr(buf_cstr(&err), text));
	CHECK(!strstr(buf_cstr(&err), "tell-nobody"));
	buf_free(&err);
}

TEST(pgsql_wrong_password_is_told_and_not_shown)
{
	struct store_sql sql = *pgsql_conf();

	sql.password = "tell-nobody";
	check_refused(&sql, -ENOTCONN, "password authentication failed");
}

TEST(pgsql_newer_schema_is_refused)
{
	struct store_sql sql = *pgsql_conf();

	fixture_close(pgsql_open_store(&sql));
	pgsql_do("UPDATE meerkat_schema SET version = 99");
	check_refused(&sql, -EPROTONOSUPPORT, "newer");
	CHECK_INT(pgsql_number("SELECT version FROM meerkat_schema"), 99);
}

TEST(pgsql_who_may_not_make_tables_is_told)
{
	struct store_sql sql = *pgsql_conf();

	pgsql_do(
		"REVOKE ALL ON SCHEMA public FROM public; SET client_min_messages = error;"
		"DROP ROLE IF EXISTS guest;"
		"CREATE ROLE guest LOGIN PASSWORD 'secret'");
	sql.username = "guest";
	check_refused(&sql, -EIO, "its tables cannot be made: ");
}

/* --- MongooseIM's tables --- */

TEST(pgsql_rows_of_mongooseim_are_read)
{
	const struct store_sql *sql = pgsql_conf();
	struct store_call *c;
	struct store *s;

	pgsql_do(dbserver_file("db/mongooseim-pgsql.sql"));
	pgsql_do("INSERT INTO users (server, username, password) VALUES ('x', 'u', 'p');"
		 "INSERT INTO rosterusers (server, username, jid, nick, subscription,"
		 " ask, askmessage) VALUES ('x', 'u', 'a@x', 'A', 'B', 'N', ''),"
		 " ('x', 'u', 'b@x', '', 'N', 'I', 'hi')");
	s = pgsql_open_store(sql);
	c = store_roster_load(fixture_jid("u@x"));
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_items, 2);
	CHECK(c->items[0].listed && !c->items[1].listed);
	CHECK(!c->items[0].approved);
	CHECK_STR(c->items[1].request, "hi");
	store_call_free(&c);
	fixture_close(s);
}

TEST(pgsql_text_longer_than_its_column_is_a_limit)
{
	static char name[300];
	const struct store_sql *sql = pgsql_conf();
	struct store *s;
	struct jid who;

	pgsql_do(dbserver_file("db/mongooseim-pgsql.sql"));
	s = pgsql_open_store(sql);
	memset(name, 'x', sizeof(name) - 1);
	who = romeo(s);
	CHECK_INT(fixture_do(s, store_private_set(who, strv_from(name), STRV("x"), INT64_MAX)),
		  -ENOSPC);
	CHECK_INT(fixture_do(s, store_private_set(who, STRV("ns"), STRV("x"), INT64_MAX)), 0);
	fixture_close(s);
}

/* --- reading --- */

static int64_t seen[2];

static int run_two_reads(struct store *s, struct store_call *c)
{
	int r = db_begin_read();

	for (int i = 0; r == 0 && i < 2; i++) {
		struct db_stmt *st = db_query("SELECT count(*) FROM vcard", "");

		r = db_one(st);
		seen[i] = r == 0 ? db_int(st, 0) : -1;
		db_finish(st);
		pgsql_do("INSERT INTO vcard (server, username, vcard) SELECT 'x',"
			 " count(*)::text, '' FROM vcard");
	}
	return db_end_read();
}

TEST(pgsql_reads_that_belong_together_are_of_one_moment)
{
	struct store *s = pgsql_open_store(pgsql_conf());

	CHECK_INT(fixture_do(s, own_call(run_two_reads, false)), 0);
	CHECK(seen[0] == 0 && seen[1] == 0);
	CHECK_INT(fixture_do(s, own_call(run_two_reads, false)), 0);
	CHECK(seen[0] == 2 && seen[1] == 2);
	fixture_close(s);
}

TEST(pgsql_call_that_waited_too_long_is_not_begun)
{
	static struct flight f;
	struct store_sql sql = *pgsql_conf();
	struct store *s;
	struct jid who;
	struct hold h;

	sql.call_timeout_ms = 50000;
	s = pgsql_open_store(&sql);
	who = romeo(s);
	hold_start(&h, s, NULL);
	clock_fake_set(clock_mono_ms(), clock_wall_us());
	flight_init(&f);
	flight_add(&f, s, store_vcard_set(who, STRV("late")));
	clock_fake_advance(40000);
	flight_add(&f, s, store_last_set(who, 1, STRV("in time")));
	clock_fake_advance(10000);
	hold_end(&h);
	flight_await(&f);
	clock_fake_off();
	CHECK_INT(f.call[0]->err, -ETIMEDOUT);
	CHECK_INT(f.call[1]->err, 0);
	flight_free(&f);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOENT);
	fixture_close(s);
}

TEST(pgsql_stores_that_start_together_make_the_tables_once)
{
	const struct store_sql *sql = pgsql_conf();
	struct store_conf conf = { .path = "meerkat", .sql = sql };
	struct buf err = BUF_INIT(1000);
	struct store *s[4];

	for (size_t i = 0; i < ARRAY_LEN(s); i++)
		CHECK_INT(store_open(&conf, &s[i], &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(s); i++)
		CHECK_INT(do_until(s[i], fixture_jid("romeo@example.org"), -ENOTCONN),
			  -ENOENT);
	for (size_t i = 0; i < ARRAY_LEN(s); i++)
		fixture_close(s[i]);
	CHECK_INT(pgsql_number("SELECT count(*) FROM meerkat_schema"), 1);
}
