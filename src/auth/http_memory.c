/* Memory for curl: the requests and answers that it keeps copies of have passwords in them. */
#include "auth/http_priv.h"

#include <malloc.h>
#include <stdlib.h>

static void wiping_free(void *p)
{
	if (p == NULL)
		return;
	mem_wipe(p, malloc_usable_size(p));
	free(p);
}

static void *wiping_realloc(void *old, size_t n)
{
	size_t had = old ? malloc_usable_size(old) : 0;
	void *p = malloc(n);

	if (p == NULL)
		return NULL;
	if (had)
		memcpy(p, old, MIN(had, n));
	wiping_free(old);
	return p;
}

CURLcode http_memory_init(void)
{
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free,
				    wiping_realloc, strdup, calloc);
}
