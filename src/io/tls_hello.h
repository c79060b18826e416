/* A ClientHello of TLS 1.3 (RFC 8446 4.1.2), as far as handshakes of our own need it. For the files of
 * TLS only. */
#pragma once

#include "base/strv.h"
#include "io/x25519.h"

enum {
	TLS_HELLO_MAX = 4096, /* longer ones are left to OpenSSL */
	TLS_SESSION_ID_MAX = 32,
	TLS_IDENTITIES_MAX = 4, /* tickets that are looked at */
};

/* All point into the message. */
struct tls_hello {
	struct strv message; /* with its header */
	struct strv session_id, suites, sni /* NULL: none */;
	struct strv share;   /* of X25519, X25519_LEN bytes; NULL: none */
	struct strv schemes; /* of signatures, two bytes each; NULL: not said */
	struct strv below;   /* ... below certificates */
	size_t n_identities;
	struct strv identities[TLS_IDENTITIES_MAX], binders[TLS_IDENTITIES_MAX];
	size_t n_bound; /* bytes of the message, which the binders bind: those before them */
	bool v13, dhe, x25519, xmpp; /* what it offers; `dhe`: psk_dhe_ke */
	bool has_modes;		     /* of tickets */
	bool hybrid;		     /* a group that is X25519 and more, against quanta */
};

/* The handshake message that `in` begins with. False: it is not whole, something stands behind it, or
 * it is wrong or strange: OpenSSL is to see it, and says what is wrong. */
bool tls_hello_read(struct strv in, struct tls_hello *ret);
