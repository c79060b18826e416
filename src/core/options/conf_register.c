/* mod_register where no method could make an account. */
#include "core/options/conf_priv.h"
#include "core/module.h"

#include <stdio.h>

enum {
	STORING = 1u << AUTH_INTERNAL | 1u << AUTH_RDBMS | 1u << AUTH_EXTERNAL |
		  1u << AUTH_HTTP
};

static bool has_register(void **modules)
{
	for (size_t i = 0; all_modules[i]; i++)
		if (strcmp(all_modules[i]->name, "mod_register") == 0)
			return modules[i] != NULL;
	return false;
}

static bool can_store(const struct conf *c, struct strv domain)
{
	return conf_auth_of(c, domain)->method_set & STORING;
}

/* With the modules of all, no matter which domain it is that can. */
static bool any_can_store(const struct conf *c)
{
	bool any = false;

	for (size_t i = 0; i < c->general.n_hosts; i++) {
		const struct conf_host *own = conf_host_find(c, c->general.hosts[i]);
		if (own == NULL || own->modules == NULL)
			any |= can_store(c, c->general.hosts[i]);
	}
	return any;
}

static void warn(const char *section, bool has_auth, const struct toml_table *root,
		 struct conf_errors *e)
{
	char key[96];

	snprintf(key, sizeof(key), "%smodules.mod_register", section);
	conf_warning_at(e, root, key,
			"nobody can register: none of %sauth.methods can make accounts",
			has_auth ? section : "");
}

void conf_warn_register(const struct conf *c, const struct toml_table *root,
			struct conf_errors *e)
{
	char section[64];

	if (has_register(c->modules) && !any_can_store(c))
		warn("", true, root, e);
	for (size_t i = 0; i < c->n_host_configs; i++) {
		const struct conf_host *own = &c->host_configs[i];
		if (own->modules == NULL || !has_register(own->modules) ||
		    can_store(c, own->host))
			continue;
		snprintf(section, sizeof(section), "host_config[%zu].", i + 1);
		warn(section, own->has_auth, root, e);
	}
}
