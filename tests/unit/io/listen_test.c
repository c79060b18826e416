/* Listening sockets. */
#include "pair.h"
#include "io/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct door {
	struct listener listener;
	struct loop *loop;
	int n, n_errors, last_error;
	char peer[64];
	bool stops, pauses; /* after the first; after each */
	int fds[64];
};

static void on_accept(struct listener *l, int fd, const char *peer)
{
	struct door *d = l->owner;

	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	d->fds[d->n++] = fd;
	snprintf(d->peer, sizeof(d->peer), "%s", peer);
	if (d->stops)
		listener_stop(l);
	if (d->pauses) {
		listener_pause(l);
		listener_pause(l); /* harmless */
	}
}

static void on_error(struct listener *l, int err)
{
	struct door *d = l->owner;

	d->n_errors++;
	d->last_error = err;
}

static void door_open(struct door *d, struct loop *l, int fd, unsigned max_per_turn)
{
	*d = (struct door){ .loop = l,
			    .listener = { .max_per_turn = max_per_turn,
					  .on_accept = on_accept,
					  .on_error = on_error,
					  .owner = d } };
	CHECK_INT(listener_start(&d->listener, l, fd), 0);
}

static void door_close(struct door *d)
{
	listener_stop(&d->listener);
	for (int i = 0; i < d->n; i++)
		close(d->fds[i]);
}

static int open_at(const char *address, uint16_t port, bool reuse_port)
{
	return listen_open(&(struct listen_conf){ .address = address,
						  .port = port,
						  .backlog = 128,
						  .reuse_port = reuse_port });
}

static int knock(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK_INT(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void turn_until(struct door d[2], int n)
{
	msec_t deadline = pair_real_ms() + PAIR_DEADLINE_MS;

	while (d[0].n + d[1].n < n) {
		CHECK(pair_real_ms() < deadline);
		loop_turn(d[0].loop, 0);
		loop_turn(d[1].loop, 0);
	}
}

TEST(listen_accepts_and_says_who_it_is)
{
	struct loop *l = loop_new();
	int fd = open_at("127.0.0.1", 0, false), client;
	struct door d;

	CHECK(fd >= 0 && listen_port(fd) != 0);
	door_open(&d, l, fd, 10);
	client = knock(listen_port(fd));
	while (d.n == 0)
		loop_turn(l, 1000);
	CHECK(strcmp(d.peer, "127.0.0.1") == 0);
	door_close(&d);
	close(client);
	close(fd);
	loop_free(&l);
}

static int option(int fd, int level, int name)
{
	int v = 0;
	socklen_t n = sizeof(v);

	CHECK_INT(getsockopt(fd, level, name, &v, &n), 0);
	return v;
}

TEST(listen_accepts_sockets_that_wait_for_nothing_and_notice_a_peer_that_is_gone)
{
	struct loop *l = loop_new();
	int fd = open_at("127.0.0.1", 0, false), client;
	struct door d;

	door_open(&d, l, fd, 10);
	client = knock(listen_port(fd));
	while (d.n == 0)
		loop_turn(l, 1000);
	CHECK(option(d.fds[0], IPPROTO_TCP, TCP_NODELAY));
	CHECK(option(d.fds[0], SOL_SOCKET, SO_KEEPALIVE));
	door_close(&d);
	close(client);
	close(fd);
	loop_free(&l);
}

/* ... by itself it does, to megabytes. */
TEST(listen_accepts_sockets_whose_buffer_does_not_grow_with_what_is_sent)
{
	static char much[LISTEN_UNREAD];
	struct loop *l = loop_new();
	int fd = open_at("127.0.0.1", 0, false), client, before;
	struct door d;

	door_open(&d, l, fd, 10);
	client = knock(listen_port(fd));
	while (d.n == 0)
		loop_turn(l, 1000);
	before = option(d.fds[0], SOL_SOCKET, SO_RCVBUF);
	CHECK_INT(fcntl(client, F_SETFL, O_NONBLOCK), 0);
	for (size_t n = 0; n < (size_t)16 << 20;) {
		ssize_t r = write(client, much, sizeof(much));
		CHECK(r > 0 || errno == EAGAIN);
		r = read(d.fds[0], much, sizeof(much));
		n += r > 0 ? (size_t)r : 0;
	}
	CHECK_INT(option(d.fds[0], SOL_SOCKET, SO_RCVBUF), before);
	door_close(&d);
	close(client);
	close(fd);
	loop_free(&l);
}

TEST(listen_accepts_a_bounded_number_a_turn)
{
	enum { N = 20 };
	struct loop *l = loop_new();
	int fd = open_at("127.0.0.1", 0, false), clients[N];
	struct door d;

	door_open(&d, l, fd, 3);
	for (int i = 0; i < N; i++)
		clients[i] = knock(listen_port(fd));
	for (int before = 0; d.n < N; before = d.n) {
		loop_turn(l, 10000); /* it does not wait: there is more */
		/* A machine that is busy has no time for three in a turn: see loop_later(). */
		CHECK(d.n > before && d.n <= before + 3);
	}
	door_close(&d);
	for (int i = 0; i < N; i++)
		close(clients[i]);
	close(fd);
	loop_free(&l);
}

TEST(listen_shares_a_socket_between_two_loops)
{
	enum { N = 20 };
	struct loop *l[2] = { loop_new(), loop_new() };
	int fd = open_at("127.0.0.1", 0, false), clients[N];
	struct door d[2];

	for (int i = 0; i < 2; i++)
		door_open(&d[i], l[i], fd, 3);
	for (int i = 0; i < N; i++)
		clients[i] = knock(listen_port(fd));
	turn_until(d, N);
	CHECK(d[0].n > 0 && d[1].n > 0);
	listener_stop(&d[0].listener); /* the other takes all from here on */
	close(clients[0]);
	clients[0] = knock(listen_port(fd));
	turn_until(d, N + 1);
	for (int i = 0; i < 2; i++) {
		door_close(&d[i]);
		loop_free(&l[i]);
	}
	for (int i = 0; i < N; i++)
		close(clients[i]);
	close(fd);
}

TEST(listen_stops_from_on_accept)
{
	struct loop *l = loop_new();
	int fd = open_at("127.0.0.1", 0, false), clients[3];
	struct door d;

	door_open(&d, l, fd, 10);
	d.stops = true;
	for (int i = 0; i < 3; i++)
		clients[i] = knock(listen_port(fd));
	for (int i = 0; i < 3; i++)
		loop_turn(l, 1);
	CHECK_INT(d.n, 1);
	door_close(&d);
	for (int i = 0; i < 3; i++)
		close(clients[i]);
	close(fd);
	loop_free(&l);
}

TEST(listen_pauses_and_goes_on)
{
	enum { N = 3 };
	struct loop *l = loop_new();
	int fd = open_at("127.0.0.1", 0, false), clients[N];
	struct door d;

	door_open(&d, l, fd, 10);
	d.pauses = true;
	for (int i = 0; i < N; i++)
		clients[i] = knock(listen_port(fd));
	for (int served = 1; served <= N; served++) {
		while (d.n < served)
			loop_turn(l, 1000);
		for (int i = 0; i < 5; i++)
			loop_turn(l, 0);
		CHECK_INT(d.n, served); /* the others wait in the kernel */
		listener_resume(&d.listener);
		listener_resume(&d.listener);
		CHECK(!d.listener.resting); /* it was not watched twice */
	}
	listener_pause(&d.listener);
	door_close(&d); /* a paused one stops, too */
	for (int i = 0; i < N; i++)
		close(clients[i]);
	close(fd);
	loop_free(&l);
}

static int may, nobody;

static void count_nobody(struct listener *l)
{
	nobody++;
}

static bool may_while_two(struct listener *l)
{
	struct door *d = l->owner;

	if (d->n < 2) {
		may++;
		return true;
	}
	listener_pause(l);
	return false;
}

TEST(listen_asks_before_it_accepts)
{
	enum { N = 4 };
	struct loop *l = loop_new();
	int fd = open_at("127.0.0.1", 0, false), clients[N];
	struct door d;

	door_open(&d, l, fd, 10);
	d.listener.may_accept = may_while_two;
	d.listener.on_nobody = count_nobody;
	clients[0] = knock(listen_port(fd));
	while (nobody == 0) /* behind the first */
		loop_turn(l, 1000);
	CHECK(d.n == 1 && may == 2);
	for (int i = 1; i < N; i++)
		clients[i] = knock(listen_port(fd));
	while (d.n < 2)
		loop_turn(l, 1000);
	for (int i = 0; i < 5; i++)
		loop_turn(l, 0);
	CHECK_INT(d.n, 2);
	d.listener.may_accept = NULL;
	listener_resume(&d.listener);
	while (d.n < N)
		loop_turn(l, 1000);
	door_close(&d);
	for (int i = 0; i < N; i++)
		close(clients[i]);
	close(fd);
	loop_free(&l);
}

/* --- no descriptors left --- */

/* From here on open() and accept() fail. */
static void use_up(struct rlimit *before)
{
	struct rlimit none;
	int next = dup(0);

	CHECK(next >= 0);
	close(next);
	CHECK_INT(getrlimit(RLIMIT_NOFILE, before), 0);
	none = *before;
	none.rlim_cur = (rlim_t)next;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
}

TEST(listen_rests_when_there_are_no_descriptors_and_tries_again)
{
	struct loop *l;
	int fd = open_at("127.0.0.1", 0, false), client;
	struct rlimit before;
	struct door d;

	clock_fake_set(1000, 0);
	l = loop_new();
	door_open(&d, l, fd, 10);
	client = knock(listen_port(fd));
	use_up(&before);
	while (d.n_errors == 0)
		loop_turn(l, 1000);
	for (int i = 0; i < 10; i++)
		loop_turn(l, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	CHECK_INT(d.n_errors, 1); /* it does not spin */
	CHECK_INT(d.last_error, EMFILE);
	loop_turn(l, 0);
	CHECK_INT(d.n, 0);
	clock_fake_advance(300);
	loop_turn(l, 0);
	loop_turn(l, 1000);
	CHECK_INT(d.n, 1);
	door_close(&d);
	clock_fake_off();
	close(client);
	close(fd);
	loop_free(&l);
}

TEST(listen_paused_while_it_rests_does_not_try_again)
{
	struct loop *l;
	int fd = open_at("127.0.0.1", 0, false), client;
	struct rlimit before;
	struct door d;

	clock_fake_set(1000, 0);
	l = loop_new();
	door_open(&d, l, fd, 10);
	client = knock(listen_port(fd));
	use_up(&before);
	while (d.n_errors == 0)
		loop_turn(l, 1000);
	setrlimit(RLIMIT_NOFILE, &before);
	listener_pause(&d.listener);
	clock_fake_advance(1000);
	for (int i = 0; i < 5; i++)
		loop_turn(l, 0);
	CHECK_INT(d.n, 0);
	listener_resume(&d.listener);
	while (d.n == 0)
		loop_turn(l, 1000);
	door_close(&d);
	clock_fake_off();
	close(client);
	close(fd);
	loop_free(&l);
}

TEST(listen_stops_while_it_rests)
{
	struct loop *l = loop_new();
	int fd = open_at("127.0.0.1", 0, false), client;
	struct rlimit before;
	struct door d;

	door_open(&d, l, fd, 10);
	client = knock(listen_port(fd));
	use_up(&before);
	while (d.n_errors == 0)
		loop_turn(l, 1000);
	setrlimit(RLIMIT_NOFILE, &before);
	door_close(&d);
	loop_turn(l, 0);
	CHECK_INT(d.n, 0);
	close(client);
	close(fd);
	loop_free(&l);
}

/* --- addresses --- */

TEST(listen_on_ipv6_is_for_ipv6_alone)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6,
				   .sin6_addr = in6addr_loopback };
	struct loop *l = loop_new();
	int fd = open_at("::", 0, false), v4 = -1, client;
	struct door d;

	if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) { /* a machine without IPv6 */
		loop_free(&l);
		return;
	}
	CHECK(fd >= 0);
	/* The same port is free for IPv4, unless somebody else has it just now. */
	for (int i = 0; i < 20 && (v4 = open_at("0.0.0.0", listen_port(fd), false)) < 0;
	     i++) {
		CHECK_INT(v4, -EADDRINUSE);
		close(fd);
		fd = open_at("::", 0, false);
	}
	CHECK(v4 >= 0);
	door_open(&d, l, fd, 10);
	at.sin6_port = htons(listen_port(fd));
	client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	while (d.n == 0)
		loop_turn(l, 1000);
	CHECK(strcmp(d.peer, "::1") == 0);
	door_close(&d);
	close(client);
	close(v4);
	close(fd);
	loop_free(&l);
}

TEST(listen_says_that_an_address_is_in_use)
{
	int fd = open_at("127.0.0.1", 0, false);

	CHECK_INT(open_at("127.0.0.1", listen_port(fd), false), -EADDRINUSE);
	CHECK_INT(open_at("127.0.0.1", listen_port(fd), true), -EADDRINUSE);
	close(fd);
}

TEST(listen_reuses_a_port_when_all_want_it)
{
	int a = open_at("127.0.0.1", 0, true),
	    b = open_at("127.0.0.1", listen_port(a), true);

	CHECK(a >= 0 && b >= 0 && a != b);
	CHECK_INT(listen_port(a), listen_port(b));
	close(a);
	close(b);
}

/* A restart must not wait until the kernel has forgotten old connections. */
TEST(listen_opens_a_port_that_has_old_connections)
{
	int a = open_at("127.0.0.1", 0, false), client, served, again;
	uint16_t port = listen_port(a);
	char c;

	client = knock(port);
	while ((served = accept4(a, NULL, NULL, SOCK_CLOEXEC)) < 0)
		CHECK_INT(errno, EAGAIN);
	close(a);
	close(served); /* our side ends first: it stays in TIME_WAIT */
	CHECK_INT(read(client, &c, 1), 0);
	close(client);
	again = open_at("127.0.0.1", port, false);
	CHECK(again >= 0);
	close(again);
}

/* The kernel tells it of a listening socket in this member. */
TEST(listen_sets_the_length_of_the_queue)
{
	int fd = listen_open(
		&(struct listen_conf){ .address = "127.0.0.1", .backlog = 7 });
	struct tcp_info info;
	socklen_t n = sizeof(info);

	CHECK_INT(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n), 0);
	CHECK_INT(info.tcpi_sacked, 7);
	close(fd);
}

TEST(listen_refuses_what_is_no_address)
{
	CHECK_INT(open_at("localhost", 0, false), -EINVAL);
	CHECK_INT(open_at("", 0, false), -EINVAL);
	CHECK_INT(open_at("256.0.0.1", 0, false), -EINVAL);
	CHECK_INT(open_at("192.0.2.1", 0, false), -EADDRNOTAVAIL); /* not one of ours */
}
