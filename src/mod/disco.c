/* Service discovery (XEP-0030) of the server and of accounts, and its contact addresses
 * (XEP-0157): MongooseIM's mod_disco. */
#include "core/module.h"

struct info_row {
	struct strv name;
	const struct strv *urls;
	size_t n_urls;
};

struct disco_conf {
	const struct strv *extra_domains;
	size_t n_extra_domains;
	const struct info_row *server_info;
	size_t n_server_info;
};

extern const struct module mod_disco;

/* Of a node, which an answer repeats: as an address, of which ours are a part. */
enum { NODE_MAX = 3071 };

/* XEP-0115 8.4: a node of our own capabilities is the server itself; we have no others. */
static bool node_is_ours(const struct ctx *c)
{
	struct strv node = xml_attr(stanza_payload(c->stanza), "node");
	ptrdiff_t hash = node.p ? strv_find(node, '#') : -1;

	return node.p == NULL ||
	       (hash >= 0 && node.n <= NODE_MAX &&
		strv_eq(strv_from_pos(node, (size_t)hash + 1), c->host->disco->ver));
}

static void start_query(struct ctx *c, struct xml_out *o, enum xml_ns ns)
{
	xo_start(o, "query", ns);
	xo_attr(o, "node", xml_attr(stanza_payload(c->stanza), "node"));
}

static enum verdict server_info(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct xml_out o = xml_out(&b);

	if (!node_is_ours(c)) {
		reply_error(c, STANZA_ERR_ITEM_NOT_FOUND, NULL);
		return HANDLED;
	}
	start_query(c, &o, NS_DISCO_INFO);
	xo_raw(&o, c->host->disco->info);
	xo_end(&o);
	if (o.err)
		reply_error(c, STANZA_ERR_INTERNAL_SERVER_ERROR, NULL);
	else
		reply_payload(c, buf_strv(&b));
	return HANDLED;
}

static enum verdict server_items(struct ctx *c)
{
	const struct disco_conf *conf = mod_conf(c->host, &mod_disco);
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct xml_out o = xml_out(&b);

	if (!node_is_ours(c)) {
		reply_error(c, STANZA_ERR_ITEM_NOT_FOUND, NULL);
		return HANDLED;
	}
	start_query(c, &o, NS_DISCO_ITEMS);
	for (size_t i = 0; i < conf->n_extra_domains; i++) {
		xo_start(&o, "item", NS_NONE);
		xo_attr(&o, "jid", conf->extra_domains[i]);
		xo_end(&o);
	}
	xo_end(&o);
	if (o.err)
		reply_error(c, STANZA_ERR_INTERNAL_SERVER_ERROR, NULL);
	else
		reply_payload(c, buf_strv(&b));
	return HANDLED;
}

/* XEP-0030 8: whether an account exists, and what it has, is for those who may see its
 * presence. */
static bool may_ask(const struct ctx *c)
{
	struct jid from = jid_bare(c->stanza->from);

	return jid_eq(from, c->user->jid) ||
	       sub_has_from(roster_get(c->user->roster, from).sub.state);
}

static enum verdict account_info(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	struct xml_out o = xml_out(&b);

	if (!c->user->anonymous && !may_ask(c)) /* XEP-0175 4: a MUST, whoever asks */
		return PASS;
	if (xml_attr(stanza_payload(c->stanza), "node").n) {
		reply_error(c, STANZA_ERR_ITEM_NOT_FOUND, NULL);
		return HANDLED;
	}
	start_query(c, &o, NS_DISCO_INFO);
	xo_raw(&o, c->user->anonymous ? c->host->disco->anonymous_features
				      : c->host->disco->account_features);
	xo_end(&o);
	ASSERT(o.err == 0);
	reply_payload(c, buf_strv(&b));
	return HANDLED;
}

static enum verdict account_items(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(4 << 20);
	struct xml_out o = xml_out(&b);

	if (!may_ask(c))
		return PASS;
	start_query(c, &o, NS_DISCO_ITEMS);
	LIST_EACH(it, &c->user->sessions) {
		struct session *s = container_of(it, struct session, in_user);
		if (!session_is_available(s))
			continue;
		xo_start(&o, "item", NS_NONE);
		xo_attr(&o, "jid", jid_text(session_jid(s)));
		xo_end(&o);
	}
	xo_end(&o);
	if (o.err)
		reply_error(c, STANZA_ERR_RESOURCE_CONSTRAINT, NULL);
	else
		reply_payload(c, buf_strv(&b));
	return HANDLED;
}

/* XEP-0157: one list-multi field for each row, named "abuse-addresses" and so on. */
static void contact_form(const struct host *h, struct xml_out *o)
{
	const struct disco_conf *conf = mod_conf(h, &mod_disco);

	if (conf->n_server_info == 0)
		return;
	xo_start(o, "x", NS_DATA);
	xo_attr(o, "type", STRV("result"));
	xo_start(o, "field", NS_NONE);
	xo_attr(o, "var", STRV("FORM_TYPE"));
	xo_attr(o, "type", STRV("hidden"));
	xo_leaf(o, "value", NS_NONE, ns_text(NS_SERVERINFO));
	xo_end(o);
	for (size_t i = 0; i < conf->n_server_info; i++) {
		const struct info_row *row = &conf->server_info[i];
		xo_start(o, "field", NS_NONE);
		xo_attr(o, "var", row->name);
		xo_attr(o, "type", STRV("list-multi"));
		for (size_t k = 0; k < row->n_urls; k++)
			xo_leaf(o, "value", NS_NONE, row->urls[k]);
		xo_end(o);
	}
	xo_end(o);
}

static void check_url(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct strv *url = dst;

	if (url->n == 0)
		conf_complain_expected(c, "an address");
}

static const struct conf_option info_options[] = {
	CONF_STRING("name", struct info_row, name, NULL,
		    "The form's field: `abuse-addresses`, `admin-addresses`, ...",
		    .mandatory = true, .has_range = true, .min = 1, .max = 256),
	CONF_STRING_ARRAY("urls", struct info_row, urls, NULL, "The addresses, as URIs.",
			  .mandatory = true, .check = check_url),
	CONF_UNSUPPORTED("modules"),
	{ 0 },
};

static void check_domain(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *domain = dst;

	if (jid_prep_domain(conf_arena(c), *domain, domain) < 0)
		conf_complain_expected(c, "a domain");
}

static const struct conf_option options[] = {
	CONF_STRING_ARRAY("extra_domains", struct disco_conf, extra_domains, "[]",
			  "Further domains that the server lists as items.",
			  .allowed = "a domain", .check = check_domain, .unique = true),
	CONF_TABLE_ARRAY("server_info", struct disco_conf, server_info, info_options,
			 "Contact addresses (XEP-0157), one table a field."),
	CONF_UNSUPPORTED("users_can_see_hidden_services"),
	{ 0 },
};

static const struct iq_handler iq[] = {
	{ NS_DISCO_INFO, "query", IQ_ON_GET | IQ_TO_SERVER, server_info },
	{ NS_DISCO_ITEMS, "query", IQ_ON_GET | IQ_TO_SERVER, server_items },
	{ NS_DISCO_INFO, "query", IQ_ON_GET | IQ_TO_OWN, account_info },
	{ NS_DISCO_ITEMS, "query", IQ_ON_GET | IQ_TO_OWN, account_items },
	{ NS_DISCO_INFO, "query", IQ_ON_GET | IQ_TO_ACCOUNT, account_info },
	{ NS_DISCO_ITEMS, "query", IQ_ON_GET | IQ_TO_ACCOUNT, account_items },
	{ 0 },
};

const struct module mod_disco = {
	.name = "mod_disco",
	.doc = "Service discovery (XEP-0030) and contact addresses (XEP-0157).",
	.on_by_default = true,
	.disco_form = contact_form,
	.iq = iq,
	.options = options,
	.conf_size = sizeof(struct disco_conf),
};
