/* A connection to a database. The operations are written once, in SQL that is the same for all of
 * them, over the functions below; what differs from one database to another is its driver's: a
 * constant structure in a file of its own. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct db_stmt; /* a driver's prepared statement */
struct db;

/* Functions that return an int return 0 or -errno: -EEXIST (a unique index says no), -ENOSPC (the
 * disk is full), -EBUSY (others hold the database), -EROFS, -EIO. */
struct db_driver {
	/* Opens d->db; -errno with a text in `err`, and nothing is left open. */
	int (*open)(struct db *d, const char *path, bool writable, struct buf *err);
	void (*close)(struct db *d);	    /* its statements are finalized by then */
	const char *(*error)(struct db *d); /* the last one, for people */

	const char *begin; /* opens a transaction that will write */
	bool (*in_transaction)(struct db *d);
	int (*script)(struct db *d,
		      const char *sql); /* statements without parameters or rows */
	int (*version)(struct db *d, int *ret); /* the schema's; 0 in a new database */
	int (*set_version)(struct db *d, int version);

	int (*prepare)(struct db *d, const char *sql, struct db_stmt **ret);
	void (*finalize)(struct db_stmt *st);
	void (*reset)(struct db_stmt *st);
	/* Parameters count from 1; the text must outlive the query; s.p == NULL binds NULL. */
	int (*bind_text)(struct db_stmt *st, int at, struct strv s);
	int (*bind_int)(struct db_stmt *st, int at, int64_t n);
	int (*step)(struct db *d,
		    struct db_stmt *st);  /* 1: a row; 0: no more, and reset */
	int64_t (*changes)(struct db *d); /* rows that the last statement has changed */
	/* Columns count from 0; the text is the driver's until the next step. */
	struct strv (*text)(struct db_stmt *st, int column);
	int64_t (*integer)(struct db_stmt *st, int column);
};

extern const struct db_driver db_sqlite;

enum { DB_STMT_MAX = 48 }; /* prepared statements kept by a connection */

struct db {
	const struct db_driver *driver;
	void *db; /* the driver's connection; NULL: closed */
	int err;  /* why the last query could not even begin */
	unsigned n_stmt;
	struct {
		const char *sql; /* by address: they are literals */
		struct db_stmt *stmt;
	} stmt[DB_STMT_MAX];
};

nodiscard int db_open(struct db *d, const struct db_driver *driver, const char *path,
		      bool writable, struct buf *err);
void db_close(struct db *d); /* one that is closed, too */

/* Brings the schema to this server's version, in one transaction. -errno with a text in `err`, and
 * the connection is closed: -EPROTONOSUPPORT for a newer schema than this server knows. */
nodiscard int db_migrate(struct db *d, const char *path, struct buf *err);

/* For drivers and the schema: puts "the database PATH: WHAT: ERROR" into `err`, closes, returns
 * `code`. */
nodiscard int db_fail(struct db *d, const char *path, const char *what, int code,
		      struct buf *err);

/* Which connection the calling thread works on: that of all functions below. */
extern _Thread_local struct db *store_db;

/* The prepared statement for this literal, reset, its parameters bound by `types`: s = struct strv,
 * i = int64_t. NULL: it could not be; db_step() says why. */
struct db_stmt *db_query(const char *sql, const char *types, ...);

/* Runs a statement that gives no rows. 0, or -errno. */
nodiscard int db_exec(const char *sql, const char *types, ...);

/* 1: a row; 0: no more; -errno. */
nodiscard int db_step(struct db_stmt *st);

/* 0 when the query has a row, which is then the current one; -ENOENT when it has none. */
nodiscard int db_one(struct db_stmt *st);

/* Ends a query of which not all rows were wanted; NULL is fine. One that is left at a row would
 * hold the state of its moment, and the reader would see no later one. */
void db_finish(struct db_stmt *st);

/* Columns of the current row. */
struct strv db_text(struct arena *a, struct db_stmt *st,
		    int column); /* SQL NULL: p == NULL */
int64_t db_int(struct db_stmt *st, int column);
/* Its first byte; `otherwise` when it has none. */
char db_letter(struct db_stmt *st, int column, char otherwise);

int64_t db_changes(void);
bool db_in_transaction(void);
const char *db_error(void);
