/* [outgoing_pools.http.TAG.connection.tls] and that of ldap. */
#include "core/conf_priv.h"

const struct conf_word conf_client_versions[] = {
	{ "tlsv1", 0, .unsupported = true },
	{ "tlsv1.1", 0, .unsupported = true },
	{ "tlsv1.2", 0x0303 },
	{ "tlsv1.3", 0x0304 },
	{ 0 },
};

static const struct conf_word ldap_versions[] = {
	{ "tlsv1", 0x0301 },
	{ "tlsv1.1", 0x0302 },
	{ "tlsv1.2", 0x0303 },
	{ "tlsv1.3", 0x0304 },
	{ 0 },
};

static void check_ciphers(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct strv *ciphers = dst;

	if (!auth_tls_takes_ciphers(ciphers->p))
		conf_complain_expected(c, "an OpenSSL cipher string");
}

#define TLS_OPTIONS(versions_, versions_doc_)                                           \
	CONF_FILE("cacertfile", struct conf_client_tls, cacertfile, NULL,               \
		  "PEM: whom to trust; not given: the system's store."),                \
		CONF_FILE("certfile", struct conf_client_tls, certfile, NULL,           \
			  "PEM: our certificate, then its chain."),                     \
		CONF_FILE("keyfile", struct conf_client_tls, keyfile, NULL,             \
			  "PEM: its private key; not given: it is in `certfile`."),     \
		CONF_ENUM_ARRAY("versions", struct conf_client_tls, versions,           \
				"[\"tlsv1.2\", \"tlsv1.3\"]", versions_, versions_doc_, \
				.unique = true, .has_range = true, .min = 1, .max = 4), \
		CONF_STRING("password", struct conf_client_tls, password, NULL,         \
			    "The key's password.", .secret = true),                     \
		CONF_STRING("ciphers", struct conf_client_tls, ciphers, NULL,           \
			    "OpenSSL's cipher string, TLS 1.3 included; not given: "    \
			    "its default.",                                             \
			    .allowed = "an OpenSSL cipher string",                      \
			    .check = check_ciphers)

#define VERIFY_MODE                                                                 \
	CONF_ENUM(                                                                  \
		"verify_mode", struct conf_client_tls, verify, "\"peer\"",          \
		CONF_WORDS({ "peer", AUTH_TLS_FULL },                               \
			   { "selfsigned_peer", AUTH_TLS_CA },                      \
			   { "none", AUTH_TLS_NONE }),                              \
		"`peer`: the service's certificate is valid, signed by one of "     \
		"`cacertfile`, and for this host. `selfsigned_peer`: it is one of " \
		"`cacertfile`, or signed by one, for whatever host. `none`: any; `cacertfile` is of no use then.")

static const struct conf_option http_sni[] = {
	CONF_BOOL("enabled", struct conf_client_tls, check_name, "true",
		  "With false, the name in the service's certificate does not matter."),
	CONF_STRING("host", struct conf_client_tls, name, NULL,
		    "The name that is sent in the handshake, and that the certificate "
		    "must be for; not given: that of `connection.host`.",
		    .allowed = "a domain", .check = conf_check_domain),
	CONF_IGNORED("protocol", "names are compared as \"https\" has it"),
	{ 0 },
};

const struct conf_option conf_http_tls[] = {
	VERIFY_MODE,
	TLS_OPTIONS(conf_client_versions, "The versions of TLS that are spoken."),
	CONF_SAME_TABLE("server_name_indication", http_sni, "The service's name."),
	{ 0 },
};

static const struct conf_option ldap_sni[] = {
	CONF_BOOL("enabled", struct conf_client_tls, check_name, "true",
		  "With false no name is sent in the handshake, and that in the server's "
		  "certificate does not matter."),
	CONF_STRING("host", struct conf_client_tls, name, NULL,
		    "The name that is sent in the handshake, and that the certificate "
		    "must be for; not given: the server's, as `connection.servers` has "
		    "it. Addresses are never sent.",
		    .allowed = "a domain", .check = conf_check_domain),
	CONF_ENUM("protocol", struct conf_client_tls, with_globs, "\"default\"",
		  CONF_WORDS({ "default", 0 }, { "https", 1 }),
		  "How names are compared. `default`: the certificate has this very one. "
		  "`https`: it may also have a `*` for the first label."),
	{ 0 },
};

const struct conf_option conf_ldap_tls[] = {
	CONF_BOOL(
		"starttls", struct conf_client_tls, starttls, "false",
		"StartTLS on the port of plain text, not TLS from the first byte. (Not an "
		"option of MongooseIM's.)"),
	VERIFY_MODE,
	TLS_OPTIONS(
		ldap_versions,
		"The versions of TLS that are spoken, and no others. TLS 1.0 and 1.1 need "
		"`@SECLEVEL=0` in `ciphers`."),
	CONF_SAME_TABLE("server_name_indication", ldap_sni, "The server's name."),
	{ 0 },
};

struct auth_tls conf_pool_tls(struct conf *c, const struct conf_client_tls *t)
{
	struct auth_tls tls = {
		.verify = (enum auth_tls_verify)t->verify,
		.cacertfile = t->cacertfile.p,
		.certfile = t->certfile.p,
		.keyfile = t->keyfile.p ? t->keyfile.p : t->certfile.p,
		.password = t->password.p,
		.ciphers = t->ciphers.p,
		.name = t->name.p,
		.min_version = 0x0304,
		.max_version = 0,
		.no_sni = !t->check_name,
		.no_globs = !t->with_globs,
	};

	for (size_t i = 0; i < t->n_versions; i++) {
		tls.min_version = MIN(tls.min_version, (unsigned)t->versions[i]);
		tls.max_version = MAX(tls.max_version, (unsigned)t->versions[i]);
		tls.versions |= 1u << (t->versions[i] - 0x0301);
	}
	if (tls.verify == AUTH_TLS_FULL && !t->check_name)
		tls.verify = AUTH_TLS_CA;
	conf_watch_file(c, t->cacertfile);
	conf_watch_file(c, t->certfile);
	conf_watch_file(c, t->keyfile);
	return tls;
}
