/* For the files of handshakes of our own only. */
#pragma once

#include "io/tls_handshake.h"
#include "io/tls_ticket.h"

/* RFC 8446 B.4; what the record layer has. */
struct tls_suite {
	unsigned number;
	enum tls_aead aead;
	enum digest_alg hash;
	const char *name; /* OpenSSL's */
};
#define TLS_OWN_SUITES 3
extern const struct tls_suite tls_own_suites[TLS_OWN_SUITES];

/* What a context shows, and proves to have the key of (tls_handshake_cert.c). */
enum { TLS_CERTIFICATE_MAX = 8192, TLS_SIGNATURE_MAX = 512 };
struct tls_shown {
	unsigned char *message; /* Certificate (RFC 8446 4.4.2), as it is sent */
	size_t n;
	unsigned scheme;    /* of our signature: RFC 8446 4.2.3 */
	unsigned below;	    /* ... of the one below the certificate */
	EVP_MD_CTX *signer; /* has the key; each signature takes a copy */
	const struct tls_suite *suites[TLS_OWN_SUITES]; /* the best first */
	size_t n_suites;
};
/* Of the messages so far, by their hash: what CertificateVerify has. 0: it cannot be made. */
size_t tls_shown_sign(const struct tls_shown *s, struct strv hash,
		      unsigned char to[TLS_SIGNATURE_MAX]);

struct tls_handshake {
	struct tls_ctx *ctx;
	const struct tls_suite *suite;
	struct tls_record
		*record; /* what comes behind the handshake; NULL: it has failed */
	struct tls_login *login;
	struct tls_ticket ticket; /* the client's next one */
	bool resumed, has_ticket;
	const char *error; /* of the server's flight; "": see `record` */
	int ended;	   /* what the call had with which it ended; 0: it goes on */
	/* The client's flight: the keys of its records, and what it has to say. */
	unsigned char key[TLS_KEY_MAX], iv[TLS_NONCE_LEN];
	uint8_t seq;
	unsigned char finished[4 + DIGEST_MAX_LEN], got[4 + DIGEST_MAX_LEN];
	uint8_t n_finished, n_have; /* bytes of it, and those that have come */
	uint8_t n_skipped;
	struct buf cut; /* what has come of a record */
};
