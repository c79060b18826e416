#include "load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 256 * 1024, OUT_MAX = 16 * 1024 * 1024, IN_MAX = 64 * 1024 };

static char read_buf[HEADROOM + READ_MAX];

void session_send(struct session *s, struct strv bytes)
{
	struct engine *e = s->engine;

	buf_put(&s->out, bytes);
	if (s->dirty)
		return;
	ASSERT(e->n_dirty < e->max_dirty);
	s->dirty = true;
	e->dirty[e->n_dirty++] = s;
}

static void send_header(struct session *s)
{
	session_send(s, STRV("<?xml version='1.0'?><stream:stream to='localhost' "
			     "version='1.0' xmlns='jabber:client' "
			     "xmlns:stream='http://etherx.jabber.org/streams'>"));
}

static void release(struct session *s)
{
	if (s->ssl != NULL)
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN); /* else no ticket is good */
	SSL_free(s->ssl);
	ERR_clear_error(); /* else it would be taken for the next session's */
	s->ssl = NULL;
	close(s->fd);
	s->fd = -1;
	buf_free(&s->in);
	buf_free(&s->out);
	s->state = SESSION_CLOSED;
}

/* The connection is at its end before we wanted it to be. */
static void lost(struct session *s, const char *what)
{
	if (s->engine->on_lost == NULL)
		fail("user%u: %s in state %d", s->user, what, s->state);
	release(s);
	s->engine->on_lost(s);
}

void session_abandon(struct session *s)
{
	if (s->state != SESSION_CLOSED)
		release(s);
}

void session_close(struct session *s)
{
	ASSERT(s->state == SESSION_READY);
	session_send(s, STRV("</stream:stream>"));
	s->state = SESSION_CLOSING;
}

/* 250 sessions an address: the connections of a whole run fit into the ports of each. */
static struct sockaddr_in source(const struct engine *e, unsigned i)
{
	in_addr_t host =
		0x7f000001u + (e->conf->net << 16) + i % 250 + (i / 250 % 250 << 8);

	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(host) };
}

void session_connect(struct session *s, struct engine *e, unsigned user)
{
	struct sockaddr_in from = source(e, e->n_connect++);
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(e->conf->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				  .data.ptr = s };
	int one = 1;

	ASSERT(s->state == SESSION_CLOSED);
	s->engine = e;
	s->user = user;
	s->in = BUF_INIT(IN_MAX);
	s->out = BUF_INIT(OUT_MAX);
	s->writable = s->deaf = false;
	s->state = SESSION_CONNECTING;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0 ||
	    setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) <
		    0 ||
	    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    bind(s->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		fail("socket: %s", strerror(errno));
	if (e->conf->wire &&
	    setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0)
		fail("SO_TIMESTAMPNS: %s", strerror(errno));
	if (connect(s->fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
	    errno != EINPROGRESS) {
		if (!s->quiet_failure)
			fail("connect: %s", strerror(errno));
		release(s);
		return;
	}
	if (epoll_ctl(e->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0)
		fail("epoll: %s", strerror(errno));
}

static bool would_block(const struct session *s, ssize_t r)
{
	int err;

	if (s->ssl == NULL)
		return r < 0 && errno == EAGAIN;
	err = SSL_get_error(s->ssl, (int)r);
	return err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE;
}

void session_flush(struct session *s)
{
	size_t done = 0;
	ssize_t r = 1;

	if (!s->writable || s->state <= SESSION_HANDSHAKE)
		return;
	while (done < s->out.n && r > 0) {
		size_t n = s->out.n - done;

		if (s->ssl != NULL)
			r = SSL_write(s->ssl, s->out.p + done, (int)n);
		else
			r = send(s->fd, s->out.p + done, n, MSG_NOSIGNAL);
		if (r > 0)
			done += (size_t)r;
	}
	if (r <= 0) {
		if (!would_block(s, r)) {
			lost(s, "the server hung up on our write");
			return;
		}
		s->writable = false;
	}
	buf_consume(&s->out, done);
}

/* What stands between `open` and `close`, or a NULL strv. */
static struct strv between(struct strv in, const char *open, const char *close)
{
	const char *from = memmem(in.p, in.n, open, strlen(open));
	const char *to;

	if (from == NULL)
		return STRV_NULL;
	from += strlen(open);
	to = memmem(from, (size_t)(in.p + in.n - from), close, strlen(close));
	return to ? strv_make(from, (size_t)(to - from)) : STRV_NULL;
}

static bool has(struct strv in, const char *what)
{
	return memmem(in.p, in.n, what, strlen(what)) != NULL;
}

/* The text of an element whose start tag begins with `tag`. */
static struct strv element_text(struct strv in, const char *tag, const char *close)
{
	struct strv s = between(in, tag, close);
	ptrdiff_t end = strv_find(s, '>');

	return end < 0 ? STRV_NULL : strv_from_pos(s, (size_t)end + 1);
}

static void send_auth(struct session *s)
{
	const struct load_conf *c = s->engine->conf;
	struct buf b = BUF_INIT(2048);
	char user[32];

	snprintf(user, sizeof(user), "user%u", s->user);
	buf_putf(&b, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>",
		 c->plain ? "PLAIN" : "SCRAM-SHA-1");
	if (c->plain)
		sasl_plain(&b, user, c->password);
	else
		sasl_scram_first(&s->sasl, &b, user);
	buf_put(&b, STRV("</auth>"));
	session_send(s, buf_strv(&b));
	buf_free(&b);
}

static void step_features(struct session *s, struct strv in)
{
	const char *mechanism = s->engine->conf->plain ? ">PLAIN<" : ">SCRAM-SHA-1<";

	if (!has(in, "</stream:features>"))
		return;
	if (!has(in, mechanism))
		fail("not offered: %s: " STRV_FMT, mechanism, STRV_ARG(in));
	buf_clear(&s->in);
	send_auth(s);
	s->state = s->engine->conf->plain ? SESSION_OUTCOME : SESSION_CHALLENGE;
}

static void step_challenge(struct session *s, struct strv in)
{
	struct strv text = element_text(in, "<challenge", "</challenge>");
	struct buf b = BUF_INIT(2048);

	if (text.p == NULL)
		return;
	buf_put(&b, STRV("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"));
	if (sasl_scram_final(&s->sasl, &b, text, s->engine->conf->password) < 0)
		fail("bad challenge: " STRV_FMT, STRV_ARG(in));
	buf_put(&b, STRV("</response>"));
	session_send(s, buf_strv(&b));
	buf_free(&b);
	buf_clear(&s->in);
	s->state = SESSION_OUTCOME;
}

static void step_outcome(struct session *s, struct strv in)
{
	if (!has(in, "<success") || in.p[in.n - 1] != '>')
		return;
	if (!s->engine->conf->plain) {
		struct strv text = element_text(in, "<success", "</success>");

		if (text.p == NULL && !has(in, "/>"))
			return;
		if (!sasl_scram_verify(&s->sasl, text))
			fail("the server's signature is wrong: " STRV_FMT, STRV_ARG(in));
	}
	buf_clear(&s->in);
	send_header(s);
	s->state = SESSION_RESTART;
}

static void step_restart(struct session *s, struct strv in)
{
	if (!has(in, "</stream:features>"))
		return;
	buf_clear(&s->in);
	session_send(s, STRV("<iq type='set' id='bind'><bind "
			     "xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
			     "<resource>load</resource></bind></iq>"));
	s->state = SESSION_BIND;
}

static void step_bind(struct session *s, struct strv in)
{
	struct strv jid = between(in, "<jid>", "</jid>");

	if (!has(in, "</iq>"))
		return;
	if (jid.n == 0 || jid.n >= sizeof(s->jid))
		fail("bind: " STRV_FMT, STRV_ARG(in));
	memcpy(s->jid, jid.p, jid.n);
	s->jid[jid.n] = '\0';
	buf_free(&s->in);
	s->state = SESSION_READY;
	s->engine->on_ready(s);
}

static void closed(struct session *s)
{
	release(s);
	s->engine->on_closed(s);
}

static void sign_in(struct session *s, struct strv bytes)
{
	struct strv in;

	buf_put(&s->in, bytes);
	in = buf_strv(&s->in);
	if (has(in, "<failure") && s->engine->on_refused) {
		s->engine->on_refused(s);
		return;
	}
	if (has(in, "<stream:error") && s->engine->on_lost)
		return; /* the end follows */
	if (has(in, "<stream:error") || has(in, "<failure"))
		fail("user%u: " STRV_FMT, s->user, STRV_ARG(in));
	switch (s->state) {
	case SESSION_FEATURES:
		step_features(s, in);
		break;
	case SESSION_CHALLENGE:
		step_challenge(s, in);
		break;
	case SESSION_OUTCOME:
		step_outcome(s, in);
		break;
	case SESSION_RESTART:
		step_restart(s, in);
		break;
	case SESSION_BIND:
		step_bind(s, in);
		break;
	default:
		UNREACHABLE();
	}
}

static void on_bytes(struct session *s, char *p, size_t n)
{
	if (s->state == SESSION_READY)
		s->engine->on_data(s, p, n);
	else if (s->state != SESSION_CLOSING)
		sign_in(s, strv_make(p, n));
	else if (has(strv_make(p, n), "</stream:stream>"))
		closed(s);
}

/* When the packet came that the last bytes were in, by the kernel's clock for that, in ours; 0: it does
 * not know, as for the first ones after somebody has asked. */
static nsec_t came_at(struct msghdr *m)
{
	struct timespec came, now;
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
		return 0;
	memcpy(&came, CMSG_DATA(c), sizeof(came));
	clock_gettime(CLOCK_REALTIME, &now);
	return now_ns() - (now.tv_sec - came.tv_sec) * SECOND -
	       (now.tv_nsec - came.tv_nsec);
}

static ssize_t receive(struct session *s)
{
	char control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec v = { read_buf + HEADROOM, READ_MAX };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t r;

	if (s->ssl != NULL)
		return SSL_read(s->ssl, read_buf + HEADROOM, READ_MAX);
	if (!s->engine->conf->wire)
		return recv(s->fd, read_buf + HEADROOM, READ_MAX, 0);
	r = recvmsg(s->fd, &m, 0);
	if (r > 0)
		s->engine->came = came_at(&m);
	return r;
}

static void read_all(struct session *s)
{
	ssize_t r;

	while (s->state > SESSION_HANDSHAKE && !s->deaf) {
		r = receive(s);
		if (r > 0) {
			on_bytes(s, read_buf + HEADROOM, (size_t)r);
			if (s->ssl == NULL && r < READ_MAX)
				return; /* drained: more is another edge */
			continue;
		}
		if (would_block(s, r))
			return;
		if (s->state == SESSION_CLOSING)
			closed(s);
		else
			lost(s, "the server hung up");
	}
}

static void handshake(struct session *s)
{
	int r = SSL_do_handshake(s->ssl);

	if (r <= 0 && would_block(s, r))
		return;
	if (r <= 0) {
		lost(s, "TLS handshake failed");
		return;
	}
	s->state = SESSION_FEATURES;
	s->engine->n_resumed += SSL_session_reused(s->ssl) == 1;
	/* Right behind the Finished, as from a client that is alone with its connection: by the turn's
	 * end the handshakes of others may have taken milliseconds, and the server has answered it. */
	send_header(s);
	session_flush(s);
}

/* False: refused, and that was to be expected. */
static bool connected(struct session *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0 && s->quiet_failure) {
		release(s);
		return false;
	}
	if (error != 0) {
		lost(s, strerror(error));
		return false;
	}
	s->state = SESSION_FEATURES;
	if (s->engine->tls == NULL) {
		send_header(s);
		return true;
	}
	s->ssl = SSL_new(s->engine->tls);
	if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1 ||
	    SSL_set_tlsext_host_name(s->ssl, "localhost") != 1)
		fail("OpenSSL: no connection object");
	SSL_set_app_data(s->ssl, s);
	if (s->ticket)
		SSL_set_session(s->ssl, s->ticket);
	SSL_set_connect_state(s->ssl);
	s->state = SESSION_HANDSHAKE;
	return true;
}

void session_event(struct session *s, uint32_t events)
{
	if (s->state == SESSION_CLOSED) /* closed earlier in this turn */
		return;
	if (s->state == SESSION_CONNECTING && !connected(s))
		return;
	if (events & EPOLLOUT)
		s->writable = true;
	if (s->state == SESSION_HANDSHAKE)
		handshake(s);
	if (s->state > SESSION_HANDSHAKE && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)))
		read_all(s);
	if (s->state > SESSION_HANDSHAKE && s->out.n > 0 && !s->dirty)
		session_flush(s);
}
