/* The configuration as the server uses it: one immutable snapshot, checked whole before it is
 * used. Reload builds a new one; workers take it between turns; sessions stay. */
#pragma once

#include "base/arena.h"
#include "base/log.h"
#include "conf/option.h"
#include "xmpp/sasl/external.h"
#include "xmpp/jid.h"

#include <stdatomic.h>

struct host;
struct net;
struct tls_ctx;
struct module;

struct conf_general {
	int64_t loglevel; /* enum log_level; LOG_ERROR - 1: none */
	const struct strv *hosts;
	size_t n_hosts;
	struct strv default_server_domain;
	struct strv language;
	int64_t registration_timeout_s; /* CONF_INFINITY: none */
	bool hide_service_name;
	int64_t failed_per_account, failed_per_address; /* CONF_INFINITY: no limit */
	int64_t failed_forget_after_s, failed_max_delay_ms;
	int64_t log_json;
};

/* How TLS begins on a listener. */
enum tls_mode {
	TLS_MODE_NONE,
	TLS_MODE_TLS,
	TLS_MODE_STARTTLS,
	TLS_MODE_STARTTLS_REQUIRED
};

/* MongooseIM's two TLS libraries. Both are OpenSSL here: the name selects which options there
 * are, and how clients' certificates are judged. */
enum tls_module { TLS_MODULE_FAST, TLS_MODULE_JUST };
enum tls_record_layer { TLS_RECORD_LAYER_OWN, TLS_RECORD_LAYER_OPENSSL };

/* Where credentials are looked up. */
enum auth_method {
	AUTH_INTERNAL,
	AUTH_RDBMS,
	AUTH_EXTERNAL,
	AUTH_ANONYMOUS,
	AUTH_LDAP,
	AUTH_JWT,
	AUTH_HTTP,
	AUTH_PKI,
	AUTH_DUMMY,
	AUTH_METHOD_MAX,
};

struct conf_tls {
	int64_t mode;	/* enum tls_mode, never NONE */
	int64_t module; /* enum tls_module, after conf_settle_tls() */
	struct strv certfile, keyfile, dhfile, ciphers, password;
	int64_t verify_mode; /* enum tls_verify */
	struct strv cacertfile;
	const struct strv *crl_files;
	size_t n_crl_files;
	bool disconnect_on_failure;
	struct strv ocsp_file;
	int64_t session_tickets; /* CONF_UNSET: none */
	bool keep_secrets, early_data;
	int64_t record_layer; /* enum tls_record_layer */
	const struct strv *sni_certfiles;
	size_t n_sni_certfiles;
	const int64_t *versions; /* enum tls_version */
	size_t n_versions;
	const int64_t *protocol_options; /* enum tls_option */
	size_t n_protocol_options;
};

/* [shaper.NAME] */
struct conf_shaper {
	struct strv name;
	int64_t max_rate; /* bytes a second */
};

struct conf_listener {
	int64_t port;
	struct strv ip_address; /* as inet_ntop(3) writes it */
	int64_t ip_version;	/* as the file gives it, or CONF_UNSET */
	int64_t proto;
	struct strv access;
	struct strv shaper; /* a rule, a shaper, or "none" */
	int64_t state_timeout_ms;
	int64_t hibernate_after_ms;
	int64_t max_pre_auth_bytes;
	int64_t max_stanza_size; /* CONF_INFINITY: XML's own ceiling of 64 MiB */
	int64_t backlog;
	int64_t num_acceptors;
	int64_t max_connections; /* CONF_INFINITY: none; and the four that follow */
	int64_t max_connections_per_ip, max_connections_per_net;
	int64_t max_unauthenticated;
	int64_t accept_rate; /* a second */
	bool proxy_protocol;
	const struct strv *proxy_trusted; /* none: anybody is */
	size_t n_proxy_trusted;
	struct net *proxy_nets; /* the same, ready for use */
	bool reuse_port;
	bool backwards_compatible_session;
	const int64_t *allowed_auth_methods; /* as the file gives them */
	size_t n_allowed_auth_methods;
	unsigned auth_methods; /* 1u << enum auth_method: may be used here */
	bool has_tls;
	struct conf_tls tls;
	struct tls_ctx *tls_ctx; /* built when the snapshot is checked */
};

struct conf_program {
	struct strv program;
	int64_t instances;
};

struct conf_jwt {
	struct strv file, env, value; /* exactly one */
	struct strv algorithm, username_key;
};

struct conf_http_auth {
	struct strv basic_auth;
};

struct conf_ldap_uid {
	struct strv attr, format;
};

struct conf_ldap {
	struct strv pool_tag, bind_pool_tag, base, filter;
	struct conf_ldap_uid *uids; /* n_uids == 0: `uid` */
	size_t n_uids;
	struct strv dn_filter;
	const struct strv *dn_attributes;
	size_t n_dn_attributes;
	struct strv local_attribute;
	int64_t local_equal;
	const struct strv *local_values;
	size_t n_local_values;
	int64_t deref; /* enum auth_ldap_deref */
};

struct conf_dummy {
	int64_t base_time_ms, variance_ms;
};

/* TLS towards a server of ours. */
struct conf_client_tls {
	int64_t verify; /* enum tls_client_verify */
	bool starttls;	/* LDAP: on the port of plain text */
	bool required;	/* rdbms */
	bool check_name;
	int64_t with_globs;
	struct strv cacertfile, certfile, keyfile, password, ciphers, name;
	const int64_t *versions;
	size_t n_versions;
};

/* What all pools have: conf_pool.c. */
struct conf_pool {
	int64_t workers, call_timeout_ms;
	int64_t strategy;
	int64_t max_queue; /* for each worker; CONF_UNSET: no limit */
	int64_t scope;
};

/* [outgoing_pools.http.TAG] */
struct conf_http_pool {
	struct strv tag;
	struct conf_pool pool;
	struct strv host, path_prefix;
	int64_t request_timeout_ms;
	struct conf_client_tls tls;
};

/* [outgoing_pools.ldap.TAG] */
struct conf_ldap_pool {
	struct strv tag;
	struct conf_pool pool;
	const struct strv *servers;
	size_t n_servers;
	int64_t port; /* CONF_UNSET: 389, or 636 with TLS */
	struct strv root_dn, password;
	int64_t connect_interval_ms;
	bool has_tls;
	struct conf_client_tls tls;
};

enum { ANONYMOUS_SASL = 1, ANONYMOUS_LOGIN = 2 };

struct conf_anonymous {
	int64_t protocol; /* of the above, ORed */
	bool allow_multiple_connections;
	int64_t max_users; /* of a domain */
};

struct conf_auth {
	const int64_t *methods; /* enum auth_method */
	size_t n_methods;
	/* As the file gives them. */
	const int64_t *sasl_mechanisms, *hash, *sasl_external;
	size_t n_sasl_mechanisms, n_hash, n_sasl_external;
	int64_t password_format, iterations;
	struct external_conf external;
	bool has_program, has_jwt, has_http, has_ldap;
	struct conf_ldap ldap;
	struct conf_program program;
	struct conf_jwt jwt;
	struct conf_http_auth http;
	struct conf_dummy dummy;
	struct conf_anonymous anonymous;

	/* The same, ready for use. */
	unsigned method_set;				/* 1u << enum auth_method */
	struct auth_backend *backends[AUTH_METHOD_MAX]; /* of those that ask somebody */
	unsigned mechanisms; /* 1u << enum sasl_mech, those offered ... */
	uint8_t order[16];   /* ... in this order */
	uint8_t n_order;
	bool store_plain; /* password.format = "plain" */
	unsigned hashes;  /* 1u << enum digest_alg: stored */
	uint32_t scram_iterations;
	int64_t max_users_per_domain;
	bool users_number_estimate; /* about so many will do */
};

struct conf_store {
	struct strv path; /* of the database's file; ":memory:" keeps it in memory */
};

/* [outgoing_pools.rdbms.default] */
struct conf_rdbms {
	struct conf_pool pool;
	int64_t driver; /* enum store_driver */
	struct strv host, database, username, password;
	int64_t port, keepalive_s; /* or CONF_UNSET */
	int64_t query_timeout_ms, max_start_s;
	bool has_tls;
	struct conf_client_tls tls;
};

struct acl;
struct access_rule;
struct conf_file;

/* [acl] and [access] with what a domain adds to them; see core/options/access.h. */
struct conf_access {
	struct acl *acls;
	size_t n_acls;
	struct access_rule *rules;
	size_t n_rules;
};

/* [[host_config]]: what one domain has of its own. */
struct conf_host {
	struct strv host;
	bool has_auth;
	struct conf_auth auth;
	struct acl *acls;
	size_t n_acls;
	struct access_rule *rules;
	size_t n_rules;
	void **modules; /* as in struct conf; NULL: those of struct conf */
};

struct conf {
	atomic_uint refs;
	struct arena *arena;
	const char *file;	 /* NULL: none, the built-in defaults */
	struct strv text;	 /* what it said */
	struct conf_file *files; /* certificates and the like, as they were when read */
	size_t n_files;
	struct conf_general general;
	struct conf_auth auth;
	struct conf_store store;
	bool has_rdbms;
	struct conf_rdbms rdbms; /* everything is there, instead of in `store` */
	struct conf_listener *c2s;
	size_t n_c2s;
	struct host *hosts;
	size_t n_hosts;
	struct acl *acls;
	size_t n_acls;
	struct access_rule *rules;
	size_t n_rules;
	struct conf_http_pool *http_pools;
	size_t n_http_pools;
	struct conf_ldap_pool *ldap_pools;
	size_t n_ldap_pools;
	struct conf_shaper *shapers;
	size_t n_shapers;
	struct conf_host *host_configs;
	size_t n_host_configs;
	void **modules; /* by index in all_modules: what its options filled; NULL: not on */
};

#define CONF_DEFAULT_CERT "meerkat-data/cert.pem"

/* Reads and checks `file` (NULL: the defaults of a first start). 0, or -EINVAL and all errors,
 * a line each, in `errors`; warnings are lines in `errors` too, with 0. */
nodiscard int conf_load(const char *file, struct conf **ret, struct buf *errors);
/* Reads the files that the configuration names (certificates and the like) again, the
 * configuration itself as it was. */
nodiscard int conf_refresh(const struct conf *old, struct conf **ret, struct buf *errors);

/* Is one of those files another one than when it was read? */
bool conf_files_changed(const struct conf *c);

/* Where the store is; *ret and its texts are in the arena. */
struct store_conf;
void conf_store_conf(const struct conf *c, struct arena *a, struct store_conf *ret);
bool conf_same_rdbms(const struct conf *a, const struct conf *b);

/* What this domain has of its own; NULL: nothing. */
const struct conf_host *conf_host_find(const struct conf *c, struct strv domain);

/* The methods by which each name is an account's: 1u << enum auth_method. */
#define CONF_AUTH_ANYBODY (1u << AUTH_PKI | 1u << AUTH_JWT | 1u << AUTH_DUMMY)

/* The mechanisms that a method can serve: 1u << enum sasl_mech. */
unsigned conf_method_mechanisms(const struct conf_auth *a, enum auth_method m);

/* [auth] as it is for this domain. */
const struct conf_auth *conf_auth_of(const struct conf *c, struct strv domain);

/* Bytes a second for this user (none before authentication) of this domain, by a listener's
 * `shaper`; 0: no limit. */
int64_t conf_shaper_rate(const struct conf *c, struct strv name, struct strv domain,
			 struct jid jid);
/* Its backends of authentication get their threads, which end in conf_stop(): that waits for
 * them, and for answers to what has been asked unless `at_once`. Not on a worker. One that was never started needs no stop. */
void conf_start(struct conf *c);
/* How many threads ask others: its backends', and the database's. */
unsigned conf_n_asking_threads(const struct conf *c);
void conf_stop(struct conf *c, bool at_once);
bool conf_has_backends(const struct conf *c);
/* A conf_stop() that has begun, or will, waits for no more answers. Any thread. */
void conf_hurry(struct conf *c);

struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf **c);

/* Markdown for docs/configuration.md, from the option tables. */
void conf_write_docs(struct buf *b);
