/* For the files of struct tls_client only. */
#pragma once

#include "tls/client.h"

#include <openssl/ssl.h>

struct tls_client {
	SSL_CTX *ctx; /* everything but what follows */
	char *list,
		*suites; /* ciphers up to TLS 1.2, and of 1.3; NULL: OpenSSL's choice */
	char *name;	 /* NULL: the server's, as the configuration has it */
	bool checks_name, sends_name;
	unsigned name_flags;
};

/* All that `versions` may switch off. */
#define TLS_CLIENT_NO_VERSIONS \
	(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3)
