/* The one header that a module includes: everything that a feature may see and do.
 *
 * A feature is one file in src/mod/ with one `const struct module`. It declares the namespaces
 * that it adds to service discovery, its options, the IQs that it answers and the moments at
 * which it wants to be called. No module includes another; what two of them share lives in
 * core/. Handlers run on the worker that owns the account or session that they are given;
 * nothing here blocks, and nothing that is given to a handler outlives the call except what a
 * `struct later` keeps. */
#pragma once

#include "conf/option.h"
#include "core/c2s/asker.h"
#include "core/im/roster.h"
#include "core/im/route.h"
#include "core/im/session.h"
#include "core/im/user.h"
#include "core/options/host.h"
#include "core/server/disco.h"
#include "core/server/worker.h"
#include "store/store.h"
#include "xmpp/stamp.h"
#include "xmpp/stanza.h"

struct module;

/* What a handler is told. */
struct ctx {
	struct worker *worker;
	const struct host *host; /* the domain concerned */
	const struct stanza *stanza;
	struct session *session; /* the sender's, when the stanza came from a client whose
				     * session is on this worker; else NULL */
	struct user
		*user; /* the account that the stanza is for (TO_USER, IQ to an account);
				     * NULL for an IQ to the server */
	struct arena *scratch; /* gone when the handler has returned */
};

enum verdict {
	PASS,	 /* go on with the next handler */
	HANDLED, /* the stanza has been dealt with */
};

/* --- IQs (RFC 6120 8.2.3) --- */

enum iq_where {
	IQ_ON_GET = 1,
	IQ_ON_SET = 2,
	IQ_TO_SERVER = 4,  /* `to` is one of our domains */
	IQ_TO_OWN = 8,	   /* `to` is absent or the sender's own bare JID */
	IQ_TO_ACCOUNT = 16 /* `to` is the bare JID of another account, which exists */
};

struct iq_handler {
	enum xml_ns ns;
	const char *name; /* the payload's local name */
	unsigned where;	  /* of enum iq_where; at least one ON and one TO */
	enum verdict (*fn)(struct ctx *c); /* PASS ends as service-unavailable */
	/* With IQ_TO_ACCOUNT: what it tells a stranger. The same is said of an account that does not
	 * exist, so that nobody finds out which do. STANZA_ERR_NONE: service-unavailable. */
	enum stanza_err to_stranger;
};

/* The answers; each may be given once for an IQ. `payload`: XML, copied. */
void reply_result(struct ctx *c);
void reply_payload(struct ctx *c, struct strv payload);
void reply_error(struct ctx *c, enum stanza_err err, const char *text);
/* For what asks the database about c->user: true, and answered, if too much of that waits. */
nodiscard bool reply_busy(struct ctx *c);

/* A reply that needs the database. `later_new` remembers whom to answer and pins the account;
 * `later_store` submits the call and comes back with its answer on this worker; `done` gives
 * the answer by one of later_result/later_payload/later_error, or makes another call. A store
 * that is too busy makes later_store answer resource-constraint by itself and end. */
struct later {
	struct worker *worker;
	const struct host *host; /* keeps a reference of its snapshot */
	struct arena *arena;	 /* for what the module wants to keep; freed with it */
	struct stanza
		stanza; /* the request: addresses, id, lang, type, payload; all in arena */
	struct user *user;     /* pinned; NULL for an IQ to the server */
	struct handle session; /* the sender's stream, or HANDLE_NONE */
	struct asker asker;    /* of an IQ that asks */
	void (*done)(struct later *l, struct store_call *call);
	void *data; /* the module's own */
};
nodiscard struct later *later_new(struct ctx *c);
void later_store(struct later *l, struct store_call *call,
		 void (*done)(struct later *l, struct store_call *call));
void later_result(struct later *l);
void later_payload(struct later *l, struct strv payload);
void later_error(struct later *l, enum stanza_err err, const char *text);
void later_drop(struct later *l); /* ends without an answer: for what is not an IQ */

/* The session that asked, if it is still there. */
struct session *later_session(struct later *l);

/* --- hooks: typed moments; the phase orders the handlers of one moment --- */

enum hook_phase { /* two modules in one phase must commute */
		  PHASE_CHECK,
		  PHASE_BLOCK,
		  PHASE_ARCHIVE,
		  PHASE_CARBON,
		  PHASE_MAIN, /* does what the stanza asks for */
		  PHASE_LATE, /* what is left over: offline storage */
		  PHASE_MAX,
};

struct hooks {
	enum hook_phase phase;

	/* The features of a stream that is authenticated and waits for bind, or is about to be
	 * authenticated (`authed` tells). `registers`: accounts could be made here, see
	 * register_is_offered(). Writes elements. */
	void (*features)(const struct host *h, bool authed, bool registers,
			 struct buf *b);

	/* A client's stanza, `from` stamped, before it is routed. */
	enum verdict (*from_client)(struct ctx *c);

	/* A message or presence for a bare JID, or for a full JID that has no session, at the
	 * account's home, the account being loaded (c->user->state is USER_READY). PASS by all:
	 * route.c applies RFC 6121 8.5; it answers service-unavailable. */
	enum verdict (*to_user)(struct ctx *c);

	/* A message for which route.c found no session to deliver to (RFC 6121 8.5.2.1: type
	 * normal or chat), the account existing. */
	enum verdict (*undelivered)(struct ctx *c);

	/* A session's available presence has been set: `initial` when it was unavailable. */
	void (*available)(struct session *s, bool initial);

	/* The session is bound / about to be freed (from PHASE_MAIN on it is not available). */
	void (*bound)(struct session *s);
	void (*unbind)(struct session *s);

	/* The configuration has been read again; what mod_conf() says may have changed. */
	void (*reloaded)(struct session *s);

	/* The account is being removed: its rows are gone from the database. */
	void (*account_removed)(struct worker *w, struct user *u);
};

struct module {
	const char *name; /* MongooseIM's, "mod_ping": the configuration's table */
	const char *doc;  /* one sentence, for the documentation */
	const enum xml_ns *features; /* of the server, ended by NS_NONE; NULL: none */
	const enum xml_ns *account_features; /* of a bare JID */
	bool on_by_default;		     /* when the configuration has no [modules] */
	bool always; /* not MongooseIM's to switch: on in any case */
	void (*disco_form)(const struct host *h,
			   struct xml_out *o); /* XEP-0128; NULL: none */
	const struct iq_handler *iq;	       /* ended by .fn == NULL */
	const struct hooks *hooks;	       /* NULL: none */

	const struct conf_option *options; /* ended by .name == NULL; NULL: none */
	size_t conf_size;		   /* of the struct that the options fill */

	size_t session_size; /* zeroed data of each session: mod_session_data() */
	size_t user_size;    /* of each loaded account: mod_user_data() */

	/* Called once for each host at start and at reload; -errno with text in `err` refuses. */
	int (*host_start)(const struct host *h, struct buf *err);
};

/* The module's configuration for this host: what its options filled. */
const void *mod_conf(const struct host *h, const struct module *m);
void *mod_session_data(struct session *s, const struct module *m);
void *mod_user_data(struct user *u, const struct module *m);

/* How long all modules' data of one session or account is: it stands behind its struct, zeroed. */
enum module_data { MODULE_DATA_SESSION, MODULE_DATA_USER };
size_t module_data_size(enum module_data which);

/* Once, before the first host is built. */
void modules_init(void);

/* All modules, ended by NULL: generated from the files in src/mod/. */
extern const struct module *const all_modules[];
