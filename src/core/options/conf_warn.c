/* What is not wrong in a configuration, but cannot be meant: rules and classes that nothing uses,
 * clauses that nobody gets to. */
#include "core/module.h"
#include "core/options/access.h"
#include "core/options/conf_priv.h"

#include <stdio.h>

struct warn {
	const struct conf *c;
	const struct toml_table *root;
	struct conf_errors *e;
	const struct conf_host *own; /* whose section it is; NULL: those of all domains */
	char section[64];	     /* what stands before its names: "host_config[2]." */
};

/* --- classes --- */

static bool is_hosted(const struct conf *c, struct strv domain)
{
	for (size_t i = 0; i < c->general.n_hosts; i++)
		if (strv_eq(c->general.hosts[i], domain))
			return true;
	return false;
}

/* The place of a pattern's server that cannot be any user's. */
static bool has_foreign_server(const struct conf *c, const struct acl_pattern *p)
{
	return p->match != MATCH_ALL && p->server.p && !is_hosted(c, p->server);
}

static bool pattern_fits_all(const struct acl_pattern *p)
{
	return p->match == MATCH_ALL && !p->user.p && !p->server.p && !p->resource.p &&
	       !p->user_glob.p && !p->server_glob.p && !p->resource_glob.p &&
	       !p->user_regexp.p && !p->server_regexp.p && !p->resource_regexp.p;
}

static bool acl_fits_all(const struct acl *acl)
{
	for (size_t i = 0; acl && i < acl->n_patterns; i++)
		if (pattern_fits_all(&acl->patterns[i]))
			return true;
	return false;
}

static bool acl_fits_nobody(const struct conf *c, const struct acl *acl)
{
	for (size_t i = 0; acl && i < acl->n_patterns; i++)
		if (acl->patterns[i].match != MATCH_NONE &&
		    !has_foreign_server(c, &acl->patterns[i]))
			return false;
	return true;
}

static bool fits_all(const struct warn *w, struct strv name)
{
	const struct conf *c = w->c;

	return strv_is(name, "all") ||
	       acl_fits_all(access_find_acl(c->acls, c->n_acls, name)) ||
	       (w->own &&
		acl_fits_all(access_find_acl(w->own->acls, w->own->n_acls, name)));
}

/* A class is what all domains have of it, and more in some. */
static bool fits_nobody(const struct warn *w, struct strv name)
{
	const struct conf *c = w->c;

	if (strv_is(name, "all") ||
	    !acl_fits_nobody(c, access_find_acl(c->acls, c->n_acls, name)))
		return false;
	for (size_t i = 0; i < c->n_host_configs; i++) {
		const struct conf_host *h = &c->host_configs[i];

		if (w->own && w->own != h)
			continue;
		if (!acl_fits_nobody(c, access_find_acl(h->acls, h->n_acls, name)))
			return false;
	}
	return true;
}

static bool rules_name_acl(const struct access_rule *rules, size_t n, struct strv acl)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < rules[i].n_clauses; k++)
			if (strv_eq(rules[i].clauses[k].acl, acl))
				return true;
	return false;
}

static bool acl_is_used(const struct warn *w, struct strv name)
{
	const struct conf *c = w->c;

	if (rules_name_acl(c->rules, c->n_rules, name))
		return true;
	for (size_t i = 0; i < c->n_host_configs; i++) {
		const struct conf_host *h = &c->host_configs[i];

		if ((w->own == NULL || w->own == h) &&
		    rules_name_acl(h->rules, h->n_rules, name))
			return true;
	}
	return false;
}

/* "host_config[2].acl.staff" */
static const char *key_of(const struct warn *w, const char *part, struct strv name)
{
	struct arena *a = w->e->arena;

	return arena_printf(a, "%s%s.%s", w->section, part, conf_key(a, name));
}

static void warn_of_acls(const struct warn *w, const struct acl *acls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *key = key_of(w, "acl", acls[i].name);

		if (!acl_is_used(w, acls[i].name))
			conf_warning_at(w->e, w->root, key, "no rule uses this class");
		for (size_t k = 0; k < acls[i].n_patterns; k++) {
			const struct acl_pattern *p = &acls[i].patterns[k];

			if (!has_foreign_server(w->c, p))
				continue;
			conf_warning_at(w->e, w->root,
					arena_printf(w->e->arena, "%s[%zu].server", key,
						     k + 1),
					"fits nobody: \"" STRV_FMT
					"\" is none of general.hosts",
					STRV_ARG(p->server));
		}
	}
}

/* --- clauses --- */

/* The first of the clauses before `end` behind which nobody is left whom `acl` fits. */
static size_t find_cover(const struct warn *w, const struct access_rule *r, size_t end,
			 struct strv acl)
{
	for (size_t i = 0; i < end; i++)
		if (fits_all(w, r->clauses[i].acl) || strv_eq(r->clauses[i].acl, acl))
			return i;
	return end;
}

/* Of a domain's rule: the clauses of all domains come first. */
static bool warn_of_covered(const struct warn *w, const struct access_rule *r, size_t i,
			    const char *key)
{
	const struct conf *c = w->c;
	struct strv acl = r->clauses[i].acl;
	const struct access_rule *first =
		w->own ? access_find_rule(c->rules, c->n_rules, r->name) : NULL;
	size_t n = first ? first->n_clauses - access_ends_with_allow_all(first) : 0, at;

	if (first && (at = find_cover(w, first, n, acl)) < n) {
		conf_warning_at(w->e, w->root, key,
				"has no effect: access.%s[%zu] comes before it",
				conf_key(w->e->arena, r->name), at + 1);
		return true;
	}
	at = find_cover(w, r, i, acl);
	if (at == i)
		return false;
	conf_warning_at(w->e, w->root, key, "has no effect: %s[%zu] %s",
			key_of(w, "access", r->name), at + 1,
			strv_eq(r->clauses[at].acl, acl) ? "is for the same class"
							 : "is for all");
	return true;
}

static void warn_of_clauses(const struct warn *w, const struct access_rule *r)
{
	for (size_t i = 0; i < r->n_clauses; i++) {
		struct strv acl = r->clauses[i].acl;
		const char *key = arena_printf(w->e->arena, "%s[%zu]",
					       key_of(w, "access", r->name), i + 1);

		if (!warn_of_covered(w, r, i, key) && fits_nobody(w, acl))
			conf_warning_at(w->e, w->root, key,
					"has no effect: acl.%s fits nobody",
					conf_key(w->e->arena, acl));
	}
}

/* --- rules --- */

static struct strv rule_at(const void *section, const struct conf_option *o)
{
	struct strv value;

	memcpy(&value, (const char *)section + o->offset, sizeof(value));
	return value;
}

static bool names_rule(const struct conf_option *o, const void *section, struct strv name)
{
	for (; section && o && o->name; o++)
		if (o->is_rule && strv_eq(rule_at(section, o), name))
			return true;
	return false;
}

static bool modules_name_rule(void *const *modules, struct strv name)
{
	for (size_t i = 0; modules && all_modules[i]; i++)
		if (names_rule(all_modules[i]->options, modules[i], name))
			return true;
	return false;
}

static bool rule_is_used(const struct conf *c, struct strv name)
{
	if (strv_is(name, "max_user_sessions") || modules_name_rule(c->modules, name))
		return true;
	for (size_t i = 0; i < c->n_c2s; i++)
		if (names_rule(conf_c2s_options, &c->c2s[i], name))
			return true;
	for (size_t i = 0; i < c->n_host_configs; i++)
		if (modules_name_rule(c->host_configs[i].modules, name))
			return true;
	return false;
}

/* A default may name a rule that need not be there. */
static bool is_default(const struct conf_option *o, struct strv value)
{
	char text[64];

	snprintf(text, sizeof(text), "\"" STRV_FMT "\"", STRV_ARG(value));
	return o->dflt && strcmp(text, o->dflt) == 0;
}

static void warn_of_module(const struct warn *w, const struct module *m, const void *conf)
{
	char key[256];

	for (const struct conf_option *o = m->options; conf && o && o->name; o++) {
		struct strv name;

		if (!o->is_rule)
			continue;
		name = rule_at(conf, o);
		if (access_has_rule(w->c, name) || is_default(o, name))
			continue;
		snprintf(key, sizeof(key), "%smodules.%s.%s", w->section, m->name,
			 o->name);
		conf_warning_at(w->e, w->root, key, "there is no rule access.%s",
				conf_key(w->e->arena, name));
	}
}

static void warn_of_modules(const struct warn *w, void *const *modules)
{
	for (size_t i = 0; modules && all_modules[i]; i++)
		warn_of_module(w, all_modules[i], modules[i]);
}

/* A listener's rule that only some domains have. */
static void warn_of_listener(const struct warn *w, size_t i)
{
	const struct conf *c = w->c;
	struct strv name = c->c2s[i].access;
	char key[64];

	if (strv_is(name, "all") || strv_is(name, "none") || !access_has_rule(c, name) ||
	    access_find_rule(c->rules, c->n_rules, name))
		return;
	snprintf(key, sizeof(key), "listen.c2s[%zu].access", i + 1);
	for (size_t k = 0; k < c->general.n_hosts; k++) {
		const struct conf_host *h = conf_host_find(c, c->general.hosts[k]);

		if (h == NULL || access_find_rule(h->rules, h->n_rules, name) == NULL)
			conf_warning_at(w->e, w->root, key,
					"nobody of " STRV_FMT
					" is let in: it has no rule "
					"access.%s",
					STRV_ARG(c->general.hosts[k]),
					conf_key(w->e->arena, name));
	}
}

static void warn_of_rules(const struct warn *w, const struct access_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *key = key_of(w, "access", rules[i].name);

		if (!rule_is_used(w->c, rules[i].name))
			conf_warning_at(w->e, w->root, key, "nothing uses this rule");
		warn_of_clauses(w, &rules[i]);
	}
}

void access_warn(const struct conf *c, const struct toml_table *root,
		 struct conf_errors *e)
{
	struct warn w = { .c = c, .root = root, .e = e };

	warn_of_acls(&w, c->acls, c->n_acls);
	warn_of_rules(&w, c->rules, c->n_rules);
	warn_of_modules(&w, c->modules);
	shaper_warn(c, root, e);
	for (size_t i = 0; i < c->n_c2s; i++)
		warn_of_listener(&w, i);
	for (size_t i = 0; i < c->n_host_configs; i++) {
		w.own = &c->host_configs[i];
		snprintf(w.section, sizeof(w.section), "host_config[%zu].", i + 1);
		warn_of_acls(&w, w.own->acls, w.own->n_acls);
		warn_of_rules(&w, w.own->rules, w.own->n_rules);
		warn_of_modules(&w, w.own->modules);
	}
}
