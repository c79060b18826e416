#pragma once

#include "conf/option.h"
#include "conf/text.h"

struct conf_ctx {
	struct arena *arena;
	struct conf_errors
		*errors;  /* NULL while defaults are read: they have no errors */
	struct buf *path; /* in full, of what is being read */
	const struct conf_option *row;
	const struct toml_value *at;
	bool element; /* `at` is one of the row's array */
};

/* Reads the value of a row of plain values or of arrays of them, whose size_t n_x is at
 * `count`. False when it was complained about, and also when it was left out with a
 * warning: *dst is then as it was; an array has the elements that are right. */
nodiscard bool conf_read_plain(struct conf_ctx *c, const struct conf_option *row,
			       const struct toml_value *v, char *dst, char *count);

/* About c->at: "expected ALLOWED, found ..." with the nearest word. */
void conf_complain_value(struct conf_ctx *c);

/* Is its value one that is never shown, or a table that holds such a one? What stands in that table's place
 * may be it. */
bool conf_is_secret(const struct conf_option *row);

/* Errors so far: to see whether something added one. */
size_t conf_n_errors(const struct conf_ctx *c);

/* Appends "[n]" / ".key"; conf_pop takes off what came behind the length that they
 * return. */
size_t conf_push_index(struct conf_ctx *c, size_t n);
size_t conf_push_key(struct conf_ctx *c, struct strv key);
void conf_pop(struct conf_ctx *c, size_t length);
