/* The server: what all workers share. Everything here is immutable while it runs, atomic, or
 * has its own lock. */
#pragma once

#include "base/clock.h"
#include "core/account/removals.h"
#include "core/listen/admission.h"
#include "core/listen/port_totals.h"
#include "core/login/login_kind.h"
#include "core/options/conf.h"
#include "core/server/retire.h"
#include "xmpp/jid.h"

#include <pthread.h>
#include <stdatomic.h>

struct anonymous_names;
struct auth_cache;
struct auth_pool;
struct backoff;
struct port;
struct store;
struct worker;

enum { SERVER_MAX_WORKERS = 256, SERVER_SECRET_LEN = 32 };

struct server {
	pthread_mutex_t
		lock;	   /* of conf and ports, which reload changes; never a worker's */
	struct conf *conf; /* the workers have their own references */
	struct worker **workers; /* homes, then doors: core/c2s/door.h */
	uint16_t n_workers;	 /* homes */
	uint16_t n_threads;	 /* ... and doors */
	struct arena *arena;	 /* what the store was opened with */
	struct store *store;
	struct auth_pool *auth_pool;
	struct auth_cache *auth_cache;
	struct login_kinds login_kinds;
	struct backoff *backoff;
	struct anonymous_names *anonymous_names;
	struct removals removals;
	unsigned char secret
		[SERVER_SECRET_LEN]; /* the embedded database's: core/login/secret.h */
	wallus_t started;
	struct room_for_all descriptors; /* see core/listen/descriptors.h */
	atomic_bool stopping;
	struct port **ports; /* those that the configuration names, in its order */
	size_t n_ports;
	struct port_totals port_totals; /* with the lock */
	struct retirement retired;	/* with the lock */
};

/* Opens the database and the listeners, makes the workers. -errno and a text in `err`: nothing
 * is left open. Takes its own reference of `c`. */
nodiscard int server_new(struct conf *c, uint16_t n_workers, struct server **ret,
			 struct buf *err);

/* Starts the workers' threads and returns. */
void server_start(struct server *s);

/* Any thread but a worker's, when the server is about to end: nobody waits any more for what programs and
 * services have been asked, so that whoever has to come to an end first does. */
void server_hurry(struct server *s);
/* Any thread: ends all streams with system-shutdown, lets their output drain for a moment, then
 * stops the workers. Returns when all of them have ended, everything is committed, and the
 * database is closed. */
void server_stop(struct server *s);
void server_free(struct server **s);

/* Any thread but a worker's. Reads the configuration's file again, and comes back when all
 * workers go by it. -errno: nothing has changed, and `err` says why. Warnings are in `err`, too. */
nodiscard int server_reload(struct server *s, struct buf *err);

/* The same for the files that the configuration names (certificates and the like), if one of
 * them has changed: 1 when they are in use now, 0 when there was nothing to do. */
nodiscard int server_refresh(struct server *s, struct buf *err);

/* What it runs with, one reference more. Any thread but a worker's. */
struct conf *server_conf(struct server *s);

/* The account has been removed from the database: its sessions end, and who has logged in to it but
 * not bound a resource does not come in. Any thread; on a worker, what concerns that one is done at
 * once. */
void server_account_removed(struct server *s, struct jid account);
