/* Durable data behind typed, asynchronous calls. A call is made, filled in, submitted, and comes
 * back with its answer on the thread of whoever asked; what it changed is committed by then.
 * Tables and columns are MongooseIM's wherever it has the table. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/dispatch.h"
#include "base/list.h"
#include "base/slot.h"
#include "io/inbox.h"
#include "tls/client.h"
#include "xmpp/jid.h"

struct store;
struct store_call;

struct store_roster_item {
	struct strv jid;
	struct strv name;	/* p == NULL or empty: none */
	char subscription, ask; /* MongooseIM's letters */
	bool approved, listed;
	struct strv request; /* the waiting <presence/>; empty: none */
	const struct strv *groups;
	size_t n_groups;
	/* Input: of a row that is there, name and groups, or the request, stay. */
	bool keeps_text, keeps_request;
};

struct store_message {
	int64_t id;
	wallus_t at;
	wallus_t expires; /* from then on it is not wanted any more; 0: never */
	struct strv from;
	struct strv packet;
};

/* Inputs are copied by the constructors; outputs live in the call's arena until store_call_free.
 * Whoever submits a change and then reads of the same account sees the change.
 * err: 0, or -ENOENT (nothing stored; or no such account, for which nothing is written),
 * -EEXIST, -ENOSPC (a limit), -ENOTCONN (the database server cannot be reached),
 * -ETIMEDOUT, -EIO and others (the database failed, or its disk is full: it is logged). What failed
 * was not done; but when the connection is lost with a commit under way, nobody knows. */
struct store_call {
	struct inbox_msg msg; /* for whoever delivers the answer */
	struct list link;
	struct arena *arena;
	void (*deliver)(
		struct store_call
			*c);  /* set by the submitter; runs on a thread of the store */
	void *owner;	      /* the submitter's */
	void (*fn)(void);     /* the submitter's, cast as it likes */
	void *arg;	      /* the submitter's */
	struct handle sender; /* the submitter's */
	int (*run)(struct store *s, struct store_call *c);
	bool writes, in_writer; /* the store's, as the next three */
	bool secret;		/* overwritten when it is freed */
	bool patient; /* input of a write for which nobody waits: see STORE_PATIENCE_MS */
	bool sees_patient; /* the store's */
	bool in_order; /* input: a read that goes behind all writes before it, and before those after it */
	bool for_client; /* input: a stanza has made it; see STORE_RESERVE */
	bool *kept;	 /* set to true by whoever keeps the answer, and frees it */
	uint16_t account;
	uint32_t bytes;
	msec_t submitted;
	size_t held; /* input: bytes that wait with it in the submitter's memory */
	int err;

	struct strv server, username;
	struct strv key, text, text2; /* inputs, by operation; outputs of the getters */
	int64_t number;		      /* input: a limit, an id; output: a count */
	bool estimate;		      /* input: the limit need not be kept exactly */
	wallus_t at, expires;
	const struct store_roster_item *items; /* input: NULL or one item; output */
	size_t n_items;
	const struct store_message *messages;
	size_t n_messages;
	const struct strv *accounts; /* their names, as they are stored */
	size_t n_accounts;
};

/* A database server. Texts are NULL where nothing is configured. */
struct store_sql {
	enum store_driver { STORE_PGSQL, STORE_COCKROACHDB, STORE_MYSQL } driver;
	const char *host; /* a path: the directory (MySQL: the file) of a local socket */
	unsigned port;
	const char *database, *username, *password;
	struct dispatch_conf
		readers; /* connections that read, beside the one that writes */
	int64_t query_timeout_ms;
	int64_t call_timeout_ms; /* from submission to the start */
	int64_t keepalive_ms;	 /* 0: none */
	int64_t max_start_ms;	 /* between tries to connect, at most */
	struct store_tls {
		bool on, required; /* not required: as much as the server has */
		struct tls_client_options
			options; /* files are read for each connection */
	} tls;
};

struct store_conf {
	const char *
		path; /* ":memory:": nothing outlives the process; with `sql`: its name for
			   * people */
	const struct store_sql *sql; /* NULL: the embedded database. Outlives the store */
	bool wait; /* with `sql`: opening fails if the server cannot be used now */
};

enum {
	STORE_MAX_CALLS = 100000,
	STORE_MAX_BYTES = 256 << 20,
	/* One part in so many of both is kept for what no client's stanza has made: logins. */
	STORE_RESERVE = 8,
	STORE_LOAD_BYTES = 4 << 20, /* of messages at once; the last one may pass it */
	/* So long a patient write waits for others to be committed with, if nothing else is written
	 * meanwhile. Until then only a read that is made for it sees it. */
	STORE_PATIENCE_MS = 100,

	/* What is read of a roster, whoever has written it: */
	STORE_ROSTER_ITEMS = 8000, /* the first in the order of their JIDs */
	STORE_ROSTER_GROUPS = 100, /* of one contact */
	STORE_ROSTER_TEXT = 4096,  /* bytes of a text; what follows is left out */
	STORE_ROSTER_BYTES =
		8 << 20, /* of all texts; what follows is empty, or not there */
};

/* Loads what talks to this kind of database server, as store_open() does, too. -ENOENT with a text in
 * `err`: it is not installed. */
nodiscard int store_load(enum store_driver driver, struct buf *err);

/* Opens or creates the database and its schema. -errno with a text in `err`: cannot be opened,
 * is read-only, is of a newer schema, is no database. A database server is waited for only if `conf`
 * says so: calls fail with -ENOTCONN while it cannot be reached, and it is tried again and again. */
nodiscard int store_open(const struct store_conf *conf, struct store **ret,
			 struct buf *err);

/* Does all that is queued, commits, closes. */
void store_close(struct store **s);

/* -EAGAIN: too much waits, in all or for the readers' strategy; the call is still the caller's. */
nodiscard int store_submit(struct store *s, struct store_call *c);
void store_call_free(struct store_call **c);

/* Submits and waits: for start-up and the command line. Returns c->err, or -EAGAIN. */
int store_wait(struct store *s, struct store_call *c);

/* --- accounts --- */

struct store_call *
store_account_get(struct jid who); /* text: password; text2: pass_details */

/* Also one whose credentials are elsewhere. -ENOENT. */
struct store_call *store_account_exists(struct jid who);

/* -EEXIST: there is one, here or with its credentials elsewhere. -ENOSPC: the domain has `max` accounts (INT64_MAX: no limit). */
struct store_call *store_account_add(struct jid who, struct strv password,
				     struct strv pass_details, int64_t max);
/* An account whose credentials are elsewhere: from here on it may have data. 0 also when it is
 * known already; -ENOSPC when it is not, and the domain has `max` accounts. */
struct store_call *store_account_note_up_to(struct jid who, int64_t max);
/* The same, without a limit, for one that has just logged in. number: 1 when it was not known. */
struct store_call *store_account_login(struct jid who);
/* An account that a service is asked to make when this is committed; -EEXIST, -ENOSPC. One that is never
 * `made`, removed or logged in to is forgotten when the server starts again. */
struct store_call *store_account_begin(struct jid who, int64_t max);
struct store_call *store_account_made(struct jid who);
/* Of this domain; number: how many there were. */
struct store_call *store_account_forget_unmade(struct strv server);
struct store_call *store_account_set(struct jid who, struct strv password,
				     struct strv pass_details); /* -ENOENT */
/* The same if its credentials are still `before`, which is pass_details, or the password where there
 * are none. -ENOENT: they are not, or there is no such account. */
struct store_call *store_account_replace(struct jid who, struct strv before,
					 struct strv password, struct strv pass_details);
/* And all its rows, and the subscriptions that others' rosters have with it. -ENOENT. */
struct store_call *store_account_remove(struct jid who);

/* accounts: up to 1000, in order, behind username `after` (empty: from the first). */
struct store_call *store_account_list(struct strv server, struct strv after);

/* --- rosters --- */

/* -ENOENT: no such account. items, text: the version. */
struct store_call *store_roster_load(struct jid who);
/* items: the row as it is now (of one that is not listed: without what it keeps). */
struct store_call *store_roster_put(struct jid who, const struct store_roster_item *item,
				    struct strv version);
struct store_call *store_roster_remove(struct jid who, struct jid contact,
				       struct strv version);

/* --- what else belongs to an account --- */

struct store_call *store_private_get(struct jid who, struct strv ns); /* text; -ENOENT */
/* -ENOSPC: the account has `max` elements, and this one is new. */
struct store_call *store_private_set(struct jid who, struct strv ns, struct strv xml,
				     int64_t max);
struct store_call *store_vcard_get(struct jid who); /* text; -ENOENT */
struct store_call *store_vcard_set(struct jid who, struct strv xml);
struct store_call *
store_last_get(struct jid who); /* number: seconds since 1970; text; -ENOENT */
struct store_call *store_last_set(struct jid who, int64_t seconds, struct strv status);

/* -ENOSPC: the account has `max` messages that have not expired by `at`. The caller may set
 * `expires` of the call. */
struct store_call *store_offline_add(struct jid who, wallus_t at, struct strv from,
				     struct strv packet, int64_t max);
/* messages: up to 200 or STORE_LOAD_BYTES, the oldest first, with ids above `after`; none: that
 * was all. Those that have expired are among them. */
struct store_call *store_offline_load(struct jid who, int64_t after);
struct store_call *store_offline_remove(struct jid who, int64_t up_to_id);

/* The secret of that name; made of n random bytes when it is not there. text: hexadecimal. */
struct store_call *store_secret(const char *name, size_t n);

/* Test only: the nth commit from now on fails as if the disk were full (0: off). */
void store_fail_write(struct store *s, unsigned nth);
