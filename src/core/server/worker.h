/* A worker: one thread with its own loop, streams, users and counters. It shares nothing but
 * what is atomic or immutable; others reach it through its inbox. */
#pragma once

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/slot.h"
#include "core/server/counter.h"
#include "io/inbox.h"
#include "io/loop.h"
#include "store/store.h"
#include "xmpp/jid.h"

#include <pthread.h>

struct server;
struct conf;
struct xml_reader;

struct worker {
	uint16_t id;
	uint16_t depth; /* of routing within one event: bounds recursion */
	struct server *server;
	uint32_t
		work; /* done in a client's turn, or for a message: stanzas routed, KiB written */
	struct handle sender; /* whose stanza is being handled: for back-pressure */
	struct conf *conf;    /* this worker's snapshot; changes between turns only */
	struct loop *loop;
	struct xml_reader *reader;
	struct arena *scratch; /* reset when an event has been handled */
	struct slots streams;
	struct hash users;
	struct hash presences;	/* what is said by sessions: see core/im/presence.h */
	struct list idle_users; /* nobody online: the longest idle first */
	uint32_t n_idle_users;
	size_t waiting_bytes;	/* for accounts to be loaded */
	size_t held_bytes;	/* core/im/hold.h, core/im/roster_save.c */
	uint64_t n_to_accounts; /* messages that all sessions of an account were to get */
	uint32_t n_calls;	/* of the database: without an answer as yet */
	struct hash askers;	/* clients that it is at work for: core/c2s/asker.h */
	struct counters counters;
	uint32_t n_streams;
	/* When a client has last sent a message, and begun TLS; 0: none has. See
	 * core/c2s/door.h. */
	msec_t talk_at, tls_at;
	struct list waiting_logins; /* see core/login/login.h */
	struct list
		paused; /* struct throttle: streams that wait for room in another's inbox */
	struct list questions;	  /* ... in this one's: core/im/crossing.h */
	struct timer room_timer;  /* looks for it */
	struct timer drain_timer; /* at shutdown: have all streams ended? */
	msec_t drain_until;
	unsigned char secret[32]; /* core/login/secret.h */
	bool has_secret;
	uint32_t n_secret_askings;
	struct secret_asking *secret_askings; /* logins that wait for it */
	bool upgrades;	   /* an account's credentials: core/account/account_upgrade.h */
	struct list ports; /* struct worker_port: where it accepts */
	pthread_t thread;
};

/* A client's turn ends with the stanza that has made more work than this, a millisecond of it. */
enum { WORKER_SHARE = INBOX_SHARE };

static inline void worker_works(struct worker *w, size_t bytes)
{
	w->work += 1 + (uint32_t)(bytes >> 10);
}

extern _Thread_local struct worker *this_worker;

#define ASSERT_ON(w) ASSERT(this_worker == (w))

/* The worker that is the home of this account: hash(bare JID) mod N; never a door. */
struct worker *worker_home(struct server *s, struct jid bare);
struct worker *worker_home_hashed(struct server *s, uint64_t hash); /* user_hash() */

/* Runs fn on that worker, in order with what was posted before; `bytes` counts against its
 * inbox. The answer to a question or the end of a stream is never refused; a worker whose inbox
 * is over its mark says so (worker_is_full), and the sending stream stops being read. */
struct post {
	struct inbox_msg msg;
	void (*fn)(struct worker *w, struct post *p); /* owns p */
};

nodiscard int worker_new(struct server *s, uint16_t id, struct worker **ret);
void worker_free(struct worker **w); /* its thread has ended */
void *worker_main(void *worker);     /* the thread: until loop_stop() */

void worker_post(struct worker *to, struct post *p, size_t bytes);
bool worker_is_full(const struct worker *w);

/* It accepts no more connections. */
void worker_stop_ports(struct worker *w);

/* Submits a store call; fn runs on this worker with the answer and the call is freed after it.
 * -EAGAIN: the store is too busy (the call is freed, fn is not run). */
nodiscard int
worker_store(struct worker *w, struct store_call *call,
	     void (*fn)(struct worker *w, struct store_call *call, void *arg), void *arg);
