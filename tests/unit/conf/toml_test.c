/* What is refused, where, and in which words; where keys and values stand. */
#include "test.h"

#include "base/buf.h"
#include "conf/toml.h"

#include <stdio.h>

static const struct {
	const char *text, *want;
} refused[] = {
	/* documents */
	{ "a = 1 b = 2", "1:7: expected the end of the line, found 'b'" },
	{ "a", "1:2: expected '=' behind the key, found the end of the file" },
	{ "a\n= 1", "1:2: expected '=' behind the key, found the end of the line" },
	{ "= 1", "1:1: expected a key, found '='" },
	{ "a = \n", "1:5: expected a value, found the end of the line" },
	{ "a =", "1:4: expected a value, found the end of the file" },
	{ "a. = 1", "1:4: expected a key, found '='" },
	{ "a..b = 1", "1:3: expected a key, found '.'" },
	{ "é = 1", "1:1: expected a key, found 'é'" },
	{ "\"é\" x = 1", "1:5: expected '=' behind the key, found 'x'" },
	{ "\"\"\"a\"\"\" = 1", "1:1: a key cannot be a multi-line string" },
	{ "a = 1 # \x01", "1:9: the character U+0001 is not allowed in a comment" },
	{ "\x7f = 1", "1:1: expected a key, found the character U+007F" },
	/* headers */
	{ "[a", "1:3: expected ']' behind the table's name, found the end of the file" },
	{ "[]", "1:2: expected a key, found ']'" },
	{ "[a] b = 1", "1:5: expected the end of the line, found 'b'" },
	{ "[[a]",
	  "1:5: expected ']]' behind the name of the array of tables, found the end "
	  "of the file" },
	{ "[[a] ]",
	  "1:5: expected ']]' behind the name of the array of tables, found ' '" },
	{ "[a]\n[a]", "2:2: the table \"a\" stands on line 1 already" },
	{ "[a.b]\n[a]\n[a]", "3:2: the table \"a\" stands on line 2 already" },
	{ "[a]\nb.c = 1\n[a.b]", "3:4: the table \"b\" stands on line 2 already" },
	{ "a = 1\n[a]", "2:2: \"a\" is an integer, from line 1" },
	{ "a = 1\n[a.b]", "2:2: \"a\" is an integer, from line 1" },
	{ "a = []\n[[a]]", "2:3: \"a\" is an array, from line 1" },
	{ "a = [{}]\n[a.b]", "2:2: \"a\" is an array, from line 1" },
	{ "[[a]]\n[a]", "2:2: \"a\" is an array, from line 1" },
	{ "a = {}\n[a.b]",
	  "2:2: the table \"a\" was completed on line 1; nothing can be added "
	  "to it here" },
	{ "[a]\n[[a]]",
	  "2:3: the table \"a\" was completed on line 1; nothing can be added to "
	  "it here" },
	/* keys */
	{ "a = 1\n\"a\" = 2", "2:1: the key \"a\" stands on line 1 already" },
	{ "a.b = 1\na = 2", "2:1: the key \"a\" stands on line 1 already" },
	{ "a = 1\na.b = 2", "2:1: \"a\" is an integer, from line 1" },
	{ "a = {b = 1}\na.c = 2",
	  "2:1: the table \"a\" was completed on line 1; nothing can "
	  "be added to it here" },
	{ "[a.b]\nx = 1\n[a]\nb.y = 2",
	  "4:1: the table \"b\" was completed on line 1; nothing "
	  "can be added to it here" },
	{ "[[a.b]]\n[a]\nb.y = 2", "3:1: \"b\" is an array, from line 1" },
	/* strings */
	{ "a = \"b", "1:5: the string does not end" },
	{ "a = \"b\nc\"", "1:5: the string does not end on its line" },
	{ "a = 'b\nc'", "1:5: the string does not end on its line" },
	{ "a = \"\"\"b\n\"\"", "1:5: the string does not end" },
	{ "a = '''b\n''", "1:5: the string does not end" },
	{ "a = '''b''''''", "1:14: expected the end of the line, found '''" },
	{ "a = \"\\x41\"",
	  "1:7: expected an escape, one of \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX "
	  "\\UXXXXXXXX, found 'x'" },
	{ "a = \"\\u12g4\"", "1:10: expected four hexadecimal digits, found 'g'" },
	{ "a = \"\\U0001F33\"", "1:15: expected eight hexadecimal digits, found '\"'" },
	{ "a = \"\\uD800\"", "1:6: U+D800 is not a character" },
	{ "a = \"\\U00110000\"", "1:6: U+110000 is not a character" },
	{ "a = \"\"\"x\\ y\"\"\"",
	  "1:10: expected an escape, one of \\b \\t \\n \\f \\r \\\" "
	  "\\\\ \\uXXXX \\UXXXXXXXX, found ' '" },
	{ "a = 'x\x1fy'",
	  "1:7: the character U+001F is not allowed in a string as it is" },
	/* numbers */
	{ "a = 01", "1:5: this has a leading zero, which numbers may not have" },
	{ "a = -00.1", "1:5: this has a leading zero, which numbers may not have" },
	{ "a = 1__0", "1:5: this is not a number" },
	{ "a = 1_", "1:5: this is not a number" },
	{ "a = 1.", "1:5: this is not a number" },
	{ "a = 1.e5", "1:5: this is not a number" },
	{ "a = 1e", "1:5: this is not a number" },
	{ "a = 1.0_", "1:5: this is not a number" },
	{ "a = 0x", "1:5: this is not a hexadecimal integer" },
	{ "a = 0o8", "1:5: this is not an octal integer" },
	{ "a = 0b1_", "1:5: this is not a binary integer" },
	{ "a = +0x1", "1:5: this is not a number" },
	{ "a = 9223372036854775808", "1:5: this does not fit in 64 bits" },
	{ "a = -9223372036854775809", "1:5: this does not fit in 64 bits" },
	{ "a = 0x8000000000000000", "1:5: this does not fit in 64 bits" },
	{ "a = 1e999", "1:5: this does not fit in 64 bits" },
	{ "a = yes",
	  "1:5: this is not a value (text must be quoted; true and false are in "
	  "lower case)" },
	{ "a = True",
	  "1:5: this is not a value (text must be quoted; true and false are in "
	  "lower case)" },
	/* dates and times */
	{ "a = 2023-02-29", "1:5: this is not a date or time" },
	{ "a = 1900-02-29", "1:5: this is not a date or time" },
	{ "a = 2023-13-01", "1:5: this is not a date or time" },
	{ "a = 2023-1-01", "1:5: this is not a date or time" },
	{ "a = 24:00:00", "1:5: this is not a date or time" },
	{ "a = 12:60:00", "1:5: this is not a date or time" },
	{ "a = 12:00:61", "1:5: this is not a date or time" },
	{ "a = 12:00", "1:5: this is not a date or time" },
	{ "a = 12:00:00.", "1:5: this is not a date or time" },
	{ "a = 12:00:00Z", "1:5: this is not a date or time" },
	{ "a = 2023-01-01T", "1:5: this is not a date or time" },
	{ "a = 2023-01-01T12:00:00+24:00", "1:5: this is not a date or time" },
	{ "a = 2023-01-01 12:00:00+01", "1:5: this is not a date or time" },
	/* arrays and inline tables */
	{ "a = [1 2]", "1:8: expected ',' or ']' in the array, found '2'" },
	{ "a = [1,,2]", "1:8: expected a value, found ','" },
	{ "a = [,]", "1:6: expected a value, found ','" },
	{ "a = [1,\n", "2:1: expected a value, found the end of the file" },
	{ "a = {b = 1,}", "1:12: expected a key, found '}'" },
	{ "a = {,}", "1:6: expected a key, found ','" },
	{ "a = {b = 1\n}",
	  "1:11: expected ',' or '}' in the inline table, found the end of the "
	  "line" },
	{ "a = {b = 1 c = 2}",
	  "1:12: expected ',' or '}' in the inline table, found 'c'" },
	{ "a = {b = 1, b = 2}", "1:13: the key \"b\" stands on line 1 already" },
	{ "a = {b = {}, b.c = 2}",
	  "1:14: the table \"b\" was completed on line 1; nothing can "
	  "be added to it here" },
	/* encoding */
	{ "a = \"é\xff\"", "1:7: the byte 0xFF is not UTF-8" },
	{ "\xef\xbb\xbf"
	  "a = x",
	  "1:5: this is not a value (text must be quoted; true and "
	  "false are in lower case)" },
	{ "\"\\n\" = 1\n\"\\n\" = 2", "2:1: the key \"?\" stands on line 1 already" },
};

static const char *refusal(struct arena *a, struct strv text)
{
	struct toml_table *t;
	struct toml_error err;

	if (toml_parse(a, text, &t, &err) == 0)
		return "accepted";
	return arena_printf(a, "%u:%u: %s", err.line, err.col, err.text);
}

TEST(toml_says_where_and_why_it_refuses)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		CHECK_STR(strv_from(refusal(a, strv_from(refused[i].text))),
			  refused[i].want);
}

TEST(toml_refuses_every_cut_of_a_table)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static const char text[] =
		"[x]\na = {b = [1, \"two\", '''3\n'''], c = 2020-01-01T00:00:"
		"00Z}";
	size_t from = strlen("[x]\na");

	for (size_t n = from; n < sizeof(text) - 1; n++)
		CHECK(strcmp(refusal(a, strv_make(text, n)), "accepted") != 0);
	CHECK_STR(strv_from(refusal(a, strv_make(text, sizeof(text) - 1))), "accepted");
}

TEST(toml_cuts_long_keys_in_messages)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	AUTO(buf_free) struct buf b = BUF_INIT(4096);
	struct toml_table *t;
	struct toml_error err;

	for (int i = 0; i < 2; i++) {
		buf_putc(&b, '"');
		for (int j = 0; j < 200; j++)
			buf_put(&b, STRV("é"));
		buf_put(&b, STRV("\" = 1\n"));
	}
	CHECK_INT(toml_parse(a, buf_strv(&b), &t, &err), -EINVAL);
	CHECK(strlen(err.text) > 100 && strlen(err.text) < sizeof(err.text));
	CHECK_INT(err.line, 2);
}

static struct strv nested(struct buf *b, const char *before, const char *open, int n)
{
	buf_clear(b);
	buf_put(b, strv_from(before));
	for (int i = 0; i < n; i++)
		buf_put(b, strv_from(open));
	return buf_strv(b);
}

TEST(toml_limits_the_depth)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);
	static const char deep[] = "tables and arrays are more than 64 levels deep";

	CHECK(strstr(refusal(a, nested(&b, "a = ", "[", 65)), deep) != NULL);
	CHECK(strstr(refusal(a, nested(&b, "a = ", "[", 64)), deep) == NULL);
	CHECK(strstr(refusal(a, nested(&b, "a = ", "{ b = ", 65)), deep) != NULL);
	CHECK(strstr(refusal(a, nested(&b, "[a.b]\nc.d = ", "[", 62)), deep) != NULL);
	CHECK(strstr(refusal(a, nested(&b, "[a.b]\nc.d = ", "[", 61)), deep) == NULL);
	CHECK(strstr(refusal(a, nested(&b, "a = ", "{ a.a.a = ", 22)), deep) != NULL);
	CHECK(strstr(refusal(a, nested(&b, "a", ".a", 64)), "more than 64 parts") !=
	      NULL);
	buf_clear(&b);
	for (int i = 1; i <= 33; i++) { /* each is an array and a table */
		buf_put(&b, STRV("[[a"));
		for (int j = 1; j < i; j++)
			buf_put(&b, STRV(".a"));
		buf_put(&b, STRV("]]\n"));
		CHECK((strstr(refusal(a, buf_strv(&b)), deep) != NULL) == (i == 33));
	}
	buf_clear(&b);
	for (int i = 0; i < 100; i++) /* beside each other, not inside */
		buf_putf(&b, "[a%d.b]\nc = [[1], {d = [2]}]\n", i);
	CHECK_STR(strv_from(refusal(a, buf_strv(&b))), "accepted");
}

TEST(toml_limits_the_size)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	size_t n = TOML_MAX_BYTES + 1;
	AUTO(mem_freep) char *text = mem_alloc(n);

	memset(text, ' ', n);
	CHECK_STR(strv_from(refusal(a, strv_make(text, n))),
		  "1:1: the file is larger than 16777216 bytes");
	CHECK_STR(strv_from(refusal(a, strv_make(text, n - 1))), "accepted");
}

TEST(toml_reads_large_tables_in_linear_time)
{
	AUTO(arena_free) struct arena *a = arena_new(64 * 1024);
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 22);

	for (int i = 0; i < 100 * 1000; i++)
		buf_putf(&b, "k%d = %d\n", i, i);
	CHECK_STR(strv_from(refusal(a, buf_strv(&b))), "accepted");
}

TEST(toml_knows_where_keys_and_values_stand)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	static const char text[] = "# é\n"
				   "é.a = 1\n"
				   "\t[ t ]\r\n"
				   "\"ключ\"  =  'x'\n"
				   "l = [ 1,\n"
				   "  { x = 2 } ]\n"
				   "[[t.e]]\n"
				   "[[t.e]]\n";
	static char quoted[256];
	struct toml_table *root;
	struct toml_error err;
	const struct toml_entry *e;
	const struct toml_value *v;

	snprintf(quoted, sizeof(quoted), "# é\n\"é\".a = 1\n%s", strstr(text, "\t["));
	CHECK_INT(toml_parse(a, strv_from(quoted), &root, &err), 0);
	e = toml_find(root, STRV("é"));
	CHECK(e->line == 2 && e->col == 1);
	e = toml_find(e->value.table, STRV("a"));
	CHECK(e->line == 2 && e->col == 5 && e->value.line == 2 && e->value.col == 9);
	v = toml_get(root, "t");
	CHECK(v->line == 3 && v->col == 4);
	e = toml_find(v->table, STRV("ключ"));
	CHECK(e->line == 4 && e->col == 1 && e->value.col == 12);
	CHECK_STR(e->value.str, "x");
	v = &toml_get(v->table, "l")->array->v[1];
	CHECK(v->line == 6 && v->col == 3);
	e = toml_find(v->table, STRV("x"));
	CHECK(e->line == 6 && e->col == 5 && e->value.col == 9);
	v = toml_get(toml_get(root, "t")->table, "e");
	CHECK(v->type == TOML_ARRAY && v->array->n == 2);
	CHECK(v->array->v[1].line == 8 && v->array->v[1].col == 5);
	CHECK(toml_get(root, "none") == NULL);
}

TEST(toml_keeps_the_order_of_keys)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	AUTO(buf_free) struct buf b = BUF_INIT(256);
	struct toml_table *t;
	struct toml_error err;

	CHECK_INT(toml_parse(a, STRV("z = 1\nb.q = 1\na = 2\n[c]\n[b.x]"), &t, &err), 0);
	for (const struct toml_entry *e = t->first; e; e = e->next)
		buf_put(&b, e->key);
	CHECK_STR(buf_strv(&b), "zbac");
	CHECK_INT(t->n, 4);
}

TEST(toml_value_alone)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct toml_value v = toml_parse_value(a, STRV("[\"a\", 5]"));

	CHECK(v.type == TOML_ARRAY && v.array->n == 2);
	CHECK_STR(v.array->v[0].str, "a");
	CHECK_INT(v.array->v[1].i, 5);
	v = toml_parse_value(a, STRV("false"));
	CHECK(v.type == TOML_BOOL && !v.b);
}

TEST(toml_reads_files)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct toml_table *t;
	struct toml_error err;

	CHECK_INT(toml_read_file(a, test_path("unit/conf/toml/valid/crlf.toml"), &t,
				 &err),
		  0);
	CHECK_INT(toml_get(t, "a")->i, 1);
	CHECK_INT(toml_read_file(a, test_path("unit/conf/toml/invalid/nul.toml"), &t,
				 &err),
		  -EINVAL);
	CHECK(err.line == 2 && err.col == 1);
	CHECK_INT(toml_read_file(a, test_path("no such file"), &t, &err), -ENOENT);
	CHECK_STR(strv_from(err.text), "cannot read the file: No such file or directory");
	CHECK_INT(err.line, 0);
	CHECK_INT(toml_read_file(a, test_path("unit"), &t, &err), -EISDIR);
	CHECK_INT(toml_read_file(a, "/dev/zero", &t, &err), -EFBIG);
	CHECK_STR(strv_from(err.text), "the file is larger than 16777216 bytes");
}
