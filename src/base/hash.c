#include "base/hash.h"
#include "base/rand.h"

#define MIN_SLOTS 8u

static uint64_t key[2]; /* drawn before main(): read-only for all threads */

__attribute__((constructor)) static void draw_key(void)
{
	rand_bytes(key, sizeof(key));
}

static inline uint64_t rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

#define SIPROUND(v0, v1, v2, v3)                                     \
	do {                                                         \
		v0 += v1, v1 = rotl(v1, 13) ^ v0, v0 = rotl(v0, 32); \
		v2 += v3, v3 = rotl(v3, 16) ^ v2;                    \
		v0 += v3, v3 = rotl(v3, 21) ^ v0;                    \
		v2 += v1, v1 = rotl(v1, 17) ^ v2, v2 = rotl(v2, 32); \
	} while (0)

uint64_t hash_bytes(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t v0, v1, v2, v3, m, last = (uint64_t)n << 56;

	v0 = key[0] ^ 0x736f6d6570736575u;
	v1 = key[1] ^ 0x646f72616e646f6du;
	v2 = key[0] ^ 0x6c7967656e657261u;
	v3 = key[1] ^ 0x7465646279746573u;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&m, p, 8);
		v3 ^= m;
		SIPROUND(v0, v1, v2, v3);
		v0 ^= m;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)p[i] << (8 * i);
	v3 ^= last;
	SIPROUND(v0, v1, v2, v3);
	v0 ^= last;
	v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		SIPROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

void hash_init(struct hash *h)
{
	*h = (struct hash){ 0 };
}

void hash_fini(struct hash *h)
{
	mem_free(h->slot);
	*h = (struct hash){ 0 };
}

static void resize(struct hash *h, uint32_t n_slot)
{
	struct hnode **slot = mem_zalloc(n_slot * sizeof(*slot));

	for (size_t i = 0; i < h->n_slot; i++) {
		for (struct hnode *n = h->slot[i], *next; n; n = next) {
			struct hnode **to = &slot[n->hash & (n_slot - 1)];
			next = n->next;
			n->next = *to;
			*to = n;
		}
	}
	mem_free(h->slot);
	h->slot = slot;
	h->n_slot = n_slot;
}

/* A table gets smaller only here: hash_remove() may be called from within hash_each(). */
static void fit(struct hash *h)
{
	if (h->n >= h->n_slot)
		resize(h, h->n_slot ? h->n_slot * 2 : MIN_SLOTS);
	else if (h->n_slot > MIN_SLOTS && h->n < h->n_slot / 16)
		resize(h, MAX(h->n_slot / 8, MIN_SLOTS));
}

void hash_add(struct hash *h, struct hnode *node, uint64_t hash)
{
	struct hnode **to;

	ASSERT(h->n < UINT32_MAX / 2);
	fit(h);
	to = &h->slot[hash & (h->n_slot - 1)];
	node->hash = hash;
	node->next = *to;
	*to = node;
	h->n++;
}

void hash_remove(struct hash *h, struct hnode *node)
{
	struct hnode **at;

	ASSERT(h->n > 0);
	at = &h->slot[node->hash & (h->n_slot - 1)];
	while (*at != node) {
		ASSERT(*at != NULL);
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	h->n--;
}

struct hnode *hash_first(const struct hash *h, uint64_t hash)
{
	struct hnode *n;

	if (h->n_slot == 0)
		return NULL;
	n = h->slot[hash & (h->n_slot - 1)];
	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct hnode *hash_next(const struct hnode *node)
{
	struct hnode *n = node->next;
	while (n && n->hash != node->hash)
		n = n->next;
	return n;
}

void hash_each(struct hash *h, void (*fn)(struct hnode *, void *), void *arg)
{
	for (size_t i = 0; i < h->n_slot; i++) {
		for (struct hnode *n = h->slot[i], *next; n; n = next) {
			next = n->next;
			fn(n, arg);
		}
	}
}
