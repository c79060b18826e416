/* A key of an AEAD is in two places of its thread's contexts: as it is, and as the first of those that are
 * made of it. When it is forgotten, it is in none. */
#include "heap.h"
#include "io/tls_aead.h"
#include "test.h"

#include <string.h>

/* Inverted, so that it is not found here. */
static unsigned char not_key[TLS_KEY_MAX];

static void new_key(unsigned char *key, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		key[i] = (unsigned char)(37 * i + 101 * seed + 11);
		not_key[i] = (unsigned char)~key[i];
	}
}

static void use(enum tls_aead aead, const unsigned char *key, int times)
{
	static const unsigned char nonce[TLS_NONCE_LEN];
	unsigned char text[100 + TLS_TAG_LEN], plain[100];

	for (int i = 0; i < times; i++) {
		memset(text, i, 100);
		tls_aead_seal(aead, key, nonce, STRV("ad"), strv_make((char *)text, 100),
			      STRV(""), text);
		CHECK(tls_aead_open(aead, key, nonce, STRV("ad"), text, 100, plain));
		CHECK_INT(plain[99], (unsigned char)i);
	}
}

/* Of a connection that seals now and then, and of a busy one, which has contexts of its own. */
TEST(keys_leave_the_contexts_when_they_are_forgotten)
{
	unsigned char key[TLS_KEY_MAX];

	for (unsigned a = 0; a < TLS_AEAD_MAX; a++) {
		size_t n = tls_aead_key_len((enum tls_aead)a);

		for (int times = 1; times <= 100; times += 99) {
			new_key(key, n, 1 + 2 * a + (times > 1));
			use((enum tls_aead)a, key, times);
			CHECK(heap_copies(not_key, n) >= 2);
			tls_aead_forget((enum tls_aead)a, key);
			CHECK_INT(heap_copies(not_key, n), 0);
		}
	}
}

/* The shared contexts are given another's key; nothing is left of a longer one behind a shorter one. */
TEST(keys_leave_no_rest_behind_shorter_ones)
{
	unsigned char key[TLS_KEY_MAX], other[TLS_KEY_MAX];

	memset(other, 0x5a, sizeof(other));
	new_key(key, 32, 99);
	use(TLS_AES_256_GCM, key, 1);
	CHECK(heap_copies(not_key, 32) >= 1);
	memmove(not_key, not_key + 16, 16); /* its second half */
	use(TLS_AES_128_GCM, other, 1);
	tls_aead_forget(TLS_AES_256_GCM, key); /* where it had a place of its own */
	CHECK_INT(heap_copies(not_key, 16), 0);
	tls_aead_forget(TLS_AES_128_GCM, other);
}
