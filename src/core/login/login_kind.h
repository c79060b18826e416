/* How passwords are stored: a domain whose accounts are not all stored in the way that its configuration
 * stores them has logins cost the same for all, so that time does not tell who has an account and
 * how old it is. Known from the first row on that a login meets; any thread. */
#pragma once

#include "base/strv.h"

#include <stdatomic.h>

/* A bit for each domain, by its hash: two that share one cost work, and nothing else. */
struct login_kinds {
	_Atomic uint64_t mixed;
};

void login_kinds_note(struct login_kinds *k, struct strv domain);
bool login_kinds_are_mixed(const struct login_kinds *k, struct strv domain);
