/* One answer to each question, in time, from a backend that answers when the test lets it. */
#include "core/login/question.h"
#include "core/login/secret.h"
#include "core/options/conf.h"
#include "core/server/server.h"
#include "core/server/worker.h"
#include "test.h"

#include <semaphore.h>

enum { TIMEOUT_MS = 1000 };

static sem_t may_answer;

static int call(void *state, struct auth_call *c)
{
	sem_wait(&may_answer);
	if (!strv_is(c->user, "romeo") || !strv_is(c->domain, "example.org"))
		return auth_fail(c, -EINVAL, "another user is asked for");
	if (c->op == AUTH_CHECK)
		return strv_is(c->password, "secret") ? 0 : -EACCES;
	return buf_adds(c->text, STRV("keys"));
}

static void free_nothing(struct auth_backend *b)
{
}

static const struct auth_backend_ops ops = { "http",
					     1u << AUTH_CHECK | 1u << AUTH_GET_PASSWORD,
					     NULL, call, free_nothing };

static void free_it(struct auth_backend *b)
{
	memset(b, 0xff, sizeof(*b)); /* whoever looks at it falls */
	mem_free(b);
}

static const struct auth_backend_ops freed_ops = {
	"http", 1u << AUTH_CHECK | 1u << AUTH_GET_PASSWORD, NULL, call, free_it
};

static struct {
	struct conf conf;
	struct auth_backend backend;
	struct worker worker;
	int n_answers, err;
	char text[16], why[64];
} fix;

static void set_up(void)
{
	memset(&fix, 0, sizeof(fix));
	sem_init(&may_answer, 0, 0);
	clock_fake_set(1000, 0);
	fix.backend =
		(struct auth_backend){ .ops = &ops,
				       .threads = { 1, DISPATCH_ANY, DISPATCH_NO_LIMIT },
				       .timeout_ms = TIMEOUT_MS };
	fix.conf.auth.backends[AUTH_HTTP] = &fix.backend;
	fix.worker.conf = &fix.conf;
	fix.worker.scratch = arena_new(256);
	fix.worker.loop = loop_new();
	loop_set_owner(fix.worker.loop, &fix.worker);
	this_worker = &fix.worker;
	auth_backend_start(&fix.backend);
}

static void tear_down(void)
{
	struct auth_backend *b = &fix.backend;

	auth_backend_free(&b);
	this_worker = NULL;
	loop_free(&fix.worker.loop);
	arena_free(&fix.worker.scratch);
	clock_fake_off();
	sem_destroy(&may_answer);
}

static void on_answer(struct worker *w, const struct question_answer *a, void *arg)
{
	CHECK(w == &fix.worker && arg == &fix);
	fix.n_answers++;
	fix.err = a->err;
	CHECK(strlen(a->why) < sizeof(fix.why));
	strcpy(fix.why, a->why);
	CHECK(a->text.n < sizeof(fix.text));
	if (a->text.n)
		memcpy(fix.text, a->text.p, a->text.n);
}

static int ask(enum auth_method m, enum auth_op op, const char *password)
{
	struct arena *a = arena_new(256);
	struct question q = { .method = m, .op = op };
	int r;

	CHECK_INT(jid_parse(a, STRV("romeo@example.org"), &q.user), 0);
	q.password = arena_strv(a, strv_from(password));
	r = question_ask(&fix.worker, &q, on_answer, &fix);
	arena_free(&a); /* it has its own copy */
	return r;
}

static void until_answers(int n)
{
	while (fix.n_answers < n)
		loop_turn(fix.worker.loop, -1);
	CHECK_INT(fix.n_answers, n);
}

TEST(question_is_answered_on_the_worker)
{
	set_up();
	CHECK_INT(ask(AUTH_HTTP, AUTH_CHECK, "secret"), 0);
	sem_post(&may_answer);
	until_answers(1);
	CHECK_INT(fix.err, 0);
	CHECK_INT(ask(AUTH_HTTP, AUTH_CHECK, "wrong"), 0);
	sem_post(&may_answer);
	until_answers(2);
	CHECK_INT(fix.err, -EACCES);
	CHECK_INT(ask(AUTH_HTTP, AUTH_GET_PASSWORD, ""), 0);
	sem_post(&may_answer);
	until_answers(3);
	CHECK(fix.err == 0 && strcmp(fix.text, "keys") == 0);
	tear_down();
}

TEST(question_that_nobody_can_answer_is_not_put)
{
	set_up();
	CHECK_INT(ask(AUTH_LDAP, AUTH_CHECK, "secret"), -ENOTSUP);
	CHECK_INT(ask(AUTH_HTTP, AUTH_CREATE, "secret"), -ENOTSUP);
	CHECK_INT(fix.n_answers, 0);
	tear_down();
}

static int run_slowly(struct store *s, struct store_call *c)
{
	sem_wait(&may_answer);
	return -ENOENT;
}

static void on_found(struct worker *w, struct store_call *call, void *arg)
{
	CHECK(w == &fix.worker && arg == &fix);
	fix.n_answers++;
	fix.err = call->err;
}

static void look(void)
{
	struct arena *a = arena_new(256);
	struct store_call *c;
	struct jid jid;

	CHECK_INT(jid_parse(a, STRV("romeo@example.org"), &jid), 0);
	c = store_account_exists(jid);
	c->run = run_slowly;
	CHECK_INT(question_store(&fix.worker, c, on_found, &fix), 0);
	arena_free(&a);
}

TEST(question_to_a_database_that_hangs_is_answered_in_time_and_once)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1000);
	struct store_conf sc = { .path = ":memory:" };
	struct server server = { 0 };

	set_up();
	CHECK_INT(store_open(&sc, &server.store, &err), 0);
	fix.worker.server = &server;
	look();
	clock_fake_advance(QUESTION_STORE_MS);
	loop_turn(fix.worker.loop, 0);
	CHECK_INT(fix.n_answers, 0);
	clock_fake_advance(QUESTION_GRACE_MS + 32);
	loop_turn(fix.worker.loop, 0);
	CHECK_INT(fix.n_answers, 1);
	CHECK_INT(fix.err, -ETIMEDOUT);
	look();
	sem_post(&may_answer);
	sem_post(&may_answer);
	until_answers(2);
	CHECK_INT(fix.err, -ENOENT);
	store_close(&server.store);
	tear_down();
}

static void on_secret(struct worker *w, int err, void *arg)
{
	CHECK(w == &fix.worker && arg == &fix);
	fix.n_answers++;
	fix.err = err;
}

/* A login that needs it waits no longer than for an account. */
TEST(secret_of_a_database_that_hangs_is_waited_for_as_a_question_is)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1000);
	struct store_conf sc = { .path = ":memory:" };
	struct server server = { 0 };

	set_up();
	CHECK_INT(store_open(&sc, &server.store, &err), 0);
	fix.worker.server = &server;
	look(); /* what comes behind it hangs, too */
	secret_need(&fix.worker, on_secret, &fix);
	clock_fake_advance(QUESTION_STORE_MS);
	loop_turn(fix.worker.loop, 0);
	CHECK_INT(fix.n_answers, 0);
	clock_fake_advance(QUESTION_GRACE_MS + 32);
	loop_turn(fix.worker.loop, 0);
	CHECK_INT(fix.n_answers, 2);
	CHECK_INT(fix.err, -ETIMEDOUT);
	CHECK(!fix.worker.has_secret);
	secret_need(&fix.worker, on_secret, &fix);
	sem_post(&may_answer);
	until_answers(3);
	CHECK(fix.err == 0 && fix.worker.has_secret);
	store_close(&server.store);
	tear_down();
}

TEST(secret_is_asked_for_once_by_all_who_wait_for_it)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1000);
	struct store_conf sc = { .path = ":memory:" };
	struct server server = { 0 };

	set_up();
	CHECK_INT(store_open(&sc, &server.store, &err), 0);
	fix.worker.server = &server;
	for (int i = 0; i < 500; i++)
		secret_need(&fix.worker, on_secret, &fix);
	CHECK_INT(fix.n_answers, 0);
	CHECK_INT(fix.worker.n_calls, 1);
	until_answers(500);
	CHECK(fix.err == 0 && fix.worker.has_secret);
	CHECK_INT(fix.worker.n_secret_askings, 0);
	store_close(&server.store);
	tear_down();
}

/* As when the system looks a name up, and the server of names is silent. */
TEST(question_to_a_backend_that_hangs_is_answered_in_time_and_once)
{
	set_up();
	CHECK_INT(ask(AUTH_HTTP, AUTH_CHECK, "secret"), 0);
	clock_fake_advance(TIMEOUT_MS);
	loop_turn(fix.worker.loop, 0);
	CHECK_INT(fix.n_answers, 0); /* it may still say so itself */
	clock_fake_advance(QUESTION_GRACE_MS + 32);
	loop_turn(fix.worker.loop, 0);
	CHECK_INT(fix.n_answers, 1);
	CHECK_INT(fix.err, -ETIMEDOUT);
	CHECK(strstr(fix.why, "in time"));
	/* The next one is another, and is not taken for the first: of the two answers that come now,
	 * the one that is late goes nowhere. */
	CHECK_INT(ask(AUTH_HTTP, AUTH_CHECK, "wrong"), 0);
	sem_post(&may_answer);
	sem_post(&may_answer);
	until_answers(2);
	CHECK_INT(fix.err, -EACCES);
	tear_down();
}

/* A reload takes a configuration with its backends away while an answer is on its way to the worker. */
TEST(question_outlives_the_backend_that_it_was_put_to)
{
	struct auth_backend *b = MEM_NEW(struct auth_backend);
	int left;

	set_up();
	*b = (struct auth_backend){ .ops = &freed_ops,
				    .threads = { 1, DISPATCH_ANY, DISPATCH_NO_LIMIT },
				    .timeout_ms = TIMEOUT_MS };
	auth_backend_start(b);
	fix.conf.auth.backends[AUTH_HTTP] = b;
	CHECK_INT(ask(AUTH_HTTP, AUTH_GET_PASSWORD, ""), 0);
	CHECK_INT(ask(AUTH_HTTP, AUTH_CHECK, "wrong"), 0); /* never gets that far */
	sem_post(&may_answer);
	do
		CHECK_INT(sem_getvalue(&may_answer, &left), 0);
	while (left);
	fix.conf.auth.backends[AUTH_HTTP] = &fix.backend;
	sem_post(&may_answer); /* if its thread has taken the second one up */
	auth_backend_free(&b);
	until_answers(2);
	CHECK(strcmp(fix.text, "keys") == 0);
	CHECK(fix.err == -EACCES || fix.err == -ECANCELED);
	tear_down();
}
