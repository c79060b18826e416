/* What is wrong with a configuration: all of it, in the order of the file. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "conf/toml.h"

/* More are counted, not kept. */
#define CONF_MAX_ERRORS 200u

struct conf_error {
	const char *file;   /* borrowed from struct conf_errors */
	uint32_t line, col; /* 0: the file as a whole */
	bool is_warning;
	const char *key;  /* in full, "listen.c2s[1].tls.mode"; "" for none */
	const char *text; /* what was found, what is allowed */
};

struct conf_errors {
	struct arena *arena; /* of the messages */
	const char *file;    /* that is being read; NULL: the messages name none */
	struct conf_error *v;
	size_t n, cap;
	size_t n_errors, n_warnings; /* of all, kept or not */
};

#define CONF_ERRORS_INIT(arena_, file_) \
	((struct conf_errors){ .arena = (arena_), .file = (file_) })

/* `text` and `key` are copied. */
void conf_error_add(struct conf_errors *e, bool is_warning, uint32_t line, uint32_t col,
		    const char *key, const char *text);

/* The one error of toml_parse or toml_read_file. */
void conf_error_add_toml(struct conf_errors *e, const struct toml_error *err);

/* A mistake that shows only when several sections are read together. `key` is a path from
 * `root`, as the messages write it: "listen.c2s[1].access". The place is the value's, or
 * that of the closest part of the path that exists. */
void conf_error_at(struct conf_errors *e, const struct toml_table *root, const char *key,
		   const char *fmt, ...) printf_like(4, 5);
void conf_warning_at(struct conf_errors *e, const struct toml_table *root,
		     const char *key, const char *fmt, ...) printf_like(4, 5);

/* The same for a name that stands for something elsewhere in the file and does not exist:
 * "expected WHAT, found "x"", and the nearest of the names that do, or those (NULL behind the
 * last). */
void conf_error_name_at(struct conf_errors *e, const struct toml_table *root,
			const char *key, const char *what, struct strv found,
			const char *const *names);

/* A name as part of such a path, which it may have to be quoted for; and a text as messages
 * show it. */
const char *conf_key(struct arena *a, struct strv name);
const char *conf_quoted(struct arena *a, struct strv s);

/* Sorts by file, line and column. */
void conf_errors_sort(struct conf_errors *e);

/* Sorts, and writes one line each: "FILE:LINE:COL: error: KEY: TEXT\n". What does not fit
 * in the buffer is left out. */
void conf_errors_write(struct conf_errors *e, struct buf *b);
