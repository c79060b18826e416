#include "main/admin.h"
#include "base/buf.h"
#include "base/log.h"
#include "core/account/account_removal.h"
#include "core/server/server.h"
#include "core/server/status.h"
#include "main/reload.h"
#include "main/user.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ADMIN_MAX_LINE = 4096, ADMIN_TIMEOUT_MS = 2000 };

struct admin {
	struct server *server;
	struct sockaddr_un addr;
	int lock; /* on the database's file; -1: it has none */
	int fd, stop[2];
	bool runs;
	pthread_t thread;
};

/* Closing any descriptor of a file drops all the locks that SQLite has on it in this
 * process: this one is closed after SQLite's. A file that cannot be opened is for the
 * store to complain about. */
static int lock_database(struct strv path, struct buf *err)
{
	int fd = strv_is(path, ":memory:")
			 ? -1
			 : open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return fd;
	close(fd);
	buf_putf(err, "the database %s: another server serves it", path.p);
	return -EBUSY;
}

/* Whoever asks and does not read must not hold up the end of the server. */
static void set_timeouts(int fd)
{
	struct timeval limit = { .tv_sec = ADMIN_TIMEOUT_MS / 1000 };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static void answer(int fd, const char *text)
{
	ssize_t r = send(fd, text, strlen(text), MSG_NOSIGNAL);
	(void)r; /* whoever asked has gone */
}

static void on_reload(struct admin *a, int fd)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);

	answer(fd, reload(a->server, &b) < 0 ? "error\n" : "ok\n");
	answer(fd, buf_cstr(&b));
}

static void on_status(struct admin *a, int fd,
		      void (*write_it)(const struct status *st, struct buf *b))
{
	AUTO(buf_free) struct buf b = BUF_INIT(0);
	AUTO(status_fini) struct status st;

	status_read(a->server, &st);
	b = status_buf(&st);
	write_it(&st, &b);
	answer(fd, "ok\n");
	answer(fd, buf_cstr(&b));
}

static void on_removed(struct admin *a, int fd, struct strv account)
{
	AUTO(arena_free) struct arena *tmp = arena_new(4096);
	struct jid jid;

	if (jid_parse(tmp, account, &jid) < 0 || jid.n_local == 0) {
		answer(fd, "error: not an account\n");
		return;
	}
	server_account_removed(a->server, jid_bare(jid));
	answer(fd, "ok\n");
}

static void on_remove(struct admin *a, int fd, struct strv account)
{
	AUTO(arena_free) struct arena *tmp = arena_new(4096);
	struct account_removal done;
	const char *why;
	struct jid jid;

	if (jid_parse(tmp, account, &jid) < 0 || jid.n_local == 0) {
		answer(fd, "error: not an account\n");
		return;
	}
	server_remove_account(a->server, jid_bare(jid), &done);
	why = user_explain(tmp, ACCOUNT_REMOVE, done.err, done.methods, done.why);
	answer(fd, why ? arena_printf(tmp, "error: %s\n", why) : "ok\n");
}

static void run_command(struct admin *a, int fd, struct strv line)
{
	if (strv_is(line, "reload"))
		on_reload(a, fd);
	else if (strv_is(line, "status"))
		on_status(a, fd, status_write_text);
	else if (strv_is(line, "status json"))
		on_status(a, fd, status_write_json);
	else if (strv_starts(line, STRV("removed ")))
		on_removed(a, fd, strv_from_pos(line, 8));
	else if (strv_starts(line, STRV("remove ")))
		on_remove(a, fd, strv_from_pos(line, 7));
	else
		answer(fd, "error: unknown request\n");
}

static bool readable(int fd, int stop, int timeout_ms)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
			       { .fd = stop, .events = POLLIN } };

	while (poll(p, 2, timeout_ms) < 0 && errno == EINTR)
		;
	return p[1].revents == 0 && p[0].revents != 0;
}

static void serve_one(struct admin *a, int fd)
{
	char line[ADMIN_MAX_LINE];
	size_t n = 0;

	while (n < sizeof(line) && readable(fd, a->stop[0], ADMIN_TIMEOUT_MS)) {
		ssize_t r = recv(fd, line + n, sizeof(line) - n, 0);
		ptrdiff_t end;

		if (r <= 0)
			return;
		n += (size_t)r;
		end = strv_find(strv_make(line, n), '\n');
		if (end >= 0) {
			run_command(a, fd, strv_make(line, (size_t)end));
			return;
		}
	}
}

static void *run(void *arg)
{
	struct admin *a = arg;

	while (readable(a->fd, a->stop[0], -1)) {
		int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd <
		    0) { /* no descriptors, for now: not in a loop as fast as it goes */
			poll(NULL, 0, 100);
			continue;
		}
		set_timeouts(fd);
		serve_one(a, fd);
		close(fd);
	}
	return NULL;
}

static int open_socket(struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;
	mode_t old;
	int r;

	if (fd < 0)
		return -errno;
	/* Of a server that was killed: we have the lock. Nothing else is taken away. */
	if (lstat(addr->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(addr->sun_path);
	old = umask(0177);
	r = bind(fd, (struct sockaddr *)addr, sizeof(*addr));
	umask(old);
	if (r < 0 || listen(fd, 16) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* Before the ports: when a client can connect, requests are taken, too. */
static void open_admin(struct admin *a, const struct conf *c)
{
	a->fd = admin_address(c, &a->addr) ? open_socket(&a->addr) : -ENAMETOOLONG;
	if (a->fd < 0)
		log_warning("admin.socket", STRV_FMT ".sock: %s", STRV_ARG(c->store.path),
			    strerror(-a->fd));
}

int admin_new(const struct conf *c, struct admin **ret, struct buf *err)
{
	int lock = lock_database(c->store.path, err);

	if (lock == -EBUSY)
		return lock;
	*ret = MEM_NEW(struct admin);
	(*ret)->lock = lock;
	(*ret)->fd = -1;
	if (lock >= 0)
		open_admin(*ret, c);
	return 0;
}

void admin_start(struct admin *a, struct server *s)
{
	int r;

	ASSERT(!a->runs);
	if (a->fd < 0)
		return;
	a->server = s;
	r = pipe2(a->stop, O_CLOEXEC);
	ASSERT(r == 0); /* at the start there are descriptors */
	r = pthread_create(&a->thread, NULL, run, a);
	ASSERT(r == 0);
	a->runs = true;
}

static void close_socket(struct admin *a)
{
	if (a->fd < 0)
		return;
	close(a->fd);
	unlink(a->addr.sun_path);
	a->fd = -1;
}

void admin_stop(struct admin *a)
{
	if (a->runs) {
		close(a->stop[1]);
		server_hurry(a->server); /* it may wait for a program */
		pthread_join(a->thread, NULL);
		close(a->stop[0]);
	}
	a->runs = false;
	close_socket(a);
}

void admin_free(struct admin **pa)
{
	struct admin *a = *pa;

	*pa = NULL;
	if (a == NULL)
		return;
	ASSERT(!a->runs);
	close_socket(a); /* while we have the lock */
	if (a->lock >= 0)
		close(a->lock);
	mem_free(a);
}
