#include "conf/toml_priv.h"

static int read_array(struct toml_parser *p, struct toml_value *ret)
{
	struct toml_array *a = ARENA_NEW(p->arena, struct toml_array);
	int r = toml_enter(p, 1);

	if (r < 0)
		return r;
	ret->type = TOML_ARRAY;
	ret->array = a;
	a->is_closed = true;
	for (p->pos++;;) {
		struct toml_value v;

		if ((r = toml_skip_lines(p)) < 0)
			return r;
		if (toml_peek(p) == ']')
			break;
		if ((r = toml_read_value(p, &v)) < 0)
			return r;
		*toml_array_add(p, a) = v;
		if ((r = toml_skip_lines(p)) < 0)
			return r;
		if (toml_peek(p) == ']')
			break;
		if (toml_peek(p) != ',')
			return toml_fail_expected(p, "',' or ']' in the array");
		p->pos++;
	}
	p->pos++;
	toml_leave(p, 1);
	return 0;
}

static int read_inline_table(struct toml_parser *p, struct toml_value *ret)
{
	struct toml_table *t = toml_table_new(p, TOML_INLINE);
	int r = toml_enter(p, 1);

	if (r < 0)
		return r;
	ret->type = TOML_TABLE;
	ret->table = t;
	p->pos++;
	toml_skip_blanks(p);
	while (toml_peek(p) != '}' ||
	       t->n > 0) { /* no comma may stand before the brace */
		if ((r = toml_read_keyval(p, t)) < 0)
			return r;
		toml_skip_blanks(p);
		if (toml_peek(p) == '}')
			break;
		if (toml_peek(p) != ',')
			return toml_fail_expected(p, "',' or '}' in the inline table");
		p->pos++;
		toml_skip_blanks(p);
	}
	p->pos++;
	toml_leave(p, 1);
	return 0;
}

static bool is_bare(int c)
{
	return toml_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c == '-' || c == '+' || c == '.' || c == ':';
}

static struct strv bare_token(struct toml_parser *p)
{
	size_t n = 0;

	while (is_bare(toml_at(p, n)))
		n++;
	/* A space may stand between a date and its time. */
	if (n == 10 && toml_looks_like_time(strv_make(p->in.p + p->pos, n)) &&
	    toml_at(p, 10) == ' ' && toml_is_digit(toml_at(p, 11)) &&
	    toml_is_digit(toml_at(p, 12)))
		for (n = 13; is_bare(toml_at(p, n));)
			n++;
	return strv_make(p->in.p + p->pos, n);
}

int toml_read_bare(struct toml_parser *p, struct toml_value *ret)
{
	struct strv token = bare_token(p);
	const char *wrong;

	if (token.n == 0)
		return toml_fail_expected(p, "a value");
	if (strv_is(token, "true") || strv_is(token, "false")) {
		ret->type = TOML_BOOL;
		ret->b = token.n == 4;
		wrong = NULL;
	} else if (toml_looks_like_time(token)) {
		wrong = toml_time(p, token, ret);
	} else {
		wrong = toml_number(p, token, ret);
	}
	if (wrong) /* not quoted: a password whose quotes were forgotten is here, too */
		return toml_fail(p, p->pos, "this %s", wrong);
	p->pos += token.n;
	return 0;
}

int toml_read_value(struct toml_parser *p, struct toml_value *ret)
{
	struct toml_mark m = toml_here(p);
	struct toml_value v = { .line = m.line, .col = m.col };
	int r;

	switch (toml_peek(p)) {
	case '"':
	case '\'':
		v.type = TOML_STRING;
		r = toml_read_string(p, true, &v.str);
		break;
	case '[':
		r = read_array(p, &v);
		break;
	case '{':
		r = read_inline_table(p, &v);
		break;
	default:
		r = toml_read_bare(p, &v);
	}
	if (r == 0)
		*ret = v;
	return r;
}
