#include "auth/external.h"
#include "base/buf.h"
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum {
	MAX_ARGS = 32,
	MAX_ENV = 32,
	MAX_MESSAGE = 65535,
	BACKOFF_MIN_MS = 500,
	BACKOFF_MAX_MS = 30000,
	LOOK_UP_MS = 200,   /* so often a wait looks whether it shall end */
	KILL_WAIT_MS = 200, /* between closing its input and SIGKILL */
	END_WAIT_MS =
		5000, /* after SIGKILL: to be run once more, and give its memory back */
};

struct external {
	struct auth_backend base;
	char *command; /* the configuration's text, cut into words */
	char *argv[MAX_ARGS + 1];
};

/* One program; of one thread. */
struct program {
	const struct external *x;
	pid_t pid;   /* 0: none runs */
	int in, out; /* its standard input and output; in < 0: it is not asked any more */
	msec_t again_at; /* not started before that */
	msec_t backoff_ms;
	char last[64]; /* how the one before ended */
};

/* --- starting and ending it --- */

static bool may_be_told(const char *variable)
{
	static const char *const names[] = { "PATH=",  "HOME=",	 "USER=", "LOGNAME=",
					     "SHELL=", "LANG=",	 "LC_",	  "LANGUAGE=",
					     "TZ=",    "TMPDIR=" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Our own may have secrets: the key of auth.jwt.secret.env, for one. */
static void choose_environment(char *ret[MAX_ENV + 1])
{
	size_t n = 0;

	for (char **e = environ; e && *e && n < MAX_ENV; e++)
		if (may_be_told(*e))
			ret[n++] = *e;
	ret[n] = NULL;
}

/* Nothing of ours is inherited but stderr, for what it has to complain of, what may be known of the
 * environment, and the thread's priority: no login is worth as much as messages. A process group of its
 * own: what it starts is ended with it, and ^C in our terminal is not its business. */
static int spawn(struct program *p, int in, int out)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none, pipe;
	char *env[MAX_ENV + 1];
	int r;

	choose_environment(env);
	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&fa, STDERR_FILENO + 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipe);
	r = posix_spawn(&p->pid, p->x->argv[0], &fa, &attr, p->x->argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	return -r;
}

static int start(struct program *p)
{
	int in[2], out[2], r;

	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		r = -errno;
		close(in[0]);
		close(in[1]);
		return r;
	}
	r = spawn(p, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	if (r < 0) {
		close(in[1]);
		close(out[0]);
		p->pid = 0;
	} else {
		p->in = in[1];
		p->out = out[0];
		fcntl(p->in, F_SETFL, O_NONBLOCK);
		fcntl(p->out, F_SETFL, O_NONBLOCK);
	}
	return r;
}

static void remember_end(struct program *p, int status)
{
	if (WIFEXITED(status))
		snprintf(p->last, sizeof(p->last), "ended with status %d",
			 WEXITSTATUS(status));
	else
		snprintf(p->last, sizeof(p->last), "was ended by signal %d",
			 WTERMSIG(status));
}

static void close_input(struct program *p)
{
	struct pollfd eof = { .fd = p->out, .events = POLLIN };

	if (p->in < 0)
		return;
	close(p->in);
	p->in = -1;
	poll(&eof, 1, KILL_WAIT_MS);
}

static bool ends_within(const struct program *p, int ms, int *status)
{
	struct pollfd end = { .fd = pidfd_open(p->pid, 0), .events = POLLIN };

	poll(&end, 1, ms);
	if (end.fd >= 0)
		close(end.fd);
	return waitpid(p->pid, status, WNOHANG) != 0;
}

/* Its input ends; if that does not end it, it is killed, with all that it has started. Not permitted is
 * that if it has become somebody else, as with sudo; and it may have left its group. While it is there, no
 * other one is started. */
static bool stop(struct program *p)
{
	int status = 0, r = 0;

	if (p->pid == 0)
		return true;
	close_input(p);
	kill(-p->pid, SIGKILL);
	if (kill(p->pid, SIGKILL) < 0)
		r = errno;
	if (!ends_within(p, r ? 0 : END_WAIT_MS, &status)) {
		snprintf(p->last, sizeof(p->last), "cannot be ended (%s)",
			 r ? strerrordesc_np(r) : "SIGKILL does not help");
		return false;
	}
	remember_end(p, status);
	close(p->out);
	p->pid = 0;
	return true;
}

static void back_off(struct program *p)
{
	p->backoff_ms = MIN(MAX(2 * p->backoff_ms, BACKOFF_MIN_MS), BACKOFF_MAX_MS);
	p->again_at = clock_mono_ms() + p->backoff_ms;
}

static int make_ready(struct program *p, struct auth_call *c)
{
	int r;

	if (p->in >= 0)
		return 0;
	if (clock_mono_ms() < p->again_at)
		return auth_fail(c, -EAGAIN, "%s %s and is started again in a moment",
				 p->x->argv[0], p->last);
	if (stop(p)) {
		r = start(p);
		if (r == 0)
			return 0;
		snprintf(p->last, sizeof(p->last), "cannot be started (%s)",
			 strerrordesc_np(-r));
	}
	back_off(p);
	return auth_fail(c, -EIO, "%s %s", p->x->argv[0], p->last);
}

/* --- one question --- */

static int wait_for(const struct program *p, int fd, short events, msec_t until)
{
	struct pollfd what = { .fd = fd, .events = events };

	for (;;) {
		msec_t left = until - clock_mono_ms();
		int r = left > 0 ? poll(&what, 1, (int)MIN(left, (msec_t)LOOK_UP_MS)) : 0;
		if (r > 0)
			return 0;
		if (left <= 0 || p->x->base.ending)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

static int write_all(const struct program *p, struct strv bytes, msec_t until)
{
	while (bytes.n) {
		ssize_t n = write(p->in, bytes.p, bytes.n);
		int r = n >= 0 || errno == EINTR ? 0 : -errno;

		if (r == -EAGAIN)
			r = wait_for(p, p->in, POLLOUT, until);
		if (r < 0)
			return r;
		bytes = strv_from_pos(bytes, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

static int read_all(const struct program *p, unsigned char *to, size_t n, msec_t until)
{
	while (n) {
		ssize_t got = read(p->out, to, n);
		int r = got >= 0 || errno == EINTR ? 0 : -errno;

		if (got == 0)
			return -EPIPE; /* it has ended */
		if (r == -EAGAIN)
			r = wait_for(p, p->out, POLLIN, until);
		if (r < 0)
			return r;
		to += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* What it has said without being asked would be taken for the answer to another question. */
static int check_silence(const struct program *p)
{
	char byte;
	ssize_t n = read(p->out, &byte, 1);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n == 0 ? -EPIPE : -EPROTO;
}

/* 1: yes, 0: no. */
static int ask(struct program *p, struct strv message, msec_t until)
{
	unsigned char answer[4];
	int r = check_silence(p);

	r = r ? r : write_all(p, message, until);
	r = r ? r : read_all(p, answer, sizeof(answer), until);
	if (r < 0)
		return r;
	if (answer[0] != 0 || answer[1] != 2 || answer[2] != 0 || answer[3] > 1)
		return -EPROTO;
	return answer[3];
}

static const struct {
	const char *word;
	bool with_password, may_repeat;
	int no; /* what "no" means */
} ops[] = {
	[AUTH_CHECK] = { "auth", true, true, -EACCES },
	[AUTH_EXISTS] = { "isuser", false, true, -ENOENT },
	[AUTH_CREATE] = { "tryregister", true, false, -EACCES },
	[AUTH_SET_PASSWORD] = { "setpass", true, true, -EACCES },
	[AUTH_REMOVE] = { "removeuser", false, true, -EACCES },
};

/* A colon would shift what stands behind it. */
static int write_message(const struct auth_call *c, struct buf *b)
{
	size_t n;
	int r;

	if (strv_find(c->user, ':') >= 0 || strv_find(c->domain, ':') >= 0)
		return -EINVAL;
	r = buf_addf(b, "xx%s:" STRV_FMT ":" STRV_FMT, ops[c->op].word, STRV_ARG(c->user),
		     STRV_ARG(c->domain));
	if (r == 0 && ops[c->op].with_password) {
		r = buf_adds(b, STRV(":"));
		r = r ? r : buf_adds(b, c->password);
	}
	n = b->n - 2;
	if (r < 0 || n > MAX_MESSAGE)
		return -EMSGSIZE;
	b->p[0] = (char)(n >> 8);
	b->p[1] = (char)(n & 0xff);
	return 0;
}

static int explain(const struct program *p, struct auth_call *c, int r)
{
	if (r == -ETIMEDOUT)
		return auth_fail(c, r, "%s did not answer in time", p->x->argv[0]);
	if (r == -EPROTO)
		return auth_fail(c, r, "%s answered something that is neither yes nor no",
				 p->x->argv[0]);
	return auth_fail(c, r, "%s %s", p->x->argv[0], p->last);
}

/* What had ended while nobody asked is started again, and asked once more. */
static int call(void *state, struct auth_call *c)
{
	AUTO(buf_free) struct buf message = BUF_INIT(MAX_MESSAGE + 64);
	struct program *p = state;
	int r = write_message(c, &message), answer;

	if (r < 0) { /* no such user or password can exist */
		mem_wipe(message.p, message.n);
		return ops[c->op].no;
	}
	for (int tries = 0;; tries++) {
		r = make_ready(p, c);
		if (r < 0)
			break;
		answer = ask(p, buf_strv(&message), c->until);
		if (answer >= 0) {
			p->backoff_ms = 0;
			r = answer ? 0 : ops[c->op].no;
			break;
		}
		stop(p);
		back_off(p);
		r = explain(p, c, answer);
		if (answer != -EPIPE || tries || !ops[c->op].may_repeat)
			break;
		p->again_at = 0;
	}
	mem_wipe(message.p, message.n);
	return r;
}

/* --- the backend --- */

static void *open_program(void *owner)
{
	struct program *p = MEM_NEW(struct program);

	p->x = owner;
	p->in = -1;
	return p;
}

/* No more than its entry among the processes: it is waited for. */
static void *await_end(void *pid)
{
	waitpid((pid_t)(intptr_t)pid, NULL, 0);
	return NULL;
}

static void leave_behind(const struct program *p)
{
	pthread_t id;

	log_warning("auth.left", "external: %s %s: process %d is left behind",
		    p->x->argv[0], p->last, (int)p->pid);
	close(p->out);
	if (pthread_create(&id, NULL, await_end, (void *)(intptr_t)p->pid) == 0)
		pthread_detach(id);
}

static void close_program(void *state)
{
	struct program *p = state;

	if (!stop(p))
		leave_behind(p);
	mem_free(p);
}

static void free_external(struct auth_backend *b)
{
	struct external *x = container_of(b, struct external, base);

	mem_free(x->command);
	mem_free(x);
}

static msec_t rests_until(const void *state)
{
	const struct program *p = state;

	return p->in >= 0 ? 0 : p->again_at;
}

static const struct auth_pool_ops threads = { open_program, close_program, rests_until };

static const struct auth_backend_ops external_ops = {
	.name = "external",
	.can = 1u << AUTH_CHECK | 1u << AUTH_EXISTS | 1u << AUTH_CREATE |
	       1u << AUTH_SET_PASSWORD | 1u << AUTH_REMOVE,
	.threads = &threads,
	.call = call,
	.free = free_external,
};

/* A file of that name, spaces and all; or a path and its arguments. */
static void cut_command(struct external *x)
{
	size_t n = 0;
	char *rest = x->command, *word;

	if (access(x->command, F_OK) == 0) {
		x->argv[0] = x->command;
		return;
	}
	while (n < MAX_ARGS && (word = strtok_r(rest, " ", &rest)))
		x->argv[n++] = word;
	if (n == 0)
		x->argv[0] = x->command;
}

struct auth_backend *auth_external_new(const struct auth_external_conf *conf)
{
	struct external *x = MEM_NEW(struct external);

	ASSERT(conf->instances > 0);
	x->base.ops = &external_ops;
	x->base.threads = *AUTH_POOL_PLAIN(conf->instances);
	x->base.timeout_ms = conf->timeout_ms;
	x->command = mem_strdup(conf->program);
	cut_command(x);
	return &x->base;
}
