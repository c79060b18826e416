#include "io/listen.h"
#include "base/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RETRY_MS = 200,
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int parse(const struct listen_conf *conf, union address *to, socklen_t *len)
{
	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, conf->address, &to->v4.sin_addr) == 1) {
		to->v4.sin_family = AF_INET;
		to->v4.sin_port = htons(conf->port);
		*len = sizeof(to->v4);
		return 0;
	}
	if (inet_pton(AF_INET6, conf->address, &to->v6.sin6_addr) == 1) {
		to->v6.sin6_family = AF_INET6;
		to->v6.sin6_port = htons(conf->port);
		*len = sizeof(to->v6);
		return 0;
	}
	return -EINVAL;
}

static int open_socket(const struct listen_conf *conf, const union address *at,
		       socklen_t len, int fd)
{
	int one = 1, unread = LISTEN_UNREAD;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* The sockets that are accepted inherit the next three. The kernel would let the one who sends
	 * most have megabytes, and handles as much at a time of the others' processor. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &unread, sizeof(unread));
	/* A peer that vanished without a word is noticed some day even if nobody pings it. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (at->any.sa_family == AF_INET6) /* IPv4 has a listener of its own */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (conf->reuse_port &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, &at->any, len) < 0 || listen(fd, conf->backlog) < 0)
		return -errno;
	return 0;
}

int listen_open(const struct listen_conf *conf)
{
	union address at;
	socklen_t len;
	int r = parse(conf, &at, &len), fd;

	if (r < 0)
		return r;
	fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = open_socket(conf, &at, len, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

uint16_t listen_port(int fd)
{
	union address at;
	socklen_t len = sizeof(at);
	int r = getsockname(fd, &at.any, &len);

	ASSERT(r == 0);
	return ntohs(at.any.sa_family == AF_INET ? at.v4.sin_port : at.v6.sin6_port);
}

static void peer_text(const union address *at, char to[static NET_TEXT_MAX])
{
	bool v6 = at->any.sa_family == AF_INET6;
	struct net net = net_from_raw(v6, v6 ? (const uint8_t *)&at->v6.sin6_addr
					     : (const uint8_t *)&at->v4.sin_addr);

	net_text(&net, to);
}

static int watch(struct listener *l)
{
	return loop_watch(l->loop, &l->watch, EPOLLIN | EPOLLEXCLUSIVE);
}

/* They wait in the kernel's queue until something is free again, and we do not look meanwhile:
 * the socket would wake us in every turn. */
static void rest(struct listener *l, int err)
{
	loop_unwatch(l->loop, &l->watch);
	l->resting = true;
	timer_arm(l->loop, &l->retry, RETRY_MS);
	l->on_error(l, err);
}

static bool may_accept(struct listener *l)
{
	return l->loop && !l->paused && (l->may_accept == NULL || l->may_accept(l));
}

/* Whether there may be another one. The watch is level-triggered, so the next turn goes on with
 * what is left. */
static bool accept_one(struct listener *l)
{
	char peer[NET_TEXT_MAX];
	union address at;
	socklen_t len = sizeof(at);
	int err, fd = accept4(l->watch.fd, &at.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		peer_text(&at, peer);
		l->on_accept(l, fd, peer);
		return true;
	}
	err = errno;
	if (l->on_nobody)
		l->on_nobody(l);
	if (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM) {
		rest(l, err);
		return false;
	}
	/* Anything else is about this one connection: it is gone before it was ours. */
	return err != EAGAIN && err != EWOULDBLOCK;
}

static void on_event(struct io_watch *w, uint32_t events)
{
	struct listener *l = container_of(w, struct listener, watch);

	l->left = l->max_per_turn;
	loop_later(l->loop, &l->accept);
}

static void on_turn(struct loop_task *t)
{
	struct listener *l = container_of(t, struct listener, accept);

	if (l->left == 0 || !may_accept(l))
		return;
	l->left--;
	if (accept_one(l) && l->loop && !l->paused)
		loop_later(l->loop, &l->accept);
}

static void watch_again(struct listener *l)
{
	ASSERT(!l->paused);
	l->resting = watch(l) < 0;
	if (l->resting)
		timer_arm(l->loop, &l->retry, RETRY_MS);
}

static void on_retry(struct timer *t)
{
	watch_again(container_of(t, struct listener, retry));
}

int listener_start(struct listener *l, struct loop *loop, int fd)
{
	l->watch = (struct io_watch){ .fd = fd, .on_event = on_event };
	l->loop = loop;
	l->resting = l->paused = false;
	timer_init(&l->retry, on_retry);
	loop_task_init(&l->accept, on_turn);
	return watch(l);
}

void listener_pause(struct listener *l)
{
	ASSERT(l->loop != NULL);
	if (l->paused)
		return;
	if (!l->resting)
		loop_unwatch(l->loop, &l->watch);
	timer_cancel(l->loop, &l->retry);
	loop_task_cancel(&l->accept);
	l->paused = true;
}

void listener_resume(struct listener *l)
{
	ASSERT(l->loop != NULL);
	if (!l->paused)
		return;
	l->paused = false;
	watch_again(l);
}

void listener_stop(struct listener *l)
{
	if (l->loop == NULL)
		return;
	listener_pause(l);
	l->loop = NULL;
}
