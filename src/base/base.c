#include "base/base.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void assert_fail(const char *what, const char *file, int line, const char *func)
{
	log_raw_fatal(file, line, func, what);
	abort();
}

void *mem_alloc(size_t n)
{
	void *p = malloc(n ? n : 1);
	if (unlikely(p == NULL))
		assert_fail("out of memory", __FILE__, __LINE__, __func__);
	return p;
}

void *mem_zalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);
	if (unlikely(p == NULL))
		assert_fail("out of memory", __FILE__, __LINE__, __func__);
	return p;
}

void *mem_realloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (unlikely(p == NULL))
		assert_fail("out of memory", __FILE__, __LINE__, __func__);
	return p;
}

char *mem_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	return memcpy(mem_alloc(n), s, n);
}

void mem_free(void *p)
{
	free(p);
}

void *mem_map(size_t n)
{
	void *p =
		mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (unlikely(p == MAP_FAILED))
		assert_fail("out of memory", __FILE__, __LINE__, __func__);
	return p;
}

void mem_unmap(void *p, size_t n)
{
	munmap(p, n);
}

void mem_freep(void *p)
{
	void **pp = p;
	free(*pp);
	*pp = NULL;
}

void fd_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool mem_equal_ct(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	uint64_t diff = 0, p, q;

	for (; n >= sizeof(p); n -= sizeof(p), x += sizeof(p), y += sizeof(p)) {
		memcpy(&p, x, sizeof(p));
		memcpy(&q, y, sizeof(q));
		diff |= p ^ q;
		__asm__(""
			: "+r"(diff)); /* the compiler cannot know that it is settled */
	}
	for (; n; n--, x++, y++) {
		diff |= (uint64_t)(*x ^ *y);
		__asm__("" : "+r"(diff));
	}
	return diff == 0;
}
