/* [auth.ldap] and [outgoing_pools.ldap.TAG]. */
#include "auth/directory.h"
#include "auth/directory_filter.h"
#include "core/options/conf_priv.h"

enum { PORT_CLEAR = 389, PORT_TLS = 636 };

/* --- [auth.ldap] --- */

/* `at`: the first byte that is wrong. */
static void complain_of_filter(struct conf_ctx *c, const char *allowed, struct strv s,
			       size_t at, const char *why)
{
	struct arena *a = conf_arena(c);
	const char *before = conf_quoted(a, strv_make(s.p, MIN(at, s.n)));

	conf_complain(c, "expected %s, found the string %s: %s%s: %s", allowed,
		      conf_quoted(a, s), at ? "behind " : "at its beginning",
		      at ? before : "", why);
}

static void check_format(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	static const char allowed[] = "a pattern with one %u";
	const struct strv *format = dst;
	const char *filter =
		arena_printf(conf_arena(c), "(a=" STRV_FMT ")", STRV_ARG(*format));
	const char *why;
	size_t n = 0, at;

	for (size_t i = 0; i + 1 < format->n; i++)
		n += format->p[i] == '%' && format->p[i + 1] == 'u';
	why = auth_ldap_filter_error(strv_from(filter), &at);
	if (n != 1)
		conf_complain_expected(c, allowed);
	else if (why)
		complain_of_filter(c, allowed, *format, at - MIN(at, strlen("(a=")), why);
}

static void check_attribute(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	if (!auth_ldap_is_attribute(*(const struct strv *)dst))
		conf_complain_expected(c, "the name of an attribute (RFC 4512)");
}

static const struct conf_option uid_options[] = {
	CONF_STRING("attr", struct conf_ldap_uid, attr, NULL, "The attribute.",
		    .mandatory = true, .has_range = true, .min = 1, .max = 256,
		    .check = check_attribute),
	CONF_STRING("format", struct conf_ldap_uid, format, "\"%u\"",
		    "Its value, with %u for the user's name.",
		    .allowed = "a pattern with one %u", .check = check_format),
	{ 0 },
};

static void check_filter(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct strv *filter = dst;

	size_t at;
	const char *why = auth_ldap_filter_error(*filter, &at);

	if (why)
		complain_of_filter(c, "a filter (RFC 4515)", *filter, at, why);
}

static const struct conf_option dn_filter[] = {
	CONF_STRING(
		"filter", struct conf_ldap, dn_filter, NULL,
		"A second search, with %u, %d (the domain), %D (the entry's DN), and %s for "
		"each of `attributes`; it must find something.",
		.mandatory = true, .allowed = "a filter (RFC 4515)",
		.check = check_filter),
	CONF_STRING_ARRAY("attributes", struct conf_ldap, dn_attributes, "[]",
			  "Attributes of the entry."),
	{ 0 },
};

static const struct conf_option local_filter[] = {
	CONF_ENUM("operation", struct conf_ldap, local_equal, NULL,
		  CONF_WORDS({ "equal", 1 }, { "notequal", 0 }),
		  "Whether the attribute has to have one of the values, or none of them.",
		  .mandatory = true),
	CONF_STRING("attribute", struct conf_ldap, local_attribute, NULL,
		    "An attribute of the entry.", .mandatory = true, .has_range = true,
		    .min = 1, .max = 256),
	CONF_STRING_ARRAY("values", struct conf_ldap, local_values, NULL, "The values.",
			  .mandatory = true),
	{ 0 },
};

const struct conf_option conf_ldap_options[] = {
	CONF_STRING("base", struct conf_ldap, base, NULL, "Where the search begins.",
		    .mandatory = true),
	CONF_TABLE_ARRAY("uids", struct conf_ldap, uids, uid_options,
			 "Attributes that may hold the user's name; not given: `uid`."),
	CONF_STRING("filter", struct conf_ldap, filter, NULL,
		    "Narrows the search; may have %u and %d.",
		    .allowed = "a filter (RFC 4515)", .check = check_filter),
	CONF_SAME_TABLE("dn_filter", dn_filter,
			"Another search, for what one cannot say."),
	CONF_SAME_TABLE("local_filter", local_filter,
			"A look at the entry itself, without the directory."),
	CONF_ENUM("deref", struct conf_ldap, deref, "\"never\"",
		  CONF_WORDS({ "never", AUTH_LDAP_NEVER }, { "always", AUTH_LDAP_ALWAYS },
			     { "finding", AUTH_LDAP_FINDING },
			     { "searching", AUTH_LDAP_SEARCHING }),
		  "When aliases are followed."),
	CONF_STRING("pool_tag", struct conf_ldap, pool_tag, "\"default\"",
		    "The pool that searches."),
	CONF_STRING("bind_pool_tag", struct conf_ldap, bind_pool_tag, "\"bind\"",
		    "The pool that checks passwords."),
	{ 0 },
};

/* --- [outgoing_pools.ldap.TAG] --- */

static const struct conf_option connection[] = {
	CONF_STRING_ARRAY("servers", struct conf_ldap_pool, servers, "[\"localhost\"]",
			  "Tried in this order.", .has_range = true, .min = 1, .max = 16),
	CONF_INT("port", struct conf_ldap_pool, port, NULL, 1, 65535,
		 "Not given: 389, or 636 with TLS from the first byte."),
	CONF_STRING("root_dn", struct conf_ldap_pool, root_dn, NULL,
		    "As whom to search; not given: anonymously."),
	CONF_ALIAS("rootdn", "root_dn"),
	CONF_STRING("password", struct conf_ldap_pool, password, NULL, "Its password.",
		    .secret = true),
	CONF_INT("connect_interval", struct conf_ldap_pool, connect_interval_ms, "10000",
		 1, 600000, "After a failure the next attempt to connect waits so long.",
		 .unit = "ms"),
	CONF_OPTIONAL_TABLE("tls", struct conf_ldap_pool, tls, conf_ldap_tls,
			    "With this section connections are encrypted."),
	{ 0 },
};

static const struct conf_option pool[] = {
	CONF_INT(
		"workers", struct conf_ldap_pool, pool.workers, "10", 1, 256,
		"How many connections. Who searches waits for who binds: more workers that "
		"bind than search have nothing to do."),
	CONF_INT("call_timeout", struct conf_ldap_pool, pool.call_timeout_ms, "5000", 1,
		 600000, "How long a login may wait and take.", .unit = "ms"),
	CONF_POOL_STRATEGY(struct conf_ldap_pool),
	CONF_POOL_QUEUE(struct conf_ldap_pool),
	CONF_POOL_SCOPE(struct conf_ldap_pool),
	CONF_SAME_TABLE("connection", connection, "The directory."),
	{ 0 },
};

static void check_pool(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct conf_ldap_pool *p = dst;

	conf_pool_check(c, &p->pool);
}

const struct conf_option conf_any_ldap_pool =
	CONF_SAME_TABLE("*", pool, "A pool, by the tag that `auth.ldap` names.",
			.check = check_pool);

/* --- the backend --- */

static const char *const *strings(struct arena *a, const struct strv *v, size_t n)
{
	const char **to = ARENA_ARRAY(a, const char *, n + 1);

	for (size_t i = 0; i < n; i++)
		to[i] = v[i].p;
	to[n] = NULL;
	return to;
}

static const struct auth_ldap_uid *uids(struct arena *a, const struct conf_ldap *l)
{
	static const struct auth_ldap_uid by_default[] = { { "uid", "%u" }, { NULL } };
	struct auth_ldap_uid *to = ARENA_ARRAY(a, struct auth_ldap_uid, l->n_uids + 1);

	for (size_t i = 0; i < l->n_uids; i++)
		to[i] = (struct auth_ldap_uid){ l->uids[i].attr.p, l->uids[i].format.p };
	to[l->n_uids] = (struct auth_ldap_uid){ NULL };
	return l->n_uids ? to : by_default;
}

static const struct conf_ldap_pool *find_pool(const struct conf *c, struct strv tag)
{
	for (size_t i = 0; i < c->n_ldap_pools; i++)
		if (strv_eq(c->ldap_pools[i].tag, tag))
			return &c->ldap_pools[i];
	return NULL;
}

static struct tls_client *make_tls(struct conf *c, const struct conf_ldap_pool *p,
				   const struct toml_table *root, struct conf_errors *e)
{
	const char *section;

	if (!p->has_tls)
		return NULL;
	section = arena_printf(e->arena, "outgoing_pools.ldap.%s.connection.tls",
			       conf_key(e->arena, p->tag));
	conf_watch_pool_tls(c, &p->tls);
	return conf_pool_tls(&p->tls, section, root, e);
}

static struct auth_ldap_pool convert(struct conf *c, const struct conf_ldap_pool *p,
				     const struct toml_table *root, struct conf_errors *e)
{
	enum auth_ldap_security security = !p->has_tls	     ? AUTH_LDAP_CLEAR
					   : p->tls.starttls ? AUTH_LDAP_STARTTLS
							     : AUTH_LDAP_TLS;
	unsigned port = security == AUTH_LDAP_TLS ? PORT_TLS : PORT_CLEAR;

	return (struct auth_ldap_pool){
		.servers = strings(c->arena, p->servers, p->n_servers),
		.port = p->port == CONF_UNSET ? port : (unsigned)p->port,
		.root_dn = p->root_dn.p,
		.password = p->password.p,
		.connect_interval_ms = (int)p->connect_interval_ms,
		.security = security,
		.tls = make_tls(c, p, root, e),
	};
}

void methods_make_ldap(struct conf *c, struct conf_auth *a, const char *key,
		       const struct toml_table *root, struct conf_errors *e)
{
	const struct conf_ldap *l = &a->ldap;
	const struct conf_ldap_pool *search = find_pool(c, l->pool_tag),
				    *bind = find_pool(c, l->bind_pool_tag);
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct auth_backend *first;
	struct auth_ldap_conf conf;

	if (search == NULL || bind == NULL) {
		struct strv tag = search ? l->bind_pool_tag : l->pool_tag;
		conf_error_at(
			e, root, key,
			"the method ldap needs a section outgoing_pools.ldap." STRV_FMT,
			STRV_ARG(tag));
		return;
	}
	if (auth_ldap_load(&err) < 0) {
		conf_error_at(e, root, key, "%s", buf_cstr(&err));
		return;
	}
	conf = (struct auth_ldap_conf){
		.search = convert(c, search, root, e),
		.bind = convert(c, bind, root, e),
		.base = l->base.p,
		.uids = uids(c->arena, l),
		.filter = l->filter.p,
		.dn_filter = l->dn_filter.p,
		.dn_attributes = strings(c->arena, l->dn_attributes, l->n_dn_attributes),
		.local_attribute = l->local_attribute.p,
		.local_equal = l->local_equal == 1,
		.local_values = strings(c->arena, l->local_values, l->n_local_values),
		.deref = (enum auth_ldap_deref)l->deref,
		.workers = conf_pool_dispatch(&search->pool),
		.binders = conf_pool_dispatch(&bind->pool),
		.bind_timeout_ms = (int)bind->pool.call_timeout_ms,
		.call_timeout_ms = (int)search->pool.call_timeout_ms,
	};
	if (e->n_errors) {
		tls_client_free(&conf.search.tls);
		tls_client_free(&conf.bind.tls);
		return;
	}
	first = search->pool.scope == CONF_SCOPE_GLOBAL &&
				bind->pool.scope == CONF_SCOPE_GLOBAL
			? methods_first(c, a, AUTH_LDAP)
			: NULL;
	a->backends[AUTH_LDAP] = auth_ldap_new(&conf);
	a->backends[AUTH_LDAP]->shares = first;
}
