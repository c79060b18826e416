#include "core/account/removals.h"
#include "base/hash.h"

static size_t slot_of(struct jid account)
{
	return hash_strv(jid_bare_text(account)) % REMOVALS_SLOTS;
}

uint32_t removals_of(const struct removals *r, struct jid account)
{
	return atomic_load(&r->n[slot_of(account)]);
}

void removals_add(struct removals *r, struct jid account)
{
	atomic_fetch_add(&r->n[slot_of(account)], 1);
}
