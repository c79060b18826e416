/* The driver for SQLite. */
#include "store/db.h"
#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 10000 }; /* while another process holds the database */

static sqlite3_stmt *stmt_of(struct db_stmt *st)
{
	return (sqlite3_stmt *)st;
}

/* What the last call on the connection, which has failed, means. */
static int error_code(struct db *d)
{
	int code = d->db ? sqlite3_extended_errcode(d->db) : SQLITE_NOMEM;

	if (code == SQLITE_CONSTRAINT_UNIQUE)
		return -EEXIST; /* of other constraints, only a bug of ours can fall foul */
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	default:
		return -EIO;
	}
}

static const char *error_text(struct db *d)
{
	return d->db ? sqlite3_errmsg(d->db) : "out of memory";
}

/* --- opening --- */

static int may_use(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || eaccess(path, R_OK | W_OK) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

/* The file is made by us, before SQLite does, so that nobody else can read it. One that is there
 * is not opened: closing it would drop the locks that SQLite may hold on it in this process. */
static int make_file(const char *path, struct buf *err)
{
	int fd, r = 0;

	if (strcmp(path, ":memory:") == 0)
		return 0;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	else
		r = errno == EEXIST ? may_use(path) : -errno;
	if (r < 0 && buf_addf(err, "the database %s: cannot be opened for writing: %s",
			      path, strerror(-r)) < 0)
		return r; /* a message cut short is still one */
	return r;
}

/* Caches are small, in KiB: the kernel has the file in its own. Temporary data stay in memory: they
 * are small, and the directory for temporary files need not be ours to write to. */
static const char for_reader[] = "PRAGMA cache_size=-256; PRAGMA temp_store=MEMORY;";
static const char for_writer[] = "PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY;"
				 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
				 "PRAGMA wal_autocheckpoint=4000;"
				 "PRAGMA journal_size_limit=33554432;";

/* Nobody asks SQLite how much memory it has, and to count it takes a lock each time. It counts if somebody
 * else has begun to use it before. */
static void set_up(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int open_file(struct db *d, const struct store_conf *conf, bool writable,
		     struct buf *err)
{
	const char *path = conf->path;
	int flags = SQLITE_OPEN_NOMUTEX |
		    (writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
			      : SQLITE_OPEN_READONLY);
	int r = writable ? make_file(path, err) : 0;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sqlite3 *db;

	if (r < 0)
		return r;
	pthread_once(&once, set_up);
	r = sqlite3_open_v2(path, &db, flags, NULL);
	d->db = db; /* also when it failed: it has the reason */
	if (r != SQLITE_OK)
		return db_fail(d, conf, "cannot be opened", error_code(d), err);
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	if (sqlite3_exec(db, writable ? for_writer : for_reader, NULL, NULL, NULL) !=
	    SQLITE_OK)
		return db_fail(d, conf, "cannot be used", error_code(d), err);
	return 0;
}

static void close_file(struct db *d)
{
	int r = sqlite3_close(d->db);
	ASSERT(r == SQLITE_OK);
}

/* --- transactions and the schema --- */

/* One row a version: what brings a database there from the one before. */
static const char *const migrations[] = {
	"CREATE TABLE users (username TEXT NOT NULL, server TEXT NOT NULL, password TEXT NOT NULL,"
	" pass_details TEXT, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
	"CREATE UNIQUE INDEX i_users ON users (server, username);"
	"CREATE TABLE last (server TEXT NOT NULL, username TEXT NOT NULL, seconds INTEGER NOT NULL,"
	" state TEXT NOT NULL);"
	"CREATE UNIQUE INDEX i_last ON last (server, username);"
	"CREATE TABLE rosterusers (server TEXT NOT NULL, username TEXT NOT NULL, jid TEXT NOT NULL,"
	" nick TEXT NOT NULL, subscription CHARACTER(1) NOT NULL, ask CHARACTER(1) NOT NULL,"
	" askmessage TEXT NOT NULL, approved INTEGER NOT NULL DEFAULT 0,"
	" listed INTEGER NOT NULL DEFAULT 1,"
	" created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
	"CREATE UNIQUE INDEX i_rosterusers ON rosterusers (server, username, jid);"
	"CREATE INDEX i_rosterusers_jid ON rosterusers (jid);"
	"CREATE TABLE rostergroups (server TEXT NOT NULL, username TEXT NOT NULL,"
	" jid TEXT NOT NULL, grp TEXT NOT NULL);"
	"CREATE UNIQUE INDEX i_rostergroups ON rostergroups (server, username, jid, grp);"
	"CREATE TABLE roster_version (server TEXT NOT NULL, username TEXT NOT NULL,"
	" version TEXT NOT NULL);"
	"CREATE UNIQUE INDEX i_roster_version ON roster_version (server, username);"
	"CREATE TABLE vcard (username TEXT NOT NULL, server TEXT NOT NULL, vcard TEXT NOT NULL,"
	" created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
	"CREATE UNIQUE INDEX i_vcard ON vcard (server, username);"
	"CREATE TABLE private_storage (server TEXT NOT NULL, username TEXT NOT NULL,"
	" namespace TEXT NOT NULL, data TEXT NOT NULL,"
	" created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
	"CREATE UNIQUE INDEX i_private ON private_storage (server, username, namespace);"
	"CREATE TABLE offline_message (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" timestamp BIGINT NOT NULL, expire BIGINT, server TEXT NOT NULL, username TEXT NOT NULL,"
	" from_jid TEXT NOT NULL, packet TEXT NOT NULL, permanent_fields BLOB);"
	"CREATE INDEX i_offline_message ON offline_message (server, username, id);"
	"CREATE TABLE meerkat_secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL);",

	/* Accounts whose credentials are elsewhere: a row in `users` would give them a password. */
	"CREATE TABLE meerkat_accounts (server TEXT NOT NULL, username TEXT NOT NULL);"
	"CREATE UNIQUE INDEX i_meerkat_accounts ON meerkat_accounts (server, username);",
	NULL,
};

static bool in_transaction(struct db *d)
{
	return !sqlite3_get_autocommit(d->db);
}

static int script(struct db *d, const char *sql)
{
	return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
								       : error_code(d);
}

static int commit(struct db *d)
{
	return script(d, "COMMIT");
}

static int version(struct db *d, int *ret)
{
	sqlite3_stmt *st;
	int r;

	if (sqlite3_prepare_v2(d->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return error_code(d);
	r = sqlite3_step(st) == SQLITE_ROW ? 0 : error_code(d);
	if (r == 0)
		*ret = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return r;
}

static int set_version(struct db *d, int v)
{
	char sql[64];

	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA user_version=%d", v);
	return script(d, sql);
}

/* --- statements --- */

static int prepare(struct db *d, const char *sql, const char *types, struct db_stmt **ret)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) !=
	    SQLITE_OK)
		return error_code(d);
	*ret = (struct db_stmt *)st;
	return 0;
}

static void finalize(struct db_stmt *st)
{
	sqlite3_finalize(stmt_of(st));
}

static void reset(struct db_stmt *st)
{
	sqlite3_reset(stmt_of(st)); /* whose result tells again of what step() has told */
}

static int bind_text(struct db_stmt *st, int at, struct strv s)
{
	int r = s.p ? sqlite3_bind_text64(stmt_of(st), at, s.p, s.n, SQLITE_STATIC,
					  SQLITE_UTF8)
		    : sqlite3_bind_null(stmt_of(st), at);
	return r == SQLITE_OK ? 0 : -EIO;
}

static int bind_int(struct db_stmt *st, int at, int64_t n)
{
	return sqlite3_bind_int64(stmt_of(st), at, n) == SQLITE_OK ? 0 : -EIO;
}

static int step(struct db *d, struct db_stmt *st)
{
	int r = sqlite3_step(stmt_of(st));

	if (r == SQLITE_ROW)
		return 1;
	r = r == SQLITE_DONE ? 0 : error_code(d);
	reset(st); /* ends the read that it may hold */
	return r;
}

static int64_t changes(struct db *d)
{
	return sqlite3_changes(d->db);
}

static struct strv text(struct db_stmt *st, int column)
{
	const char *p = (const char *)sqlite3_column_text(stmt_of(st), column);

	return p ? strv_make(p, (size_t)sqlite3_column_bytes(stmt_of(st), column))
		 : STRV_NULL;
}

static int64_t integer(struct db_stmt *st, int column)
{
	return sqlite3_column_int64(stmt_of(st), column);
}

const struct db_driver db_sqlite = {
	.dialect = { .by_bytes = true, .before = "", .after = "", .hold = "" },
	.open = open_file,
	.close = close_file,
	.error = error_text,
	.migrations = migrations,
	.version = version,
	.set_version = set_version,
	.begin = "BEGIN IMMEDIATE",
	.begin_read = "BEGIN",
	.in_transaction = in_transaction,
	.commit = commit,
	.script = script,
	.prepare = prepare,
	.finalize = finalize,
	.reset = reset,
	.bind_text = bind_text,
	.bind_int = bind_int,
	.step = step,
	.changes = changes,
	.text = text,
	.integer = integer,
};
