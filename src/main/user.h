/* What the commands of `meerkat user` share. */
#pragma once

#include "base/arena.h"
#include "core/conf.h"
#include "store/store.h"
#include "xmpp/jid.h"

struct user_cmd {
	struct conf *conf;
	struct store *store;
	struct arena *arena;
	struct jid jid; /* of add, passwd, remove */
};

/* NULL: *ret is the bare JID of one of our domains. Else why not. */
const char *user_read_jid(const struct user_cmd *u, struct arena *a, struct strv text,
			  struct jid *ret);

/* What a database's error means here. */
const char *user_error(int err);

/* Returns the exit status. */
int user_import(struct user_cmd *u);
