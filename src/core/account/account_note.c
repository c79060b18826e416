#include "core/account/account_note.h"
#include "base/log.h"
#include "core/server/server.h"
#include "core/server/worker.h"

struct noting {
	uint32_t removals;
	void (*fn)(struct worker *w, int err, void *arg);
	void *arg;
};

static void complain(const struct store_call *call)
{
	log_some_errors("account.left",
			STRV_FMT "@" STRV_FMT
				 " has been removed, but the database failed: the "
				 "name stays taken until `meerkat user remove`",
			STRV_ARG(call->username), STRV_ARG(call->server));
}

static void on_given_back(struct worker *w, struct store_call *call, void *arg)
{
	if (call->err < 0 && call->err != -ENOENT)
		complain(call);
}

/* It was removed before it was noted; nobody can have made another of that name since. */
static void give_back(struct worker *w, const struct store_call *call, uint32_t removals)
{
	AUTO(arena_free) struct arena *a = arena_new(512);
	struct jid account = jid_make(a, call->username, call->server, STRV(""));

	if (removals_of(&w->server->removals, account) != removals &&
	    worker_store(w, store_account_remove(account), on_given_back, NULL) < 0)
		complain(call);
}

static void on_noted(struct worker *w, struct store_call *call, void *arg)
{
	AUTO(mem_freep) struct noting *n = arg;
	int r = call->err;

	if (r == 0 && call->number)
		give_back(w, call, n->removals);
	n->fn(w, r, n->arg);
}

int account_note(struct worker *w, struct jid account, uint32_t removals,
		 void (*fn)(struct worker *w, int err, void *arg), void *arg)
{
	struct noting *n = MEM_NEW(struct noting);
	int r;

	*n = (struct noting){ removals, fn, arg };
	r = worker_store(w, store_account_login(account), on_noted, n);
	if (r < 0)
		mem_free(n);
	return r;
}
