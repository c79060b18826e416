#include "core/login.h"
#include "auth/cache.h"
#include "auth/pool.h"
#include "core/account.h"
#include "core/c2s.h"
#include "core/server.h"
#include "core/worker.h"
#include "xmpp/sasl/password.h"

/* One question of one stream. It outlives the stream if it must; the handle tells. */
struct login {
	struct auth_job job;
	struct post post; /* brings the pool's answer home */
	struct worker *worker;
	struct handle handle;
	struct arena *arena; /* owns all that follows */
	struct jid user;
	struct strv password; /* p == NULL: the stream asks for keys */
	struct strv row;      /* the account's credentials as stored, for the cache */
	enum digest_alg alg;
	struct credentials creds;
	struct scram_keys keys;
	bool exists, right;
};

static struct login *login_new(struct stream *st, struct jid user)
{
	struct c2s *c = c2s_of(st);
	struct arena *a = arena_new(2048);
	struct login *l = ARENA_NEW(a, struct login);

	l->arena = a;
	l->worker = c->worker;
	l->handle = c->handle;
	l->user = jid_dup(a, user);
	return l;
}

static void login_free(struct login *l)
{
	struct arena *a = l->arena;

	credentials_wipe(&l->creds);
	if (l->password.p)
		mem_wipe((char *)l->password.p, l->password.n);
	mem_wipe(&l->keys, sizeof(l->keys));
	arena_free(&a);
}

/* The answer, on the worker of the stream. */
static void answer(struct login *l, int err)
{
	struct c2s *c = c2s_get(l->worker, l->handle);

	if (c && !l->password.p) {
		stream_on_keys(&c->st, &l->keys, l->exists, err);
	} else if (c) {
		enum password_answer a = err < 0		 ? PASSWORD_BUSY
					 : l->exists && l->right ? PASSWORD_RIGHT
								 : PASSWORD_WRONG;
		stream_on_password(&c->st, a);
	}
	if (c)
		conn_feed_again(c->conn, CONN_PAUSE_ANSWER);
	login_free(l);
}

/* --- in the pool --- */

static void work(struct auth_job *j, void *state)
{
	struct login *l = container_of(j, struct login, job);
	struct auth_cache *cache = l->worker->server->auth_cache;

	if (!l->password.p) { /* keys of an account that is stored as plain text */
		scram_derive(l->alg, l->creds.plain, strv_make((char *)l->keys.salt, 16),
			     l->keys.iterations, &l->keys);
		return;
	}
	/* An account that does not exist costs the same work. */
	if (l->exists)
		l->right = credentials_check(&l->creds, l->password);
	else
		l->right = scram_check_password(&l->keys, l->password);
	if (l->exists && l->right)
		auth_cache_add(cache, jid_text(l->user), l->password, l->row);
}

static void on_worked(struct worker *w, struct post *p)
{
	answer(container_of(p, struct login, post), 0);
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

	if (c == NULL) {
		login_free(l);
		return;
	}
	l->job.account_key = auth_pool_key(jid_text(l->user));
	l->job.address_key = auth_pool_key(strv_from(conn_peer(c->conn)));
	l->job.work = work;
	l->job.done = done;
	if (l->worker->server->auth_pool == NULL || /* the server ends */
	    auth_pool_submit(l->worker->server->auth_pool, &l->job) < 0)
		answer(l, -EAGAIN);
}

/* --- from the database --- */

static const struct conf_auth *auth_of(const struct login *l)
{
	return conf_auth_of(l->worker->conf, jid_domain(l->user));
}

static void fake_keys(struct login *l)
{
	const struct server *s = l->worker->server;

	scram_fake_keys(l->alg, strv_make((const char *)s->secret, sizeof(s->secret)),
			jid_text(l->user), auth_of(l)->scram_iterations, &l->keys);
}

static void find_keys(struct login *l)
{
	const struct scram_keys *keys = credentials_keys(&l->creds, l->alg);

	if (keys) {
		l->keys = *keys;
		answer(l, 0);
		return;
	}
	/* The same salt each time, so that plain storage cannot be told from keys. */
	fake_keys(l);
	if (l->exists && l->creds.has_plain) {
		submit(l);
		return;
	}
	l->exists = false; /* nothing is stored for this hash: no proof can fit */
	answer(l, 0);
}

static void check(struct login *l)
{
	struct auth_cache *cache = l->worker->server->auth_cache;

	if (l->exists && auth_cache_has(cache, jid_text(l->user), l->password, l->row)) {
		l->right = true;
		answer(l, 0);
		return;
	}
	l->alg = DIGEST_SHA1;
	while (l->alg < DIGEST_SHA512 && !(auth_of(l)->hashes & (1u << l->alg)))
		l->alg++;
	fake_keys(l);
	submit(l);
}

static void on_account(struct worker *w, struct store_call *call, void *arg)
{
	struct login *l = arg;
	int r = account_credentials(call, l->arena, &l->creds, &l->row);

	if (r == -EINVAL)
		log_error("auth.row",
			  "the stored credentials of " STRV_FMT " cannot be read",
			  STRV_ARG(jid_text(l->user)));
	if (r < 0 && r != -ENOENT) {
		answer(l, r);
		return;
	}
	l->exists = r == 0;
	if (l->password.p)
		check(l);
	else
		find_keys(l);
}

static void ask(struct login *l)
{
	if (worker_store(l->worker, account_get_call(l->user), on_account, l) < 0)
		answer(l, -EAGAIN);
}

void login_lookup(struct stream *st, struct jid user, enum digest_alg alg)
{
	struct login *l = login_new(st, user);

	l->alg = alg;
	ask(l);
}

void login_check_password(struct stream *st, struct jid user, struct strv password)
{
	struct login *l = login_new(st, user);
	struct strv prepared;

	/* RFC 8265 4: a password that is not allowed cannot be anybody's; it is checked all the
	 * same, so that it costs what others cost. */
	if (precis_password(l->arena, password, &prepared) < 0)
		prepared = STRV("\x01");
	l->password = arena_strv(l->arena, prepared);
	ask(l);
}
