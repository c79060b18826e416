#include "base/buf.h"

#include <stdio.h>

void buf_free(struct buf *b)
{
	mem_free(b->p);
	b->p = NULL;
	b->n = b->cap = 0;
}

void buf_clear(struct buf *b)
{
	b->n = 0;
}

void buf_grow(struct buf *b, size_t n)
{
	size_t cap = MAX(b->n + n, MIN(b->cap * 2, b->max));

	cap = MAX(cap, (size_t)64);
	b->p = mem_realloc(b->p, cap);
	b->cap = cap;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
	char *to;

	if (n == 0)
		return 0;
	to = buf_reserve(b, n);
	if (to == NULL)
		return -EMSGSIZE;
	memcpy(to, p, n);
	b->n += n;
	return 0;
}

int buf_addvf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int need;
	char *to;

	va_copy(again, ap);
	need = vsnprintf(NULL, 0, fmt, ap);
	ASSERT(need >= 0);
	to = (size_t)need < b->max - b->n ? buf_reserve(b, (size_t)need + 1) : NULL;
	if (to != NULL) {
		vsnprintf(to, (size_t)need + 1, fmt, again);
		b->n += (size_t)need;
	}
	va_end(again);
	return to ? 0 : -EMSGSIZE;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addvf(b, fmt, ap);
	va_end(ap);
	return r;
}

int buf_add_each(struct buf *b, const struct strv *parts, size_t n)
{
	size_t all = 0;
	char *to;

	for (size_t i = 0; i < n; i++)
		all += parts[i].n;
	to = buf_reserve(b, all);
	if (to == NULL)
		return -EMSGSIZE;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n)
			memcpy(to, parts[i].p, parts[i].n);
		to += parts[i].n;
	}
	b->n += all;
	return 0;
}

void buf_put(struct buf *b, struct strv s)
{
	int r = buf_add(b, s.p, s.n);
	ASSERT(r == 0);
}

void buf_putc(struct buf *b, char c)
{
	int r = buf_add(b, &c, 1);
	ASSERT(r == 0);
}

void buf_putf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addvf(b, fmt, ap);
	va_end(ap);
	ASSERT(r == 0);
}

void buf_consume(struct buf *b, size_t n)
{
	ASSERT(n <= b->n);
	b->n -= n;
	if (b->n && n)
		memmove(b->p, b->p + n, b->n);
}

const char *buf_cstr(struct buf *b)
{
	if (b->n == b->cap) {
		b->p = mem_realloc(b->p, b->n + 1);
		b->cap = b->n + 1;
	}
	b->p[b->n] = '\0';
	return b->p;
}
