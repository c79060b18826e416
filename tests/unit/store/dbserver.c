#include "dbserver.h"
#include "../test.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 60000, SERVERS_MAX = 4 };

static struct dbserver *all[SERVERS_MAX]; /* for the end of the program */
static unsigned n_all;
static pid_t owner; /* a forked child leaves them alone */

static void stop_all(void)
{
	char cmd[128];

	if (getpid() != owner)
		return;
	for (unsigned i = 0; i < n_all; i++) {
		if (all[i]->pid)
			dbserver_kill(all[i]);
		snprintf(cmd, sizeof(cmd), "rm -rf '%s'", all[i]->dir);
		if (system(cmd) != 0)
			fprintf(stderr, "%s cannot be removed\n", all[i]->dir);
	}
}

static void make_dir(struct dbserver *s)
{
	snprintf(s->dir, sizeof(s->dir), "%s/meerkat-db-XXXXXX",
		 access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	CHECK(mkdtemp(s->dir) != NULL);
	CHECK_INT(chmod(s->dir, 0755), 0);
	CHECK(n_all < SERVERS_MAX);
	if (n_all == 0)
		atexit(stop_all);
	owner = getpid();
	all[n_all++] = s;
}

void dbserver_start(struct dbserver *s)
{
	if (s->dir[0] == '\0')
		make_dir(s);
	s->pid = fork();
	if (s->pid == 0) {
		execl("/bin/sh", "sh", test_path(s->script), s->dir, (char *)NULL);
		_exit(127);
	}
	CHECK(s->pid > 0);
	for (int ms = 0; ms < START_MS; ms += 20) {
		if (s->is_up())
			return;
		CHECK(waitpid(s->pid, NULL, WNOHANG) == 0);
		dbserver_pause();
	}
	CHECK(!"it starts");
}

void dbserver_kill(struct dbserver *s)
{
	int status;

	kill(s->pid, s->signal);
	CHECK(waitpid(s->pid, &status, 0) == s->pid);
	s->pid = 0;
}

void dbserver_pause(void)
{
	poll(NULL, 0, 20);
}

const char *dbserver_file(const char *below_tests)
{
	static char text[10000];
	FILE *f = fopen(test_path(below_tests), "r");
	size_t n;

	CHECK(f != NULL);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}
