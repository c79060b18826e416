/* Whoever has logged in to an account that is removed before a resource is bound must not come in
 * as its next owner: the number of removals is taken before anybody is asked who he is, and
 * compared when he binds. Any thread. */
#pragma once

#include "xmpp/jid.h"

#include <stdatomic.h>

enum { REMOVALS_SLOTS = 4096 };

/* Accounts share these numbers: of two that share one, a removal may make the other log in anew. */
struct removals {
	_Atomic uint32_t n[REMOVALS_SLOTS];
};

uint32_t removals_of(const struct removals *r, struct jid account);

/* When it is gone from where it was, and before its sessions are ended: who compares before that
 * is one of them. */
void removals_add(struct removals *r, struct jid account);
