#include "core/account/account_removal.h"
#include "auth/pool.h"
#include "core/account/account_change.h"
#include "core/options/host.h"
#include "core/server/server.h"
#include "core/server/worker.h"

#include <semaphore.h>

/* Of the thread that waits. */
struct removing {
	struct account_change change;
	struct post post;
	struct server *server;
	struct worker *home;
	struct conf *conf; /* has the domain's methods */
	struct account_removal *ret;
	sem_t done;
};

static void end(struct removing *r, int err)
{
	r->ret->err = err;
	conf_unref(&r->conf);
	sem_post(&r->done); /* from here on it is not ours */
}

static void on_ended(struct account_change *change)
{
	struct removing *r = container_of(change, struct removing, change);

	if (change->err == 0)
		server_account_removed(r->server, change->account);
	r->ret->methods = change->has ? change->has : change->auth->method_set;
	memcpy(r->ret->why, change->why, sizeof(r->ret->why));
	end(r, change->err);
}

static void go_on(struct worker *w, struct post *post)
{
	account_change_go_on(&container_of(post, struct removing, post)->change);
}

static void on_answered(struct account_change *change)
{
	struct removing *r = container_of(change, struct removing, change);

	r->post.fn = go_on;
	worker_post(r->home, &r->post, sizeof(*r));
}

static void begin(struct worker *w, struct post *post)
{
	struct removing *r = container_of(post, struct removing, post);
	struct account_change *c = &r->change;

	r->conf = conf_ref(w->conf);
	if (host_find(r->conf, jid_domain(c->account)) == NULL) {
		end(r, -EADDRNOTAVAIL);
		return;
	}
	c->what = ACCOUNT_REMOVE;
	c->auth = conf_auth_of(r->conf, jid_domain(c->account));
	c->allowed = ~0u;
	c->by_operator = true;
	c->conf = &w->conf;
	c->store = &w->server->store;
	c->pool = &w->server->auth_pool;
	c->answered = on_answered;
	c->ended = on_ended;
	account_change_start(c);
}

void server_remove_account(struct server *s, struct jid account,
			   struct account_removal *ret)
{
	struct removing r = { .server = s, .home = worker_home(s, account), .ret = ret };

	*ret = (struct account_removal){ 0 };
	r.change.account = account;
	r.post.fn = begin;
	sem_init(&r.done, 0, 0);
	worker_post(r.home, &r.post, sizeof(r));
	while (sem_wait(&r.done) < 0)
		;
	sem_destroy(&r.done);
}
