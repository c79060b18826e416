/* What the server says of itself in service discovery (XEP-0030): put together once for each
 * host from what its modules declare, and used by mod_disco and mod_caps. */
#pragma once

#include "core/options/host.h"

struct disco {
	struct strv info; /* the content of the server's disco#info <query/> */
	struct strv ver;  /* XEP-0115's verification string of it */
	struct strv
		account_features; /* the identity and <feature/> elements of a bare JID */
	struct strv anonymous_features; /* ... of one that is no account: XEP-0175 */
};

void disco_build(struct host *h, struct arena *a);
