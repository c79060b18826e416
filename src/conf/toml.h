/* TOML 1.0 (https://toml.io/en/v1.0.0), complete and strict, into a tree whose every key
 * and value knows where it stood in the file. The tree is made of copies: the text may
 * go. */
#pragma once

#include "base/arena.h"

#define TOML_MAX_BYTES (16u * 1024 * 1024)
#define TOML_MAX_DEPTH 64u /* of tables and arrays inside each other */

enum toml_type {
	TOML_STRING,
	TOML_INT,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_DATETIME,	     /* 1979-05-27T07:32:00Z, with an offset */
	TOML_DATETIME_LOCAL, /* 1979-05-27T07:32:00 */
	TOML_DATE_LOCAL,     /* 1979-05-27 */
	TOML_TIME_LOCAL,     /* 07:32:00 */
	TOML_ARRAY,
	TOML_TABLE,
};

struct toml_table;
struct toml_array;

/* Lines and columns count from 1; a column is a code point, whatever its width. */
struct toml_value {
	enum toml_type type;
	uint32_t line, col;
	union {
		struct strv str; /* may hold U+0000; a NUL stands behind it. The four
				  * kinds of dates and times are kept as their text. */
		int64_t i;
		double f;
		bool b;
		struct toml_array *array;
		struct toml_table *table;
	};
};

struct toml_entry {
	struct toml_entry *next; /* in the order of the file */
	struct strv key;	 /* decoded */
	uint32_t line, col;	 /* of the key, where it was first seen */
	struct toml_value value;
};

struct toml_table {
	struct toml_entry *first, *last;
	size_t n;
	uint8_t origin; /* for the parser: how the table came to be */
};

struct toml_array {
	struct toml_value *v;
	size_t n, cap;
	bool is_closed; /* for the parser: [[name]] cannot add to it */
};

struct toml_error {
	uint32_t line, col;
	char text[160];
};

/* 0, or -EINVAL and *err says where and why; what was built so far is left in the arena.
 */
nodiscard int toml_parse(struct arena *a, struct strv text, struct toml_table **ret,
			 struct toml_error *err);

/* One value alone, as it may stand behind `key =`. For texts of our own: errors assert.
 */
struct toml_value toml_parse_value(struct arena *a, struct strv text);

/* Reads the file and parses it. -EINVAL with *err as above; another -errno when the file
 * cannot be read, with line 0 and the reason in *err. */
/* The file's text, in the arena. */
nodiscard int toml_read_text(struct arena *a, const char *path, struct strv *ret,
			     struct toml_error *err);
nodiscard int toml_read_file(struct arena *a, const char *path, struct toml_table **ret,
			     struct toml_error *err);

/* NULL when there is none. Linear: tables of a configuration are small. */
const struct toml_entry *toml_find(const struct toml_table *t, struct strv key);
const struct toml_value *toml_get(const struct toml_table *t, const char *key);

/* "a string", "an array" ... */
const char *toml_type_name(enum toml_type type);
