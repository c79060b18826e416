/* The option tables: each option that the server has is one row here, or in its module. */
#include "core/options/conf_priv.h"
#include "core/module.h"
#include "core/stream/stream.h"
#include "xmpp/sasl/sasl.h"

void conf_check_domain(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *domain = dst;

	if (jid_prep_domain(conf_arena(c), *domain, domain) < 0)
		conf_complain_expected(c, "a domain");
}

/* It goes into stream headers as it is. */
static void check_language(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct strv *tag = dst;

	if (!stream_takes_lang(*tag))
		conf_complain_expected(c, "a language tag of at most 35 letters");
}

/* --- [general] --- */

static const struct conf_option failed_logins[] = {
	CONF_INT_OR_INFINITY(
		"per_account", struct conf_general, failed_per_account, "5", 1, 1000000,
		"So many failed logins in a row as one account from one address (of IPv6: one "
		"/64): the answer to the last comes a second late, to the next two, then "
		"four. A right password waits, too, while such a delay runs. Failures from "
		"other addresses make only wrong passwords wait: nobody locks out anybody "
		"else."),
	CONF_INT_OR_INFINITY("per_address", struct conf_general, failed_per_address,
			     "100", 1, 1000000,
			     "The same for one address, whatever the accounts."),
	CONF_INT("forget_after", struct conf_general, failed_forget_after_s, "300", 1,
		 INT32_MAX, "After so much time without another, failures are forgotten.",
		 .unit = "s"),
	CONF_INT("max_delay", struct conf_general, failed_max_delay_ms, "30000", 1,
		 600000, "No answer waits longer.", .unit = "ms"),
	{ 0 },
};

static const struct conf_option general[] = {
	CONF_STRING_ARRAY("hosts", struct conf_general, hosts, "[]",
			  "The XMPP domains that are served.", .unique = true,
			  .allowed = "a domain", .check = conf_check_domain),
	CONF_STRING(
		"default_server_domain", struct conf_general, default_server_domain, NULL,
		"Stands in the stream header and in errors before the client has named a "
		"domain. Mandatory; one of `hosts`.",
		.mandatory = true, .allowed = "a domain", .check = conf_check_domain),
	CONF_ENUM("loglevel", struct conf_general, loglevel, "\"warning\"",
		  CONF_WORDS({ "none", LOG_ERROR - 1 }, { "emergency", LOG_ERROR },
			     { "alert", LOG_ERROR }, { "critical", LOG_ERROR },
			     { "error", LOG_ERROR }, { "warning", LOG_WARNING },
			     { "notice", LOG_NOTICE }, { "info", LOG_INFO },
			     { "debug", LOG_DEBUG }, { "all", LOG_DEBUG }),
		  "How much is logged."),
	CONF_ENUM("log_format", struct conf_general, log_json, "\"text\"",
		  CONF_WORDS({ "text", 0 }, { "json", 1 }),
		  "One line an event, either way."),
	CONF_STRING(
		"language", struct conf_general, language, "\"en\"",
		"The language of the server's stream headers, when the client names none.",
		.allowed = "a language tag", .check = check_language),
	CONF_INT_OR_INFINITY(
		"registration_timeout", struct conf_general, registration_timeout_s,
		"600", 1, INT32_MAX,
		"The time between two in-band registrations from one address (IPv6: one /64); "
		"\"infinity\" turns the limit off.",
		.unit = "s"),
	CONF_BOOL("hide_service_name", struct conf_general, hide_service_name, "false",
		  "What does not speak XMPP gets a closed connection and not one byte."),
	CONF_SAME_TABLE(
		"failed_logins", failed_logins,
		"How failed logins delay the answers to later ones. (Not a section of "
		"MongooseIM's.)"),
	CONF_UNSUPPORTED("host_types"),
	CONF_UNSUPPORTED("sm_backend"),
	CONF_UNSUPPORTED("component_backend"),
	CONF_UNSUPPORTED("s2s_backend"),
	CONF_UNSUPPORTED("replaced_wait_timeout"),
	CONF_UNSUPPORTED("route_subdomains"),
	CONF_UNSUPPORTED("routing_modules"),
	CONF_UNSUPPORTED("http_server_name"),
	CONF_UNSUPPORTED("max_fsm_queue"),
	CONF_UNSUPPORTED("rdbms_server_type"),
	CONF_UNSUPPORTED("domain_certfile"),
	CONF_UNSUPPORTED("pgsql_users_number_estimate"),
	CONF_UNSUPPORTED("mongooseimctl_access_commands"),
	{ 0 },
};

/* What somebody who comes from elsewhere may look for, among the mechanisms or the methods. */
static const char no_digest[] =
	"DIGEST-MD5 is historic (RFC 6331) and needs passwords in plain text; the SCRAM "
	"mechanisms have taken its place";
static const char no_oauth[] =
	"X-OAUTH takes tokens of MongooseIM's mod_auth_token, which is not supported "
	"here; signed tokens are taken as passwords: auth.methods = [\"jwt\"]";

/* Of auth.methods and of the subsets of it. */
static const struct conf_word auth_methods[] = {
	{ "internal", AUTH_INTERNAL },
	{ "rdbms", AUTH_RDBMS },
	{ "external", AUTH_EXTERNAL },
	{ "anonymous", AUTH_ANONYMOUS },
	{ "ldap", AUTH_LDAP },
	{ "jwt", AUTH_JWT },
	{ "http", AUTH_HTTP },
	{ "pki", AUTH_PKI },
	{ "dummy", AUTH_DUMMY },
	{ "digest", .refused = no_digest },
	{ "oauth", .refused = no_oauth },
	{ 0 },
};

/* --- [[listen.c2s]] --- */

static const struct conf_option c2s[] = {
	CONF_INT("port", struct conf_listener, port, NULL, 1, 65535, "The TCP port.",
		 .mandatory = true),
	CONF_STRING("ip_address", struct conf_listener, ip_address, NULL,
		    "The address to listen on, IPv4 or IPv6; not given: all addresses of "
		    "`ip_version`.",
		    .allowed = "an IP address", .check = conf_check_address),
	CONF_INT(
		"ip_version", struct conf_listener, ip_version, NULL, 4, 6,
		"That of `ip_address`; without one, 4 is `0.0.0.0` and 6 is `::`; neither "
		"given: 4. A listener of version 6 takes no IPv4, so that one of each "
		"can have the same port.",
		.allowed = "4 or 6", .check = conf_check_ip_version),
	CONF_ENUM("proto", struct conf_listener, proto, "\"tcp\"",
		  CONF_WORDS({ "tcp", 0 }), "The transport: there is one."),
	CONF_STRING("access", struct conf_listener, access, "\"all\"",
		    "The access rule that says who may bind a resource here.",
		    .is_rule = true),
	CONF_STRING(
		"shaper", struct conf_listener, shaper, "\"none\"",
		"The access rule whose value is the name of the shaper (`[shaper.NAME]`) that "
		"limits how much a user may send here, or \"none\"; the name of a shaper "
		"does, too, if no rule has it. Before login the rule is asked about the "
		"domain alone, then about the account, and after binding about the full JID. "
		"Who fits no clause is not limited.",
		.is_rule = true),
	CONF_INT_OR_INFINITY(
		"state_timeout", struct conf_listener, state_timeout_ms, "5000", 0,
		INT32_MAX,
		"How long each step of negotiation may take; then the stream ends "
		"with `connection-timeout`.",
		.unit = "ms"),
	CONF_INT_OR_INFINITY(
		"max_stanza_size", struct conf_listener, max_stanza_size, "\"infinity\"",
		1, 64 << 20,
		"A longer stanza ends the stream with `policy-violation`; before "
		"login 64 KiB is the limit in any case, and \"infinity\" means 64 "
		"MiB. A stanza of more than 8 MiB gets that as its error in any case.",
		.unit = "bytes"),
	CONF_INT_OR_INFINITY(
		"hibernate_after", struct conf_listener, hibernate_after_ms, "0", 0,
		INT32_MAX,
		"How long an idle connection keeps its buffers for the next bytes: 4 KiB, and "
		"34 KiB more where OpenSSL keeps the records (`tls.record_layer`). Then it gives all of them back; with 0 as soon as they are empty.",
		.unit = "ms"),
	CONF_INT_OR_INFINITY(
		"max_pre_auth_bytes", struct conf_listener, max_pre_auth_bytes, "131072",
		1024, INT32_MAX,
		"How much a client may send in all, TLS's own bytes included, until it has "
		"logged in; then the stream ends with `policy-violation`. (Not an option of "
		"MongooseIM's.)",
		.unit = "bytes"),
	CONF_BOOL("backwards_compatible_session", struct conf_listener,
		  backwards_compatible_session, "true",
		  "Offer and answer the session IQ of RFC 3921."),
	CONF_INT("backlog", struct conf_listener, backlog, "1024", 1, INT32_MAX,
		 "The length of the kernel's queue of connections, listen(2)."),
	CONF_INT(
		"num_acceptors", struct conf_listener, num_acceptors, "100", 1, INT32_MAX,
		"How many connections a worker accepts at most in one turn of its loop."),
	CONF_INT_OR_INFINITY(
		"max_connections", struct conf_listener, max_connections, "\"infinity\"",
		1, INT32_MAX,
		"How many connections may be open, of all workers together. Then no more are "
		"accepted: clients wait in the kernel's queue, and are served as soon as "
		"one leaves. Workers that accept at the same moment may exceed it by "
		"one each."),
	CONF_INT_OR_INFINITY(
		"max_connections_per_ip", struct conf_listener, max_connections_per_ip,
		"5000", 0, INT32_MAX,
		"How many connections may be open from one address; more are closed at once. "
		"0 or \"infinity\": any number. Behind a balancer, `proxy_protocol` tells "
		"the addresses apart.",
		.check = conf_check_limit),
	CONF_INT_OR_INFINITY("max_connections_per_net", struct conf_listener,
			     max_connections_per_net, "20000", 0, INT32_MAX,
			     "The same for a network: a /24 of IPv4, a /64 of IPv6.",
			     .check = conf_check_limit),
	CONF_INT_OR_INFINITY(
		"max_unauthenticated", struct conf_listener, max_unauthenticated, "10000",
		0, INT32_MAX,
		"How many connections may be open without a login yet; then no more are "
		"accepted, as with `max_connections`. `state_timeout` ends those that do "
		"nothing. 0 or \"infinity\": any number.",
		.check = conf_check_limit),
	CONF_INT_OR_INFINITY(
		"accept_rate", struct conf_listener, accept_rate, "\"infinity\"", 0,
		1000000,
		"How many connections are accepted in a second; as many may come at once "
		"after a quiet second, and then they wait in the kernel's queue. 0 or "
		"\"infinity\": any number.",
		.unit = "a second", .check = conf_check_limit),
	CONF_BOOL(
		"reuse_port", struct conf_listener, reuse_port, "false",
		"One SO_REUSEPORT socket for each worker; another process may share the port.",
		.restart = true),
	CONF_ENUM_ARRAY(
		"allowed_auth_methods", struct conf_listener, allowed_auth_methods, NULL,
		auth_methods,
		"Those of `auth.methods` that logins and in-band registration here may "
		"use; not given: all. "
		"Mechanisms that none of them can serve are neither offered nor "
		"accepted.",
		.unique = true),
	CONF_BOOL(
		"proxy_protocol", struct conf_listener, proxy_protocol, "false",
		"Each connection must begin with the header of the PROXY protocol, version 1 "
		"or 2, within `state_timeout`, before TLS and XML; the address in it is the "
		"client's, in the log and for every limit and rule. Without a good header "
		"it is closed. Only for a port that nobody but a proxy can reach."),
	CONF_STRING_ARRAY(
		"proxy_protocol_trusted", struct conf_listener, proxy_trusted, NULL,
		"The addresses and networks (`192.0.2.0/24`) that may send that header; "
		"others are closed. Not given: all may.",
		.unique = true, .has_range = true, .min = 1, .max = 1024,
		.allowed = "an IP address or network", .check = conf_check_net),
	CONF_OPTIONAL_TABLE("tls", struct conf_listener, tls, conf_tls_options,
			    "TLS; without this section there is none."),
	CONF_UNSUPPORTED("max_fsm_queue"),
	{ 0 },
};

const struct conf_option *const conf_c2s_options = c2s;

static const struct conf_option listen_options[] = {
	CONF_TABLE_ARRAY("c2s", struct conf, c2s, c2s, "Listeners for clients."),
	CONF_UNSUPPORTED("http"),
	CONF_UNSUPPORTED("s2s"),
	CONF_UNSUPPORTED("service"),
	CONF_UNSUPPORTED("component"),
	{ 0 },
};

/* --- [auth] --- */

static const struct conf_option password[] = {
	CONF_ENUM("format", struct conf_auth, password_format, "\"scram\"",
		  CONF_WORDS({ "scram", 0 }, { "plain", 1 }),
		  "How passwords are stored: as SCRAM keys, or as they are."),
	CONF_ENUM_ARRAY(
		"hash", struct conf_auth, hash,
		"[\"sha\", \"sha224\", \"sha256\", \"sha384\", \"sha512\"]",
		CONF_WORDS({ "sha", DIGEST_SHA1 }, { "sha224", DIGEST_SHA224 },
			   { "sha256", DIGEST_SHA256 }, { "sha384", DIGEST_SHA384 },
			   { "sha512", DIGEST_SHA512 }),
		"The hashes for which SCRAM keys are stored, and so the SCRAM mechanisms "
		"that are offered.",
		.unique = true, .has_range = true, .min = 1, .max = 5),
	CONF_INT("scram_iterations", struct conf_auth, iterations, "10000", 1, 10000000,
		 "Rounds of PBKDF2 for new passwords."),
	{ 0 },
};

static const struct conf_word mechanisms[] = {
#define X(id, name, option, alg, plus) { option, SASL_##id },
	SASL_MECHS(X)
#undef X
		{ "digest", .refused = no_digest },
	{ "oauth", .refused = no_oauth },
	{ 0 },
};

static const struct conf_option no_options[] = { { 0 } };

static const struct conf_option external_common_name[] = {
	CONF_STRING("prefix", struct conf_auth, external.prefix, "\"\"",
		    "Stands before the common name in the account's name.",
		    .allowed = "a localpart", .check = conf_check_local),
	CONF_STRING("suffix", struct conf_auth, external.suffix, "\"\"",
		    "Stands behind it.", .allowed = "a localpart",
		    .check = conf_check_local),
	{ 0 },
};

static const struct conf_option rdbms[] = {
	CONF_BOOL(
		"users_number_estimate", struct conf_auth, users_number_estimate, "false",
		"For `max_users_per_domain`, do not count as long as what the database server "
		"knows about the size of the table `users` is less: that is of all domains "
		"together, and as of its last look at it."),
	{ 0 },
};

static const struct conf_option auth[] = {
	CONF_ENUM_ARRAY(
		"methods", struct conf_auth, methods, NULL, auth_methods,
		"Where accounts are: `internal` is the server's own database, and so is "
		"`rdbms`, which needs `[outgoing_pools.rdbms.default]`: there is one database "
		"for everything, and with that section it is that one; with "
		"`pki` everybody has one whom a certificate vouches for (SASL "
		"EXTERNAL). Not given: those that have a section here, or "
		"`internal`.",
		.unique = true),
	CONF_ENUM_ARRAY(
		"sasl_mechanisms", struct conf_auth, sasl_mechanisms, NULL, mechanisms,
		"The SASL mechanisms that may be used, in the order in which they are "
		"offered; not given: all but `external`.",
		.unique = true),
	CONF_SAME_TABLE("password", password, "How new passwords are stored."),
	CONF_INT_OR_INFINITY("max_users_per_domain", struct conf_auth,
			     max_users_per_domain, "\"infinity\"", 1, INT32_MAX,
			     "In-band registration and `meerkat user add` are refused "
			     "beyond. Accounts of other methods than `internal` count "
			     "once they have been made here or have logged in."),
	CONF_SAME_TABLE("internal", no_options,
			"No options; an account of the server's own."),
	CONF_SAME_TABLE(
		"pki", no_options,
		"No options; see [client-certificates.md](client-certificates.md)."),
	CONF_ENUM_ARRAY(
		"sasl_external", struct conf_auth, sasl_external, "[\"standard\"]",
		conf_external_rules,
		"How EXTERNAL finds the account of a certificate, tried in this order: "
		"`standard`: its address in the certificate; `common_name`: its name there; "
		"`auth_id`: whatever the client says, if the certificate has no address.",
		.unique = true, .has_range = true, .min = 1, .max = 3),
	CONF_SAME_TABLE("sasl_external_common_name", external_common_name,
			"What `common_name` makes of the common name."),
	CONF_SAME_TABLE("rdbms", rdbms, "Accounts on a database server."),
	CONF_OPTIONAL_TABLE("external", struct conf_auth, program, conf_program_options,
			    "A program knows the accounts."),
	CONF_TABLE("anonymous", struct conf_auth, anonymous, conf_anonymous_options,
		   "Whoever comes may be online without an account."),
	CONF_OPTIONAL_TABLE("ldap", struct conf_auth, ldap, conf_ldap_options,
			    "A directory knows the accounts: `outgoing_pools.ldap`."),
	CONF_OPTIONAL_TABLE("jwt", struct conf_auth, jwt, conf_jwt_options,
			    "A JSON Web Token is given as the password (PLAIN)."),
	CONF_OPTIONAL_TABLE("http", struct conf_auth, http, conf_http_auth_options,
			    "An HTTP service knows the accounts: "
			    "`outgoing_pools.http.auth`."),
	CONF_TABLE("dummy", struct conf_auth, dummy, conf_dummy_options,
		   "Any password of anybody is right, after a while: for load tests."),
	{ 0 },
};

/* --- [internal_databases] --- */

static const struct conf_option sqlite[] = {
	CONF_PATH(
		"path", struct conf_store, path, "\"meerkat-data/meerkat.db\"",
		"The file of the embedded database; `:memory:` keeps nothing over a restart.",
		.restart = true),
	{ 0 },
};

static const struct conf_option databases[] = {
	CONF_SAME_TABLE("sqlite", sqlite, "The embedded database."),
	CONF_UNSUPPORTED("mnesia"),
	CONF_UNSUPPORTED("cets"),
	{ 0 },
};

/* --- the whole file --- */

static const struct conf_option host_general[] = {
	CONF_UNSUPPORTED("route_subdomains"),
	CONF_UNSUPPORTED("replaced_wait_timeout"),
	{ 0 },
};

static struct conf_option host_config[] = {
	CONF_STRING("host", struct conf_host, host, NULL,
		    "The domain that this is about, one of `general.hosts`.",
		    .mandatory = true, .allowed = "a domain", .check = conf_check_domain),
	CONF_SAME_TABLE("general", host_general,
			"Has no options that are supported here."),
	CONF_OPTIONAL_TABLE("auth", struct conf_host, auth, auth,
			    "Stands in place of the whole of `[auth]`; the same options.",
			    .repeats = true),
	CONF_MAP("acl", struct conf_host, acls, name, &conf_any_acl,
		 "More classes, and more patterns for the classes of `[acl]`.",
		 .repeats = true),
	CONF_MAP("access", struct conf_host, rules, name, &conf_any_rule,
		 "More rules, and more clauses for the rules of `[access]`: they come "
		 "behind those, but before a last clause `{acl = \"all\", value = "
		 "\"allow\"}`.",
		 .repeats = true),
	CONF_UNSUPPORTED("host_type"),
	CONF_UNSUPPORTED("outgoing_pools"),
	CONF_UNSUPPORTED("s2s"),
	{ 0 }, /* modules, filled in by conf_root_options() */
	{ 0 },
};

static struct conf_option root[] = {
	CONF_TABLE("general", struct conf, general, general, "The server as a whole."),
	CONF_SAME_TABLE("listen", listen_options, "Where clients connect."),
	CONF_TABLE("auth", struct conf, auth, auth, "Who may log in."),
	CONF_TABLE("internal_databases", struct conf, store, databases,
		   "Where data is kept."),
	CONF_MAP(
		"acl", struct conf, acls, name, &conf_any_acl,
		"Classes of users: `acl.NAME` is a list of patterns, and a user who fits one of "
		"them belongs to the class."),
	CONF_MAP(
		"access", struct conf, rules, name, &conf_any_rule,
		"Rules: `access.NAME` is a list of clauses, and the first one whose class the "
		"user belongs to gives the rule's value; no clause: deny."),
	CONF_MAP("shaper", struct conf, shapers, name, &conf_any_shaper,
		 "Rates: `shaper.NAME` is one, and `listen.c2s.shaper` leads to it."),
	CONF_UNSUPPORTED("s2s"),
	CONF_SAME_TABLE("outgoing_pools", conf_pool_options,
			"Connections to other servers."),
	CONF_UNSUPPORTED("services"),
	CONF_UNSUPPORTED("instrumentation"),
	{ 0 }, /* modules, and host_config behind them */
	{ 0 },
	{ 0 },
};

/* MongooseIM's modules that we do not have. */
static const char *const other_modules[] = {
	"mod_adhoc",
	"mod_amp",
	"mod_auth_token",
	"mod_blocking",
	"mod_blocklist",
	"mod_bosh",
	"mod_broadcast",
	"mod_cache_users",
	"mod_carboncopy",
	"mod_csi",
	"mod_domain_isolation",
	"mod_event_pusher",
	"mod_extdisco",
	"mod_external_filter",
	"mod_fast_auth_token",
	"mod_global_distrib",
	"mod_http_upload",
	"mod_inbox",
	"mod_jingle_sip",
	"mod_keystore",
	"mod_mam",
	"mod_muc",
	"mod_muc_light",
	"mod_muc_log",
	"mod_offline_chatmarkers",
	"mod_offline_stub",
	"mod_pep",
	"mod_privacy",
	"mod_pubsub",
	"mod_pubsub_old",
	"mod_push_service_mongoosepush",
	"mod_sasl2",
	"mod_shared_roster_ldap",
	"mod_sic",
	"mod_smart_markers",
	"mod_stream_management",
	"mod_bind2",
	"mod_websockets",
};

static size_t count_options(const struct conf_option *o)
{
	size_t n = 0;

	while (o && o[n].name)
		n++;
	return n;
}

/* A module's own options, and the two that MongooseIM has for nearly every module. */
static const struct conf_option *module_options(struct arena *a, const struct module *m)
{
	static const struct conf_option common[] = {
		CONF_IGNORED("iqdisc",
			     "requests are handled in the order in which they come"),
		CONF_IGNORED("backend", "there is one database for everything"),
	};
	size_t n = count_options(m->options);
	struct conf_option *o =
		ARENA_ARRAY(a, struct conf_option, n + ARRAY_LEN(common) + 1);

	memcpy(o, m->options ? m->options : common, n * sizeof(*o));
	memcpy(o + n, common, sizeof(common));
	return o;
}

const struct conf_option *conf_root_options(struct arena *a)
{
	struct conf_option *modules = &root[ARRAY_LEN(root) - 3],
			   *host_modules = &host_config[ARRAY_LEN(host_config) - 2],
			   *rows;
	size_t n_ours = 0, n = 0;

	while (all_modules[n_ours])
		n_ours++;
	rows = ARENA_ARRAY(a, struct conf_option, n_ours + ARRAY_LEN(other_modules) + 1);
	for (size_t i = 0; i < n_ours; i++) {
		const struct module *m = all_modules[i];
		if (m->always)
			continue;
		rows[n++] = (struct conf_option){ .name = m->name,
						  .type = CONF_T_TABLE_NEW,
						  .offset = i * sizeof(void *),
						  .size = MAX(m->conf_size, (size_t)1),
						  .options = module_options(a, m),
						  .doc = m->doc };
	}
	for (size_t i = 0; i < ARRAY_LEN(other_modules); i++)
		rows[n++] = (struct conf_option)CONF_UNSUPPORTED(other_modules[i]);
	*modules = (struct conf_option)
		CONF_TABLE_NEW("modules", struct conf, modules, rows,
			       "Features. With this section only the "
			       "modules that it names are on; without "
			       "it, all but mod_register.");
	modules->size = n_ours * sizeof(void *);
	*host_modules = (struct conf_option)
		CONF_TABLE_NEW("modules", struct conf_host, modules, rows,
			       "Stands in place of the whole of `[modules]`; the same "
			       "options.",
			       .repeats = true);
	host_modules->size = modules->size;
	modules[1] =
		(struct conf_option)CONF_TABLE_ARRAY("host_config", struct conf,
						     host_configs, host_config,
						     "What one domain has of its own.");
	return root;
}
