/* The admin socket, as other commands use it. */
#include "base/buf.h"
#include "core/options/conf.h"
#include "main/admin.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ADMIN_SEND_S = 5 };

bool admin_address(const struct conf *c, struct sockaddr_un *ret)
{
	struct strv path = c->store.path;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strv_is(path, ":memory:") || path.n + 6 > sizeof(ret->sun_path))
		return false;
	memcpy(ret->sun_path, path.p, path.n);
	memcpy(ret->sun_path + path.n, ".sock", 6);
	return true;
}

/* The socket, connected, or -errno. */
static int connect_admin(const struct conf *c, int timeout_s)
{
	struct timeval limit = { .tv_sec = timeout_s };
	struct sockaddr_un addr;
	int fd, r;

	if (!admin_address(c, &addr))
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

static int tell(int fd, const char *text)
{
	size_t n = strlen(text);
	ssize_t r = send(fd, text, n, MSG_NOSIGNAL);

	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EIO;
}

int admin_ask(const struct conf *c, const char *line, int timeout_s, struct buf *to)
{
	AUTO(fd_closep) int fd = connect_admin(c, timeout_s);
	int r = fd < 0 ? fd : tell(fd, line);

	r = r < 0 ? r : tell(fd, "\n");
	if (r < 0)
		return r;
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
