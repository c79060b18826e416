/* Where a reader of options is, and how it complains. */
#include "conf/option_priv.h"

struct arena *conf_arena(const struct conf_ctx *c)
{
	return c->arena;
}

size_t conf_n_errors(const struct conf_ctx *c)
{
	return c->errors ? c->errors->n_errors : 0;
}

size_t conf_push_index(struct conf_ctx *c, size_t n)
{
	size_t length = c->path->n;

	buf_putf(c->path, "[%zu]", n + 1);
	return length;
}

size_t conf_push_key(struct conf_ctx *c, struct strv key)
{
	size_t length = c->path->n;

	if (length > 0)
		buf_putc(c->path, '.');
	conf_put_key(c->path, key);
	return length;
}

void conf_pop(struct conf_ctx *c, size_t length)
{
	ASSERT(length <= c->path->n);
	c->path->n = length;
}

static void add(struct conf_ctx *c, bool is_warning, const struct toml_value *at,
		const char *member, const char *fmt, va_list ap)
{
	size_t length = c->path->n;

	ASSERT(c->errors != NULL); /* else a default breaks the rules of its own row */
	if (c->errors->n == CONF_MAX_ERRORS) {
		conf_error_add(c->errors, is_warning, 0, 0, "", ""); /* only counts */
		return;
	}
	if (*member)
		buf_putf(c->path, "%s%s", *member == '[' || length == 0 ? "" : ".",
			 member);
	conf_error_add(c->errors, is_warning, at->line, at->col, buf_cstr(c->path),
		       arena_vprintf(c->errors->arena, fmt, ap));
	conf_pop(c, length);
}

void conf_complain(struct conf_ctx *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c, false, c->at, "", fmt, ap);
	va_end(ap);
}

void conf_warn(struct conf_ctx *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c, true, c->at, "", fmt, ap);
	va_end(ap);
}

void conf_complain_at(struct conf_ctx *c, const char *member, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c, false, conf_locate(c->at, member), member, fmt, ap);
	va_end(ap);
}

void conf_warn_at(struct conf_ctx *c, const char *member, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c, true, conf_locate(c->at, member), member, fmt, ap);
	va_end(ap);
}

static const char *nearest_word(const struct conf_ctx *c)
{
	const struct conf_word *w = c->row ? c->row->words : NULL;
	const char *names[64] = { NULL };
	size_t n = 0;

	if (c->at->type != TOML_STRING)
		return NULL;
	if (c->row && c->row->type == CONF_T_INT_OR_INFINITY)
		names[n++] = "infinity";
	for (; w && w->name && n + 1 < ARRAY_LEN(names); w++)
		if (w->refused == NULL)
			names[n++] = w->name;
	return conf_nearest(c->at->str, names);
}

bool conf_is_secret(const struct conf_option *row)
{
	const struct conf_option *o = row->options;

	if (row->secret)
		return true;
	if (row->type == CONF_T_MAP) /* one row, with no end behind it */
		return conf_is_secret(o);
	for (; o && o->name; o++)
		if (conf_is_secret(o))
			return true;
	return false;
}

void conf_complain_expected(struct conf_ctx *c, const char *allowed)
{
	AUTO(buf_free) struct buf found = BUF_INIT(CONF_TEXT_MAX);
	bool is_secret = c->row && conf_is_secret(c->row);
	const char *nearest = is_secret ? NULL : nearest_word(c);

	if (nearest &&
	    strv_is(c->at->str, nearest)) /* a word where an array must stand */
		nearest = NULL;
	conf_put_found(&found, c->at, is_secret);
	if (nearest)
		conf_complain(c, "expected %s, found %s; did you mean \"%s\"?", allowed,
			      buf_cstr(&found), nearest);
	else
		conf_complain(c, "expected %s, found %s", allowed, buf_cstr(&found));
}

void conf_complain_value(struct conf_ctx *c)
{
	AUTO(buf_free) struct buf allowed = BUF_INIT(CONF_TEXT_MAX);

	conf_put_allowed_briefly(&allowed, c->row, c->element);
	conf_complain_expected(c, buf_cstr(&allowed));
}
