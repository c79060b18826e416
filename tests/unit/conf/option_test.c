/* The engine of option tables: what is filled in, checked by callbacks, documented. */
#include "sample.h"

#include <stdio.h>

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

TEST(option_warned_words_leave_the_default)
{
	RESULT(r, "[general]\nbackend = \"mnesia\"\nmethods = [\"http\", \"rdbms\"]");

	CHECK_INT(r.r, 0);
	CHECK_INT(r.all.backend, 1);
	CHECK(r.all.n_methods == 1 && r.all.methods[0] == 2);
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
		"| `backend` | \"rdbms\"; known to MongooseIM, not supported here: "
		"\"mnesia\" |",
		"### `[shaper.NAME]`\n\nA shaper.\n\n| Option |",
		"### `[[access.NAME]]`\n\nA rule.\n\n| Option |",
		"### `[modules.mod_roster]`\n\nRosters.\n\n| Option |",
		"| `value` | \"allow\", \"deny\", a number | `\"deny\"` | What. |\n",
	};

	conf_doc(root_options, "", &b);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		CHECK(strstr(buf_cstr(&b), parts[i]) != NULL);
}
