#include "core/account.h"
#include "auth/pool.h"
#include "core/server.h"
#include "core/worker.h"

struct store_call *account_get_call(struct jid account)
{
	return store_account_get(account);
}

int account_credentials(struct store_call *call, struct arena *a, struct credentials *ret,
			struct strv *row)
{
	struct strv password = arena_strv(a, call->text),
		    details = arena_strv(a, call->text2);

	if (call->err < 0)
		return call->err;
	*row = details.n ? details : password;
	return credentials_parse(a, password, details, ret);
}

int account_put_call(const struct conf_auth *conf, struct jid account,
		     struct strv password, bool create, struct store_call **ret)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct strv plain = STRV(""), details = STRV_NULL, prepared;
	struct credentials c = { 0 };

	if (precis_password(a, password, &prepared) < 0)
		return -EINVAL;
	if (conf->store_plain) {
		plain = prepared;
	} else {
		credentials_derive(prepared, conf->hashes, conf->scram_iterations, &c);
		details = credentials_details(a, &c);
		credentials_wipe(&c);
	}
	*ret = create ? store_account_add(account, plain, details,
					  conf->max_users_per_domain)
		      : store_account_set(account, plain, details);
	(*ret)->estimate = conf->users_number_estimate;
	if (prepared.p != password.p)
		mem_wipe((char *)prepared.p, prepared.n);
	return 0;
}

/* --- from a worker --- */

struct putting {
	struct auth_job job;
	struct post post;
	struct worker *worker;
	struct conf *conf;   /* says how passwords are stored */
	struct arena *arena; /* owns all that follows */
	struct jid account;
	struct strv password;
	bool create;
	struct store_call *call;
	int err;
	void (*fn)(struct worker *w, int err, void *arg);
	void *arg;
};

static void put_ends(struct putting *p, int err)
{
	struct arena *a = p->arena;

	p->fn(p->worker, err, p->arg);
	conf_unref(&p->conf);
	mem_wipe((char *)p->password.p, p->password.n);
	arena_free(&a);
}

static void on_put(struct worker *w, struct store_call *call, void *arg)
{
	put_ends(arg, call->err);
}

static void on_hashed(struct worker *w, struct post *post)
{
	struct putting *p = container_of(post, struct putting, post);

	if (p->err < 0)
		put_ends(p, p->err);
	else if (worker_store(w, p->call, on_put, p) < 0)
		put_ends(p, -EAGAIN);
}

static void hash(struct auth_job *j, void *state)
{
	struct putting *p = container_of(j, struct putting, job);

	p->err = account_put_call(conf_auth_of(p->conf, jid_domain(p->account)),
				  p->account, p->password, p->create, &p->call);
	if (p->err == 0 && p->create)
		store_account_must_be_new(p->call);
}

static void hashed(struct auth_job *j)
{
	struct putting *p = container_of(j, struct putting, job);

	p->post.fn = on_hashed;
	worker_post(p->worker, &p->post, sizeof(*p));
}

void account_put(struct worker *w, struct jid account, struct strv password, bool create,
		 const char *address, void (*fn)(struct worker *w, int err, void *arg),
		 void *arg)
{
	struct arena *a = arena_new(1024);
	struct putting *p = ARENA_NEW(a, struct putting);

	p->arena = a;
	p->worker = w;
	p->conf = conf_ref(w->conf);
	p->account = jid_dup(a, account);
	p->password = arena_strv(a, password);
	p->create = create;
	p->fn = fn;
	p->arg = arg;
	p->job.account_key = auth_pool_key(jid_text(account));
	p->job.address_key = auth_pool_key(strv_from(address));
	p->job.work = hash;
	p->job.done = hashed;
	if (w->server->auth_pool == NULL ||
	    auth_pool_submit(w->server->auth_pool, &p->job) < 0)
		put_ends(p, -EAGAIN);
}
