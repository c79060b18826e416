#include "core/server/disco.h"
#include "core/module.h"
#include "xmpp/caps.h"

static void put_features(struct xml_out *o, const enum xml_ns *ns)
{
	for (; ns && *ns != NS_NONE; ns++) {
		xo_start(o, "feature", NS_NONE);
		xo_attr(o, "var", ns_text(*ns));
		xo_end(o);
	}
}

static void put_identity(struct xml_out *o, const char *category, const char *type,
			 const char *name)
{
	xo_start(o, "identity", NS_NONE);
	xo_attr(o, "category", strv_from(category));
	xo_attr(o, "type", strv_from(type));
	xo_attr(o, "name", strv_from(name));
	xo_end(o);
}

static void put_server(const struct host *h, struct xml_out *o)
{
	static const enum xml_ns always[] = { NS_DISCO_INFO, NS_DISCO_ITEMS, NS_NONE };

	put_identity(o, "server", "im", "Meerkat");
	put_features(o, always);
	for (const struct module **m = h->modules; *m; m++)
		put_features(o, (*m)->features);
	for (const struct module **m = h->modules; *m; m++)
		if ((*m)->disco_form)
			(*m)->disco_form(h, o);
}

static struct strv ver_of(struct strv info, struct arena *a)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	AUTO(arena_free) struct arena *tmp = arena_new(8192);
	struct xml_el *query;
	char *ver = arena_alloc(a, CAPS_VER_LEN);
	int r;

	buf_put(&b, STRV("<query xmlns='http://jabber.org/protocol/disco#info'>"));
	buf_put(&b, info);
	buf_put(&b, STRV("</query>"));
	r = xml_parse(tmp, buf_strv(&b), NS_CLIENT, &query);
	ASSERT(r == 0); /* our own writing */
	caps_ver(tmp, query, ver);
	return strv_make(ver, CAPS_VER_LEN);
}

static struct strv account_info(const struct host *h, struct arena *a, const char *type)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct xml_out o = xml_out(&b);

	put_identity(&o, "account", type, NULL);
	put_features(&o, (const enum xml_ns[]){ NS_DISCO_INFO, NS_DISCO_ITEMS, NS_NONE });
	for (const struct module **m = h->modules; *m; m++)
		put_features(&o, (*m)->account_features);
	ASSERT(o.err == 0);
	return arena_strv(a, buf_strv(&b));
}

void disco_build(struct host *h, struct arena *a)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct xml_out o = xml_out(&b);
	struct disco *d = ARENA_NEW(a, struct disco);

	put_server(h, &o);
	d->info = arena_strv(a, buf_strv(&b));
	d->ver = ver_of(d->info, a);
	d->account_features = account_info(h, a, "registered");
	d->anonymous_features = account_info(h, a, "anonymous");
	h->disco = d;
}
