/* Private XML storage (XEP-0049): MongooseIM's mod_private. */
#include "core/module.h"

enum {
	PRIVATE_MAX_BYTES = 256 << 10, /* of one element */
	PRIVATE_MAX_ELEMENTS = 100,    /* of an account */
};

/* The one element asked for or to be stored, which needs a namespace of its own. */
static const struct xml_el *wanted(struct ctx *c, enum stanza_err *err)
{
	const struct xml_el *query = stanza_payload(c->stanza), *el = query->first;

	*err = STANZA_ERR_NOT_ACCEPTABLE;
	if (el == NULL || el->next)
		*err = STANZA_ERR_BAD_REQUEST;
	else if (el->ns != NS_PRIVATE && el->ns != NS_NONE)
		return el;
	return NULL;
}

/* The element as it was asked for, empty: nothing is stored yet. */
static void answer_empty(struct later *l)
{
	AUTO(buf_free) struct buf b = BUF_INIT(64 << 10);
	const struct xml_el *el = stanza_payload(&l->stanza)->first;
	int r = buf_adds(&b, STRV("<query xmlns='jabber:iq:private'>"));

	r = r ? r : xml_write_el(&b, el, NS_PRIVATE);
	r = r ? r : buf_adds(&b, STRV("</query>"));
	if (r < 0)
		later_error(l, STANZA_ERR_POLICY_VIOLATION, NULL);
	else
		later_payload(l, buf_strv(&b));
}

static void got(struct later *l, struct store_call *call)
{
	AUTO(buf_free) struct buf b = BUF_INIT(call->text.n + 1024);
	struct xml_el *el;

	if (call->err == -ENOENT) {
		answer_empty(l);
		return;
	}
	if (call->err < 0) {
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR, "the database failed");
		return;
	}
	if (xml_parse(l->arena, call->text, NS_PRIVATE, &el) < 0) {
		log_some_errors("private.row",
				STRV_FMT ": what is stored as " STRV_FMT
					 " cannot be read",
				STRV_ARG(jid_text(l->user->jid)), STRV_ARG(call->key));
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR,
			    "the stored data cannot be read");
		return;
	}
	buf_put(&b, STRV("<query xmlns='jabber:iq:private'>"));
	buf_put(&b, call->text);
	buf_put(&b, STRV("</query>"));
	later_payload(l, buf_strv(&b));
}

static enum verdict on_get(struct ctx *c)
{
	enum stanza_err err;
	const struct xml_el *el = wanted(c, &err);
	struct later *l;

	if (el == NULL) {
		reply_error(c, err, NULL);
		return HANDLED;
	}
	if (reply_busy(c))
		return HANDLED;
	l = later_new(c);
	if (c->user->anonymous) {
		answer_empty(l);
		return HANDLED;
	}
	later_store(l, store_private_get(c->user->jid, el->ns_uri), got);
	return HANDLED;
}

static void stored(struct later *l, struct store_call *call)
{
	if (call->err == -ENOSPC)
		later_error(l, STANZA_ERR_RESOURCE_CONSTRAINT,
			    "there is no room for another element");
	else if (call->err < 0)
		later_error(l, STANZA_ERR_INTERNAL_SERVER_ERROR, "the database failed");
	else
		later_result(l);
}

static enum verdict on_set(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(PRIVATE_MAX_BYTES);
	enum stanza_err err;
	const struct xml_el *el = wanted(c, &err);
	struct later *l;

	if (c->user->anonymous) {
		reply_error(c, STANZA_ERR_NOT_ALLOWED, "not without an account");
		return HANDLED;
	}
	if (el && xml_write_el(&b, el, NS_PRIVATE) < 0) {
		reply_error(c, STANZA_ERR_POLICY_VIOLATION, "more than 256 KiB");
		return HANDLED;
	}
	if (el == NULL) {
		reply_error(c, err, NULL);
		return HANDLED;
	}
	l = later_new(c);
	later_store(l,
		    store_private_set(c->user->jid, el->ns_uri, buf_strv(&b),
				      PRIVATE_MAX_ELEMENTS),
		    stored);
	return HANDLED;
}

static enum verdict on_other(struct ctx *c)
{
	reply_error(c, STANZA_ERR_FORBIDDEN, NULL);
	return HANDLED;
}

static const struct iq_handler iq[] = {
	{ NS_PRIVATE, "query", IQ_ON_GET | IQ_TO_OWN, on_get },
	{ NS_PRIVATE, "query", IQ_ON_SET | IQ_TO_OWN, on_set },
	{ NS_PRIVATE, "query", IQ_ON_GET | IQ_TO_ACCOUNT, on_other,
	  STANZA_ERR_FORBIDDEN },
	{ NS_PRIVATE, "query", IQ_ON_SET | IQ_TO_ACCOUNT, on_other,
	  STANZA_ERR_FORBIDDEN },
	{ 0 },
};

const struct module mod_private = {
	.name = "mod_private",
	.doc = "Private XML storage (XEP-0049).",
	.features = (const enum xml_ns[]){ NS_PRIVATE, NS_NONE },
	.on_by_default = true,
	.iq = iq,
};
