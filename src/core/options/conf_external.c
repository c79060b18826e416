/* The methods of authentication, and what SASL EXTERNAL asks of the rest of the configuration. */
#include "core/options/conf_priv.h"
#include "io/tls.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/sasl.h"

#include <stdio.h>

const struct conf_word conf_external_rules[] = {
	{ "standard", EXTERNAL_STANDARD },
	{ "common_name", EXTERNAL_COMMON_NAME },
	{ "auth_id", EXTERNAL_AUTH_ID },
	{ 0 },
};

unsigned conf_method_mechanisms(const struct conf_auth *a, enum auth_method m)
{
	switch (m) {
	case AUTH_PKI:
		return 1u << SASL_EXTERNAL;
	case AUTH_LDAP: /* which looks whether there is the user */
		return 1u << SASL_PLAIN | 1u << SASL_EXTERNAL;
	case AUTH_EXTERNAL:
	case AUTH_JWT:
	case AUTH_DUMMY:
		return 1u << SASL_PLAIN;
	case AUTH_ANONYMOUS:
		return conf_anonymous_mechanisms(&a->anonymous);
	default: /* http gives SCRAM keys and certificates, too */
		return ~(1u << SASL_ANONYMOUS);
	}
}

/* Part of a localpart. */
void conf_check_local(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *s = dst, local;

	if (s->n && jid_prep_local(conf_arena(c), *s, &local) < 0)
		conf_complain_expected(c, "a localpart");
}

/* In the order of their names. */
static const struct {
	const char *name;
	enum auth_method method;
} sections[] = {
	{ "anonymous", AUTH_ANONYMOUS }, { "dummy", AUTH_DUMMY },
	{ "external", AUTH_EXTERNAL },	 { "http", AUTH_HTTP },
	{ "internal", AUTH_INTERNAL },	 { "jwt", AUTH_JWT },
	{ "ldap", AUTH_LDAP },		 { "pki", AUTH_PKI },
	{ "rdbms", AUTH_RDBMS },
};

bool conf_has_method_section(const struct toml_table *auth)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++)
		if (toml_get(auth, sections[i].name))
			return true;
	return false;
}

/* Without `methods`, those that have a section. */
void conf_settle_methods(struct conf_auth *a, const struct toml_table *section,
			 struct arena *arena)
{
	int64_t *methods;

	a->external.rules = a->sasl_external;
	a->external.n_rules = a->n_sasl_external;
	if (section && toml_get(section, "methods"))
		return;
	methods = ARENA_ARRAY(arena, int64_t, AUTH_METHOD_MAX);
	for (size_t i = 0; section && i < ARRAY_LEN(sections); i++)
		if (toml_get(section, sections[i].name))
			methods[a->n_methods++] = sections[i].method;
	if (a->n_methods == 0)
		methods[a->n_methods++] = AUTH_INTERNAL;
	a->methods = methods;
}

/* --- what is allowed, and seldom meant --- */

static bool has_external(const struct conf *c)
{
	bool any = c->auth.mechanisms & (1u << SASL_EXTERNAL);

	for (size_t i = 0; i < c->n_host_configs && !any; i++)
		any = c->host_configs[i].has_auth &&
		      c->host_configs[i].auth.mechanisms & (1u << SASL_EXTERNAL);
	return any;
}

static void warn_of_listener(const struct conf *c, size_t i,
			     const struct toml_table *root, struct conf_errors *e)
{
	const struct conf_tls *t = &c->c2s[i].tls;
	char key[64];

	snprintf(key, sizeof(key), "listen.c2s[%zu].tls", i + 1);
	if (t->verify_mode == TLS_VERIFY_SELF_SIGNED)
		conf_warning_at(
			e, root, key,
			"with \"selfsigned_peer\" and \"external\" anybody can make "
			"himself a certificate for any account");
	else if (t->cacertfile.p == NULL)
		conf_warning_at(
			e, root, key,
			"there is no cacertfile: for \"external\", each authority "
			"that the system trusts can certify any account");
}

static void warn_of_pki(const struct conf_auth *a, const char *section,
			const struct toml_table *root, struct conf_errors *e)
{
	char key[96];

	snprintf(key, sizeof(key), "%sauth.methods", section);
	if (a->method_set & (1u << AUTH_PKI) && !(a->mechanisms & (1u << SASL_EXTERNAL)))
		conf_warning_at(
			e, root, key,
			"nobody can log in by \"pki\": %sauth.sasl_mechanisms does "
			"not have \"external\"",
			section);
}

void conf_warn_external(const struct conf *c, const struct toml_table *root,
			struct conf_errors *e)
{
	bool asked = false;
	char section[64];

	warn_of_pki(&c->auth, "", root, e);
	for (size_t i = 0; i < c->n_host_configs; i++) {
		snprintf(section, sizeof(section), "host_config[%zu].", i + 1);
		if (c->host_configs[i].has_auth)
			warn_of_pki(&c->host_configs[i].auth, section, root, e);
	}
	if (!has_external(c))
		return;
	for (size_t i = 0; i < c->n_c2s; i++) {
		if (!c->c2s[i].has_tls || c->c2s[i].tls.verify_mode == TLS_VERIFY_NONE)
			continue;
		asked = true;
		warn_of_listener(c, i, root, e);
	}
	if (!asked)
		conf_warning_at(e, root, "auth.sasl_mechanisms",
				"\"external\" is never offered: no listener asks clients "
				"for a certificate");
}
