#include "conf/toml_priv.h"

#include "base/utf8.h"

#include <stdio.h>

struct toml_mark toml_here(struct toml_parser *p)
{
	struct toml_mark *m = &p->mark;

	ASSERT(p->pos >= m->pos && p->pos <= p->in.n);
	for (; m->pos < p->pos; m->pos++) {
		unsigned char c = (unsigned char)p->in.p[m->pos];
		if (c == '\n') {
			m->line++;
			m->col = 1;
		} else if ((c & 0xc0) != 0x80) { /* not inside a code point */
			m->col++;
		}
	}
	return *m;
}

/* A byte order mark may stand in front, and is in no column. */
static size_t bom_len(struct strv text)
{
	return strv_starts(text, STRV("\xef\xbb\xbf")) ? 3 : 0;
}

int toml_fail(struct toml_parser *p, size_t pos, const char *fmt, ...)
{
	char *text = p->err->text;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(p->err->text), fmt, ap);
	va_end(ap);
	text[utf8_valid_len(strv_from(text))] =
		'\0';		      /* a long key may have been cut in two */
	for (char *c = text; *c; c++) /* a key may hold anything */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	p->mark = (struct toml_mark){ MIN(pos, bom_len(p->in)), 1,
				      1 }; /* it may be behind */
	p->pos = pos;
	p->err->line = toml_here(p).line;
	p->err->col = p->mark.col;
	return -EINVAL;
}

int toml_fail_expected(struct toml_parser *p, const char *what)
{
	int c = toml_peek(p);
	uint32_t cp;
	int n;

	if (c < 0)
		return toml_fail(p, p->pos, "expected %s, found the end of the file",
				 what);
	if (toml_newline_len(p) > 0)
		return toml_fail(p, p->pos, "expected %s, found the end of the line",
				 what);
	if (c < ' ' || c == 0x7f)
		return toml_fail(p, p->pos, "expected %s, found the character U+%04X",
				 what, (unsigned)c);
	n = utf8_next(strv_from_pos(p->in, p->pos), &cp);
	ASSERT(n > 0);
	return toml_fail(p, p->pos, "expected %s, found '%.*s'", what, n,
			 p->in.p + p->pos);
}

int toml_enter(struct toml_parser *p, unsigned levels)
{
	if (levels > TOML_MAX_DEPTH - p->depth)
		return toml_fail(p, p->pos,
				 "tables and arrays are more than %u levels deep",
				 TOML_MAX_DEPTH);
	p->depth += levels;
	return 0;
}

void toml_leave(struct toml_parser *p, unsigned levels)
{
	ASSERT(p->depth >= levels);
	p->depth -= levels;
}

void toml_skip_blanks(struct toml_parser *p)
{
	while (toml_peek(p) == ' ' || toml_peek(p) == '\t')
		p->pos++;
}

size_t toml_newline_len(const struct toml_parser *p)
{
	if (toml_peek(p) == '\n')
		return 1;
	return toml_peek(p) == '\r' && toml_at(p, 1) == '\n' ? 2 : 0;
}

static int skip_comment(struct toml_parser *p)
{
	int c;

	if (toml_peek(p) != '#')
		return 0;
	while ((c = toml_peek(p)) >= 0 && toml_newline_len(p) == 0) {
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return toml_fail(
				p, p->pos,
				"the character U+%04X is not allowed in a comment",
				(unsigned)c);
		p->pos++;
	}
	return 0;
}

int toml_skip_lines(struct toml_parser *p)
{
	size_t n;
	int r;

	for (;;) {
		toml_skip_blanks(p);
		if ((r = skip_comment(p)) < 0)
			return r;
		if ((n = toml_newline_len(p)) == 0)
			return 0;
		p->pos += n;
	}
}

int toml_skip_line_end(struct toml_parser *p)
{
	size_t n;
	int r;

	toml_skip_blanks(p);
	if ((r = skip_comment(p)) < 0)
		return r;
	if ((n = toml_newline_len(p)) == 0 && toml_peek(p) >= 0)
		return toml_fail_expected(p, "the end of the line");
	p->pos += n;
	return 0;
}

static bool is_bare_key(int c)
{
	return toml_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c == '-';
}

static int read_key_part(struct toml_parser *p, struct toml_key *ret)
{
	struct toml_mark m = toml_here(p);
	size_t from = p->pos;

	*ret = (struct toml_key){ .pos = from, .line = m.line, .col = m.col };
	if (toml_peek(p) == '"' || toml_peek(p) == '\'')
		return toml_read_string(p, false, &ret->name);
	while (is_bare_key(toml_peek(p)))
		p->pos++;
	if (p->pos == from)
		return toml_fail_expected(p, "a key");
	ret->name = arena_strv(p->arena, strv_make(p->in.p + from, p->pos - from));
	return 0;
}

int toml_read_key(struct toml_parser *p, struct toml_key parts[TOML_MAX_DEPTH],
		  unsigned *ret_n)
{
	unsigned n = 0;
	int r;

	for (;;) {
		if (n == TOML_MAX_DEPTH)
			return toml_fail(p, p->pos, "a key has more than %u parts",
					 TOML_MAX_DEPTH);
		toml_skip_blanks(p);
		if ((r = read_key_part(p, &parts[n])) < 0)
			return r;
		n++;
		toml_skip_blanks(p);
		if (toml_peek(p) != '.')
			break;
		p->pos++;
	}
	*ret_n = n;
	return 0;
}

int toml_read_keyval(struct toml_parser *p, struct toml_table *t)
{
	struct toml_key parts[TOML_MAX_DEPTH];
	struct toml_entry *e;
	unsigned n;
	int r;

	if ((r = toml_read_key(p, parts, &n)) < 0 || (r = toml_enter(p, n - 1)) < 0)
		return r;
	if (toml_peek(p) != '=')
		return toml_fail_expected(p, "'=' behind the key");
	p->pos++;
	toml_skip_blanks(p);
	if ((r = toml_table_walk_dotted(p, t, parts, n - 1, &t)) < 0)
		return r;
	if ((e = toml_table_add(p, t, &parts[n - 1])) == NULL)
		return -EINVAL;
	r = toml_read_value(p, &e->value);
	toml_leave(p, n - 1);
	return r;
}

/* [a.b] or [[a.b]]; *ret is the table that the lines behind it add to. */
static int read_header(struct toml_parser *p, struct toml_table *root,
		       struct toml_table **ret)
{
	struct toml_key parts[TOML_MAX_DEPTH];
	bool is_array = toml_at(p, 1) == '[';
	unsigned n;
	int r;

	p->pos += is_array ? 2 : 1;
	p->depth = 0;
	if ((r = toml_read_key(p, parts, &n)) < 0 || (r = toml_enter(p, n)) < 0)
		return r;
	if (toml_peek(p) != ']')
		return toml_fail_expected(p, "']' behind the table's name");
	p->pos++;
	if (is_array && toml_peek(p) != ']')
		return toml_fail_expected(p,
					  "']]' behind the name of the array of tables");
	p->pos += is_array;
	return toml_table_walk_header(p, root, parts, n, is_array, ret);
}

static int read_document(struct toml_parser *p, struct toml_table *root)
{
	struct toml_table *t = root;
	int r;

	p->pos = p->mark.pos = bom_len(p->in);
	while ((r = toml_skip_lines(p)) == 0 && toml_peek(p) >= 0) {
		if (toml_peek(p) == '[')
			r = read_header(p, root, &t);
		else
			r = toml_read_keyval(p, t);
		if (r < 0 || (r = toml_skip_line_end(p)) < 0)
			return r;
	}
	return r;
}

static void parser_init(struct toml_parser *p, struct arena *a, struct strv text,
			struct toml_error *err)
{
	*p = (struct toml_parser){
		.arena = a,
		.tmp = arena_new(4096),
		.in = text,
		.mark = { 0, 1, 1 },
		.scratch = BUF_INIT(TOML_MAX_BYTES),
		.err = err,
	};
	/* Of what grew, copies of passwords would stay. */
	if (!buf_reserve(&p->scratch, MIN(text.n, (size_t)TOML_MAX_BYTES)))
		UNREACHABLE();
	hash_init(&p->index);
}

static void parser_fini(struct toml_parser *p)
{
	hash_fini(&p->index);
	mem_wipe(p->scratch.p, p->scratch.cap);
	buf_free(&p->scratch);
	arena_free(&p->tmp);
}

static int check_text(struct toml_parser *p)
{
	size_t ok;

	if (p->in.n > TOML_MAX_BYTES) {
		*p->err = (struct toml_error){ .line = 1, .col = 1 };
		snprintf(p->err->text, sizeof(p->err->text),
			 "the file is larger than %u bytes", TOML_MAX_BYTES);
		return -EINVAL;
	}
	ok = utf8_valid_len(p->in);
	if (ok == p->in.n)
		return 0;
	return toml_fail(p, ok, "the byte 0x%02X is not UTF-8",
			 (unsigned char)p->in.p[ok]);
}

int toml_parse(struct arena *a, struct strv text, struct toml_table **ret,
	       struct toml_error *err)
{
	struct toml_parser p;
	struct toml_table *root;
	int r;

	ASSERT(text.n == 0 || text.p != NULL);
	parser_init(&p, a, text, err);
	root = toml_table_new(&p, TOML_HEADER);
	if ((r = check_text(&p)) == 0)
		r = read_document(&p, root);
	parser_fini(&p);
	if (r == 0)
		*ret = root;
	return r;
}

struct toml_value toml_parse_value(struct arena *a, struct strv text)
{
	struct toml_parser p;
	struct toml_error err;
	struct toml_value v = { 0 };
	int r;

	parser_init(&p, a, text, &err);
	if ((r = check_text(&p)) == 0)
		r = toml_read_value(&p, &v);
	ASSERT(r == 0 && p.pos == text.n);
	parser_fini(&p);
	return v;
}

const struct toml_entry *toml_find(const struct toml_table *t, struct strv key)
{
	for (const struct toml_entry *e = t->first; e; e = e->next)
		if (strv_eq(e->key, key))
			return e;
	return NULL;
}

const struct toml_value *toml_get(const struct toml_table *t, const char *key)
{
	const struct toml_entry *e = toml_find(t, strv_from(key));
	return e ? &e->value : NULL;
}

const char *toml_type_name(enum toml_type type)
{
	static const char *const names[] = {
		[TOML_STRING] = "a string",
		[TOML_INT] = "an integer",
		[TOML_FLOAT] = "a float",
		[TOML_BOOL] = "a boolean",
		[TOML_DATETIME] = "a date and time",
		[TOML_DATETIME_LOCAL] = "a local date and time",
		[TOML_DATE_LOCAL] = "a date",
		[TOML_TIME_LOCAL] = "a time",
		[TOML_ARRAY] = "an array",
		[TOML_TABLE] = "a table",
	};
	ASSERT(type < ARRAY_LEN(names));
	return names[type];
}
