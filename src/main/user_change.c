/* One change of `meerkat user`, by the methods of the account's domain. Each of their questions has
 * its own time limit, and so has the wait. */
#include "core/account/account_change.h"
#include "main/command.h"
#include "main/user.h"

#include <pthread.h>
#include <stdio.h>

struct waiting {
	struct account_change change;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool answered, ended;
};

static void on_answered(struct account_change *c)
{
	struct waiting *w = container_of(c, struct waiting, change);

	pthread_mutex_lock(&w->lock);
	w->answered = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static void on_ended(struct account_change *c)
{
	container_of(c, struct waiting, change)->ended = true;
}

static void await_answer(struct waiting *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->answered)
		pthread_cond_wait(&w->cond, &w->lock);
	w->answered = false;
	pthread_mutex_unlock(&w->lock);
}

/* --- what it came to --- */

static const char *method_names(struct arena *a, unsigned set)
{
	static const char *const names[AUTH_METHOD_MAX] = {
		[AUTH_INTERNAL] = "internal", [AUTH_RDBMS] = "rdbms",
		[AUTH_EXTERNAL] = "external", [AUTH_ANONYMOUS] = "anonymous",
		[AUTH_LDAP] = "ldap",	      [AUTH_JWT] = "jwt",
		[AUTH_HTTP] = "http",	      [AUTH_PKI] = "pki",
		[AUTH_DUMMY] = "dummy",
	};
	const char *all = "";

	for (unsigned m = 0; m < AUTH_METHOD_MAX; m++)
		if (set & (1u << m))
			all = arena_printf(a, "%s%s%s", all, all[0] ? ", " : "",
					   names[m]);
	return all;
}

const char *user_explain(struct arena *a, enum account_what what, int err,
			 unsigned methods, const char *why)
{
	static const char *const impossible[] = {
		[ACCOUNT_ADD] = "its domain has no method that can make accounts",
		[ACCOUNT_PASSWORD] = "its password is not one that can be changed here",
		[ACCOUNT_REMOVE] = "it has to be removed first where it is kept",
	};

	switch (err) {
	case 0:
		return NULL;
	case -ENOTSUP:
		return arena_printf(a, "%s (%s)", impossible[what],
				    method_names(a, methods));
	case -EACCES:
		return "the program or service that has the accounts refuses it";
	case -EREMOTEIO:
		return arena_printf(a, "not every method of its domain answers: %s", why);
	default:
		return user_error(err);
	}
}

/* --- all of it --- */

static void run(struct waiting *w)
{
	account_change_start(&w->change);
	while (!w->ended) {
		await_answer(w);
		account_change_go_on(&w->change);
	}
}

bool user_change(struct user_cmd *u, struct arena *a, enum account_what what,
		 struct jid account, struct strv password, const char **ret_why)
{
	struct waiting w = {
		.change = { .what = what,
			    .auth = conf_auth_of(u->conf, jid_domain(account)),
			    .allowed = ~0u,
			    .conf = &u->conf,
			    .store = &u->store,
			    .account = account,
			    .password = password,
			    .by_operator = true,
			    .answered = on_answered,
			    .ended = on_ended },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER,
	};

	if (!u->asks)
		conf_start(u->conf);
	u->asks = true;
	run(&w);
	*ret_why = user_explain(a, what, w.change.err,
				w.change.has ? w.change.has : w.change.auth->method_set,
				w.change.why);
	if (w.change.undone && user_tell_removed(u, account) < 0)
		fprintf(stderr, "meerkat: the running server does not answer\n");
	return w.change.err == 0;
}
