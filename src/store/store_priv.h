/* For the files of the store only. */
#pragma once

#include "store/db.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	STORE_BATCH = 500, /* calls in one commit at most */
	STORE_N_KEYS = 1024,
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
	uint32_t
		writing[STORE_N_KEYS]; /* calls with the writer, by hash of the account */
};

/* A call about the account; a JID that is not there leaves server and username to the caller. */
struct store_call *call_new(struct jid who,
			    int (*run)(struct store *, struct store_call *), bool writes);

/* 0, or -ENOENT: nothing may be written for the account. Else what is under way while it is
 * removed would be left to the next one of that name. */
nodiscard int account_known(struct store_call *c);
