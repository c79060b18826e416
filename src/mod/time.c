/* Entity time (XEP-0202): MongooseIM's mod_time. */
#include "core/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static enum verdict on_get(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1024);
	struct xml_out o = xml_out(&b);
	wallus_t now = clock_wall_us();
	time_t sec = (time_t)(now / 1000000);
	char utc[STAMP_LEN], tzo[16];
	struct tm tm;
	long off;

	localtime_r(&sec, &tm);
	off = tm.tm_gmtoff / 60;
	snprintf(tzo, sizeof(tzo), "%c%02ld:%02ld", off < 0 ? '-' : '+',
		 labs(off) / 60 % 100, labs(off) % 60);
	stamp_format_seconds(now, utc);
	xo_start(&o, "time", NS_TIME);
	xo_leaf(&o, "tzo", NS_NONE, strv_from(tzo));
	xo_leaf(&o, "utc", NS_NONE, strv_from(utc));
	xo_end(&o);
	ASSERT(o.err == 0);
	reply_payload(c, buf_strv(&b));
	return HANDLED;
}

static const struct iq_handler iq[] = {
	{ NS_TIME, "time", IQ_ON_GET | IQ_TO_SERVER, on_get },
	{ 0 },
};

const struct module mod_time = {
	.name = "mod_time",
	.doc = "Entity time (XEP-0202).",
	.features = (const enum xml_ns[]){ NS_TIME, NS_NONE },
	.on_by_default = true,
	.iq = iq,
};
