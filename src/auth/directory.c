#include "auth/directory.h"
#include "auth/directory_bind.h"
#include "base/arena.h"
#include "tls/wipe.h"

#include <pthread.h>

enum { MAX_FILTER = 64 << 10 };

struct ldap_method {
	struct auth_backend base;
	struct auth_ldap_conf conf;
	struct ldap_binders *binders;
};

struct client {
	const struct ldap_method *m; /* whose question it is */
	struct ldap_binders *binders;
	struct ldap_link search;
};

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
		default: /* not ours: as it stands; what follows may be: "%%u" */
			r = buf_add(b, "%", 1);
			p--;
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

/* Two at most: one that fits, and one that would show that it is not the only one. 0; 1: there are more
 * than it gives; or a failure. */
static int search(struct client *cl, struct auth_call *c, const char *filter,
		  char **attrs, LDAPMessage **ret)
{
	struct ldap_link *l = &cl->search;
	int r = LDAP_SERVER_DOWN;

	*ret = NULL;
	for (int tries = 0; ldap_link_is_gone(r) && ldap_link_may_try(c, tries);
	     tries++) {
		struct timeval limit = ldap_time_left(c);
		int e = ldap_link_ready(l, c);

		if (e < 0)
			return e;
		*ret = NULL;
		ldap_link_deref(l, cl->m->conf.deref);
		r = ldap_search_ext_s(l->ld, cl->m->conf.base, LDAP_SCOPE_SUBTREE, filter,
				      attrs, 0, NULL, NULL, &limit, 2, ret);
		if (r == LDAP_SUCCESS || r == LDAP_SIZELIMIT_EXCEEDED)
			return r == LDAP_SIZELIMIT_EXCEEDED;
		ldap_msgfree(*ret);
		*ret = NULL;
		if (ldap_link_is_gone(r))
			ldap_link_drop(l);
	}
	if (r != LDAP_NO_SUCH_OBJECT)
		return ldap_link_fail(l, c, "searching", r);
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
	if (r >= 0)
		r = ldap_count_entries(cl->search.ld, found) > 0 ? 0 : -ENOENT;
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
	if (r > 0 || n > 1)
		r = auth_fail(c, -EPROTO, "%s: several entries fit %s", cl->search.uri,
			      buf_cstr(&filter));
	else
		r = n == 1 ? judge(cl, c, a, found, ret_dn) : -ENOENT;
	ldap_msgfree(found);
	return r;
}

/* --- the questions --- */

static int bind_by(struct ldap_link *l, struct auth_call *c, const char *dn)
{
	int r = LDAP_SERVER_DOWN;

	for (int tries = 0; ldap_link_is_gone(r) && ldap_link_may_try(c, tries);
	     tries++) {
		int e = ldap_link_ready(l, c);
		if (e < 0)
			return e;
		r = ldap_link_bind(l, dn, c->password);
		if (ldap_link_is_gone(r))
			ldap_link_drop(l);
	}
	if (r == LDAP_SUCCESS)
		return 0;
	if (r == LDAP_INVALID_CREDENTIALS || r == LDAP_INAPPROPRIATE_AUTH ||
	    r == LDAP_UNWILLING_TO_PERFORM || r == LDAP_NO_SUCH_OBJECT)
		return -EACCES;
	return ldap_link_fail(l, c, "binding", r);
}

/* RFC 4513 5.1.2: a bind without a password succeeds for anybody, and proves nothing. */
static int check(struct client *cl, struct auth_call *c, const char *dn)
{
	struct ldap_link *l;
	int r;

	if (c->password.n == 0)
		return -EACCES;
	c->until = MIN(c->until, clock_mono_ms() + cl->m->conf.bind_timeout_ms);
	l = ldap_binders_take(cl->binders, c->until, &r);
	if (l == NULL)
		return auth_fail(c, r, "all workers of the pool that binds are busy");
	r = bind_by(l, c, dn);
	ldap_binders_give(cl->binders, l);
	return r;
}

static int call(void *state, struct auth_call *c)
{
	AUTO(arena_free) struct arena *a = arena_new(2048);
	struct client *cl = state;
	const char *dn = NULL;
	int r;

	cl->m = container_of((struct auth_backend *)(uintptr_t)c->backend,
			     struct ldap_method, base);
	r = find(cl, c, a, &dn);
	return r == 0 && c->op == AUTH_CHECK ? check(cl, c, dn) : r;
}

/* --- the backend --- */

static void *open_client(void *owner)
{
	const struct ldap_method *m =
		container_of((struct auth_backend *)owner, struct ldap_method, base);
	struct client *cl = MEM_NEW(struct client);

	cl->binders = m->binders;
	ldap_link_init(&cl->search, &m->conf.search);
	tls_wipe_all();
	return cl;
}

static void close_client(void *state)
{
	struct client *cl = state;

	ldap_link_fini(&cl->search);
	mem_free(cl);
}

static void free_ldap(struct auth_backend *b)
{
	struct ldap_method *m = container_of(b, struct ldap_method, base);

	ldap_binders_free(&m->binders);
	tls_client_free(&m->conf.search.tls);
	tls_client_free(&m->conf.bind.tls);
	mem_free(m);
}

static msec_t rests_until(const void *state)
{
	const struct client *cl = state;

	return ldap_link_rests_until(&cl->search);
}

static const struct auth_pool_ops threads = { open_client, close_client, rests_until };

static const struct auth_backend_ops ldap_ops = {
	.name = "ldap",
	.can = 1u << AUTH_CHECK | 1u << AUTH_EXISTS,
	.threads = &threads,
	.call = call,
	.free = free_ldap,
};

/* What is common to all connections. libldap makes it with the first of them, but without a lock for
 * who comes second meanwhile: that one takes a mutex which is just being made, and copies defaults
 * that are still read from ldap.conf. */
static void make_defaults(void)
{
	int version;

	ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version);
}

int auth_ldap_load(struct buf *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int r = libldap_load(err);

	if (r == 0)
		pthread_once(&once, make_defaults);
	return r;
}

struct auth_backend *auth_ldap_new(const struct auth_ldap_conf *conf)
{
	struct ldap_method *m = MEM_NEW(struct ldap_method);

	ASSERT(conf->workers.n_workers > 0 && conf->uids[0].attr);
	m->base.ops = &ldap_ops;
	m->base.threads = conf->workers;
	m->base.timeout_ms = conf->call_timeout_ms;
	m->conf = *conf;
	m->binders = ldap_binders_new(&m->conf.bind, &conf->binders);
	return &m->base;
}
