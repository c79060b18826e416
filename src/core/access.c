#include "core/access.h"
#include "core/conf_priv.h"

#include <fnmatch.h>
#include <stdio.h>

/* --- reading --- */

static void check_regexp(struct conf_ctx *c, const char *member, struct strv text,
			 pcre2_code **ret)
{
	int code;
	PCRE2_SIZE at;
	char why[128];

	if (text.p == NULL)
		return;
	*ret = pcre2_compile((PCRE2_SPTR)text.p, text.n, PCRE2_UTF, &code, &at, NULL);
	if (*ret)
		return;
	pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
	conf_complain_at(
		c, member,
		"expected a regular expression (PCRE), found %s: %s at character %zu",
		conf_quoted(conf_arena(c), text), why, (size_t)at + 1);
}

static void check_pattern(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct acl_pattern *p = dst;

	check_regexp(c, "user_regexp", p->user_regexp, &p->re[PART_USER]);
	check_regexp(c, "server_regexp", p->server_regexp, &p->re[PART_SERVER]);
	check_regexp(c, "resource_regexp", p->resource_regexp, &p->re[PART_RESOURCE]);
}

static const struct conf_option pattern_options[] = {
	CONF_ENUM("match", struct acl_pattern, match, "\"current_domain\"",
		  CONF_WORDS({ "all", MATCH_ALL }, { "none", MATCH_NONE },
			     { "current_domain", MATCH_CURRENT_DOMAIN },
			     { "any_hosted_domain", MATCH_ANY_HOSTED }),
		  "Users of which domains fit, besides the other conditions."),
	CONF_STRING("user", struct acl_pattern, user, NULL, "The user's name is this."),
	CONF_STRING("server", struct acl_pattern, server, NULL, "The domain is this."),
	CONF_STRING("resource", struct acl_pattern, resource, NULL,
		    "The resource is this."),
	CONF_STRING(
		"user_glob", struct acl_pattern, user_glob, NULL,
		"With `*`, `?` and `[...]`, as in a shell; the same for the other two."),
	CONF_STRING("server_glob", struct acl_pattern, server_glob, NULL,
		    "See `user_glob`."),
	CONF_STRING("resource_glob", struct acl_pattern, resource_glob, NULL,
		    "See `user_glob`."),
	CONF_STRING(
		"user_regexp", struct acl_pattern, user_regexp, NULL,
		"A regular expression (PCRE) that is found in it; the same for the other two."),
	CONF_STRING("server_regexp", struct acl_pattern, server_regexp, NULL,
		    "See `user_regexp`."),
	CONF_STRING("resource_regexp", struct acl_pattern, resource_regexp, NULL,
		    "See `user_regexp`."),
	{ 0 },
};

const struct conf_option conf_any_acl = CONF_TABLE_ARRAY(
	"*", struct acl, patterns, pattern_options,
	"A class: those who fit one of the patterns; all conditions of a pattern "
	"must hold.",
	.check = check_pattern);

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

static void free_acls(struct acl *acls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < acls[i].n_patterns; k++)
			for (int part = 0; part < PART_MAX; part++)
				pcre2_code_free(acls[i].patterns[k].re[part]);
}

void access_free(struct conf *c)
{
	free_acls(c->acls, c->n_acls);
	for (size_t i = 0; i < c->n_host_configs; i++)
		free_acls(c->host_configs[i].acls, c->host_configs[i].n_acls);
}

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

static bool regexp_fits(const pcre2_code *re, struct strv text)
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(re, NULL);
	pcre2_match_context *ctx = pcre2_match_context_create(NULL);
	int r;

	pcre2_set_match_limit(ctx, 100000); /* an expression that explodes fits nobody */
	r = pcre2_match(re, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, 0, data, ctx);
	pcre2_match_context_free(ctx);
	pcre2_match_data_free(data);
	return r >= 0;
}

static bool part_fits(struct strv is, struct strv exact, struct strv glob,
		      const pcre2_code *re)
{
	AUTO(mem_freep) char *text = NULL;

	if (exact.p && !strv_eq(exact, is))
		return false;
	if (glob.p) {
		text = strv_dup(is);
		if (fnmatch(glob.p, text, 0) != 0)
			return false;
	}
	return re == NULL || regexp_fits(re, is);
}

static bool pattern_fits(const struct conf *c, const struct acl_pattern *p,
			 struct strv domain, struct jid jid)
{
	struct strv server = jid_is_none(jid) ? domain : jid_domain(jid);

	if (p->match == MATCH_NONE ||
	    (p->match == MATCH_CURRENT_DOMAIN && !strv_eq(server, domain)))
		return false;
	if (p->match == MATCH_ANY_HOSTED && host_find(c, server) == NULL)
		return false;
	return part_fits(jid_is_none(jid) ? STRV("") : jid_local(jid), p->user,
			 p->user_glob, p->re[PART_USER]) &&
	       part_fits(server, p->server, p->server_glob, p->re[PART_SERVER]) &&
	       part_fits(jid_is_none(jid) ? STRV("") : jid_resource(jid), p->resource,
			 p->resource_glob, p->re[PART_RESOURCE]);
}

static bool acl_fits(const struct host *h, struct strv name, struct strv domain,
		     struct jid jid)
{
	const struct acl *acl;

	if (strv_is(name, "all"))
		return true;
	acl = access_find_acl(h->access->acls, h->access->n_acls, name);
	for (size_t i = 0; acl && i < acl->n_patterns; i++)
		if (pattern_fits(h->conf, &acl->patterns[i], domain, jid))
			return true;
	return false;
}

static const struct access_rule *rule_of(const struct host *h, struct strv name)
{
	return h ? access_find_rule(h->access->rules, h->access->n_rules, name) : NULL;
}

struct strv access_value(const struct conf *c, struct strv name, struct strv domain,
			 struct jid jid)
{
	const struct host *h = host_find(c, domain);
	const struct access_rule *r = rule_of(h, name);

	if (r == NULL)
		return strv_is(name, "all") ? STRV("allow") : STRV("deny");
	for (size_t i = 0; i < r->n_clauses; i++)
		if (acl_fits(h, r->clauses[i].acl, domain, jid))
			return r->clauses[i].value;
	return STRV("deny");
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
