/* A method of authentication that asks somebody else: a program, a directory, a server. What it
 * asks blocks, and so it runs on threads of its own, behind a bounded queue; every question has
 * its answer within `timeout_ms`, and a moment. */
#pragma once

#include "auth/pool.h"
#include "base/clock.h"
#include "base/strv.h"

#include <stdatomic.h>

enum auth_op {
	AUTH_CHECK,  /* is this the user's password? */
	AUTH_EXISTS, /* is there such a user? */
	AUTH_CREATE,
	AUTH_SET_PASSWORD,
	AUTH_REMOVE,
	AUTH_GET_PASSWORD, /* into `text`: plain, or MongooseIM's SCRAM serialisation */
	AUTH_GET_CERTS,	   /* into `text`: the user's certificates in PEM */
};

struct auth_backend;
struct buf;

struct auth_call {
	struct auth_job job; /* the keys are the caller's to fill in */
	enum auth_op op;
	struct strv user, domain, password; /* canonical; the caller's, until done */
	/* 0: yes, or done. -EACCES: no, or refused. -ENOENT: no such user. -EEXIST: there is one.
	 * -ENOTSUP: it cannot do that. Anything else: it could not be asked, and `why` says
	 * what the operator has to know. */
	int answer;
	char why[200];
	struct buf *text; /* for what is asked for with AUTH_GET_...; the caller's */
	void (*done)(struct auth_call *c); /* on one of its threads; owns c */

	const struct auth_backend *backend;
	msec_t until; /* clock_mono_ms(): later nobody waits for the answer */
};

struct auth_backend_ops {
	const char *name; /* as in auth.methods */
	unsigned can;	  /* 1u << enum auth_op */
	/* What each thread asks with, the owner being the backend; NULL: nothing. It may not be
	 * connected yet: call() does that. */
	const struct auth_pool_ops *threads;
	/* Returns what becomes `answer`. Comes back by c->until. */
	int (*call)(void *state, struct auth_call *c);
	void (*free)(struct auth_backend *b); /* its own part; the threads have ended */
};

/* The first member of each method's own struct. */
struct auth_backend {
	const struct auth_backend_ops *ops;
	/* Another of the same kind, whose threads it asks, with all that they connect to; NULL: its
	 * own. What each domain has configured for itself is the backend's. */
	struct auth_backend *shares;
	struct auth_pool *pool; /* NULL: it shares another's, or has not been started */
	struct dispatch_conf threads;
	int timeout_ms;	    /* of a question, the time in the queue included */
	atomic_bool ending; /* nobody waits for answers any more: calls return soon */
};

void auth_backend_start(struct auth_backend *b);
/* Nobody waits for its answers any more. Any thread, while it is being stopped, too. */
void auth_backend_hurry(struct auth_backend *b);
/* Answers what is queued (`at_once`: with -ECANCELED), ends the threads. Blocks; not on a worker. */
void auth_backend_stop(struct auth_backend *b, bool at_once);
/* Stops it, if that has not been done. Before who shares its threads is freed, those have been stopped. */
void auth_backend_free(struct auth_backend **b);

/* -ECANCELED: it has been stopped. -EAGAIN: too much is queued, in all, for this account or address, or
 * for what `threads` says; c is still the caller's. */
nodiscard int auth_backend_submit(struct auth_backend *b, struct auth_call *c);

/* What a question that could not be asked says to the operator. */
nodiscard int auth_fail(struct auth_call *c, int err, const char *fmt, ...)
	printf_like(3, 4);
