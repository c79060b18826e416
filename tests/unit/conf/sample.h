/* A configuration for the tests of the engine, with an option of each type. */
#pragma once

#include "test.h"

#include "conf/option.h"

enum { MODE_TLS = 7, MODE_STARTTLS };

struct tls {
	int64_t mode;
	struct strv certfile;
	const struct strv *versions;
	size_t n_versions;
};

struct listener {
	int64_t port;
	int64_t max_connections;
	bool reuse_port;
	bool has_tls;
	struct tls tls;
};

struct shaper {
	struct strv name;
	int64_t max_rate;
};

struct clause {
	struct strv acl;
	int64_t value; /* 0: deny, 1: allow, else a number */
};

struct rule {
	struct strv name;
	struct clause *clauses;
	size_t n_clauses;
};

struct module_conf {
	bool versioning;
};

struct all {
	const struct strv *hosts;
	size_t n_hosts;
	struct strv language, log_format, password, path;
	const int64_t *methods;
	size_t n_methods;
	int64_t retries, unset, backend;
	struct listener *c2s;
	size_t n_c2s;
	struct shaper *shaper;
	size_t n_shaper;
	struct rule *rules;
	size_t n_rules;
	struct module_conf *module, *empty;
};

extern const struct conf_option c2s_options[], listen_options[], module_options[],
	root_options[];

struct result {
	struct arena *arena;
	struct all all;
	int r;
	struct conf_errors errors;
	struct toml_table *root;
};

/* Reads the text, which must be TOML, by root_options; the file's name is "mk.toml". */
struct result read_text(const char *text);
void result_fini(struct result *r);

#define RESULT(name, text) AUTO(result_fini) struct result name = read_text(text)

void check_messages(struct result *r, const char *want);
