#include "auth/directory_link.h"
#include "auth/directory_tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

enum { STEP_MS = 5000, MAX_WHY = 16 << 10 }; /* 16 servers, with less than 1 KiB each */

/* --- what goes wrong --- */

/* What the library finds wrong by itself (below 0) leaves a connection in no state that is known: behind
 * an answer that cannot be read it would fail an assertion of its own. */
bool ldap_link_is_gone(int code)
{
	return code == LDAP_UNAVAILABLE || (code < 0 && code != LDAP_FILTER_ERROR);
}

/* An alert may come with the first answer: in TLS 1.3 a client is ready before the server has seen
 * its certificate. */
static void describe(const struct ldap_link *l, int code, char *to, size_t size)
{
	const char *reason = ldap_link_is_gone(code) ? l->io.reason : NULL;
	char *more = NULL;

	if (ldap_link_is_gone(code) && l->io.trouble) {
		snprintf(to, size, "%s", l->io.trouble);
		return;
	}

	if (l->ld)
		ldap_get_option(l->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	snprintf(to, size, "%s%s%s%s%s", reason ? "TLS: " : "", reason ? reason : "",
		 reason ? "" : ldap_err2string(code), more && more[0] ? ": " : "",
		 more ? more : "");
	ldap_memfree(more);
}

int ldap_link_fail(const struct ldap_link *l, struct auth_call *c, const char *what,
		   int code)
{
	char detail[256];

	describe(l, code, detail, sizeof(detail));
	return auth_fail(c, -EIO, "%s: %s: %s", l->uri, what, detail);
}

/* Why this server was not it. */
static void note(const struct ldap_link *l, struct buf *why, const char *what,
		 const char *detail)
{
	buf_putf(why, "%s%s: %s: %.200s", why->n ? "; " : "", l->uri, what, detail);
}

static void note_code(const struct ldap_link *l, struct buf *why, const char *what,
		      int code)
{
	char detail[256];

	describe(l, code, detail, sizeof(detail));
	note(l, why, what, detail);
}

/* --- the parts of connecting --- */

static msec_t end_of_step(msec_t until)
{
	return MIN(until, clock_mono_ms() + STEP_MS);
}

static struct timeval to_timeval(msec_t until)
{
	msec_t ms = MAX(end_of_step(until) - clock_mono_ms(), (msec_t)1);

	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

bool ldap_link_may_try(const struct auth_call *c, int tries)
{
	return tries == 0 || (tries == 1 && !c->backend->ending);
}

struct timeval ldap_time_left(const struct auth_call *c)
{
	return to_timeval(c->until);
}

/* Who is asked and does not answer leaves time for the others. */
static msec_t share_of(msec_t until, size_t n)
{
	msec_t now = clock_mono_ms();

	return now + MIN(MAX(until - now, 0) / (msec_t)n, (msec_t)STEP_MS);
}

static int connect_to(const struct addrinfo *to, const struct ldap_wait *w, int *ret)
{
	AUTO(fd_closep)
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, err = 0;
	socklen_t n = sizeof(err);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		if (errno != EINPROGRESS || !ldap_wait_for(w, fd, POLLOUT))
			return -errno;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n);
		if (err)
			return -err;
	}
	*ret = fd;
	fd = -1;
	return 0;
}

static size_t n_addresses(const struct addrinfo *list)
{
	size_t n = 0;

	for (; list; list = list->ai_next)
		n++;
	return n;
}

/* One of its addresses, in the order of the resolver. */
static int reach(struct ldap_link *l, size_t server, struct buf *why)
{
	struct ldap_wait w = l->io.wait;
	const char *reason = "it takes too long";
	struct addrinfo *list = NULL;
	int r = ldap_lookup_get(l->lookups[server], &w, &list, &reason);
	size_t left = n_addresses(list);

	if (r < 0) {
		note(l, why, "the name cannot be looked up", reason);
		return r;
	}
	r = -ENOENT;
	for (const struct addrinfo *a = list; r < 0 && a; a = a->ai_next) {
		w.until = share_of(l->io.wait.until, left--);
		r = connect_to(a, &w, &l->io.fd);
	}
	freeaddrinfo(list);
	if (r < 0)
		note(l, why, "cannot connect", strerror(-r));
	return r;
}

/* For one question, whose answer is worth nothing after that. */
static void set_limit(struct ldap_link *l)
{
	struct timeval limit = to_timeval(l->io.wait.until);

	ldap_io_begin(&l->io);
	ldap_set_option(l->ld, LDAP_OPT_TIMEOUT, &limit);
}

void ldap_link_deref(struct ldap_link *l, enum auth_ldap_deref deref)
{
	static const int derefs[] = { [AUTH_LDAP_NEVER] = LDAP_DEREF_NEVER,
				      [AUTH_LDAP_SEARCHING] = LDAP_DEREF_SEARCHING,
				      [AUTH_LDAP_FINDING] = LDAP_DEREF_FINDING,
				      [AUTH_LDAP_ALWAYS] = LDAP_DEREF_ALWAYS };

	ldap_set_option(l->ld, LDAP_OPT_DEREF, &derefs[deref]);
}

static void set_options(struct ldap_link *l)
{
	int version = LDAP_VERSION3;

	ldap_set_option(l->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	set_limit(l);
	ldap_set_option(l->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_set_option(l->ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	ldap_link_deref(l, AUTH_LDAP_NEVER);
}

/* RFC 4511 4.14. */
static int encrypt(struct ldap_link *l, const char *host, struct buf *why)
{
	AUTO(buf_free) struct buf reason = BUF_INIT(LDAP_TLS_WHY_MAX);
	int r = LDAP_SUCCESS;

	if (l->pool->security == AUTH_LDAP_STARTTLS)
		r = ldap_extended_operation_s(l->ld, LDAP_EXOP_START_TLS, NULL, NULL,
					      NULL, NULL, NULL);
	if (r != LDAP_SUCCESS) {
		note_code(l, why, "StartTLS", r);
		return -EPROTO;
	}
	r = ldap_tls_start(l->pool->tls, host, &l->io, &reason);
	if (r < 0)
		note(l, why, "cannot connect", buf_cstr(&reason));
	return r;
}

int ldap_link_bind(struct ldap_link *l, const char *dn, struct strv password)
{
	struct berval cred = { .bv_len = password.n, .bv_val = (char *)password.p };

	return ldap_sasl_bind_s(l->ld, dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, NULL);
}

/* It is about what we have shown, and not about the server. */
static bool is_about_us(int code)
{
	return code == LDAP_INVALID_CREDENTIALS || code == LDAP_INAPPROPRIATE_AUTH ||
	       code == LDAP_INVALID_DN_SYNTAX || code == LDAP_NO_SUCH_OBJECT;
}

/* -EACCES: other servers would say the same. */
static int introduce(struct ldap_link *l, struct buf *why)
{
	const char *password = l->pool->password ? l->pool->password : "";
	int r = ldap_link_bind(l, l->pool->root_dn, strv_from(password));

	/* Some let nobody bind without a name; who has not bound has none, either. */
	if (r == LDAP_SUCCESS || (r == LDAP_INAPPROPRIATE_AUTH && !l->pool->root_dn))
		return 0;
	note_code(l, why,
		  r == LDAP_INVALID_CREDENTIALS ? "the root_dn or its password is wrong"
						: "cannot connect",
		  r);
	return is_about_us(r) ? -EACCES : -EIO;
}

/* --- the whole --- */

static int try_server(struct ldap_link *l, size_t server, struct buf *why)
{
	const char *host = l->pool->servers[server];
	bool v6 = strchr(host, ':') != NULL;
	int r;

	snprintf(l->uri, sizeof(l->uri), "%s://%s%s%s:%u",
		 l->pool->security == AUTH_LDAP_TLS ? "ldaps" : "ldap", v6 ? "[" : "",
		 host, v6 ? "]" : "", l->pool->port);
	l->io.reason = l->io.trouble = NULL;
	r = reach(l, server, why);
	if (r < 0)
		return r;
	r = ldap_io_open(&l->io, &l->ld);
	if (r != LDAP_SUCCESS) {
		note(l, why, "cannot connect", ldap_err2string(r));
		return -EIO;
	}
	set_options(l);
	r = l->pool->tls ? encrypt(l, host, why) : 0;
	return r ? r : introduce(l, why);
}

static int open_link(struct ldap_link *l, struct auth_call *c)
{
	AUTO(buf_free) struct buf why = BUF_INIT(MAX_WHY);
	int r = -EIO;

	for (size_t i = 0; r < 0 && r != -EACCES && i < l->n_servers; i++) {
		l->io.wait.until = share_of(c->until, l->n_servers - i);
		r = try_server(l, i, &why);
		if (r < 0)
			ldap_link_drop(l);
	}
	if (r == 0) {
		l->io.wait.until = end_of_step(c->until);
		set_limit(l);
		return 0;
	}
	l->again_at = clock_mono_ms() + l->pool->connect_interval_ms;
	return auth_fail(c, -EIO, "%s", buf_cstr(&why));
}

int ldap_link_ready(struct ldap_link *l, struct auth_call *c)
{
	l->io.wait = (struct ldap_wait){ end_of_step(c->until), &c->backend->ending };
	if (l->ld == NULL && clock_mono_ms() < l->again_at)
		return auth_fail(c, -EAGAIN, "%s: tried again in a moment", l->uri);
	if (l->ld == NULL)
		return open_link(l, c);
	set_limit(l);
	return 0;
}

void ldap_link_drop(struct ldap_link *l)
{
	if (l->ld)
		ldap_unbind_ext_s(l->ld, NULL, NULL);
	l->ld = NULL;
	ldap_io_close(&l->io);
}

msec_t ldap_link_rests_until(const struct ldap_link *l)
{
	return l->ld ? 0 : l->again_at;
}

void ldap_link_init(struct ldap_link *l, const struct auth_ldap_pool *pool)
{
	*l = (struct ldap_link){ .pool = pool, .io.fd = -1 };
	while (pool->servers[l->n_servers])
		l->n_servers++;
	ASSERT(l->n_servers > 0);
	l->lookups = mem_zalloc(l->n_servers * sizeof(struct ldap_lookup *));
	for (size_t i = 0; i < l->n_servers; i++)
		l->lookups[i] =
			ldap_lookup_new(pool->servers[i], pool->port, getaddrinfo);
}

void ldap_link_fini(struct ldap_link *l)
{
	ldap_link_drop(l);
	for (size_t i = 0; i < l->n_servers; i++)
		ldap_lookup_free(&l->lookups[i]);
	mem_free(l->lookups);
}
