/* A listening socket, watched by one loop or by several (each with a struct listen_watch of its
 * own; EPOLLEXCLUSIVE wakes one of them for a connection). */
#pragma once

#include "io/loop.h"

/* Bytes of each connection that the kernel keeps until they are read: no more than that, however long
 * we do not read (a shaper) and however much somebody sends. */
enum { LISTEN_UNREAD = 64 << 10 };

struct listen_conf {
	const char *address; /* IPv4 or IPv6 */
	uint16_t port;	     /* 0: any free one */
	int backlog;
	bool reuse_port; /* SO_REUSEPORT: other sockets, even of other processes, may bind it */
};

/* The socket, or -errno. */
nodiscard int listen_open(const struct listen_conf *conf);
uint16_t listen_port(int fd);

struct listener {
	struct io_watch watch;
	struct loop *loop;
	struct loop_task accept;
	unsigned left;	    /* that this turn may still accept */
	struct timer retry; /* when the process has no descriptors left */
	bool resting;	    /* ... until then nothing is accepted */
	bool paused;	    /* listener_pause() */
	unsigned max_per_turn;
	/* Asked before each accept; NULL: always. False: it has called listener_pause(). */
	bool (*may_accept)(struct listener *l);
	/* It has said yes, but nobody was there, or there is an error; NULL: nothing to do. */
	void (*on_nobody)(struct listener *l);
	/* A new connection, non-blocking; `peer` is its address as text. Owns fd. */
	void (*on_accept)(struct listener *l, int fd, const char *peer);
	void (*on_error)(struct listener *l, int err); /* for the log */
	void *owner;
};

/* The caller has filled in what stands behind `paused`. -errno of epoll_ctl(2). */
nodiscard int listener_start(struct listener *l, struct loop *loop, int fd);
/* Accepts nothing until listener_resume(); who comes meanwhile waits in the kernel's queue.
 * From on_accept, too. */
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);
/* Leaves the fd open: it may be shared. From on_accept, too. */
void listener_stop(struct listener *l);
