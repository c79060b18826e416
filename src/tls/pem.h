/* Certificates and private keys in files of up to 1 MiB, in PEM. No copy of such a file stays behind: a
 * certificate's may have the key in it. */
#pragma once

#include "base/base.h"

#include <openssl/ssl.h>

/* Certificate and chain become the context's. NULL, or what is wrong; more may be in OpenSSL's queue
 * of errors. */
nodiscard const char *tls_pem_use_chain(SSL_CTX *ctx, const char *file);

enum tls_pem_key {
	TLS_PEM_OK,
	TLS_PEM_UNREADABLE,
	TLS_PEM_LOCKED,		/* it needs a password, and there is none */
	TLS_PEM_WRONG_PASSWORD, /* the one there is does not open it */
	TLS_PEM_MISFIT,		/* it is another certificate's */
};

/* The same for the private key; `password` may be NULL. *ret_why is there unless it is TLS_PEM_OK. */
nodiscard enum tls_pem_key tls_pem_use_key(SSL_CTX *ctx, const char *file,
					   const char *password, const char **ret_why);
