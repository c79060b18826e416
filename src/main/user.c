/* `meerkat user ...`: accounts, by the methods of their domains and straight in the database, whether
 * or not a server runs. */
#include "main/user.h"
#include "base/buf.h"
#include "core/options/host.h"
#include "main/admin.h"
#include "main/command.h"
#include "main/input.h"

#include <stdio.h>
#include <unistd.h>

enum { REMOVE_MAX_S = 30 }; /* each question to a method has its own limit */

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "meerkat: %s%s%s\n", what, why ? ": " : "", why ? why : "");
	return EXIT_FAILED;
}

/* --- the database --- */

const char *user_read_jid(const struct user_cmd *u, struct arena *a, struct strv text,
			  struct jid *ret)
{
	if (jid_parse(a, text, ret) < 0 || ret->n_local == 0 || ret->n_resource)
		return "not a bare JID (user@domain)";
	if (host_find(u->conf, jid_domain(*ret)) == NULL)
		return "its domain is not in general.hosts";
	return NULL;
}

const char *user_error(int err)
{
	switch (err) {
	case -EEXIST:
		return "there is such an account already";
	case -ENOENT:
		return "there is no such account";
	case -EINVAL:
		return "such a password is not allowed (RFC 8265, RFC 4013)";
	case -EADDRNOTAVAIL:
		return "the running server does not serve its domain";
	case -ENOSPC:
		return "the domain has all the accounts that auth.max_users_per_domain "
		       "allows, "
		       "or the disk is full";
	default:
		return strerror(-err);
	}
}

int user_tell_removed(const struct user_cmd *u, struct jid account)
{
	return admin_send(u->conf, arena_printf(u->arena, "removed " STRV_FMT,
						STRV_ARG(jid_text(account))));
}

/* --- the commands --- */

static int change(struct user_cmd *u, enum account_what what, struct strv password)
{
	const char *why;

	return user_change(u, u->arena, what, u->jid, password, &why)
		       ? EXIT_OK
		       : complain(jid_text(u->jid).p, why);
}

static int change_password(struct user_cmd *u, enum account_what what)
{
	char password[1024];
	int r = EXIT_FAILED;

	if (input_password(password, sizeof(password)) == 0)
		r = change(u, what, strv_from(password));
	mem_wipe(password, sizeof(password));
	return r;
}

static int cmd_add(struct user_cmd *u, const struct args *a)
{
	return change_password(u, ACCOUNT_ADD);
}

static int cmd_passwd(struct user_cmd *u, const struct args *a)
{
	return change_password(u, ACCOUNT_PASSWORD);
}

static int read_answer(const struct user_cmd *u, struct buf *text)
{
	struct strv error = STRV("error: ");

	if (strv_starts(buf_strv(text), STRV("ok\n")))
		return EXIT_OK;
	if (text->n && text->p[text->n - 1] == '\n')
		text->n--;
	return complain(jid_text(u->jid).p,
			buf_cstr(text) +
				(strv_starts(buf_strv(text), error) ? error.n : 0));
}

/* By a server that runs, which ends the account's sessions with it; or here. */
static int cmd_remove(struct user_cmd *u, const struct args *a)
{
	AUTO(buf_free) struct buf text = BUF_INIT(65536);
	const char *line =
		arena_printf(u->arena, "remove " STRV_FMT, STRV_ARG(jid_text(u->jid)));
	int r = admin_ask(u->conf, line, REMOVE_MAX_S, &text);

	if (r == 0)
		return read_answer(u, &text);
	if (r != -ENOENT && r != -ECONNREFUSED)
		return complain(
			jid_text(u->jid).p,
			"the running server does not answer: the account may have "
			"been removed, or not");
	r = change(u, ACCOUNT_REMOVE, STRV_NULL);
	if (r == EXIT_OK && user_tell_removed(u, u->jid) < 0)
		return complain(jid_text(u->jid).p,
				"removed, but the running server does not "
				"answer: its sessions have not ended");
	return r;
}

/* Rows that others have made may have names that are none here: docs/rdbms.md. */
static void print_account(struct strv name, struct strv domain)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct strv local;

	printf(STRV_FMT "@" STRV_FMT "\n", STRV_ARG(name), STRV_ARG(domain));
	if (jid_prep_local(a, name, &local) < 0 || !strv_eq(local, name))
		fprintf(stderr,
			"meerkat: " STRV_FMT "@" STRV_FMT
			": not a name that RFC 7622 allows: it can neither log in nor be "
			"written to\n",
			STRV_ARG(name), STRV_ARG(domain));
}

static int list_domain(struct user_cmd *u, struct strv domain)
{
	struct store_call *c = store_account_list(domain, STRV("")), *next;
	int r = 0;

	for (; c; c = next) {
		size_t n;

		r = store_wait(u->store, c);
		n = r == 0 ? c->n_accounts : 0;
		for (size_t i = 0; i < n; i++)
			print_account(c->accounts[i], domain);
		next = n ? store_account_list(domain, c->accounts[n - 1]) : NULL;
		store_call_free(&c);
	}
	return r < 0 ? complain("the database failed", strerror(-r)) : EXIT_OK;
}

static int cmd_list(struct user_cmd *u, const struct args *a)
{
	struct jid only = { 0 };
	bool all = a->n_words < 2;
	int r = EXIT_OK;

	if (!all &&
	    (jid_parse(u->arena, strv_from(a->word[1]), &only) < 0 || only.n_local ||
	     only.n_resource || host_find(u->conf, jid_domain(only)) == NULL))
		return complain(a->word[1], "not one of general.hosts");
	for (size_t i = 0; r == EXIT_OK && i < u->conf->n_hosts; i++)
		if (all || strv_eq(u->conf->hosts[i].domain, jid_domain(only)))
			r = list_domain(u, u->conf->hosts[i].domain);
	if (fflush(stdout) != 0)
		return complain("standard output", strerror(errno));
	return r;
}

static int cmd_import(struct user_cmd *u, const struct args *a)
{
	return user_import(u);
}

static const struct user_command {
	const char *name;
	int (*run)(struct user_cmd *u, const struct args *a);
	bool takes_jid;
	unsigned max_words; /* its name included */
} commands[] = {
	{ "add", cmd_add, true, 2 },	    { "passwd", cmd_passwd, true, 2 },
	{ "remove", cmd_remove, true, 2 },  { "list", cmd_list, false, 2 },
	{ "import", cmd_import, false, 1 },
};

static const struct user_command *find_command(const struct args *a)
{
	for (size_t i = 0; a->n_words && i < ARRAY_LEN(commands); i++)
		if (strcmp(a->word[0], commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

/* Warnings are `check`'s and `serve`'s business; errors end it. */
static int open_all(struct user_cmd *u, const struct args *a)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1 << 20);
	struct store_conf sc;
	struct store_sql *sql;

	if (a->config == NULL && prepare_defaults() < 0)
		return EXIT_FAILED;
	if (conf_load(a->config, &u->conf, &err) < 0) {
		fwrite(err.p, 1, err.n, stderr);
		return EXIT_FAILED;
	}
	buf_clear(&err);
	conf_store_conf(u->conf, u->arena, &sc);
	sc.wait = true;
	if (sc.sql) {
		sql = ARENA_NEW(u->arena, struct store_sql);
		*sql = *sc.sql;
		sql->readers =
			(struct dispatch_conf){ 1, DISPATCH_ANY, DISPATCH_NO_LIMIT };
		sc.sql = sql;
	}
	if (sc.sql == NULL && strcmp(sc.path, ":memory:") == 0)
		return complain(
			"the database is in memory: only the server itself has it", NULL);
	if (sc.sql == NULL && access(sc.path, F_OK) < 0 && errno == ENOENT)
		fprintf(stderr, "meerkat: a new database: %s\n", sc.path);
	if (store_open(&sc, &u->store, &err) < 0)
		return complain(buf_cstr(&err), NULL);
	return EXIT_OK;
}

int cmd_user(const struct args *a)
{
	const struct user_command *cmd = find_command(a);
	struct user_cmd u = { 0 };
	const char *why;
	int r;

	if (cmd == NULL || a->n_words > cmd->max_words ||
	    (cmd->takes_jid && a->n_words != 2)) {
		fprintf(stderr, "meerkat: user add|passwd|remove JID, user list "
				"[DOMAIN], or user "
				"import (see `meerkat help`)\n");
		return EXIT_USAGE;
	}
	u.arena = arena_new(4096);
	r = open_all(&u, a);
	if (r == EXIT_OK && cmd->takes_jid) {
		why = user_read_jid(&u, u.arena, strv_from(a->word[1]), &u.jid);
		r = why ? complain(a->word[1], why) : EXIT_OK;
	}
	if (r == EXIT_OK)
		r = cmd->run(&u, a);
	if (u.asks)
		conf_stop(u.conf, true);
	store_close(&u.store);
	conf_unref(&u.conf);
	arena_free_wiped(&u.arena);
	return r;
}
