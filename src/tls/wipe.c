#include "tls/wipe.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* All that OpenSSL frees passes here: without this model, and with one function instead of two, that
 * would be twice as many instructions. */
static _Thread_local bool wipes __attribute__((tls_model("initial-exec")));

static __attribute__((noinline)) void wipe_and_free(void *p)
{
	mem_wipe(p, malloc_usable_size(p)); /* NULL has 0 */
	free(p);
}

/* OpenSSL has allocated it with malloc(3), or realloc(3). */
static void on_free(void *p, const char *file, int line)
{
	if (unlikely(wipes))
		wipe_and_free(p);
	else
		free(p);
}

static void *on_realloc(void *old, size_t n, const char *file, int line)
{
	size_t had = old && wipes ? malloc_usable_size(old) : 0;
	void *p;

	if (likely(had == 0))
		return realloc(old, n);
	p = n ? malloc(n) : NULL;
	if (p)
		memcpy(p, old, MIN(had, n));
	if (p || n == 0)
		wipe_and_free(old);
	return p;
}

void tls_wipe_init(void)
{
	int ok = CRYPTO_set_mem_functions(NULL, on_realloc, on_free);

	ASSERT(ok == 1); /* nobody has used OpenSSL yet */
}

bool tls_wipe_begin(void)
{
	bool before = wipes;

	wipes = true;
	return before;
}

void tls_wipe_end(bool before)
{
	wipes = before;
}

void tls_wipe_all(void)
{
	wipes = true;
}

void tls_wipe_ssl(SSL *ssl)
{
	bool before = tls_wipe_begin();

	SSL_free(ssl);
	tls_wipe_end(before);
}
