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
