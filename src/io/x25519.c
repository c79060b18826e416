/* Two multiplications of a point, each by the library that is best at it.
 *
 * That of the base point goes by a table, and libsodium's takes less than half the time of libcrypto's.
 * sodium_init() is not called: it would choose another one, which takes nearly twice as long; and all
 * else that it does is for random numbers and memory, which are not asked for here.
 *
 * The other is libcrypto's, since nobody has a faster one. It is called in the provider that libcrypto
 * itself would choose (provider(7)): EVP looks all of it up by name again for each exchange. */
#include "io/x25519.h"
#include "base/rand.h"
#include "tls/provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <sodium/crypto_scalarmult_curve25519.h>

static struct {
	EVP_KEYEXCH *exchange; /* keeps the provider; NULL: there is none */
	void *provider;
	OSSL_FUNC_keymgmt_new_fn *key_new;
	OSSL_FUNC_keymgmt_import_fn *key_import;
	OSSL_FUNC_keymgmt_free_fn *key_free;
	OSSL_FUNC_keyexch_newctx_fn *new;
	OSSL_FUNC_keyexch_init_fn *init;
	OSSL_FUNC_keyexch_set_peer_fn *set_peer;
	OSSL_FUNC_keyexch_derive_fn *derive;
	OSSL_FUNC_keyexch_freectx_fn *free;
} fns;

/* --- at start --- */

static void find_key_functions(const OSSL_DISPATCH *d)
{
	for (; d && d->function_id; d++) {
		if (d->function_id == OSSL_FUNC_KEYMGMT_NEW)
			fns.key_new = OSSL_FUNC_keymgmt_new(d);
		else if (d->function_id == OSSL_FUNC_KEYMGMT_IMPORT)
			fns.key_import = OSSL_FUNC_keymgmt_import(d);
		else if (d->function_id == OSSL_FUNC_KEYMGMT_FREE)
			fns.key_free = OSSL_FUNC_keymgmt_free(d);
	}
}

static void find_exchange_functions(const OSSL_DISPATCH *d)
{
	for (; d && d->function_id; d++) {
		if (d->function_id == OSSL_FUNC_KEYEXCH_NEWCTX)
			fns.new = OSSL_FUNC_keyexch_newctx(d);
		else if (d->function_id == OSSL_FUNC_KEYEXCH_INIT)
			fns.init = OSSL_FUNC_keyexch_init(d);
		else if (d->function_id == OSSL_FUNC_KEYEXCH_SET_PEER)
			fns.set_peer = OSSL_FUNC_keyexch_set_peer(d);
		else if (d->function_id == OSSL_FUNC_KEYEXCH_DERIVE)
			fns.derive = OSSL_FUNC_keyexch_derive(d);
		else if (d->function_id == OSSL_FUNC_KEYEXCH_FREECTX)
			fns.free = OSSL_FUNC_keyexch_freectx(d);
	}
}

static void find_functions(void)
{
	const OSSL_PROVIDER *provider;

	fns.exchange = EVP_KEYEXCH_fetch(NULL, "X25519", NULL);
	ERR_clear_error();
	if (fns.exchange == NULL)
		return;
	provider = EVP_KEYEXCH_get0_provider(fns.exchange);
	fns.provider = OSSL_PROVIDER_get0_provider_ctx(provider);
	find_key_functions(provider_find(provider, OSSL_OP_KEYMGMT, "X25519"));
	find_exchange_functions(provider_find(provider, OSSL_OP_KEYEXCH, "X25519"));
}

static bool has_all(void)
{
	return fns.key_new && fns.key_import && fns.key_free &&
	       fns.new &&fns.init &&fns.set_peer &&fns.derive &&fns.free;
}

/* RFC 7748 6.1: Alice's secret and Bob's public key. */
static bool is_right(void)
{
	static const unsigned char secret[] = { 0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5,
						0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2,
						0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb,
						0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5,
						0x1d, 0xb9, 0x2c, 0x2a },
				   peer[] = { 0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1,
					      0xb4, 0xd3, 0x5b, 0x61, 0xc2, 0xec, 0xe4,
					      0x35, 0x37, 0x3f, 0x83, 0x43, 0xc8, 0x5b,
					      0x78, 0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14,
					      0x6f, 0x88, 0x2b, 0x4f },
				   wanted[] = { 0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d,
						0xe1, 0x72, 0x8e, 0x3b, 0xf4, 0x80, 0x35,
						0x0f, 0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47,
						0xd1, 0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c,
						0x1e, 0x16, 0x17, 0x42 },
				   wanted_share[] = { 0x85, 0x20, 0xf0, 0x09, 0x89, 0x30,
						      0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc,
						      0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf,
						      0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4,
						      0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b,
						      0x4e, 0x6a };
	unsigned char share[X25519_LEN], shared[X25519_LEN];

	return x25519_exchange_with(secret, peer, share, shared) &&
	       memcmp(share, wanted_share, X25519_LEN) == 0 &&
	       memcmp(shared, wanted, X25519_LEN) == 0;
}

int x25519_init(struct buf *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_functions);
	if (has_all() && is_right())
		return 0;
	buf_putf(err, "OpenSSL, as it is configured here, has no X25519 that is of use");
	return -ENOENT;
}

/* --- an exchange --- */

static void *make_key(int what, const unsigned char *secret, const unsigned char *share)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)share,
						  X25519_LEN),
		secret ? OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
							   (void *)secret, X25519_LEN)
		       : OSSL_PARAM_construct_end(),
		OSSL_PARAM_construct_end(),
	};
	void *key = fns.key_new(fns.provider);

	if (key && fns.key_import(key, what, params) == 1)
		return key;
	fns.key_free(key);
	return NULL;
}

/* It wipes what it frees, and bears to free nothing. */
static bool multiply(const unsigned char *secret, const unsigned char *share,
		     const unsigned char *peer, unsigned char *shared)
{
	void *own = make_key(OSSL_KEYMGMT_SELECT_KEYPAIR, secret, share);
	void *other = make_key(OSSL_KEYMGMT_SELECT_PUBLIC_KEY, NULL, peer);
	void *ctx = fns.new(fns.provider);
	size_t n = X25519_LEN;
	bool ok;

	ok = own && other && ctx && fns.init(ctx, own, NULL) == 1 &&
	     fns.set_peer(ctx, other) == 1 && fns.derive(ctx, shared, &n, n) == 1;
	if (!ok)
		ERR_clear_error();
	fns.free(ctx);
	fns.key_free(other);
	fns.key_free(own);
	return ok;
}

bool x25519_exchange_with(const unsigned char secret[X25519_LEN],
			  const unsigned char peer[X25519_LEN],
			  unsigned char share[X25519_LEN],
			  unsigned char shared[X25519_LEN])
{
	int r = crypto_scalarmult_curve25519_base(share, secret);

	ASSERT(r == 0);
	return multiply(secret, share, peer, shared);
}

bool x25519_exchange(const unsigned char peer[X25519_LEN],
		     unsigned char share[X25519_LEN], unsigned char shared[X25519_LEN])
{
	unsigned char secret[X25519_LEN];
	bool ok;

	rand_bytes(secret, sizeof(secret));
	ok = x25519_exchange_with(secret, peer, share, shared);
	mem_wipe(secret, sizeof(secret));
	return ok;
}
