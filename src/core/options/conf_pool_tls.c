/* [outgoing_pools.http.TAG.connection.tls], that of ldap, and that of rdbms. */
#include "core/options/conf_priv.h"
#include "tls/client.h"

static const struct conf_word versions[] = {
	{ "tlsv1", 0x0301 },
	{ "tlsv1.1", 0x0302 },
	{ "tlsv1.2", 0x0303 },
	{ "tlsv1.3", 0x0304 },
	{ 0 },
};

static void check_ciphers(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	const struct strv *ciphers = dst;

	if (!tls_client_takes_ciphers(ciphers->p))
		conf_complain_expected(c, "an OpenSSL cipher string");
}

#define TLS_OPTIONS(cacertfile_doc_)                                                    \
	CONF_ENUM("verify_mode", struct conf_client_tls, verify, "\"peer\"",            \
		  CONF_WORDS({ "peer", TLS_CLIENT_FULL },                               \
			     { "selfsigned_peer", TLS_CLIENT_CA },                      \
			     { "none", TLS_CLIENT_NONE }),                              \
		  "`peer`: the server's certificate is valid, signed by one of "        \
		  "`cacertfile`, and for this host. `selfsigned_peer`: it is one of "   \
		  "`cacertfile`, or signed by one, for whatever host. `none`: any; "    \
		  "`cacertfile` is of no use then."),                                   \
		CONF_FILE("cacertfile", struct conf_client_tls, cacertfile, NULL,       \
			  cacertfile_doc_),                                             \
		CONF_FILE("certfile", struct conf_client_tls, certfile, NULL,           \
			  "PEM: our certificate, then its chain."),                     \
		CONF_FILE("keyfile", struct conf_client_tls, keyfile, NULL,             \
			  "PEM: its private key; not given: it is in `certfile`."),     \
		CONF_ENUM_ARRAY("versions", struct conf_client_tls, versions,           \
				"[\"tlsv1.2\", \"tlsv1.3\"]", versions,                 \
				"The versions of TLS that are spoken, and no others. "  \
				"TLS 1.0 and 1.1 need `@SECLEVEL=0` in `ciphers`.",     \
				.unique = true, .has_range = true, .min = 1, .max = 4), \
		CONF_STRING("password", struct conf_client_tls, password, NULL,         \
			    "The key's password.", .secret = true),                     \
		CONF_STRING("ciphers", struct conf_client_tls, ciphers, NULL,           \
			    "OpenSSL's cipher string, TLS 1.3 included; not given: "    \
			    "its default.",                                             \
			    .allowed = "an OpenSSL cipher string",                      \
			    .check = check_ciphers)

#define SNI_OPTIONS(host_doc_)                                                           \
	CONF_BOOL(                                                                       \
		"enabled", struct conf_client_tls, check_name, "true",                   \
		"With false no name is sent in the handshake, and that in the server's " \
		"certificate does not matter."),                                         \
		CONF_STRING("host", struct conf_client_tls, name, NULL,                  \
			    "The name that is sent in the handshake, and that the "      \
			    "certificate must be for; not given: " host_doc_             \
			    " Addresses are never sent.",                                \
			    .allowed = "a domain", .check = conf_check_domain),          \
		CONF_ENUM("protocol", struct conf_client_tls, with_globs, "\"default\"", \
			  CONF_WORDS({ "default", 0 }, { "https", 1 }),                  \
			  "How names are compared. `default`: the certificate has this " \
			  "very one. `https`: it may also have a `*` for the first "     \
			  "label.")

#define CACERTFILE_DOC "PEM: whom to trust; not given: the system's store."

static const struct conf_option http_sni[] = {
	SNI_OPTIONS("that of `connection.host`."),
	{ 0 },
};

const struct conf_option conf_http_tls[] = {
	TLS_OPTIONS(CACERTFILE_DOC),
	CONF_SAME_TABLE("server_name_indication", http_sni, "The service's name."),
	{ 0 },
};

static const struct conf_option ldap_sni[] = {
	SNI_OPTIONS("the server's, as `connection.servers` has it."),
	{ 0 },
};

const struct conf_option conf_ldap_tls[] = {
	CONF_BOOL(
		"starttls", struct conf_client_tls, starttls, "false",
		"StartTLS on the port of plain text, not TLS from the first byte. (Not an "
		"option of MongooseIM's.)"),
	TLS_OPTIONS(CACERTFILE_DOC),
	CONF_SAME_TABLE("server_name_indication", ldap_sni, "The server's name."),
	{ 0 },
};

static const struct conf_option rdbms_sni[] = {
	SNI_OPTIONS("`connection.host`, for a local socket \"localhost\"."),
	{ 0 },
};

const struct conf_option conf_rdbms_tls[] = {
	CONF_BOOL(
		"required", struct conf_client_tls, required, "false",
		"With false and `verify_mode = \"none\"`, a PostgreSQL server without TLS is "
		"talked to in plain text. Whoever verifies never is, nor is `mysql`."),
	TLS_OPTIONS("PEM: whom to trust. Mandatory, but for `verify_mode = \"none\"`."),
	CONF_SAME_TABLE("server_name_indication", rdbms_sni, "The server's name."),
	{ 0 },
};

struct tls_client_options conf_pool_tls_options(const struct conf_client_tls *t)
{
	struct tls_client_options o = {
		.verify = (enum tls_client_verify)t->verify,
		.cacertfile = t->cacertfile.p,
		.certfile = t->certfile.p,
		.keyfile = t->keyfile.p,
		.password = t->password.p,
		.ciphers = t->ciphers.p,
		.name = t->name.p,
		.no_sni = !t->check_name,
		.no_globs = !t->with_globs,
	};

	for (size_t i = 0; i < t->n_versions; i++)
		o.versions |= 1u << (t->versions[i] - 0x0301);
	if (o.verify == TLS_CLIENT_FULL && !t->check_name)
		o.verify = TLS_CLIENT_CA;
	return o;
}

struct tls_client *conf_pool_tls(const struct conf_client_tls *t, const char *section,
				 const struct toml_table *root, struct conf_errors *e)
{
	struct tls_client_options from = conf_pool_tls_options(t);
	struct tls_client *tls = NULL;
	const char *option = "";
	AUTO(buf_free) struct buf err = BUF_INIT(8192);

	if (tls_client_new(&from, &tls, &option, &err) == 0)
		return tls;
	conf_error_at(e, root,
		      arena_printf(e->arena, "%s%s%s", section, option[0] ? "." : "",
				   option),
		      "%s", buf_cstr(&err));
	return NULL;
}

void conf_watch_pool_tls(struct conf *c, const struct conf_client_tls *t)
{
	conf_watch_file(c, t->cacertfile);
	conf_watch_file(c, t->certfile);
	conf_watch_file(c, t->keyfile);
}
