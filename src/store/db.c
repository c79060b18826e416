/* SQLite, as the operations use it. */
#include "store/store_priv.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

_Thread_local struct db *store_db;

int db_errno(void)
{
	int code = sqlite3_extended_errcode(store_db->db);

	if (code == SQLITE_CONSTRAINT_UNIQUE)
		return -EEXIST; /* of other constraints, only a bug of ours can fall foul */
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	default:
		return -EIO;
	}
}

static sqlite3_stmt *prepare(const char *sql)
{
	struct db *d = store_db;
	sqlite3_stmt *st;

	for (unsigned i = 0; i < d->n_stmt; i++)
		if (d->stmt[i].sql == sql)
			return d->stmt[i].stmt;
	ASSERT(d->n_stmt < STMT_MAX);
	if (sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
		return NULL;
	d->stmt[d->n_stmt].sql = sql;
	d->stmt[d->n_stmt++].stmt = st;
	return st;
}

static sqlite3_stmt *query(const char *sql, const char *types, va_list ap)
{
	sqlite3_stmt *st = prepare(sql);
	int r = SQLITE_OK;

	if (st == NULL)
		return NULL;
	sqlite3_reset(st);
	for (int i = 1; *types && r == SQLITE_OK; types++, i++) {
		if (*types == 's') {
			struct strv s = va_arg(ap, struct strv);
			/* Static: the call outlives its query, and each query binds all anew. */
			r = s.p ? sqlite3_bind_text64(st, i, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8) :
				  sqlite3_bind_null(st, i);
		} else {
			ASSERT(*types == 'i');
			r = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
		}
	}
	return r == SQLITE_OK ? st : NULL;
}

sqlite3_stmt *db_query(const char *sql, const char *types, ...)
{
	va_list ap;
	sqlite3_stmt *st;

	va_start(ap, types);
	st = query(sql, types, ap);
	va_end(ap);
	return st;
}

int db_step(sqlite3_stmt *st)
{
	int r = st ? sqlite3_step(st) : SQLITE_ERROR;

	if (r == SQLITE_ROW)
		return 1;
	if (r == SQLITE_DONE) {
		sqlite3_reset(st); /* ends the read it may hold */
		return 0;
	}
	r = db_errno();
	if (st)
		sqlite3_reset(st);
	return r ? r : -EIO;
}

int db_one(sqlite3_stmt *st)
{
	int r = db_step(st);
	return r > 0 ? 0 : r == 0 ? -ENOENT : r;
}

void db_finish(sqlite3_stmt *st)
{
	sqlite3_reset(st); /* whose result tells again of what db_step() has told */
}

int db_exec(const char *sql, const char *types, ...)
{
	va_list ap;
	sqlite3_stmt *st;
	int r;

	va_start(ap, types);
	st = query(sql, types, ap);
	va_end(ap);
	r = db_step(st);
	ASSERT(r <= 0);
	return r;
}

struct strv db_text(struct arena *a, sqlite3_stmt *st, int column)
{
	const char *p = (const char *)sqlite3_column_text(st, column);

	if (p == NULL)
		return STRV_NULL;
	return arena_strv(a, strv_make(p, (size_t)sqlite3_column_bytes(st, column)));
}

static int fail(struct db *d, const char *path, const char *what, struct buf *err)
{
	int code = d->db ? sqlite3_errcode(d->db) : SQLITE_NOMEM;
	int r = buf_addf(err, "the database %s: %s: %s", path, what,
			 d->db ? sqlite3_errmsg(d->db) : "out of memory");

	(void)r; /* a message cut short is still one */
	db_close(d);
	return (code & 0xff) == SQLITE_READONLY ? -EROFS : -EIO;
}

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
	if (r < 0 && buf_addf(err, "the database %s: cannot be opened for writing: %s", path,
			      strerror(-r)) < 0)
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

int db_open(struct db *d, const char *path, bool writable, struct buf *err)
{
	int flags = SQLITE_OPEN_NOMUTEX | (writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE :
						      SQLITE_OPEN_READONLY);
	int r = writable ? make_file(path, err) : 0;

	*d = (struct db){ 0 };
	if (r < 0)
		return r;
	if (sqlite3_open_v2(path, &d->db, flags, NULL) != SQLITE_OK)
		return fail(d, path, "cannot be opened", err);
	sqlite3_extended_result_codes(d->db, 1);
	sqlite3_busy_timeout(d->db, STORE_BUSY_MS);
	if (sqlite3_exec(d->db, writable ? for_writer : for_reader, NULL, NULL, NULL) != SQLITE_OK)
		return fail(d, path, "cannot be used", err);
	return 0;
}

void db_close(struct db *d)
{
	for (unsigned i = 0; i < d->n_stmt; i++)
		sqlite3_finalize(d->stmt[i].stmt);
	d->n_stmt = 0;
	if (d->db) {
		int r = sqlite3_close(d->db);
		ASSERT(r == SQLITE_OK);
	}
	d->db = NULL;
}

/* --- the schema --- */

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
};

static int schema_version(struct db *d)
{
	sqlite3_stmt *st;
	int v = -1;

	if (sqlite3_prepare_v2(d->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return v;
}

int db_migrate(struct db *d, const char *path, struct buf *err)
{
	char pragma[64];
	int v;

	/* One transaction: two processes that start together do not both make the tables, and
	 * what fails half-way leaves nothing. */
	if (sqlite3_exec(d->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return fail(d, path, "cannot be written", err);
	v = schema_version(d);
	if (v < 0)
		return fail(d, path, "cannot be read", err);
	if (v > (int)ARRAY_LEN(migrations)) {
		int r = buf_addf(err, "the database %s is of schema %d, and this is a server that "
				      "knows only up to %zu: it was written by a newer one",
				 path, v, ARRAY_LEN(migrations));
		(void)r; /* a message cut short is still one */
		db_close(d);
		return -EPROTONOSUPPORT;
	}
	for (; v < (int)ARRAY_LEN(migrations); v++)
		if (sqlite3_exec(d->db, migrations[v], NULL, NULL, NULL) != SQLITE_OK)
			return fail(d, path, "its tables cannot be made", err);
	sqlite3_snprintf(sizeof(pragma), pragma, "PRAGMA user_version=%d", v);
	if (sqlite3_exec(d->db, pragma, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(d->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return fail(d, path, "its tables cannot be made", err);
	return 0;
}
