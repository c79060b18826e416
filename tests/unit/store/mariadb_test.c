/* What can go wrong with MariaDB, beside what goes for all database servers. */
#include "dbserver.h"
#include "fixture.h"

#include <stdio.h>

static struct jid romeo(struct store *s)
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

/* --- connections --- */

static void kill_writer(void)
{
	struct db_stmt *st = db_query("SELECT CONNECTION_ID()", "");
	char sql[64];

	ASSERT(db_one(st) == 0);
	snprintf(sql, sizeof(sql), "KILL HARD CONNECTION %lld", (long long)db_int(st, 0));
	db_finish(st);
	mariadb_do(sql);
}

static int run_kill(struct store *s, struct store_call *c)
{
	kill_writer();
	return 0;
}

TEST(mariadb_connection_lost_within_a_batch_fails_all_of_it)
{
	struct store *s = mariadb_open_store(mariadb_conf());
	struct jid who = romeo(s);
	int err[3];

	run_around(s, who, own_call(run_kill), err);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(err[i], -ENOTCONN);
	CHECK_INT(mariadb_number("SELECT count(*) FROM vcard"), 0);
	CHECK_INT(mariadb_number("SELECT count(*) FROM last"), 0);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), 0);
	fixture_close(s);
}

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

TEST(mariadb_server_may_go_and_come_back)
{
	struct store *s = mariadb_open_store(mariadb_conf());
	struct jid who = romeo(s);

	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOENT);
	mariadb_kill();
	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOTCONN);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), -ENOTCONN);
	mariadb_restart();
	CHECK_INT(do_until(s, who, -ENOTCONN), 0);
	fixture_close(s);
}

TEST(mariadb_server_that_hangs_is_given_up)
{
	struct store_sql sql = *mariadb_conf();
	struct store *s = mariadb_open_store(&sql);
	struct jid who = romeo(s);

	fixture_close(s);
	sql.query_timeout_ms = 1000;
	s = mariadb_open_store(&sql);
	mariadb_freeze(true);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("lost"))), -ETIMEDOUT);
	mariadb_freeze(false);
	CHECK_INT(do_until(s, who, -ENOTCONN), 0);
	fixture_close(s);
	CHECK_INT(mariadb_number("SELECT count(*) FROM vcard WHERE vcard = 'lost'"), 0);
}

/* --- statements --- */

static int run_sleep(struct store *s, struct store_call *c)
{
	struct db_stmt *st = db_query("SELECT SLEEP(60)", "");
	int r = db_one(st);

	db_finish(st);
	return r;
}

TEST(mariadb_statement_that_takes_too_long_fails_alone)
{
	struct store_sql sql = *mariadb_conf();
	struct store *s = mariadb_open_store(&sql);
	struct jid who = romeo(s);
	int err[3];

	fixture_close(s);
	sql.query_timeout_ms = 3000; /* the server's own limit is a little less */
	s = mariadb_open_store(&sql);
	run_around(s, who, own_call(run_sleep), err);
	CHECK_INT(err[0], 0);
	CHECK_INT(err[1], -ETIMEDOUT);
	CHECK_INT(err[2], 0);
	fixture_close(s);
}

TEST(mariadb_wrong_password_is_told_and_not_shown)
{
	struct store_sql sql = *mariadb_conf();
	struct store_conf conf = { .path = "meerkat", .sql = &sql, .wait = true };
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;

	sql.password = "tell-nobody";
	CHECK_INT(store_open(&conf, &s, &err), -ENOTCONN);
	CHECK(strstr(buf_cstr(&err), "Access denied for user 'meerkat'"));
	CHECK(!strstr(buf_cstr(&err), "tell-nobody"));
	buf_free(&err);
}

TEST(mariadb_newer_schema_is_refused)
{
	const struct store_sql *sql = mariadb_conf();
	struct store_conf conf = { .path = "meerkat", .sql = sql, .wait = true };
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;

	fixture_close(mariadb_open_store(sql));
	mariadb_do("UPDATE meerkat_schema SET version = 99");
	CHECK_INT(store_open(&conf, &s, &err), -EPROTONOSUPPORT);
	buf_free(&err);
}

/* --- MongooseIM's tables, whose collation takes different names for the same --- */

TEST(mariadb_names_are_compared_by_bytes_in_tables_of_mongooseim)
{
	const struct store_sql *sql = mariadb_conf();
	struct jid jose = fixture_jid("jose@x"), accent = fixture_jid("jos\xc3\xa9@x");
	struct store_call *c;
	struct store *s;

	mariadb_do(dbserver_file("db/mongooseim-mysql.sql"));
	CHECK_INT(mariadb_number("SELECT 'jose' = _utf8mb4'jos\xc3\xa9'"), 1);
	s = mariadb_open_store(sql);
	fixture_account(s, "jose@x");
	CHECK_INT(fixture_do(s, store_account_get(accent)), -ENOENT);
	CHECK_INT(fixture_do(s, store_account_set(accent, STRV("x"), STRV_NULL)),
		  -ENOENT);
	CHECK_INT(fixture_do(s, store_account_remove(accent)), -ENOENT);
	/* The table has no room for both. */
	CHECK_INT(fixture_do(s,
			     store_account_add(accent, STRV("x"), STRV_NULL, INT64_MAX)),
		  -EEXIST);
	CHECK_INT(fixture_do(s, store_private_set(jose, STRV("urn:e"), STRV("1"),
						  INT64_MAX)),
		  0);
	CHECK_INT(fixture_do(s, store_private_set(jose, STRV("urn:\xc3\xa9"), STRV("2"),
						  INT64_MAX)),
		  -EEXIST);
	c = store_private_get(jose, STRV("urn:e"));
	CHECK_INT(store_wait(s, c), 0);
	CHECK_STR(c->text, "1");
	store_call_free(&c);
	fixture_close(s);
}

TEST(mariadb_rows_of_mongooseim_are_read)
{
	const struct store_sql *sql = mariadb_conf();
	struct store_call *c;
	struct store *s;

	mariadb_do(dbserver_file("db/mongooseim-mysql.sql"));
	mariadb_do(
		"INSERT INTO users (server, username, password) VALUES ('x', 'u', 'p');"
		"INSERT INTO rosterusers (server, username, jid, nick, subscription,"
		" ask, askmessage) VALUES ('x', 'u', 'a@x', 'A', 'B', 'N', ''),"
		" ('x', 'u', 'b@x', '', 'N', 'I', 'hi')");
	s = mariadb_open_store(sql);
	c = store_roster_load(fixture_jid("u@x"));
	CHECK_INT(store_wait(s, c), 0);
	CHECK_INT(c->n_items, 2);
	CHECK(c->items[0].listed && !c->items[1].listed);
	CHECK_STR(c->items[1].request, "hi");
	store_call_free(&c);
	fixture_close(s);
}

TEST(mariadb_text_longer_than_its_column_is_a_limit)
{
	static char name[300];
	struct store *s = mariadb_open_store(mariadb_conf());
	struct jid who = romeo(s);

	memset(name, 'x', sizeof(name) - 1);
	CHECK_INT(fixture_do(s, store_private_set(who, strv_from(name), STRV("x"),
						  INT64_MAX)),
		  -ENOSPC);
	CHECK_INT(fixture_do(s, store_private_set(who, STRV("ns"), STRV("x"), INT64_MAX)),
		  0);
	fixture_close(s);
}

/* Each of its steps is committed by itself: what was cut short is done again. */
TEST(mariadb_migration_that_was_cut_short_is_completed)
{
	const struct store_sql *sql = mariadb_conf();
	struct store *s;

	fixture_close(mariadb_open_store(sql));
	mariadb_do("DROP TABLE meerkat_schema; DROP TABLE meerkat_secrets");
	s = mariadb_open_store(sql);
	CHECK_INT(fixture_do(s, store_secret("x", 8)), 0);
	fixture_close(s);
	/* Cut short, or another process has come only as far as this. */
	mariadb_do("DELETE FROM meerkat_schema; DROP TABLE meerkat_secrets");
	s = mariadb_open_store(sql);
	CHECK_INT(fixture_do(s, store_secret("x", 8)), 0);
	CHECK_INT(mariadb_number("SELECT count(*) FROM meerkat_schema"), 1);
	fixture_close(s);
}

/* The server rolls all of a transaction back, and goes on as if nothing had been. */
static int n_deadlocks, max_deadlocks;

static int run_deadlock(struct store *s, struct store_call *c)
{
	if (n_deadlocks == max_deadlocks)
		return 0;
	n_deadlocks++;
	return mariadb_deadlock();
}

TEST(mariadb_batch_with_a_deadlock_is_run_again)
{
	struct store *s = mariadb_open_store(mariadb_conf());
	struct jid who = romeo(s);
	int err[3];

	mariadb_do("INSERT INTO meerkat_secrets VALUES ('a', ''), ('b', '')");
	n_deadlocks = 0;
	max_deadlocks = 1;
	run_around(s, who, own_call(run_deadlock), err);
	CHECK_INT(n_deadlocks, 1);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(err[i], 0);
	CHECK_INT(mariadb_number("SELECT count(*) FROM vcard"), 1);
	CHECK_INT(mariadb_number("SELECT count(*) FROM last"), 1);
	fixture_close(s);
}

TEST(mariadb_batch_with_one_deadlock_after_another_fails_up_to_it)
{
	struct store *s = mariadb_open_store(mariadb_conf());
	struct jid who = romeo(s);
	int err[3];

	mariadb_do("INSERT INTO meerkat_secrets VALUES ('a', ''), ('b', '')");
	n_deadlocks = 0;
	max_deadlocks = 100;
	run_around(s, who, own_call(run_deadlock), err);
	CHECK_INT(n_deadlocks, 3);
	CHECK_INT(err[0], -EBUSY);
	CHECK_INT(err[1], -EBUSY);
	CHECK_INT(err[2], 0);
	CHECK_INT(mariadb_number("SELECT count(*) FROM vcard"), 0);
	CHECK_INT(mariadb_number("SELECT count(*) FROM last"), 1);
	fixture_close(s);
}

/* --- TLS --- */

static void check_no_tls(enum tls_client_verify verify)
{
	struct store_sql sql = *mariadb_conf();
	struct store_conf conf = { .path = "meerkat", .sql = &sql, .wait = true };
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;

	sql.tls = (struct store_tls){ .on = true,
				      .options = { .verify = verify, .versions = 0xc } };
	CHECK_INT(store_open(&conf, &s, &err), -ENOTCONN);
	buf_free(&err);
}

/* Whoever is on the way could say so. */
TEST(mariadb_server_that_says_it_has_no_tls_is_refused)
{
	check_no_tls(TLS_CLIENT_NONE);
	check_no_tls(TLS_CLIENT_CA);
	check_no_tls(TLS_CLIENT_FULL);
}
