/* Who logs in by a certificate: it has told who he is; is there such an account? */
#include "core/account.h"
#include "core/c2s.h"
#include "core/login.h"
#include "core/worker.h"

/* Outlives the stream if it must; the handle tells. */
struct vouched {
	struct handle handle;
	struct arena *arena; /* owns this, too */
	struct jid user;
};

static void answer(struct worker *w, struct vouched *v, enum password_answer answer)
{
	struct c2s *c = c2s_get(w, v->handle);
	struct arena *a = v->arena;

	if (c) {
		stream_on_password(&c->st, answer);
		conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
	}
	arena_free(&a);
}

static void on_account(struct worker *w, struct store_call *call, void *arg)
{
	struct vouched *v = arg;

	if (call->err == -ENOSPC)
		log_notice("auth.full",
			   STRV_FMT " cannot log in for the first time: the domain has "
				    "max_users_per_domain accounts",
			   STRV_ARG(jid_text(v->user)));
	if (call->err == 0)
		answer(w, v, PASSWORD_RIGHT);
	else if (call->err == -ENOENT || call->err == -ENOSPC)
		answer(w, v, PASSWORD_WRONG);
	else
		answer(w, v, PASSWORD_BUSY);
}

void login_check_vouched(struct stream *st, struct jid user, unsigned methods)
{
	struct c2s *c = c2s_of(st);
	struct arena *a = arena_new(512);
	struct vouched *v = ARENA_NEW(a, struct vouched);
	struct store_call *call;

	v->arena = a;
	v->handle = c2s_handle(c);
	v->user = jid_dup(a, user);
	if (methods & (1u << AUTH_PKI))
		call = store_account_note_up_to(v->user,
						st->host->auth->max_users_per_domain);
	else
		call = account_get_call(v->user);
	if (worker_store(c->worker, call, on_account, v) < 0)
		answer(c->worker, v, PASSWORD_BUSY);
}
