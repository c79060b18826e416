/* Dates and times: RFC 3339, of which TOML allows the parts as well. */
#include "conf/toml_priv.h"

/* Takes `n` digits from the front of *s; -1 when they are not there. */
static int take_digits(struct strv *s, size_t n)
{
	int v = 0;

	if (s->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!toml_is_digit(s->p[i]))
			return -1;
		v = v * 10 + (s->p[i] - '0');
	}
	*s = strv_from_pos(*s, n);
	return v;
}

static bool take_char(struct strv *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = strv_from_pos(*s, 1);
	return true;
}

static bool take_number(struct strv *s, size_t digits, int min, int max)
{
	int v = take_digits(s, digits);
	return v >= min && v <= max;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && is_leap);
}

static bool take_date(struct strv *s)
{
	int year = take_digits(s, 4), month;

	if (year < 0 || !take_char(s, '-'))
		return false;
	month = take_digits(s, 2);
	return month >= 1 && month <= 12 && take_char(s, '-') &&
	       take_number(s, 2, 1, days_in(year, month));
}

static bool take_time(struct strv *s)
{
	if (!take_number(s, 2, 0, 23) || !take_char(s, ':') ||
	    !take_number(s, 2, 0, 59) || !take_char(s, ':') ||
	    !take_number(s, 2, 0, 60)) /* 60: a leap second */
		return false;
	if (!take_char(s, '.'))
		return true;
	if (take_digits(s, 1) < 0)
		return false;
	while (take_digits(s, 1) >= 0)
		;
	return true;
}

static bool take_offset(struct strv *s)
{
	if (take_char(s, 'Z') || take_char(s, 'z'))
		return true;
	return (take_char(s, '+') || take_char(s, '-')) && take_number(s, 2, 0, 23) &&
	       take_char(s, ':') && take_number(s, 2, 0, 59);
}

bool toml_looks_like_time(struct strv t)
{
	return (t.n > 4 && toml_is_digit(t.p[3]) && t.p[4] == '-') ||
	       (t.n > 2 && toml_is_digit(t.p[1]) && t.p[2] == ':');
}

static struct strv normalised(struct toml_parser *p, struct strv token)
{
	char *to = arena_alloc(p->arena, token.n + 1);

	for (size_t i = 0; i < token.n; i++) {
		char c = token.p[i];
		to[i] = c == ' ' || c == 't' ? 'T' : c == 'z' ? 'Z' : c;
	}
	to[token.n] = '\0';
	return strv_make(to, token.n);
}

const char *toml_time(struct toml_parser *p, struct strv token, struct toml_value *ret)
{
	struct strv s = token;
	bool ok;

	if (token.n > 2 && token.p[2] == ':') {
		ret->type = TOML_TIME_LOCAL;
		ok = take_time(&s);
	} else {
		ret->type = TOML_DATE_LOCAL;
		ok = take_date(&s);
		if (ok &&
		    (take_char(&s, 'T') || take_char(&s, 't') || take_char(&s, ' '))) {
			ret->type = TOML_DATETIME_LOCAL;
			ok = take_time(&s);
			if (ok && s.n > 0) {
				ret->type = TOML_DATETIME;
				ok = take_offset(&s);
			}
		}
	}
	if (!ok || s.n > 0)
		return "is not a date or time";
	ret->str = normalised(p, token);
	return NULL;
}
