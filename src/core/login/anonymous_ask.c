/* A name that nobody has an account of can be anybody's (login_anon): all other methods of the
 * domain are asked, those too that the listener does not allow. */
#include "core/login/anonymous.h"
#include "core/c2s/c2s.h"
#include "core/login/login_trouble.h"
#include "core/login/question.h"
#include "core/server/server.h"
#include "core/server/worker.h"

struct asking {
	struct worker *worker;
	struct conf *conf; /* our reference: the methods are its */
	const struct conf_auth *auth;
	struct arena *arena; /* owns all that follows, and this */
	struct jid user;
	uint32_t address_key;
	size_t next; /* of auth->methods */
	void (*fn)(struct worker *w, int err, void *arg);
	void *arg;
};

static void ends(struct asking *q, int err)
{
	struct arena *a = q->arena;

	if (err < 0)
		anonymous_give_back(q->worker->server->anonymous_names, q->user);
	q->fn(q->worker, err, q->arg);
	conf_unref(&q->conf);
	arena_free(&a);
}

static void ask_next(struct asking *q);

/* -ENOENT and -EACCES: there is no such user; 0: there is. What cannot be asked may know him. */
static void on_asked(struct worker *w, const struct question_answer *a, void *arg)
{
	struct asking *q = arg;

	if (a->err == -ENOENT || a->err == -EACCES) {
		ask_next(q);
		return;
	}
	if (a->err < 0)
		login_trouble((enum auth_method)q->auth->methods[q->next - 1], a);
	ends(q, a->err == 0 ? -EACCES : -EAGAIN);
}

static int ask(struct asking *q, enum auth_method m)
{
	struct question of = { .method = m,
			       .op = AUTH_EXISTS,
			       .user = q->user,
			       .address_key = q->address_key };

	return question_ask(q->worker, &of, on_asked, q);
}

static void ask_next(struct asking *q)
{
	while (q->next < q->auth->n_methods) {
		enum auth_method m = (enum auth_method)q->auth->methods[q->next++];
		int r;

		if (m == AUTH_INTERNAL || m == AUTH_RDBMS || m == AUTH_ANONYMOUS)
			continue; /* the database has been asked first */
		r = ask(q, m);
		if (r == -EAGAIN)
			login_trouble_busy(m);
		if (r < 0)
			ends(q, -EAGAIN);
		return;
	}
	ends(q, 0);
}

static void on_known(struct worker *w, struct store_call *call, void *arg)
{
	struct asking *q = arg;

	if (call->err == -ENOENT)
		ask_next(q);
	else
		ends(q, call->err == 0 ? -EACCES : -EAGAIN);
}

void anonymous_ask(struct c2s *c, struct jid user,
		   void (*fn)(struct worker *w, int err, void *arg), void *arg)
{
	struct worker *w = c->worker;
	const struct conf_auth *auth = conf_auth_of(w->conf, jid_domain(user));
	struct arena *a;
	struct asking *q;
	int r;

	/* Any name may be that of an account which has not been used yet. */
	if (auth->method_set & CONF_AUTH_ANYBODY) {
		fn(w, -EACCES, arg);
		return;
	}
	r = anonymous_take(w->server->anonymous_names, user,
			   auth->anonymous.allow_multiple_connections,
			   auth->anonymous.max_users);
	if (r < 0) {
		if (r == -ENOSPC)
			anonymous_log_full(jid_domain(user));
		fn(w, r == -ENOSPC ? -EAGAIN : -EACCES, arg);
		return;
	}
	a = arena_new(1024);
	q = ARENA_NEW(a, struct asking);
	q->arena = a;
	q->worker = w;
	q->conf = conf_ref(w->conf);
	q->auth = auth;
	q->user = jid_dup(a, user);
	q->address_key = auth_pool_address_key(strv_from(conn_peer(c->conn)));
	q->fn = fn;
	q->arg = arg;
	if (question_store(w, store_account_exists(user), on_known, q) < 0)
		ends(q, -EAGAIN);
}
