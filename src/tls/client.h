/* TLS towards a server of ours: a directory, a service, a database. What its section of the
 * configuration says is applied to an SSL object, whoever has made that (tls/foreign.h). */
#pragma once

#include "base/buf.h"

#include <openssl/types.h>

enum tls_client_verify {
	TLS_CLIENT_NONE, /* any certificate */
	TLS_CLIENT_CA, /* a valid one of, or signed by one of, the authorities; for any name */
	TLS_CLIENT_FULL, /* ... and for the server's name */
};

/* Text is NULL when it is not set. */
struct tls_client_options {
	enum tls_client_verify verify;
	const char *cacertfile;		/* PEM; NULL: the system's */
	const char *certfile, *keyfile; /* PEM: ours */
	const char *password;		/* of the key */
	const char *ciphers;		/* OpenSSL's string, TLS 1.3 included */
	const char *name;		/* of the server, if not its host */
	unsigned versions; /* each is 1u << (version - 0x0301), up to 0x0304 */
	bool no_sni;	   /* no name is sent in the handshake */
	bool no_globs;	   /* a name in the certificate has no wildcards */
};

/* Made once, used by any number of connections and threads. */
struct tls_client;

/* -EINVAL: *ret_option, of the section `tls` ("": the whole), cannot be used, and `err` says why. */
nodiscard int tls_client_new(const struct tls_client_options *from,
			     struct tls_client **ret, const char **ret_option,
			     struct buf *err);
void tls_client_free(struct tls_client **p);

bool tls_client_verifies(const struct tls_client *t);

/* Whether OpenSSL understands the option `ciphers`. */
bool tls_client_takes_ciphers(const char *ciphers);

/* --- a connection --- */

/* An SSL object for it; the caller's. */
nodiscard SSL *tls_client_ssl(const struct tls_client *t);

/* Before its handshake: `host` is the server as the configuration names it, a name or an address. All
 * that is configured is set, whatever was set before. False: it could not be. */
nodiscard bool tls_client_set_up(const struct tls_client *t, SSL *ssl, const char *host);

/* What is wrong with the server's certificate; nothing if nothing is. */
void tls_client_describe(const struct tls_client *t, const SSL *ssl, const char *host,
			 struct buf *why);
