/* The method `anonymous` in the configuration. */
#include "conf_text.h"
#include "xmpp/sasl/sasl.h"

enum { ANONYMOUS_BIT = 1u << SASL_ANONYMOUS, PLAIN_BIT = 1u << SASL_PLAIN };

static struct conf *load(const char *text)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	if (conf_text_load(text, &c, &errors) < 0)
		test_fail(__FILE__, __LINE__, "%s", buf_cstr(&errors));
	return c;
}

TEST(conf_anonymous_has_its_defaults)
{
	struct conf *c = load(GENERAL LISTEN "[auth.anonymous]\n");

	CHECK_INT(c->auth.method_set, 1 << AUTH_ANONYMOUS);
	CHECK_INT(c->auth.mechanisms, ANONYMOUS_BIT);
	CHECK_INT(c->auth.anonymous.max_users, 10000);
	CHECK(!c->auth.anonymous.allow_multiple_connections);
	conf_unref(&c);
	c = load(GENERAL LISTEN "[auth]\nmethods = [\"anonymous\"]\n");
	CHECK_INT(c->auth.mechanisms, ANONYMOUS_BIT);
	conf_unref(&c);
	c = load(GENERAL LISTEN);
	CHECK(!(c->auth.mechanisms & ANONYMOUS_BIT)); /* XEP-0175 2: not by default */
	conf_unref(&c);
}

TEST(conf_anonymous_protocols_have_their_mechanisms)
{
	struct conf *c =
		load(GENERAL LISTEN
		     "[auth.anonymous]\nprotocol = \"login_anon\"\n"
		     "allow_multiple_connections = true\nmax_users = \"infinity\"\n");

	CHECK_INT(c->auth.mechanisms, PLAIN_BIT);
	CHECK(c->auth.anonymous.max_users == CONF_INFINITY);
	CHECK(c->auth.anonymous.allow_multiple_connections);
	conf_unref(&c);
	c = load(GENERAL LISTEN "[auth.anonymous]\nprotocol = \"both\"\n");
	CHECK_INT(c->auth.mechanisms, PLAIN_BIT | ANONYMOUS_BIT);
	conf_unref(&c);
	c = load(GENERAL LISTEN "[auth]\nsasl_mechanisms = [\"anonymous\", \"plain\"]\n"
				"[auth.anonymous]\nprotocol = \"both\"\n");
	CHECK(c->auth.n_order == 2 && c->auth.order[0] == SASL_ANONYMOUS);
	conf_unref(&c);
	c = load(GENERAL LISTEN "[auth.anonymous]\n[auth.internal]\n");
	CHECK_INT(c->auth.methods[0], AUTH_ANONYMOUS);
	CHECK(c->auth.mechanisms & ANONYMOUS_BIT && c->auth.n_order > 10);
	conf_unref(&c);
}

TEST(conf_anonymous_needs_its_mechanisms)
{
	conf_text_fails(
		GENERAL LISTEN
		"[auth]\nmethods = [\"anonymous\"]\nsasl_mechanisms = [\"plain\"]\n",
		":8:19: error: auth.sasl_mechanisms: \"anonymous\" serves "
		"\"anonymous\" (sasl_anon) and \"plain\" (login_anon)\n");
	conf_text_warns(
		GENERAL LISTEN "[auth]\nmethods = [\"anonymous\", \"internal\"]\n"
			       "sasl_mechanisms = [\"plain\"]\n",
		":7:11: warning: auth.methods: nobody can log in by \"anonymous\": "
		"auth.sasl_mechanisms has none of its mechanisms\n");
}

TEST(conf_anonymous_says_where_no_name_is_free)
{
	conf_text_warns(
		GENERAL LISTEN "[auth]\nmethods = [\"anonymous\", \"pki\"]\n"
			       "sasl_mechanisms = [\"plain\"]\n"
			       "[auth.anonymous]\nprotocol = \"both\"\n",
		":7:11: warning: auth.methods: nobody can log in by \"login_anon\": "
		"by the method pki, each name is an account's\n"
		":7:11: warning: auth.methods: nobody can log in by \"pki\": "
		"auth.sasl_mechanisms does not have \"external\"\n");
}
