/* The last presence that a session has broadcast, without its addresses: thousands of clients of
 * one make say the same. A worker keeps each text once, and counts who has it. */
#pragma once

#include "base/hash.h"

struct worker;

enum {
	PRESENCE_MAX_BYTES = 64 << 10
}; /* stays as long as the session says nothing else */

struct presence {
	struct hnode node; /* in worker->presences */
	uint32_t refs;
	uint32_t n;
	char bytes[];
};

/* `bytes`: a whole element. One more reference. */
nodiscard struct presence *presence_get(struct worker *w, struct strv bytes);
void presence_unref(struct worker *w, struct presence **p); /* NULL is fine */
