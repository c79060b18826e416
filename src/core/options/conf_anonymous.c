/* The method `anonymous`. */
#include "core/options/conf_priv.h"
#include "xmpp/sasl/sasl.h"

#include <stdio.h>

const struct conf_option conf_anonymous_options[] = {
	CONF_ENUM("protocol", struct conf_anonymous, protocol, "\"sasl_anon\"",
		  CONF_WORDS({ "sasl_anon", ANONYMOUS_SASL },
			     { "login_anon", ANONYMOUS_LOGIN },
			     { "both", ANONYMOUS_SASL | ANONYMOUS_LOGIN }),
		  "`sasl_anon`: the mechanism ANONYMOUS, and the server makes the name. "
		  "`login_anon`: PLAIN with any name that is not an account's, and any "
		  "password. See [authentication.md](authentication.md)."),
	CONF_BOOL("allow_multiple_connections", struct conf_anonymous,
		  allow_multiple_connections, "false",
		  "With `login_anon`: whether a name that somebody has may be used once "
		  "more. Whoever does so gets the messages, too."),
	CONF_INT_OR_INFINITY(
		"max_users", struct conf_anonymous, max_users, "10000", 1, INT32_MAX,
		"How many anonymous users a domain may have at a time; then logins fail with "
		"`temporary-auth-failure`. (Not an option of MongooseIM's.)"),
	CONF_IGNORED("backend", "they are in memory"),
	{ 0 },
};

unsigned conf_anonymous_mechanisms(const struct conf_anonymous *a)
{
	return (a->protocol & ANONYMOUS_SASL ? 1u << SASL_ANONYMOUS : 0) |
	       (a->protocol & ANONYMOUS_LOGIN ? 1u << SASL_PLAIN : 0);
}

static const char *anybody(const struct conf_auth *a)
{
	return a->method_set & (1u << AUTH_JWT)	  ? "jwt"
	       : a->method_set & (1u << AUTH_PKI) ? "pki"
						  : "dummy";
}

static void warn(const struct conf_auth *a, const char *section,
		 const struct toml_table *root, struct conf_errors *e)
{
	char key[96];

	if (!(a->method_set & (1u << AUTH_ANONYMOUS)))
		return;
	snprintf(key, sizeof(key), "%sauth.methods", section);
	if (!(a->mechanisms & conf_anonymous_mechanisms(&a->anonymous)))
		conf_warning_at(e, root, key,
				"nobody can log in by \"anonymous\": "
				"%sauth.sasl_mechanisms has none of its mechanisms",
				section);
	else if (a->anonymous.protocol & ANONYMOUS_LOGIN &&
		 a->method_set & CONF_AUTH_ANYBODY)
		conf_warning_at(e, root, key,
				"nobody can log in by \"login_anon\": by the method %s, "
				"each name is an account's",
				anybody(a));
}

void conf_warn_anonymous(const struct conf *c, const struct toml_table *root,
			 struct conf_errors *e)
{
	char section[64];

	warn(&c->auth, "", root, e);
	for (size_t i = 0; i < c->n_host_configs; i++) {
		snprintf(section, sizeof(section), "host_config[%zu].", i + 1);
		if (c->host_configs[i].has_auth)
			warn(&c->host_configs[i].auth, section, root, e);
	}
}
