#include "core/account/account.h"
#include "auth/pool.h"
#include "base/log.h"
#include "core/account/account_change.h"
#include "core/c2s/c2s.h"
#include "core/server/server.h"
#include "core/server/worker.h"

struct store_call *account_get_call(struct jid account)
{
	return store_account_get(account);
}

int account_credentials(struct store_call *call, struct arena *a, struct credentials *ret,
			struct strv *row)
{
	int r = call->err;

	r = r < 0 ? r : credentials_parse(a, call->text, call->text2, ret);
	if (r == 0)
		*row = arena_strv(a, call->text2.n ? call->text2 : call->text);
	return r;
}

void account_stored_form(const struct conf_auth *conf, struct arena *a,
			 struct strv password, struct strv *plain, struct strv *details)
{
	struct credentials c = { 0 };

	*plain = STRV("");
	*details = STRV_NULL;
	if (conf->store_plain) {
		*plain = password_for_text(a, password);
		return;
	}
	credentials_derive(password_for_keys(a, password), conf->hashes,
			   conf->scram_iterations, &c);
	*details = credentials_details(a, &c);
	credentials_wipe(&c);
}

int account_put_call(const struct conf_auth *conf, struct jid account,
		     struct strv password, bool create, struct store_call **ret)
{
	struct arena *a = arena_new(4096);
	struct strv plain, details;
	int r = -EINVAL;

	if (password_is_allowed(a, password)) {
		r = 0;
		account_stored_form(conf, a, password, &plain, &details);
		*ret = create ? store_account_add(account, plain, details,
						  conf->max_users_per_domain)
			      : store_account_set(account, plain, details);
		(*ret)->estimate = conf->users_number_estimate;
	}
	arena_free_wiped(&a);
	return r;
}

/* --- from a worker --- */

struct changing {
	struct account_change change;
	struct post post;
	struct worker *worker;
	struct conf *conf;   /* says how passwords are stored */
	struct arena *arena; /* owns this, too */
	void (*fn)(struct worker *w, int err, void *arg);
	void *arg;
};

static void complain(const struct account_change *c)
{
	static _Thread_local struct log_limit limit;
	unsigned dropped;

	if (c->why[0] && log_limit_ok(&limit, 30, &dropped))
		log_error("auth.backend", STRV_FMT ": %s (%u more like it)",
			  STRV_ARG(jid_text(c->account)), c->why, dropped);
}

static void on_ended(struct account_change *change)
{
	struct changing *c = container_of(change, struct changing, change);
	struct arena *a = c->arena;
	bool gone =
		change->undone || (change->what == ACCOUNT_REMOVE && change->err == 0);

	complain(change);
	c->fn(c->worker, change->err, c->arg);
	if (gone) /* XEP-0077 3.2: the result, then the end of the streams */
		server_account_removed(c->worker->server, change->account);
	conf_unref(&c->conf);
	arena_free_wiped(&a);
}

static void go_on(struct worker *w, struct post *post)
{
	account_change_go_on(&container_of(post, struct changing, post)->change);
}

static void on_answered(struct account_change *change)
{
	struct changing *c = container_of(change, struct changing, change);

	c->post.fn = go_on;
	worker_post(c->worker, &c->post, sizeof(*c));
}

static void start(struct stream *by, enum account_what what, struct jid account,
		  struct strv password, void (*fn)(struct worker *w, int err, void *arg),
		  void *arg)
{
	struct worker *w = c2s_of(by)->worker;
	struct arena *a = arena_new(2048);
	struct changing *c = ARENA_NEW(a, struct changing);

	c->arena = a;
	c->worker = w;
	c->conf = conf_ref(w->conf);
	c->fn = fn;
	c->arg = arg;
	c->change.what = what;
	c->change.account = jid_dup(a, account);
	c->change.auth = conf_auth_of(c->conf, jid_domain(account));
	c->change.allowed = by->listener->auth_methods;
	c->change.conf = &w->conf;
	c->change.store = &w->server->store;
	c->change.pool = &w->server->auth_pool;
	c->change.password = arena_strv(a, password);
	c->change.address_key =
		auth_pool_address_key(strv_from(conn_peer(c2s_of(by)->conn)));
	c->change.answered = on_answered;
	c->change.ended = on_ended;
	account_change_start(&c->change);
}

void account_put(struct stream *by, struct jid account, struct strv password, bool create,
		 void (*fn)(struct worker *w, int err, void *arg), void *arg)
{
	start(by, create ? ACCOUNT_ADD : ACCOUNT_PASSWORD, account, password, fn, arg);
}

void account_remove(struct stream *by, struct jid account,
		    void (*fn)(struct worker *w, int err, void *arg), void *arg)
{
	start(by, ACCOUNT_REMOVE, account, STRV_NULL, fn, arg);
}
