/* Recent successful password checks, so that a client that reconnects costs no PBKDF2. What is
 * kept is a keyed digest (the key is drawn at start and never leaves the process) of account,
 * password and stored credentials together: it stops fitting by itself when the account's row
 * changes. Any thread. */
#pragma once

#include "base/strv.h"

struct auth_cache;

nodiscard struct auth_cache *auth_cache_new(size_t max_entries);
void auth_cache_free(struct auth_cache **c);

/* `credentials`: the bytes of the row that the password was checked against. */
nodiscard bool auth_cache_has(struct auth_cache *c, struct strv account,
			      struct strv password, struct strv credentials);
void auth_cache_add(struct auth_cache *c, struct strv account, struct strv password,
		    struct strv credentials);
