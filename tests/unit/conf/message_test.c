/* The exact words and places of what the engine of option tables complains about. */
#include "sample.h"

#include <stdio.h>

/* Without the file's name and the newline at the end. */
static void check_text(const char *text, const char *want)
{
	char whole[2048];
	RESULT(r, text);

	snprintf(whole, sizeof(whole), "mk.toml:%s\n", want);
	check_messages(&r, whole);
	CHECK_INT(r.r, strstr(want, "error:") ? -EINVAL : 0);
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
	{ "general.retries = 3.0", "1:19: error: general.retries: expected an integer "
				   "from 0 to 10, found the float 3.0" },
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
				     "or \"json\", found an empty array" },
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
				"none twice, found an empty array" },
	{ "general.hosts = [\"a\", 5]",
	  "1:23: error: general.hosts[2]: expected a domain, found the integer 5" },
	{ "general.hosts = [\"a b\"]",
	  "1:18: error: general.hosts[1]: expected a domain, found the string \"a b\"" },
	{ "general.hosts = [\"a\", \"b\", \"A\"]",
	  "1:28: error: general.hosts[3]: found the string \"A\" a second time (the "
	  "first is at "
	  "1:18)" },
	{ "[listen.c2s]\nport = 1", "1:9: error: listen.c2s: expected an array of "
				    "tables, [[listen.c2s]], found a table" },
	{ "listen.c2s = [{port = 1}, 2]",
	  "1:27: error: listen.c2s[2]: expected a table, found the integer 2" },
	{ "shaper = []", "1:10: error: shaper: expected a table, found an empty array" },
	{ "shaper.x = 5",
	  "1:12: error: shaper.x: expected a table, found the integer 5" },
	{ "access.c2s = [{acl = \"all\", value = \"alow\"}]",
	  "1:37: error: access.c2s[1].value: expected \"allow\", \"deny\" or an integer, "
	  "found "
	  "the string \"alow\"" },
	{ "modules.mod_roster = true",
	  "1:22: error: modules.mod_roster: expected a table, found the boolean true" },
	/* secrets are not shown, nor what stands in the place of a table that has one */
	{ "general = 5", "1:11: error: general: expected a table, found an integer" },
	{ "general = \"x\"", "1:11: error: general: expected a table, found a string" },
	{ "general.password = \"\"", "1:20: error: general.password: expected a string "
				     "of 3 to 100 bytes, found an empty string" },
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

TEST(option_errors_of_names)
{
	static const char *const few[] = { "c2s", "staff", "staff", "c\"2", NULL };
	static const char *const many[] = { "ab", "cd", "ef", "gh", "ij", "kl",
					    "mn", "op", "qr", "st", "uv", NULL };
	RESULT(r, "[[listen.c2s]]\nport = 1\n");

	conf_error_name_at(&r.errors, r.root, "listen", "a rule", STRV("zzz"), many);
	conf_error_name_at(&r.errors, r.root, "listen.c2s[1]", "a rule", STRV("\x01"),
			   few);
	conf_error_name_at(&r.errors, r.root, "listen.c2s[1].port", "a rule",
			   STRV("stuff"), few);
	check_messages(
		&r,
		"mk.toml:1:3: error: listen: expected a rule, found \"zzz\"; there is "
		"\"ab\", \"cd\", \"ef\", \"gh\", \"ij\", \"kl\", \"mn\", \"op\", "
		"\"qr\", \"st\", ...\n"
		"mk.toml:1:10: error: listen.c2s[1]: expected a rule, found \"\\u0001\"; "
		"there is \"c2s\", \"staff\", \"c\\\"2\"\n"
		"mk.toml:2:8: error: listen.c2s[1].port: expected a rule, found "
		"\"stuff\"; did you mean \"staff\"?\n");
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
