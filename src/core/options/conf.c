#include "core/options/conf.h"
#include "core/module.h"
#include "core/options/access.h"
#include "core/options/conf_priv.h"
#include "io/tls.h"
#include "xmpp/sasl/sasl.h"

#include <stdio.h>

/* What a first start without any file is configured with. */
static const char defaults[] = "general.hosts = [\"localhost\"]\n"
			       "general.default_server_domain = \"localhost\"\n"
			       "general.loglevel = \"notice\"\n"
			       "[[listen.c2s]]\n"
			       "port = 5222\n"
			       "tls.certfile = \"" CONF_DEFAULT_CERT "\"\n";

/* --- what shows only when sections are read together --- */

static const char *const *host_names(const struct conf *c)
{
	size_t n = c->general.n_hosts;
	const char **names = ARENA_ARRAY(c->arena, const char *, n + 1);

	for (size_t i = 0; i < n; i++)
		names[i] = c->general.hosts[i].p;
	return names;
}

static void check_hosts(struct conf *c, const struct toml_table *root,
			struct conf_errors *e)
{
	if (c->general.n_hosts == 0)
		conf_error_at(e, root, "general.hosts", "expected at least one domain");
	for (size_t i = 0; i < c->general.n_hosts; i++)
		if (strv_eq(c->general.hosts[i], c->general.default_server_domain))
			return;
	if (c->general.n_hosts && c->general.default_server_domain.p)
		conf_error_name_at(e, root, "general.default_server_domain",
				   "one of general.hosts",
				   c->general.default_server_domain, host_names(c));
}

static void check_host_configs(struct conf *c, const struct toml_table *root,
			       struct conf_errors *e)
{
	char key[64];

	for (size_t i = 0; i < c->n_host_configs; i++) {
		struct strv host = c->host_configs[i].host;
		size_t k = 0;

		snprintf(key, sizeof(key), "host_config[%zu].host", i + 1);
		while (k < c->general.n_hosts && !strv_eq(c->general.hosts[k], host))
			k++;
		if (k == c->general.n_hosts)
			conf_error_name_at(e, root, key, "one of general.hosts", host,
					   host_names(c));
		for (k = 0; k < i && !strv_eq(c->host_configs[k].host, host);)
			k++;
		if (k < i)
			conf_error_at(e, root, key,
				      "host_config[%zu] is about this domain", k + 1);
	}
}

const struct conf_host *conf_host_find(const struct conf *c, struct strv domain)
{
	for (size_t i = 0; i < c->n_host_configs; i++)
		if (strv_eq(c->host_configs[i].host, domain))
			return &c->host_configs[i];
	return NULL;
}

const struct conf_auth *conf_auth_of(const struct conf *c, struct strv domain)
{
	const struct conf_host *own = conf_host_find(c, domain);

	return own && own->has_auth ? &own->auth : &c->auth;
}

static void check_listener(struct conf *c, size_t i, const struct toml_table *root,
			   struct conf_errors *e)
{
	const struct conf_listener *l = &c->c2s[i];
	char key[64];

	snprintf(key, sizeof(key), "listen.c2s[%zu].access", i + 1);
	if (!access_has_rule(c, l->access))
		conf_error_name_at(e, root, key, "a rule of [access]", l->access,
				   access_rule_names(c));
	snprintf(key, sizeof(key), "listen.c2s[%zu].port", i + 1);
	if (l->port == 5223 && !l->has_tls)
		conf_warning_at(e, root, key,
				"plain text on the port of Direct TLS; "
				"tls.mode = \"tls\" makes it that");
}

static const struct toml_array *find_array(const struct toml_table *t, const char *key)
{
	const struct toml_value *v = t ? toml_get(t, key) : NULL;

	return v && v->type == TOML_ARRAY ? v->array : NULL;
}

static const struct toml_table *find_table(const struct toml_table *t, const char *key)
{
	const struct toml_value *v = t ? toml_get(t, key) : NULL;

	return v && v->type == TOML_TABLE ? v->table : NULL;
}

static bool has_method(const struct toml_table *auth, struct strv method)
{
	const struct toml_array *a = find_array(auth, "methods");

	for (size_t i = 0; a && i < a->n; i++)
		if (strv_eq(a->v[i].str, method))
			return true;
	if (a || auth == NULL)
		return a == NULL && strv_is(method, "internal");
	return toml_find(auth, method) ||
	       (strv_is(method, "internal") && !conf_has_method_section(auth));
}

/* [auth], or that of the i-th [[host_config]]; NULL: there is none. */
static const struct toml_table *find_auth(const struct toml_table *root, ptrdiff_t i)
{
	if (i >= 0)
		root = find_array(root, "host_config")->v[i].table;
	return find_table(root, "auth");
}

/* Does some domain have this method, be it one that is not supported here? */
static bool is_configured(const struct toml_table *root, struct strv method)
{
	const struct toml_array *own = find_array(root, "host_config");

	if (has_method(find_table(root, "auth"), method))
		return true;
	for (size_t i = 0; own && i < own->n; i++) {
		const struct toml_table *auth = find_table(own->v[i].table, "auth");
		if (auth && has_method(auth, method))
			return true;
	}
	return false;
}

static void settle_auth_methods(struct conf *c, size_t i, const struct toml_table *root,
				struct conf_errors *e)
{
	const struct toml_array *all = find_array(find_table(root, "listen"), "c2s");
	const struct toml_array *a = find_array(all->v[i].table, "allowed_auth_methods");
	struct conf_listener *l = &c->c2s[i];
	char key[96];

	l->auth_methods = a ? 0 : ~0u;
	for (size_t k = 0; k < l->n_allowed_auth_methods; k++)
		l->auth_methods |= 1u << l->allowed_auth_methods[k];
	for (size_t k = 0; a && k < a->n; k++) {
		if (is_configured(root, a->v[k].str))
			continue;
		snprintf(key, sizeof(key), "listen.c2s[%zu].allowed_auth_methods[%zu]",
			 i + 1, k + 1);
		conf_error_at(e, root, key,
			      "expected one of auth.methods, found \"" STRV_FMT "\"",
			      STRV_ARG(a->v[k].str));
	}
}

static bool is_served(const struct conf_auth *a, int64_t m, unsigned served)
{
	if (!(served & (1u << m)))
		return false;
	return m == SASL_PLAIN || m == SASL_EXTERNAL || m == SASL_ANONYMOUS ||
	       (a->hashes & (1u << sasl_mech_alg((enum sasl_mech)m)));
}

static void settle_auth(struct conf_auth *a, const char *section,
			const struct toml_table *root, struct conf_errors *e)
{
	unsigned served = a->n_methods ? 0 : ~0u;
	char key[96];

	snprintf(key, sizeof(key), "%sauth.methods", section);
	if (a->n_methods == 0)
		conf_error_at(e, root, key, "expected at least one: nobody could log in");
	for (size_t i = 0; i < a->n_methods; i++)
		a->method_set |= 1u << a->methods[i];
	for (size_t i = 0; i < a->n_methods; i++)
		served |= conf_method_mechanisms(a, (enum auth_method)a->methods[i]);
	for (size_t i = 0; i < a->n_hash; i++)
		a->hashes |= 1u << a->hash[i];
	a->store_plain = a->password_format == 1;
	a->scram_iterations = (uint32_t)a->iterations;
	for (size_t i = 0;
	     i < (a->n_sasl_mechanisms ? a->n_sasl_mechanisms : SASL_MECH_MAX); i++) {
		int64_t m = a->n_sasl_mechanisms ? a->sasl_mechanisms[i] : (int64_t)i;
		if (!is_served(a, m, served) ||
		    (m == SASL_EXTERNAL && !a->n_sasl_mechanisms))
			continue;
		a->order[a->n_order++] = (uint8_t)m;
		a->mechanisms |= 1u << m;
	}
	snprintf(key, sizeof(key), "%sauth.sasl_mechanisms", section);
	if (a->n_order == 0)
		conf_error_at(
			e, root, key,
			a->method_set == 1u << AUTH_PKI
				? "\"pki\" serves none but \"external\""
			: a->method_set == 1u << AUTH_ANONYMOUS
				? "\"anonymous\" serves \"anonymous\" (sasl_anon) and "
				  "\"plain\" (login_anon)"
				: "none of these can be served with %sauth.password.hash",
			section);
}

/* Modules that are not the configuration's to switch, and the defaults where it is silent. */
static void settle_modules(struct arena *a, void ***modules)
{
	bool is_given = *modules != NULL;
	size_t n = 0;

	while (all_modules[n])
		n++;
	if (!is_given)
		*modules = ARENA_ARRAY(a, void *, n);
	for (size_t i = 0; i < n; i++) {
		const struct module *m = all_modules[i];
		bool on = m->always || (!is_given && m->on_by_default);
		if ((*modules)[i] || !on)
			continue;
		(*modules)[i] = arena_zalloc(a, MAX(m->conf_size, (size_t)1));
		if (m->options)
			conf_defaults(a, m->options, (*modules)[i]);
	}
}

static void settle_hosts(struct conf *c, const struct toml_table *root,
			 struct conf_errors *e)
{
	char section[64];

	for (size_t i = 0; i < c->n_host_configs; i++) {
		struct conf_host *own = &c->host_configs[i];

		snprintf(section, sizeof(section), "host_config[%zu].", i + 1);
		if (own->has_auth)
			conf_settle_methods(&own->auth, find_auth(root, (ptrdiff_t)i),
					    c->arena);
		if (own->has_auth)
			settle_auth(&own->auth, section, root, e);
		if (own->has_auth)
			methods_make(c, &own->auth, section, root, e);
		if (own->modules)
			settle_modules(c->arena, &own->modules);
	}
}

static void check_all(struct conf *c, const struct toml_table *root,
		      struct conf_errors *e)
{
	check_hosts(c, root, e);
	check_host_configs(c, root, e);
	access_check(c, root, e);
	shaper_check(c, root, e);
	if (c->n_c2s == 0)
		conf_error_at(e, root, "listen.c2s", "expected at least one listener");
	for (size_t i = 0; i < c->n_c2s; i++) {
		check_listener(c, i, root, e);
		conf_settle_address(c, i, root, e);
		conf_settle_proxy(c, i, root, e);
		settle_auth_methods(c, i, root, e);
		conf_settle_tls(c, i, root, e);
		conf_build_tls(c, i, root, e);
	}
	conf_settle_methods(&c->auth, find_auth(root, -1), c->arena);
	settle_auth(&c->auth, "", root, e);
	methods_make(c, &c->auth, "", root, e);
	settle_modules(c->arena, &c->modules);
	settle_hosts(c, root, e);
	conf_rdbms_check(c, root, e);
	if (e->n_errors == 0)
		access_warn(c, root, e);
	for (size_t i = 0; i < c->n_c2s && e->n_errors == 0; i++)
		conf_warn_tls(c, i, root, e);
	if (e->n_errors == 0)
		conf_warn_external(c, root, e);
	if (e->n_errors == 0)
		conf_warn_anonymous(c, root, e);
	if (e->n_errors == 0)
		conf_warn_register(c, root, e);
}

/* --- loading --- */

static int read_tree(struct conf *c, const char *file, struct toml_table **root,
		     struct conf_errors *e)
{
	struct toml_error err;
	int r = 0;

	if (c->text.p == NULL && file == NULL)
		c->text = strv_from(defaults);
	else if (c->text.p == NULL)
		r = toml_read_text(c->arena, file, &c->text, &err);
	r = r ? r : toml_parse(c->arena, c->text, root, &err);
	if (r < 0)
		conf_error_add_toml(e, &err);
	return r;
}

static void load(struct conf *c, const char *file, struct conf_errors *e)
{
	struct toml_table *root;

	if (read_tree(c, file, &root, e) < 0)
		return;
	if (conf_read_root(c->arena, root, conf_root_options(c->arena), c, e) < 0)
		return;
	check_all(c, root, e);
}

/* `text`: what the file says; p == NULL: it is read. */
static int load_text(const char *file, struct strv text, struct conf **ret,
		     struct buf *errors)
{
	struct conf *c = MEM_NEW(struct conf);
	struct conf_errors e;
	int r;

	c->arena = arena_new(16384);
	c->refs = 1;
	if (text.p)
		c->text = arena_strv(c->arena, text);
	e = CONF_ERRORS_INIT(c->arena,
			     file ? arena_cstr(c->arena, strv_from(file)) : NULL);
	load(c, file, &e);
	conf_errors_write(&e, errors);
	r = e.n_errors ? -EINVAL : hosts_build(c, errors);
	if (r < 0) {
		conf_unref(&c);
		return r;
	}
	c->file = e.file;
	*ret = c;
	return 0;
}

int conf_load(const char *file, struct conf **ret, struct buf *errors)
{
	return load_text(file, (struct strv){ 0 }, ret, errors);
}

int conf_refresh(const struct conf *old, struct conf **ret, struct buf *errors)
{
	return load_text(old->file, old->text, ret, errors);
}

struct conf *conf_ref(struct conf *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void conf_unref(struct conf **pc)
{
	struct conf *c = *pc;

	*pc = NULL;
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	for (size_t i = 0; i < c->n_c2s; i++)
		if (c->c2s[i].tls_ctx)
			tls_ctx_unref(&c->c2s[i].tls_ctx);
	conf_free_methods(c);
	access_free(c);
	arena_free_wiped(&c->arena); /* passwords, and the file's text */
	mem_free(c);
}

void conf_write_docs(struct buf *b)
{
	static const char intro[] =
		"# Configuration\n"
		"\n"
		"One file in TOML 1.0, with MongooseIM's names; `meerkat check -c FILE` lists all that "
		"is wrong with it, each with its place. An option that nobody knows is an error; one "
		"that MongooseIM knows and Meerkat does not support is a warning, and so are access "
		"rules and classes that nothing uses, and clauses that fit nobody who is left.\n"
		"\n"
		"This page is written by `make docs` from the tables that the server reads its "
		"configuration with.\n"
		"\n";
	AUTO(arena_free) struct arena *a = arena_new(16384);

	buf_put(b, strv_from(intro));
	conf_doc(conf_root_options(a), "", b);
}
