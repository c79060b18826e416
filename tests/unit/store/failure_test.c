/* Full disks and broken databases. */
#include "fixture.h"

#include <stdio.h>

static struct jid romeo(struct store *s)
{
	fixture_account(s, "romeo@example.org");
	return fixture_jid("romeo@example.org");
}

static int count_messages(struct store *s, struct jid who)
{
	struct store_call *c = store_offline_load(who, 0);
	int n;

	CHECK_INT(store_wait(s, c), 0);
	n = (int)c->n_messages;
	store_call_free(&c);
	return n;
}

ON_EACH(full_disk_at_the_commit_fails_all_of_the_batch)
{
	static struct flight f;
	struct jid who = romeo(s);
	struct hold h;

	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("old"))), 0);
	hold_start(&h, s, NULL);
	flight_init(&f);
	for (int i = 0; i < 5; i++)
		flight_add(&f, s,
			   store_offline_add(who, i, STRV("n@x"), STRV("m"), INT64_MAX));
	flight_add(&f, s, store_vcard_set(who, STRV("new")));
	flight_add(&f, s, store_vcard_get(who)); /* would tell of what is not so */
	flight_add(&f, s, store_account_add(who, STRV("x"), STRV_NULL, INT64_MAX));
	store_fail_write(s, 2); /* the holder's is the first */
	hold_end(&h);
	flight_await(&f);
	for (size_t i = 0; i < f.n; i++)
		CHECK_INT(f.call[i]->err, -EIO);
	flight_free(&f);
	CHECK_INT(count_messages(s, who), 0);
	CHECK_INT(fixture_do(s, store_offline_add(who, 1, STRV("n@x"), STRV("m"), 9)), 0);
	CHECK_INT(count_messages(s, who), 1);
}

ON_EACH(failing_write_can_be_called_off)
{
	struct jid who = romeo(s);

	store_fail_write(s, 1);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), -EIO);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), 0);
	store_fail_write(s, 1);
	store_fail_write(s, 0);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("y"))), 0);
}

/* From now on, SQLite finds the disk full, itself: in the midst of a batch, when it ends the
 * transaction without being asked. */
static void fill_disk(void)
{
	int r = sqlite3_exec(store_db->db, "PRAGMA max_page_count=1", NULL, NULL, NULL);
	ASSERT(r == SQLITE_OK); /* it takes what there is for the least */
}

static void empty_disk(void)
{
	int r = sqlite3_exec(store_db->db, "PRAGMA max_page_count=1000000", NULL, NULL,
			     NULL);
	ASSERT(r == SQLITE_OK);
}

ON_SQLITE(full_disk_within_a_batch_fails_all_of_it)
{
	static struct flight f;
	static char large[100000];
	struct jid who = romeo(s);
	struct hold h;

	memset(large, 'x', sizeof(large));
	hold_start(&h, s, fill_disk);
	flight_init(&f);
	flight_add(&f, s, store_last_set(who, 1, STRV("before")));
	flight_add(&f, s, store_vcard_set(who, strv_make(large, sizeof(large))));
	flight_add(&f, s,
		   store_private_set(who, STRV("ns:a"), STRV("<behind/>"), INT64_MAX));
	flight_add(&f, s, store_account_get(who));
	hold_end(&h);
	flight_await(&f);
	for (size_t i = 0; i < f.n; i++)
		CHECK_INT(f.call[i]->err, -EIO);
	flight_free(&f);
	CHECK_INT(fixture_do(s, store_last_get(who)), -ENOENT);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOENT);
	CHECK_INT(fixture_do(s, store_private_get(who, STRV("ns:a"))), -ENOENT);
	hold_start(&h, s, empty_disk);
	hold_end(&h);
	CHECK_INT(fixture_do(s, store_vcard_set(who, strv_make(large, sizeof(large)))),
		  0);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), 0);
}

/* What somebody else did to the file is told, and is no reason to end. */
TEST(missing_table_is_an_error_of_the_call)
{
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct jid who = romeo(s);

	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), 0);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), 0);
	CHECK(!fixture_sql_is(path, "DROP TABLE vcard", 1));
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), -EIO);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), -EIO);
	CHECK_INT(fixture_do(s, store_last_set(who, 1, STRV("x"))), 0);
	CHECK_INT(fixture_do(s, store_last_get(who)), 0);
	fixture_close(s);
}

/* Another process that writes for longer than we wait. */
TEST(locked_database_fails_the_batch_and_no_more)
{
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct jid who = romeo(s);
	sqlite3 *db;

	sqlite3_busy_timeout(s->write.db.db, 1);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), -EBUSY);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), -ENOENT); /* reads go on */
	CHECK(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), 0);
	sqlite3_close(db);
	fixture_close(s);
}

/* The reader lets go of the state that it has read: else the log of changes would grow for
 * ever. */
TEST(no_read_is_left_open)
{
	const char *path = fixture_path();
	struct store *s = fixture_open(path);
	struct jid who = romeo(s);
	struct store_roster_item item = { .jid = STRV("j@x"),
					  .subscription = 'N',
					  .ask = 'N' };

	CHECK_INT(fixture_do(s, store_roster_put(who, &item, STRV("1"))), 0);
	CHECK_INT(fixture_do(s,
			     store_private_set(who, STRV("ns:a"), STRV("x"), INT64_MAX)),
		  0);
	CHECK_INT(fixture_do(s, store_vcard_set(who, STRV("x"))), 0);
	CHECK_INT(fixture_do(s, store_last_set(who, 1, STRV("x"))), 0);
	CHECK_INT(fixture_do(s, store_offline_add(who, 1, STRV("n"), STRV("p"), 9)), 0);
	CHECK_INT(fixture_do(s, store_account_get(who)), 0);
	CHECK_INT(fixture_do(s, store_account_list(STRV("example.org"), STRV(""))), 0);
	CHECK_INT(fixture_do(s, store_roster_load(who)), 0);
	CHECK_INT(fixture_do(s, store_roster_load(fixture_jid("nobody@example.org"))),
		  -ENOENT);
	CHECK_INT(fixture_do(s, store_private_get(who, STRV("ns:a"))), 0);
	CHECK_INT(fixture_do(s, store_vcard_get(who)), 0);
	CHECK_INT(fixture_do(s, store_last_get(who)), 0);
	CHECK_INT(fixture_do(s, store_offline_load(who, 0)), 0);
	/* 0: all of the log could be moved into the database, and the log be begun anew. */
	CHECK(fixture_sql_is(path, "PRAGMA wal_checkpoint(RESTART)", 0));
	fixture_close(s);
}
