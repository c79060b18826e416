/* What a roster in memory keeps of a contact whose account has been removed: nothing that the next
 * owner of its name could have. */
#include "core/im/contact_gone.h"
#include "core/im/user.h"
#include "core/module.h"
#include "core/options/conf.h"
#include "core/server/server.h"
#include "test.h"

#include <sched.h>

static const struct jid romeo = { .s = "romeo@example.com",
				  .n_local = 5,
				  .n_domain = 11 };
static const struct jid juliet = { .s = "juliet@example.com",
				   .n_local = 6,
				   .n_domain = 11 };

static struct {
	struct conf conf;
	struct host host;
	const struct hooks *no_hooks;
	const struct module *no_modules;
	struct server server;
	struct worker *worker;
	struct user *romeo; /* pinned, once he is loaded */
} fix;

static int store_do(struct store_call *c)
{
	int r = store_wait(fix.server.store, c);

	store_call_free(&c);
	return r;
}

/* Romeo, with Juliet in his roster. */
static void set_up(struct store_roster_item row)
{
	struct store_conf sc = { .path = ":memory:" };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);

	memset(&fix, 0, sizeof(fix));
	modules_init();
	fix.host = (struct host){ .domain = STRV("example.com"),
				  .conf = &fix.conf,
				  .hooks = &fix.no_hooks,
				  .modules = &fix.no_modules };
	fix.conf.hosts = &fix.host;
	fix.conf.n_hosts = 1;
	fix.conf.refs = 1;
	fix.server.conf = &fix.conf;
	fix.server.n_workers = fix.server.n_threads = 1;
	fix.server.workers = &fix.worker;
	CHECK_INT(store_open(&sc, &fix.server.store, &err), 0);
	CHECK_INT(worker_new(&fix.server, 0, &fix.worker), 0);
	this_worker = fix.worker;
	row.jid = jid_text(juliet);
	CHECK_INT(store_do(store_account_add(romeo, STRV("secret"), STRV(""), INT64_MAX)),
		  0);
	CHECK_INT(store_do(store_roster_put(romeo, &row, STRV("1"))), 0);
}

static void tear_down(void)
{
	user_unpin(fix.romeo);
	store_close(&fix.server.store);
	worker_free(&fix.worker);
}

static void on_loaded(struct worker *w, struct user *u, int err, void *arg)
{
	CHECK(u != NULL && err == 0);
	user_pin(u);
	fix.romeo = u;
}

static void ask(void)
{
	CHECK_INT(user_with(fix.worker, romeo, 0, on_loaded, NULL), 0);
}

static void await_romeo(void)
{
	while (fix.romeo == NULL)
		loop_turn(fix.worker->loop, -1);
}

static void check_nothing_left(void)
{
	struct roster_item it = roster_get(fix.romeo->roster, juliet);
	struct store_call *c = store_roster_load(romeo);

	CHECK(it.sub.state == SUB_NONE && !it.sub.approved);
	while (fix.romeo->roster->saving)
		loop_turn(fix.worker->loop, -1);
	CHECK_INT(store_wait(fix.server.store, c), 0);
	CHECK(c->n_items == 0 ||
	      (c->items[0].subscription == 'N' && c->items[0].ask == 'N' &&
	       !c->items[0].approved && c->items[0].listed));
	store_call_free(&c);
}

static void check_after_removal(struct store_roster_item row)
{
	set_up(row);
	ask();
	await_romeo();
	contact_gone(fix.worker, juliet);
	check_nothing_left();
	tear_down();
}

TEST(contact_gone_ends_what_was_granted)
{
	check_after_removal((struct store_roster_item){
		.subscription = 'N', .ask = 'N', .approved = true, .listed = true });
	check_after_removal((struct store_roster_item){
		.subscription = 'T', .ask = 'N', .approved = true, .listed = true });
	check_after_removal((struct store_roster_item){
		.subscription = 'B', .ask = 'N', .listed = true });
	check_after_removal(
		(struct store_roster_item){ .subscription = 'N', .ask = 'I' });
}

/* Memory is what the removal has left in the database, and not what is written after it. */
TEST(contact_gone_whether_or_not_it_can_be_stored)
{
	struct roster_item it;

	set_up((struct store_roster_item){
		.subscription = 'F', .ask = 'N', .listed = true });
	ask();
	await_romeo();
	store_fail_write(fix.server.store, 1);
	contact_gone(fix.worker, juliet);
	while (fix.romeo->roster->saving)
		loop_turn(fix.worker->loop, -1);
	it = roster_get(fix.romeo->roster, juliet);
	CHECK(it.listed && it.sub.state == SUB_NONE);
	tear_down();
}

/* The answer of the database is there, and has not been looked at: it is older than the removal. */
TEST(contact_gone_while_the_roster_is_loaded)
{
	set_up((struct store_roster_item){
		.subscription = 'T', .ask = 'N', .approved = true, .listed = true });
	ask();
	while (inbox_is_empty(loop_inbox(fix.worker->loop)))
		sched_yield();
	contact_gone(fix.worker, juliet);
	await_romeo();
	loop_turn(fix.worker->loop, 0);
	check_nothing_left();
	tear_down();
}

static void on_stanza(struct worker *w, struct user *u, int err, void *arg)
{
	on_loaded(w, u, err, arg);
	user_unpin(u); /* ask()'s is the one that stays */
}

/* The first stanza for an account may be longer than what else may wait for it. */
TEST(contact_gone_while_more_waits_than_may)
{
	set_up((struct store_roster_item){
		.subscription = 'B', .ask = 'N', .listed = true });
	CHECK_INT(user_with(fix.worker, romeo, 2 << 20, on_stanza, NULL), 0);
	CHECK_INT(user_with(fix.worker, romeo, 1, on_stanza, NULL), -ENOBUFS);
	ask();
	contact_gone(fix.worker, juliet);
	await_romeo();
	loop_turn(fix.worker->loop, 0);
	check_nothing_left();
	tear_down();
}
