/* What the commands of `meerkat user` share. */
#pragma once

#include "base/arena.h"
#include "core/account/account_change.h"
#include "core/options/conf.h"
#include "store/store.h"
#include "xmpp/jid.h"

struct user_cmd {
	struct conf *conf;
	struct store *store;
	struct arena *arena;
	struct jid jid; /* of add, passwd, remove */
	bool asks;	/* the methods that ask others have been started */
};

/* NULL: *ret is the bare JID of one of our domains. Else why not. */
const char *user_read_jid(const struct user_cmd *u, struct arena *a, struct strv text,
			  struct jid *ret);

/* What a database's error means here. */
const char *user_error(int err);

/* What came of a change: NULL when it was made. `methods`: 1u << enum auth_method, those that have the
 * account, or else the domain's; `why`: account_change's. */
const char *user_explain(struct arena *a, enum account_what what, int err,
			 unsigned methods, const char *why);

/* Makes a change and waits for it. False: *ret_why says what it came to. */
bool user_change(struct user_cmd *u, struct arena *a, enum account_what what,
		 struct jid account, struct strv password, const char **ret_why);

/* A server that runs has the account in memory. 0 also if none runs. */
nodiscard int user_tell_removed(const struct user_cmd *u, struct jid account);

/* Returns the exit status. */
int user_import(struct user_cmd *u);
