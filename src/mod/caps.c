/* Entity capabilities (XEP-0115): the server's own, in its stream features. Clients' travel in
 * their presence like any other content. MongooseIM's mod_caps. */
#include "core/module.h"

static void features(const struct host *h, bool authed, bool registers, struct buf *b)
{
	struct xml_out o = xml_out(b);

	if (!authed)
		return;
	xo_start(&o, "c", NS_CAPS);
	xo_attr(&o, "hash", STRV("sha-1"));
	xo_attr(&o, "node", STRV("https://meerkat.im/"));
	xo_attr(&o, "ver", h->disco->ver);
	xo_end(&o);
}

static const struct hooks hooks = { .phase = PHASE_MAIN, .features = features };

const struct module mod_caps = {
	.name = "mod_caps",
	.doc = "The server's entity capabilities (XEP-0115).",
	.features = (const enum xml_ns[]){ NS_CAPS, NS_NONE },
	.on_by_default = true,
	.hooks = &hooks,
};
