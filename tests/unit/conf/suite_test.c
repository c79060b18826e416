/* Runs the vectors of https://github.com/toml-lang/toml-test: from $MEERKAT_TOML_TEST, or
 * from a folder toml-test beside `shared`; our own in tests/unit/conf/toml run in any
 * case. Each valid/x.toml has its value, typed, in valid/x.json; each invalid/x.toml is
 * refused. */
#include "test.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "conf/toml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- as much of JSON as the expectations need --- */

enum json_type { JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	struct strv key; /* in an object */
	struct strv str;
	struct json *first, *next;
	size_t n;
};

struct json_reader {
	struct arena *arena;
	const char *p;
};

static struct json *json_read(struct json_reader *r);

static void json_space(struct json_reader *r)
{
	r->p += strspn(r->p, " \t\r\n");
}

static uint32_t json_hex(struct json_reader *r)
{
	char four[5] = { 0 };

	memcpy(four, r->p, 4);
	r->p += 4;
	return (uint32_t)strtoul(four, NULL, 16);
}

static void json_escape(struct json_reader *r, struct buf *b)
{
	static const char from[] = "bfnrt\"\\/", to[] = "\b\f\n\r\t\"\\/";
	char c = *r->p++, utf8[4];
	uint32_t cp;

	if (c != 'u') {
		CHECK(strchr(from, c) != NULL);
		buf_putc(b, to[strchr(from, c) - from]);
		return;
	}
	cp = json_hex(r);
	if (cp >= 0xd800 && cp < 0xdc00) {
		r->p += 2;
		cp = 0x10000 + ((cp - 0xd800) << 10) + (json_hex(r) - 0xdc00);
	}
	buf_put(b, strv_make(utf8, utf8_put(cp, utf8)));
}

static struct strv json_string(struct json_reader *r)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 20);

	json_space(r);
	CHECK(*r->p == '"');
	for (r->p++; *r->p != '"';) {
		char c = *r->p++;
		CHECK(c != '\0');
		if (c == '\\')
			json_escape(r, &b);
		else
			buf_putc(&b, c);
	}
	r->p++;
	return arena_strv(r->arena, buf_strv(&b));
}

static void json_members(struct json_reader *r, struct json *ret, char end)
{
	struct json **last = &ret->first;

	r->p++;
	for (json_space(r); *r->p != end; json_space(r)) {
		struct strv key = STRV_NULL;

		if (ret->type == JSON_OBJECT) {
			key = json_string(r);
			json_space(r);
			CHECK(*r->p++ == ':');
		}
		*last = json_read(r);
		(*last)->key = key;
		last = &(*last)->next;
		ret->n++;
		json_space(r);
		if (*r->p == ',')
			r->p++;
		else
			CHECK(*r->p == end);
	}
	r->p++;
}

static struct json *json_read(struct json_reader *r)
{
	struct json *ret = ARENA_NEW(r->arena, struct json);

	json_space(r);
	if (*r->p == '{') {
		ret->type = JSON_OBJECT;
		json_members(r, ret, '}');
	} else if (*r->p == '[') {
		ret->type = JSON_ARRAY;
		json_members(r, ret, ']');
	} else {
		ret->type = JSON_STRING;
		ret->str = json_string(r);
	}
	return ret;
}

static const struct json *json_get(const struct json *j, struct strv key)
{
	for (const struct json *m = j->first; m; m = m->next)
		if (strv_eq(m->key, key))
			return m;
	return NULL;
}

/* --- comparing --- */

static bool same(const struct toml_value *v, const struct json *j);

/* As they are, apart from zeros at the end of a fraction. */
static bool same_time(struct strv a, struct strv b)
{
	for (;;) {
		while (a.n && b.n && a.p[0] == b.p[0])
			a = strv_from_pos(a, 1), b = strv_from_pos(b, 1);
		if (a.n && a.p[0] == '0')
			a = strv_from_pos(a, 1);
		else if (b.n && b.p[0] == '0')
			b = strv_from_pos(b, 1);
		else
			return a.n == 0 && b.n == 0;
	}
}

static bool same_float(double a, struct strv text)
{
	double b = strtod(text.p, NULL);

	return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

static bool same_leaf(const struct toml_value *v, struct strv type, struct strv value)
{
	static const char *const names[] = {
		[TOML_STRING] = "string",
		[TOML_INT] = "integer",
		[TOML_FLOAT] = "float",
		[TOML_BOOL] = "bool",
		[TOML_DATETIME] = "datetime",
		[TOML_DATETIME_LOCAL] = "datetime-local",
		[TOML_DATE_LOCAL] = "date-local",
		[TOML_TIME_LOCAL] = "time-local",
		[TOML_ARRAY] = "array",
		[TOML_TABLE] = "table",
	};

	if (!strv_is(type, names[v->type]))
		return false;
	switch (v->type) {
	case TOML_STRING:
		return strv_eq(v->str, value);
	case TOML_INT:
		return strtoll(value.p, NULL, 10) == v->i;
	case TOML_FLOAT:
		return same_float(v->f, value);
	case TOML_BOOL:
		return strv_is(value, v->b ? "true" : "false");
	default:
		return same_time(v->str, value);
	}
}

static bool same_array(const struct toml_array *a, const struct json *j)
{
	const struct json *m = j->first;

	if (a->n != j->n)
		return false;
	for (size_t i = 0; i < a->n; i++, m = m->next)
		if (!same(&a->v[i], m))
			return false;
	return true;
}

static bool same_table(const struct toml_table *t, const struct json *j)
{
	if (t->n != j->n)
		return false;
	for (const struct toml_entry *e = t->first; e; e = e->next) {
		const struct json *m = json_get(j, e->key);
		if (m == NULL || !same(&e->value, m))
			return false;
	}
	return true;
}

static bool same(const struct toml_value *v, const struct json *j)
{
	const struct json *type = json_get(j, STRV("type"));

	if (v->type == TOML_ARRAY)
		return j->type == JSON_ARRAY && same_array(v->array, j);
	if (j->type != JSON_OBJECT)
		return false;
	if (type && type->type == JSON_STRING)
		return same_leaf(v, type->str, json_get(j, STRV("value"))->str);
	return v->type == TOML_TABLE && same_table(v->table, j);
}

/* --- running --- */

struct suite {
	char folder[2048];
	int n_valid, n_invalid, n_wrong;
};

static bool read_file(const char *folder, const char *name, const char *end,
		      struct buf *b)
{
	char path[4096], block[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, end);
	if ((f = fopen(path, "rb")) == NULL)
		return false;
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_put(b, strv_make(block, n));
	fclose(f);
	return true;
}

static void wrong(struct suite *s, const char *name, const char *how)
{
	printf("%s: %s\n", name, how);
	s->n_wrong++;
}

/* `name` without its ending. */
static void run_valid(struct suite *s, struct arena *a, const char *name,
		      struct strv text)
{
	AUTO(buf_free) struct buf expected = BUF_INIT(1 << 24);
	struct toml_value v = { .type = TOML_TABLE };
	struct toml_error err = { 0 };
	struct json_reader r = { .arena = a };

	s->n_valid++;
	CHECK(read_file(s->folder, name, ".json", &expected));
	r.p = buf_cstr(&expected);
	if (toml_parse(a, text, &v.table, &err) < 0)
		wrong(s, name, err.text);
	else if (!same(&v, json_read(&r)))
		wrong(s, name, "read as something else");
}

static void run_invalid(struct suite *s, struct arena *a, const char *name,
			struct strv text)
{
	struct toml_table *t;
	struct toml_error err = { 0 };

	s->n_invalid++;
	if (toml_parse(a, text, &t, &err) == 0)
		wrong(s, name, "accepted");
	else if (err.line == 0 || err.col == 0 || err.text[0] == '\0' ||
		 !utf8_is_valid(strv_from(err.text)))
		wrong(s, name, "refused without a place or a reason");
}

static void run_line(struct suite *s, struct strv line)
{
	AUTO(arena_free) struct arena *a = arena_new(16 * 1024);
	AUTO(buf_free) struct buf text = BUF_INIT(1 << 24);
	const char *name;

	if (line.n < 5 || !strv_is(strv_from_pos(line, line.n - 5), ".toml"))
		return;
	name = arena_cstr(a, strv_make(line.p, line.n - 5));
	CHECK(read_file(s->folder, name, ".toml", &text));
	if (strv_starts(line, STRV("valid/")))
		run_valid(s, a, name, buf_strv(&text));
	else
		run_invalid(s, a, name, buf_strv(&text));
}

static bool run_suite(struct suite *s, const char *list)
{
	AUTO(buf_free) struct buf names = BUF_INIT(1 << 20);
	struct strv rest;
	ptrdiff_t end;

	if (!read_file(s->folder, list, "", &names))
		return false;
	for (rest = buf_strv(&names); (end = strv_find(rest, '\n')) >= 0;
	     rest = strv_from_pos(rest, (size_t)end + 1))
		run_line(s, strv_make(rest.p, (size_t)end));
	return true;
}

TEST(toml_suite_of_the_language)
{
	static struct suite s;
	const char *folder = getenv("MEERKAT_TOML_TEST");

	snprintf(s.folder, sizeof(s.folder), "%s",
		 folder ? folder : test_path("../../shared/toml-test"));
	if (!run_suite(&s, "files-toml-1.0.0")) {
		printf("skipped: no toml-test in %s\n", s.folder);
		CHECK(folder == NULL);
		return;
	}
	CHECK_INT(s.n_wrong, 0);
	CHECK(s.n_valid > 200 && s.n_invalid > 400);
}

TEST(toml_suite_of_our_own)
{
	static struct suite s;

	snprintf(s.folder, sizeof(s.folder), "%s", test_path("unit/conf/toml"));
	CHECK(run_suite(&s, "files"));
	CHECK_INT(s.n_wrong, 0);
	CHECK(s.n_valid > 0 && s.n_invalid > 0);
}
