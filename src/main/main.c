/* argv; the commands are in files of their own. */
#include "main/command.h"
#include "base/buf.h"
#include "core/module.h"
#include "core/options/conf.h"
#include "core/server/version.h"
#include "tls/wipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help_text[] =
	"Meerkat, an XMPP server\n"
	"\n"
	"  meerkat serve [-c FILE] [--workers N]   run the server\n"
	"  meerkat check [-c FILE]                 check the configuration: all errors "
	"at once\n"
	"  meerkat reload [-c FILE]                let the running server read it again\n"
	"  meerkat status [-c FILE] [--json]       what the running server has counted\n"
	"  meerkat user add JID [-c FILE]          make an account\n"
	"  meerkat user passwd JID [-c FILE]       give it a new password\n"
	"  meerkat user remove JID [-c FILE]       remove it and all that belongs to it\n"
	"  meerkat user list [DOMAIN] [-c FILE]    the accounts, one a line\n"
	"  meerkat user import [-c FILE]           make many: \"JID password\" a line\n"
	"  meerkat version\n"
	"  meerkat help [--configuration]          this text; every option, as Markdown\n"
	"\n"
	"Passwords and imports are read from the terminal or from standard input, never "
	"from an\n"
	"argument. Without -c the server serves localhost with its data in "
	"./meerkat-data.\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static int usage(const char *what, const char *word)
{
	fprintf(stderr, "meerkat: %s%s%s%s (see `meerkat help`)\n", what,
		word ? " \"" : "", word ? word : "", word ? "\"" : "");
	return EXIT_USAGE;
}

static int read_workers(const char *text, struct args *a)
{
	uint64_t n;

	if (text == NULL || strv_to_u64(strv_from(text), 256, &n) < 0 || n == 0)
		return usage("--workers takes a number from 1 to 256", text);
	a->workers = (unsigned)n;
	return 0;
}

/* 0, or an exit status. */
static int read_args(int argc, char **argv, struct args *a)
{
	for (int i = 2; i < argc; i++) {
		const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0) {
			if (next == NULL)
				return usage("-c takes a file's name", NULL);
			a->config = next;
			i++;
		} else if (strcmp(word, "--workers") == 0) {
			if (read_workers(next, a))
				return EXIT_USAGE;
			i++;
		} else if (strcmp(word, "--configuration") == 0) {
			a->configuration = true;
		} else if (strcmp(word, "--json") == 0) {
			a->json = true;
		} else if (word[0] == '-') {
			return usage("unknown option", word);
		} else if (a->n_words == ARRAY_LEN(a->word)) {
			return usage("too many words, from", word);
		} else {
			a->word[a->n_words++] = word;
		}
	}
	return 0;
}

/* Which options a command takes. */
enum { TAKES_CONFIG = 1, TAKES_WORKERS = 2, TAKES_CONFIGURATION = 4, TAKES_JSON = 8 };

static int check_args(const struct args *a, unsigned takes, unsigned max_words)
{
	if (a->config && !(takes & TAKES_CONFIG))
		return usage("this command takes no -c", NULL);
	if (a->workers && !(takes & TAKES_WORKERS))
		return usage("this command takes no --workers", NULL);
	if (a->configuration && !(takes & TAKES_CONFIGURATION))
		return usage("this command takes no --configuration", NULL);
	if (a->json && !(takes & TAKES_JSON))
		return usage("this command takes no --json", NULL);
	if (a->n_words > max_words)
		return usage("too many words, from", a->word[max_words]);
	return 0;
}

static int cmd_help(const struct args *a)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);

	if (!a->configuration) {
		fputs(help_text, stdout);
		return EXIT_OK;
	}
	conf_write_docs(&b);
	fwrite(b.p, 1, b.n, stdout);
	return EXIT_OK;
}

static int cmd_version(const struct args *a)
{
	puts("meerkat " MEERKAT_VERSION);
	return EXIT_OK;
}

static const struct command {
	const char *name;
	int (*run)(const struct args *a);
	unsigned takes, max_words;
} commands[] = {
	{ "serve", cmd_serve, TAKES_CONFIG | TAKES_WORKERS, 0 },
	{ "check", cmd_check, TAKES_CONFIG, 0 },
	{ "reload", cmd_reload, TAKES_CONFIG, 0 },
	{ "status", cmd_status, TAKES_CONFIG | TAKES_JSON, 0 },
	{ "user", cmd_user, TAKES_CONFIG, 2 },
	{ "version", cmd_version, 0, 0 },
	{ "--version", cmd_version, 0, 0 },
	{ "help", cmd_help, TAKES_CONFIGURATION, 0 },
	{ "--help", cmd_help, 0, 0 },
	{ "-h", cmd_help, 0, 0 },
};

int main(int argc, char **argv)
{
	struct args a = { 0 };
	int r;

	tls_wipe_init();
	modules_init();
	if (argc < 2) {
		fputs(help_text, stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		r = read_args(argc, argv, &a);
		if (r)
			return r;
		if (check_args(&a, commands[i].takes, commands[i].max_words))
			return EXIT_USAGE;
		r = commands[i].run(&a);
		return fflush(stdout) == 0 ? r : EXIT_FAILED;
	}
	return usage("unknown command", argv[1]);
}
