#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512 };

nsec_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

nsec_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

void fail(const char *fmt, ...)
{
	va_list ap;

	fputs("meerkat-load: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static int on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
	struct session *s = SSL_get_app_data(ssl);

	SSL_SESSION_free(s->ticket);
	s->ticket = ticket;
	return 1; /* ours now */
}

/* Everything that could make one server's handshake dearer than another's is fixed here:
 * version, cipher suite, group, and whether sessions are resumed. */
static SSL_CTX *tls_new(bool tickets)
{
	static const unsigned char alpn[] = "\x0bxmpp-client";
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") != 1 ||
	    SSL_CTX_set1_groups_list(c, "X25519:P-256") != 1 ||
	    SSL_CTX_set_alpn_protos(c, alpn, sizeof(alpn) - 1) != 0)
		fail("OpenSSL does not offer what is needed");
	SSL_CTX_set_session_cache_mode(c, tickets ? SSL_SESS_CACHE_CLIENT |
							    SSL_SESS_CACHE_NO_INTERNAL
						  : SSL_SESS_CACHE_OFF);
	SSL_CTX_sess_set_new_cb(c, on_ticket);
	SSL_CTX_set_options(c, (tickets ? 0 : SSL_OP_NO_TICKET) |
				       SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_default_read_buffer_len(c, 64 * 1024);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return c;
}

void engine_init(struct engine *e, const struct load_conf *conf)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };

	*e = (struct engine){ .conf = conf, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	if (e->epoll < 0 || epoll_ctl(e->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev) < 0)
		fail("epoll: %s", strerror(errno));
	if (conf->tls)
		e->tls = tls_new(conf->tickets);
	e->max_dirty = 2 * conf->pairs + conf->sessions + 1;
	e->dirty = mem_zalloc(e->max_dirty * sizeof(struct session *));
}

void samples_init(struct samples *s, size_t max)
{
	*s = (struct samples){ .v = mem_zalloc(max * sizeof(nsec_t)), .max = max };
}

void samples_add(struct samples *s, nsec_t v)
{
	if (s->n < s->max)
		s->v[s->n++] = v;
}

static int compare_ns(const void *a, const void *b)
{
	nsec_t x = *(const nsec_t *)a, y = *(const nsec_t *)b;

	return (x > y) - (x < y);
}

double samples_quantile_us(struct samples *s, double q)
{
	size_t i = (size_t)(q * (double)s->n);

	ASSERT(s->n > 0);
	qsort(s->v, s->n, sizeof(nsec_t), compare_ns);
	return (double)s->v[MIN(i, s->n - 1)] / 1e3;
}

static void read_driver(struct engine *e)
{
	char line[64];

	if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
		fail("the driver is gone");
	e->go = true;
}

void engine_turn(struct engine *e, nsec_t timeout)
{
	struct epoll_event ev[EVENTS];
	/* What was due before the last turn's end is due now. */
	nsec_t left = timeout > 0 ? timeout : 0;
	struct timespec t = { left / SECOND, left % SECOND };
	int n = epoll_pwait2(e->epoll, ev, EVENTS, &t, NULL);

	if (n < 0 && errno != EINTR)
		fail("epoll: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr == NULL)
			read_driver(e);
		else
			session_event(ev[i].data.ptr, ev[i].events);
	}
	/* Only now, so that what one turn owes a session is one write. */
	for (unsigned i = 0; i < e->n_dirty; i++) {
		e->dirty[i]->dirty = false;
		session_flush(e->dirty[i]);
	}
	e->n_dirty = 0;
}

void engine_wait_go(struct engine *e)
{
	e->go = false;
	say("ready");
	while (!e->go)
		engine_turn(e, SECOND);
}
