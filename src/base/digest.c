#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const EVP_MD *md(enum digest_alg alg)
{
	switch (alg) {
	case DIGEST_SHA1:
		return EVP_sha1();
	case DIGEST_SHA224:
		return EVP_sha224();
	case DIGEST_SHA256:
		return EVP_sha256();
	case DIGEST_SHA384:
		return EVP_sha384();
	case DIGEST_SHA512:
		return EVP_sha512();
	case DIGEST_MAX:
		break;
	}
	UNREACHABLE();
}

size_t digest_len(enum digest_alg alg)
{
	static const uint8_t len[DIGEST_MAX] = { 20, 28, 32, 48, 64 };

	ASSERT(alg < DIGEST_MAX);
	return len[alg];
}

void digest(enum digest_alg alg, struct strv in, unsigned char *to)
{
	int r = EVP_Digest(in.p ? in.p : "", in.n, to, NULL, md(alg), NULL);
	ASSERT(r == 1);
}

void digest_hmac(enum digest_alg alg, struct strv key, struct strv in, unsigned char *to)
{
	unsigned len;
	unsigned char *r;

	ASSERT(key.n <= INT32_MAX);
	r = HMAC(md(alg), key.p ? key.p : "", (int)key.n,
		 (const unsigned char *)(in.p ? in.p : ""), in.n, to, &len);
	ASSERT(r != NULL && len == digest_len(alg));
}

void digest_pbkdf2(enum digest_alg alg, struct strv password, struct strv salt,
		   unsigned iterations, unsigned char *to)
{
	int r;

	ASSERT(iterations > 0 && iterations <= INT32_MAX && password.n <= INT32_MAX);
	r = PKCS5_PBKDF2_HMAC(password.p ? password.p : "", (int)password.n,
			      (const unsigned char *)salt.p, (int)salt.n, (int)iterations,
			      md(alg), (int)digest_len(alg), to);
	ASSERT(r == 1);
}
