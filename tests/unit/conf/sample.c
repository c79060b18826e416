#include "sample.h"

static const struct conf_word modes[] = {
	{ "tls", MODE_TLS },
	{ "starttls", MODE_STARTTLS },
	{ 0 },
};

static const struct conf_option tls_options[] = {
	CONF_ENUM("mode", struct tls, mode, "\"starttls\"", modes, "When TLS starts."),
	CONF_FILE("certfile", struct tls, certfile, NULL, "The certificate."),
	CONF_STRING_ARRAY("versions", struct tls, versions, "[\"tlsv1.2\", \"tlsv1.3\"]",
			  "What is spoken.", .unique = true,
			  .words = CONF_WORDS({ "tlsv1.2" }, { "tlsv1.3" })),
	{ 0 },
};

static void check_listener(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct listener *l = dst;

	if (l->port == 5223 && !l->has_tls)
		conf_warn(c, "port 5223 without TLS");
	if (l->has_tls && l->tls.mode == MODE_TLS && l->port == 5222)
		conf_complain_at(c, "tls.mode", "not on port 5222");
}

const struct conf_option c2s_options[] = {
	CONF_INT("port", struct listener, port, NULL, 1, 65535, "The TCP port.",
		 .mandatory = true, .restart = true),
	CONF_INT_OR_INFINITY("max_connections", struct listener, max_connections,
			     "\"infinity\"", 1, INT64_MAX, "At most so many."),
	CONF_BOOL("reuse_port", struct listener, reuse_port, "false", "SO_REUSEPORT."),
	CONF_OPTIONAL_TABLE("tls", struct listener, tls, tls_options, "None without it."),
	CONF_UNSUPPORTED("max_fsm_queue"),
	CONF_IGNORED("hibernate_after", "idle connections hold nothing."),
	{ 0 },
};

const struct conf_option listen_options[] = {
	CONF_TABLE_ARRAY("c2s", struct all, c2s, c2s_options, "For clients.",
			 .check = check_listener),
	CONF_UNSUPPORTED("http"),
	{ 0 },
};

static void check_domain(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct strv *s = dst;
	char *lower = arena_alloc(conf_arena(c), s->n + 1);

	if (strv_find(*s, ' ') >= 0) {
		conf_complain_expected(c, "a domain");
		return;
	}
	for (size_t i = 0; i <= s->n; i++)
		lower[i] = s->p[i] >= 'A' && s->p[i] <= 'Z' ? s->p[i] + 32 : s->p[i];
	s->p = lower;
}

static const struct conf_option general_options[] = {
	CONF_STRING_ARRAY("hosts", struct all, hosts, "[\"localhost\"]", "Domains.",
			  .unique = true, .check = check_domain, .allowed = "a domain",
			  .has_range = true, .min = 1, .max = INT64_MAX),
	CONF_STRING("language", struct all, language, "\"en\"", "xml:lang.",
		    .has_range = true, .min = 1, .max = 8),
	CONF_STRING("log_format", struct all, log_format, "\"text\"", "Of | the log.",
		    .words = CONF_WORDS({ "text" }, { "json" })),
	CONF_STRING("password", struct all, password, NULL, "Secret.", .secret = true,
		    .has_range = true, .min = 3, .max = 100),
	CONF_PATH("path", struct all, path, "\"/var/lib\"", "A place."),
	CONF_ENUM_ARRAY("methods", struct all, methods, "[]",
			CONF_WORDS({ "internal", 1 }, { "rdbms", 2 },
				   { "http", 3, true }),
			"Tried in order.", .unique = true),
	CONF_INT("retries", struct all, retries, "3", 0, 10, "How often.",
		 .unit = "times"),
	CONF_INT("unset", struct all, unset, NULL, -5, 5, "None."),
	CONF_ENUM("backend", struct all, backend, "\"rdbms\"",
		  CONF_WORDS({ "rdbms", 1 }, { "mnesia", 0, true }), "Where."),
	CONF_ALIAS("retry", "retries"),
	{ 0 },
};

static const struct conf_option shaper_options[] = {
	CONF_INT("max_rate", struct shaper, max_rate, NULL, 1, INT32_MAX, "Bytes/s.",
		 .mandatory = true, .unit = "bytes/s"),
	{ 0 },
};
static const struct conf_option any_shaper =
	CONF_SAME_TABLE("*", shaper_options, "A shaper.");

static void read_clause_value(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	int64_t *value = dst;

	if (v->type == TOML_INT)
		*value = v->i;
	else if (v->type == TOML_STRING && strv_is(v->str, "allow"))
		*value = 1;
	else if (v->type != TOML_STRING || !strv_is(v->str, "deny"))
		conf_complain_expected(c, "\"allow\", \"deny\" or an integer");
}

static const struct conf_option clause_options[] = {
	CONF_STRING("acl", struct clause, acl, NULL, "Whom.", .mandatory = true),
	CONF_CUSTOM("value", struct clause, value, "\"deny\"",
		    "\"allow\", \"deny\", a number", read_clause_value, "What."),
	{ 0 },
};
static const struct conf_option any_rule =
	CONF_TABLE_ARRAY("*", struct rule, clauses, clause_options, "A rule.");

const struct conf_option module_options[] = {
	CONF_BOOL("versioning", struct module_conf, versioning, "true", "Versions."),
	{ 0 },
};
static const struct conf_option modules[] = {
	CONF_TABLE_NEW("mod_roster", struct all, module, module_options, "Rosters."),
	{ .name = "mod_empty",
	  .type = CONF_T_TABLE_NEW,
	  .offset = offsetof(struct all, empty) },
	{ 0 },
};

const struct conf_option root_options[] = {
	CONF_SAME_TABLE("general", general_options, "Of all."),
	CONF_SAME_TABLE("listen", listen_options, "Where it listens."),
	CONF_MAP("shaper", struct all, shaper, name, &any_shaper, "Shapers."),
	CONF_MAP("access", struct all, rules, name, &any_rule, "Rules."),
	CONF_SAME_TABLE("modules", modules, "Modules."),
	CONF_UNSUPPORTED("outgoing_pools"),
	{ 0 },
};

void result_fini(struct result *r)
{
	arena_free(&r->arena);
}

struct result read_text(const char *text)
{
	struct result r = { .arena = arena_new(16 * 1024) };
	struct toml_error err;

	memset(&r.all, 0xa5, sizeof(r.all)); /* everything is filled in */
	r.errors = CONF_ERRORS_INIT(r.arena, "mk.toml");
	CHECK_INT(toml_parse(r.arena, strv_from(text), &r.root, &err), 0);
	r.r = conf_read_root(r.arena, r.root, root_options, &r.all, &r.errors);
	return r;
}

void check_messages(struct result *r, const char *want)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 16);

	conf_errors_write(&r->errors, &b);
	CHECK_STR(buf_strv(&b), want);
}
