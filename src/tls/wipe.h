/* OpenSSL does not wipe all secrets that it frees: an SSL object has those of TLS 1.3 in itself, a
 * reader of PEM its buffers. Its memory goes through here. */
#pragma once

#include "base/base.h"

#include <openssl/ssl.h>

/* First of all in a program: before any other use of OpenSSL. Without it nothing is wiped. */
void tls_wipe_init(void);

/* SSL_free(3), and nothing is left of it, nor of what belongs to it alone. */
void tls_wipe_ssl(SSL *ssl);

/* Between them, all that OpenSSL frees on this thread is wiped; `before` is what begin returned. */
nodiscard bool tls_wipe_begin(void);
void tls_wipe_end(bool before);

/* The same from here to the thread's end. */
void tls_wipe_all(void);
