/* X25519 for OpenSSL's handshake, all of it OpenSSL's but for the making of key pairs. For the provider
 * of tls_kdf.c only. */
#pragma once

#include "base/base.h"

#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

/* Once, before the others. Where OpenSSL's own provider is not there, or not as we know it, or this
 * machine is none for base/x25519.h, nothing is offered. */
void tls_x25519_init(void);
void tls_x25519_fini(void);

/* The functions below are called with OpenSSL's own provider as their provider. NULL without it. */
void *tls_x25519_provider(void);

const OSSL_ALGORITHM *tls_x25519_query(int operation); /* NULL: none */
int tls_x25519_capabilities(void *provider, const char *what, OSSL_CALLBACK *cb,
			    void *arg);
