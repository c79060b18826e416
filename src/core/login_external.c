/* Who logs in by a certificate: it has told who he is; is there such an account? The domain's
 * methods say so, in their order. */
#include "auth/backend.h"
#include "core/account.h"
#include "core/c2s.h"
#include "core/client_cert.h"
#include "core/login.h"
#include "core/login_trouble.h"
#include "core/server.h"
#include "core/worker.h"
#include "io/cert.h"

/* Outlives the stream if it must; the handle tells. */
struct vouched {
	struct post post; /* brings a pool's answer home */
	struct auth_call call;
	struct worker *worker;
	struct handle handle;
	struct conf *conf; /* our reference: the methods are its */
	const struct conf_auth *auth;
	struct arena *arena; /* owns all that follows, and this */
	struct jid user;
	struct strv
		certificate; /* as the client has shown it; p == NULL: nobody compares it */
	uint32_t address_key;
	struct buf text; /* what a service knows */
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
	buf_free(&v->text);
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
	if (worker_store(v->worker, call, on_account, v) == 0)
		return true;
	v->unanswered = true;
	return false;
}

/* --- a service has the certificates of its users, a directory has the users --- */

static void on_asked(struct worker *w, struct post *p)
{
	struct vouched *v = container_of(p, struct vouched, post);
	int r = v->call.answer;

	if (r == 0 && v->call.op == AUTH_GET_CERTS &&
	    !cert_pem_has(buf_strv(&v->text), v->certificate))
		r = -EACCES;
	if (r == 0) {
		answer(v, PASSWORD_RIGHT, true);
		return;
	}
	if (r != -ENOENT && r != -EACCES) {
		login_trouble((enum auth_method)v->auth->methods[v->next - 1], &v->call);
		v->unanswered = true;
	}
	next_method(v);
}

static void asked(struct auth_call *call)
{
	struct vouched *v = container_of(call, struct vouched, call);

	v->post.fn = on_asked;
	worker_post(v->worker, &v->post, sizeof(*v));
}

/* The worker's own backends: those of an older snapshot may have been stopped. */
static bool ask_backend(struct vouched *v, enum auth_method m, enum auth_op op)
{
	struct strv domain = jid_domain(v->user);
	struct auth_backend *b = conf_auth_of(v->worker->conf, domain)->backends[m];
	int r;

	if (b == NULL || (op == AUTH_GET_CERTS && v->certificate.p == NULL))
		return false;
	buf_clear(&v->text);
	v->call = (struct auth_call){ .op = op,
				      .user = jid_local(v->user),
				      .domain = domain,
				      .text = &v->text,
				      .done = asked };
	v->call.job.account_key = auth_pool_key(jid_text(v->user));
	v->call.job.address_key = v->address_key;
	r = auth_backend_submit(b, &v->call);
	if (r == -EAGAIN)
		login_trouble_busy(m);
	v->unanswered |= r < 0;
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
	v->address_key = auth_pool_key(strv_from(conn_peer(c->conn)));
	v->text = (struct buf)BUF_INIT(256 << 10);
	if (methods & (1u << AUTH_HTTP))
		v->certificate = client_cert_der(c, a);
	next_method(v);
}
