#include "conf/text.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

#define SHOWN_BYTES 60u
enum { MANY_WORDS = 16, SHOWN_WORDS = 6 };

void conf_put_quoted(struct buf *b, struct strv s)
{
	struct strv shown = { s.p, MIN(s.n, (size_t)SHOWN_BYTES) };

	shown.n = utf8_valid_len(shown);
	buf_putc(b, '"');
	for (size_t i = 0; i < shown.n; i++) {
		unsigned char c = (unsigned char)shown.p[i];
		if (c == '"' || c == '\\')
			buf_putf(b, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			buf_putf(b, "\\u%04X", c);
		else
			buf_putc(b, (char)c);
	}
	buf_put(b, shown.n < s.n ? STRV("...\"") : STRV("\""));
}

static bool is_bare_key(struct strv key)
{
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '_' && c != '-')
			return false;
	}
	return key.n > 0 && key.n <= SHOWN_BYTES;
}

void conf_put_key(struct buf *b, struct strv key)
{
	if (is_bare_key(key))
		buf_put(b, key);
	else
		conf_put_quoted(b, key);
}

/* With a point in it, as a float is written: "5222.0" is not the integer. */
static void put_float(struct buf *b, double f)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", f);
	buf_putf(b, "the float %s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

void conf_put_found(struct buf *b, const struct toml_value *v, bool is_secret)
{
	const char *type = toml_type_name(v->type);

	if (v->type == TOML_ARRAY && v->array->n == 0)
		type = "an empty array";
	if (is_secret && v->type == TOML_STRING && v->str.n == 0)
		type = "an empty string";
	if (is_secret || v->type == TOML_ARRAY || v->type == TOML_TABLE) {
		buf_putf(b, "%s", type);
		return;
	}
	switch (v->type) {
	case TOML_STRING:
		buf_put(b, STRV("the string "));
		conf_put_quoted(b, v->str);
		break;
	case TOML_INT:
		buf_putf(b, "the integer %" PRId64, v->i);
		break;
	case TOML_FLOAT:
		put_float(b, v->f);
		break;
	case TOML_BOOL:
		buf_putf(b, "the boolean %s", v->b ? "true" : "false");
		break;
	default:
		buf_putf(b, "%s, " STRV_FMT, type, STRV_ARG(v->str));
	}
}

static size_t count_words(const struct conf_word *w)
{
	size_t n = 0;

	for (; w->name; w++)
		n += !w->unsupported && !w->refused;
	return n;
}

/* All of them, or the first few where they would bury what the message is about. */
static void put_words(struct buf *b, const struct conf_word *words, bool all)
{
	size_t n = count_words(words), shown = all || n <= MANY_WORDS ? n : SHOWN_WORDS;
	size_t i = 0;

	for (const struct conf_word *w = words; w->name && i < shown; w++) {
		if (w->unsupported || w->refused)
			continue;
		if (i > 0)
			buf_put(b, i + 1 == n ? STRV(" or ") : STRV(", "));
		buf_putf(b, "\"%s\"", w->name);
		i++;
	}
	if (shown < n)
		buf_putf(b, " or one of %zu more", n - shown);
}

static void put_range(struct buf *b, const struct conf_option *row, const char *one,
		      const char *many)
{
	const char *what = row->max == 1 ? one : many;

	if (row->max == INT64_MAX)
		buf_putf(b, "at least %" PRId64 "%s", row->min,
			 row->min == 1 ? one : many);
	else if (row->min == row->max)
		buf_putf(b, "%" PRId64 "%s", row->max, what);
	else
		buf_putf(b, "%" PRId64 " to %" PRId64 "%s", row->min, row->max, what);
}

static void put_integer(struct buf *b, const struct conf_option *row)
{
	buf_put(b, STRV("an integer"));
	if (!row->has_range)
		return;
	if (row->max == INT64_MAX && row->min == 1)
		buf_put(b, STRV(" above 0"));
	else if (row->max == INT64_MAX)
		buf_putf(b, " of at least %" PRId64, row->min);
	else
		buf_putf(b, " from %" PRId64 " to %" PRId64, row->min, row->max);
}

static void put_string(struct buf *b, const struct conf_option *row)
{
	buf_put(b, STRV("a string"));
	if (row->has_range) {
		buf_put(b, STRV(" of "));
		put_range(b, row, " byte", " bytes");
	}
}

static void put_element(struct buf *b, const struct conf_option *row, bool all)
{
	if (row->allowed)
		buf_putf(b, "%s", row->allowed);
	else if (row->words)
		put_words(b, row->words, all);
	else if (row->type == CONF_T_FILE_ARRAY)
		buf_put(b, STRV("the path of a readable file"));
	else if (row->type == CONF_T_TABLE_ARRAY)
		buf_put(b, STRV("a table"));
	else
		buf_put(b, STRV("a string"));
}

static void put_array(struct buf *b, const struct conf_option *row, bool all)
{
	buf_put(b, STRV("an array"));
	if (row->has_range) {
		buf_put(b, STRV(" of "));
		put_range(b, row, " element", " elements");
		buf_put(b, STRV(", each "));
		put_element(b, row, all);
	} else if (row->type == CONF_T_TABLE_ARRAY) {
		buf_put(b, STRV(" of tables"));
	} else if (row->allowed || row->words) {
		buf_put(b, STRV(", each element "));
		put_element(b, row, all);
	} else if (row->type == CONF_T_FILE_ARRAY) {
		buf_put(b, STRV(" of paths of readable files"));
	} else {
		buf_put(b, STRV(" of strings"));
	}
	if (row->unique)
		buf_put(b, STRV(", none twice"));
}

static bool is_array(enum conf_type type)
{
	return type == CONF_T_STRING_ARRAY || type == CONF_T_FILE_ARRAY ||
	       type == CONF_T_ENUM_ARRAY || type == CONF_T_TABLE_ARRAY;
}

static void put_allowed(struct buf *b, const struct conf_option *row, bool element,
			bool all)
{
	if (element) {
		put_element(b, row, all);
		return;
	}
	if (is_array(row->type)) {
		put_array(b, row, all);
		return;
	}
	if (row->allowed) {
		buf_putf(b, "%s", row->allowed);
		return;
	}
	if (row->words) {
		put_words(b, row->words, all);
		return;
	}
	switch (row->type) {
	case CONF_T_BOOL:
		buf_put(b, STRV("true or false"));
		break;
	case CONF_T_INT:
		put_integer(b, row);
		break;
	case CONF_T_INT_OR_INFINITY:
		put_integer(b, row);
		buf_put(b, STRV(" or \"infinity\""));
		break;
	case CONF_T_STRING:
		put_string(b, row);
		break;
	case CONF_T_PATH:
		buf_put(b, STRV("a path"));
		break;
	case CONF_T_FILE:
		buf_put(b, STRV("the path of a readable file"));
		break;
	case CONF_T_CUSTOM:
		buf_put(b, STRV("another value"));
		break;
	default:
		buf_put(b, STRV("a table"));
	}
}

void conf_put_allowed(struct buf *b, const struct conf_option *row, bool element)
{
	put_allowed(b, row, element, true);
}

void conf_put_allowed_briefly(struct buf *b, const struct conf_option *row, bool element)
{
	put_allowed(b, row, element, false);
}

static const struct toml_value *element_at(const struct toml_value *v, const char **path)
{
	size_t n = 0;
	const char *c = *path + 1;

	for (; *c >= '0' && *c <= '9' && n < SIZE_MAX / 100; c++)
		n = n * 10 + (size_t)(*c - '0');
	if (*c != ']' || v->type != TOML_ARRAY || n == 0 || n > v->array->n)
		return NULL;
	*path = c + 1;
	return &v->array->v[n - 1];
}

/* Keys are compared as they are written, so that one with a dot in it is found. */
static const struct toml_value *member_at(const struct toml_value *v, const char **path)
{
	AUTO(buf_free) struct buf key = BUF_INIT(CONF_TEXT_MAX);

	if (v->type != TOML_TABLE)
		return NULL;
	for (const struct toml_entry *e = v->table->first; e; e = e->next) {
		char behind;

		buf_clear(&key);
		conf_put_key(&key, e->key);
		if (!strv_starts(strv_from(*path), buf_strv(&key)))
			continue;
		behind = (*path)[key.n];
		if (behind != '\0' && behind != '.' && behind != '[')
			continue;
		*path += key.n;
		return &e->value;
	}
	return NULL;
}

const struct toml_value *conf_locate(const struct toml_value *v, const char *path)
{
	while (*path) {
		const struct toml_value *next;

		if (*path == '.')
			path++;
		next = *path == '[' ? element_at(v, &path) : member_at(v, &path);
		if (next == NULL)
			break;
		v = next;
	}
	return v;
}
