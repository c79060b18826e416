/* TLS 1.3's key schedule (RFC 8446 7.1), which OpenSSL's handshake asks for as a KDF of its own kind.
 * For the files of TLS only. */
#pragma once

#include "base/digest.h"

/* For SSL_CTX_new_ex(3): a context that has this, once tls_kdf_init() has run, comes here for its
 * secrets, unless OpenSSL's configuration demands properties that only others have. */
#define TLS_KDF_PROPERTIES "?provider=meerkat"
void tls_kdf_init(void); /* any thread, any number of times */

enum { TLS_SECRET_MAX = 48 };

/* Of the application's data, the client's and the server's; and what tickets and
 * channel bindings are made of. */
enum {
	TLS_SECRET_CLIENT,
	TLS_SECRET_SERVER,
	TLS_SECRET_RESUMPTION,
	TLS_SECRET_EXPORTER,
	TLS_N_SECRETS
};
struct tls_secrets {
	unsigned char secret[TLS_N_SECRETS][TLS_SECRET_MAX];
	uint8_t n[TLS_N_SECRETS]; /* 0: has not been made */
};

/* What is made on this thread from now on is put there, too; NULL: nowhere. */
void tls_kdf_collect(struct tls_secrets *to);
