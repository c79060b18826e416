/* What all pools of [outgoing_pools] have: who of their workers does what. */
#include "core/options/conf_priv.h"
#include "base/dispatch.h"

enum strategy { BEST, RANDOM, NEXT, AVAILABLE, NEXT_AVAILABLE };

const struct conf_word conf_pool_strategies[] = {
	{ "best_worker", BEST },
	{ "random_worker", RANDOM },
	{ "next_worker", NEXT },
	{ "available_worker", AVAILABLE },
	{ "next_available_worker", NEXT_AVAILABLE },
	{ 0 },
};

const struct conf_word conf_pool_scopes[] = {
	{ "global", CONF_SCOPE_GLOBAL },
	{ "host_type", CONF_SCOPE_HOST_TYPE },
	{ "host", CONF_SCOPE_HOST_TYPE },
	{ 0 },
};

void conf_pool_check(struct conf_ctx *c, const struct conf_pool *p)
{
	if (p->max_queue != CONF_UNSET && p->strategy != BEST)
		conf_complain_at(c, "max_worker_queue_len",
				 "it goes only with strategy = \"best_worker\"");
}

struct dispatch_conf conf_pool_dispatch(const struct conf_pool *p)
{
	static const enum dispatch_strategy strategies[] = {
		[BEST] = DISPATCH_ANY,
		[AVAILABLE] = DISPATCH_ANY,
		[NEXT_AVAILABLE] = DISPATCH_FREE,
		[RANDOM] = DISPATCH_RANDOM,
		[NEXT] = DISPATCH_NEXT,
	};

	return (struct dispatch_conf){
		.n_workers = (unsigned)p->workers,
		.strategy = strategies[p->strategy],
		.max_queue = p->max_queue == CONF_UNSET ? DISPATCH_NO_LIMIT
							: (size_t)p->max_queue,
	};
}
