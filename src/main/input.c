#include "main/input.h"

#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

ssize_t input_line(char *to, size_t size)
{
	bool too_long = false, has_nul = false;
	size_t n = 0;
	int c;

	while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
		has_nul |= c == '\0';
		if (n < size - 1)
			to[n++] = (char)c;
		else
			too_long = true;
	}
	if (c == EOF && n == 0)
		return LINE_END;
	if (too_long || has_nul)
		return too_long ? LINE_TOO_LONG : LINE_HAS_NUL;
	if (n && to[n - 1] == '\r')
		n--;
	to[n] = '\0';
	return (ssize_t)n;
}

/* --- a terminal --- */

static struct termios terminal_was;

/* Ctrl-C at the prompt must not leave a terminal without echo. */
static void on_signal(int sig)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal_was);
	raise(sig); /* whose default action is back: SA_RESETHAND */
}

static void catch_signals(void (*handler)(int))
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };
	struct sigaction sa = { .sa_handler = handler, .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
}

static ssize_t ask(const char *prompt, char *to, size_t size)
{
	struct termios quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &terminal_was) == 0;
	ssize_t n;

	if (terminal) {
		fprintf(stderr, "%s: ", prompt);
		catch_signals(on_signal);
		quiet = terminal_was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
	}
	n = input_line(to, size);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal_was);
		catch_signals(SIG_DFL);
		fputc('\n', stderr);
	}
	return n;
}

static int refuse(const char *why)
{
	fprintf(stderr, "meerkat: %s\n", why);
	return -1;
}

int input_password(char *to, size_t size)
{
	char again[1024];
	ssize_t n = ask("Password", to, size);
	bool same;

	if (n == LINE_TOO_LONG)
		return refuse("the password is too long");
	if (n == LINE_HAS_NUL)
		return refuse("the password has a NUL character");
	if (n <= 0)
		return refuse("no password was given");
	if (!isatty(STDIN_FILENO))
		return 0;
	same = ask("Again", again, sizeof(again)) == n && strcmp(to, again) == 0;
	mem_wipe(again, sizeof(again));
	return same ? 0 : refuse("the passwords differ");
}
