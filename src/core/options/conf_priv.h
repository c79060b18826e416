/* For the files of the configuration only. */
#pragma once

#include "core/options/conf.h"
#include "core/options/host.h"
#include "xmpp/jid.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { PART_USER, PART_SERVER, PART_RESOURCE, PART_MAX };

enum acl_match { MATCH_CURRENT_DOMAIN, MATCH_ALL, MATCH_NONE, MATCH_ANY_HOSTED };

struct acl_pattern {
	int64_t match;
	struct strv user, server, resource;
	struct strv user_glob, server_glob, resource_glob;
	struct strv user_regexp, server_regexp, resource_regexp;
	pcre2_code *re[PART_MAX]; /* compiled when the file is checked */
};

struct acl {
	struct strv name;
	struct acl_pattern *patterns;
	size_t n_patterns;
};

struct clause {
	struct strv acl;
	struct strv value; /* a number in decimal */
};

struct access_rule {
	struct strv name;
	struct clause *clauses;
	size_t n_clauses;
};

/* acl.c. Does the JID, or nobody yet at this domain, belong to the class? 1, 0; -E2BIG: an
 * expression has taken too many steps to say. */
extern const struct conf_option conf_any_acl;
int acl_fits(const struct host *h, struct strv name, struct strv domain, struct jid jid);

/* access.c */
extern const struct conf_option conf_any_rule;
struct acl *access_find_acl(struct acl *acls, size_t n, struct strv name);
struct access_rule *access_find_rule(struct access_rule *rules, size_t n,
				     struct strv name);
bool access_ends_with_allow_all(const struct access_rule *r);

/* conf_shaper.c */
extern const struct conf_option conf_any_shaper;
void shaper_check(const struct conf *c, const struct toml_table *root,
		  struct conf_errors *e);
void shaper_warn(const struct conf *c, const struct toml_table *root,
		 struct conf_errors *e);

/* conf_options.c */
void conf_check_domain(struct conf_ctx *c, const struct toml_value *v, void *dst);

/* conf_rdbms.c */
extern const struct conf_option conf_rdbms_pools[]; /* [outgoing_pools.rdbms] */
void conf_rdbms_check(const struct conf *c, const struct toml_table *root,
		      struct conf_errors *e);

/* conf_warn.c: of what cannot be meant. */
void access_warn(const struct conf *c, const struct toml_table *root,
		 struct conf_errors *e);

/* conf_files.c: this file is about to be read; conf_files_changed() looks after it. */
void conf_watch_file(struct conf *c, struct strv path);

/* conf_listen.c */
void conf_check_address(struct conf_ctx *c, const struct toml_value *v, void *dst);
void conf_check_ip_version(struct conf_ctx *c, const struct toml_value *v, void *dst);
void conf_check_limit(struct conf_ctx *c, const struct toml_value *v, void *dst);
void conf_check_net(struct conf_ctx *c, const struct toml_value *v, void *dst);
void conf_settle_proxy(struct conf *c, size_t i, const struct toml_table *root,
		       struct conf_errors *e);
void conf_settle_address(struct conf *c, size_t i, const struct toml_table *root,
			 struct conf_errors *e);

/* conf_external.c */
extern const struct conf_word conf_external_rules[];
void conf_check_local(struct conf_ctx *c, const struct toml_value *v, void *dst);
bool conf_has_method_section(const struct toml_table *auth);
void conf_settle_methods(struct conf_auth *a, const struct toml_table *section,
			 struct arena *arena);
void conf_warn_external(const struct conf *c, const struct toml_table *root,
			struct conf_errors *e);

/* conf_anonymous.c */
extern const struct conf_option conf_anonymous_options[];
unsigned conf_anonymous_mechanisms(const struct conf_anonymous *a);
void conf_warn_anonymous(const struct conf *c, const struct toml_table *root,
			 struct conf_errors *e);

/* conf_register.c */
void conf_warn_register(const struct conf *c, const struct toml_table *root,
			struct conf_errors *e);

/* conf_methods.c */
extern const struct conf_option conf_program_options[], conf_jwt_options[],
	conf_http_auth_options[], conf_dummy_options[], conf_pool_options[];
void methods_make(struct conf *c, struct conf_auth *a, const char *section,
		  const struct toml_table *root, struct conf_errors *e);
void conf_free_methods(struct conf *c);
/* Whose threads a backend of this section may share: the first that asks the same; NULL: it is that. */
struct auth_backend *methods_first(const struct conf *c, const struct conf_auth *a,
				   enum auth_method m);

/* conf_pool.c */
struct dispatch_conf;
extern const struct conf_word conf_pool_strategies[];
void conf_pool_check(struct conf_ctx *c, const struct conf_pool *p);
struct dispatch_conf conf_pool_dispatch(const struct conf_pool *p);
extern const struct conf_word conf_pool_scopes[];
enum { CONF_SCOPE_GLOBAL, CONF_SCOPE_HOST_TYPE };

/* The rows of a struct S with a struct conf_pool `pool`. */
#define CONF_POOL_STRATEGY(S)                                                              \
	CONF_ENUM(                                                                         \
		"strategy", S, pool.strategy, "\"best_worker\"", conf_pool_strategies,     \
		"Who gets a question. `best_worker`, `available_worker`: whoever is free " \
		"first gets the one that waits longest. `next_available_worker`: a "       \
		"worker that is free now; if none is, it fails at once. "                  \
		"`random_worker`, `next_worker`: one at random, or one after the "         \
		"other; it waits for this one, and only if its connection is down, "       \
		"another one gets it.")
#define CONF_POOL_SCOPE(S)                                                               \
	CONF_ENUM(                                                                       \
		"scope", S, pool.scope, "\"global\"", conf_pool_scopes,                  \
		"`global`: these workers are for all domains. `host_type`, and `host`, " \
		"as it was called once: `[auth]` has its own, and so has each "          \
		"`[host_config.auth]`.")
#define CONF_POOL_QUEUE(S)                                                                  \
	CONF_INT(                                                                           \
		"max_worker_queue_len", S, pool.max_queue, NULL, 0, INT32_MAX,              \
		"With `best_worker`: when so many questions wait for each worker, further " \
		"ones fail at once. Not given: docs/limits.md has the bounds of queues.")

/* conf_pool_tls.c: all fill struct conf_client_tls. */
struct tls_client;
struct tls_client_options;
extern const struct conf_option conf_http_tls[], conf_ldap_tls[], conf_rdbms_tls[];
struct tls_client_options conf_pool_tls_options(const struct conf_client_tls *t);
/* NULL: something in `section` cannot be used, and that is said. */
struct tls_client *conf_pool_tls(const struct conf_client_tls *t, const char *section,
				 const struct toml_table *root, struct conf_errors *e);
void conf_watch_pool_tls(struct conf *c, const struct conf_client_tls *t);

/* conf_ldap.c */
extern const struct conf_option conf_ldap_options[], conf_any_ldap_pool;
void methods_make_ldap(struct conf *c, struct conf_auth *a, const char *key,
		       const struct toml_table *root, struct conf_errors *e);

/* conf_tls.c */
void conf_settle_tls(struct conf *c, size_t i, const struct toml_table *root,
		     struct conf_errors *e);
const struct toml_table *conf_tls_section(const struct toml_table *root, size_t i);
/* conf_tls_options.c */
extern const struct conf_option conf_tls_options[];
/* conf_tls_build.c */
void conf_build_tls(struct conf *c, size_t i, const struct toml_table *root,
		    struct conf_errors *e);
void conf_warn_tls(const struct conf *c, size_t i, const struct toml_table *root,
		   struct conf_errors *e);

extern const struct conf_option *const conf_c2s_options; /* of a listener */

/* The rows of the whole file; those of the modules are built in `a`. */
const struct conf_option *conf_root_options(struct arena *a);
