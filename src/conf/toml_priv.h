/* The parser's insides. Each toml_read_*() and toml_skip_*() starts at p->pos, moves it
 * on, and returns 0, or -EINVAL after toml_fail(). */
#pragma once

#include "base/buf.h"
#include "base/hash.h"
#include "conf/toml.h"

#include <stdarg.h>

/* How a table came to be decides who may still add to it (TOML 1.0, "Table"). */
enum toml_origin {
	TOML_IMPLICIT, /* on the way of a header: [a.b] made `a`; [a] may follow */
	TOML_HEADER,   /* [a], an element of [[a]], the root: no second header, no dotted
			  key */
	TOML_DOTTED,   /* by `a.b = 1`: no header, but more dotted keys, and [a.x] */
	TOML_INLINE,   /* complete */
};

struct toml_mark {
	size_t pos;
	uint32_t line, col;
};

struct toml_parser {
	struct arena *arena;
	struct arena *tmp; /* of the index */
	struct strv in;	   /* UTF-8, checked */
	size_t pos;
	struct toml_mark mark; /* the last place whose line was asked for */
	struct hash index;     /* of (table, key): tables may be large */
	struct buf scratch;
	unsigned depth;
	struct toml_error *err;
};

static inline int toml_at(const struct toml_parser *p, size_t ahead)
{
	size_t pos = p->pos + ahead;
	return pos < p->in.n ? (unsigned char)p->in.p[pos] : -1;
}

static inline int toml_peek(const struct toml_parser *p)
{
	return toml_at(p, 0);
}

static inline bool toml_is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* The line and column of p->pos, which must not go back from one call to the next. */
struct toml_mark toml_here(struct toml_parser *p);

/* Sets the error, at `pos`; returns -EINVAL. */
int toml_fail(struct toml_parser *p, size_t pos, const char *fmt, ...) printf_like(3, 4);
/* "expected WHAT, found ...", at p->pos. */
int toml_fail_expected(struct toml_parser *p, const char *what);

/* Counts one more level of tables and arrays. */
nodiscard int toml_enter(struct toml_parser *p, unsigned levels);
void toml_leave(struct toml_parser *p, unsigned levels);

void toml_skip_blanks(struct toml_parser *p); /* spaces and tabs */
/* Blanks, newlines and comments. */
nodiscard int toml_skip_lines(struct toml_parser *p);
/* Blanks, a comment, and the newline or the end of the file. */
nodiscard int toml_skip_line_end(struct toml_parser *p);
/* The bytes of the newline at p->pos: 0, 1 or 2. */
size_t toml_newline_len(const struct toml_parser *p);

struct toml_key {
	struct strv name; /* in the arena */
	size_t pos;
	uint32_t line, col;
};

/* A dotted key; 1 to TOML_MAX_DEPTH parts. */
nodiscard int toml_read_key(struct toml_parser *p, struct toml_key parts[TOML_MAX_DEPTH],
			    unsigned *ret_n);
/* `key = value` into the table. */
nodiscard int toml_read_keyval(struct toml_parser *p, struct toml_table *t);
nodiscard int toml_read_value(struct toml_parser *p, struct toml_value *ret);
/* At a quote. `may_be_multiline` is not so for keys. */
nodiscard int toml_read_string(struct toml_parser *p, bool may_be_multiline,
			       struct strv *ret);
/* A number, a boolean, a date or a time. */
nodiscard int toml_read_bare(struct toml_parser *p, struct toml_value *ret);

/* Fills ret when `token` is a complete integer or float, else returns the error's text.
 */
nodiscard const char *toml_number(struct toml_parser *p, struct strv token,
				  struct toml_value *ret);
/* The same for dates and times, which end up normalised: T and Z in upper case. */
nodiscard const char *toml_time(struct toml_parser *p, struct strv token,
				struct toml_value *ret);
nodiscard bool toml_looks_like_time(struct strv token);

struct toml_table *toml_table_new(struct toml_parser *p, enum toml_origin origin);
/* NULL when the key is there already (the error is set). Its value is a TOML_BOOL until
 * the caller fills it. */
struct toml_entry *toml_table_add(struct toml_parser *p, struct toml_table *t,
				  const struct toml_key *key);
struct toml_value *toml_array_add(struct toml_parser *p, struct toml_array *a);
/* Where `a.b` of the key `a.b.c` leads from `t`. */
nodiscard int toml_table_walk_dotted(struct toml_parser *p, struct toml_table *t,
				     const struct toml_key *parts, unsigned n,
				     struct toml_table **ret);
/* Where the header [a.b] or [[a.b]] leads from the root. */
nodiscard int toml_table_walk_header(struct toml_parser *p, struct toml_table *root,
				     const struct toml_key *parts, unsigned n,
				     bool is_array, struct toml_table **ret);
