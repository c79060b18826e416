/* A table of handles. Across time and across threads nobody holds a pointer to a stream or a
 * session, only a handle {worker, slot, generation}: once the thing is gone, the handle
 * resolves to NULL, even when its slot has been given to another. Owned by one thread. */
#pragma once

#include "base/base.h"

struct handle {
	uint32_t slot;
	uint32_t gen; /* never 0 in a valid handle */
	uint16_t worker;
};

#define HANDLE_NONE ((struct handle){ 0 })

struct slot_entry;
struct slots {
	struct slot_entry *entry;
	uint32_t n_entry, n_used, first_free; /* first_free: index + 1, 0 = none */
	uint32_t max;
	uint16_t worker;
};

void slots_init(struct slots *s, uint16_t worker, uint32_t max);
void slots_fini(struct slots *s);

/* -ENOSPC when `max` are in use. */
nodiscard int slots_add(struct slots *s, void *what, struct handle *ret);
void slots_remove(struct slots *s, struct handle h);
void *slots_get(const struct slots *s, struct handle h); /* NULL: gone */

/* Of what is in that slot. */
struct handle slots_handle(const struct slots *s, uint32_t slot);
/* What is in use, one after the other, *at being 0 at first; NULL: that was all. It may be removed
 * meanwhile. */
void *slots_next(const struct slots *s, uint32_t *at);

static inline bool handle_is_none(struct handle h)
{
	return h.gen == 0;
}

static inline bool handle_eq(struct handle a, struct handle b)
{
	return a.slot == b.slot && a.gen == b.gen && a.worker == b.worker;
}
