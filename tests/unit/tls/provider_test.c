#include "tls/provider.h"
#include "test.h"

#include <openssl/core_dispatch.h>
#include <openssl/evp.h>

TEST(provider_has_what_it_has_under_each_name)
{
	EVP_CIPHER *fetched = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	const OSSL_PROVIDER *p = EVP_CIPHER_get0_provider(fetched);
	const OSSL_DISPATCH *d = provider_find(p, OSSL_OP_CIPHER, "AES-128-GCM");

	CHECK(d != NULL);
	CHECK(provider_find(p, OSSL_OP_CIPHER, "id-aes128-GCM") == d);
	CHECK(provider_find(p, OSSL_OP_CIPHER, "aes-128-gcm") == d);
	CHECK(provider_find(p, OSSL_OP_CIPHER, "AES-256-GCM") != d);
	CHECK(provider_find(p, OSSL_OP_CIPHER, "AES-128-GC") == NULL);
	CHECK(provider_find(p, OSSL_OP_CIPHER, "AES-128-GCMX") == NULL);
	CHECK(provider_find(p, OSSL_OP_DIGEST, "AES-128-GCM") == NULL);
	EVP_CIPHER_free(fetched);
}
