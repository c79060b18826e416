#include "core/options/host.h"
#include "core/module.h"
#include "core/options/access.h"

const struct host *host_find(const struct conf *c, struct strv domain)
{
	for (size_t i = 0; i < c->n_hosts; i++)
		if (strv_eq(c->hosts[i].domain, domain))
			return &c->hosts[i];
	return NULL;
}

bool host_has_module(const struct host *h, const char *name)
{
	for (const struct module **m = h->modules; *m; m++)
		if (strcmp((*m)->name, name) == 0)
			return true;
	return false;
}

static void add_modules(struct host *h, struct arena *a, size_t n_all)
{
	const struct conf_host *own = conf_host_find(h->conf, h->domain);
	void **modules = own && own->modules ? own->modules : h->conf->modules;
	size_t n = 0;

	h->modules = ARENA_ARRAY(a, const struct module *, n_all + 1);
	h->mod_conf = ARENA_ARRAY(a, const void *, n_all);
	for (size_t i = 0; i < n_all; i++) {
		h->mod_conf[i] = modules[i];
		if (h->mod_conf[i])
			h->modules[n++] = all_modules[i];
	}
}

static void add_hooks(struct host *h, struct arena *a, size_t n_all)
{
	size_t n = 0;

	h->hooks = ARENA_ARRAY(a, const struct hooks *, n_all + 1);
	for (int phase = 0; phase < PHASE_MAX; phase++)
		for (const struct module **m = h->modules; *m; m++)
			if ((*m)->hooks && (int)(*m)->hooks->phase == phase)
				h->hooks[n++] = (*m)->hooks;
}

static void add_iq(struct host *h, struct arena *a, const struct iq_handler *ih)
{
	const struct iq_handler **old = h->iq[ih->ns], **list;
	size_t n = 0;

	ASSERT(ih->ns != NS_NONE && ih->ns != NS_OTHER);
	while (old && old[n])
		n++;
	list = ARENA_ARRAY(a, const struct iq_handler *, n + 2);
	if (n)
		memcpy(list, old, n * sizeof(*list));
	list[n] = ih;
	h->iq[ih->ns] = list;
}

static int build(struct host *h, struct arena *a, struct buf *err)
{
	size_t n_all = 0;
	int r = 0;

	while (all_modules[n_all])
		n_all++;
	add_modules(h, a, n_all);
	add_hooks(h, a, n_all);
	for (const struct module **m = h->modules; *m; m++)
		for (const struct iq_handler *ih = (*m)->iq; ih && ih->fn; ih++)
			add_iq(h, a, ih);
	disco_build(h, a);
	for (const struct module **m = h->modules; r == 0 && *m; m++)
		r = (*m)->host_start ? (*m)->host_start(h, err) : 0;
	return r;
}

int hosts_build(struct conf *c, struct buf *err)
{
	int r = 0;

	c->hosts = ARENA_ARRAY(c->arena, struct host, c->general.n_hosts);
	for (size_t i = 0; r == 0 && i < c->general.n_hosts; i++) {
		struct host *h = &c->hosts[i];
		h->domain = c->general.hosts[i];
		h->conf = c;
		h->auth = conf_auth_of(c, h->domain);
		h->access = access_merge(c, conf_host_find(c, h->domain));
		c->n_hosts++;
		r = build(h, c->arena, err);
	}
	return r;
}
