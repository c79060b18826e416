/* The parser and the option tables on any bytes. What is refused has a place and a
 * reason; what is accepted is written out again, and must then be read as the same tree;
 * tables of options of every type read it, and their messages are text.
 *
 * Needs: clang -fsanitize=fuzzer,address,undefined, the layers base and conf, libcrypto.
 * Run it with the seeds: fuzz_toml corpus/ */
#include "base/utf8.h"
#include "conf/option.h"

#include <inttypes.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- writing a tree as TOML --- */

static void put_value(struct buf *b, const struct toml_value *v);

static void put_string(struct buf *b, struct strv s)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < ' ' || c == 0x7f || c == '"' || c == '\\')
			buf_putf(b, "\\u%04X", c);
		else
			buf_putc(b, (char)c);
	}
	buf_putc(b, '"');
}

static void put_float(struct buf *b, double f)
{
	char text[64];

	snprintf(text, sizeof(text), "%.17g", f);
	buf_putf(b, "%s", text);
	if (!strpbrk(text, ".en"))
		buf_put(b, STRV(".0"));
}

static void put_table(struct buf *b, const struct toml_table *t)
{
	buf_putc(b, '{');
	for (const struct toml_entry *e = t->first; e; e = e->next) {
		put_string(b, e->key);
		buf_put(b, STRV(" = "));
		put_value(b, &e->value);
		if (e->next)
			buf_put(b, STRV(", "));
	}
	buf_putc(b, '}');
}

static void put_value(struct buf *b, const struct toml_value *v)
{
	switch (v->type) {
	case TOML_STRING:
		put_string(b, v->str);
		break;
	case TOML_INT:
		buf_putf(b, "%" PRId64, v->i);
		break;
	case TOML_FLOAT:
		put_float(b, v->f);
		break;
	case TOML_BOOL:
		buf_putf(b, "%s", v->b ? "true" : "false");
		break;
	case TOML_ARRAY:
		buf_putc(b, '[');
		for (size_t i = 0; i < v->array->n; i++) {
			put_value(b, &v->array->v[i]);
			buf_putc(b, ',');
		}
		buf_putc(b, ']');
		break;
	case TOML_TABLE:
		put_table(b, v->table);
		break;
	default:
		buf_put(b, v->str);
	}
}

static void put_root(struct buf *b, const struct toml_table *t)
{
	for (const struct toml_entry *e = t->first; e; e = e->next) {
		put_string(b, e->key);
		buf_put(b, STRV(" = "));
		put_value(b, &e->value);
		buf_putc(b, '\n');
	}
}

/* Written, read and written again, it is the same text. */
static void check_round_trip(struct arena *a, const struct toml_table *t)
{
	AUTO(buf_free) struct buf first = BUF_INIT(1 << 26);
	AUTO(buf_free) struct buf second = BUF_INIT(1 << 26);
	struct toml_table *again;
	struct toml_error err;

	put_root(&first, t);
	ASSERT(toml_parse(a, buf_strv(&first), &again, &err) == 0);
	put_root(&second, again);
	ASSERT(strv_eq(buf_strv(&first), buf_strv(&second)));
}

/* --- options of every type, under short names --- */

struct inner {
	struct strv name;
	bool b;
	int64_t i, inf, word;
	struct strv s, w, p;
	const struct strv *list;
	size_t n_list;
	const int64_t *words;
	size_t n_words;
};

struct outer {
	struct inner t, *array, *map, *fresh;
	size_t n_array, n_map;
	bool has_t;
	int64_t custom;
};

static const struct conf_word words[] = {
	{ "one", 1 }, { "two", 2 }, { "far", 3, true }, { 0 }
};

static const struct conf_option inner[] = {
	CONF_BOOL("b", struct inner, b, "true", "A boolean."),
	CONF_INT("i", struct inner, i, "5", -10, 10, "An integer.", .mandatory = true),
	CONF_INT_OR_INFINITY("inf", struct inner, inf, "\"infinity\"", 0, INT64_MAX,
			     "A limit."),
	CONF_ENUM("word", struct inner, word, "\"one\"", words, "A word."),
	CONF_STRING("s", struct inner, s, NULL, "A string.", .has_range = true, .max = 9),
	CONF_STRING("w", struct inner, w, NULL, "A word.", .words = words,
		    .secret = true),
	CONF_PATH("p", struct inner, p, NULL, "A path."),
	CONF_STRING_ARRAY("list", struct inner, list, "[\"x\"]", "Strings.",
			  .unique = true),
	CONF_ENUM_ARRAY("words", struct inner, words, NULL, words, "Words.",
			.unique = true),
	CONF_ALIAS("integer", "i"),
	CONF_UNSUPPORTED("far"),
	CONF_IGNORED("old", "no."),
	{ 0 },
};
static const struct conf_option any = CONF_SAME_TABLE("*", inner, "One.");

static void check_custom(struct conf_ctx *c, const struct toml_value *v, void *dst)
{
	struct inner *in = arena_zalloc(conf_arena(c), sizeof(*in));

	if (v->type == TOML_INT)
		*(int64_t *)dst = v->i;
	else if (conf_read_part(c, v, "[1]", inner, in) == 0)
		conf_warn_at(c, "s", "read");
}

static const struct conf_option outer[] = {
	CONF_OPTIONAL_TABLE("t", struct outer, t, inner, "A table."),
	CONF_TABLE_ARRAY("a", struct outer, array, inner, "Tables."),
	CONF_MAP("m", struct outer, map, name, &any, "Free keys."),
	CONF_TABLE_NEW("n", struct outer, fresh, inner, "One more."),
	CONF_CUSTOM("c", struct outer, custom, NULL, NULL, check_custom, "Anything."),
	{ 0 },
};

static void check_options(struct arena *a, const struct toml_table *root)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1 << 26);
	struct conf_errors e = CONF_ERRORS_INIT(a, "f");
	struct outer *o = ARENA_NEW(a, struct outer);
	int r = conf_read_root(a, root, outer, o, &e);

	ASSERT((r < 0) == (e.n_errors > 0));
	conf_errors_write(&e, &b);
	ASSERT(utf8_is_valid(buf_strv(&b)));
	for (size_t i = 0; i < b.n; i++)
		ASSERT((unsigned char)b.p[i] >= ' ' || b.p[i] == '\n');
	for (size_t i = 0; i < o->n_array; i++)
		ASSERT(o->array[i].i >= -10 && o->array[i].i <= 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct toml_table *root;
	struct toml_error err = { 0 };

	if (toml_parse(a, strv_make((const char *)data, size), &root, &err) < 0) {
		ASSERT(err.line > 0 && err.col > 0 && err.text[0]);
		ASSERT(utf8_is_valid(strv_from(err.text)));
		return 0;
	}
	check_round_trip(a, root);
	check_options(a, root);
	return 0;
}
