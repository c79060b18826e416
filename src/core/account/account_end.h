/* The end of an account for those who have logged in to it and have no session yet. */
#pragma once

#include "core/server/worker.h"

/* They end as sessions do: bound later, they would have the next account of that name, or make it
 * known anew. */
void account_end_unbound(struct worker *w, struct jid account);
