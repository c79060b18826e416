#include "conf/error.h"
#include "conf/text.h"

#include <stdio.h>
#include <stdlib.h>

static void grow(struct conf_errors *e)
{
	size_t cap = e->cap ? e->cap * 2 : 8;
	struct conf_error *v = ARENA_ARRAY(e->arena, struct conf_error, cap);

	if (e->n)
		memcpy(v, e->v, e->n * sizeof(*v));
	e->v = v;
	e->cap = cap;
}

void conf_error_add(struct conf_errors *e, bool is_warning, uint32_t line, uint32_t col,
		    const char *key, const char *text)
{
	if (is_warning)
		e->n_warnings++;
	else
		e->n_errors++;
	if (e->n == CONF_MAX_ERRORS)
		return;
	if (e->n == e->cap)
		grow(e);
	e->v[e->n++] = (struct conf_error){
		.file = e->file,
		.line = line,
		.col = col,
		.is_warning = is_warning,
		.key = arena_cstr(e->arena, strv_from(key)),
		.text = arena_cstr(e->arena, strv_from(text)),
	};
}

void conf_error_add_toml(struct conf_errors *e, const struct toml_error *err)
{
	conf_error_add(e, false, err->line, err->col, "", err->text);
}

static void add_at(struct conf_errors *e, bool is_warning, const struct toml_table *root,
		   const char *key, const char *fmt, va_list ap)
{
	struct toml_value whole = { .type = TOML_TABLE,
				    .table = (struct toml_table *)root };
	const struct toml_value *v = conf_locate(&whole, key);

	conf_error_add(e, is_warning, v->line, v->col, key,
		       arena_vprintf(e->arena, fmt, ap));
}

void conf_error_at(struct conf_errors *e, const struct toml_table *root, const char *key,
		   const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_at(e, false, root, key, fmt, ap);
	va_end(ap);
}

void conf_warning_at(struct conf_errors *e, const struct toml_table *root,
		     const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_at(e, true, root, key, fmt, ap);
	va_end(ap);
}

static int compare(const void *pa, const void *pb)
{
	const struct conf_error *a = pa, *b = pb;
	int r = strv_cmp(strv_from(a->file), strv_from(b->file));

	if (r != 0)
		return r;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->col != b->col)
		return a->col < b->col ? -1 : 1;
	if ((r = strcmp(a->key, b->key)) != 0)
		return r;
	return strcmp(a->text, b->text);
}

void conf_errors_sort(struct conf_errors *e)
{
	if (e->n > 1)
		qsort(e->v, e->n, sizeof(*e->v), compare);
}

static int write_one(const struct conf_error *e, struct buf *b)
{
	char place[32] = "";

	if (e->line > 0)
		snprintf(place, sizeof(place), "%u:%u:", e->line, e->col);
	return buf_addf(b, "%s%s%s%s%s%s%s%s\n", e->file ? e->file : "",
			e->file ? ":" : "", place, e->file || *place ? " " : "",
			e->is_warning ? "warning: " : "error: ", e->key,
			*e->key ? ": " : "", e->text);
}

void conf_errors_write(struct conf_errors *e, struct buf *b)
{
	conf_errors_sort(e);
	for (size_t i = 0; i < e->n; i++)
		if (write_one(&e->v[i], b) < 0)
			return;
	if (e->n_errors + e->n_warnings > e->n &&
	    buf_addf(b, "and %zu more\n", e->n_errors + e->n_warnings - e->n) < 0)
		return;
}
