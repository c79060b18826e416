#include "main/admin.h"
#include "base/buf.h"
#include "base/log.h"
#include "core/server.h"
#include "main/reload.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ADMIN_MAX_LINE = 4096, ADMIN_TIMEOUT_MS = 2000, ADMIN_SEND_S = 5 };

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

/* The database's path with ".sock" behind it. False: in memory, or too long for a socket.
 */
static bool socket_address(const struct conf *c, struct sockaddr_un *ret)
{
	struct strv path = c->store.path;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strv_is(path, ":memory:") || path.n + 6 > sizeof(ret->sun_path))
		return false;
	memcpy(ret->sun_path, path.p, path.n);
	memcpy(ret->sun_path + path.n, ".sock", 6);
	return true;
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

static void run_command(struct admin *a, int fd, struct strv line)
{
	AUTO(arena_free) struct arena *tmp = arena_new(4096);
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct jid jid;

	if (strv_is(line, "reload")) {
		answer(fd, reload(a->server, &b) < 0 ? "error\n" : "ok\n");
		answer(fd, buf_cstr(&b));
	} else if (strv_is(line, "status")) {
		server_write_counters(a->server, &b);
		answer(fd, buf_cstr(&b));
	} else if (strv_starts(line, STRV("removed ")) &&
		   jid_parse(tmp, strv_from_pos(line, 8), &jid) == 0 && jid.n_local) {
		server_account_removed(a->server, jid_bare(jid));
		answer(fd, "ok\n");
	} else {
		answer(fd, "error: unknown request\n");
	}
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
	a->fd = socket_address(c, &a->addr) ? open_socket(&a->addr) : -ENAMETOOLONG;
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

/* The socket, connected, or -errno. */
static int connect_admin(const struct conf *c, int timeout_s)
{
	struct timeval limit = { .tv_sec = timeout_s };
	struct sockaddr_un addr;
	int fd, r;

	if (!socket_address(c, &addr))
		return -ENOENT;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int admin_ask(const struct conf *c, const char *line, int timeout_s, struct buf *to)
{
	AUTO(fd_closep) int fd = connect_admin(c, timeout_s);

	if (fd < 0)
		return fd;
	answer(fd, line);
	answer(fd, "\n");
	for (;;) {
		char *at = buf_reserve(to, 4096);
		ssize_t n = at ? recv(fd, at, 4096, 0) : 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return to->n ? 0 : -EIO;
		to->n += n > 0 ? (size_t)n : 0;
	}
}

int admin_send(const struct conf *c, const char *line)
{
	AUTO(buf_free) struct buf text = BUF_INIT(1 << 20);
	int r = admin_ask(c, line, ADMIN_SEND_S, &text);

	if (r == -ENOENT || r == -ECONNREFUSED)
		return 0;
	if (r < 0)
		return r;
	return strv_starts(buf_strv(&text), STRV("ok\n")) ? 0 : -EIO;
}
