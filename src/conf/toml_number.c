#include "conf/toml_priv.h"

#include <math.h>
#include <stdlib.h>

#define NOT_A_VALUE \
	"is not a value (text must be quoted; true and false are in lower case)"
#define TOO_LARGE "does not fit in 64 bits"

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* The length of a run of digits of that base, single underscores between them; 0: none.
 */
static size_t digits_len(struct strv s, int base)
{
	size_t n = 0;

	while (n < s.n && digit_of(s.p[n]) < base) {
		n++;
		if (n + 1 < s.n && s.p[n] == '_' && digit_of(s.p[n + 1]) < base)
			n++;
	}
	return n;
}

static const char *read_integer(struct strv digits, int base, bool is_negative,
				int64_t *ret)
{
	uint64_t max = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, v = 0;

	for (size_t i = 0; i < digits.n; i++) {
		uint64_t d = (uint64_t)digit_of(digits.p[i]), b = (uint64_t)base;
		if (digits.p[i] == '_')
			continue;
		if (v > (max - d) / b)
			return TOO_LARGE;
		v = v * b + d;
	}
	*ret = is_negative ? (int64_t)(0 - v) : (int64_t)v;
	return NULL;
}

static const char *prefixed(struct strv token, struct toml_value *ret)
{
	int base = token.p[1] == 'x' ? 16 : token.p[1] == 'o' ? 8 : 2;
	struct strv digits = strv_from_pos(token, 2);

	if (digits.n == 0 || digits_len(digits, base) != digits.n)
		return base == 16  ? "is not a hexadecimal integer"
		       : base == 8 ? "is not an octal integer"
				   : "is not a binary integer";
	ret->type = TOML_INT;
	return read_integer(digits, base, false, &ret->i);
}

/* `token` has the form of a float: no underscores are left for strtod. */
static const char *read_float(struct toml_parser *p, struct strv token,
			      struct toml_value *ret)
{
	buf_clear(&p->scratch);
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] != '_')
			buf_putc(&p->scratch, token.p[i]);
	ret->type = TOML_FLOAT;
	ret->f = strtod(buf_cstr(&p->scratch), NULL);
	return isinf(ret->f) ? TOO_LARGE : NULL;
}

static const char *special(struct strv unsigned_part, bool is_negative,
			   struct toml_value *ret)
{
	if (strv_eq(unsigned_part, STRV("inf")))
		ret->f = (double)INFINITY;
	else if (strv_eq(unsigned_part, STRV("nan")))
		ret->f = (double)NAN;
	else
		return NOT_A_VALUE;
	ret->type = TOML_FLOAT;
	if (is_negative)
		ret->f = -ret->f;
	return NULL;
}

/* The fraction and the exponent behind the integer part; false: not a float. */
static bool has_float_form(struct strv rest)
{
	size_t n;

	if (rest.n && rest.p[0] == '.') {
		rest = strv_from_pos(rest, 1);
		if ((n = digits_len(rest, 10)) == 0)
			return false;
		rest = strv_from_pos(rest, n);
	}
	if (rest.n && (rest.p[0] == 'e' || rest.p[0] == 'E')) {
		rest = strv_from_pos(rest, 1);
		if (rest.n && (rest.p[0] == '+' || rest.p[0] == '-'))
			rest = strv_from_pos(rest, 1);
		if ((n = digits_len(rest, 10)) == 0)
			return false;
		rest = strv_from_pos(rest, n);
	}
	return rest.n == 0;
}

const char *toml_number(struct toml_parser *p, struct strv token, struct toml_value *ret)
{
	bool has_sign = token.n && (token.p[0] == '+' || token.p[0] == '-');
	bool is_negative = token.n && token.p[0] == '-';
	struct strv rest = strv_from_pos(token, has_sign);
	size_t n = digits_len(rest, 10);

	if (n == 0)
		return special(rest, is_negative, ret);
	if (!has_sign && token.n > 1 && token.p[0] == '0' &&
	    (token.p[1] == 'x' || token.p[1] == 'o' || token.p[1] == 'b'))
		return prefixed(token, ret);
	if (n > 1 && rest.p[0] == '0')
		return "has a leading zero, which numbers may not have";
	if (n == rest.n) {
		ret->type = TOML_INT;
		return read_integer(rest, 10, is_negative, &ret->i);
	}
	if (!has_float_form(strv_from_pos(rest, n)))
		return "is not a number";
	return read_float(p, token, ret);
}
