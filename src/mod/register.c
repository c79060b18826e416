/* In-band registration (XEP-0077): MongooseIM's mod_register. Registering itself, before login, is
 * in core/account/register.c; here are the feature, and what an account may do with
 * itself. */
#include "core/module.h"
#include "core/account/account.h"
#include "core/account/account_change.h"
#include "core/account/register.h"
#include "core/c2s/c2s.h"

extern const struct module mod_register;

static void features(const struct host *h, bool authed, bool registers, struct buf *b)
{
	struct xml_out o = xml_out(b);

	if (authed || !registers || register_conf(h) == NULL)
		return;
	xo_start(&o, "register", NS_REGISTER_FEATURE);
	xo_end(&o);
}

/* Whoever asks has the account at this very domain, and is online here. */
static bool is_home_of(const struct ctx *c)
{
	return c->session && c->session->user->host == c->host;
}

static bool has_no_account(struct ctx *c)
{
	if (!c->session->user->anonymous)
		return false;
	reply_error(c, STANZA_ERR_NOT_ALLOWED, "not without an account");
	return true;
}

static enum verdict on_get(struct ctx *c)
{
	AUTO(buf_free) struct buf b = BUF_INIT(16384);
	struct xml_out o = xml_out(&b);

	if (!is_home_of(c))
		return PASS;
	if (has_no_account(c))
		return HANDLED;
	xo_start(&o, "query", NS_REGISTER);
	xo_start(&o, "registered", NS_NONE);
	xo_end(&o);
	xo_leaf(&o, "username", NS_NONE, jid_local(c->stanza->from));
	xo_leaf(&o, "password", NS_NONE, STRV(""));
	xo_end(&o);
	ASSERT(o.err == 0);
	reply_payload(c, buf_strv(&b));
	return HANDLED;
}

/* The account has been changed or removed. */
static void on_ended(struct worker *w, int err, void *arg)
{
	struct later *l = arg;
	const char *text;
	enum stanza_err e = register_error(err, &text);

	if (e)
		later_error(l, e, text);
	else
		later_result(l);
}

/* --- a new password --- */

/* Where it has come in: what waits for the answer needs none. */
static void wipe_passwords(const struct stanza *s)
{
	XML_EACH_CHILD(e, stanza_payload(s))
		if (xml_is(e, NS_REGISTER, "password"))
			memset((char *)(uintptr_t)e->raw.p, ' ', e->raw.n);
}

static enum verdict change_password(struct ctx *c, const struct register_fields *f)
{
	struct stream *st = c->session->stream;
	struct strv local;

	if (f->username.n == 0 || f->password.n == 0) {
		reply_error(c, STANZA_ERR_BAD_REQUEST,
			    "a username and a password are needed");
		return HANDLED;
	}
	if (jid_prep_local(c->scratch, f->username, &local) < 0 ||
	    !strv_eq(local, jid_local(c->session->user->jid))) {
		reply_error(c, STANZA_ERR_NOT_ALLOWED, "only one's own password");
		return HANDLED;
	}
	if (!account_can_store(c->host->auth, st->listener->auth_methods)) {
		reply_error(c, STANZA_ERR_NOT_ALLOWED, "passwords are kept elsewhere");
		return HANDLED;
	}
	if (!register_is_safe(st)) {
		reply_error(c, STANZA_ERR_NOT_AUTHORIZED, "only over TLS");
		return HANDLED;
	}
	if (!register_is_strong(mod_conf(c->host, &mod_register), f->password)) {
		reply_error(c, STANZA_ERR_NOT_ACCEPTABLE, "the password is too weak");
		return HANDLED;
	}
	account_put(st, c->session->user->jid, f->password, false, on_ended,
		    later_new(c));
	return HANDLED;
}

/* --- the end of an account --- */

/* The account ends even if the session that asks for it is gone by then. */
static void remove_account(struct ctx *c)
{
	struct later *l = later_new(c);

	if (l->user == NULL) { /* asked of the server */
		l->user = c->session->user;
		user_pin(l->user);
	}
	account_remove(c->session->stream, l->user->jid, on_ended, l);
}

static enum verdict on_set(struct ctx *c)
{
	struct register_fields f;
	enum verdict v;

	if (!is_home_of(c))
		return PASS;
	if (has_no_account(c))
		return HANDLED;
	register_read(c->scratch, stanza_payload(c->stanza), &f);
	wipe_passwords(c->stanza);
	if (!f.remove) {
		v = change_password(c, &f);
		register_wipe(&f);
		return v;
	}
	register_wipe(&f);
	if (stanza_payload(c->stanza)->first->next) /* XEP-0077 3.2, table 1 */
		reply_error(c, STANZA_ERR_BAD_REQUEST, "<remove/> stands alone");
	else
		remove_account(c);
	return HANDLED;
}

/* --- options --- */

static void check_net(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct register_net *n = dst;

	if (net_parse(n->address, &n->net) < 0)
		conf_complain_at(c, "address",
				 "expected an IP address or network, found \"" STRV_FMT
				 "\"",
				 STRV_ARG(n->address));
}

static const struct conf_option net_options[] = {
	CONF_STRING("address", struct register_net, address, NULL,
		    "An address or a network, `192.0.2.0/24`.", .mandatory = true),
	CONF_ENUM("policy", struct register_net, deny, NULL,
		  CONF_WORDS({ "allow", 0 }, { "deny", 1 }), "What it may.",
		  .mandatory = true),
	{ 0 },
};

static void check_watcher(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *text = dst;
	struct jid jid;

	if (jid_parse(conf_arena(c), *text, &jid) < 0)
		conf_complain_expected(c, "a JID");
}

static const struct conf_option welcome[] = {
	CONF_STRING("subject", struct register_conf, welcome_subject, "\"\"",
		    "Its subject."),
	CONF_STRING("body", struct register_conf, welcome_body, "\"\"", "Its text."),
	{ 0 },
};

static const struct conf_option options[] = {
	CONF_STRING("access", struct register_conf, access, "\"all\"",
		    "The access rule that says which names may be registered.",
		    .is_rule = true),
	CONF_TABLE_ARRAY(
		"ip_access", struct register_conf, ip_access, net_options,
		"From where: of the networks that hold an address, the smallest decides; "
		"none: it may.",
		.check = check_net),
	CONF_SAME_TABLE("welcome_message", welcome,
			"A message to each new account; none when both are empty."),
	CONF_STRING_ARRAY("registration_watchers", struct register_conf,
			  registration_watchers, "[]",
			  "Who gets a message about each new account.",
			  .allowed = "a JID", .check = check_watcher),
	CONF_INT(
		"password_strength", struct register_conf, password_strength, "0", 0,
		10000,
		"The least strength of a password: its bytes times the bits that a byte of its kinds "
		"of characters has; 0: any will do.",
		.unit = "bits"),
	{ 0 },
};

static const struct iq_handler iq[] = {
	{ NS_REGISTER, "query", IQ_ON_GET | IQ_TO_SERVER, on_get },
	{ NS_REGISTER, "query", IQ_ON_GET | IQ_TO_OWN, on_get },
	{ NS_REGISTER, "query", IQ_ON_SET | IQ_TO_SERVER, on_set },
	{ NS_REGISTER, "query", IQ_ON_SET | IQ_TO_OWN, on_set },
	{ 0 },
};

static const struct hooks hooks = { .phase = PHASE_MAIN, .features = features };

const struct module mod_register = {
	.name = "mod_register",
	.doc = "In-band registration (XEP-0077): off unless it is named here.",
	.features = (const enum xml_ns[]){ NS_REGISTER, NS_NONE },
	.iq = iq,
	.hooks = &hooks,
	.options = options,
	.conf_size = sizeof(struct register_conf),
};
