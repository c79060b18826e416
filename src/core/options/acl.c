/* Classes of users: the patterns that say who belongs to one. */
#include "core/options/access.h"
#include "core/options/conf_priv.h"
#include "core/options/glob.h"
#include "xmpp/precis.h"

enum {
	ACL_MAX_STEPS = 100000, /* of one expression: some milliseconds */
	ACL_MAX_HEAP_KIB = 4096,
};

/* --- reading --- */

static void check_user(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *user = dst;

	if (jid_prep_local(conf_arena(c), *user, user) < 0)
		conf_complain_expected(c, "the name of a user");
}

static void check_server(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *server = dst;

	if (jid_prep_domain(conf_arena(c), *server, server) < 0)
		conf_complain_expected(c, "a domain");
}

static void check_resource(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *resource = dst;

	if (jid_prep_resource(conf_arena(c), *resource, resource) < 0)
		conf_complain_expected(c, "a resource");
}

static void check_glob(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *glob = dst;
	const char *why = glob_error(*glob);

	if (why)
		conf_complain(c, "expected a pattern, found %s: %s",
			      conf_quoted(conf_arena(c), *glob), why);
}

/* Names and domains have no upper case once they are prepared. */
static void check_lower_glob(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *glob = dst;
	struct precis_text text;

	check_glob(c, v, dst);
	if (precis_decode(conf_arena(c), *glob, &text) < 0) {
		conf_complain(c, "the pattern is too long");
		return;
	}
	precis_map_lower(conf_arena(c), &text);
	precis_normalize(conf_arena(c), &text);
	*glob = precis_encode(conf_arena(c), text, *glob);
}

static void check_regexp(struct conf_ctx *c, const char *member, struct strv text,
			 uint32_t options, pcre2_code **ret)
{
	int code;
	PCRE2_SIZE at;
	char why[128];

	if (text.p == NULL)
		return;
	*ret = pcre2_compile((PCRE2_SPTR)text.p, text.n, PCRE2_UTF | options, &code, &at,
			     NULL);
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

	check_regexp(c, "user_regexp", p->user_regexp, PCRE2_CASELESS, &p->re[PART_USER]);
	check_regexp(c, "server_regexp", p->server_regexp, PCRE2_CASELESS,
		     &p->re[PART_SERVER]);
	check_regexp(c, "resource_regexp", p->resource_regexp, 0, &p->re[PART_RESOURCE]);
}

static const struct conf_option pattern_options[] = {
	CONF_ENUM("match", struct acl_pattern, match, "\"current_domain\"",
		  CONF_WORDS({ "all", MATCH_ALL }, { "none", MATCH_NONE },
			     { "current_domain", MATCH_CURRENT_DOMAIN },
			     { "any_hosted_domain", MATCH_ANY_HOSTED }),
		  "Users of which domains fit, besides the other conditions."),
	CONF_STRING("user", struct acl_pattern, user, NULL, "The user's name is this.",
		    .allowed = "the name of a user", .check = check_user),
	CONF_STRING("server", struct acl_pattern, server, NULL, "The domain is this.",
		    .allowed = "a domain", .check = check_server),
	CONF_STRING("resource", struct acl_pattern, resource, NULL,
		    "The resource is this.", .allowed = "a resource",
		    .check = check_resource),
	CONF_STRING(
		"user_glob", struct acl_pattern, user_glob, NULL,
		"The whole of it fits, as in a shell: `*` stands for any text, `?` for any "
		"character, `[a-z]` and `[!a-z]` for one of or none of these, `\\` takes "
		"the next character as it is. Upper and lower case are the same. The same "
		"for the other two, but a resource has upper and lower case.",
		.check = check_lower_glob),
	CONF_STRING("server_glob", struct acl_pattern, server_glob, NULL,
		    "See `user_glob`.", .check = check_lower_glob),
	CONF_STRING("resource_glob", struct acl_pattern, resource_glob, NULL,
		    "See `user_glob`.", .check = check_glob),
	CONF_STRING(
		"user_regexp", struct acl_pattern, user_regexp, NULL,
		"A regular expression (PCRE) that is found in it; upper and lower case are "
		"the same. The same for the other two, but a resource has upper and lower "
		"case. One that takes too many steps makes the rule deny."),
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

/* --- who belongs to it --- */

/* Whoever asks may choose the text so that the expression explodes. */
static int regexp_fits(const pcre2_code *re, struct strv text)
{
	pcre2_match_data *data;
	pcre2_match_context *ctx;
	int r;

	if (re == NULL)
		return 1;
	data = pcre2_match_data_create_from_pattern(re, NULL);
	ctx = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(ctx, ACL_MAX_STEPS);
	pcre2_set_heap_limit(ctx, ACL_MAX_HEAP_KIB);
	r = pcre2_match(re, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, 0, data, ctx);
	pcre2_match_context_free(ctx);
	pcre2_match_data_free(data);
	if (r == PCRE2_ERROR_NOMATCH)
		return 0;
	return r < 0 ? -E2BIG : 1;
}

static bool words_fit(const struct acl_pattern *p, const struct strv is[PART_MAX])
{
	const struct strv exact[PART_MAX] = { p->user, p->server, p->resource };
	const struct strv glob[PART_MAX] = { p->user_glob, p->server_glob,
					     p->resource_glob };

	for (int i = 0; i < PART_MAX; i++)
		if ((exact[i].p && !strv_eq(exact[i], is[i])) ||
		    (glob[i].p && !glob_fits(glob[i], is[i])))
			return false;
	return true;
}

static bool domain_fits(const struct conf *c, const struct acl_pattern *p,
			struct strv server, struct strv domain)
{
	switch (p->match) {
	case MATCH_CURRENT_DOMAIN:
		return strv_eq(server, domain);
	case MATCH_ANY_HOSTED:
		return host_find(c, server) != NULL;
	default:
		return p->match == MATCH_ALL;
	}
}

static int pattern_fits(const struct conf *c, const struct acl_pattern *p,
			struct strv domain, const struct strv is[PART_MAX])
{
	int fits = 1;

	if (!domain_fits(c, p, is[PART_SERVER], domain) || !words_fit(p, is))
		return 0;
	for (int i = 0; i < PART_MAX; i++) {
		int r = regexp_fits(p->re[i], is[i]);
		if (r == 0)
			return 0;
		fits = MIN(fits, r);
	}
	return fits;
}

int acl_fits(const struct host *h, struct strv name, struct strv domain, struct jid jid)
{
	struct strv is[PART_MAX] = { STRV(""), domain, STRV("") };
	const struct acl *acl;
	int fits = 0;

	if (strv_is(name, "all"))
		return 1;
	if (!jid_is_none(jid)) {
		is[PART_USER] = jid_local(jid);
		is[PART_SERVER] = jid_domain(jid);
		is[PART_RESOURCE] = jid_resource(jid);
	}
	acl = access_find_acl(h->access->acls, h->access->n_acls, name);
	for (size_t i = 0; acl && i < acl->n_patterns; i++) {
		int r = pattern_fits(h->conf, &acl->patterns[i], domain, is);
		if (r > 0)
			return r;
		fits = MIN(fits, r);
	}
	return fits;
}
