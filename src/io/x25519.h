/* Diffie-Hellman over Curve25519 (RFC 7748 6.1), with a key pair that is made for one exchange and
 * kept nowhere. Any thread. */
#pragma once

#include "base/buf.h"

enum { X25519_LEN = 32 };

/* Before the first exchange. 0; -ENOENT: a library is missing, or cannot do it; why is in `err`. */
nodiscard int x25519_init(struct buf *err);

/* Makes a key pair: its public key is `share`, and what it has in common with the key `peer` is
 * `shared`. False: `peer` is a point of small order (RFC 8446 7.4.2). */
nodiscard bool x25519_exchange(const unsigned char peer[X25519_LEN],
			       unsigned char share[X25519_LEN],
			       unsigned char shared[X25519_LEN]);

/* The same with a secret that is known: tests have some from RFC 7748. */
nodiscard bool x25519_exchange_with(const unsigned char secret[X25519_LEN],
				    const unsigned char peer[X25519_LEN],
				    unsigned char share[X25519_LEN],
				    unsigned char shared[X25519_LEN]);
