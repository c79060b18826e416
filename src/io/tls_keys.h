/* How TLS makes keys of secrets. */
#pragma once

#include "base/digest.h"

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

/* TLS 1.2's key block (RFC 5246 6.3). */
void tls_key_block(enum digest_alg alg, const unsigned char master[TLS_MASTER_LEN],
		   const unsigned char client_random[TLS_RANDOM_LEN],
		   const unsigned char server_random[TLS_RANDOM_LEN], unsigned char *to,
		   size_t n);
