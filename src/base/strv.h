/* A borrowed piece of text or bytes: pointer and length, not NUL-terminated, never owned.
 * An absent value has p == NULL; an empty one has p != NULL and n == 0. */
#pragma once

#include "base/base.h"

struct strv {
	const char *p;
	size_t n;
};

#define STRV(lit)   ((struct strv){ ("" lit), sizeof(lit) - 1 })
#define STRV_NULL   ((struct strv){ NULL, 0 })
#define STRV_FMT    "%.*s"
#define STRV_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct strv strv_make(const char *p, size_t n)
{
	return (struct strv){ p, n };
}

static inline struct strv strv_from(const char *s)
{
	return (struct strv){ s, s ? strlen(s) : 0 };
}

static inline bool strv_eq(struct strv a, struct strv b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool strv_is(struct strv a, const char *s)
{
	size_t n = strlen(s); /* of a literal it is known, and the comparison short */

	return a.n == n && (n == 0 || memcmp(a.p, s, n) == 0);
}

static inline bool strv_starts(struct strv a, struct strv prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

static inline struct strv strv_from_pos(struct strv a, size_t pos)
{
	ASSERT(pos <= a.n);
	return (struct strv){ a.p + pos, a.n - pos };
}

/* Index of the first `c`, or -1. */
static inline ptrdiff_t strv_find(struct strv a, char c)
{
	const char *hit = a.n ? memchr(a.p, c, a.n) : NULL;
	return hit ? hit - a.p : -1;
}

/* memcmp order, shorter first. */
int strv_cmp(struct strv a, struct strv b);
nodiscard bool strv_eq_nocase(struct strv a, struct strv b); /* ASCII only */
struct strv strv_trim(struct strv a);			     /* spaces, tabs, CR, LF */

/* A NUL-terminated copy; the caller frees it with mem_free. */
nodiscard char *strv_dup(struct strv a);

/* Digits only, no sign, whole string, <= max. 0 or -EINVAL / -ERANGE. */
nodiscard int strv_to_u64(struct strv a, uint64_t max, uint64_t *ret);
