/* Changes to accounts, put to methods of the test's own: what each is asked, in which order, and what
 * comes of their answers. */
#include "core/account/account_change.h"
#include "base/digest.h"
#include "test.h"

#include <pthread.h>
#include <stdio.h>

/* --- methods that answer what the test has put down --- */

struct fake {
	struct auth_backend base;
	int answer[AUTH_GET_CERTS + 1];
};

static struct {
	pthread_mutex_t lock;
	char asked[1024]; /* "http exists, external create secret" */
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const char *const words[] = {
	[AUTH_EXISTS] = "exists",
	[AUTH_CREATE] = "create",
	[AUTH_SET_PASSWORD] = "set",
	[AUTH_REMOVE] = "remove",
};

static int call(void *state, struct auth_call *c)
{
	struct fake *f =
		container_of((struct auth_backend *)c->backend, struct fake, base);
	struct strv password = strv_starts(c->password, STRV("==MULTI_SCRAM==,"))
				       ? STRV("KEYS")
				       : c->password;
	bool tells = c->op == AUTH_CREATE || c->op == AUTH_SET_PASSWORD;
	size_t n = strlen(seen.asked);

	pthread_mutex_lock(&seen.lock);
	snprintf(seen.asked + n, sizeof(seen.asked) - n, "%s%s %s%s" STRV_FMT,
		 n ? ", " : "", f->base.ops->name, words[c->op], tells ? " " : "",
		 tells ? (int)password.n : 0, password.p);
	pthread_mutex_unlock(&seen.lock);
	if (f->answer[c->op] == -EIO)
		return auth_fail(c, -EIO, "is down");
	return f->answer[c->op];
}

static void free_fake(struct auth_backend *b)
{
	mem_free(container_of(b, struct fake, base));
}

enum {
	ALL = 1u << AUTH_CHECK | 1u << AUTH_EXISTS | 1u << AUTH_CREATE |
	      1u << AUTH_SET_PASSWORD | 1u << AUTH_REMOVE
};

static const struct auth_backend_ops all_ops[AUTH_METHOD_MAX] = {
	[AUTH_EXTERNAL] = { "external", ALL, NULL, call, free_fake },
	[AUTH_HTTP] = { "http", ALL | 1u << AUTH_GET_PASSWORD, NULL, call, free_fake },
	[AUTH_LDAP] = { "ldap", 1u << AUTH_CHECK | 1u << AUTH_EXISTS, NULL, call,
			free_fake },
	[AUTH_JWT] = { "jwt", 1u << AUTH_CHECK, NULL, call, free_fake },
};

/* --- a domain with some of them --- */

struct fixture {
	struct conf conf, *newest;
	int64_t methods[AUTH_METHOD_MAX];
	struct store *store;
	struct account_change change;
	unsigned forbidden; /* 1u << enum auth_method */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool answered, ended;
};

static struct fixture fix;

static void set_up(const enum auth_method *methods, size_t n)
{
	struct store_conf sc = { .path = ":memory:" };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);

	memset(&fix, 0, sizeof(fix));
	seen.asked[0] = '\0';
	pthread_mutex_init(&fix.lock, NULL);
	pthread_cond_init(&fix.cond, NULL);
	fix.newest = &fix.conf;
	fix.conf.auth.methods = fix.methods;
	fix.conf.auth.n_methods = n;
	fix.conf.auth.hashes = 1u << DIGEST_SHA1;
	fix.conf.auth.scram_iterations = 1;
	fix.conf.auth.max_users_per_domain = INT64_MAX;
	for (size_t i = 0; i < n; i++) {
		enum auth_method m = methods[i];
		struct fake *f;

		fix.methods[i] = m;
		if (all_ops[m].name == NULL)
			continue;
		f = MEM_NEW(struct fake);
		f->base = (struct auth_backend){ .ops = &all_ops[m],
						 .threads = { 1, DISPATCH_ANY,
							      DISPATCH_NO_LIMIT },
						 .timeout_ms = 60000 };
		f->answer[AUTH_EXISTS] = -ENOENT;
		fix.conf.auth.backends[m] = &f->base;
		auth_backend_start(&f->base);
	}
	CHECK_INT(store_open(&sc, &fix.store, &err), 0);
}

#define SET_UP(...)                                                \
	set_up((const enum auth_method[]){ __VA_ARGS__ },          \
	       sizeof((const enum auth_method[]){ __VA_ARGS__ }) / \
		       sizeof(enum auth_method))

static void tear_down(void)
{
	for (int m = 0; m < AUTH_METHOD_MAX; m++)
		auth_backend_free(&fix.conf.auth.backends[m]);
	store_close(&fix.store);
}

static void answers(enum auth_method m, enum auth_op op, int answer)
{
	container_of(fix.conf.auth.backends[m], struct fake, base)->answer[op] = answer;
}

static void on_answered(struct account_change *c)
{
	pthread_mutex_lock(&fix.lock);
	fix.answered = true;
	pthread_cond_signal(&fix.cond);
	pthread_mutex_unlock(&fix.lock);
}

static void on_ended(struct account_change *c)
{
	fix.ended = true;
}

static const struct jid romeo = { .s = "romeo@example.org",
				  .n_local = 5,
				  .n_domain = 11 };

static void await_answer(void)
{
	pthread_mutex_lock(&fix.lock);
	while (!fix.answered)
		pthread_cond_wait(&fix.cond, &fix.lock);
	fix.answered = false;
	pthread_mutex_unlock(&fix.lock);
}

static int change_by(enum account_what what, const char *password, bool by_operator)
{
	fix.change = (struct account_change){ .what = what,
					      .auth = &fix.conf.auth,
					      .allowed = ~fix.forbidden,
					      .conf = &fix.newest,
					      .store = &fix.store,
					      .account = romeo,
					      .password = strv_from(password),
					      .by_operator = by_operator,
					      .answered = on_answered,
					      .ended = on_ended };
	fix.ended = false;
	seen.asked[0] = '\0';
	account_change_start(&fix.change);
	while (!fix.ended) {
		await_answer();
		account_change_go_on(&fix.change);
	}
	return fix.change.err;
}

static int change(enum account_what what, const char *password)
{
	return change_by(what, password, false);
}

static int store_do(struct store_call *c)
{
	int r = store_wait(fix.store, c);

	store_call_free(&c);
	return r;
}

static bool is_known(void)
{
	return store_do(store_last_set(romeo, 1, STRV(""))) == 0;
}

static bool is_ours(void)
{
	return store_do(store_account_get(romeo)) == 0;
}

#define ASKED(text) CHECK_STR(strv_from(seen.asked), text)

/* --- a new account --- */

TEST(change_adds_where_the_first_method_can)
{
	SET_UP(AUTH_JWT, AUTH_LDAP, AUTH_EXTERNAL, AUTH_HTTP, AUTH_INTERNAL);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), 0);
	ASKED("ldap exists, external exists, http exists, external create secret");
	CHECK(is_known() && !is_ours() && !fix.change.undone);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EEXIST); /* the database knows */
	ASKED("ldap exists, external exists, http exists");
	tear_down();
}

TEST(change_adds_in_the_database)
{
	SET_UP(AUTH_INTERNAL, AUTH_EXTERNAL);
	CHECK_INT(change(ACCOUNT_ADD, ""), -EINVAL);
	CHECK_INT(change(ACCOUNT_ADD, "\xff"), -EINVAL);
	ASKED("");
	CHECK_INT(change(ACCOUNT_ADD, "a\tb"), -EINVAL);
	ASKED("external exists");
	CHECK(!is_ours());
	CHECK_INT(change(ACCOUNT_ADD, "secret"), 0);
	ASKED("external exists");
	CHECK(is_ours());
	tear_down();
}

/* What may be a password is the method's to say. */
TEST(change_gives_a_password_as_it_was_typed)
{
	SET_UP(AUTH_EXTERNAL);
	CHECK_INT(change(ACCOUNT_ADD, "e\u0301\tx"), 0);
	ASKED("external exists, external create e\u0301\tx");
	tear_down();

	SET_UP(AUTH_HTTP); /* makes keys of it */
	CHECK_INT(change(ACCOUNT_ADD, "a\tb"), -EINVAL);
	CHECK(!is_known());
	tear_down();
}

TEST(change_adds_nobody_whom_somebody_has)
{
	SET_UP(AUTH_INTERNAL, AUTH_EXTERNAL, AUTH_LDAP);
	answers(AUTH_LDAP, AUTH_EXISTS, 0);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EEXIST);
	answers(AUTH_LDAP, AUTH_EXISTS, -ENOENT);
	answers(AUTH_EXTERNAL, AUTH_EXISTS, 0);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EEXIST);
	CHECK(!is_known());
	tear_down();
}

TEST(change_adds_nobody_while_a_method_is_silent)
{
	SET_UP(AUTH_INTERNAL, AUTH_LDAP, AUTH_HTTP);
	answers(AUTH_LDAP, AUTH_EXISTS, -EIO);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EREMOTEIO);
	CHECK_STR(strv_from(fix.change.why), "ldap: is down");
	answers(AUTH_LDAP, AUTH_EXISTS, -EACCES); /* nor is that an answer */
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EREMOTEIO);
	answers(AUTH_HTTP, AUTH_EXISTS, 0); /* it has the name, whatever the other says */
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EEXIST);
	CHECK(!is_known());
	tear_down();
}

TEST(change_gives_an_account_to_the_next_when_one_refuses)
{
	SET_UP(AUTH_EXTERNAL, AUTH_HTTP, AUTH_INTERNAL);
	answers(AUTH_EXTERNAL, AUTH_CREATE, -EACCES);
	answers(AUTH_HTTP, AUTH_CREATE, -EACCES);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), 0);
	ASKED("external exists, http exists, external create secret, http create KEYS");
	CHECK(is_ours() && fix.change.undone);
	tear_down();

	SET_UP(AUTH_EXTERNAL, AUTH_HTTP);
	answers(AUTH_EXTERNAL, AUTH_CREATE, -EACCES);
	answers(AUTH_HTTP, AUTH_CREATE, -EACCES);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EACCES);
	CHECK(!is_known());
	tear_down();
}

TEST(change_gives_an_account_to_nobody_else_when_one_fails)
{
	SET_UP(AUTH_EXTERNAL, AUTH_INTERNAL);
	answers(AUTH_EXTERNAL, AUTH_CREATE, -EIO);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EREMOTEIO);
	CHECK(!is_known() && fix.change.undone);
	answers(AUTH_EXTERNAL, AUTH_CREATE, -EEXIST);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EEXIST);
	CHECK(!is_known() && fix.change.undone);
	tear_down();
}

TEST(change_adds_no_more_than_a_domain_may_have)
{
	struct jid juliet = { .s = "juliet@example.org", .n_local = 6, .n_domain = 11 };

	SET_UP(AUTH_EXTERNAL);
	fix.conf.auth.max_users_per_domain = 1;
	CHECK_INT(store_do(store_account_note_up_to(juliet, INT64_MAX)), 0);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -ENOSPC);
	ASKED("external exists");
	CHECK_INT(store_do(store_account_remove(juliet)), 0);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), 0);
	tear_down();
}

TEST(change_sends_a_service_keys_only_where_logins_are_by_them)
{
	SET_UP(AUTH_HTTP);
	fix.conf.auth.store_plain = true;
	CHECK_INT(change(ACCOUNT_ADD, "secret"), 0);
	ASKED("http exists, http create secret");
	answers(AUTH_HTTP, AUTH_EXISTS, 0);
	CHECK_INT(change(ACCOUNT_PASSWORD, "other"), 0);
	ASKED("http exists, http set other");
	fix.conf.auth.store_plain = false;
	CHECK_INT(change(ACCOUNT_PASSWORD, "other"), 0);
	ASKED("http exists, http set KEYS");
	tear_down();
}

TEST(change_is_impossible_where_nothing_is_stored)
{
	SET_UP(AUTH_LDAP, AUTH_JWT, AUTH_PKI, AUTH_DUMMY);
	CHECK(!account_can_store(&fix.conf.auth, ~0u));
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -ENOTSUP);
	CHECK_INT(change(ACCOUNT_PASSWORD, "secret"), -ENOTSUP);
	ASKED("");
	tear_down();
}

/* --- where not all methods may be used --- */

TEST(change_asks_all_and_touches_what_is_allowed)
{
	SET_UP(AUTH_HTTP, AUTH_EXTERNAL, AUTH_INTERNAL);
	fix.forbidden = 1u << AUTH_HTTP | 1u << AUTH_EXTERNAL;
	answers(AUTH_EXTERNAL, AUTH_EXISTS, 0);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EEXIST);
	CHECK_INT(change(ACCOUNT_PASSWORD, "secret"), -ENOTSUP);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), -ENOTSUP);
	ASKED("http exists, external exists");
	answers(AUTH_EXTERNAL, AUTH_EXISTS, -ENOENT);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), 0);
	ASKED("http exists, external exists");
	CHECK(is_ours());
	CHECK_INT(change(ACCOUNT_PASSWORD, "other"), 0);
	fix.forbidden = 1u << AUTH_INTERNAL;
	CHECK_INT(change(ACCOUNT_PASSWORD, "other"), -ENOTSUP);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), -ENOTSUP);
	CHECK(is_ours());
	fix.forbidden = 1u << AUTH_HTTP;
	CHECK_INT(change(ACCOUNT_REMOVE, ""), 0);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), 0);
	ASKED("http exists, external exists, external create secret");
	tear_down();
}

TEST(change_is_impossible_where_nothing_that_stores_is_allowed)
{
	SET_UP(AUTH_HTTP, AUTH_PKI, AUTH_INTERNAL);
	fix.forbidden = 1u << AUTH_HTTP | 1u << AUTH_INTERNAL;
	CHECK(!account_can_store(&fix.conf.auth, ~fix.forbidden));
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -ENOTSUP);
	ASKED("");
	tear_down();
}

/* --- a new password --- */

TEST(change_of_password_goes_to_the_first_that_has_the_account)
{
	SET_UP(AUTH_LDAP, AUTH_EXTERNAL, AUTH_HTTP, AUTH_INTERNAL);
	answers(AUTH_LDAP, AUTH_EXISTS, 0); /* cannot change it, the next one can */
	answers(AUTH_HTTP, AUTH_EXISTS, 0);
	CHECK_INT(change(ACCOUNT_PASSWORD, "secret"), 0);
	ASKED("ldap exists, external exists, http exists, http set KEYS");
	answers(AUTH_HTTP, AUTH_SET_PASSWORD, -EACCES);
	CHECK_INT(change(ACCOUNT_PASSWORD, "secret"), -EACCES);
	answers(AUTH_HTTP, AUTH_EXISTS, -ENOENT);
	CHECK_INT(change(ACCOUNT_PASSWORD, "secret"), -ENOTSUP); /* ldap alone has it */
	answers(AUTH_LDAP, AUTH_EXISTS, -ENOENT);
	CHECK_INT(change(ACCOUNT_PASSWORD, "secret"), -ENOENT);
	answers(AUTH_LDAP, AUTH_EXISTS, -EIO);
	CHECK_INT(change(ACCOUNT_PASSWORD, "secret"), -EREMOTEIO);
	CHECK_INT(store_do(store_account_add(romeo, STRV("old"), STRV_NULL, 9)), 0);
	CHECK_INT(change(ACCOUNT_PASSWORD, "secret"), 0); /* no matter who is silent */
	CHECK_STR(strv_from(fix.change.why), "ldap: is down");
	tear_down();
}

TEST(change_of_password_of_somebody_who_may_be_elsewhere)
{
	SET_UP(AUTH_INTERNAL, AUTH_JWT);
	CHECK_INT(change(ACCOUNT_PASSWORD, "secret"), -ENOTSUP);
	CHECK_INT(change_by(ACCOUNT_PASSWORD, "secret", true), -ENOENT);
	tear_down();
}

/* --- the end of an account --- */

TEST(change_removes_at_all_that_have_it)
{
	SET_UP(AUTH_EXTERNAL, AUTH_INTERNAL, AUTH_HTTP);
	answers(AUTH_EXTERNAL, AUTH_EXISTS, 0);
	answers(AUTH_HTTP, AUTH_EXISTS, 0);
	CHECK_INT(store_do(store_account_note_up_to(romeo, INT64_MAX)), 0);
	answers(AUTH_HTTP, AUTH_REMOVE, -EIO);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), -EREMOTEIO);
	CHECK(is_known());
	answers(AUTH_HTTP, AUTH_REMOVE, -ENOENT); /* gone meanwhile */
	CHECK_INT(change(ACCOUNT_REMOVE, ""), 0);
	ASKED("external exists, http exists, external remove, http remove");
	CHECK(!is_known());
	CHECK_INT(change(ACCOUNT_REMOVE, ""), 0); /* one that had nothing here yet */
	answers(AUTH_EXTERNAL, AUTH_EXISTS, -ENOENT);
	answers(AUTH_HTTP, AUTH_EXISTS, -ENOENT);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), -ENOENT);
	tear_down();
}

TEST(change_removes_nothing_when_a_method_is_silent_or_refuses)
{
	SET_UP(AUTH_EXTERNAL, AUTH_HTTP);
	CHECK_INT(store_do(store_account_note_up_to(romeo, INT64_MAX)), 0);
	answers(AUTH_EXTERNAL, AUTH_EXISTS, 0);
	answers(AUTH_HTTP, AUTH_EXISTS, -EIO);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), -EREMOTEIO);
	ASKED("external exists, http exists");
	answers(AUTH_HTTP, AUTH_EXISTS, -ENOENT);
	answers(AUTH_EXTERNAL, AUTH_REMOVE, -EACCES);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), -EACCES);
	CHECK(is_known());
	tear_down();
}

TEST(change_removes_what_a_directory_has_from_nowhere)
{
	SET_UP(AUTH_LDAP, AUTH_INTERNAL);
	CHECK_INT(store_do(store_account_note_up_to(romeo, INT64_MAX)), 0);
	answers(AUTH_LDAP, AUTH_EXISTS, 0);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), -ENOTSUP);
	CHECK_INT(change_by(ACCOUNT_REMOVE, "", true), -ENOTSUP);
	CHECK(is_known());
	answers(AUTH_LDAP, AUTH_EXISTS, -ENOENT);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), 0);
	CHECK(!is_known());
	tear_down();
}

TEST(change_leaves_it_to_the_operator_to_remove_who_cannot_be_asked_for)
{
	SET_UP(AUTH_PKI, AUTH_INTERNAL);
	CHECK_INT(store_do(store_account_note_up_to(romeo, INT64_MAX)), 0);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), -ENOTSUP);
	CHECK_INT(change_by(ACCOUNT_REMOVE, "", true), 0);
	CHECK_INT(change_by(ACCOUNT_REMOVE, "", true), -ENOENT);
	CHECK_INT(store_do(store_account_add(romeo, STRV("x"), STRV_NULL, 9)), 0);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), 0); /* has a password here */
	tear_down();
}

/* --- what may happen meanwhile --- */

TEST(change_with_a_method_that_a_reload_has_taken_away)
{
	struct auth_backend *was;

	SET_UP(AUTH_EXTERNAL, AUTH_INTERNAL);
	was = fix.conf.auth.backends[AUTH_EXTERNAL];
	auth_backend_stop(was, true);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EREMOTEIO);
	CHECK(!is_known());
	tear_down();
}

TEST(change_without_a_database)
{
	SET_UP(AUTH_EXTERNAL);
	store_close(&fix.store);
	CHECK_INT(change(ACCOUNT_ADD, "secret"), -EAGAIN);
	ASKED("external exists");
	answers(AUTH_EXTERNAL, AUTH_EXISTS, 0);
	CHECK_INT(change(ACCOUNT_REMOVE, ""), -EAGAIN);
	tear_down();
}
