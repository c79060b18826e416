#include "auth/directory_filter.h"

enum { MAX_DEPTH = 64 };

struct reader {
	struct strv in;
	size_t pos;
	unsigned depth;
};

static const char *read_filter(struct reader *r);

static int peek(const struct reader *r)
{
	return r->pos < r->in.n ? (unsigned char)r->in.p[r->pos] : -1;
}

static void skip_blanks(struct reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r')
		r->pos++;
}

/* --- names --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(struct strv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n > 0;
}

/* Cuts off what stands before the next `separator`, and it. */
static struct strv take_part(struct strv *s, char separator)
{
	ptrdiff_t n = strv_find(*s, separator);
	struct strv part = strv_make(s->p, n < 0 ? s->n : (size_t)n);

	*s = strv_from_pos(*s, n < 0 ? s->n : (size_t)n + 1);
	return part;
}

/* descr / numericoid */
static bool is_oid(struct strv s)
{
	if (s.n == 0 || !is_digit(s.p[0]))
		return s.n > 0 && is_alpha(s.p[0]) && is_word(s);
	if (s.p[s.n - 1] == '.')
		return false;
	while (s.n > 0) {
		struct strv number = take_part(&s, '.');

		for (size_t i = 0; i < number.n; i++)
			if (!is_digit(number.p[i]))
				return false;
		if (number.n == 0)
			return false;
	}
	return true;
}

bool auth_ldap_is_attribute(struct strv s)
{
	bool is_more = strv_find(s, ';') >= 0;

	if (!is_oid(take_part(&s, ';')))
		return false;
	if (is_more && (s.n == 0 || s.p[s.n - 1] == ';'))
		return false;
	while (s.n > 0)
		if (!is_word(take_part(&s, ';')))
			return false;
	return true;
}

/* What stands before ":=": [attr] [":dn"] [":" rule], of which attr or rule must be there. */
static bool is_extensible(struct strv s)
{
	bool is_ended = s.n == 0 || s.p[s.n - 1] != ':';
	struct strv attr = take_part(&s, ':'), rest = s;

	if (!is_ended || (attr.n > 0 && !auth_ldap_is_attribute(attr)))
		return false;
	if (strv_eq_nocase(take_part(&rest, ':'), STRV("dn")))
		s = rest;
	return s.n > 0 ? is_oid(s) : attr.n > 0;
}

/* --- values --- */

static bool is_hex(int c)
{
	return c >= 0 &&
	       (is_digit((char)c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
}

static const char *read_escape(struct reader *r)
{
	static const char wrong[] =
		"behind a backslash two hexadecimal digits must stand";

	r->pos++;
	if (peek(r) > 0 && strchr("*()\\", peek(r))) {
		r->pos++;
		return NULL;
	}
	for (int i = 0; i < 2; i++, r->pos++)
		if (!is_hex(peek(r)))
			return wrong;
	return NULL;
}

static const char *read_value(struct reader *r, bool may_have_stars)
{
	const char *wrong = NULL;
	int c;

	while (wrong == NULL && (c = peek(r)) >= 0 && c != ')') {
		if (c == '(' || c == '\0')
			return "this is written as \\28 or \\00 in a value";
		if (c == '*' && !may_have_stars)
			return "this is written as \\2a in a value";
		if (c == '\\') {
			wrong = read_escape(r);
			continue;
		}
		r->pos++;
		if (c == '*' && peek(r) == '*')
			return "two asterisks follow each other";
	}
	return wrong;
}

/* --- filters --- */

static const char *read_item(struct reader *r)
{
	size_t from = r->pos, end = from;
	struct strv name;
	bool is_equal;

	while (end < r->in.n && !strchr("=()", r->in.p[end]))
		end++;
	if (end == r->in.n || r->in.p[end] != '=')
		return "an attribute and \"=\" are missing";
	name = strv_make(r->in.p + from, end - from);
	is_equal = name.n == 0 || !strchr("~<>:", name.p[name.n - 1]);
	if (!is_equal)
		name.n--;
	if (!is_equal && name.p[name.n] == ':' ? !is_extensible(name)
					       : !auth_ldap_is_attribute(name))
		return "this is not the name of an attribute";
	r->pos = end + 1;
	return read_value(r, is_equal);
}

static const char *read_list(struct reader *r)
{
	const char *wrong = NULL;

	r->pos++;
	for (skip_blanks(r); wrong == NULL && peek(r) == '('; skip_blanks(r))
		wrong = read_filter(r);
	return wrong;
}

static const char *read_not(struct reader *r)
{
	r->pos++;
	skip_blanks(r);
	return read_filter(r);
}

static const char *read_filter(struct reader *r)
{
	size_t from = r->pos;
	const char *wrong;

	if (peek(r) != '(')
		return "a parenthesis must be opened here";
	if (++r->depth > MAX_DEPTH)
		return "too many filters stand in each other";
	r->pos++;
	skip_blanks(r);
	wrong = peek(r) == '&' || peek(r) == '|' ? read_list(r)
		: peek(r) == '!'		 ? read_not(r)
						 : read_item(r);
	if (wrong)
		return wrong;
	skip_blanks(r);
	if (peek(r) < 0) {
		r->pos = from;
		return "this parenthesis is not closed";
	}
	if (peek(r) != ')')
		return "a parenthesis must be closed here";
	r->pos++;
	r->depth--;
	return NULL;
}

const char *auth_ldap_filter_error(struct strv filter, size_t *ret_at)
{
	struct reader r = { .in = filter };
	const char *wrong;

	skip_blanks(&r);
	wrong = read_filter(&r);
	skip_blanks(&r);
	if (wrong == NULL && r.pos < filter.n)
		wrong = "the filter has ended before this";
	*ret_at = r.pos;
	return wrong;
}
