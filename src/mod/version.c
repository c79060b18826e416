/* Software version (XEP-0092): MongooseIM's mod_version. */
#include "core/module.h"
#include "core/server/version.h"

#include <sys/utsname.h>

struct version_conf {
	bool os_info;
};

extern const struct module mod_version;

static enum verdict on_get(struct ctx *c)
{
	const struct version_conf *conf = mod_conf(c->host, &mod_version);
	AUTO(buf_free) struct buf b = BUF_INIT(4096);
	struct xml_out o = xml_out(&b);
	struct utsname os;

	xo_start(&o, "query", NS_VERSION);
	xo_leaf(&o, "name", NS_NONE, STRV("Meerkat"));
	xo_leaf(&o, "version", NS_NONE, STRV(MEERKAT_VERSION));
	if (conf->os_info && uname(&os) == 0)
		xo_leaf(&o, "os", NS_NONE,
			strv_from(arena_printf(c->scratch, "%s %s", os.sysname,
					       os.release)));
	xo_end(&o);
	ASSERT(o.err == 0);
	reply_payload(c, buf_strv(&b));
	return HANDLED;
}

static const struct conf_option options[] = {
	CONF_BOOL("os_info", struct version_conf, os_info, "false",
		  "Tell the operating system, too."),
	{ 0 },
};

static const struct iq_handler iq[] = {
	{ NS_VERSION, "query", IQ_ON_GET | IQ_TO_SERVER, on_get },
	{ 0 },
};

const struct module mod_version = {
	.name = "mod_version",
	.doc = "Software version (XEP-0092).",
	.features = (const enum xml_ns[]){ NS_VERSION, NS_NONE },
	.on_by_default = true,
	.iq = iq,
	.options = options,
	.conf_size = sizeof(struct version_conf),
};
