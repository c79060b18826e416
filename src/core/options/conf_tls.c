/* The tls section of a listener: what shows only when its options are read together. */
#include "core/options/conf_priv.h"
#include "io/tls.h"

#include <stdio.h>

static const char *const module_names[] = {
	[TLS_MODULE_FAST] = "fast_tls",
	[TLS_MODULE_JUST] = "just_tls",
};

static const struct {
	const char *name;
	enum tls_module of;
} own_options[] = {
	{ "protocol_options", TLS_MODULE_FAST },
	{ "keyfile", TLS_MODULE_JUST },
	{ "password", TLS_MODULE_JUST },
	{ "versions", TLS_MODULE_JUST },
	{ "disconnect_on_failure", TLS_MODULE_JUST },
	{ "crl_files", TLS_MODULE_JUST },
	{ "session_tickets", TLS_MODULE_JUST },
	{ "keep_secrets", TLS_MODULE_JUST },
	{ "early_data", TLS_MODULE_JUST },
};

/* The section in the file; a listener that has TLS has one. */
const struct toml_table *conf_tls_section(const struct toml_table *root, size_t i)
{
	const struct toml_table *listen = toml_get(root, "listen")->table;

	return toml_get(toml_get(listen, "c2s")->array->v[i].table, "tls")->table;
}

/* The first option that only just_tls has; NULL: none is given. */
static const char *find_just_option(const struct conf_tls *t,
				    const struct toml_table *section)
{
	for (size_t k = 0; k < ARRAY_LEN(own_options); k++)
		if (own_options[k].of == TLS_MODULE_JUST &&
		    toml_get(section, own_options[k].name))
			return own_options[k].name;
	return t->verify_mode == TLS_VERIFY_SELF_SIGNED ? "verify_mode" : NULL;
}

static void check_module(const struct conf_tls *t, size_t i,
			 const struct toml_table *root, struct conf_errors *e)
{
	const struct toml_table *section = conf_tls_section(root, i);
	char key[96];

	for (size_t k = 0; k < ARRAY_LEN(own_options); k++) {
		enum tls_module of = own_options[k].of;
		if (of == (enum tls_module)t->module ||
		    !toml_get(section, own_options[k].name))
			continue;
		snprintf(key, sizeof(key), "listen.c2s[%zu].tls.%s", i + 1,
			 own_options[k].name);
		conf_error_at(e, root, key,
			      "this is an option of \"%s\", and tls.module is \"%s\"%s%s",
			      module_names[of], module_names[t->module],
			      toml_get(section, "module") ? "" : " because of ",
			      toml_get(section, "module") ? ""
							  : find_just_option(t, section));
	}
	snprintf(key, sizeof(key), "listen.c2s[%zu].tls.verify_mode", i + 1);
	if (t->verify_mode == TLS_VERIFY_SELF_SIGNED && t->module == TLS_MODULE_FAST)
		conf_error_at(e, root, key,
			      "\"selfsigned_peer\" needs tls.module = \"just_tls\"");
}

void conf_settle_tls(struct conf *c, size_t i, const struct toml_table *root,
		     struct conf_errors *e)
{
	struct conf_tls *t = &c->c2s[i].tls;

	if (!c->c2s[i].has_tls)
		return;
	if (t->module == CONF_UNSET)
		t->module = find_just_option(t, conf_tls_section(root, i))
				    ? TLS_MODULE_JUST
				    : TLS_MODULE_FAST;
	check_module(t, i, root, e);
	if (t->module == TLS_MODULE_FAST)
		t->disconnect_on_failure = false;
}

/* --- what is allowed, and seldom meant --- */

static void warn_of_no_effect(const struct toml_table *section, size_t i,
			      const struct toml_table *root, struct conf_errors *e)
{
	static const char *const names[] = { "cacertfile", "disconnect_on_failure",
					     "crl_files" };
	char key[96];

	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		if (!toml_get(section, names[k]))
			continue;
		snprintf(key, sizeof(key), "listen.c2s[%zu].tls.%s", i + 1, names[k]);
		conf_warning_at(e, root, key,
				"has no effect: with verify_mode = \"none\" no client is "
				"asked for a certificate");
	}
}

static void warn_of_stale_crl(const struct conf_listener *l, size_t i,
			      const struct toml_table *root, struct conf_errors *e)
{
	int k = tls_ctx_stale_crl(l->tls_ctx);
	char key[64];

	if (k < 0)
		return;
	snprintf(key, sizeof(key), "listen.c2s[%zu].tls.crl_files[%d]", i + 1, k + 1);
	conf_warning_at(e, root, key,
			"out of date: unless there is a newer one beside it, no "
			"certificate of its issuer passes");
}

void conf_warn_tls(const struct conf *c, size_t i, const struct toml_table *root,
		   struct conf_errors *e)
{
	const struct conf_tls *t = &c->c2s[i].tls;
	const struct toml_table *section;
	char key[64];

	if (!c->c2s[i].has_tls)
		return;
	section = conf_tls_section(root, i);
	if (t->verify_mode == TLS_VERIFY_NONE)
		warn_of_no_effect(section, i, root, e);
	warn_of_stale_crl(&c->c2s[i], i, root, e);
	if (t->verify_mode == TLS_VERIFY_NONE || !t->disconnect_on_failure ||
	    toml_get(section, "verify_mode") ||
	    toml_get(section, "disconnect_on_failure"))
		return;
	snprintf(key, sizeof(key), "listen.c2s[%zu].tls", i + 1);
	conf_warning_at(
		e, root, key,
		"clients without a certificate are refused, as \"just_tls\" does%s%s; "
		"verify_mode = \"none\" asks for none",
		toml_get(section, "module") ? "" : ", which is chosen because of ",
		toml_get(section, "module") ? "" : find_just_option(t, section));
}
