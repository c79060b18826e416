/* Certificates for the tests, made in memory. */
#pragma once

#include "pair.h"

#include <openssl/x509v3.h>

struct made {
	X509 *x;
	EVP_PKEY *key;
};

struct spec {
	const char *name;	   /* its common name */
	const struct made *issuer; /* NULL: signed by itself */
	long from_s, until_s;	   /* of now; both 0: a minute ago to an hour from now */
	const char *const *ext;	   /* "keyUsage", "keyCertSign", ..., NULL; NULL: none */
	const EVP_MD *md;	   /* NULL: SHA-256 */
	EVP_PKEY *key;		   /* taken over; NULL: a new one */
};

struct made ca_make(const struct spec *s);
struct made ca_authority(const char *name, const struct made *issuer);
struct made ca_client(const char *name, const struct made *issuer);
void made_free(struct made *m);

/* A revocation list of `issuer` with the serial number of `revoked` (NULL: of nobody), good from
 * a minute ago until `until_s` from now. */
X509_CRL *ca_crl(const struct made *issuer, const struct made *revoked, long until_s);

/* As PEM files in the directory of the run; valid until some more have been written. */
const char *ca_write(const char *name, const struct made *const *certs, size_t n);
const char *ca_write_crl(const char *name, X509_CRL *const *crls, size_t n);

/* A handshake with this certificate (NULL: none), and with its issuer's, to its end on both
 * sides. */
void ca_shake_hands(struct pair *t, const struct tls_conf *conf,
		    const struct made *client, const struct made *above, int version);
/* The alert that the client has heard instead. In TLS 1.3 it has finished its part by then. */
int ca_alert(struct pair *t);
