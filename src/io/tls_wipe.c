#include "io/tls_wipe.h"

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

void tls_wipe_init(void)
{
	int ok = CRYPTO_set_mem_functions(NULL, NULL, on_free);

	ASSERT(ok == 1); /* nobody has used OpenSSL yet */
}

void tls_wipe_ssl(SSL *ssl)
{
	wipes = true;
	SSL_free(ssl);
	wipes = false;
}
