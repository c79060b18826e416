/* `meerkat user ...`: accounts, straight in the database, whether or not a server runs. */
#include "main/command.h"
#include "base/log.h"
#include "core/account.h"
#include "core/conf.h"
#include "core/host.h"
#include "main/admin.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

struct user_cmd {
	struct conf *conf;
	struct store *store;
	struct arena *arena;
	struct jid jid; /* of add, passwd, remove */
};

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "meerkat: %s%s%s\n", what, why ? ": " : "", why ? why : "");
	return EXIT_FAILED;
}

/* --- reading passwords --- */

/* One line of standard input without its end; -1 at its end, -2 when it is too long. */
static ssize_t read_line(char *to, size_t size)
{
	size_t n;

	if (fgets(to, (int)size, stdin) == NULL)
		return -1;
	n = strlen(to);
	if (n == size - 1 && to[n - 1] != '\n')
		return -2;
	while (n && (to[n - 1] == '\n' || to[n - 1] == '\r'))
		to[--n] = '\0';
	return (ssize_t)n;
}

static ssize_t ask(const char *prompt, char *to, size_t size)
{
	struct termios was, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &was) == 0;
	ssize_t n;

	if (terminal) {
		fprintf(stderr, "%s: ", prompt);
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
	}
	n = read_line(to, size);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSANOW, &was);
		fputc('\n', stderr);
	}
	return n;
}

static int read_password(char *to, size_t size)
{
	char again[1024];
	ssize_t n = ask("Password", to, size);
	bool same;

	if (n <= 0)
		return complain(n == -2 ? "the password is too long" : "no password was given", NULL);
	if (!isatty(STDIN_FILENO))
		return EXIT_OK;
	same = ask("Again", again, sizeof(again)) == n && strcmp(to, again) == 0;
	mem_wipe(again, sizeof(again));
	return same ? EXIT_OK : complain("the passwords differ", NULL);
}

/* --- the database --- */

static int read_jid(struct user_cmd *u, const char *text, struct jid *ret)
{
	if (jid_parse(u->arena, strv_from(text), ret) < 0 || ret->n_local == 0 || ret->n_resource)
		return complain(text, "not a bare JID (user@domain)");
	if (host_find(u->conf, jid_domain(*ret)) == NULL)
		return complain(text, "its domain is not in general.hosts");
	return EXIT_OK;
}

static int answer(const struct user_cmd *u, int err)
{
	const char *jid = jid_text(u->jid).p;

	switch (err) {
	case 0:
		return EXIT_OK;
	case -EEXIST:
		return complain(jid, "there is such an account already");
	case -ENOENT:
		return complain(jid, "there is no such account");
	case -EINVAL:
		return complain("such a password is not allowed (RFC 8265, section 4.2)", NULL);
	default:
		return complain("the database failed", strerror(-err));
	}
}

static int put(struct user_cmd *u, struct jid jid, struct strv password, bool create)
{
	struct store_call *c;
	int r = account_put_call(&u->conf->auth, jid, password, create, &c);

	if (r < 0)
		return r;
	r = store_wait(u->store, c);
	store_call_free(&c);
	return r;
}

/* --- the commands --- */

static int cmd_put(struct user_cmd *u, bool create)
{
	char password[1024];
	int r = read_password(password, sizeof(password));

	if (r == EXIT_OK)
		r = answer(u, put(u, u->jid, strv_from(password), create));
	mem_wipe(password, sizeof(password));
	return r;
}

static int cmd_add(struct user_cmd *u, const struct args *a)
{
	return cmd_put(u, true);
}

static int cmd_passwd(struct user_cmd *u, const struct args *a)
{
	return cmd_put(u, false);
}

static int cmd_remove(struct user_cmd *u, const struct args *a)
{
	struct store_call *c = store_account_remove(u->jid);
	int r = store_wait(u->store, c);

	store_call_free(&c);
	if (r == 0) /* a server that runs ends the account's sessions */
		admin_send(u->conf, arena_printf(u->arena, "removed " STRV_FMT,
						 STRV_ARG(jid_text(u->jid))));
	return answer(u, r);
}

static int list_domain(struct user_cmd *u, struct strv domain)
{
	AUTO(buf_free) struct buf after = BUF_INIT(4096);
	size_t n = 1;

	while (n) {
		struct store_call *c = store_account_list(domain, buf_strv(&after));
		int r = store_wait(u->store, c);

		n = r == 0 ? c->n_accounts : 0;
		for (size_t i = 0; i < n; i++)
			printf(STRV_FMT "\n", STRV_ARG(jid_text(c->accounts[i])));
		buf_clear(&after);
		if (n)
			buf_put(&after, jid_local(c->accounts[n - 1]));
		store_call_free(&c);
		if (r < 0)
			return complain("the database failed", strerror(-r));
	}
	return EXIT_OK;
}

static int cmd_list(struct user_cmd *u, const struct args *a)
{
	const char *only = a->n_words > 1 ? a->word[1] : NULL;
	int r = EXIT_OK;

	if (only && host_find(u->conf, strv_from(only)) == NULL)
		return complain(only, "not one of general.hosts");
	for (size_t i = 0; r == EXIT_OK && i < u->conf->n_hosts; i++)
		if (only == NULL || strv_is(u->conf->hosts[i].domain, only))
			r = list_domain(u, u->conf->hosts[i].domain);
	return r;
}

/* --- import --- */

static int import_line(struct user_cmd *u, char *line, unsigned number)
{
	char *space = strchr(line, ' ');
	struct jid jid;
	int r;

	if (space == NULL) {
		fprintf(stderr, "meerkat: line %u: not \"JID password\"\n", number);
		return -1;
	}
	*space = '\0';
	if (read_jid(u, line, &jid) != EXIT_OK) {
		fprintf(stderr, "meerkat: line %u: left out\n", number);
		return -1;
	}
	u->jid = jid;
	r = put(u, jid, strv_from(space + 1), true);
	if (r < 0) {
		fprintf(stderr, "meerkat: line %u: ", number);
		answer(u, r);
	}
	return r;
}

static int cmd_import(struct user_cmd *u, const struct args *a)
{
	char line[8192];
	unsigned number = 0, done = 0, failed = 0;
	ssize_t n;

	while ((n = read_line(line, sizeof(line))) != -1) {
		number++;
		if (n == -2) {
			fprintf(stderr, "meerkat: line %u: too long\n", number);
			return EXIT_FAILED;
		}
		if (n == 0)
			continue;
		if (import_line(u, line, number) < 0)
			failed++;
		else
			done++;
		arena_reset(u->arena);
		if (number % 1000 == 0)
			fprintf(stderr, "meerkat: %u lines\n", number);
	}
	mem_wipe(line, sizeof(line));
	fprintf(stderr, "meerkat: %u accounts made, %u lines failed\n", done, failed);
	return failed ? EXIT_FAILED : EXIT_OK;
}

static const struct user_command {
	const char *name;
	int (*run)(struct user_cmd *u, const struct args *a);
	bool takes_jid;
} commands[] = {
	{ "add", cmd_add, true },   { "passwd", cmd_passwd, true }, { "remove", cmd_remove, true },
	{ "list", cmd_list, false }, { "import", cmd_import, false },
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

	if (a->config == NULL && prepare_defaults() < 0)
		return EXIT_FAILED;
	if (conf_load(a->config, &u->conf, &err) < 0) {
		fwrite(err.p, 1, err.n, stderr);
		return EXIT_FAILED;
	}
	buf_clear(&err);
	sc = (struct store_conf){ .path = u->conf->store.path.p };
	if (store_open(&sc, &u->store, &err) < 0)
		return complain(buf_cstr(&err), NULL);
	return EXIT_OK;
}

int cmd_user(const struct args *a)
{
	const struct user_command *cmd = find_command(a);
	struct user_cmd u = { 0 };
	int r;

	if (cmd == NULL || (cmd->takes_jid && a->n_words != 2)) {
		fprintf(stderr, "meerkat: user add|passwd|remove JID, user list [DOMAIN], or user "
				"import (see `meerkat help`)\n");
		return EXIT_USAGE;
	}
	u.arena = arena_new(4096);
	r = open_all(&u, a);
	if (r == EXIT_OK && cmd->takes_jid)
		r = read_jid(&u, a->word[1], &u.jid);
	if (r == EXIT_OK)
		r = cmd->run(&u, a);
	store_close(&u.store);
	conf_unref(&u.conf);
	arena_free(&u.arena);
	return r;
}
