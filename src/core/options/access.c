#include "core/options/access.h"
#include "base/log.h"
#include "core/options/conf_priv.h"

#include <stdio.h>

/* --- reading --- */

static void read_value(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *value = dst;

	if (v->type == TOML_STRING && v->str.n)
		*value = arena_strv(conf_arena(c), v->str);
	else if (v->type == TOML_INT && v->i >= 0)
		*value = strv_from(arena_printf(conf_arena(c), "%lld", (long long)v->i));
	else
		conf_complain_expected(c,
				       "\"allow\", \"deny\", a name or a number from 0");
}

static const struct conf_option clause_options[] = {
	CONF_STRING(
		"acl", struct clause, acl, NULL,
		"The class that the clause is for; `all` and `none` are there always.",
		.mandatory = true),
	CONF_CUSTOM("value", struct clause, value, NULL,
		    "\"allow\", \"deny\", a name or a number from 0", read_value,
		    "What the rule then says.", .mandatory = true),
	{ 0 },
};

const struct conf_option conf_any_rule =
	CONF_TABLE_ARRAY("*", struct access_rule, clauses, clause_options,
			 "A rule: the first clause that fits.");

struct acl *access_find_acl(struct acl *acls, size_t n, struct strv name)
{
	for (size_t i = 0; i < n; i++)
		if (strv_eq(acls[i].name, name))
			return &acls[i];
	return NULL;
}

struct access_rule *access_find_rule(struct access_rule *rules, size_t n,
				     struct strv name)
{
	for (size_t i = 0; i < n; i++)
		if (strv_eq(rules[i].name, name))
			return &rules[i];
	return NULL;
}

static bool is_predefined(struct strv name)
{
	return strv_is(name, "all") || strv_is(name, "none");
}

/* --- what a domain adds --- */

static void add_patterns(struct arena *a, struct acl *to, const struct acl *more)
{
	struct acl_pattern *all =
		ARENA_ARRAY(a, struct acl_pattern, to->n_patterns + more->n_patterns);

	if (to->n_patterns)
		memcpy(all, to->patterns, to->n_patterns * sizeof(*all));
	if (more->n_patterns)
		memcpy(all + to->n_patterns, more->patterns,
		       more->n_patterns * sizeof(*all));
	to->patterns = all;
	to->n_patterns += more->n_patterns;
}

bool access_ends_with_allow_all(const struct access_rule *r)
{
	const struct clause *last = r->n_clauses ? &r->clauses[r->n_clauses - 1] : NULL;

	return last && strv_is(last->acl, "all") && strv_is(last->value, "allow");
}

/* The domain's clauses come last, but before a clause that lets everybody else in. */
static void add_clauses(struct arena *a, struct access_rule *to,
			const struct access_rule *more)
{
	struct clause *all =
		ARENA_ARRAY(a, struct clause, to->n_clauses + more->n_clauses);
	size_t n_last = access_ends_with_allow_all(to), n = to->n_clauses - n_last;

	if (n)
		memcpy(all, to->clauses, n * sizeof(*all));
	if (more->n_clauses)
		memcpy(all + n, more->clauses, more->n_clauses * sizeof(*all));
	if (n_last)
		all[n + more->n_clauses] = to->clauses[n];
	to->clauses = all;
	to->n_clauses += more->n_clauses;
}

static void merge_acls(struct arena *a, struct conf_access *to,
		       const struct conf_host *own)
{
	for (size_t i = 0; i < own->n_acls; i++) {
		struct acl *old =
			access_find_acl(to->acls, to->n_acls, own->acls[i].name);

		if (old)
			add_patterns(a, old, &own->acls[i]);
		else
			to->acls[to->n_acls++] = own->acls[i];
	}
}

static void merge_rules(struct arena *a, struct conf_access *to,
			const struct conf_host *own)
{
	for (size_t i = 0; i < own->n_rules; i++) {
		struct access_rule *old =
			access_find_rule(to->rules, to->n_rules, own->rules[i].name);

		if (old)
			add_clauses(a, old, &own->rules[i]);
		else
			to->rules[to->n_rules++] = own->rules[i];
	}
}

const struct conf_access *access_merge(const struct conf *c, const struct conf_host *own)
{
	struct conf_access *m = ARENA_NEW(c->arena, struct conf_access);

	m->acls = c->acls;
	m->n_acls = c->n_acls;
	m->rules = c->rules;
	m->n_rules = c->n_rules;
	if (own == NULL)
		return m;
	m->acls = ARENA_ARRAY(c->arena, struct acl, c->n_acls + own->n_acls);
	m->rules = ARENA_ARRAY(c->arena, struct access_rule, c->n_rules + own->n_rules);
	if (c->n_acls)
		memcpy(m->acls, c->acls, c->n_acls * sizeof(*m->acls));
	if (c->n_rules)
		memcpy(m->rules, c->rules, c->n_rules * sizeof(*m->rules));
	merge_acls(c->arena, m, own);
	merge_rules(c->arena, m, own);
	return m;
}

/* --- checking --- */

/* A rule of all domains may name a class that only some domains have. */
static bool has_acl(const struct conf *c, const struct conf_host *own, struct strv name)
{
	if (is_predefined(name) || access_find_acl(c->acls, c->n_acls, name))
		return true;
	if (own)
		return access_find_acl(own->acls, own->n_acls, name) != NULL;
	for (size_t i = 0; i < c->n_host_configs; i++)
		if (access_find_acl(c->host_configs[i].acls, c->host_configs[i].n_acls,
				    name))
			return true;
	return false;
}

static void add_acls(const char **names, size_t *n, const struct acl *acls, size_t n_acls)
{
	for (size_t i = 0; i < n_acls; i++)
		names[(*n)++] = acls[i].name.p;
}

/* Those that a rule may name, NULL behind them. */
static const char *const *acl_names(const struct conf *c, const struct conf_host *own)
{
	size_t max = c->n_acls + 3, n = 0;
	const char **names;

	for (size_t i = 0; i < c->n_host_configs; i++)
		max += c->host_configs[i].n_acls;
	names = ARENA_ARRAY(c->arena, const char *, max);
	names[n++] = "all";
	names[n++] = "none";
	add_acls(names, &n, c->acls, c->n_acls);
	for (size_t i = 0; i < c->n_host_configs; i++)
		if (own == NULL || own == &c->host_configs[i])
			add_acls(names, &n, c->host_configs[i].acls,
				 c->host_configs[i].n_acls);
	return names;
}

static void check_rule(const struct conf *c, const struct conf_host *own,
		       const struct access_rule *r, const char *section,
		       const struct toml_table *root, struct conf_errors *e)
{
	for (size_t k = 0; k < r->n_clauses; k++) {
		struct strv acl = r->clauses[k].acl;

		if (acl.p == NULL || has_acl(c, own, acl))
			continue;
		conf_error_name_at(e, root,
				   arena_printf(c->arena, "%saccess.%s[%zu].acl", section,
						conf_key(c->arena, r->name), k + 1),
				   "a class of [acl]", acl, acl_names(c, own));
	}
}

void access_check(const struct conf *c, const struct toml_table *root,
		  struct conf_errors *e)
{
	char section[64];

	for (size_t i = 0; i < c->n_rules; i++)
		check_rule(c, NULL, &c->rules[i], "", root, e);
	for (size_t i = 0; i < c->n_host_configs; i++) {
		const struct conf_host *own = &c->host_configs[i];

		snprintf(section, sizeof(section), "host_config[%zu].", i + 1);
		for (size_t k = 0; k < own->n_rules; k++)
			check_rule(c, own, &own->rules[k], section, root, e);
	}
}

bool access_has_rule(const struct conf *c, struct strv name)
{
	if (is_predefined(name) || access_find_rule(c->rules, c->n_rules, name))
		return true;
	for (size_t i = 0; i < c->n_host_configs; i++)
		if (access_find_rule(c->host_configs[i].rules, c->host_configs[i].n_rules,
				     name))
			return true;
	return false;
}

static void add_rules(const char **names, size_t *n, const struct access_rule *rules,
		      size_t n_rules)
{
	for (size_t i = 0; i < n_rules; i++)
		names[(*n)++] = rules[i].name.p;
}

const char *const *access_rule_names(const struct conf *c)
{
	size_t max = c->n_rules + 3, n = 0;
	const char **names;

	for (size_t i = 0; i < c->n_host_configs; i++)
		max += c->host_configs[i].n_rules;
	names = ARENA_ARRAY(c->arena, const char *, max);
	names[n++] = "all";
	names[n++] = "none";
	add_rules(names, &n, c->rules, c->n_rules);
	for (size_t i = 0; i < c->n_host_configs; i++)
		add_rules(names, &n, c->host_configs[i].rules,
			  c->host_configs[i].n_rules);
	return names;
}

/* --- evaluating --- */

static void log_gave_up(struct strv rule, struct strv acl)
{
	static _Thread_local struct log_limit limit;
	unsigned dropped;

	if (log_limit_ok(&limit, 6, &dropped))
		log_warning("access.gave_up",
			    "access." STRV_FMT " denies: a regular expression of "
			    "acl." STRV_FMT " takes too many steps",
			    STRV_ARG(rule), STRV_ARG(acl));
}

static const struct access_rule *rule_of(const struct host *h, struct strv name)
{
	return h ? access_find_rule(h->access->rules, h->access->n_rules, name) : NULL;
}

int access_eval(const struct conf *c, struct strv name, struct strv domain,
		struct jid jid, struct strv *ret)
{
	const struct host *h = host_find(c, domain);
	const struct access_rule *r = rule_of(h, name);

	*ret = r == NULL && strv_is(name, "all") ? STRV("allow") : STRV("deny");
	for (size_t i = 0; r && i < r->n_clauses; i++) {
		int fits = acl_fits(h, r->clauses[i].acl, domain, jid);
		if (fits == 0)
			continue;
		if (fits > 0)
			*ret = r->clauses[i].value;
		else
			log_gave_up(name, r->clauses[i].acl);
		return fits < 0 ? fits : 0;
	}
	return 0;
}

struct strv access_value(const struct conf *c, struct strv name, struct strv domain,
			 struct jid jid)
{
	struct strv value;
	int r = access_eval(c, name, domain, jid, &value);

	return r < 0 ? STRV("deny") : value;
}

bool access_allows(const struct conf *c, struct strv name, struct strv domain,
		   struct jid jid)
{
	return strv_is(access_value(c, name, domain, jid), "allow");
}

int64_t access_number(const struct conf *c, struct strv name, struct strv domain,
		      struct jid jid, int64_t absent)
{
	struct strv value;
	uint64_t n;

	if (rule_of(host_find(c, domain), name) == NULL)
		return absent;
	value = access_value(c, name, domain, jid);
	if (strv_is(value, "infinity"))
		return CONF_INFINITY;
	return strv_to_u64(value, INT64_MAX, &n) == 0 ? (int64_t)n : 0;
}
