#include "core/login/login_kind.h"
#include "base/hash.h"

static uint64_t bit_of(struct strv domain)
{
	return UINT64_C(1) << (hash_strv(domain) & 63);
}

void login_kinds_note(struct login_kinds *k, struct strv domain)
{
	if (!login_kinds_are_mixed(k, domain))
		atomic_fetch_or_explicit(&k->mixed, bit_of(domain), memory_order_relaxed);
}

bool login_kinds_are_mixed(const struct login_kinds *k, struct strv domain)
{
	return atomic_load_explicit(&k->mixed, memory_order_relaxed) & bit_of(domain);
}
