#include "core/account/account_upgrade.h"
#include "auth/pool.h"
#include "base/log.h"
#include "core/server/server.h"
#include "core/server/worker.h"

struct upgrading {
	struct auth_job job;
	struct post post;
	struct worker *worker;
	struct conf *conf;
	struct arena *arena; /* owns this, too */
	struct jid account;
	struct strv password, before, details;
	uint32_t iterations;
};

static uint32_t most_iterations(const struct credentials *c)
{
	uint32_t most = 0;

	for (unsigned i = 0; i < c->n_keys; i++)
		most = MAX(most, c->keys[i].iterations);
	return most;
}

bool account_is_outdated(const struct conf_auth *auth, const struct credentials *creds)
{
	if (auth->store_plain)
		return false;
	if (creds->has_plain)
		return true;
	for (unsigned alg = 0; alg < DIGEST_MAX; alg++) {
		const struct scram_keys *k =
			credentials_keys(creds, (enum digest_alg)alg);
		if ((auth->hashes & (1u << alg)) &&
		    (k == NULL || k->iterations < auth->scram_iterations))
			return true;
	}
	return false;
}

static void end(struct upgrading *u)
{
	struct arena *a = u->arena;

	u->worker->upgrades = false;
	conf_unref(&u->conf);
	arena_free_wiped(&a);
}

static void on_stored(struct worker *w, struct store_call *call, void *arg)
{
	struct upgrading *u = arg;

	if (call->err == 0) {
		count_add(&w->counters, COUNT_PASSWORDS_UPGRADED, 1);
		log_info("auth.upgraded",
			 "the stored credentials of " STRV_FMT
			 " are what auth.password asks for now",
			 STRV_ARG(jid_text(u->account)));
	}
	end(u);
}

static void on_hashed(struct worker *w, struct post *post)
{
	struct upgrading *u = container_of(post, struct upgrading, post);

	if (worker_store(w,
			 store_account_replace(u->account, u->before, STRV(""),
					       u->details),
			 on_stored, u) < 0)
		end(u);
}

static void hash(struct auth_job *j, void *state)
{
	struct upgrading *u = container_of(j, struct upgrading, job);
	struct credentials c;

	credentials_derive(u->password,
			   conf_auth_of(u->conf, jid_domain(u->account))->hashes,
			   u->iterations, &c);
	u->details = credentials_details(u->arena, &c);
	credentials_wipe(&c);
}

static void hashed(struct auth_job *j)
{
	struct upgrading *u = container_of(j, struct upgrading, job);

	u->post.fn = on_hashed;
	worker_post(u->worker, &u->post, sizeof(*u));
}

void account_upgrade(struct worker *w, struct conf *conf, const struct login_facts *f)
{
	const struct conf_auth *auth = conf_auth_of(conf, jid_domain(f->account));
	struct auth_pool *pool = w->server->auth_pool;
	struct upgrading *u;
	struct arena *a;

	ASSERT_ON(w);
	if (pool == NULL || w->upgrades || !account_is_outdated(auth, f->creds))
		return;
	a = arena_new(2048);
	u = ARENA_NEW(a, struct upgrading);
	u->arena = a;
	u->worker = w;
	u->conf = conf_ref(conf);
	u->account = jid_dup(a, f->account);
	u->password = arena_strv(a, f->password);
	u->before = arena_strv(a, f->row);
	u->iterations = MAX(auth->scram_iterations, most_iterations(f->creds));
	u->job.account_key = auth_pool_key(jid_text(f->account));
	u->job.address_key = auth_pool_address_key(strv_from(f->address));
	u->job.work = hash;
	u->job.done = hashed;
	w->upgrades = true;
	if (auth_pool_submit(pool, &u->job) < 0)
		end(u);
}
