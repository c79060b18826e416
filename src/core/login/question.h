/* A question of a login's to a method that asks somebody else (auth/backend.h), or to the database: one
 * answer, on the worker that asked, in bounded time. Backends keep to their limits where they can; the system's
 * look-up of a name, for one, takes the time it takes. Whoever logs in waits for the backend's limit
 * (the database's: QUESTION_STORE_MS, or twice query_timeout) and QUESTION_GRACE_MS at most; an answer that comes later is for nobody. */
#pragma once

#include "auth/backend.h"
#include "core/options/conf.h"
#include "xmpp/jid.h"

struct store_call;
struct worker;

enum {
	QUESTION_GRACE_MS = 2000,
	QUESTION_STORE_MS = 30000,
	QUESTION_MAX_TEXT = 256 << 10
};

struct question {
	enum auth_method method;
	enum auth_op op;
	struct jid user;
	struct strv password;
	uint32_t address_key; /* whose queue it counts for: auth_pool_address_key() */
};

/* Lives for as long as the function runs that is given it. */
struct question_answer {
	int err;	  /* as in struct auth_call; -ETIMEDOUT: not in time */
	const char *why;  /* for the operator; may be empty */
	struct strv text; /* for AUTH_GET_... */
};

typedef void (*question_fn)(struct worker *w, const struct question_answer *a, void *arg);

/* Asks the backend of the worker's own configuration: those of an older one may have been stopped.
 * What is pointed to is copied. Negative, and fn is not run: -ENOTSUP: there is no such backend, or
 * it cannot do that; or as auth_backend_submit(). */
nodiscard int question_ask(struct worker *w, const struct question *q, question_fn fn,
			   void *arg);

/* As worker_store(); when the answer is late, fn has a call with nothing but err = -ETIMEDOUT. */
nodiscard int question_store(struct worker *w, struct store_call *call,
			     void (*fn)(struct worker *w, struct store_call *call,
					void *arg),
			     void *arg);
