#include "base/slot.h"

struct slot_entry {
	void *what; /* NULL: free */
	uint32_t gen;
	uint32_t next_free; /* index + 1 */
};

void slots_init(struct slots *s, uint16_t worker, uint32_t max)
{
	*s = (struct slots){ .worker = worker, .max = max };
}

void slots_fini(struct slots *s)
{
	mem_free(s->entry);
	*s = (struct slots){ 0 };
}

static void grow(struct slots *s)
{
	uint32_t n = MIN(s->n_entry + s->n_entry / 4 + 16, s->max);

	s->entry = mem_realloc(s->entry, n * sizeof(*s->entry));
	for (uint32_t i = n; i-- > s->n_entry;) {
		s->entry[i] = (struct slot_entry){ .gen = 1, .next_free = s->first_free };
		s->first_free = i + 1;
	}
	s->n_entry = n;
}

int slots_add(struct slots *s, void *what, struct handle *ret)
{
	struct slot_entry *e;
	uint32_t i;

	ASSERT(what != NULL);
	if (s->first_free == 0) {
		if (s->n_entry >= s->max)
			return -ENOSPC;
		grow(s);
	}
	i = s->first_free - 1;
	e = &s->entry[i];
	s->first_free = e->next_free;
	e->what = what;
	s->n_used++;
	*ret = (struct handle){ .slot = i, .gen = e->gen, .worker = s->worker };
	return 0;
}

void *slots_get(const struct slots *s, struct handle h)
{
	ASSERT(h.gen == 0 || h.worker == s->worker);
	if (h.gen == 0 || h.slot >= s->n_entry || s->entry[h.slot].gen != h.gen)
		return NULL;
	return s->entry[h.slot].what;
}

struct handle slots_handle(const struct slots *s, uint32_t slot)
{
	ASSERT(slot < s->n_entry && s->entry[slot].what != NULL);
	return (struct handle){ .slot = slot,
				.gen = s->entry[slot].gen,
				.worker = s->worker };
}

void *slots_next(const struct slots *s, uint32_t *at)
{
	while (*at < s->n_entry) {
		void *what = s->entry[(*at)++].what;
		if (what)
			return what;
	}
	return NULL;
}

void slots_remove(struct slots *s, struct handle h)
{
	struct slot_entry *e;

	ASSERT(slots_get(s, h) != NULL);
	e = &s->entry[h.slot];
	e->what = NULL;
	if (++e->gen == 0)
		e->gen = 1;
	e->next_free = s->first_free;
	s->first_free = h.slot + 1;
	s->n_used--;
}
