/* How TLS makes keys of secrets. */
#pragma once

#include "base/digest.h"
#include "io/tls_aead.h"

enum { TLS_RANDOM_LEN = 32, TLS_MASTER_LEN = 48 };

enum { TLS_LABEL_MAX = 64 };

/* TLS 1.3's HKDF-Expand-Label (RFC 8446 7.1); `secret` has digest_len(alg) bytes, and no more than so
 * many are made. `context`: DIGEST_MAX_LEN bytes at most. */
void tls_expand_label_with(enum digest_alg alg, const unsigned char *secret,
			   struct strv label, struct strv context, unsigned char *to,
			   size_t n);
/* ... without a context. */
void tls_expand_label(enum digest_alg alg, const unsigned char *secret, const char *label,
		      unsigned char *to, size_t n);

/* A secret that several others are made of: see digest_hmac_with(). */
void tls_secret_key(struct digest_key *k, enum digest_alg alg,
		    const unsigned char *secret);
void tls_expand_label_of(const struct digest_key *secret, struct strv label,
			 struct strv context, unsigned char *to, size_t n);

/* Of the suites of TLS 1.3, by the length of their secrets. */
static inline enum digest_alg tls_hash_of_len(size_t n)
{
	return n == digest_len(DIGEST_SHA384) ? DIGEST_SHA384 : DIGEST_SHA256;
}

/* RFC 8446 7.1, of a secret without a context: HKDF-Extract of `with` (NULL: of zeros), where the salt is
 * what `secret` derives (NULL: it is the first one). `to`: digest_len(alg) bytes, as everywhere
 * below. */
void tls_next_secret(enum digest_alg alg, const struct digest_key *secret,
		     struct strv with, unsigned char *to);
/* Derive-Secret; `hash` is that of the messages so far. */
void tls_derive_secret(const struct digest_key *secret, struct strv label,
		       const unsigned char *hash, unsigned char *to);
/* What a Finished or a binder has to say (RFC 8446 4.4.4). */
void tls_verify_data(const struct digest_key *base_key, const unsigned char *hash,
		     unsigned char *to);
/* Those of a record layer, of a traffic secret (RFC 8446 7.3). */
void tls_make_keys(const struct digest_key *secret, enum tls_aead aead,
		   unsigned char key[TLS_KEY_MAX], unsigned char iv[TLS_NONCE_LEN]);
/* tls-exporter (RFC 9266), of the exporter's master secret. */
enum { TLS_EXPORTER_LEN = 32 };
void tls_make_exporter(enum digest_alg alg, const unsigned char *secret,
		       unsigned char to[TLS_EXPORTER_LEN]);

/* TLS 1.2's key block (RFC 5246 6.3). */
void tls_key_block(enum digest_alg alg, const unsigned char master[TLS_MASTER_LEN],
		   const unsigned char client_random[TLS_RANDOM_LEN],
		   const unsigned char server_random[TLS_RANDOM_LEN], unsigned char *to,
		   size_t n);
