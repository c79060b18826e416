/* vCards (XEP-0054): MongooseIM's mod_vcard. */
#include "core/module.h"

enum { VCARD_MAX_BYTES = 1 << 20 }; /* there are pictures in it */

static void got(struct later *l, struct store_call *call)
{
	bool own = jid_eq_bare(l->stanza.from, l->user->jid);
	struct xml_el *el;

	if (call->err == 0 && xml_parse(l->arena, call->text, NS_CLIENT, &el) == 0) {
		later_payload(l, call->text);
		return;
	}
	if (call->err == 0)
		log_some_errors("vcard.row", STRV_FMT ": the stored vCard cannot be read",
				STRV_ARG(jid_text(l->user->jid)));
	if (call->err != -ENOENT)
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR, "the database failed");
	else if (own)
		later_payload(l, STRV("<vCard xmlns='vcard-temp'/>"));
	else /* as for an account that does not exist: XEP-0054 3.3 */
		later_error(l, STANZA_ERR_SERVICE_UNAVAILABLE, NULL);
}

static enum verdict on_get(struct ctx *c)
{
	struct later *l;

	if (c->user->anonymous && !jid_eq_bare(c->stanza->from, c->user->jid))
		return PASS;
	if (c->user->anonymous) {
		reply_payload(c, STRV("<vCard xmlns='vcard-temp'/>"));
		return HANDLED;
	}
	if (reply_busy(c))
		return HANDLED;
	l = later_new(c);
	later_store(l, store_vcard_get(c->user->jid), got);
	return HANDLED;
}

static void stored(struct later *l, struct store_call *call)
{
	if (call->err < 0)
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR, "the database failed");
	else
		later_result(l);
}

static enum verdict on_set(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(VCARD_MAX_BYTES);
	struct later *l;

	if (c->user->anonymous) {
		reply_error(c, STANZA_ERR_NOT_ALLOWED, "not without an account");
		return HANDLED;
	}
	if (xml_write_el(&b, stanza_payload(c->stanza), NS_CLIENT) < 0) {
		reply_error(c, STANZA_ERR_POLICY_VIOLATION, "more than 1 MiB");
		return HANDLED;
	}
	l = later_new(c);
	later_store(l, store_vcard_set(c->user->jid, buf_strv(&b)), stored);
	return HANDLED;
}

static enum verdict on_other(struct ctx *c)
{
	reply_error(c, STANZA_ERR_FORBIDDEN, NULL);
	return HANDLED;
}

static enum verdict on_server(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4096);
	struct xml_out o = xml_out(&b);

	xo_start(&o, "vCard", NS_VCARD);
	xo_leaf(&o, "FN", NS_NONE, STRV("Meerkat"));
	xo_end(&o);
	ASSERT(o.err == 0);
	reply_payload(c, buf_strv(&b));
	return HANDLED;
}

static const struct conf_option options[] = {
	CONF_UNSUPPORTED("host"), CONF_UNSUPPORTED("search"), CONF_UNSUPPORTED("matches"),
	CONF_UNSUPPORTED("ldap"), CONF_UNSUPPORTED("riak"),   { 0 },
};

static const struct iq_handler iq[] = {
	{ NS_VCARD, "vCard", IQ_ON_GET | IQ_TO_OWN, on_get },
	{ NS_VCARD, "vCard", IQ_ON_GET | IQ_TO_ACCOUNT, on_get },
	{ NS_VCARD, "vCard", IQ_ON_SET | IQ_TO_OWN, on_set },
	{ NS_VCARD, "vCard", IQ_ON_SET | IQ_TO_ACCOUNT, on_other, STANZA_ERR_FORBIDDEN },
	{ NS_VCARD, "vCard", IQ_ON_GET | IQ_TO_SERVER, on_server },
	{ 0 },
};

const struct module mod_vcard = {
	.name = "mod_vcard",
	.doc = "vCards (XEP-0054).",
	.features = (const enum xml_ns[]){ NS_VCARD, NS_NONE },
	.account_features = (const enum xml_ns[]){ NS_VCARD, NS_NONE },
	.on_by_default = true,
	.iq = iq,
	.options = options,
};
