#include "base/utf8.h"
#include "conf/toml_priv.h"

static int hex_digit(int c)
{
	if (toml_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void put(struct toml_parser *p, char c)
{
	buf_putc(&p->scratch, c); /* never longer than the text itself */
}

/* At the first of `n` hexadecimal digits; `from` is where the backslash stands. */
static int read_code_point(struct toml_parser *p, size_t from, unsigned n)
{
	uint32_t cp = 0;
	char utf8[4];

	for (unsigned i = 0; i < n; i++, p->pos++) {
		int d = hex_digit(toml_peek(p));
		if (d < 0)
			return toml_fail_expected(p, n == 4 ? "four hexadecimal digits"
							    : "eight hexadecimal digits");
		cp = cp << 4 | (uint32_t)d;
	}
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return toml_fail(p, from, "U+%04X is not a character", cp);
	buf_put(&p->scratch, strv_make(utf8, utf8_put(cp, utf8)));
	return 0;
}

static int read_escape(struct toml_parser *p)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	size_t start = p->pos++;
	int c = toml_peek(p);
	const char *hit;

	if (c > 0 && (hit = strchr(from, c)) != NULL) {
		p->pos++;
		put(p, to[hit - from]);
		return 0;
	}
	if (c != 'u' && c != 'U')
		return toml_fail_expected(
			p, "an escape, one of \\b \\t \\n \\f \\r \\\" \\\\ "
			   "\\uXXXX \\UXXXXXXXX");
	p->pos++;
	return read_code_point(p, start, c == 'u' ? 4 : 8);
}

/* A backslash at the end of a line eats all white space up to the next text. */
static bool skip_folded_line(struct toml_parser *p)
{
	size_t start = p->pos++;

	toml_skip_blanks(p);
	if (toml_newline_len(p) == 0) {
		p->pos = start;
		return false;
	}
	for (size_t n; (n = toml_newline_len(p)) > 0; toml_skip_blanks(p))
		p->pos += n;
	return true;
}

static int fail_in_string(struct toml_parser *p, size_t start)
{
	int c = toml_peek(p);

	if (c < 0)
		return toml_fail(p, start, "the string does not end");
	if (toml_newline_len(p) > 0)
		return toml_fail(p, start, "the string does not end on its line");
	return toml_fail(p, p->pos,
			 "the character U+%04X is not allowed in a string as it is",
			 (unsigned)c);
}

static bool is_plain(int c)
{
	return c >= ' ' ? c != 0x7f : c == '\t';
}

/* Up to two quotes may stand before the three that end the string. True at its end. */
static bool read_quotes(struct toml_parser *p, int quote)
{
	unsigned n = 0;

	while (n < 5 && toml_at(p, n) == quote)
		n++;
	p->pos += n;
	for (unsigned i = n < 3 ? 0 : 3; i < n; i++)
		put(p, (char)quote);
	return n >= 3;
}

static int read_multiline(struct toml_parser *p, int quote, size_t start)
{
	p->pos += 3;
	p->pos += toml_newline_len(p); /* one right behind the quotes does not count */
	for (;;) {
		int c = toml_peek(p), r = 0;

		if (c == quote) {
			if (read_quotes(p, quote))
				return 0;
		} else if (c == '\\' && quote == '"') {
			if (!skip_folded_line(p))
				r = read_escape(p);
		} else if (toml_newline_len(p) > 0) {
			buf_put(&p->scratch,
				strv_make(p->in.p + p->pos, toml_newline_len(p)));
			p->pos += toml_newline_len(p);
		} else if (is_plain(c)) {
			put(p, (char)c);
			p->pos++;
		} else {
			r = fail_in_string(p, start);
		}
		if (r < 0)
			return r;
	}
}

static int read_line(struct toml_parser *p, int quote, size_t start)
{
	for (p->pos++;;) {
		int c = toml_peek(p), r = 0;

		if (c == quote) {
			p->pos++;
			return 0;
		}
		if (c == '\\' && quote == '"') {
			r = read_escape(p);
		} else if (is_plain(c)) {
			put(p, (char)c);
			p->pos++;
		} else {
			r = fail_in_string(p, start);
		}
		if (r < 0)
			return r;
	}
}

int toml_read_string(struct toml_parser *p, bool may_be_multiline, struct strv *ret)
{
	int quote = toml_peek(p);
	size_t start = p->pos;
	int r;

	ASSERT(quote == '"' || quote == '\'');
	buf_clear(&p->scratch);
	if (toml_at(p, 1) == quote && toml_at(p, 2) == quote) {
		if (!may_be_multiline)
			return toml_fail(p, start, "a key cannot be a multi-line string");
		r = read_multiline(p, quote, start);
	} else {
		r = read_line(p, quote, start);
	}
	if (r == 0)
		*ret = arena_strv(p->arena, buf_strv(&p->scratch));
	return r;
}
