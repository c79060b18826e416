/* How many connections there are from each address, or network. A table for all workers, in
 * shards with a lock each. It has an entry only for what has a connection, so that the number of
 * connections is its bound. */
#pragma once

#include "base/net.h"

struct sources {
	struct source_shard *shards;
};

void sources_init(struct sources *s);
void sources_fini(struct sources *s); /* all are given back */

/* One more of this address or network; false: there are `max` of it. Any thread. */
nodiscard bool sources_take(struct sources *s, const struct net *of, uint32_t max);
void sources_give(struct sources *s, const struct net *of); /* one that was taken */
