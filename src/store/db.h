/* A connection to a database. The operations are written once, in SQL that is the same for all of
 * them but for a few marks, over the functions below; what differs from one database to another is
 * its driver's: a constant structure in a file of its own. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct db_stmt; /* a driver's prepared statement */
struct db;
struct store_conf;

/* How a statement is put for a database. Marks in the text of a statement:
 *
 *     ?          the next parameter
 *     {name}     the column has the bytes of the next parameter
 *     {#name}    the column, to be compared and sorted by its bytes
 *     {+}        nobody else removes the rows before the transaction ends
 *
 * A collation may take for equal, or sort, what for XMPP are different names. */
struct db_dialect {
	bool numbered;		    /* parameters are $1, $2, ... */
	bool by_bytes;		    /* `=` compares bytes */
	const char *before, *after; /* of a column, to compare it by its bytes */
	const char *hold;	    /* behind a SELECT: nobody removes its rows before the
			   * transaction ends; "" where nobody could */
};

/* Functions that return an int return 0 or -errno: -EEXIST (a unique index says no), -ENOSPC (a
 * limit of the database's), -EBUSY (others hold the database), -EROFS,
 * -ETIMEDOUT, -ENOTCONN (the connection is lost), -EIO (a full disk, too). */
struct db_driver {
	struct db_dialect dialect;

	/* Loads the library that it is written for; NULL: that is linked. -ENOENT with a text in
	 * `err`. */
	int (*load)(struct buf *err);

	/* Opens d->db; -errno with a text in `err`, and nothing is left open. */
	int (*open)(struct db *d, const struct store_conf *conf, bool writable,
		    struct buf *err);
	void (*close)(struct db *d);	    /* its statements are finalized by then */
	const char *(*error)(struct db *d); /* the last one, for people */

	/* Whether the connection is gone, as far as can be known without waiting; NULL: it never
	 * is. */
	bool (*is_lost)(struct db *d);

	/* Each row brings a database from one version of the schema to the next; NULL ends. */
	const char *const *migrations;
	/* NULL: the version is in a table, `meerkat_schema`, and this counts tables of that name;
	 * else it is the driver's. */
	const char *has_version;
	/* A query that waits until nobody else migrates and gives 1, and one that ends that; NULL:
	 * `begin` does, the end of the transaction does. */
	const char *lock, *unlock;
	int (*version)(struct db *d, int *ret); /* 0 in a new database */
	int (*set_version)(struct db *d, int version);

	/* About how many accounts there are; NULL: it cannot tell, and they are counted. */
	const char *estimate;

	const char *begin;	/* opens a transaction that will write */
	const char *begin_read; /* one in which all reads see the same moment */
	bool (*in_transaction)(struct db *d); /* asked while there should be one */
	int (*commit)(struct db *d);
	int (*script)(struct db *d,
		      const char *sql); /* one statement without parameters or rows */
	/* The same, but its answer may come with that of the next statement. If that is a failure,
	 * the connection is lost: who fails then has done nothing wrong, and what was to be over is
	 * not. NULL: what opens and ends transactions is prepared as all else, and kept. */
	int (*later)(struct db *d, const char *sql);

	/* `types`: see db_query(). The text of the statement is the driver's to copy. */
	int (*prepare)(struct db *d, const char *sql, const char *types,
		       struct db_stmt **ret);
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

extern const struct db_driver db_sqlite, db_pgsql, db_cockroachdb, db_mysql;

enum {
	DB_STMT_MAX = 64,  /* prepared statements kept by a connection */
	DB_PARAM_MAX = 16, /* of a statement */
	DB_SQL_MAX = 4096, /* bytes of a statement */
};

struct db {
	const struct db_driver *driver;
	void *db; /* the driver's connection; NULL: closed */
	int err;  /* why the last query could not even begin */
	bool in_transaction;
	unsigned reading; /* how deep */
	unsigned n_stmt;
	struct {
		const char *sql; /* by address: they are literals */
		struct db_stmt *stmt;
		uint8_t n_param;
		uint8_t param[DB_PARAM_MAX]; /* which parameter each place takes */
	} stmt[DB_STMT_MAX];
};

nodiscard int db_open(struct db *d, const struct db_driver *driver,
		      const struct store_conf *conf, bool writable, struct buf *err);
void db_close(struct db *d); /* one that is closed, too */
bool db_is_lost(struct db *d);

/* The statement for people's database, with all marks replaced. `param[i]`: which of the
 * parameters, from 0, place i takes; returns how many places there are. */
unsigned db_translate(const struct db_dialect *dialect, const char *sql, struct buf *ret,
		      uint8_t param[DB_PARAM_MAX]);

/* Whether the schema is older than this server. -errno with a text in `err`, and the connection is
 * closed. */
nodiscard int db_is_behind(struct db *d, const struct store_conf *conf, bool *ret,
			   struct buf *err);

/* Brings the schema to this server's version. -errno with a text in `err`, and the connection is
 * closed: -EPROTONOSUPPORT for a newer schema than this server knows. */
nodiscard int db_migrate(struct db *d, const struct store_conf *conf, struct buf *err);

/* For drivers and the schema: puts "the database PATH: WHAT: ERROR" into `err`, closes, returns
 * `code`. */
nodiscard int db_fail(struct db *d, const struct store_conf *conf, const char *what,
		      int code, struct buf *err);

/* Which connection the calling thread works on: that of all functions below. */
extern _Thread_local struct db *store_db;

/* Transactions. db_begin_read() within one is nothing, nor is then its end. */
nodiscard int db_begin(void);
nodiscard int db_begin_read(void);
nodiscard int db_end_read(void);
nodiscard int db_commit(void);
nodiscard int db_rollback(void);
bool db_in_transaction(void);

/* Runs a literal without parameters or rows; its failure may only show in the next one's. */
nodiscard int db_later(const char *sql);

/* The prepared statement for this literal, reset, its parameters bound by `types`: s = struct strv,
 * i = int64_t. NULL: it could not be; db_step() says why. */
struct db_stmt *db_query(const char *sql, const char *types, ...);

/* Runs a statement that gives no rows. 0, or -errno. */
nodiscard int db_exec(const char *sql, const char *types, ...);

/* The same for a row that is changed if it is there and else added: the two statements take the
 * same parameters in the same order. */
nodiscard int db_put(const char *update, const char *insert, const char *types, ...);

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
/* The same, of a long one so many bytes. */
struct strv db_text_up_to(struct arena *a, struct db_stmt *st, int column, size_t max);
int64_t db_int(struct db_stmt *st, int column);
/* Its first byte; `otherwise` when it has none. */
char db_letter(struct db_stmt *st, int column, char otherwise);

int64_t db_changes(void);
const char *db_error(void);
