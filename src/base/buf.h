/* A growable byte buffer with a maximum, which its owner sets and which is checked before
 * every growth. An empty buffer owns no memory until something is added. */
#pragma once

#include "base/strv.h"

#include <stdarg.h>

struct buf {
	char *p;
	size_t n;   /* bytes used */
	size_t cap; /* bytes allocated */
	size_t max; /* n never exceeds it */
};

#define BUF_INIT(limit) ((struct buf){ .max = (limit) })

void buf_free(struct buf *b);  /* gives the memory back; the buffer stays usable */
void buf_clear(struct buf *b); /* n = 0, keeps the memory */

/* Makes room for n more bytes and returns where they go; NULL when max would be exceeded.
 * The caller then adds what it wrote to b->n. */
void buf_grow(struct buf *b, size_t n);
static inline nodiscard char *buf_reserve(struct buf *b, size_t n)
{
	ASSERT(b->n <= b->max);
	if (n > b->max - b->n)
		return NULL;
	if (b->cap - b->n < n || b->p == NULL)
		buf_grow(b, n);
	return b->p + b->n;
}

/* 0, or -EMSGSIZE and nothing added. */
nodiscard int buf_add(struct buf *b, const void *p, size_t n);
nodiscard int buf_addf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
nodiscard int buf_addvf(struct buf *b, const char *fmt, va_list ap);
nodiscard int buf_add_each(struct buf *b, const struct strv *parts, size_t n);
/* One behind the other: a tenth of what a format costs. */
#define buf_add_all(b, ...)                                   \
	buf_add_each(b, (const struct strv[]){ __VA_ARGS__ }, \
		     ARRAY_LEN(((const struct strv[]){ __VA_ARGS__ })))

/* For buffers whose bound the caller has already checked, or that only our own constants
 * fill: running over is our bug, and asserts. */
void buf_put(struct buf *b, struct strv s);
void buf_putf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
void buf_putc(struct buf *b, char c);

/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

static inline nodiscard int buf_adds(struct buf *b, struct strv s)
{
	return buf_add(b, s.p, s.n);
}

static inline struct strv buf_strv(const struct buf *b)
{
	return (struct strv){ b->p ? b->p : "", b->n };
}

/* The content as a C string: a NUL is kept behind the last byte (not counted in n). */
const char *buf_cstr(struct buf *b);
