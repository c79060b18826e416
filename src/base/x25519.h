/* X25519's public keys (RFC 7748): the base point times a secret, in a third of the time that OpenSSL
 * takes. Constant time: neither branches nor addresses depend on the secret. Any thread. */
#pragma once

#include "base/base.h"

#ifdef __SIZEOF_INT128__
#define HAS_X25519 1
#else
#define HAS_X25519 0
#endif

enum { X25519_LEN = 32 };

/* The secret's bits are cleared and set as RFC 7748 5 asks (decodeScalar25519). */
void x25519_clamp(unsigned char secret[static X25519_LEN]);

/* Of a secret that is clamped; only where HAS_X25519. */
void x25519_public(const unsigned char secret[static X25519_LEN],
		   unsigned char ret[static X25519_LEN]);
