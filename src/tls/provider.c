#include "tls/provider.h"

#include <string.h>
#include <strings.h>

/* "NAME:ANOTHER:THIRD" */
static bool is_among(const char *names, const char *name)
{
	size_t n = strlen(name);

	for (; names; names = strchr(names, ':')) {
		names += *names == ':';
		if (strncasecmp(names, name, n) == 0 &&
		    (names[n] == '\0' || names[n] == ':'))
			return true;
	}
	return false;
}

const OSSL_DISPATCH *provider_find(const OSSL_PROVIDER *provider, int operation,
				   const char *name)
{
	int no_cache;
	const OSSL_ALGORITHM *a =
		OSSL_PROVIDER_query_operation(provider, operation, &no_cache);

	for (; a && a->algorithm_names; a++)
		if (is_among(a->algorithm_names, name))
			return a->implementation;
	return NULL;
}
