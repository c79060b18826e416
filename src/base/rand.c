#include "base/rand.h"

#include <sys/random.h>

/* getrandom costs a system call: tokens and ids are cut from a pool of each thread's own. */
static _Thread_local unsigned char pool[256];
static _Thread_local size_t pool_left;

static void fill(unsigned char *to, size_t n)
{
	while (n) {
		ssize_t r = getrandom(to, n, 0);
		if (r < 0 && errno == EINTR)
			continue;
		ASSERT(r > 0);
		to += r;
		n -= (size_t)r;
	}
}

void rand_bytes(void *to, size_t n)
{
	if (n > sizeof(pool)) {
		fill(to, n);
		return;
	}
	if (pool_left < n) {
		fill(pool, sizeof(pool));
		pool_left = sizeof(pool);
	}
	pool_left -= n;
	memcpy(to, pool + pool_left, n);
	mem_wipe(pool + pool_left, n);
}

uint64_t rand_u64(void)
{
	uint64_t v;
	rand_bytes(&v, sizeof(v));
	return v;
}

void rand_token(char *to, size_t n)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	rand_bytes(to, n);
	for (size_t i = 0; i < n; i++)
		to[i] = set[(unsigned char)to[i] & 63];
	to[n] = '\0';
}
