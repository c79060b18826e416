/* The methods of authentication that ask somebody else: their sections, the pools of connections
 * that they use, and the backends that are made of both. */
#include "auth/external.h"
#include "auth/http.h"
#include "auth/web_token.h"
#include "core/options/conf_priv.h"

#include <stdio.h>

/* --- [auth.METHOD] --- */

const struct conf_option conf_program_options[] = {
	CONF_STRING(
		"program", struct conf_program, program, NULL,
		"The program that is asked, a path, with arguments behind it if need be. It "
		"reads questions from its standard input and answers on its standard output, "
		"each with its length in two bytes before it.",
		.mandatory = true, .has_range = true, .min = 1, .max = 4096),
	CONF_INT("instances", struct conf_program, instances, "1", 1, 256,
		 "How many of it run, and answer at the same time."),
	{ 0 },
};

static void check_secret(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct conf_jwt *jwt = dst;

	if (!!jwt->file.p + !!jwt->env.p + !!jwt->value.p != 1)
		conf_complain_expected(c, "exactly one of `file`, `env` and `value`");
}

static const struct conf_option jwt_secret[] = {
	/* a key that stands where its file should is not shown, either */
	CONF_FILE("file", struct conf_jwt, file, NULL,
		  "A file with the key, read with the configuration and after a change.",
		  .secret = true),
	CONF_STRING("env", struct conf_jwt, env, NULL,
		    "An environment variable with the key, read for each token.",
		    .has_range = true, .min = 1, .max = 256, .secret = true),
	CONF_STRING("value", struct conf_jwt, value, NULL, "The key itself.",
		    .secret = true, .has_range = true, .min = 1, .max = 65536),
	{ 0 },
};

const struct conf_option conf_jwt_options[] = {
	CONF_SAME_TABLE(
		"secret", jwt_secret,
		"What signatures are verified with: the secret of HS algorithms, a "
		"public key in PEM for RS and ES.",
		.check = check_secret, .mandatory = true),
	CONF_STRING(
		"algorithm", struct conf_jwt, algorithm, NULL,
		"The algorithm of the signature; a token with another one is refused. "
		"386, as MongooseIM spells it, means 384.",
		.mandatory = true,
		.words = CONF_WORDS({ "HS256" }, { "HS384" }, { "HS386" }, { "HS512" },
				    { "RS256" }, { "RS384" }, { "RS386" }, { "RS512" },
				    { "ES256" }, { "ES384" }, { "ES386" }, { "ES512" })),
	CONF_STRING("username_key", struct conf_jwt, username_key, NULL,
		    "The claim that holds the user's name.", .mandatory = true,
		    .has_range = true, .min = 1, .max = 256),
	{ 0 },
};

const struct conf_option conf_http_auth_options[] = {
	CONF_STRING("basic_auth", struct conf_http_auth, basic_auth, NULL,
		    "`user:password` with which the service knows us.", .secret = true),
	{ 0 },
};

const struct conf_option conf_dummy_options[] = {
	CONF_INT("base_time", struct conf_dummy, base_time_ms, "50", 0, 600000,
		 "Each login takes so long ...", .unit = "ms"),
	CONF_INT("variance", struct conf_dummy, variance_ms, "450", 0, 600000,
		 "... and up to so much longer.", .unit = "ms"),
	{ 0 },
};

/* --- [outgoing_pools] --- */

static void check_host(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct strv *host = dst;
	struct strv rest = strv_starts(*host, STRV("https://"))	 ? strv_from_pos(*host, 8)
			   : strv_starts(*host, STRV("http://")) ? strv_from_pos(*host, 7)
								 : STRV("");

	if (strv_find(*host, '@') >= 0) /* it is logged when the service is down */
		conf_complain(c, "the user and password of the service belong into "
				 "auth.http.basic_auth");
	else if (strv_find(*host, '?') >= 0) /* it may hold a key */
		conf_complain(c,
			      "expected \"http[s]://HOST[:PORT]\", found a query, too");
	else if (rest.n == 0 || strv_find(rest, '/') >= 0 || strv_find(rest, '#') >= 0 ||
		 strv_find(rest, ' ') >= 0)
		conf_complain_expected(c, "\"http[s]://HOST[:PORT]\"");
}

/* It is sent as it stands. */
static void check_prefix(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct strv *prefix = dst;

	for (size_t i = 0; i < prefix->n; i++) {
		unsigned char ch = (unsigned char)prefix->p[i];

		if (ch <= ' ' || ch == 0x7f || ch == '?' || ch == '#') {
			conf_complain_expected(c, "a path without blanks, ? and #");
			return;
		}
	}
}

static const struct conf_option http_connection[] = {
	CONF_STRING("host", struct conf_http_pool, host, NULL, "The service.",
		    .mandatory = true, .allowed = "\"http[s]://HOST[:PORT]\"",
		    .check = check_host),
	CONF_STRING("path_prefix", struct conf_http_pool, path_prefix, "\"/\"",
		    "Stands before the path of each request.", .has_range = true,
		    .min = 0, .max = 1024, .check = check_prefix),
	CONF_INT("request_timeout", struct conf_http_pool, request_timeout_ms, "2000", 1,
		 600000, "How long a request may take.", .unit = "ms"),
	CONF_TABLE("tls", struct conf_http_pool, tls, conf_http_tls, "For `https`."),
	{ 0 },
};

static const struct conf_option http_pool[] = {
	CONF_INT("workers", struct conf_http_pool, pool.workers, "10", 1, 256,
		 "How many requests are under way at the same time."),
	CONF_INT("call_timeout", struct conf_http_pool, pool.call_timeout_ms, "5000", 1,
		 600000, "How long one may wait and take in all.", .unit = "ms"),
	CONF_POOL_STRATEGY(struct conf_http_pool),
	CONF_POOL_QUEUE(struct conf_http_pool),
	CONF_POOL_SCOPE(struct conf_http_pool),
	CONF_SAME_TABLE("connection", http_connection, "The service.", .mandatory = true),
	{ 0 },
};

static void check_http_pool(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct conf_http_pool *p = dst;

	conf_pool_check(c, &p->pool);
}

static const struct conf_option any_http_pool =
	CONF_SAME_TABLE("*", http_pool, "A pool; `auth` is that of the method `http`.",
			.check = check_http_pool);

const struct conf_option conf_pool_options[] = {
	CONF_MAP("http", struct conf, http_pools, tag, &any_http_pool,
		 "Connections to HTTP services."),
	CONF_SAME_TABLE("rdbms", conf_rdbms_pools,
			"Database servers. There is one, named `default`."),
	CONF_MAP("ldap", struct conf, ldap_pools, tag, &conf_any_ldap_pool,
		 "Connections to directories."),
	CONF_UNSUPPORTED("redis"),
	CONF_UNSUPPORTED("cassandra"),
	CONF_UNSUPPORTED("elastic"),
	CONF_UNSUPPORTED("rabbit"),
	{ 0 },
};

/* --- the backends --- */

static void make_external(struct conf_auth *a)
{
	struct auth_external_conf conf = {
		.program = a->program.program.p,
		.instances = (unsigned)a->program.instances,
		.timeout_ms = AUTH_EXTERNAL_TIMEOUT_MS,
	};

	a->backends[AUTH_EXTERNAL] = auth_external_new(&conf);
}

static void make_jwt(struct conf *c, struct conf_auth *a, const char *key,
		     const struct toml_table *root, struct conf_errors *e)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	const struct conf_jwt *jwt = &a->jwt;
	struct auth_jwt_conf conf = {
		.kind = jwt->file.p  ? AUTH_JWT_FILE
			: jwt->env.p ? AUTH_JWT_ENV
				     : AUTH_JWT_VALUE,
		.key = jwt->file.p  ? jwt->file.p
		       : jwt->env.p ? jwt->env.p
				    : jwt->value.p,
		.algorithm = jwt->algorithm.p,
		.username_key = jwt->username_key.p,
	};

	conf_watch_file(c, jwt->file);
	if (auth_jwt_new(&conf, &a->backends[AUTH_JWT], &err) < 0)
		conf_error_at(e, root, key, "%s", buf_cstr(&err));
	else if (err.n)
		conf_warning_at(e, root, key, "%s", buf_cstr(&err));
}

/* --- pools that several sections share --- */

static bool asks_the_same(enum auth_method m, const struct conf_auth *a,
			  const struct conf_auth *b)
{
	return m != AUTH_LDAP || (strv_eq(a->ldap.pool_tag, b->ldap.pool_tag) &&
				  strv_eq(a->ldap.bind_pool_tag, b->ldap.bind_pool_tag));
}

struct auth_backend *methods_first(const struct conf *c, const struct conf_auth *a,
				   enum auth_method m)
{
	if (c->auth.backends[m] && asks_the_same(m, a, &c->auth))
		return c->auth.backends[m];
	for (size_t i = 0; i < c->n_host_configs; i++) {
		const struct conf_auth *b = &c->host_configs[i].auth;
		if (b->backends[m] && !b->backends[m]->shares && asks_the_same(m, a, b))
			return b->backends[m];
	}
	return NULL;
}

static const struct conf_http_pool *find_pool(const struct conf *c)
{
	for (size_t i = 0; i < c->n_http_pools; i++)
		if (strv_is(c->http_pools[i].tag, "auth"))
			return &c->http_pools[i];
	return NULL;
}

static bool has_http_tls(const struct toml_table *root)
{
	static const char *const path[] = { "outgoing_pools", "http", "auth",
					    "connection", "tls" };
	const struct toml_value *v = NULL;

	for (size_t i = 0; i < ARRAY_LEN(path); i++) {
		v = toml_get(i ? v->table : root, path[i]);
		if (v == NULL || v->type != TOML_TABLE)
			return false;
	}
	return true;
}

/* NULL: that is said. */
static struct tls_client *make_http_tls(struct conf *c, const struct conf_http_pool *p,
					const struct toml_table *root,
					struct conf_errors *e)
{
	static const char section[] = "outgoing_pools.http.auth.connection.tls";

	if (!strv_starts(p->host, STRV("https://")) && has_http_tls(root)) {
		conf_error_at(e, root, section,
			      "connection.host is not of https: there is no TLS");
		return NULL;
	}
	conf_watch_pool_tls(c, &p->tls);
	return conf_pool_tls(&p->tls, section, root, e);
}

static void make_http(struct conf *c, struct conf_auth *a, const char *key,
		      const struct toml_table *root, struct conf_errors *e)
{
	const struct conf_http_pool *p = find_pool(c);
	AUTO(buf_free) struct buf err = BUF_INIT(1024);
	struct auth_backend *first;
	struct auth_http_conf conf;
	struct tls_client *tls;

	if (p == NULL) {
		conf_error_at(e, root, key,
			      "the method http needs a section outgoing_pools.http.auth");
		return;
	}
	if (auth_http_load(&err) < 0) {
		conf_error_at(e, root, key, "%s", buf_cstr(&err));
		return;
	}
	tls = make_http_tls(c, p, root, e);
	if (tls == NULL)
		return;
	conf = (struct auth_http_conf){
		.host = p->host.p,
		.path_prefix = p->path_prefix.p,
		.basic_auth = a->http.basic_auth.p,
		.tls = tls,
		.workers = conf_pool_dispatch(&p->pool),
		.request_timeout_ms = (int)p->request_timeout_ms,
		.call_timeout_ms = (int)p->pool.call_timeout_ms,
	};
	first = p->pool.scope == CONF_SCOPE_GLOBAL ? methods_first(c, a, AUTH_HTTP)
						   : NULL;
	a->backends[AUTH_HTTP] = auth_http_new(&conf);
	a->backends[AUTH_HTTP]->shares = first;
}

static bool uses(const struct conf_auth *a, enum auth_method m)
{
	return a->method_set & (1u << m);
}

/* A method whose section has options that cannot be guessed. */
static bool is_complete(const struct conf_auth *a, enum auth_method m, bool has,
			const char *name, const char *section,
			const struct toml_table *root, struct conf_errors *e)
{
	char key[96];

	if (!uses(a, m) || has)
		return uses(a, m);
	snprintf(key, sizeof(key), "%sauth.methods", section);
	conf_error_at(e, root, key, "the method %s needs a section %sauth.%s", name,
		      section, name);
	return false;
}

/* Of half a configuration nothing is made. */
void methods_make(struct conf *c, struct conf_auth *a, const char *section,
		  const struct toml_table *root, struct conf_errors *e)
{
	char key[96];

	snprintf(key, sizeof(key), "%sauth.", section);
	if (is_complete(a, AUTH_EXTERNAL, a->has_program, "external", section, root, e) &&
	    !e->n_errors)
		make_external(a);
	snprintf(key, sizeof(key), "%sauth.jwt.secret", section);
	if (is_complete(a, AUTH_JWT, a->has_jwt, "jwt", section, root, e) && !e->n_errors)
		make_jwt(c, a, key, root, e);
	snprintf(key, sizeof(key), "%sauth.http", section);
	if (uses(a, AUTH_HTTP) && !e->n_errors)
		make_http(c, a, key, root, e);
	snprintf(key, sizeof(key), "%sauth.ldap", section);
	if (is_complete(a, AUTH_LDAP, a->has_ldap, "ldap", section, root, e) &&
	    !e->n_errors)
		methods_make_ldap(c, a, key, root, e);
	snprintf(key, sizeof(key), "%sauth.methods", section);
	if (uses(a, AUTH_DUMMY))
		conf_warning_at(
			e, root, key,
			"the method dummy takes any password of anybody: it is for "
			"load tests, and for nothing else");
}

/* --- their life --- */

static void each(struct conf_auth *a, void (*fn)(struct auth_backend **b))
{
	for (int m = 0; m < AUTH_METHOD_MAX; m++)
		if (a->backends[m])
			fn(&a->backends[m]);
}

static void each_of_all(struct conf *c, void (*fn)(struct auth_backend **b))
{
	each(&c->auth, fn);
	for (size_t i = 0; i < c->n_host_configs; i++)
		each(&c->host_configs[i].auth, fn);
}

static void start(struct auth_backend **b)
{
	auth_backend_start(*b);
}

static void drain(struct auth_backend **b)
{
	auth_backend_stop(*b, false);
}

static void end(struct auth_backend **b)
{
	auth_backend_stop(*b, true);
}

static void hurry(struct auth_backend **b)
{
	auth_backend_hurry(*b);
}

static unsigned threads_of(const struct conf_auth *a)
{
	unsigned n = 0;

	for (int m = 0; m < AUTH_METHOD_MAX; m++)
		if (a->backends[m] && !a->backends[m]->shares)
			n += a->backends[m]->threads.n_workers;
	return n;
}

static unsigned n_backend_threads(const struct conf *c)
{
	unsigned n = threads_of(&c->auth);

	for (size_t i = 0; i < c->n_host_configs; i++)
		n += threads_of(&c->host_configs[i].auth);
	return n;
}

bool conf_has_backends(const struct conf *c)
{
	return n_backend_threads(c) > 0;
}

unsigned conf_n_asking_threads(const struct conf *c)
{
	return n_backend_threads(c) + 1 +
	       (c->has_rdbms ? (unsigned)c->rdbms.pool.workers : 1);
}

void conf_start(struct conf *c)
{
	each_of_all(c, start);
}

void conf_stop(struct conf *c, bool at_once)
{
	if (at_once)
		conf_hurry(c); /* all of them, before the first is waited for */
	each_of_all(c, at_once ? end : drain);
}

void conf_hurry(struct conf *c)
{
	each_of_all(c, hurry);
}

void conf_free_methods(struct conf *c)
{
	each_of_all(c,
		    drain); /* before one of those whose threads others share is freed */
	each_of_all(c, auth_backend_free);
}
