#include "base/arena.h"

#include <stdio.h>

struct block {
	struct block *next;
	size_t size;
	max_align_t data[];
};

struct arena {
	struct block *blocks; /* the newest first */
	char *at, *end;
	size_t block_size;
	size_t used;
};

struct arena *arena_new(size_t block)
{
	struct arena *a = MEM_NEW(struct arena);
	a->block_size = MAX(block, (size_t)256);
	return a;
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next = b->next;
		mem_free(b);
		b = next;
	}
}

void arena_free(struct arena **pa)
{
	struct arena *a = *pa;

	*pa = NULL;
	if (a == NULL)
		return;
	free_blocks(a->blocks);
	mem_free(a);
}

void arena_reset(struct arena *a)
{
	struct block *keep = a->blocks;

	if (keep == NULL)
		return;
	if (keep->size > a->block_size) { /* an outsized one is not kept */
		free_blocks(keep);
		a->blocks = NULL;
		a->at = a->end = NULL;
	} else {
		free_blocks(keep->next);
		keep->next = NULL;
		a->at = (char *)keep->data;
		a->end = a->at + keep->size;
	}
	a->used = 0;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

static void grow(struct arena *a, size_t n)
{
	size_t size = MAX(n, a->block_size);
	struct block *b = mem_alloc(sizeof(*b) + size);

	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	a->at = (char *)b->data;
	a->end = a->at + size;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p;

	ASSERT(n < SIZE_MAX / 2);
	n = (n + 7) & ~(size_t)7;
	if ((size_t)(a->end - a->at) < n || a->at == NULL)
		grow(a, n);
	p = a->at;
	a->at += n;
	a->used += n;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

const char *arena_cstr(struct arena *a, struct strv s)
{
	char *p = arena_alloc(a, s.n + 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct strv arena_strv(struct arena *a, struct strv s)
{
	if (s.p == NULL)
		return s;
	return (struct strv){ arena_cstr(a, s), s.n };
}

const char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	int need;
	char *p;

	va_copy(again, ap);
	need = vsnprintf(NULL, 0, fmt, ap);
	ASSERT(need >= 0);
	p = arena_alloc(a, (size_t)need + 1);
	vsnprintf(p, (size_t)need + 1, fmt, again);
	va_end(again);
	return p;
}

const char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	const char *p;

	va_start(ap, fmt);
	p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}
