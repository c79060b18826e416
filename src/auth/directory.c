#include "auth/directory.h"
#include "auth/directory_guard.h"
#include "base/arena.h"

#include <ldap.h>
#include <stdio.h>
#include <sys/time.h>

enum { MAX_FILTER = 64 << 10, STEP_MS = 5000 };

struct ldap_method {
	struct auth_backend base;
	struct auth_ldap_conf conf;
	char *search_uri,
		*bind_uri; /* of all servers: the library tries one after the other */
};

/* One connection; of one thread. */
struct link {
	const struct auth_ldap_pool *pool;
	const char *uri;
	enum auth_ldap_deref deref;
	LDAP *ld; /* NULL: not connected */
	struct ldap_guard guard;
	msec_t again_at;
};

struct client {
	const struct ldap_method *m;
	struct link search, bind;
};

/* --- connections --- */

static int fail(struct auth_call *c, const struct link *l, const char *what, int code)
{
	char *more = NULL;
	int r;

	if (l->ld)
		ldap_get_option(l->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	r = auth_fail(c, -EIO, "%s: %s: %s%s%s", l->uri, what, ldap_err2string(code),
		      more ? ": " : "", more ? more : "");
	ldap_memfree(more);
	return r;
}

static struct timeval time_left(const struct auth_call *c)
{
	msec_t ms = MAX(MIN(c->until - clock_mono_ms(), (msec_t)STEP_MS), 1);

	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

static void disconnect(struct link *l)
{
	if (l->ld)
		ldap_unbind_ext_s(l->ld, NULL, NULL);
	l->ld = NULL;
}

/* Any of them that fails would leave the library's own idea of whom to trust. */
static int set_tls(const struct link *l)
{
	const struct auth_tls *t = &l->pool->tls;
	int require = t->verify ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER,
	    server = 0;
	int r = ldap_set_option(l->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &require);

	if (r == 0 && t->cacertfile)
		r = ldap_set_option(l->ld, LDAP_OPT_X_TLS_CACERTFILE, t->cacertfile);
	if (r == 0 && t->certfile)
		r = ldap_set_option(l->ld, LDAP_OPT_X_TLS_CERTFILE, t->certfile);
	if (r == 0 && t->keyfile)
		r = ldap_set_option(l->ld, LDAP_OPT_X_TLS_KEYFILE, t->keyfile);
	r = r ? r : ldap_set_option(l->ld, LDAP_OPT_X_TLS_NEWCTX, &server);
	return r ? LDAP_PARAM_ERROR : 0;
}

static int set_options(struct link *l, const struct auth_call *c)
{
	static const int derefs[] = { [AUTH_LDAP_NEVER] = LDAP_DEREF_NEVER,
				      [AUTH_LDAP_SEARCHING] = LDAP_DEREF_SEARCHING,
				      [AUTH_LDAP_FINDING] = LDAP_DEREF_FINDING,
				      [AUTH_LDAP_ALWAYS] = LDAP_DEREF_ALWAYS };
	struct timeval limit = time_left(c);
	int version = LDAP_VERSION3, r;

	r = ldap_set_option(l->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	r = r ? r : ldap_guard_set(l->ld, &l->guard);
	ldap_set_option(l->ld, LDAP_OPT_NETWORK_TIMEOUT, &limit);
	ldap_set_option(l->ld, LDAP_OPT_TIMEOUT, &limit);
	ldap_set_option(l->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_set_option(l->ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	ldap_set_option(l->ld, LDAP_OPT_DEREF, &derefs[l->deref]);
	if (r == 0 && l->pool->security != AUTH_LDAP_CLEAR)
		r = set_tls(l);
	return r;
}

static int simple_bind(struct link *l, const char *dn, struct strv password)
{
	struct berval cred = { .bv_len = password.n, .bv_val = (char *)password.p };

	return ldap_sasl_bind_s(l->ld, dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, NULL);
}

/* Connected, and bound as the pool says. */
static int open_link(struct link *l, struct auth_call *c)
{
	const char *password = l->pool->password ? l->pool->password : "";
	const char *what = "cannot connect";
	int r = ldap_initialize(&l->ld, l->uri);

	r = r ? r : set_options(l, c);
	if (r == LDAP_PARAM_ERROR)
		what = "TLS cannot be set up with these files";
	if (r == 0 && l->pool->security == AUTH_LDAP_STARTTLS)
		r = ldap_start_tls_s(l->ld, NULL, NULL);
	if (r == 0) {
		r = simple_bind(l, l->pool->root_dn, strv_from(password));
		if (r == LDAP_INVALID_CREDENTIALS)
			what = "the root_dn or its password is wrong";
		/* Some let nobody bind without a name; who has not bound has none, either. */
		if (r == LDAP_INAPPROPRIATE_AUTH && !l->pool->root_dn)
			r = 0;
	}
	if (r == 0)
		return 0;
	r = fail(c, l, what, r);
	disconnect(l);
	l->again_at = clock_mono_ms() + l->pool->connect_interval_ms;
	return r;
}

static int make_ready(struct link *l, struct auth_call *c)
{
	struct timeval limit = time_left(c);

	l->guard.until = c->until;
	l->guard.ending = &c->backend->ending;
	if (l->ld == NULL && clock_mono_ms() < l->again_at)
		return auth_fail(c, -EAGAIN, "%s: tried again in a moment", l->uri);
	if (l->ld == NULL)
		return open_link(l, c);
	ldap_set_option(l->ld, LDAP_OPT_TIMEOUT, &limit);
	return 0;
}

static bool is_gone(int code)
{
	return code == LDAP_SERVER_DOWN || code == LDAP_CONNECT_ERROR ||
	       code == LDAP_UNAVAILABLE || code == LDAP_TIMEOUT;
}

/* --- filters (RFC 4515) --- */

int auth_ldap_escape(struct buf *b, struct strv value)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < value.n; i++) {
		unsigned char ch = (unsigned char)value.p[i];
		if (ch >= 0x80 || ch < 0x20 || strchr("*()\\", ch))
			r = buf_addf(b, "\\%02x", ch);
		else
			r = buf_add(b, value.p + i, 1);
	}
	return r;
}

struct values {
	struct strv user, domain, dn;
	const struct strv *s; /* for each %s, in order */
	size_t n_s;
};

/* A pattern of the configuration with values in it, escaped. */
static int expand(struct buf *b, const char *pattern, const struct values *v)
{
	size_t next = 0;
	int r = 0;

	for (const char *p = pattern; r == 0 && *p; p++) {
		if (p[0] != '%') {
			r = buf_add(b, p, 1);
			continue;
		}
		switch (*++p) {
		case 'u':
			r = auth_ldap_escape(b, v->user);
			break;
		case 'd':
			r = auth_ldap_escape(b, v->domain);
			break;
		case 'D':
			r = auth_ldap_escape(b, v->dn);
			break;
		case 's':
			r = next < v->n_s ? auth_ldap_escape(b, v->s[next++]) : 0;
			break;
		default: /* not ours: as it stands */
			r = buf_addf(b, "%%%.*s", *p ? 1 : 0, p);
			p -= *p == '\0';
		}
	}
	return r;
}

static int user_filter(const struct ldap_method *m, const struct values *v, struct buf *b)
{
	int r = buf_adds(b, STRV("(&(|"));

	for (const struct auth_ldap_uid *u = m->conf.uids; r == 0 && u->attr; u++) {
		r = buf_addf(b, "(%s=", u->attr);
		r = r ? r : expand(b, u->format, v);
		r = r ? r : buf_adds(b, STRV(")"));
	}
	r = r ? r : buf_adds(b, STRV(")"));
	if (r == 0 && m->conf.filter)
		r = expand(b, m->conf.filter, v);
	return r ? r : buf_adds(b, STRV(")"));
}

/* --- searching --- */

/* Two at most: one that fits, and one that would show that it is not the only one. */
static int search(struct client *cl, struct auth_call *c, const char *filter,
		  char **attrs, LDAPMessage **ret)
{
	struct link *l = &cl->search;
	int r = LDAP_SERVER_DOWN;

	*ret = NULL;
	for (int tries = 0; tries < 2 && is_gone(r); tries++) {
		struct timeval limit = time_left(c);
		int e = make_ready(l, c);

		if (e < 0)
			return e;
		*ret = NULL;
		r = ldap_search_ext_s(l->ld, cl->m->conf.base, LDAP_SCOPE_SUBTREE, filter,
				      attrs, 0, NULL, NULL, &limit, 2, ret);
		if (r == LDAP_SUCCESS || r == LDAP_SIZELIMIT_EXCEEDED)
			return 0;
		ldap_msgfree(*ret);
		*ret = NULL;
		if (is_gone(r))
			disconnect(l);
	}
	if (r != LDAP_NO_SUCH_OBJECT)
		return fail(c, l, "searching", r);
	return auth_fail(c, -ENOENT,
			 "%s: there is no \"%s\", or nothing that we may see: is "
			 "auth.ldap.base right?",
			 l->uri, cl->m->conf.base);
}

static struct strv first_value(struct client *cl, struct arena *a, LDAPMessage *entry,
			       const char *attr)
{
	struct berval **values = ldap_get_values_len(cl->search.ld, entry, attr);
	struct strv v =
		values && values[0]
			? arena_strv(a, strv_make(values[0]->bv_val, values[0]->bv_len))
			: STRV("");

	ldap_value_free_len(values);
	return v;
}

static bool local_filter_passes(struct client *cl, LDAPMessage *entry)
{
	const struct auth_ldap_conf *conf = &cl->m->conf;
	struct berval **values;
	bool found = false;

	if (conf->local_attribute == NULL)
		return true;
	values = ldap_get_values_len(cl->search.ld, entry, conf->local_attribute);
	for (size_t i = 0; values && values[i]; i++)
		for (const char *const *v = conf->local_values; *v; v++)
			found = found ||
				strv_is(strv_make(values[i]->bv_val, values[i]->bv_len),
					*v);
	ldap_value_free_len(values);
	return found == conf->local_equal;
}

/* Another search, with what the first one has found in it. 0, -ENOENT, or a failure. */
static int dn_filter_passes(struct client *cl, struct auth_call *c, struct arena *a,
			    const char *dn, const struct strv *s, size_t n_s)
{
	AUTO(buf_free) struct buf filter = BUF_INIT(MAX_FILTER);
	struct values v = { c->user, c->domain, strv_from(dn), s, n_s };
	char none[] = LDAP_NO_ATTRS, *attrs[] = { none, NULL };
	LDAPMessage *found;
	int r;

	if (cl->m->conf.dn_filter == NULL)
		return 0;
	if (expand(&filter, cl->m->conf.dn_filter, &v) < 0)
		return -ENOENT;
	r = search(cl, c, buf_cstr(&filter), attrs, &found);
	if (r == 0 && ldap_count_entries(cl->search.ld, found) == 0)
		r = -ENOENT;
	ldap_msgfree(found);
	return r;
}

/* The attributes that the filters look at. */
static char **wanted_attributes(const struct auth_ldap_conf *conf, struct arena *a)
{
	size_t n = 0, i = 0;
	char **attrs;

	while (conf->dn_attributes && conf->dn_attributes[n])
		n++;
	attrs = ARENA_ARRAY(a, char *, n + 3);
	for (; i < n; i++)
		attrs[i] = (char *)conf->dn_attributes[i];
	if (conf->local_attribute)
		attrs[i++] = (char *)conf->local_attribute;
	if (i == 0)
		attrs[i++] = (char *)LDAP_NO_ATTRS;
	attrs[i] = NULL;
	return attrs;
}

/* What the filters want of the entry is taken out of it before the next search. */
static int judge(struct client *cl, struct auth_call *c, struct arena *a,
		 LDAPMessage *found, const char **ret_dn)
{
	const struct auth_ldap_conf *conf = &cl->m->conf;
	LDAPMessage *entry = ldap_first_entry(cl->search.ld, found);
	char *dn = ldap_get_dn(cl->search.ld, entry);
	size_t n = 0;
	struct strv *s;

	while (conf->dn_attributes && conf->dn_attributes[n])
		n++;
	s = ARENA_ARRAY(a, struct strv, n + 1);
	for (size_t i = 0; i < n; i++)
		s[i] = first_value(cl, a, entry, conf->dn_attributes[i]);
	*ret_dn = arena_cstr(a, strv_from(dn ? dn : ""));
	ldap_memfree(dn);
	if ((*ret_dn)[0] == '\0' || !local_filter_passes(cl, entry))
		return -ENOENT;
	return dn_filter_passes(cl, c, a, *ret_dn, s, n);
}

/* The entry's DN; -ENOENT: there is none, or more than one. */
static int find(struct client *cl, struct auth_call *c, struct arena *a,
		const char **ret_dn)
{
	AUTO(buf_free) struct buf filter = BUF_INIT(MAX_FILTER);
	struct values v = { .user = c->user, .domain = c->domain };
	LDAPMessage *found;
	int r, n;

	if (user_filter(cl->m, &v, &filter) < 0)
		return -ENOENT;
	r = search(cl, c, buf_cstr(&filter), wanted_attributes(&cl->m->conf, a), &found);
	if (r < 0)
		return r;
	n = found ? ldap_count_entries(cl->search.ld, found) : 0;
	if (n > 1)
		r = auth_fail(c, -EPROTO, "%s: several entries fit %s", cl->search.uri,
			      buf_cstr(&filter));
	else
		r = n == 1 ? judge(cl, c, a, found, ret_dn) : -ENOENT;
	ldap_msgfree(found);
	return r;
}

/* --- the questions --- */

/* RFC 4513 5.1.2: a bind without a password succeeds for anybody, and proves nothing. */
static int check(struct client *cl, struct auth_call *c, const char *dn)
{
	struct link *l = &cl->bind;
	int r = LDAP_SERVER_DOWN;

	if (c->password.n == 0)
		return -EACCES;
	for (int tries = 0; tries < 2 && is_gone(r); tries++) {
		int e = make_ready(l, c);
		if (e < 0)
			return e;
		r = simple_bind(l, dn, c->password);
		if (is_gone(r))
			disconnect(l);
	}
	if (r == LDAP_SUCCESS)
		return 0;
	if (r == LDAP_INVALID_CREDENTIALS || r == LDAP_INAPPROPRIATE_AUTH ||
	    r == LDAP_UNWILLING_TO_PERFORM || r == LDAP_NO_SUCH_OBJECT)
		return -EACCES;
	return fail(c, l, "binding", r);
}

static int call(void *state, struct auth_call *c)
{
	AUTO(arena_free) struct arena *a = arena_new(2048);
	struct client *cl = state;
	const char *dn = NULL;
	int r = find(cl, c, a, &dn);

	return r == 0 && c->op == AUTH_CHECK ? check(cl, c, dn) : r;
}

/* --- the backend --- */

static void *open_client(void *owner)
{
	const struct ldap_method *m =
		container_of((struct auth_backend *)owner, struct ldap_method, base);
	struct client *cl = MEM_NEW(struct client);

	cl->m = m;
	cl->search = (struct link){ .pool = &m->conf.search,
				    .uri = m->search_uri,
				    .deref = m->conf.deref };
	cl->bind = (struct link){ .pool = &m->conf.bind, .uri = m->bind_uri };
	return cl;
}

static void close_client(void *state)
{
	struct client *cl = state;

	disconnect(&cl->search);
	disconnect(&cl->bind);
	mem_free(cl);
}

static void free_ldap(struct auth_backend *b)
{
	struct ldap_method *m = container_of(b, struct ldap_method, base);

	mem_free(m->search_uri);
	mem_free(m->bind_uri);
	mem_free(m);
}

static msec_t link_rests_until(const struct link *l)
{
	return l->ld ? 0 : l->again_at;
}

static msec_t rests_until(const void *state)
{
	const struct client *cl = state;

	return MAX(link_rests_until(&cl->search), link_rests_until(&cl->bind));
}

static const struct auth_pool_ops threads = { open_client, close_client, rests_until };

static const struct auth_backend_ops ldap_ops = {
	.name = "ldap",
	.can = 1u << AUTH_CHECK | 1u << AUTH_EXISTS,
	.threads = &threads,
	.call = call,
	.free = free_ldap,
};

static char *make_uri(const struct auth_ldap_pool *p)
{
	AUTO(buf_free) struct buf b = BUF_INIT(8192);
	const char *scheme = p->security == AUTH_LDAP_TLS ? "ldaps" : "ldap";

	for (const char *const *s = p->servers; *s; s++) {
		bool v6 = strchr(*s, ':') != NULL;
		buf_putf(&b, "%s%s://%s%s%s:%u", b.n ? " " : "", scheme, v6 ? "[" : "",
			 *s, v6 ? "]" : "", p->port);
	}
	return mem_strdup(buf_cstr(&b));
}

struct auth_backend *auth_ldap_new(const struct auth_ldap_conf *conf)
{
	struct ldap_method *m = MEM_NEW(struct ldap_method);

	ASSERT(conf->workers > 0 && conf->uids[0].attr);
	m->base.ops = &ldap_ops;
	m->base.n_threads = conf->workers;
	m->base.timeout_ms = conf->call_timeout_ms;
	m->conf = *conf;
	m->search_uri = make_uri(&conf->search);
	m->bind_uri = make_uri(&conf->bind);
	return &m->base;
}
