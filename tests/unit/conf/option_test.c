/* The engine of option tables: what is filled in, and the exact words of each complaint.
 */
#include "test.h"

#include "conf/option.h"

#include <stdio.h>

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

static const struct conf_option c2s_options[] = {
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

static const struct conf_option listen_options[] = {
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
	CONF_ENUM_ARRAY(
		"methods", struct all, methods, "[]",
		CONF_WORDS({ "internal", 1 }, { "rdbms", 2 }, { "http", 3, true }),
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

static const struct conf_option module_options[] = {
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

static const struct conf_option root_options[] = {
	CONF_SAME_TABLE("general", general_options, "Of all."),
	CONF_SAME_TABLE("listen", listen_options, "Where it listens."),
	CONF_MAP("shaper", struct all, shaper, name, &any_shaper, "Shapers."),
	CONF_MAP("access", struct all, rules, name, &any_rule, "Rules."),
	CONF_SAME_TABLE("modules", modules, "Modules."),
	CONF_UNSUPPORTED("outgoing_pools"),
	{ 0 },
};

struct result {
	struct arena *arena;
	struct all all;
	int r;
	struct conf_errors errors;
	struct toml_table *root;
};

static void result_fini(struct result *r)
{
	arena_free(&r->arena);
}

static struct result read_text(const char *text)
{
	struct result r = { .arena = arena_new(16 * 1024) };
	struct toml_error err;

	memset(&r.all, 0xa5, sizeof(r.all)); /* everything is filled in */
	r.errors = CONF_ERRORS_INIT(r.arena, "mk.toml");
	CHECK_INT(toml_parse(r.arena, strv_from(text), &r.root, &err), 0);
	r.r = conf_read_root(r.arena, r.root, root_options, &r.all, &r.errors);
	return r;
}

#define RESULT(name, text) AUTO(result_fini) struct result name = read_text(text)

static void check_messages(struct result *r, const char *want)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 16);

	conf_errors_write(&r->errors, &b);
	CHECK_STR(buf_strv(&b), want);
}

/* Without the file's name and the newline at the end. */
static void check_text(const char *text, const char *want)
{
	char whole[2048];
	RESULT(r, text);

	snprintf(whole, sizeof(whole), "mk.toml:%s\n", want);
	check_messages(&r, whole);
	CHECK_INT(r.r, strstr(want, "error:") ? -EINVAL : 0);
}

TEST(option_defaults)
{
	RESULT(r, "");
	const struct all *a = &r.all;

	CHECK_INT(r.r, 0);
	check_messages(&r, "");
	CHECK_INT(a->n_hosts, 1);
	CHECK_STR(a->hosts[0], "localhost");
	CHECK_STR(a->language, "en");
	CHECK_STR(a->path, "/var/lib");
	CHECK(a->password.p == NULL && a->password.n == 0);
	CHECK(a->n_methods == 0 && a->n_c2s == 0 && a->c2s == NULL && a->n_rules == 0);
	CHECK_INT(a->retries, 3);
	CHECK_INT(a->unset, CONF_UNSET);
	CHECK(a->module == NULL);
}

TEST(option_defaults_without_a_table)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	struct listener l;

	memset(&l, 0xa5, sizeof(l));
	conf_defaults(a, c2s_options, &l);
	CHECK_INT(l.port, CONF_UNSET);
	CHECK(l.max_connections == CONF_INFINITY);
	CHECK(!l.reuse_port && !l.has_tls);
	CHECK_INT(l.tls.mode, MODE_STARTTLS);
	CHECK_INT(l.tls.n_versions, 2);
	CHECK_STR(l.tls.versions[1], "tlsv1.3");
}

TEST(option_values_of_each_type)
{
	RESULT(r, "[general]\n"
		  "hosts = [\"A.example\", \"b.example\"]\n"
		  "language = \"pl\"\n"
		  "log_format = \"json\"\n"
		  "password = \"abc\"\n"
		  "path = \"x\"\n"
		  "methods = [\"rdbms\", \"internal\"]\n"
		  "retry = 10\n"
		  "[[listen.c2s]]\n"
		  "port = 1\n"
		  "max_connections = 5\n"
		  "reuse_port = true\n"
		  "tls.mode = \"tls\"\n"
		  "[[listen.c2s]]\n"
		  "port = 65535\n"
		  "max_connections = \"infinity\"\n"
		  "[shaper]\n"
		  "normal.max_rate = 1000\n"
		  "\"very fast\" = {max_rate = 2000}\n"
		  "[access]\n"
		  "c2s = [{acl = \"blocked\"}, {acl = \"all\", value = \"allow\"}, {acl "
		  "= \"x\", "
		  "value = 5}]\n"
		  "none = []\n"
		  "[modules.mod_roster]\n");
	const struct all *a = &r.all;

	check_messages(&r, "");
	CHECK_INT(r.r, 0);
	CHECK_INT(a->n_hosts, 2);
	CHECK_STR(a->hosts[0], "a.example"); /* the check changed it */
	CHECK_STR(a->log_format, "json");
	CHECK(a->n_methods == 2 && a->methods[0] == 2 && a->methods[1] == 1);
	CHECK_INT(a->retries, 10);
	CHECK_INT(a->n_c2s, 2);
	CHECK(a->c2s[0].port == 1 && a->c2s[0].max_connections == 5 &&
	      a->c2s[0].reuse_port);
	CHECK(a->c2s[0].has_tls && a->c2s[0].tls.mode == MODE_TLS);
	CHECK(a->c2s[1].port == 65535 && a->c2s[1].max_connections == CONF_INFINITY);
	CHECK(!a->c2s[1].has_tls && a->c2s[1].tls.mode == MODE_STARTTLS);
	CHECK_INT(a->n_shaper, 2);
	CHECK_STR(a->shaper[1].name, "very fast");
	CHECK_INT(a->shaper[1].max_rate, 2000);
	CHECK_INT(a->n_rules, 2);
	CHECK_STR(a->rules[0].name, "c2s");
	CHECK(a->rules[0].n_clauses == 3 && a->rules[0].clauses[0].value == 0);
	CHECK(a->rules[0].clauses[1].value == 1 && a->rules[0].clauses[2].value == 5);
	CHECK(a->rules[1].n_clauses == 0);
	CHECK(a->module && a->module->versioning && a->empty == NULL);
}

static const struct {
	const char *text, *want;
} refused[] = {
	/* each type, given another one */
	{ "[[listen.c2s]]\nport = 1\nreuse_port = \"yes\"",
	  "3:14: error: listen.c2s[1].reuse_port: expected true or false, found the "
	  "string "
	  "\"yes\"" },
	{ "general.retries = \"3\"", "1:19: error: general.retries: expected an integer "
				     "from 0 to 10, found the string "
				     "\"3\"" },
	{ "general.retries = 3.5", "1:19: error: general.retries: expected an integer "
				   "from 0 to 10, found the float 3.5" },
	{ "general.retries = 11", "1:19: error: general.retries: expected an integer "
				  "from 0 to 10, found the integer "
				  "11" },
	{ "general.unset = -6", "1:17: error: general.unset: expected an integer from -5 "
				"to 5, found the integer -6" },
	{ "[[listen.c2s]]\nport = 1\nmax_connections = 0",
	  "3:19: error: listen.c2s[1].max_connections: expected an integer above 0 or "
	  "\"infinity\", found the integer 0" },
	{ "[[listen.c2s]]\nport = 1\nmax_connections = \"infinite\"",
	  "3:19: error: listen.c2s[1].max_connections: expected an integer above 0 or "
	  "\"infinity\", found the string \"infinite\"; did you mean \"infinity\"?" },
	{ "general.language = true", "1:20: error: general.language: expected a string "
				     "of 1 to 8 bytes, found the boolean "
				     "true" },
	{ "general.language = \"\"", "1:20: error: general.language: expected a string "
				     "of 1 to 8 bytes, found the string "
				     "\"\"" },
	{ "general.language = \"123456789\"", "1:20: error: general.language: expected a "
					      "string of 1 to 8 bytes, found the string "
					      "\"123456789\"" },
	{ "general.language = \"a\\u0000\"",
	  "1:20: error: general.language: U+0000 is not allowed" },
	{ "general.language = 2020-01-01", "1:20: error: general.language: expected a "
					   "string of 1 to 8 bytes, found a date, "
					   "2020-01-01" },
	{ "general.log_format = \"jsno\"", "1:22: error: general.log_format: expected "
					   "\"text\" or \"json\", found the string "
					   "\"jsno\"; did you mean \"json\"?" },
	{ "general.log_format = \"\\n\\\"\"", "1:22: error: general.log_format: expected "
					      "\"text\" or \"json\", found the string "
					      "\"\\u000A\\\"\"" },
	{ "general.log_format = []", "1:22: error: general.log_format: expected \"text\" "
				     "or \"json\", found an array" },
	{ "general.path = \"\"",
	  "1:16: error: general.path: expected a path, found the string \"\"" },
	{ "general.methods = \"rdbms\"",
	  "1:19: error: general.methods: expected an array, each element \"internal\" or "
	  "\"rdbms\", none twice, found the string \"rdbms\"" },
	{ "general.methods = [\"rdbms\", \"internl\"]",
	  "1:29: error: general.methods[2]: expected \"internal\" or \"rdbms\", found "
	  "the string "
	  "\"internl\"; did you mean \"internal\"?" },
	{ "general.methods = [\"rdbms\", \"rdbms\"]",
	  "1:29: error: general.methods[2]: found the string \"rdbms\" a second time "
	  "(the first "
	  "is at 1:20)" },
	{ "general.hosts = []", "1:17: error: general.hosts: expected an array of at "
				"least 1 element, each a domain, "
				"none twice, found an array" },
	{ "general.hosts = [\"a\", 5]",
	  "1:23: error: general.hosts[2]: expected a domain, found the integer 5" },
	{ "general.hosts = [\"a b\"]",
	  "1:18: error: general.hosts[1]: expected a domain, found the string \"a b\"" },
	{ "general.hosts = [\"a\", \"b\", \"A\"]",
	  "1:28: error: general.hosts[3]: found the string \"A\" a second time (the "
	  "first is at "
	  "1:18)" },
	{ "general = 5", "1:11: error: general: expected a table, found the integer 5" },
	{ "[listen.c2s]\nport = 1", "1:9: error: listen.c2s: expected an array of "
				    "tables, [[listen.c2s]], found a table" },
	{ "listen.c2s = [{port = 1}, 2]",
	  "1:27: error: listen.c2s[2]: expected a table, found the integer 2" },
	{ "shaper = []", "1:10: error: shaper: expected a table, found an array" },
	{ "shaper.x = 5",
	  "1:12: error: shaper.x: expected a table, found the integer 5" },
	{ "access.c2s = [{acl = \"all\", value = \"alow\"}]",
	  "1:37: error: access.c2s[1].value: expected \"allow\", \"deny\" or an integer, "
	  "found "
	  "the string \"alow\"" },
	{ "modules.mod_roster = true",
	  "1:22: error: modules.mod_roster: expected a table, found the boolean true" },
	/* secrets are not shown */
	{ "general.password = \"x\"", "1:20: error: general.password: expected a string "
				      "of 3 to 100 bytes, found a string" },
	/* what is missing */
	{ "\n[[listen.c2s]]", "2:10: error: listen.c2s[1].port: this option is "
			      "mandatory, and is missing: expected "
			      "an integer from 1 to 65535" },
	{ "[shaper.\"a.b\"]", "1:9: error: shaper.\"a.b\".max_rate: this option is "
			      "mandatory, and is missing: "
			      "expected an integer from 1 to 2147483647" },
	/* what is unknown */
	{ "[[listen.c2s]]\nport = 1\n\ntls.mod = 1",
	  "4:5: error: listen.c2s[1].tls.mod: unknown option; did you mean \"mode\"?" },
	{ "[shaper.x]\nmax_rate = 1\nfoo = 1",
	  "3:1: error: shaper.x.foo: unknown option; known here: max_rate" },
	{ "[lisen]", "1:2: error: lisen: unknown option; did you mean \"listen\"?" },
	{ "[modules.mod_empty]\na = 1",
	  "2:1: error: modules.mod_empty.a: unknown option; there are none here" },
	{ "general.retries = 1\ngeneral.retry = 2",
	  "2:17: error: general.retry: is another name of retries, which is set on line "
	  "1" },
	{ "general.retry = true", "1:17: error: general.retry: expected an integer from "
				  "0 to 10, found the boolean "
				  "true" },
	/* what is known elsewhere: warnings */
	{ "[outgoing_pools.rdbms]\nx = 1",
	  "1:2: warning: outgoing_pools: known to MongooseIM, not supported here" },
	{ "[[listen.http]]\nport = 1",
	  "1:10: warning: listen.http: known to MongooseIM, not supported here" },
	{ "[[listen.c2s]]\nport = 1\nmax_fsm_queue = 1",
	  "3:1: warning: listen.c2s[1].max_fsm_queue: known to MongooseIM, not supported "
	  "here" },
	{ "[[listen.c2s]]\nport = 1\nhibernate_after = 1",
	  "3:1: warning: listen.c2s[1].hibernate_after: has no effect here: idle "
	  "connections "
	  "hold nothing." },
	{ "general.backend = \"mnesia\"", "1:19: warning: general.backend: \"mnesia\" is "
					  "known to MongooseIM, not supported "
					  "here" },
	{ "general.methods = [\"http\"]", "1:20: warning: general.methods[1]: \"http\" "
					  "is known to MongooseIM, not supported "
					  "here" },
	/* the checks of whole tables */
	{ "[[listen.c2s]]\nport = 5223",
	  "1:10: warning: listen.c2s[1]: port 5223 without TLS" },
	{ "[[listen.c2s]]\nport = 5222\n[listen.c2s.tls]\n  mode = \"tls\"",
	  "4:10: error: listen.c2s[1].tls.mode: not on port 5222" },
};

TEST(option_messages)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		check_text(refused[i].text, refused[i].want);
}

TEST(option_files_must_be_readable)
{
	char text[1024], want[1024];

	check_text("[[listen.c2s]]\nport = 1\ntls.certfile = \"/nowhere/x\"",
		   "3:16: error: listen.c2s[1].tls.certfile: cannot read the file "
		   "\"/nowhere/x\": No such file or directory");
	check_text("[[listen.c2s]]\nport = 1\ntls.certfile = \"/\"",
		   "3:16: error: listen.c2s[1].tls.certfile: cannot read the file \"/\": "
		   "not a "
		   "regular file");
	snprintf(text, sizeof(text), "[[listen.c2s]]\nport = 1\ntls.certfile = \"%s\"",
		 test_path("unit/test.h"));
	RESULT(r, text);
	CHECK_INT(r.r, 0);
	snprintf(want, sizeof(want), "%s", test_path("unit/test.h"));
	CHECK_STR(r.all.c2s[0].tls.certfile, want);
}

TEST(option_all_errors_in_the_order_of_the_file)
{
	RESULT(r, "[shaper.x]\n"
		  "max_rate = 0\n"
		  "[general]\n"
		  "retries = 99\n"
		  "nothing = 1\n"
		  "hosts = [1, 2]\n"
		  "[[listen.c2s]]\n"
		  "[outgoing_pools]\n"
		  "[[listen.c2s]]\n"
		  "port = 5\n"
		  "tls = {mode = 1, versions = [\"tlsv1\"]}\n");

	CHECK_INT(r.r, -EINVAL);
	CHECK_INT(r.errors.n_errors, 8);
	CHECK_INT(r.errors.n_warnings, 1);
	check_messages(
		&r,
		"mk.toml:2:12: error: shaper.x.max_rate: expected an integer from 1 to "
		"2147483647, "
		"found the integer 0\n"
		"mk.toml:4:11: error: general.retries: expected an integer from 0 to 10, "
		"found the "
		"integer 99\n"
		"mk.toml:5:1: error: general.nothing: unknown option; known here: hosts, "
		"language, "
		"log_format, password, path, methods, retries, unset, backend\n"
		"mk.toml:6:10: error: general.hosts[1]: expected a domain, found the "
		"integer 1\n"
		"mk.toml:6:13: error: general.hosts[2]: expected a domain, found the "
		"integer 2\n"
		"mk.toml:7:10: error: listen.c2s[1].port: this option is mandatory, and "
		"is "
		"missing: expected an integer from 1 to 65535\n"
		"mk.toml:8:2: warning: outgoing_pools: known to MongooseIM, not "
		"supported here\n"
		"mk.toml:11:15: error: listen.c2s[2].tls.mode: expected \"tls\" or "
		"\"starttls\", "
		"found the integer 1\n"
		"mk.toml:11:30: error: listen.c2s[2].tls.versions[1]: expected "
		"\"tlsv1.2\" or "
		"\"tlsv1.3\", found the string \"tlsv1\"; did you mean \"tlsv1.2\"?\n");
	/* what was right is there, for further checks */
	CHECK(r.all.n_c2s == 2 && r.all.c2s[1].port == 5 && r.all.c2s[1].has_tls);
	CHECK_INT(r.all.retries, 3);
	CHECK_INT(r.all.c2s[1].tls.mode, MODE_STARTTLS);
	CHECK(r.all.n_shaper == 1 && r.all.n_hosts == 0);
}

TEST(option_warned_words_leave_the_default)
{
	RESULT(r, "[general]\nbackend = \"mnesia\"\nmethods = [\"http\", \"rdbms\"]");

	CHECK_INT(r.r, 0);
	CHECK_INT(r.all.backend, 1);
	CHECK(r.all.n_methods == 1 && r.all.methods[0] == 2);
}

TEST(option_errors_are_counted_beyond_the_limit)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 16);

	buf_put(&b, STRV("[general]\n"));
	for (int i = 0; i < 300; i++)
		buf_putf(&b, "xyz%d = 1\n", i);
	RESULT(r, buf_cstr(&b));
	CHECK_INT(r.errors.n_errors, 300);
	CHECK_INT(r.errors.n, CONF_MAX_ERRORS);
	buf_clear(&b);
	conf_errors_write(&r.errors, &b);
	CHECK(strstr(buf_cstr(&b), "\nand 100 more\n") != NULL);
}

TEST(option_errors_from_several_sections)
{
	RESULT(r, "[[listen.c2s]]\nport = 1\n[access]\n\"a.b\" = [{acl = \"x\"}]\n");

	conf_error_at(&r.errors, r.root, "listen.c2s[1].access", "there is no rule %s",
		      "\"x\"");
	conf_error_at(&r.errors, r.root, "access.\"a.b\"[1].acl", "there is no acl");
	conf_error_at(&r.errors, r.root, "listen.c2s[2]", "no such element");
	conf_warning_at(&r.errors, r.root, "nowhere", "not used");
	check_messages(
		&r, "mk.toml: warning: nowhere: not used\n"
		    "mk.toml:1:10: error: listen.c2s[1].access: there is no rule \"x\"\n"
		    "mk.toml:1:10: error: listen.c2s[2]: no such element\n"
		    "mk.toml:4:17: error: access.\"a.b\"[1].acl: there is no acl\n");
}

TEST(option_error_of_the_parser)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	AUTO(buf_free) struct buf b = BUF_INIT(1024);
	struct conf_errors e = CONF_ERRORS_INIT(a, "x.toml");
	struct toml_error err;
	struct toml_table *t;

	CHECK_INT(toml_parse(a, STRV("a = \n"), &t, &err), -EINVAL);
	conf_error_add_toml(&e, &err);
	conf_errors_write(&e, &b);
	CHECK_STR(buf_strv(&b),
		  "x.toml:1:5: error: expected a value, found the end of the line\n");
}

static void read_pairs(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct module_conf *m = dst;

	for (size_t i = 0; v->type == TOML_ARRAY && i < v->array->n; i++) {
		char part[32];
		snprintf(part, sizeof(part), "[%zu]", i + 1);
		if (conf_read_part(c, &v->array->v[i], part, module_options, m) < 0)
			return;
	}
}

TEST(option_tables_read_by_a_check)
{
	AUTO(arena_free) struct arena *a = arena_new(1024);
	AUTO(buf_free) struct buf b = BUF_INIT(1024);
	struct conf_errors e = CONF_ERRORS_INIT(a, NULL);
	static const struct conf_option options[] = {
		{ .name = "pairs",
		  .type = CONF_T_CUSTOM,
		  .size = sizeof(struct module_conf),
		  .check = read_pairs },
		{ 0 },
	};
	struct toml_value v =
		toml_parse_value(a, STRV("{pairs = [{}, {versionin = 1}, 1]}"));
	struct module_conf m;

	CHECK_INT(conf_read(a, &v, "modules.mod_x", options, &m, &e), -EINVAL);
	CHECK(!m.versioning);
	conf_errors_write(&e, &b);
	CHECK_STR(buf_strv(&b),
		  "1:16: error: modules.mod_x.pairs[2].versionin: unknown option; "
		  "did you mean \"versioning\"?\n");
	CHECK_INT(conf_read(a, &v.table->first->value, "modules.mod_x", options, &m, &e),
		  -EINVAL);
	CHECK_STR(strv_from(e.v[1].text), "expected a table, found an array");
}

TEST(nearest_word)
{
	static const char *const names[] = { "starttls", "starttls_required", "tls",
					     "max_stanza_size", NULL };

	CHECK_STR(strv_from(conf_nearest(STRV("startls"), names)), "starttls");
	CHECK_STR(strv_from(conf_nearest(STRV("STARTTLS"), names)), "starttls");
	CHECK_STR(strv_from(conf_nearest(STRV("tlse"), names)), "tls");
	CHECK_STR(strv_from(conf_nearest(STRV("lts"), names)), "tls");
	CHECK_STR(strv_from(conf_nearest(STRV("max-stanza-size"), names)),
		  "max_stanza_size");
	CHECK_STR(strv_from(conf_nearest(STRV("max_stanzasize"), names)),
		  "max_stanza_size");
	CHECK(conf_nearest(STRV("port"), names) == NULL);
	CHECK(conf_nearest(STRV(""), names) == NULL);
	CHECK(conf_nearest(STRV("x"), names) == NULL);
	CHECK(conf_nearest(strv_make("0123456789012345678901234567890123456789"
				     "012345678901234567890123456789",
				     70),
			   names) == NULL);
}

TEST(option_documentation)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 16);
	static const char head[] = "| Option | Allowed | Default | Meaning |\n"
				   "|---|---|---|---|\n";
	static const char want[] =
		"Known to MongooseIM, not supported here (a warning): `http`.\n\n"
		"### `[[listen.c2s]]`\n\nFor clients.\n\n%s"
		"| `port` | an integer from 1 to 65535 | mandatory | The TCP port. A "
		"change needs "
		"a restart. |\n"
		"| `max_connections` | an integer above 0 or \"infinity\" | "
		"`\"infinity\"` | At "
		"most so many. |\n"
		"| `reuse_port` | true or false | `false` | SO_REUSEPORT. |\n\n"
		"Known to MongooseIM, not supported here (a warning): "
		"`max_fsm_queue`.\n\n"
		"`hibernate_after` has no effect here: idle connections hold nothing.\n\n"
		"### `[listen.c2s.tls]`\n\nNone without it.\n\n%s"
		"| `mode` | \"tls\" or \"starttls\" | `\"starttls\"` | When TLS starts. "
		"|\n"
		"| `certfile` | the path of a readable file | not set | The certificate. "
		"|\n"
		"| `versions` | an array, each element \"tlsv1.2\" or \"tlsv1.3\", none "
		"twice | "
		"`[\"tlsv1.2\", \"tlsv1.3\"]` | What is spoken. |\n\n";
	char whole[4096];

	conf_doc(listen_options, "listen", &b);
	snprintf(whole, sizeof(whole), want, head, head);
	CHECK_STR(buf_strv(&b), whole);
}

TEST(option_documentation_of_the_rest)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 16);
	static const char *const parts[] = {
		"| `log_format` | \"text\" or \"json\" | `\"text\"` | Of \\| the log. "
		"|\n",
		"| `retries`, `retry` | an integer from 0 to 10 (times) | `3` | How "
		"often. |\n",
		"### `[shaper.NAME]`\n\nA shaper.\n\n| Option |",
		"### `[[access.NAME]]`\n\nA rule.\n\n| Option |",
		"### `[modules.mod_roster]`\n\nRosters.\n\n| Option |",
		"| `value` | \"allow\", \"deny\", a number | `\"deny\"` | What. |\n",
	};

	conf_doc(root_options, "", &b);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		CHECK(strstr(buf_cstr(&b), parts[i]) != NULL);
}
