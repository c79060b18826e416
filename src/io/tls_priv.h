/* For the files of TLS only. */
#pragma once

#include "io/tls.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

struct tls_ctx {
	atomic_uint refs;
	SSL_CTX *ssl;
	unsigned char end_point[TLS_CB_MAX]; /* tls-server-end-point */
	size_t n_end_point;		     /* 0: not defined for this certificate */
};

/* Appends "what: OpenSSL's reason" and empties OpenSSL's queue of errors. -EINVAL. */
int tls_fail(struct buf *err, const char *file, const char *what);
