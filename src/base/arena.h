/* Memory that is given back all at once. Not for several threads. */
#pragma once

#include "base/strv.h"

#include <stdarg.h>

struct arena;

/* `block` bytes are taken from the heap at a time. */
nodiscard struct arena *arena_new(size_t block);
void arena_free(struct arena **a); /* accepts NULL in *a */

/* Forgets all that was allocated, keeps one block for the next round. */
void arena_reset(struct arena *a);
void arena_reset_wiped(struct arena *a); /* and overwrites it, as mem_wipe() does */
void arena_free_wiped(struct arena **a);
size_t arena_used(const struct arena *a);
size_t arena_size(const struct arena *a); /* what it has of the heap */

/* 8-byte aligned; aborts when the machine is out of memory. The caller bounds what peers
 * can make it ask for. */
nodiscard void *arena_alloc(struct arena *a, size_t n);
nodiscard void *arena_zalloc(struct arena *a, size_t n);
struct strv arena_strv(struct arena *a, struct strv s); /* copy, with a NUL behind it */
const char *arena_cstr(struct arena *a, struct strv s);
struct strv arena_join(struct arena *a, const struct strv *parts, size_t n);
const char *arena_printf(struct arena *a, const char *fmt, ...) printf_like(2, 3);
const char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);

#define ARENA_NEW(a, type)	((type *)arena_zalloc(a, sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_zalloc(a, sizeof(type) * (n)))

/* All of them, one behind the other, with a NUL behind the last one. */
#define ARENA_JOIN(a, ...)                                    \
	arena_join((a), (const struct strv[]){ __VA_ARGS__ }, \
		   sizeof((struct strv[]){ __VA_ARGS__ }) / sizeof(struct strv))
