/* An account that this worker is the home of, while somebody is online or something is under
 * way for it. All of a user's sessions, its roster and its presence live on one thread. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "core/im/roster.h"
#include "xmpp/error.h"
#include "xmpp/jid.h"

struct worker;
struct host;
struct session;
struct ctx;
struct stanza;

enum user_state {
	USER_LOADING, /* asked the database; what comes for it waits, in order */
	USER_READY,
	USER_GONE, /* removed, or never existed: only until it is freed */
};

struct user {
	struct hnode node;    /* in worker's users */
	struct list sessions; /* struct session.in_user, the oldest first */
	/* USER_LOADING: who waits for it. Later: its place in the worker's list of users that may
	 * be dropped. */
	union {
		struct list waiting;
		struct list idle;
	};
	struct worker *worker;
	const struct host *host; /* keeps a reference of its snapshot */
	struct jid jid;		 /* bare; the text stands behind the modules' data */
	struct roster *roster;	 /* NULL until USER_READY */
	uint32_t pins;		 /* reasons to keep it besides sessions */
	uint32_t n_sessions;
	uint32_t waiting_bytes;
	uint8_t state;
	uint8_t n_questions;	 /* about it, without an answer: see core/c2s/asker.h */
	bool reads_requests : 1; /* of others, from the database: core/im/roster_push.c */
	bool removed : 1;	 /* its name may be somebody else's already */
	bool anonymous : 1; /* in memory only, while it is online: core/login/anonymous.h */
			    /* The modules' data: mod_user_data(). */
};

_Static_assert(sizeof(struct user) <= 104, "an account has grown");

/* Of its bare JID: it tells the account's home, and finds it there. */
static inline uint64_t user_hash(struct jid bare)
{
	return hash_strv(jid_bare_text(bare));
}

/* The account, if it is loaded here and ready; NULL otherwise. `bare` is canonical. */
struct user *user_find(struct worker *w, struct jid bare);
struct user *user_find_hashed(struct worker *w, struct jid bare, uint64_t hash);
bool user_is_loading(struct worker *w, struct jid bare);

/* Runs `fn` with the account as soon as it is loaded: now, or when the database has answered.
 * `u` is NULL when there is no such account, and `err` is negative when the database failed.
 * `arg` is freed by fn. -ENOBUFS: too much waits for this account already, or the database
 * is too busy to load it; fn is not run. An `arg` of 0 bytes is never too much. */
nodiscard int user_with(struct worker *w, struct jid bare, size_t arg_bytes,
			void (*fn)(struct worker *w, struct user *u, int err, void *arg),
			void *arg);

/* One that is in no database, with an empty roster. Nobody must have the name; the first who unpins
 * it last frees it. */
struct user *user_add_anonymous(struct worker *w, struct jid bare);

/* The domain as a newer configuration has it. */
void user_set_host(struct user *u, const struct host *h);

void user_pin(struct user *u);
void user_unpin(struct user *u);

/* Its sessions end, and nobody finds it any more. */
void user_end(struct user *u, enum stream_err why, const char *text);

/* The account has been removed from the database: its contacts hear of it (hooks), and its
 * sessions end. */
void user_gone(struct user *u);

/* The same for one that may not be here, or is being loaded. */
void user_removed(struct worker *w, struct jid bare);

/* Drops users that nothing needs, the longest idle first, beyond what the cache may hold. */
void user_trim(struct worker *w);

/* At the end of its worker: frees it whatever is under way. */
void user_unload(struct user *u);
