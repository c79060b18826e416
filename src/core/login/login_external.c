/* Who logs in by a certificate: it has told who he is; is there such an account? The domain's
 * methods say so, in their order. */
#include "core/account/account.h"
#include "core/c2s/c2s.h"
#include "core/login/client_cert.h"
#include "core/login/login.h"
#include "core/login/login_trouble.h"
#include "core/login/question.h"
#include "core/server/server.h"
#include "core/server/worker.h"
#include "io/cert.h"

/* Outlives the stream if it must; the handle tells. */
struct vouched {
	struct worker *worker;
	struct handle handle;
	struct conf *conf; /* our reference: the methods are its */
	const struct conf_auth *auth;
	struct arena *arena; /* owns all that follows, and this */
	struct jid user;
	struct strv
		certificate; /* as the client has shown it; p == NULL: nobody compares it */
	uint32_t address_key;
	unsigned usable; /* 1u << enum auth_method */
	size_t next;	 /* of auth->methods */
	bool unanswered; /* by a method: it may have been the one */
};

static void answer(struct vouched *v, enum password_answer answer, bool elsewhere)
{
	struct c2s *c = c2s_get(v->worker, v->handle);
	struct arena *a = v->arena;

	if (c && !c->st.closed)
		c->early->elsewhere = elsewhere;
	if (c) {
		stream_on_password(&c->st, answer);
		conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
	}
	conf_unref(&v->conf);
	arena_free(&a);
}

static void next_method(struct vouched *v);

/* --- pki, and accounts of our own --- */

static void on_account(struct worker *w, struct store_call *call, void *arg)
{
	struct vouched *v = arg;

	if (call->err == -ENOSPC)
		log_notice("auth.full",
			   STRV_FMT " cannot log in for the first time: the domain has "
				    "max_users_per_domain accounts",
			   STRV_ARG(jid_text(v->user)));
	if (call->err == 0) {
		answer(v, PASSWORD_RIGHT, false);
		return;
	}
	v->unanswered |= call->err != -ENOENT && call->err != -ENOSPC;
	next_method(v);
}

static bool ask_store(struct vouched *v, struct store_call *call)
{
	call->estimate = v->auth->users_number_estimate;
	if (question_store(v->worker, call, on_account, v) == 0)
		return true;
	v->unanswered = true;
	return false;
}

/* --- a service has the certificates of its users, a directory has the users --- */

static void on_asked(struct vouched *v, const struct question_answer *a, int r)
{
	if (r == 0) {
		answer(v, PASSWORD_RIGHT, true);
		return;
	}
	if (r != -ENOENT && r != -EACCES) {
		login_trouble((enum auth_method)v->auth->methods[v->next - 1], a);
		v->unanswered = true;
	}
	next_method(v);
}

static void on_user(struct worker *w, const struct question_answer *a, void *arg)
{
	on_asked(arg, a, a->err);
}

static void on_certificates(struct worker *w, const struct question_answer *a, void *arg)
{
	struct vouched *v = arg;
	bool others = a->err == 0 && !cert_pem_has(a->text, v->certificate);

	on_asked(v, a, others ? -EACCES : a->err);
}

static bool ask_backend(struct vouched *v, enum auth_method m, enum auth_op op)
{
	struct question q = {
		.method = m, .op = op, .user = v->user, .address_key = v->address_key
	};
	int r;

	if (op == AUTH_GET_CERTS && v->certificate.p == NULL)
		return false;
	r = question_ask(v->worker, &q, op == AUTH_GET_CERTS ? on_certificates : on_user,
			 v);
	if (r == -EAGAIN)
		login_trouble_busy(m);
	v->unanswered |= r < 0 && r != -ENOTSUP;
	return r == 0;
}

/* --- the methods --- */

/* True: the answer comes later. */
static bool ask(struct vouched *v, enum auth_method m)
{
	switch (m) {
	case AUTH_PKI:
		return ask_store(v,
				 store_account_note_up_to(v->user,
							  v->auth->max_users_per_domain));
	case AUTH_INTERNAL:
	case AUTH_RDBMS:
		return ask_store(v, account_get_call(v->user));
	case AUTH_HTTP:
		return ask_backend(v, m, AUTH_GET_CERTS);
	case AUTH_LDAP:
		return ask_backend(v, m, AUTH_EXISTS);
	default:
		return false;
	}
}

static void next_method(struct vouched *v)
{
	while (v->next < v->auth->n_methods) {
		enum auth_method m = (enum auth_method)v->auth->methods[v->next++];
		if ((v->usable & (1u << m)) && ask(v, m))
			return;
	}
	answer(v, v->unanswered ? PASSWORD_BUSY : PASSWORD_WRONG, false);
}

void login_check_vouched(struct stream *st, struct jid user, unsigned methods)
{
	struct c2s *c = c2s_of(st);
	struct arena *a = arena_new(1024);
	struct vouched *v = ARENA_NEW(a, struct vouched);

	v->arena = a;
	v->worker = c->worker;
	v->handle = c2s_handle(c);
	v->conf = conf_ref(c2s_conf(c));
	v->auth = st->host->auth;
	v->user = jid_dup(a, user);
	c->early->removals = removals_of(&c->worker->server->removals, user);
	v->usable = methods;
	v->address_key = auth_pool_address_key(strv_from(conn_peer(c->conn)));
	if (methods & (1u << AUTH_HTTP))
		v->certificate = client_cert_der(c, a);
	next_method(v);
}
