/* What was answered is there, whenever the server dies. */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int report_to; /* the child's end of the pipe */

/* On the writer's thread. */
static void report(struct store_call *c)
{
	int32_t id = (int32_t)c->at;

	if (c->err < 0 || write(report_to, &id, sizeof(id)) != sizeof(id))
		_exit(1);
	sem_post(c->arg);
	store_call_free(&c);
}

/* Writes with 20 calls under way, until it is killed. */
static _Noreturn void write_until_killed(const char *path)
{
	struct store *s = fixture_open(path);
	struct jid who = fixture_jid("romeo@example.org");
	sem_t room;

	fixture_account(s, "romeo@example.org");
	sem_init(&room, 0, 20);
	for (int32_t id = 1;; id++) {
		struct store_call *c =
			store_offline_add(who, id, STRV("n@x"), STRV("m"), INT64_MAX);
		c->deliver = report;
		c->arg = &room;
		sem_wait(&room);
		if (store_submit(s, c) < 0)
			_exit(1);
	}
}

static void check_row(struct store *s, int64_t after, int32_t want)
{
	struct store_call *c =
		store_offline_load(fixture_jid("romeo@example.org"), after);

	CHECK_INT(store_wait(s, c), 0);
	CHECK(c->n_messages > 0);
	CHECK_INT(c->messages[0].at, want);
	store_call_free(&c);
}

TEST(answered_writes_outlive_a_kill)
{
	const char *path = fixture_path();
	int32_t id = 0, n = 0;
	int ends[2], status;
	struct store *s;
	pid_t pid;

	CHECK_INT(pipe(ends), 0);
	report_to = ends[1];
	pid = fork();
	if (pid == 0)
		write_until_killed(path);
	close(ends[1]);
	while (read(ends[0], &id, sizeof(id)) == sizeof(id)) {
		CHECK_INT(id, ++n); /* answers are in order */
		if (n == 100)
			kill(pid, SIGKILL);
	}
	close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(n >= 100);
	s = fixture_open(path);
	for (int32_t i = 1; i <= n; i++)
		check_row(s, i - 1, i); /* ids count from 1, as the times do */
	fixture_close(s);
}
