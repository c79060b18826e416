/* libcrypto's algorithms, called where they are (provider(7)): EVP looks names up for each call. */
#pragma once

#include "base/base.h"

#include <openssl/core.h>
#include <openssl/provider.h>

/* The functions of what the provider has under the name, for an operation of core_dispatch.h; NULL: it
 * has none. They last as long as something that was fetched from the provider. */
const OSSL_DISPATCH *provider_find(const OSSL_PROVIDER *provider, int operation,
				   const char *name);
