/* Beside libcrypto by EVP, and what RFC 7748 gives. */
#include "../test.h"
#include "base/rand.h"
#include "io/x25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>

static void init(void)
{
	struct buf err = BUF_INIT(1024);

	CHECK_INT(x25519_init(&err), 0);
	buf_free(&err);
}

static EVP_PKEY *make_pair(unsigned char *share)
{
	EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	size_t n = X25519_LEN;

	CHECK(pair != NULL && EVP_PKEY_get_raw_public_key(pair, share, &n) == 1);
	return pair;
}

static void derive(EVP_PKEY *pair, const unsigned char *peer, unsigned char *shared)
{
	EVP_PKEY *other =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, X25519_LEN);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair, NULL);
	size_t n = X25519_LEN;

	CHECK(EVP_PKEY_derive_init(ctx) == 1 &&
	      EVP_PKEY_derive_set_peer(ctx, other) == 1 &&
	      EVP_PKEY_derive(ctx, shared, &n) == 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
}

TEST(x25519_agrees_with_libcrypto)
{
	unsigned char theirs[X25519_LEN], last[X25519_LEN] = { 0 };

	init();
	for (int i = 0; i < 100; i++) {
		unsigned char share[X25519_LEN], ours[X25519_LEN], wanted[X25519_LEN];
		EVP_PKEY *pair = make_pair(theirs);

		if (i & 1) /* RFC 7748 5: that bit is nobody's */
			theirs[X25519_LEN - 1] |= 0x80;
		CHECK(x25519_exchange(theirs, share, ours));
		CHECK(memcmp(share, last, sizeof(share)) != 0); /* a new one each time */
		memcpy(last, share, sizeof(last));
		derive(pair, share, wanted);
		CHECK(memcmp(ours, wanted, sizeof(ours)) == 0);
		EVP_PKEY_free(pair);
	}
}

/* Whichever secret: its three low bits and the two high ones are set (RFC 7748 5). */
TEST(x25519_makes_the_public_key_of_any_secret)
{
	init();
	for (int i = 0; i < 100; i++) {
		unsigned char secret[X25519_LEN], peer[X25519_LEN] = { 9 },
						  share[X25519_LEN], shared[X25519_LEN];

		rand_bytes(secret, sizeof(secret));
		if (i == 0)
			memset(secret, 0, sizeof(secret));
		if (i == 1)
			memset(secret, 0xff, sizeof(secret));
		CHECK(x25519_exchange_with(secret, peer, share, shared));
		/* The other half, libcrypto's, has the base point as well here. */
		CHECK(memcmp(share, shared, sizeof(share)) == 0);
	}
}

/* RFC 7748 5.2, the first of its vectors. */
TEST(x25519_is_that_of_the_standard)
{
	static const unsigned char secret[] = {
		0xa5, 0x46, 0xe3, 0x6b, 0xf0, 0x52, 0x7c, 0x9d, 0x3b, 0x16, 0x15,
		0x4b, 0x82, 0x46, 0x5e, 0xdd, 0x62, 0x14, 0x4c, 0x0a, 0xc1, 0xfc,
		0x5a, 0x18, 0x50, 0x6a, 0x22, 0x44, 0xba, 0x44, 0x9a, 0xc4,
	};
	static const unsigned char peer[] = {
		0xe6, 0xdb, 0x68, 0x67, 0x58, 0x30, 0x30, 0xdb, 0x35, 0x94, 0xc1,
		0xa4, 0x24, 0xb1, 0x5f, 0x7c, 0x72, 0x66, 0x24, 0xec, 0x26, 0xb3,
		0x35, 0x3b, 0x10, 0xa9, 0x03, 0xa6, 0xd0, 0xab, 0x1c, 0x4c,
	};
	static const unsigned char wanted[] = {
		0xc3, 0xda, 0x55, 0x37, 0x9d, 0xe9, 0xc6, 0x90, 0x8e, 0x94, 0xea,
		0x4d, 0xf2, 0x8d, 0x08, 0x4f, 0x32, 0xec, 0xcf, 0x03, 0x49, 0x1c,
		0x71, 0xf7, 0x54, 0xb4, 0x07, 0x55, 0x77, 0xa2, 0x85, 0x52,
	};
	unsigned char share[X25519_LEN], shared[X25519_LEN];

	init();
	CHECK(x25519_exchange_with(secret, peer, share, shared));
	CHECK(memcmp(shared, wanted, sizeof(wanted)) == 0);
}

/* 0, 1 and p - 1 as numbers, and as those that are the same modulo p = 2^255 - 19. */
TEST(x25519_refuses_points_of_small_order)
{
	static const struct {
		unsigned char first, middle, last;
	} points[] = {
		{ 0x00, 0x00, 0x00 }, { 0x01, 0x00, 0x00 }, { 0xec, 0xff, 0x7f },
		{ 0xed, 0xff, 0x7f }, { 0xee, 0xff, 0x7f }, { 0x00, 0x00, 0x80 },
	};

	init();
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		unsigned char peer[X25519_LEN], share[X25519_LEN], shared[X25519_LEN];

		memset(peer, points[i].middle, sizeof(peer));
		peer[0] = points[i].first;
		peer[X25519_LEN - 1] = points[i].last;
		CHECK(!x25519_exchange(peer, share, shared));
		CHECK_INT(ERR_peek_error(), 0);
	}
}
