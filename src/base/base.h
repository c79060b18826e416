/* What every file may use: assertions, ownership helpers, memory that aborts.
 * Knows no XMPP and no socket. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define nodiscard	  __attribute__((warn_unused_result))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define maybe_unused	  __attribute__((unused))
#define likely(x)	  __builtin_expect(!!(x), 1)
#define unlikely(x)	  __builtin_expect(!!(x), 0)

/* Runs the destructor `fn(T **)` when the variable leaves its scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A failed ASSERT is a bug of ours: it is logged with its place and aborts. Always on. */
#define ASSERT(cond) \
	(likely(cond) ? (void)0 : assert_fail(#cond, __FILE__, __LINE__, __func__))
#define UNREACHABLE() assert_fail("unreachable", __FILE__, __LINE__, __func__)

_Noreturn void assert_fail(const char *what, const char *file, int line,
			   const char *func);

/* For small, fixed allocations: abort when memory is out. What a peer can make grow is
 * bounded by its owner before it comes here. */
nodiscard void *mem_alloc(size_t n);
nodiscard void *mem_zalloc(size_t n);
nodiscard void *mem_realloc(void *p, size_t n);
nodiscard char *mem_strdup(const char *s);
void mem_free(void *p);

/* Zeroed memory, by the page: for what is large, lives long, and is seldom all in use. Pages that nobody
 * has written to take no memory, as those of mem_zalloc() may. */
nodiscard void *mem_map(size_t n);
void mem_unmap(void *p, size_t n);

/* For AUTO(): frees *p (a `T **`) with mem_free and nulls it. */
void mem_freep(void *p);
void fd_closep(int *fd);

/* Overwrites secrets in a way that the compiler keeps: it must think that somebody looks at them. */
static inline void mem_wipe(void *p, size_t n)
{
	if (n)
		memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* Compares in time that depends on `n` alone. */
nodiscard bool mem_equal_ct(const void *a, const void *b, size_t n);

#define MEM_NEW(type) ((type *)mem_zalloc(sizeof(type)))
