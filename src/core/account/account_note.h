/* Whoever logs in with another server's word has an account in our database from then on. */
#pragma once

#include "xmpp/jid.h"

struct worker;

/* `fn` runs on this worker when the account is known, or with the database's error. Not for good
 * where the account has been removed meanwhile, by `removals` (core/account/removals.h):
 * the name is given back. -EAGAIN: the store is too busy; fn is not run. */
nodiscard int account_note(struct worker *w, struct jid account, uint32_t removals,
			   void (*fn)(struct worker *w, int err, void *arg), void *arg);
