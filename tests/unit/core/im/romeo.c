#include "romeo.h"
#include "test.h"

const struct jid romeo = { .s = "romeo@example.com", .n_local = 5, .n_domain = 11 };
const struct jid juliet = { .s = "juliet@example.com", .n_local = 6, .n_domain = 11 };

static int store_do(struct romeo_world *w, struct store_call *c)
{
	int r = store_wait(w->server.store, c);

	store_call_free(&c);
	return r;
}

void romeo_set_up(struct romeo_world *w, const struct store_roster_item *row)
{
	struct store_conf sc = { .path = ":memory:" };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct store_roster_item item;

	memset(w, 0, sizeof(*w));
	modules_init();
	w->host = (struct host){ .domain = STRV("example.com"),
				 .conf = &w->conf,
				 .hooks = &w->no_hooks,
				 .modules = &w->no_modules };
	w->conf.hosts = &w->host;
	w->conf.n_hosts = 1;
	w->conf.refs = 1;
	w->server.conf = &w->conf;
	w->server.n_workers = w->server.n_threads = 1;
	w->server.workers = &w->worker;
	CHECK_INT(store_open(&sc, &w->server.store, &err), 0);
	CHECK_INT(worker_new(&w->server, 0, &w->worker), 0);
	this_worker = w->worker;
	CHECK_INT(store_do(w,
			   store_account_add(romeo, STRV("secret"), STRV(""), INT64_MAX)),
		  0);
	if (row == NULL)
		return;
	item = *row;
	item.jid = jid_text(juliet);
	CHECK_INT(store_do(w, store_roster_put(romeo, &item, STRV("1"))), 0);
}

void romeo_tear_down(struct romeo_world *w)
{
	user_unpin(w->romeo);
	store_close(&w->server.store);
	worker_free(&w->worker);
}

void romeo_on_loaded(struct worker *w, struct user *u, int err, void *arg)
{
	struct romeo_world *world = arg;

	CHECK(u != NULL && err == 0);
	user_pin(u);
	world->romeo = u;
}

void romeo_ask(struct romeo_world *w)
{
	CHECK_INT(user_with(w->worker, romeo, 0, romeo_on_loaded, w), 0);
}

void romeo_await(struct romeo_world *w)
{
	while (w->romeo == NULL)
		loop_turn(w->worker->loop, -1);
}
