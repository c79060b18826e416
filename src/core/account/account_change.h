/* One change to an account, put to the methods of its domain that can make it: it is made, gets
 * another password, ends. Programs and services answer when they like; nothing here waits. */
#pragma once

#include "auth/backend.h"
#include "core/options/conf.h"
#include "store/store.h"
#include "xmpp/jid.h"

enum account_what {
	/* All methods that can tell are asked first whether they have the name: then nobody gets
	 * it. The first method that does not refuse makes the account; the database knows of it
	 * before. */
	ACCOUNT_ADD,
	ACCOUNT_PASSWORD, /* at the first method that has the account and can change it */
	ACCOUNT_REMOVE,	  /* at all methods that have it, then with all its rows here */
};

struct account_change;
typedef void (*account_step)(struct account_change *c, int r);

/* Lives until `ended`. */
struct account_change {
	/* The caller's to fill in; what is pointed to outlives the change. */
	enum account_what what;
	const struct conf_auth *auth; /* the domain's methods, in their order */
	unsigned
		allowed; /* 1u << enum auth_method: asked are all, changed is nothing elsewhere */
	struct conf *const *conf; /* the newest, whose backends run */
	struct store *const *store;
	struct auth_pool *const *pool; /* for PBKDF2; NULL: it is done at once */
	struct jid account;
	struct strv password; /* as it was typed */
	uint32_t address_key; /* whose queue it counts for: auth_pool_address_key() */
	/* An operator may remove what the database alone knows of: the rows of somebody whose
	 * method cannot be asked. */
	bool by_operator;
	/* On any thread: an answer has come. account_change_go_on() is to run where the change
	 * was started. */
	void (*answered)(struct account_change *c);
	void (*ended)(struct account_change *c); /* there; owns c */

	/* 0; -EINVAL: no such password is allowed (by RFC 8265 and RFC 4013, where it is stored here); -EEXIST, -ENOENT; -ENOSPC: the
	 * domain is full; -EACCES: refused by a method; -ENOTSUP: no method that has or would take
	 * it can do that; -EREMOTEIO: a method could not be asked; -EAGAIN: too much is under way;
	 * or the database's error. */
	int err;
	char why[256]; /* of a method that could not be asked, whatever came of it: for the operator */
	bool undone; /* the account has been known for a moment: who has it in memory must drop it */

	/* Private. */
	struct arena *arena;
	account_step then;
	int answer;
	struct auth_call call;
	struct auth_job job;
	const char *asked; /* the method's name */
	struct store_call *stored;
	struct strv typed, plain, details; /* the password, and what is stored of it */
	size_t at;			   /* of auth->methods */
	unsigned has; /* 1u << enum auth_method: those that have the account */
	bool hashed, unanswered, refused, removed;
	int undone_err;
};

void account_change_start(struct account_change *c);
void account_change_go_on(struct account_change *c);

/* Can a method of this domain store accounts at all, of those that are `allowed`? */
bool account_can_store(const struct conf_auth *auth, unsigned allowed);
/* Are all of its accounts in our database? */
bool account_is_ours_alone(const struct conf_auth *auth);
