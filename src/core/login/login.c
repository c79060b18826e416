#include "core/login/login.h"
#include "auth/cache.h"
#include "base/rand.h"
#include "core/account/account.h"
#include "core/account/account_upgrade.h"
#include "core/c2s/c2s.h"
#include "core/login/anonymous.h"
#include "core/login/login_kind.h"
#include "core/login/login_trouble.h"
#include "core/login/question.h"
#include "core/login/secret.h"
#include "core/server/server.h"
#include "core/server/worker.h"
#include "xmpp/sasl/password.h"

/* One question of one stream, put to the domain's methods in their order until one has the answer.
 * It outlives the stream if it must; the handle tells. */
struct login {
	struct auth_job job;
	struct post post;    /* brings the password pool's answer home */
	struct timer timer;  /* dummy's ... */
	struct list waiting; /* ... while it runs: in the worker's list */
	struct worker *worker;
	struct handle handle;
	struct conf *conf; /* our reference: the methods are its */
	const struct conf_auth *auth;
	struct arena *arena; /* owns all that follows */
	struct jid user;
	struct strv password; /* as it was typed; p == NULL: the stream asks for keys */
	struct password_forms forms; /* of it */
	struct strv row; /* the account's credentials as stored, for the cache */
	enum digest_alg alg;
	struct credentials creds;
	struct scram_keys keys;
	unsigned usable; /* 1u << enum auth_method */
	size_t next;	 /* of auth->methods */
	bool exists;	 /* for the method that is being asked, and the answer */
	bool right;	 /* so is the password */
	bool elsewhere;	 /* the credentials are not in our database */
	bool denied; /* by a method that knows the user: nothing else is to be waited for */
	bool anonymous;	 /* nobody's account: the name has been taken for this login */
	bool unanswered; /* by a method: it may have been the one */
	bool keys_ready; /* real or made up */
};

static void next_method(struct login *l);

/* The one that has been asked last. */
static enum auth_method asked_method(const struct login *l)
{
	return (enum auth_method)l->auth->methods[l->next - 1];
}

/* The question could not be put into a queue. */
static void turn_away(struct login *l, int err)
{
	l->unanswered = true;
	if (err == -EAGAIN)
		login_trouble_busy(asked_method(l));
}

static struct login *login_new(struct stream *st, struct jid user)
{
	struct c2s *c = c2s_of(st);
	struct arena *a = arena_new(2048);
	struct login *l = ARENA_NEW(a, struct login);

	l->arena = a;
	l->worker = c->worker;
	l->handle = c2s_handle(c);
	l->conf = conf_ref(c->worker->conf);
	l->auth = conf_auth_of(l->conf, jid_domain(user));
	l->usable = st->listener->auth_methods;
	l->user = jid_dup(a, user);
	c->early->removals = removals_of(&c->worker->server->removals, user);
	return l;
}

static void login_free(struct login *l)
{
	struct arena *a = l->arena;

	conf_unref(&l->conf);
	arena_free_wiped(&a); /* passwords and keys */
}

/* Whose password was right is in our database, perhaps in a form of former times. */
static void upgrade(const struct login *l, const struct c2s *c)
{
	struct login_facts facts = { .account = l->user,
				     .password = l->forms.form[0],
				     .creds = &l->creds,
				     .row = l->row,
				     .address = conn_peer(c->conn) };

	if (l->password.p && l->right && !l->elsewhere && !l->anonymous)
		account_upgrade(l->worker, l->conf, &facts);
}

/* The answer, on the worker of the stream. */
static void answer(struct login *l)
{
	struct c2s *c = c2s_get(l->worker, l->handle);
	bool found = l->password.p ? l->right : l->exists;
	int err = !found && l->unanswered && !l->denied ? -EAGAIN : 0;

	if (l->anonymous)
		anonymous_goes_with(c, l->worker, l->user);
	if (c) {
		c->early->elsewhere = found && l->elsewhere;
		upgrade(l, c);
	}
	if (c && !l->password.p) {
		stream_on_keys(&c->st, &l->keys, l->exists, err);
	} else if (c) {
		stream_on_password(&c->st, err	      ? PASSWORD_BUSY
					   : l->right ? PASSWORD_RIGHT
						      : PASSWORD_WRONG);
	}
	if (c)
		conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
	login_free(l);
}

/* --- credentials that we have: keys, or a PBKDF2 in the password pool --- */

static bool has_mixed_kinds(const struct login *l)
{
	return login_kinds_are_mixed(&l->worker->server->login_kinds,
				     jid_domain(l->user));
}

static void work(struct auth_job *j, void *state)
{
	struct login *l = container_of(j, struct login, job);
	struct auth_cache *cache = l->worker->server->auth_cache;

	const struct credentials *c = l->exists ? &l->creds : NULL;
	struct credentials_usual usual = {
		.keys = !l->auth->store_plain || has_mixed_kinds(l),
		.made_up = l->keys,
	};

	if (!l->password.p) {
		credentials_derive_evenly(c && c->has_plain ? c : NULL, &l->keys);
		return;
	}
	l->right = credentials_check_evenly(c, &usual, &l->forms);
	mem_wipe(&usual, sizeof(usual));
	if (l->right)
		auth_cache_add(cache, jid_text(l->user), l->password, l->row);
}

static void on_worked(struct worker *w, struct post *p)
{
	struct login *l = container_of(p, struct login, post);

	l->denied |= l->password.p && l->exists && !l->right;
	if (l->password.p ? !l->right : !l->exists)
		next_method(l);
	else
		answer(l);
}

static void done(struct auth_job *j)
{
	struct login *l = container_of(j, struct login, job);

	l->post.fn = on_worked;
	worker_post(l->worker, &l->post, sizeof(*l));
}

static void submit(struct login *l)
{
	struct c2s *c = c2s_get(l->worker, l->handle);
	int r = -ECANCELED;

	if (c == NULL) {
		login_free(l);
		return;
	}
	l->job.account_key = auth_pool_key(jid_text(l->user));
	l->job.address_key = auth_pool_address_key(strv_from(conn_peer(c->conn)));
	l->job.work = work;
	l->job.done = done;
	if (l->worker->server->auth_pool) /* NULL: the server ends */
		r = auth_pool_submit(l->worker->server->auth_pool, &l->job);
	if (r == 0)
		return;
	turn_away(l, r);
	next_method(l);
}

static void fake_keys(struct login *l)
{
	const struct worker *w = l->worker;

	scram_fake_keys(l->alg, strv_make((const char *)w->secret, sizeof(w->secret)),
			jid_text(l->user), l->auth->scram_iterations, &l->keys);
	l->keys_ready = true;
}

static void find_keys(struct login *l)
{
	const struct scram_keys *keys =
		l->exists ? credentials_keys(&l->creds, l->alg) : NULL;

	if (keys) {
		l->keys = *keys;
		l->keys_ready = true;
	} else { /* the same salt each time, so that plain storage cannot be told from keys */
		fake_keys(l);
		l->exists &=
			l->creds.has_plain; /* else nothing is stored for this hash */
	}
	/* Where one account's keys are made now, they are for all, in vain or not: it takes time. */
	if (l->auth->store_plain || has_mixed_kinds(l))
		submit(l);
	else if (keys)
		answer(l);
	else
		next_method(l);
}

static void check(struct login *l)
{
	struct auth_cache *cache = l->worker->server->auth_cache;
	struct strv row = l->exists ? l->row : STRV("");
	bool cached = auth_cache_has(cache, jid_text(l->user), l->password, row);

	if (l->exists && cached) {
		l->right = true;
		answer(l);
		return;
	}
	l->alg = DIGEST_SHA1;
	while (l->alg < DIGEST_SHA512 && !(l->auth->hashes & (1u << l->alg)))
		l->alg++;
	fake_keys(l);
	submit(l);
}

/* Stored otherwise than the domain's new passwords are. */
static void note_kind(const struct login *l)
{
	if (l->exists && l->creds.has_plain != l->auth->store_plain)
		login_kinds_note(&l->worker->server->login_kinds, jid_domain(l->user));
}

/* `r` says whether there are credentials. */
static void use_credentials(struct login *l, int r)
{
	if (r == -EINVAL)
		login_trouble_row(asked_method(l), l->user);
	l->exists = r == 0;
	note_kind(l);
	if (r < 0 && r != -ENOENT) {
		l->unanswered = true;
		next_method(l);
	} else if (l->password.p) {
		check(l);
	} else {
		find_keys(l);
	}
}

/* --- the methods --- */

static void on_account(struct worker *w, struct store_call *call, void *arg)
{
	struct login *l = arg;

	if (call->err < 0 && call->err != -ENOENT)
		login_trouble_database(asked_method(l), call->err);
	use_credentials(l, account_credentials(call, l->arena, &l->creds, &l->row));
}

static bool ask_store(struct login *l)
{
	int r = question_store(l->worker, account_get_call(l->user), on_account, l);

	if (r < 0)
		turn_away(l, r);
	return r == 0;
}

/* A service's text is what would stand in our column. Where only keys are kept, anything else is what a
 * service says that has lost its way ("null", an error in JSON), and nobody's password. */
static void use_text(struct login *l, struct strv text)
{
	bool scram = credentials_is_details(text);
	const struct question_answer odd = {
		.err = -EPROTO,
		.why = "get_password gave something else than SCRAM keys, and "
		       "auth.password.format is not \"plain\"",
	};

	if (!scram && !l->auth->store_plain) {
		login_trouble(asked_method(l), &odd);
		use_credentials(l, -EPROTO);
		return;
	}
	l->row = arena_strv(l->arena, text);
	use_credentials(l, credentials_parse(l->arena, scram ? STRV_NULL : l->row,
					     scram ? l->row : STRV_NULL, &l->creds));
}

/* It has no credentials to give, or cannot: no answer, or a no. */
static void refused(struct login *l, const struct question_answer *a)
{
	bool is_no = a->err == -ENOENT || a->err == -EACCES;

	if (!is_no || a->why[0])
		login_trouble(asked_method(l), a);
	l->unanswered |= !is_no;
	next_method(l);
}

static void on_checked(struct worker *w, const struct question_answer *a, void *arg)
{
	struct login *l = arg;

	l->elsewhere = true;
	if (a->err < 0) {
		refused(l, a);
		return;
	}
	l->exists = l->right = true;
	answer(l);
}

static void on_credentials(struct worker *w, const struct question_answer *a, void *arg)
{
	struct login *l = arg;

	l->elsewhere = true;
	if (a->err == 0)
		use_text(l, a->text);
	else if (a->err == -ENOENT)
		use_credentials(l, -ENOENT);
	else
		refused(l, a);
}

/* A service that keeps SCRAM keys is asked for them; any other is given the password. */
static bool ask_backend(struct login *l, enum auth_method m, const struct auth_backend *b)
{
	bool gives = b->ops->can & (1u << AUTH_GET_PASSWORD);
	bool get = gives && (!l->password.p || !l->auth->store_plain);
	struct c2s *c = c2s_get(l->worker, l->handle);
	struct question q = { .method = m,
			      .op = get ? AUTH_GET_PASSWORD : AUTH_CHECK,
			      .user = l->user,
			      .password = l->password };
	int r;

	if (c == NULL || (!l->password.p && !gives))
		return false;
	q.address_key = auth_pool_address_key(strv_from(conn_peer(c->conn)));
	r = question_ask(l->worker, &q, get ? on_credentials : on_checked, l);
	if (r < 0)
		turn_away(l, r);
	return r == 0;
}

static void on_dummy(struct timer *t)
{
	struct login *l = container_of(t, struct login, timer);

	list_remove(&l->waiting);
	l->exists = l->right = l->elsewhere = true;
	answer(l);
}

void login_drop_waiting(struct worker *w)
{
	struct list *item;

	while ((item = list_pop(&w->waiting_logins))) {
		struct login *l = container_of(item, struct login, waiting);
		timer_cancel(w->loop, &l->timer);
		login_free(l);
	}
}

static bool ask_dummy(struct login *l)
{
	int64_t variance = l->auth->dummy.variance_ms;

	if (!l->password.p)
		return false;
	timer_init(&l->timer, on_dummy);
	timer_arm(l->worker->loop, &l->timer,
		  l->auth->dummy.base_time_ms +
			  (variance ? (int64_t)(rand_u64() % (uint64_t)variance) : 0));
	list_push(&l->worker->waiting_logins, &l->waiting);
	return true;
}

static void on_anonymous(struct worker *w, int err, void *arg)
{
	struct login *l = arg;

	l->anonymous = l->exists = l->right = err == 0;
	l->unanswered |= err == -EAGAIN;
	if (err == 0)
		answer(l);
	else
		next_method(l);
}

/* Whoever gave the wrong password of an account is nobody else. */
static bool ask_anonymous(struct login *l)
{
	struct c2s *c = c2s_get(l->worker, l->handle);

	if (c == NULL || !l->password.p || l->denied ||
	    !(l->auth->anonymous.protocol & ANONYMOUS_LOGIN))
		return false;
	anonymous_ask(c, l->user, on_anonymous, l);
	return true;
}

/* True: the answer comes later, or has come. */
static bool ask(struct login *l, enum auth_method m)
{
	const struct auth_backend *b;

	l->exists = l->elsewhere = false;
	if (m == AUTH_INTERNAL || m == AUTH_RDBMS)
		return ask_store(l);
	if (strv_is(jid_local(l->user), LOGIN_NOBODY))
		return false; /* who says yes to everybody would say yes to a name that is none */
	if (m == AUTH_DUMMY)
		return ask_dummy(l);
	if (m == AUTH_ANONYMOUS)
		return ask_anonymous(l);
	b = conf_auth_of(l->worker->conf, jid_domain(l->user))->backends[m];
	return b && ask_backend(l, m, b);
}

static void next_method(struct login *l)
{
	while (l->next < l->auth->n_methods) {
		enum auth_method m = (enum auth_method)l->auth->methods[l->next++];
		if ((l->usable & (1u << m)) && ask(l, m))
			return;
	}
	if (!l->password.p && !l->keys_ready)
		fake_keys(l);
	l->exists = false;
	answer(l);
}

/* Without it, an account that does not exist could be told from one that does. */
static void on_secret(struct worker *w, int err, void *arg)
{
	struct login *l = arg;

	if (err < 0) {					 /* nobody is asked */
		login_trouble_database(AUTH_RDBMS, err); /* no other is not there */
		l->unanswered = true;
		l->next = l->auth->n_methods;
	}
	next_method(l);
}

void login_lookup(struct stream *st, struct jid user, enum digest_alg alg)
{
	struct login *l = login_new(st, user);

	l->alg = alg;
	secret_need(l->worker, on_secret, l);
}

void login_check_password(struct stream *st, struct jid user, struct strv password)
{
	struct login *l = login_new(st, user);

	/* Programs and services get what was typed, which is what they have. */
	l->password = arena_strv(l->arena, password);
	password_forms(l->arena, l->password, &l->forms);
	secret_need(l->worker, on_secret, l);
}
