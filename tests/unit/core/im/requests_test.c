/* Requests that wait, for a session that comes: how often the database is asked for them. */
#include "core/im/user.h"
#include "core/module.h"
#include "core/options/conf.h"
#include "core/server/server.h"
#include "test.h"

static const struct jid romeo = { .s = "romeo@example.com",
				  .n_local = 5,
				  .n_domain = 11 };

static struct {
	struct conf conf;
	struct host host;
	const struct hooks *no_hooks;
	const struct module *no_modules;
	struct server server;
	struct worker *worker;
	struct user *romeo; /* pinned */
	struct session session
		[2]; /* available, and of no connection: what it gets is not looked at */
} fix;

static int store_do(struct store_call *c)
{
	int r = store_wait(fix.server.store, c);

	store_call_free(&c);
	return r;
}

static void on_loaded(struct worker *w, struct user *u, int err, void *arg)
{
	CHECK(u != NULL && err == 0);
	user_pin(u);
	fix.romeo = u;
}

static void come(struct session *s)
{
	static struct presence *const some = (struct presence *)&fix;

	s->presence = some;
	roster_send_requests(s);
}

static void go(struct session *s)
{
	s->presence = NULL;
}

static void add_session(struct session *s)
{
	s->user = fix.romeo;
	list_push(&fix.romeo->sessions, &s->in_user);
}

/* Romeo, whom Juliet has asked. */
static void set_up(void)
{
	struct store_roster_item row = { .jid = STRV("juliet@example.com"),
					 .subscription = 'N',
					 .ask = 'I' };
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
	CHECK_INT(store_do(store_account_add(romeo, STRV("secret"), STRV(""), INT64_MAX)),
		  0);
	CHECK_INT(store_do(store_roster_put(romeo, &row, STRV("1"))), 0);
	CHECK_INT(user_with(fix.worker, romeo, 0, on_loaded, NULL), 0);
	while (fix.romeo == NULL)
		loop_turn(fix.worker->loop, -1);
	roster_forget_rows(fix.romeo->roster);
	for (size_t i = 0; i < ARRAY_LEN(fix.session); i++)
		add_session(&fix.session[i]);
}

static void tear_down(void)
{
	for (size_t i = 0; i < ARRAY_LEN(fix.session); i++)
		list_remove(&fix.session[i].in_user);
	user_unpin(fix.romeo);
	store_close(&fix.server.store);
	worker_free(&fix.worker);
}

/* The first reading has ended. */
static void await_answer(void)
{
	while (fix.session[0].gets_requests)
		loop_turn(fix.worker->loop, 1);
}

TEST(requests_are_read_once_at_a_time)
{
	struct session *s = fix.session;

	set_up();
	for (int i = 0; i < 10; i++) {
		come(&s[0]);
		go(&s[0]);
	}
	CHECK_INT(fix.worker->n_calls, 1);
	await_answer();
	CHECK_INT(fix.worker->n_calls, 0); /* nobody is there any more */
	CHECK(!fix.romeo->reads_requests);
	tear_down();
}

/* What has come since the first one asked may not be among what it gets. */
TEST(requests_are_read_again_for_who_comes_meanwhile)
{
	struct session *s = fix.session;

	set_up();
	come(&s[0]);
	CHECK(s[0].gets_requests);
	go(&s[0]);
	come(&s[1]);
	CHECK(s[1].awaits_requests && !s[1].gets_requests);
	CHECK_INT(fix.worker->n_calls, 1);
	await_answer();
	CHECK_INT(fix.worker->n_calls, 1);
	CHECK(s[1].gets_requests);
	go(&s[1]);
	while (fix.worker->n_calls)
		loop_turn(fix.worker->loop, 1);
	CHECK(!fix.romeo->reads_requests);
	tear_down();
}

/* Whatever else waits for the account. */
TEST(requests_are_read_for_an_account_that_is_busy)
{
	enum { PINS = 200 };

	set_up();
	for (int i = 0; i < PINS; i++)
		user_pin(fix.romeo);
	come(&fix.session[0]);
	CHECK_INT(fix.worker->n_calls, 1);
	go(&fix.session[0]);
	while (fix.worker->n_calls)
		loop_turn(fix.worker->loop, 1);
	for (int i = 0; i < PINS; i++)
		user_unpin(fix.romeo);
	tear_down();
}
