#include "core/im/presence.h"
#include "core/server/worker.h"

static size_t bytes_of(size_t text)
{
	return sizeof(struct presence) + text;
}

static struct presence *find(struct worker *w, struct strv bytes, uint64_t hash)
{
	for (struct hnode *n = hash_first(&w->presences, hash); n; n = hash_next(n)) {
		struct presence *p = container_of(n, struct presence, node);
		if (strv_eq(strv_make(p->bytes, p->n), bytes))
			return p;
	}
	return NULL;
}

struct presence *presence_get(struct worker *w, struct strv bytes)
{
	uint64_t hash = hash_strv(bytes);
	struct presence *p = find(w, bytes, hash);

	ASSERT_ON(w);
	if (p == NULL) {
		p = slab_zalloc(loop_slabs(w->loop), bytes_of(bytes.n));
		p->n = (uint32_t)bytes.n;
		memcpy(p->bytes, bytes.p, bytes.n);
		hash_add(&w->presences, &p->node, hash);
	}
	p->refs++;
	return p;
}

void presence_unref(struct worker *w, struct presence **pp)
{
	struct presence *p = *pp;

	ASSERT_ON(w);
	*pp = NULL;
	if (p == NULL || --p->refs > 0)
		return;
	hash_remove(&w->presences, &p->node);
	slab_free(loop_slabs(w->loop), p, bytes_of(p->n));
}
