/* An arena lives in its own first block. Blocks of the two usual sizes are kept by each thread for
 * the next arena: arenas come and go with every event, and must not leave holes between the small
 * allocations that stay. */
#include "base/arena.h"

#include <pthread.h>
#include <stdio.h>

enum {
	SMALL = 1024,
	MEDIUM = 4096,
	KEPT_MAX = 64, /* blocks of each size that a thread keeps */
};

struct block {
	struct block *next;
	size_t size; /* of data */
	max_align_t data[];
};

struct arena {
	struct block *blocks; /* the newest first; the last one holds the arena */
	char *at, *end;
	size_t block_size;
	size_t used, size; /* of what was allocated, of all blocks */
};

struct kept {
	struct block *first;
	unsigned n;
};

static _Thread_local struct kept kept_small, kept_medium;
static pthread_key_t kept_key;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;

static void drop_kept(struct kept *k)
{
	while (k->first) {
		struct block *next = k->first->next;
		mem_free(k->first);
		k->first = next;
	}
	k->n = 0;
}

static void thread_ends(void *unused_value)
{
	drop_kept(&kept_small);
	drop_kept(&kept_medium);
}

static void kept_init(void)
{
	int r = pthread_key_create(&kept_key, thread_ends);
	ASSERT(r == 0);
}

static struct kept *kept_of(size_t size)
{
	return size == SMALL ? &kept_small : size == MEDIUM ? &kept_medium : NULL;
}

static struct block *block_new(size_t size)
{
	struct kept *k;
	struct block *b;

	size = size <= SMALL ? SMALL : size <= MEDIUM ? MEDIUM : size;
	k = kept_of(size);
	if (k && k->first) {
		b = k->first;
		k->first = b->next;
		k->n--;
	} else {
		b = mem_alloc(sizeof(*b) + size);
		b->size = size;
	}
	b->next = NULL;
	return b;
}

static void block_free(struct block *b)
{
	struct kept *k = kept_of(b->size);

	if (k == NULL || k->n >= KEPT_MAX) {
		mem_free(b);
		return;
	}
	if (kept_small.n + kept_medium.n ==
	    0) { /* runs thread_ends() when the thread does */
		pthread_once(&kept_once, kept_init);
		pthread_setspecific(kept_key, &kept_small);
	}
	b->next = k->first;
	k->first = b;
	k->n++;
}

struct arena *arena_new(size_t block)
{
	struct block *b = block_new(MAX(block, sizeof(struct arena) + 256));
	struct arena *a = (struct arena *)(void *)b->data;

	*a = (struct arena){ .blocks = b, .block_size = b->size, .size = b->size };
	a->at = (char *)(a + 1);
	a->end = (char *)b->data + b->size;
	return a;
}

/* Frees all but the last, which it returns. Seldom there is any: it stays out of arena_reset(). */
static __attribute__((noinline)) struct block *free_to_last(struct block *b)
{
	while (b->next) {
		struct block *next = b->next;
		block_free(b);
		b = next;
	}
	return b;
}

void arena_free(struct arena **pa)
{
	struct arena *a = *pa;

	*pa = NULL;
	if (a)
		block_free(free_to_last(a->blocks));
}

/* The oldest block holds the arena itself, in front of what was allocated. */
static void wipe(struct arena *a)
{
	char *end = a->at;

	for (struct block *b = a->blocks; b; b = b->next) {
		char *begin = b->next ? (char *)b->data : (char *)(a + 1);
		mem_wipe(begin, (size_t)(end - begin));
		if (b->next)
			end = (char *)b->next->data + b->next->size;
	}
}

void arena_free_wiped(struct arena **pa)
{
	if (*pa)
		wipe(*pa);
	arena_free(pa);
}

void arena_reset(struct arena *a)
{
	if (a->blocks->next) {
		a->blocks = free_to_last(a->blocks);
		a->size = a->blocks->size;
	}
	a->at = (char *)(a + 1);
	a->end = (char *)a->blocks->data + a->blocks->size;
	a->used = 0;
}

void arena_reset_wiped(struct arena *a)
{
	wipe(a);
	arena_reset(a);
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

size_t arena_size(const struct arena *a)
{
	return a->size;
}

static void grow(struct arena *a, size_t n)
{
	struct block *b = block_new(MAX(n, a->block_size));

	b->next = a->blocks;
	a->blocks = b;
	a->size += b->size;
	a->at = (char *)b->data;
	a->end = a->at + b->size;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p;

	ASSERT(n < SIZE_MAX / 2);
	n = (n + 7) & ~(size_t)7;
	if ((size_t)(a->end - a->at) < n)
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

struct strv arena_join(struct arena *a, const struct strv *parts, size_t n)
{
	size_t len = 0;
	char *p, *to;

	for (size_t i = 0; i < n; i++)
		len += parts[i].n;
	p = to = arena_alloc(a, len + 1);
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n)
			memcpy(to, parts[i].p, parts[i].n);
		to += parts[i].n;
	}
	*to = '\0';
	return strv_make(p, len);
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
