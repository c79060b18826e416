/* For the files of the store only. */
#pragma once

#include "base/dispatch.h"
#include "base/log.h"
#include "store/db.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	STORE_BATCH = 500, /* calls in one commit at most */
	STORE_READS = 32,  /* of the embedded database's, that see one moment */
	STORE_N_KEYS = 1024,
	LINK_BACKOFF_MS = 250, /* the first interval between tries to connect */
};

/* A connection and its thread. */
struct store_link {
	struct store *store;
	struct db db;
	pthread_cond_t more; /* there is something for it */
	bool writes;
	bool up;	 /* the thread's own, as all that follows */
	msec_t retry_at; /* while it is down */
	msec_t backoff_ms;
	msec_t used_at;
	struct log_limit complaints, repeats;
	char told[512]; /* the last complaint */
	pthread_t thread;
};

struct store {
	const struct db_driver *driver;
	struct store_conf conf;
	bool one; /* in memory: the writer's connection serves reads, too */
	struct store_link write, *read;
	unsigned n_read;

	pthread_mutex_t lock;
	struct list writes;
	struct dispatch reads;	    /* by the readers */
	size_t n_urgent, n_patient; /* of `writes` */
	msec_t patient_until;	    /* the oldest of them */
	size_t n_calls, n_bytes;
	bool stopping;
	atomic_bool migrated;		/* the writer has seen to the schema */
	atomic_uint fail_in;		/* see store_fail_write */
	uint32_t writing[STORE_N_KEYS]; /* calls with the writer, by hash of the account,
					* without those that are patient */
};

/* A call about the account; a JID that is not there leaves server and username to the caller. */
struct store_call *call_new(struct jid who,
			    int (*run)(struct store *, struct store_call *), bool writes);

/* 0, or -ENOENT: nothing may be written for the account. Else what is under way while it is
 * removed would be left to the next one of that name. */
nodiscard int account_known(struct store_call *c);

nodiscard int account_take_name(struct store *s, struct store_call *c);
nodiscard int account_drop(struct store *s, struct store_call *c);
/* account_unmade.c: the account has been made, or is none. */
nodiscard int account_unmark(struct store_call *c);

/* The one number of a query; -ENOENT: it has no row. */
nodiscard int store_read_number(struct db_stmt *st, int64_t *ret);

/* The lock is held. */
void store_wake_readers(struct store *s);

/* --- batch.c: on a link's thread, without the lock --- */

/* c->err says how it went. */
void call_run(struct store *s, struct store_call *c);
void calls_fail(struct list *batch, int err);

/* In one transaction, what fails of it undone alone. Those that were not begun are moved to `rest`, which
 * is empty before. */
void calls_write(struct store *s, struct list *batch, struct list *rest);

/* Ends what db_begin_read() has begun; a failure is logged. */
void calls_end_read(void);

/* --- link.c: connections that come and go --- */

/* The first connection, before there is a thread. */
nodiscard int link_open(struct store_link *l, struct buf *err);

/* The rest runs on the link's thread. Makes sure, as far as that can be done now, that the
 * connection is there; without the lock. */
void link_check(struct store_link *l);

/* How long the thread may wait for calls, -1: for ever. */
msec_t link_patience(const struct store_link *l);

/* Nothing was to be done for so long: looks after the connection; without the lock. */
void link_idle(struct store_link *l);
