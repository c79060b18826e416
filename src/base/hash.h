/* A keyed hash (SipHash-1-3, key drawn at start, so that peers cannot aim at one bucket) and
 * a hash table whose links live in its members. Not for several threads. */
#pragma once

#include "base/strv.h"

nodiscard uint64_t hash_bytes(const void *p, size_t n); /* differs from run to run */
static inline nodiscard uint64_t hash_strv(struct strv s)
{
	return hash_bytes(s.p, s.n);
}

struct hnode {
	struct hnode *next;
	uint64_t hash;
};

struct hash {
	struct hnode **slot;
	uint32_t n_slot; /* a power of two, or 0 while empty */
	uint32_t n;
};

void hash_init(struct hash *h);
void hash_fini(struct hash *h); /* frees the table, not the members */

/* node->hash is set by hash_add. The caller makes sure that the key is not there yet. A table that
 * many members have left gets smaller when the next one comes. */
void hash_add(struct hash *h, struct hnode *node, uint64_t hash);
void hash_remove(struct hash *h, struct hnode *node);

/* Members of one hash value: the first, and the one after `node`; the caller compares. */
struct hnode *hash_first(const struct hash *h, uint64_t hash);
struct hnode *hash_next(const struct hnode *node);

/* Calls fn for every member. fn may remove that very member, nothing else. */
void hash_each(struct hash *h, void (*fn)(struct hnode *, void *), void *arg);
