#include "conf_text.h"
#include "core/module.h"
#include "core/options/access.h"
#include "xmpp/sasl/sasl.h"

#include <stdio.h>

TEST(conf_defaults_of_a_minimal_file)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	CHECK_INT(conf_text_load(GENERAL LISTEN, &c, &errors), 0);
	CHECK_STR(buf_strv(&errors), "");
	CHECK(c->n_hosts == 1 && strv_is(c->hosts[0].domain, "example.com"));
	CHECK(c->n_c2s == 1 && c->c2s[0].port == 5222 && !c->c2s[0].has_tls);
	CHECK_INT(c->c2s[0].state_timeout_ms, 5000);
	CHECK(c->c2s[0].max_stanza_size == CONF_INFINITY);
	CHECK(c->c2s[0].backwards_compatible_session);
	CHECK_INT(c->auth.scram_iterations, 10000);
	CHECK_INT(c->general.failed_per_account, 5);
	CHECK_INT(c->general.failed_per_address, 100);
	CHECK_INT(c->general.failed_forget_after_s, 300);
	CHECK_INT(c->general.failed_max_delay_ms, 30000);
	CHECK(c->auth.n_order == SASL_MECH_MAX - 2 &&
	      c->auth.order[0] == SASL_SCRAM_SHA512_PLUS);
	CHECK(host_has_module(&c->hosts[0], "mod_roster"));
	CHECK(!host_has_module(&c->hosts[0], "mod_register"));
	conf_unref(&c);
}

TEST(conf_lists_all_errors_with_place_and_spelling)
{
	conf_text_fails(
		"[general]\n"
		"hosts = [\"example.com\"]\n"
		"default_server_domain = \"example.org\"\n"
		"[[listen.c2s]]\n"
		"prot = 5222\n"
		"access = \"nobody\"\n"
		"[auth]\n"
		"methods = [\"interal\"]\n",
		":4:10: error: listen.c2s[1].port: this option is mandatory, and is missing: "
		"expected an integer from 1 to 65535\n"
		":5:1: error: listen.c2s[1].prot: unknown option; did you mean \"port\"?\n"
		":8:12: error: auth.methods[1]: expected \"internal\", \"rdbms\", \"external\", \"anonymous\", \"ldap\", \"jwt\", "
		"\"http\", \"pki\" or \"dummy\", found the "
		"string \"interal\"; did you mean \"internal\"?\n");
}

TEST(conf_checks_what_shows_only_across_sections)
{
	conf_text_fails(
		"[general]\n"
		"hosts = [\"example.com\"]\n"
		"default_server_domain = \"example.org\"\n" LISTEN LISTEN
		"access = \"nobody\"\n"
		"[access]\n"
		"c2s = [{acl = \"friends\", value = \"allow\"}]\n",
		":3:25: error: general.default_server_domain: expected one of general.hosts, "
		"found \"example.org\"; did you mean \"example.com\"?\n"
		":7:8: error: listen.c2s[2].port: listen.c2s[1] has this address and port\n"
		":8:10: error: listen.c2s[2].access: expected a rule of [access], found \"nobody\"; there is \"all\", \"none\", \"c2s\"\n"
		":10:15: error: access.c2s[1].acl: expected a class of [acl], found \"friends\"; there is \"all\", \"none\"\n");
}

TEST(conf_checks_the_methods_of_a_listener)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	CHECK_INT(
		conf_text_load(
			GENERAL
			"[auth]\nmethods = [\"anonymous\", \"internal\"]\n" LISTEN
			"allowed_auth_methods = [\"internal\"]\n" LISTEN
			"ip_address = \"::1\"\nallowed_auth_methods = [\"anonymous\"]\n" LISTEN
			"ip_address = \"::2\"\nallowed_auth_methods = []\n" LISTEN
			"ip_address = \"::3\"\n",
			&c, &errors),
		0);
	CHECK_INT(c->auth.method_set, 1 << AUTH_INTERNAL | 1 << AUTH_ANONYMOUS);
	CHECK_INT(c->c2s[0].auth_methods, 1 << AUTH_INTERNAL);
	CHECK_INT(c->c2s[1].auth_methods, 1 << AUTH_ANONYMOUS);
	CHECK_INT(c->c2s[2].auth_methods, 0);
	CHECK(c->c2s[3].auth_methods & 1 << AUTH_INTERNAL);
	conf_unref(&c);
	conf_text_fails(
		GENERAL LISTEN "allowed_auth_methods = [\"interal\"]\n",
		":6:25: error: listen.c2s[1].allowed_auth_methods[1]: expected "
		"\"internal\", \"rdbms\", \"external\", \"anonymous\", \"ldap\", \"jwt\", \"http\", \"pki\" or \"dummy\", found the "
		"string \"interal\"; did you mean "
		"\"internal\"?\n");
	conf_text_fails(
		GENERAL LISTEN "allowed_auth_methods = [\"internal\", \"internal\"]\n",
		":6:37: error: listen.c2s[1].allowed_auth_methods[2]: found the string "
		"\"internal\" a second time (the first is at 6:25)\n");
	conf_text_fails(
		GENERAL LISTEN "allowed_auth_methods = [\"anonymous\"]\n",
		":6:25: error: listen.c2s[1].allowed_auth_methods[1]: expected one of "
		"auth.methods, found \"anonymous\"\n");
}

TEST(conf_names_what_mongooseim_knows_and_we_do_not)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	CHECK_INT(conf_text_load(GENERAL LISTEN
				 "[modules.mod_mam]\n[modules.mod_ping]\niqdisc.type = "
				 "\"no_queue\"\n",
				 &c, &errors),
		  0);
	CHECK(strstr(buf_cstr(&errors), "modules.mod_mam"));
	CHECK(strstr(buf_cstr(&errors), "not supported here"));
	CHECK(host_has_module(&c->hosts[0], "mod_ping"));
	CHECK(!host_has_module(&c->hosts[0], "mod_roster")); /* not listed: not on */
	CHECK(host_has_module(&c->hosts[0], "session"));
	conf_unref(&c);
}

TEST(conf_refuses_certificates_that_are_none)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	CHECK_INT(conf_text_load(GENERAL LISTEN "tls.certfile = \"/nonexistent.pem\"\n",
				 &c, &errors),
		  -EINVAL);
	CHECK(strstr(buf_cstr(&errors), ":6:16: error: listen.c2s[1].tls.certfile: "));
	CHECK(strstr(buf_cstr(&errors), "No such file"));
	buf_clear(&errors);
	CHECK_INT(conf_text_load(GENERAL LISTEN "tls.certfile = \"/etc/passwd\"\n", &c,
				 &errors),
		  -EINVAL);
	CHECK(strstr(buf_cstr(&errors),
		     "/etc/passwd: no certificate in PEM can be read"));
}

static struct jid jid(struct arena *a, const char *text)
{
	struct jid j;

	CHECK_INT(jid_parse(a, strv_from(text), &j), 0);
	return j;
}

TEST(access_first_clause_that_fits_wins)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct strv dom = STRV("example.com");
	struct conf *c;

	CHECK_INT(
		conf_text_load(
			GENERAL LISTEN
			"[acl]\n"
			"staff = [{user = \"ann\"}, {user_glob = \"adm*\"}, {user_regexp = \"^x[0-9]+$\"}]\n"
			"phone = [{user = \"ann\", resource = \"phone\"}]\n"
			"others = [{match = \"any_hosted_domain\"}]\n"
			"no = [{match = \"none\"}]\n"
			"[access]\n"
			"c2s = [{acl = \"no\", value = \"allow\"}, {acl = \"phone\", value = \"deny\"},\n"
			"       {acl = \"staff\", value = \"allow\"}]\n"
			"max_user_sessions = [{acl = \"staff\", value = 3},\n"
			"                     {acl = \"all\", value = \"infinity\"}]\n",
			&c, &errors),
		0);
	CHECK(access_allows(c, STRV("c2s"), dom, jid(a, "ann@example.com/desk")));
	CHECK(!access_allows(c, STRV("c2s"), dom, jid(a, "ann@example.com/phone")));
	CHECK(access_allows(c, STRV("c2s"), dom, jid(a, "admin@example.com")));
	CHECK(access_allows(c, STRV("c2s"), dom, jid(a, "x12@example.com")));
	CHECK(!access_allows(c, STRV("c2s"), dom, jid(a, "x12y@example.com")));
	CHECK(!access_allows(c, STRV("c2s"), dom, jid(a, "bob@example.com")));
	CHECK(!access_allows(c, STRV("c2s"), dom,
			     jid(a, "ann@example.org"))); /* another domain */
	CHECK(access_allows(c, STRV("all"), dom, jid(a, "bob@example.com")));
	CHECK(!access_allows(c, STRV("none"), dom, jid(a, "bob@example.com")));
	CHECK_INT(access_number(c, STRV("max_user_sessions"), dom,
				jid(a, "ann@example.com"), 7),
		  3);
	CHECK(access_number(c, STRV("max_user_sessions"), dom, jid(a, "bob@example.com"),
			    7) == CONF_INFINITY);
	CHECK_INT(access_number(c, STRV("absent"), dom, jid(a, "bob@example.com"), 7), 7);
	conf_unref(&c);
}

TEST(access_complains_of_a_bad_expression)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	CHECK_INT(conf_text_load(GENERAL LISTEN "[acl]\nx = [{user_regexp = \"(\"}]\n",
				 &c, &errors),
		  -EINVAL);
	CHECK(strstr(buf_cstr(&errors),
		     "acl.x[1].user_regexp: expected a regular expression"));
}

#define TWO_HOSTS                                                 \
	"[general]\nhosts = [\"example.com\", \"example.org\"]\n" \
	"default_server_domain = \"example.com\"\n" LISTEN

TEST(host_config_replaces_auth_and_modules)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	struct conf *c;

	CHECK_INT(conf_text_load(TWO_HOSTS
				 "[auth]\npassword.scram_iterations = 5000\n"
				 "[modules.mod_ping]\n"
				 "[[host_config]]\nhost = \"EXAMPLE.org\"\n"
				 "[host_config.auth]\npassword.hash = [\"sha256\"]\n"
				 "[host_config.modules.mod_version]\n",
				 &c, &errors),
		  0);
	CHECK_STR(buf_strv(&errors), "");
	CHECK(c->hosts[0].auth == &c->auth);
	CHECK_INT(c->hosts[0].auth->scram_iterations, 5000);
	CHECK_INT(c->hosts[1].auth->scram_iterations, 10000);
	CHECK_INT(c->hosts[1].auth->hashes, 1 << DIGEST_SHA256);
	CHECK_INT(c->hosts[1].auth->n_order, 3); /* with and without -PLUS, PLAIN */
	CHECK(conf_auth_of(c, STRV("example.org")) == c->hosts[1].auth);
	CHECK(host_has_module(&c->hosts[0], "mod_ping"));
	CHECK(!host_has_module(&c->hosts[0], "mod_version"));
	CHECK(host_has_module(&c->hosts[1], "mod_version"));
	CHECK(!host_has_module(&c->hosts[1], "mod_ping"));
	CHECK(host_has_module(&c->hosts[1], "session"));
	conf_unref(&c);
}

TEST(host_config_adds_to_acl_and_access)
{
	AUTO(buf_free) struct buf errors = BUF_INIT(1 << 20);
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct strv com = STRV("example.com"), org = STRV("example.org");
	struct conf *c;

	CHECK_INT(conf_text_load(
			  TWO_HOSTS
			  "access = \"c2s\"\n"
			  "[acl]\nblocked = [{user = \"mallory\"}]\n"
			  "[access]\nc2s = [{acl = \"blocked\", value = \"deny\"},\n"
			  "  {acl = \"all\", value = \"allow\"}]\n"
			  "open = [{acl = \"staff\", value = \"allow\"}]\n"
			  "[[host_config]]\nhost = \"example.org\"\n"
			  "[host_config.acl]\nblocked = [{user = \"eve\"}]\n"
			  "staff = [{user = \"ann\"}]\n"
			  "[host_config.access]\nc2s = [{acl = \"staff\", value = 7}]\n"
			  "open = [{acl = \"all\", value = \"allow\"}]\n"
			  "own = [{acl = \"staff\", value = 3}]\n",
			  &c, &errors),
		  0);
	CHECK(!access_allows(c, STRV("c2s"), com, jid(a, "mallory@example.com")));
	CHECK(access_allows(c, STRV("c2s"), com, jid(a, "eve@example.com")));
	CHECK(access_allows(c, STRV("c2s"), com, jid(a, "ann@example.com")));
	CHECK(!access_allows(c, STRV("c2s"), org, jid(a, "mallory@example.org")));
	CHECK(!access_allows(c, STRV("c2s"), org, jid(a, "eve@example.org")));
	CHECK_STR(access_value(c, STRV("c2s"), org, jid(a, "ann@example.org")), "7");
	CHECK(access_allows(c, STRV("c2s"), org, jid(a, "bob@example.org")));
	CHECK(!access_allows(c, STRV("open"), com, jid(a, "ann@example.com")));
	CHECK(access_allows(c, STRV("open"), org, jid(a, "bob@example.org")));
	CHECK_INT(access_number(c, STRV("own"), org, jid(a, "ann@example.org"), 9), 3);
	CHECK_INT(access_number(c, STRV("own"), com, jid(a, "ann@example.com"), 9), 9);
	conf_unref(&c);
}

TEST(host_config_mistakes)
{
	conf_text_fails(
		TWO_HOSTS
		"[[host_config]]\nhost = \"example.net\"\n"
		"[host_config.auth]\npassword.hash = [\"sha256\"]\n"
		"sasl_mechanisms = [\"scram_sha1\"]\n"
		"[[host_config]]\nhost = \"example.org\"\n"
		"[host_config.access]\nc2s = [{acl = \"staff\", value = \"deny\"}]\n"
		"[[host_config]]\nhost = \"example.org\"\n",
		":7:8: error: host_config[1].host: expected one of general.hosts, "
		"found \"example.net\"; did you mean \"example.com\"?\n"
		":10:19: error: host_config[1].auth.sasl_mechanisms: none of these can "
		"be served with host_config[1].auth.password.hash\n"
		":14:15: error: host_config[2].access.c2s[1].acl: expected a class "
		"of [acl], found \"staff\"; there is \"all\", \"none\"\n"
		":16:8: error: host_config[3].host: host_config[2] is about this "
		"domain\n");
	conf_text_fails(
		TWO_HOSTS "[[host_config]]\nhost = \"example.org\"\n"
			  "[host_config.modules.mod_rooster]\n"
			  "[[host_config]]\n[host_config.auht]\n",
		":8:22: error: host_config[1].modules.mod_rooster: unknown option; did "
		"you mean \"mod_roster\"?\n"
		":9:3: error: host_config[2].host: this option is mandatory, and is "
		"missing: expected a domain\n"
		":10:14: error: host_config[2].auht: unknown option; did you mean "
		"\"auth\"?\n");
}

TEST(conf_warns_of_rules_and_classes_that_nothing_uses)
{
	conf_text_warns(
		GENERAL LISTEN
		"access = \"c2s\"\n"
		"[acl]\nstaff = [{user = \"ann\"}]\nspare = [{user = \"bob\"}]\n"
		"[access]\n"
		"c2s = [{acl = \"staff\", value = \"allow\"}]\n"
		"max_user_sessions = [{acl = \"all\", value = 5}]\n"
		"max_user_offline_messages = [{acl = \"all\", value = 5}]\n"
		"spare = [{acl = \"all\", value = \"deny\"}]\n"
		"register = [{acl = \"all\", value = \"deny\"}]\n"
		"[modules.mod_register]\naccess = \"register\"\n"
		"[modules.mod_offline]\naccess_max_user_messages = \"many\"\n",
		":9:9: warning: acl.spare: no rule uses this class\n"
		":13:29: warning: access.max_user_offline_messages: nothing uses this "
		"rule\n"
		":14:9: warning: access.spare: nothing uses this rule\n"
		":19:28: warning: modules.mod_offline.access_max_user_messages: there is "
		"no rule access.many\n");
}

TEST(conf_warns_of_clauses_that_have_no_effect)
{
	conf_text_warns(
		GENERAL LISTEN
		"access = \"c2s\"\n"
		"[acl]\n"
		"staff = [{user = \"ann\"}]\n"
		"nobody = [{match = \"none\"}, {server = \"example.net\"}]\n"
		"empty = []\n"
		"every = [{user = \"ann\"}, {match = \"all\"}]\n"
		"net = [{match = \"all\", server = \"example.net\"}]\n"
		"[access]\n"
		"c2s = [\n"
		"{acl = \"nobody\", value = \"allow\"},\n"
		"{acl = \"empty\", value = \"allow\"},\n"
		"{acl = \"none\", value = \"allow\"},\n"
		"{acl = \"net\", value = \"deny\"},\n"
		"{acl = \"staff\", value = \"deny\"},\n"
		"{acl = \"staff\", value = \"allow\"},\n"
		"{acl = \"every\", value = \"allow\"},\n"
		"{acl = \"all\", value = \"deny\"}]\n",
		":9:39: warning: acl.nobody[2].server: fits nobody: \"example.net\" is none of "
		"general.hosts\n"
		":15:1: warning: access.c2s[1]: has no effect: acl.nobody fits nobody\n"
		":16:1: warning: access.c2s[2]: has no effect: acl.empty fits nobody\n"
		":17:1: warning: access.c2s[3]: has no effect: acl.none fits nobody\n"
		":20:1: warning: access.c2s[6]: has no effect: access.c2s[5] is for the same "
		"class\n"
		":22:1: warning: access.c2s[8]: has no effect: access.c2s[7] is for all\n");
}

TEST(conf_warns_with_the_domains_in_mind)
{
	conf_text_warns(
		TWO_HOSTS
		"access = \"c2s\"\n[[listen.c2s]]\nport = 5224\naccess = \"own\"\n"
		"[acl]\nblocked = []\nclosed = []\n"
		"[access]\nc2s = [{acl = \"blocked\", value = \"deny\"},\n"
		"{acl = \"closed\", value = \"deny\"},\n"
		"{acl = \"all\", value = \"allow\"}]\n"
		"max_user_sessions = [{acl = \"all\", value = 3}]\n"
		"[[host_config]]\nhost = \"example.org\"\n"
		"[host_config.acl]\nblocked = [{user = \"eve\"}]\nspare = []\n"
		"[host_config.access]\n"
		"c2s = [{acl = \"all\", value = \"deny\"}]\n"
		"own = [{acl = \"all\", value = \"allow\"}]\n"
		"max_user_sessions = [{acl = \"blocked\", value = 1}]\n",
		":9:10: warning: listen.c2s[2].access: nobody of example.com is let in: it has "
		"no rule access.own\n"
		":15:1: warning: access.c2s[2]: has no effect: acl.closed fits nobody\n"
		":22:9: warning: host_config[1].acl.spare: no rule uses this class\n"
		":26:22: warning: host_config[1].access.max_user_sessions[1]: has no effect: "
		"access.max_user_sessions[1] comes before it\n");
}
