#include "ledger.h"
#include "base/base.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* glibc's own, under the names that are there for those who replace the usual ones. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

enum {
	N_ENTRIES = 1 << 20, /* a power of two; never more than half full */
	CHUNK = 8,	     /* glibc's header */
	MAX_SIZE = 1 << 16,  /* of those that are counted by their size */
	STEP = 16,
	N_LARGEST = 16,
};

static struct {
	void *p; /* NULL: free */
} entry[N_ENTRIES];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t n_entries, n_bytes;
static _Thread_local bool is_open;

static size_t place_of(const void *p)
{
	return (size_t)(((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15u >> 20) % N_ENTRIES;
}

static size_t find(const void *p)
{
	size_t i = place_of(p);

	while (entry[i].p && entry[i].p != p)
		i = (i + 1) % N_ENTRIES;
	return i;
}

static size_t size_of(void *p)
{
	return malloc_usable_size(p) + CHUNK;
}

static void *enter(void *p)
{
	if (p == NULL || !is_open)
		return p;
	pthread_mutex_lock(&lock);
	ASSERT(n_entries < N_ENTRIES / 2);
	entry[find(p)].p = p;
	n_entries++;
	n_bytes += size_of(p);
	pthread_mutex_unlock(&lock);
	return p;
}

/* Those behind it move up, so that a search never meets a gap. */
static void close_gap(size_t gap)
{
	for (size_t i = (gap + 1) % N_ENTRIES; entry[i].p; i = (i + 1) % N_ENTRIES) {
		size_t from_home = (i - place_of(entry[i].p)) % N_ENTRIES;

		if (from_home >= (i - gap) % N_ENTRIES) {
			entry[gap].p = entry[i].p;
			gap = i;
		}
	}
	entry[gap].p = NULL;
}

static void strike(void *p)
{
	size_t i;

	if (p == NULL)
		return;
	pthread_mutex_lock(&lock);
	i = find(p);
	if (entry[i].p) {
		n_entries--;
		n_bytes -= size_of(p);
		close_gap(i);
	}
	pthread_mutex_unlock(&lock);
}

void ledger_open(void)
{
	is_open = true;
}

void ledger_close(void)
{
	is_open = false;
}

size_t ledger_bytes(void)
{
	return n_bytes;
}

void ledger_print(unsigned n)
{
	static unsigned count[MAX_SIZE / STEP + 1];

	memset(count, 0, sizeof(count));
	for (size_t i = 0; i < N_ENTRIES; i++)
		if (entry[i].p)
			count[MIN(size_of(entry[i].p), (size_t)MAX_SIZE) / STEP]++;
	for (int k = 0; k < N_LARGEST; k++) {
		size_t top = 0;

		for (size_t i = 0; i < ARRAY_LEN(count); i++)
			if (i * count[i] > top * count[top])
				top = i;
		if (count[top] < n / 16)
			break;
		printf("  %5zu bytes: %.2f\n", top * STEP, (double)count[top] / n);
		count[top] = 0;
	}
}

/* --- the replacements --- */

void *malloc(size_t n)
{
	return enter(__libc_malloc(n));
}

void *calloc(size_t n, size_t size)
{
	return enter(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n)
{
	strike(p);
	return enter(__libc_realloc(p, n));
}

void *memalign(size_t align, size_t n)
{
	return enter(__libc_memalign(align, n));
}

void *aligned_alloc(size_t align, size_t n)
{
	return enter(__libc_memalign(align, n));
}

int posix_memalign(void **ret, size_t align, size_t n)
{
	void *p = enter(__libc_memalign(align, n));

	if (p)
		*ret = p;
	return p ? 0 : ENOMEM;
}

void free(void *p)
{
	strike(p);
	__libc_free(p);
}
