/* The versions of TLS and the cipher suites that this OpenSSL has, as rows of two fixed tables:
 * for counting. Row 0 of each is "other". Any thread. */
#pragma once

#include "base/base.h"

#define TLS_VERSIONS(X) \
	X("other")      \
	X("TLSv1")      \
	X("TLSv1.1")    \
	X("TLSv1.2")    \
	X("TLSv1.3")

enum {
#define X(name) +1
	TLS_VERSION_ROWS = TLS_VERSIONS(X),
#undef X
	TLS_CIPHER_ROWS = 224,
};

/* The row of what tls_version() and tls_cipher() say. */
unsigned tls_version_row(const char *version);
unsigned tls_cipher_row(const char *cipher);

/* NULL: there is nothing in this row. */
const char *tls_version_row_name(unsigned row);
const char *tls_cipher_row_name(unsigned row);
