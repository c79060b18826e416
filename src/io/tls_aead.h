/* The AEADs of TLS over OpenSSL's libcrypto. A thread has a few contexts of its own, so that a
 * connection holds none; those that were used last keep their keys expanded. Any thread. */
#pragma once

#include "base/strv.h"

enum tls_aead { TLS_AES_128_GCM, TLS_AES_256_GCM, TLS_CHACHA20_POLY1305, TLS_AEAD_MAX };
enum { TLS_KEY_MAX = 32, TLS_NONCE_LEN = 12, TLS_TAG_LEN = 16 };

size_t tls_aead_key_len(enum tls_aead aead);
bool tls_aead_is_there(
	enum tls_aead aead); /* OpenSSL may be configured without; then it is not used */

/* Puts the ciphertext of `text`, of `more` behind it, and the tag at `to`; that may be where `text`
 * stands already. */
void tls_aead_seal(enum tls_aead aead, const unsigned char *key,
		   const unsigned char nonce[TLS_NONCE_LEN], struct strv ad,
		   struct strv text, struct strv more, unsigned char *to);

/* The tag stands behind the `n` bytes of `cipher`. What is in `to` when false is returned is not to
 * be looked at. */
nodiscard bool tls_aead_open(enum tls_aead aead, const unsigned char *key,
			     const unsigned char nonce[TLS_NONCE_LEN], struct strv ad,
			     const unsigned char *cipher, size_t n, unsigned char *to);

/* This thread's contexts keep nothing of the key. */
void tls_aead_forget(enum tls_aead aead, const unsigned char *key);
