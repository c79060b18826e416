/* The store on a disk that fails: the nth write or sync, for each n until none is left to fail.
 * The disk is SQLite's own, with a thin layer between. */
#include "fixture.h"

#include <stdio.h>

static sqlite3_vfs faulty; /* its xOpen is ours, the rest is the default's */
static sqlite3_vfs *real;
static sqlite3_io_methods methods, real_methods;
static int fail_at, n_ops,
	fail_code; /* 0: none fails; both for the writer's thread only */
static int n_temp_files;

static bool fails(void)
{
	return fail_at > 0 && ++n_ops == fail_at;
}

static int faulty_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return fails() ? fail_code : real_methods.xWrite(f, p, n, at);
}

static int faulty_sync(sqlite3_file *f, int flags)
{
	return fails() ? SQLITE_IOERR_FSYNC : real_methods.xSync(f, flags);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
		       int *out)
{
	int r = real->xOpen(real, name, f, flags, out);

	n_temp_files += (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
	if (r != SQLITE_OK || !(flags & SQLITE_OPEN_WAL))
		return r;
	real_methods = methods = *f->pMethods;
	methods.xWrite = faulty_write;
	methods.xSync = faulty_sync;
	f->pMethods = &methods;
	return r;
}

static void faulty_on(void)
{
	real = sqlite3_vfs_find(NULL);
	faulty = *real;
	faulty.zName = "faulty";
	faulty.xOpen = faulty_open;
	CHECK(sqlite3_vfs_register(&faulty, 1) == SQLITE_OK);
	fail_at = n_ops = n_temp_files = 0;
}

static void faulty_off(void)
{
	CHECK(sqlite3_vfs_unregister(&faulty) == SQLITE_OK);
}

/* One batch, each time with other texts. Returns what all of its calls returned. */
static int write_batch(struct store *s, struct jid who, int round, void (*arm)(void))
{
	static struct flight f;
	char text[32];
	struct hold h;
	int r;

	snprintf(text, sizeof(text), "round %d", round);
	hold_start(&h, s, arm);
	flight_init(&f);
	flight_add(&f, s, store_vcard_set(who, strv_from(text)));
	flight_add(&f, s,
		   store_private_set(who, STRV("ns:a"), strv_from(text), INT64_MAX));
	flight_add(&f, s,
		   store_offline_add(who, round, STRV("n@x"), strv_from(text),
				     INT64_MAX));
	hold_end(&h);
	flight_await(&f);
	r = f.call[0]->err;
	for (size_t i = 0; i < f.n; i++)
		CHECK_INT(f.call[i]->err, r);
	flight_free(&f);
	return r;
}

/* Whether the texts of that round are what is there. */
static void check_round(struct store *s, struct jid who, int round, size_t n_messages)
{
	struct store_call *vcard = store_vcard_get(who),
			  *ns = store_private_get(who, STRV("ns:a")),
			  *messages = store_offline_load(who, 0);
	char text[32];

	snprintf(text, sizeof(text), "round %d", round);
	CHECK_INT(store_wait(s, vcard), 0);
	CHECK_INT(store_wait(s, ns), 0);
	CHECK_INT(store_wait(s, messages), 0);
	CHECK_STR(vcard->text, text);
	CHECK_STR(ns->text, text);
	CHECK_INT(messages->n_messages, n_messages);
	store_call_free(&vcard);
	store_call_free(&ns);
	store_call_free(&messages);
}

static int next_fail;

static void arm(void)
{
	n_ops = 0;
	fail_at = next_fail;
}

static void disarm(void)
{
	fail_at = 0;
}

static void fail_each(int code)
{
	const char *path = fixture_path();
	struct jid who = fixture_jid("romeo@example.org");
	int round = 0, r = -1;
	struct store *s;

	faulty_on();
	fail_code = code;
	s = fixture_open(path);
	fixture_account(s, "romeo@example.org");
	CHECK_INT(write_batch(s, who, round, NULL), 0);
	for (next_fail = 1; r < 0; next_fail++) {
		CHECK(next_fail < 100);
		r = write_batch(s, who, next_fail, arm);
		if (r == 0)
			round = next_fail;
		else
			CHECK_INT(r, -EIO); /* and not as at a limit */
		check_round(s, who, round, round ? 2 : 1);
	}
	CHECK(next_fail > 4); /* several writes and a sync */
	CHECK_INT(write_batch(s, who, 1000, disarm), 0);
	check_round(s, who, 1000, 3);
	fixture_close(s);
	faulty_off();
	s = fixture_open(path);
	check_round(s, who, 1000, 3);
	fixture_close(s);
}

TEST(full_disk_at_any_write)
{
	fail_each(SQLITE_FULL);
}

TEST(broken_disk_at_any_write)
{
	fail_each(SQLITE_IOERR_WRITE);
}

/* A server may have no directory where it can make temporary files. */
TEST(large_change_makes_no_temporary_file)
{
	static struct flight f;
	static char large[4000];
	const char *path = fixture_path();
	struct jid who = fixture_jid("romeo@example.org");
	struct store *s;

	memset(large, 'x', sizeof(large));
	faulty_on();
	s = fixture_open(path);
	fixture_account(s, "romeo@example.org");
	flight_init(&f);
	for (int i = 0; i < 100; i++)
		flight_add(&f, s,
			   store_offline_add(who, i, STRV("n@x"),
					     strv_make(large, sizeof(large)), INT64_MAX));
	flight_await(&f);
	flight_free(&f);
	CHECK_INT(fixture_do(s, store_account_remove(who)), 0);
	CHECK_INT(n_temp_files, 0);
	fixture_close(s);
	faulty_off();
}
