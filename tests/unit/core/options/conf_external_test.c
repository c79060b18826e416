/* auth.pki, and what SASL EXTERNAL is configured with. */
#include "conf_text.h"
#include "core/options/host.h"
#include "xmpp/sasl/sasl.h"

#define EXTERNAL "sasl_mechanisms = [\"external\", \"plain\"]\n"

static struct conf *load(const char *text)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	if (conf_text_load(text, &c, &errors) < 0)
		test_fail(__FILE__, __LINE__, "%s", buf_cstr(&errors));
	return c;
}

TEST(conf_external_methods_are_those_with_a_section)
{
	enum { INTERNAL = 1 << AUTH_INTERNAL, PKI = 1 << AUTH_PKI };
	static const struct {
		const char *auth;
		int methods, first;
	} cases[] = {
		{ "", INTERNAL, AUTH_INTERNAL },
		{ "[auth]\n" EXTERNAL, INTERNAL, AUTH_INTERNAL },
		{ "[auth.internal]\n", INTERNAL, AUTH_INTERNAL },
		{ "[auth]\n" EXTERNAL "[auth.pki]\n", PKI, AUTH_PKI },
		{ "[auth]\n" EXTERNAL "[auth.pki]\n[auth.internal]\n", INTERNAL | PKI,
		  AUTH_INTERNAL },
		{ "[auth]\nmethods = [\"pki\", \"internal\"]\n" EXTERNAL, INTERNAL | PKI,
		  AUTH_PKI },
		{ "[auth]\nmethods = [\"internal\"]\n[auth.pki]\n", INTERNAL,
		  AUTH_INTERNAL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_free) struct buf text = BUF_INIT(4096);
		struct conf *c;

		buf_putf(&text, "%s%s%s", GENERAL, LISTEN, cases[i].auth);
		c = load(buf_cstr(&text));
		CHECK_INT(c->auth.method_set, cases[i].methods);
		CHECK_INT(c->auth.methods[0], cases[i].first);
		conf_unref(&c);
	}
}

TEST(conf_external_is_not_there_by_default)
{
	struct conf *c = load(GENERAL LISTEN);

	CHECK(!(c->auth.mechanisms & (1u << SASL_EXTERNAL)));
	CHECK(c->auth.external.n_rules == 1 &&
	      c->auth.external.rules[0] == EXTERNAL_STANDARD);
	CHECK_STR(c->auth.external.prefix, "");
	conf_unref(&c);
	c = load(GENERAL LISTEN "[auth]\n" EXTERNAL
				"sasl_external = [\"common_name\", \"auth_id\"]\n"
				"sasl_external_common_name.prefix = \"u_\"\n"
				"sasl_external_common_name.suffix = \".1\"\n");
	CHECK(c->auth.n_order == 2 && c->auth.order[0] == SASL_EXTERNAL);
	CHECK(c->auth.external.n_rules == 2 &&
	      c->auth.external.rules[1] == EXTERNAL_AUTH_ID);
	CHECK_STR(c->auth.external.prefix, "u_");
	CHECK_STR(c->auth.external.suffix, ".1");
	conf_unref(&c);
}

TEST(conf_external_of_a_domain_is_its_own)
{
	struct conf *c = load(GENERAL LISTEN "[[host_config]]\nhost = \"example.com\"\n"
					     "auth.sasl_mechanisms = [\"external\"]\n"
					     "auth.pki = {}\n"
					     "auth.sasl_external = [\"auth_id\"]\n");

	CHECK_INT(c->auth.method_set, 1 << AUTH_INTERNAL);
	CHECK_INT(c->hosts[0].auth->method_set, 1 << AUTH_PKI);
	CHECK_INT(c->hosts[0].auth->external.rules[0], EXTERNAL_AUTH_ID);
	conf_unref(&c);
}

TEST(conf_external_errors)
{
	conf_text_fails(
		GENERAL LISTEN "[auth]\nmethods = [\"pki\"]\n",
		":6:2: error: auth.sasl_mechanisms: \"pki\" serves none but \"external\"\n");
	conf_text_fails(
		GENERAL LISTEN "[auth]\n" EXTERNAL
			       "sasl_external = [\"mod\", \"standard\", \"standard\"]\n"
			       "sasl_external_common_name.prefix = \"a@b\"\n",
		":8:18: error: auth.sasl_external[1]: expected \"standard\", "
		"\"common_name\" or \"auth_id\", found the string \"mod\"\n"
		":8:37: error: auth.sasl_external[3]: found the string \"standard\" a "
		"second time (the first is at 8:25)\n"
		":9:36: error: auth.sasl_external_common_name.prefix: expected a "
		"localpart, found the string \"a@b\"\n");
	conf_text_fails(
		GENERAL LISTEN "allowed_auth_methods = [\"pki\"]\n",
		":6:25: error: listen.c2s[1].allowed_auth_methods[1]: expected one "
		"of auth.methods, found \"pki\"\n");
}

TEST(conf_external_warnings)
{
	conf_text_warns(GENERAL LISTEN "[auth]\nmethods = [\"internal\", \"pki\"]\n",
			":7:11: warning: auth.methods: nobody can log in by \"pki\": "
			"auth.sasl_mechanisms does not have \"external\"\n");
	conf_text_warns(GENERAL LISTEN "[auth]\n" EXTERNAL,
			":7:19: warning: auth.sasl_mechanisms: \"external\" is never "
			"offered: no listener asks clients for a certificate\n");
}
