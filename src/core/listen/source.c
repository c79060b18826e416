#include "core/listen/source.h"
#include "base/hash.h"

#include <pthread.h>

enum { N_SHARDS = 64 };

struct source {
	struct hnode node;
	struct net net;
	uint32_t n; /* > 0 */
};

struct source_shard {
	pthread_mutex_t lock;
	struct hash table;
};

void sources_init(struct sources *s)
{
	s->shards = mem_alloc(N_SHARDS * sizeof(*s->shards));
	for (int i = 0; i < N_SHARDS; i++) {
		pthread_mutex_init(&s->shards[i].lock, NULL);
		hash_init(&s->shards[i].table);
	}
}

void sources_fini(struct sources *s)
{
	for (int i = 0; s->shards && i < N_SHARDS; i++) {
		ASSERT(s->shards[i].table.n == 0);
		pthread_mutex_destroy(&s->shards[i].lock);
		hash_fini(&s->shards[i].table);
	}
	mem_free(s->shards);
	s->shards = NULL;
}

/* The upper bits: the table uses the lower ones. */
static struct source_shard *shard_of(struct sources *s, uint64_t hash)
{
	return &s->shards[(hash >> 32) % N_SHARDS];
}

static struct source *find(struct source_shard *sh, const struct net *of, uint64_t hash)
{
	for (struct hnode *n = hash_first(&sh->table, hash); n; n = hash_next(n)) {
		struct source *e = container_of(n, struct source, node);
		if (net_eq(&e->net, of))
			return e;
	}
	return NULL;
}

static struct source *add(struct source_shard *sh, const struct net *of, uint64_t hash)
{
	struct source *e = MEM_NEW(struct source);

	e->net = *of;
	hash_add(&sh->table, &e->node, hash);
	return e;
}

bool sources_take(struct sources *s, const struct net *of, uint32_t max)
{
	uint64_t hash = hash_bytes(of, sizeof(*of));
	struct source_shard *sh = shard_of(s, hash);
	struct source *e;
	bool taken;

	ASSERT(max > 0);
	pthread_mutex_lock(&sh->lock);
	e = find(sh, of, hash);
	if (e == NULL)
		e = add(sh, of, hash);
	taken = e->n < max;
	e->n += taken;
	pthread_mutex_unlock(&sh->lock);
	return taken;
}

void sources_give(struct sources *s, const struct net *of)
{
	uint64_t hash = hash_bytes(of, sizeof(*of));
	struct source_shard *sh = shard_of(s, hash);
	struct source *e;

	pthread_mutex_lock(&sh->lock);
	e = find(sh, of, hash);
	ASSERT(e != NULL && e->n > 0);
	if (--e->n == 0) {
		hash_remove(&sh->table, &e->node);
	} else {
		e = NULL;
	}
	pthread_mutex_unlock(&sh->lock);
	mem_free(e);
}
