#include "main/admin.h"
#include "base/buf.h"
#include "base/log.h"
#include "core/server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ADMIN_MAX_LINE = 4096, ADMIN_TIMEOUT_MS = 2000 };

struct admin {
	struct server *server;
	struct sockaddr_un addr;
	int fd, stop[2];
	pthread_t thread;
};

/* The database's path with ".sock" behind it. False: in memory, or too long for a socket. */
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

static void answer(int fd, const char *text)
{
	ssize_t r = send(fd, text, strlen(text), MSG_NOSIGNAL);
	(void)r; /* whoever asked has gone */
}

static void run_command(struct admin *a, int fd, struct strv line)
{
	AUTO(arena_free) struct arena *tmp = arena_new(4096);
	AUTO(buf_free) struct buf b = BUF_INIT(65536);
	struct jid jid;

	if (strv_is(line, "status")) {
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
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = stop, .events = POLLIN } };

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
		if (fd < 0)
			continue;
		serve_one(a, fd);
		close(fd);
	}
	return NULL;
}

static int open_socket(struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t old;
	int r;

	if (fd < 0)
		return -errno;
	unlink(addr->sun_path); /* of a server that was killed; a second one finds the port taken */
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

struct admin *admin_start(struct server *s)
{
	struct admin *a = MEM_NEW(struct admin);
	int r;

	a->server = s;
	if (!socket_address(s->conf, &a->addr)) {
		mem_free(a);
		return NULL;
	}
	a->fd = open_socket(&a->addr);
	if (a->fd < 0 || pipe(a->stop) < 0) {
		log_warning("admin.socket", "%s: %s", a->addr.sun_path, strerror(-a->fd));
		mem_free(a);
		return NULL;
	}
	r = pthread_create(&a->thread, NULL, run, a);
	ASSERT(r == 0);
	return a;
}

void admin_stop(struct admin **pa)
{
	struct admin *a = *pa;

	*pa = NULL;
	if (a == NULL)
		return;
	close(a->stop[1]);
	pthread_join(a->thread, NULL);
	close(a->stop[0]);
	close(a->fd);
	unlink(a->addr.sun_path);
	mem_free(a);
}

bool admin_send(const struct conf *c, const char *line)
{
	struct sockaddr_un addr;
	struct timeval limit = { .tv_sec = 5 };
	char text[256];
	bool ok = false;
	int fd;

	if (!socket_address(c, &addr))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
		answer(fd, line);
		answer(fd, "\n");
		ok = recv(fd, text, sizeof(text), 0) > 0;
	}
	close(fd);
	return ok;
}
