/* For the files of the store only. */
#pragma once

#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sqlite3.h>

enum {
	STMT_MAX = 48, /* prepared statements kept by a connection */
	STORE_BATCH = 500, /* calls in one commit at most */
	STORE_N_KEYS = 1024,
	STORE_BUSY_MS = 10000, /* while another process holds the database */
};

struct db {
	sqlite3 *db;
	unsigned n_stmt;
	struct {
		const char *sql; /* by address: they are literals */
		sqlite3_stmt *stmt;
	} stmt[STMT_MAX];
};

struct store {
	struct db write, read;
	bool one; /* in memory: the writer's connection serves reads, too */
	pthread_t writer, reader;
	pthread_mutex_t lock;
	pthread_cond_t more_writes, more_reads;
	struct list writes, reads;
	size_t n_calls, n_bytes;
	bool stopping;
	atomic_uint fail_in; /* see store_fail_write */
	uint32_t writing[STORE_N_KEYS]; /* calls with the writer, by hash of the account */
};

/* Which connection the calling thread works on. */
extern _Thread_local struct db *store_db;

/* The prepared statement for this literal, reset, its parameters bound by `types`:
 * s = struct strv, i = int64_t, n = NULL. NULL: store_db has the error. */
sqlite3_stmt *db_query(const char *sql, const char *types, ...);

/* Runs a statement that gives no rows. 0, or -errno. */
nodiscard int db_exec(const char *sql, const char *types, ...);

/* 1: a row; 0: no more; -errno. */
nodiscard int db_step(sqlite3_stmt *st);

/* 0 when the query has a row, which is then the current one; -ENOENT when it has none. */
nodiscard int db_one(sqlite3_stmt *st);

/* Ends a query of which not all rows were wanted; NULL is fine. One that is left at a row would
 * hold the state of its moment, and the reader would see no later one. */
void db_finish(sqlite3_stmt *st);
int db_errno(void);
struct strv db_text(struct arena *a, sqlite3_stmt *st, int column); /* SQL NULL: p == NULL */

int db_open(struct db *d, const char *path, bool writable, struct buf *err);
void db_close(struct db *d);
nodiscard int db_migrate(struct db *d, const char *path, struct buf *err);

/* A call about the account; a JID that is not there leaves server and username to the caller. */
struct store_call *call_new(struct jid who, int (*run)(struct store *, struct store_call *),
			    bool writes);

/* 0, or -ENOENT: nothing may be written for the account. Else what is under way while it is
 * removed would be left to the next one of that name. */
nodiscard int account_known(struct store_call *c);
