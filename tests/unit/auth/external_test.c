#include "auth/external.h"
#include "test.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct asked {
	struct auth_call call;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
};

static void on_done(struct auth_call *c)
{
	struct asked *a = container_of(c, struct asked, call);

	pthread_mutex_lock(&a->lock);
	a->done = true;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
}

static char why[200];

static int ask(struct auth_backend *b, enum auth_op op, const char *user,
	       const char *password)
{
	struct asked a = { .call = { .op = op,
				     .user = strv_from(user),
				     .domain = STRV("example.net"),
				     .password = strv_from(password),
				     .done = on_done },
			   .lock = PTHREAD_MUTEX_INITIALIZER,
			   .cond = PTHREAD_COND_INITIALIZER };

	CHECK_INT(auth_backend_submit(b, &a.call), 0);
	pthread_mutex_lock(&a.lock);
	while (!a.done)
		pthread_cond_wait(&a.cond, &a.lock);
	pthread_mutex_unlock(&a.lock);
	strcpy(why, a.call.why);
	return a.call.answer;
}

static struct auth_backend *start(const char *program, int timeout_ms)
{
	struct auth_external_conf conf = { .program = program,
					   .instances = 1,
					   .timeout_ms = timeout_ms };
	struct auth_backend *b = auth_external_new(&conf);

	auth_backend_start(b);
	return b;
}

TEST(external_asks_a_program)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 20000);

	CHECK_INT(ask(b, AUTH_CHECK, "romeo", "a:b:c"), 0);
	CHECK_INT(ask(b, AUTH_CHECK, "romeo", "wrong"), -EACCES);
	CHECK_INT(ask(b, AUTH_CHECK, "romeo", ""), -EACCES);
	CHECK_INT(ask(b, AUTH_EXISTS, "romeo", ""), 0);
	CHECK_INT(ask(b, AUTH_EXISTS, "nobody", ""), -ENOENT);
	CHECK_INT(ask(b, AUTH_CREATE, "new", "x"), 0);
	CHECK_INT(ask(b, AUTH_CREATE, "romeo", "x"), -EACCES);
	CHECK_INT(ask(b, AUTH_SET_PASSWORD, "romeo", "secret"), 0);
	CHECK_INT(ask(b, AUTH_REMOVE, "romeo", ""), 0);
	auth_backend_free(&b);
	CHECK(b == NULL);
}

TEST(external_programs_inherit_no_descriptor)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 20000);
	int fd = dup(0); /* without close-on-exec */

	CHECK_INT(ask(b, AUTH_CHECK, "fds", ""), 0);
	close(fd);
	auth_backend_free(&b);
}

TEST(external_takes_arguments_behind_the_path)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM " -x", 20000);

	CHECK_INT(ask(b, AUTH_CHECK, "argument", ""), 0);
	auth_backend_free(&b);
}

TEST(external_never_asks_with_a_colon_in_the_name)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 20000);

	/* which would read as romeo@example.net with the password "a:b:c" */
	CHECK_INT(ask(b, AUTH_CHECK, "romeo:example.net:a:b:c", ""), -EACCES);
	CHECK_INT(ask(b, AUTH_EXISTS, "romeo:x", ""), -ENOENT);
	auth_backend_free(&b);
}

TEST(external_refuses_what_is_too_long_for_a_message)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 20000);
	char *password = mem_alloc(65536);

	memset(password, 'x', 65535);
	password[65535] = '\0';
	CHECK_INT(ask(b, AUTH_CHECK, "romeo", password), -EACCES);
	CHECK_INT(ask(b, AUTH_CHECK, "romeo", "a:b:c"), 0);
	mem_free(password);
	auth_backend_free(&b);
}

TEST(external_starts_a_program_again_that_has_ended_and_asks_it)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 20000);

	CHECK_INT(ask(b, AUTH_CHECK, "once", ""), 0);
	CHECK_INT(ask(b, AUTH_CHECK, "romeo", "a:b:c"), 0);
	auth_backend_free(&b);
}

TEST(external_waits_before_it_starts_a_program_that_dies_of_a_question)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 20000);

	CHECK_INT(ask(b, AUTH_CHECK, "die", ""), -EPIPE);
	CHECK(strstr(why, "ended with status 3") != NULL);
	CHECK_INT(ask(b, AUTH_CHECK, "romeo", "a:b:c"), -EAGAIN);
	CHECK(strstr(why, "started again") != NULL);
	auth_backend_free(&b);
}

TEST(external_gives_up_on_a_program_that_hangs)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 300);

	CHECK_INT(ask(b, AUTH_CHECK, "hang", ""), -ETIMEDOUT);
	CHECK(strstr(why, "did not answer in time") != NULL);
	auth_backend_free(&b);
}

TEST(external_ends_a_program_that_has_left_its_group)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 50);

	CHECK_INT(ask(b, AUTH_CHECK, "leave", "x"), -ETIMEDOUT);
	auth_backend_free(&b);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void become(uid_t uid)
{
	CHECK_INT(setresuid(uid, uid, 0), 0);
	CHECK_INT(prctl(PR_SET_DUMPABLE, 1), 0); /* for the sanitizers */
}

/* The program is root, as with sudo. */
TEST(external_does_not_wait_for_a_program_that_it_may_not_end)
{
	struct auth_backend *b;

	if (geteuid() != 0)
		return;
	b = start(EXTERNAL_PROGRAM, 50);
	CHECK_INT(ask(b, AUTH_EXISTS, "romeo", ""), 0);
	become(65534);
	CHECK_INT(ask(b, AUTH_CHECK, "hang", "x"), -ETIMEDOUT);
	CHECK_INT(ask(b, AUTH_EXISTS, "romeo", ""), -EAGAIN);
	CHECK(strstr(why, "cannot be ended (Operation not permitted)") != NULL);
	CHECK_INT(waitpid(-1, NULL, WNOHANG), 0); /* it is there, and no other */
	become(0);
	auth_backend_free(&b); /* tries once more */
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

TEST(external_takes_nothing_but_yes_and_no)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 20000);

	CHECK_INT(ask(b, AUTH_CHECK, "rubbish", ""), -EPROTO);
	auth_backend_free(&b);
}

TEST(external_takes_no_answer_for_that_to_another_question)
{
	struct auth_backend *b = start(EXTERNAL_PROGRAM, 20000);

	CHECK_INT(ask(b, AUTH_CHECK, "twice", ""), 0);
	CHECK_INT(ask(b, AUTH_CHECK, "romeo", "wrong"), -EPROTO);
	auth_backend_free(&b);
}

TEST(external_says_that_a_program_cannot_be_started)
{
	struct auth_backend *b = start("/nonexistent/program", 20000);

	CHECK_INT(ask(b, AUTH_CHECK, "romeo", ""), -EIO);
	CHECK(strstr(why, "No such file") != NULL);
	auth_backend_free(&b);
}
