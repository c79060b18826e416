/* An account has been removed: what becomes of it in the rosters of others that are in memory. */
#pragma once

#include "core/server/worker.h"

/* All of this worker's, also of those that are being loaded, which may have been read before. Who
 * gets the name next has nothing of what was granted to this one: neither a subscription nor an
 * approval in advance. The database has that already (store_account_remove()). */
void contact_gone(struct worker *w, struct jid gone);
