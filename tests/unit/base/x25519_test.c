#include "base/x25519.h"
#include "base/rand.h"
#include "test.h"

#include <openssl/evp.h>

#if HAS_X25519

static void by_openssl(const unsigned char *secret, unsigned char *ret)
{
	EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, X25519_LEN);
	size_t n = X25519_LEN;

	CHECK(key != NULL && EVP_PKEY_get_raw_public_key(key, ret, &n) == 1);
	EVP_PKEY_free(key);
}

static void check_secret(unsigned char *secret)
{
	unsigned char ours[X25519_LEN], theirs[X25519_LEN];

	x25519_clamp(secret);
	x25519_public(secret, ours);
	by_openssl(secret, theirs);
	CHECK(memcmp(ours, theirs, X25519_LEN) == 0);
}

/* RFC 7748 6.1 */
TEST(x25519_public_keys_are_those_of_the_rfc)
{
	static const unsigned char alice[] = {
		0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
		0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
		0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
	};
	static const unsigned char want[] = {
		0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
		0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
		0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a,
	};
	unsigned char secret[X25519_LEN], got[X25519_LEN];

	memcpy(secret, alice, sizeof(secret));
	x25519_clamp(secret);
	x25519_public(secret, got);
	CHECK(memcmp(got, want, sizeof(want)) == 0);
}

TEST(x25519_public_keys_are_those_of_openssl)
{
	unsigned char secret[X25519_LEN];

	for (int i = 0; i < 500; i++) {
		rand_bytes(secret, sizeof(secret));
		check_secret(secret);
	}
}

/* Each digit has each value, alone and among the same ones; carries go through all of them. */
TEST(x25519_public_keys_of_all_digits)
{
	unsigned char secret[X25519_LEN];

	for (unsigned n = 0; n < 256; n++) {
		memset(secret, (int)n, sizeof(secret));
		check_secret(secret);
		memset(secret, 0, sizeof(secret));
		secret[n % 32] = (unsigned char)(n | 0x88);
		check_secret(secret);
		memset(secret, 0xff, sizeof(secret));
		secret[n % 32] = (unsigned char)n;
		check_secret(secret);
	}
}

#endif
