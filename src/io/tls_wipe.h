/* OpenSSL's SSL object has secrets of TLS 1.3 in itself, and does not wipe them when it is freed:
 * its memory goes through here. */
#pragma once

#include "base/base.h"

#include <openssl/ssl.h>

/* First of all in a program: before any other use of OpenSSL. Without it nothing is wiped. */
void tls_wipe_init(void);

/* SSL_free(3), and nothing is left of it, nor of what belongs to it alone. */
void tls_wipe_ssl(SSL *ssl);
