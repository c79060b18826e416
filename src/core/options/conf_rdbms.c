/* [outgoing_pools.rdbms.default]: the store on a database server. */
#include "core/options/conf_priv.h"
#include "store/store.h"
#include "tls/client.h"

#define ONE_DATABASE "one database has what belongs to all domains"

enum { WORKERS_MAX = 1000, MS_MAX = INT32_MAX };

/* It is logged when the server is down. `@` in front stands for the NUL of an abstract socket. */
static void check_host(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct strv *host = dst;

	if (host->p[0] != '/' && strv_find(strv_from_pos(*host, 1), '@') >= 0)
		conf_complain(c,
			      "expected the name or the address of the server; user and "
			      "password belong into username and password");
}

static const struct conf_option connection[] = {
	CONF_ENUM(
		"driver", struct conf_rdbms, driver, NULL,
		CONF_WORDS({ "pgsql", STORE_PGSQL }, { "mysql", STORE_MYSQL },
			   { "cockroachdb", STORE_COCKROACHDB }),
		"The kind of database server: PostgreSQL, MySQL or MariaDB, CockroachDB.",
		.mandatory = true),
	CONF_STRING("host", struct conf_rdbms, host, NULL,
		    "Its name or address; a path is that of a local socket, or, for "
		    "PostgreSQL, of the socket's directory.",
		    .mandatory = true, .has_range = true, .min = 1, .max = 255,
		    .secret = true, .check = check_host),
	CONF_INT("port", struct conf_rdbms, port, NULL, 0, 65535,
		 "Not given: 5432, for `mysql` 3306, for `cockroachdb` 26257."),
	CONF_STRING("database", struct conf_rdbms, database, NULL, "Its name.",
		    .mandatory = true, .has_range = true, .min = 1, .max = 63),
	CONF_STRING("username", struct conf_rdbms, username, NULL, "Whom to log in as.",
		    .mandatory = true, .has_range = true, .min = 1, .max = 63),
	CONF_STRING("password", struct conf_rdbms, password, NULL, "With this password.",
		    .mandatory = true, .secret = true),
	CONF_INT("query_timeout", struct conf_rdbms, query_timeout_ms, "5000", 10, MS_MAX,
		 "How long an answer may take. The server is told to give up a little "
		 "earlier; if it does not answer at all, the connection is made anew.",
		 .unit = "ms"),
	CONF_INT(
		"max_start_interval", struct conf_rdbms, max_start_s, "30", 1, 86400,
		"While the server cannot be reached, it is tried again after a quarter of a "
		"second, then after twice that, and so on; never after more than this.",
		.unit = "s"),
	CONF_INT(
		"keepalive_interval", struct conf_rdbms, keepalive_s, NULL, 1, 86400,
		"A connection that was not used for so long gets a query, so that nothing "
		"on the way forgets it. Not given: none. That a server has gone is noticed "
		"in any case before a connection is used.",
		.unit = "s"),
	CONF_OPTIONAL_TABLE("tls", struct conf_rdbms, tls, conf_rdbms_tls,
			    "TLS; without this section there is none."),
	CONF_UNSUPPORTED("settings"),
	{ 0 },
};

static const struct conf_option pool[] = {
	CONF_ENUM("scope", struct conf_rdbms, pool.scope, "\"global\"",
		  CONF_WORDS({ "global", 0 }, { "host_type", .refused = ONE_DATABASE },
			     { "host", .refused = ONE_DATABASE }),
		  "One pool for all domains."),
	CONF_INT("workers", struct conf_rdbms, pool.workers, "10", 1, WORKERS_MAX,
		 "Connections that read. One more writes: it gathers what comes while a "
		 "transaction is under way into the next one."),
	CONF_POOL_STRATEGY(struct conf_rdbms),
	CONF_POOL_QUEUE(struct conf_rdbms),
	CONF_INT(
		"call_timeout", struct conf_rdbms, pool.call_timeout_ms, "60000", 1,
		MS_MAX,
		"What has waited in the queue for so long is not begun any more, and fails.",
		.unit = "ms"),
	CONF_SAME_TABLE("connection", connection, "Where the server is.",
			.mandatory = true),
	{ 0 },
};

static void check_pool(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct conf_rdbms *r = dst;

	conf_pool_check(c, &r->pool);
}

const struct conf_option conf_rdbms_pools[] = {
	CONF_OPTIONAL_TABLE(
		"default", struct conf, rdbms, pool,
		"With this section, everything is in this database: accounts and what all "
		"modules keep, of all domains, whatever `auth.methods` and `backend` say. Its "
		"tables are MongooseIM's (docs/rdbms.md).",
		.restart = true, .check = check_pool),
	{ 0 },
};

/* --- checks --- */

static bool is_local(struct strv host)
{
	return host.p[0] == '/' || host.p[0] == '@';
}

static void check_methods(const struct conf *c, const struct conf_auth *a,
			  const char *section, const struct toml_table *root,
			  struct conf_errors *e)
{
	const char *key = arena_printf(e->arena, "%sauth.methods", section);

	if (!c->has_rdbms && (a->method_set & (1u << AUTH_RDBMS)))
		conf_error_at(e, root, key,
			      "\"rdbms\" needs the section "
			      "[outgoing_pools.rdbms.default]");
}

/* What is wrong with it shows now, and not only when the store connects. */
static void check_tls(const struct conf_rdbms *r, const struct toml_table *root,
		      struct conf_errors *e)
{
	static const char key[] = "outgoing_pools.rdbms.default.connection.tls";
	struct tls_client *tls;

	if (r->driver != STORE_MYSQL && is_local(r->host)) {
		conf_error_at(e, root, key,
			      "PostgreSQL's library has no TLS over a local socket");
		return;
	}
	if (r->tls.verify != TLS_CLIENT_NONE && !r->tls.cacertfile.p)
		conf_error_at(e, root, key,
			      "verify_mode needs cacertfile, which is missing; \"none\" "
			      "does not");
	tls = conf_pool_tls(&r->tls, key, root, e);
	tls_client_free(&tls);
}

static void check_library(const struct conf_rdbms *r, const struct toml_table *root,
			  struct conf_errors *e)
{
	static const char key[] = "outgoing_pools.rdbms.default.connection.driver";
	AUTO(buf_free) struct buf err = BUF_INIT(1024);

	if (store_load((enum store_driver)r->driver, &err) < 0)
		conf_error_at(e, root, key, "%s", buf_cstr(&err));
}

void conf_rdbms_check(const struct conf *c, const struct toml_table *root,
		      struct conf_errors *e)
{
	check_methods(c, &c->auth, "", root, e);
	for (size_t i = 0; i < c->n_host_configs; i++)
		if (c->host_configs[i].has_auth)
			check_methods(c, &c->host_configs[i].auth,
				      arena_printf(e->arena, "host_config[%zu].", i + 1),
				      root, e);
	if (c->has_rdbms)
		check_library(&c->rdbms, root, e);
	if (c->has_rdbms && c->rdbms.has_tls)
		check_tls(&c->rdbms, root, e);
}

/* --- for the store --- */

static const char *dup(struct arena *a, struct strv s)
{
	return s.p ? arena_cstr(a, s) : NULL;
}

static unsigned port_of(const struct conf_rdbms *r)
{
	if (r->port != CONF_UNSET)
		return (unsigned)r->port;
	return r->driver == STORE_MYSQL ? 3306 : r->driver == STORE_PGSQL ? 5432 : 26257;
}

static const char *dup_text(struct arena *a, const char *s)
{
	return s ? dup(a, strv_from(s)) : NULL;
}

static void set_tls(const struct conf_client_tls *t, struct arena *a,
		    struct store_tls *ret)
{
	struct tls_client_options o = conf_pool_tls_options(t);

	o.cacertfile = dup_text(a, o.cacertfile);
	o.certfile = dup_text(a, o.certfile);
	o.keyfile = dup_text(a, o.keyfile);
	o.password = dup_text(a, o.password);
	o.ciphers = dup_text(a, o.ciphers);
	o.name = dup_text(a, o.name);
	*ret = (struct store_tls){ .on = true, .required = t->required, .options = o };
}

void conf_store_conf(const struct conf *c, struct arena *a, struct store_conf *ret)
{
	const struct conf_rdbms *r = &c->rdbms;
	struct store_sql *sql;

	*ret = (struct store_conf){ .path = dup(a, c->store.path) };
	if (!c->has_rdbms)
		return;
	sql = ARENA_NEW(a, struct store_sql);
	*sql = (struct store_sql){
		.driver = (enum store_driver)r->driver,
		.host = dup(a, r->host),
		.port = port_of(r),
		.database = dup(a, r->database),
		.username = dup(a, r->username),
		.password = dup(a, r->password),
		.readers = conf_pool_dispatch(&r->pool),
		.query_timeout_ms = r->query_timeout_ms,
		.call_timeout_ms = r->pool.call_timeout_ms,
		.keepalive_ms = r->keepalive_s == CONF_UNSET ? 0 : r->keepalive_s * 1000,
		.max_start_ms = r->max_start_s * 1000,
	};
	if (r->has_tls)
		set_tls(&r->tls, a, &sql->tls);
	ret->sql = sql;
	ret->path = arena_printf(a, "%s at %s:%u", sql->database, sql->host, sql->port);
}

/* --- for a reload --- */

static bool same_tls(const struct conf_client_tls *a, const struct conf_client_tls *b)
{
	return a->required == b->required && a->verify == b->verify &&
	       a->check_name == b->check_name && a->with_globs == b->with_globs &&
	       strv_eq(a->certfile, b->certfile) && strv_eq(a->keyfile, b->keyfile) &&
	       strv_eq(a->cacertfile, b->cacertfile) &&
	       strv_eq(a->password, b->password) && strv_eq(a->ciphers, b->ciphers) &&
	       strv_eq(a->name, b->name) && a->n_versions == b->n_versions &&
	       memcmp(a->versions, b->versions, a->n_versions * sizeof(*a->versions)) ==
		       0;
}

bool conf_same_rdbms(const struct conf *x, const struct conf *y)
{
	const struct conf_rdbms *a = &x->rdbms, *b = &y->rdbms;

	if (x->has_rdbms != y->has_rdbms)
		return false;
	if (!x->has_rdbms)
		return true;
	return a->driver == b->driver && strv_eq(a->host, b->host) &&
	       a->port == b->port && strv_eq(a->database, b->database) &&
	       strv_eq(a->username, b->username) && strv_eq(a->password, b->password) &&
	       a->pool.workers == b->pool.workers &&
	       a->pool.strategy == b->pool.strategy &&
	       a->pool.max_queue == b->pool.max_queue &&
	       a->pool.call_timeout_ms == b->pool.call_timeout_ms &&
	       a->query_timeout_ms == b->query_timeout_ms &&
	       a->keepalive_s == b->keepalive_s && a->max_start_s == b->max_start_s &&
	       a->has_tls == b->has_tls && (!a->has_tls || same_tls(&a->tls, &b->tls));
}
