/* TLS towards a server that knows accounts, as its pool's section has it. Text is NULL when it is
 * not set. */
#pragma once

#include "base/buf.h"

#include <openssl/types.h>

enum auth_tls_verify {
	AUTH_TLS_NONE, /* any certificate */
	AUTH_TLS_CA, /* a valid one of, or signed by one of, the authorities; for any name */
	AUTH_TLS_FULL, /* ... and for the server's name */
};

struct auth_tls {
	enum auth_tls_verify verify;
	const char *cacertfile;		   /* PEM; NULL: the system's */
	const char *certfile, *keyfile;	   /* PEM: ours */
	const char *password;		   /* of the key */
	const char *ciphers;		   /* OpenSSL's string, TLS 1.3 included */
	const char *name;		   /* of the server, if not its host */
	unsigned min_version, max_version; /* 0x0301 ... 0x0304 */
	unsigned versions;		   /* each is 1u << (version - 0x0301) */
	bool no_sni;			   /* no name is sent in the handshake */
	bool no_globs; /* a name in the certificate has no wildcards */
};

/* OpenSSL has two lists: the names of TLS 1.3's suites, which alone begin with TLS_, go to the
 * second. Room: twice the text. */
void auth_tls_split_ciphers(const char *ciphers, struct buf *list, struct buf *suites);

/* False: OpenSSL does not understand it; why is in its queue of errors. */
bool auth_tls_set_ciphers(SSL_CTX *ctx, const char *ciphers);
bool auth_tls_takes_ciphers(const char *ciphers);
