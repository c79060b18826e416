#include "core/access.h"
#include "core/conf_priv.h"

#include <fnmatch.h>
#include <stdio.h>

enum acl_match { MATCH_CURRENT_DOMAIN, MATCH_ALL, MATCH_NONE, MATCH_ANY_HOSTED };

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
	conf_complain_at(c, member,
			 "expected a regular expression (PCRE): %s at character %zu", why,
			 (size_t)at + 1);
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

void access_free(struct conf *c)
{
	for (size_t i = 0; i < c->n_acls; i++)
		for (size_t k = 0; k < c->acls[i].n_patterns; k++)
			for (int part = 0; part < PART_MAX; part++)
				pcre2_code_free(c->acls[i].patterns[k].re[part]);
}

static const struct acl *find_acl(const struct conf *c, struct strv name)
{
	for (size_t i = 0; i < c->n_acls; i++)
		if (strv_eq(c->acls[i].name, name))
			return &c->acls[i];
	return NULL;
}

static const struct access_rule *find_rule(const struct conf *c, struct strv name)
{
	for (size_t i = 0; i < c->n_rules; i++)
		if (strv_eq(c->rules[i].name, name))
			return &c->rules[i];
	return NULL;
}

static bool is_predefined(struct strv name)
{
	return strv_is(name, "all") || strv_is(name, "none");
}

void access_check(const struct conf *c, const struct toml_table *root,
		  struct conf_errors *e)
{
	for (size_t i = 0; i < c->n_rules; i++) {
		const struct access_rule *r = &c->rules[i];
		for (size_t k = 0; k < r->n_clauses; k++) {
			struct strv acl = r->clauses[k].acl;
			char key[256];

			if (acl.p == NULL || is_predefined(acl) || find_acl(c, acl))
				continue;
			snprintf(key, sizeof(key), "access." STRV_FMT "[%zu].acl",
				 STRV_ARG(r->name), k + 1);
			conf_error_at(e, root, key, "there is no acl." STRV_FMT,
				      STRV_ARG(acl));
		}
	}
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

static bool acl_fits(const struct conf *c, struct strv name, struct strv domain,
		     struct jid jid)
{
	const struct acl *acl;

	if (strv_is(name, "all"))
		return true;
	acl = find_acl(c, name);
	for (size_t i = 0; acl && i < acl->n_patterns; i++)
		if (pattern_fits(c, &acl->patterns[i], domain, jid))
			return true;
	return false;
}

struct strv access_value(const struct conf *c, struct strv name, struct strv domain,
			 struct jid jid)
{
	const struct access_rule *r = find_rule(c, name);

	if (r == NULL)
		return strv_is(name, "all") ? STRV("allow") : STRV("deny");
	for (size_t i = 0; i < r->n_clauses; i++)
		if (acl_fits(c, r->clauses[i].acl, domain, jid))
			return r->clauses[i].value;
	return STRV("deny");
}

bool access_allows(const struct conf *c, struct strv name, struct strv domain,
		   struct jid jid)
{
	return strv_is(access_value(c, name, domain, jid), "allow");
}

bool access_has_rule(const struct conf *c, struct strv name)
{
	return is_predefined(name) || find_rule(c, name) != NULL;
}

int64_t access_number(const struct conf *c, struct strv name, struct strv domain,
		      struct jid jid, int64_t absent)
{
	struct strv value;
	uint64_t n;

	if (find_rule(c, name) == NULL)
		return absent;
	value = access_value(c, name, domain, jid);
	if (strv_is(value, "infinity"))
		return CONF_INFINITY;
	return strv_to_u64(value, INT64_MAX, &n) == 0 ? (int64_t)n : 0;
}
