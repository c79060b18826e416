/* The rows of option tables, one macro a type: see conf/option.h. Each checks that the
 * member has the type that it fills. Further members of a row may follow its doc text. */
#pragma once

#include "conf/option.h"

/* offsetof, and the member has the type that the row fills. */
#define CONF_AT(S, m, T)                                                              \
	(offsetof(S, m) +                                                             \
	 0 * sizeof(struct {                                                          \
		 _Static_assert(__builtin_types_compatible_p(__typeof__(((S *)0)->m), \
							     T),                      \
				"the member has another type than the row");          \
		 int unused;                                                          \
	 }))
#define CONF_ELEM(S, m)	 (*((S *)0)->m)
#define CONF_COUNT(S, m) .has_count = true, .count_offset = CONF_AT(S, n_##m, size_t)
#define CONF_WORDS(...)	 ((const struct conf_word[]){ __VA_ARGS__, { 0 } })

#define CONF_ROW(name_, type_, doc_, ...)                                    \
	{                                                                    \
		.name = (name_), .type = (type_), .doc = (doc_), __VA_ARGS__ \
	}

#define CONF_BOOL(name_, S, m, dflt_, doc_, ...)                          \
	CONF_ROW(name_, CONF_T_BOOL, doc_, .offset = CONF_AT(S, m, bool), \
		 .dflt = (dflt_), ##__VA_ARGS__)
#define CONF_INT(name_, S, m, dflt_, min_, max_, doc_, ...)                        \
	CONF_ROW(name_, CONF_T_INT, doc_, .offset = CONF_AT(S, m, int64_t),        \
		 .dflt = (dflt_), .has_range = true, .min = (min_), .max = (max_), \
		 ##__VA_ARGS__)
#define CONF_INT_OR_INFINITY(name_, S, m, dflt_, min_, max_, doc_, ...)                 \
	CONF_ROW(name_, CONF_T_INT_OR_INFINITY, doc_, .offset = CONF_AT(S, m, int64_t), \
		 .dflt = (dflt_), .has_range = true, .min = (min_), .max = (max_),      \
		 ##__VA_ARGS__)
#define CONF_STRING(name_, S, m, dflt_, doc_, ...)                                 \
	CONF_ROW(name_, CONF_T_STRING, doc_, .offset = CONF_AT(S, m, struct strv), \
		 .dflt = (dflt_), ##__VA_ARGS__)
#define CONF_PATH(name_, S, m, dflt_, doc_, ...)                                 \
	CONF_ROW(name_, CONF_T_PATH, doc_, .offset = CONF_AT(S, m, struct strv), \
		 .dflt = (dflt_), ##__VA_ARGS__)
#define CONF_FILE(name_, S, m, dflt_, doc_, ...)                                 \
	CONF_ROW(name_, CONF_T_FILE, doc_, .offset = CONF_AT(S, m, struct strv), \
		 .dflt = (dflt_), ##__VA_ARGS__)
#define CONF_ENUM(name_, S, m, dflt_, words_, doc_, ...)                     \
	CONF_ROW(name_, CONF_T_ENUM, doc_, .offset = CONF_AT(S, m, int64_t), \
		 .dflt = (dflt_), .words = (words_), ##__VA_ARGS__)
#define CONF_STRING_ARRAY(name_, S, m, dflt_, doc_, ...)                        \
	CONF_ROW(name_, CONF_T_STRING_ARRAY, doc_, CONF_COUNT(S, m),            \
		 .offset = CONF_AT(S, m, const struct strv *), .dflt = (dflt_), \
		 ##__VA_ARGS__)
#define CONF_FILE_ARRAY(name_, S, m, dflt_, doc_, ...)                          \
	CONF_ROW(name_, CONF_T_FILE_ARRAY, doc_, CONF_COUNT(S, m),              \
		 .offset = CONF_AT(S, m, const struct strv *), .dflt = (dflt_), \
		 ##__VA_ARGS__)
#define CONF_ENUM_ARRAY(name_, S, m, dflt_, words_, doc_, ...)              \
	CONF_ROW(name_, CONF_T_ENUM_ARRAY, doc_, CONF_COUNT(S, m),          \
		 .offset = CONF_AT(S, m, const int64_t *), .dflt = (dflt_), \
		 .words = (words_), ##__VA_ARGS__)

#define CONF_TABLE(name_, S, m, options_, doc_, ...)                  \
	CONF_ROW(name_, CONF_T_TABLE, doc_, .offset = offsetof(S, m), \
		 .options = (options_), ##__VA_ARGS__)
#define CONF_OPTIONAL_TABLE(name_, S, m, options_, doc_, ...)                            \
	CONF_ROW(name_, CONF_T_TABLE, doc_, .offset = offsetof(S, m), .has_count = true, \
		 .count_offset = CONF_AT(S, has_##m, bool), .options = (options_),       \
		 ##__VA_ARGS__)
/* A table whose options fill the struct around it. */
#define CONF_SAME_TABLE(name_, options_, doc_, ...)                             \
	CONF_ROW(name_, CONF_T_TABLE, doc_, .offset = 0, .options = (options_), \
		 ##__VA_ARGS__)
#define CONF_TABLE_NEW(name_, S, m, options_, doc_, ...)                  \
	CONF_ROW(name_, CONF_T_TABLE_NEW, doc_, .offset = offsetof(S, m), \
		 .size = sizeof(CONF_ELEM(S, m)), .options = (options_), ##__VA_ARGS__)
#define CONF_TABLE_ARRAY(name_, S, m, options_, doc_, ...)                  \
	CONF_ROW(name_, CONF_T_TABLE_ARRAY, doc_, CONF_COUNT(S, m),         \
		 .offset = offsetof(S, m), .size = sizeof(CONF_ELEM(S, m)), \
		 .options = (options_), ##__VA_ARGS__)
#define CONF_MAP(name_, S, m, key_, row_, doc_, ...)                                    \
	CONF_ROW(name_, CONF_T_MAP, doc_, CONF_COUNT(S, m), .offset = offsetof(S, m),   \
		 .size = sizeof(CONF_ELEM(S, m)),                                       \
		 .key_offset = CONF_AT(__typeof__(CONF_ELEM(S, m)), key_, struct strv), \
		 .options = (row_), ##__VA_ARGS__)
/* `check_` reads the value (or the default) into the member, which is zeroed first. */
#define CONF_CUSTOM(name_, S, m, dflt_, allowed_, check_, doc_, ...)                  \
	CONF_ROW(name_, CONF_T_CUSTOM, doc_, .offset = offsetof(S, m),                \
		 .size = sizeof(((S *)0)->m), .dflt = (dflt_), .allowed = (allowed_), \
		 .check = (check_), ##__VA_ARGS__)

/* Known to MongooseIM, an option or a whole section, and not supported here. */
#define CONF_UNSUPPORTED(name_)                             \
	{                                                   \
		.name = (name_), .type = CONF_T_UNSUPPORTED \
	}
/* Accepted, without effect here. `why_` ends the warning "has no effect here: ...". */
#define CONF_IGNORED(name_, why_)                                      \
	{                                                              \
		.name = (name_), .type = CONF_T_IGNORED, .doc = (why_) \
	}
/* Another spelling of a row of the same table. */
#define CONF_ALIAS(name_, of_)                                       \
	{                                                            \
		.name = (name_), .type = CONF_T_ALIAS, .dflt = (of_) \
	}
