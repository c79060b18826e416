/* For tls_resume.c and tls_resume_finish.c only. */
#pragma once

#include "io/tls_resume.h"
#include "io/tls_ticket.h"

struct tls_suite {
	unsigned number;
	enum tls_aead aead;
	enum digest_alg hash;
	const char *name; /* OpenSSL's */
};

struct tls_resume {
	struct tls_ctx *ctx;
	const struct tls_suite *suite;
	struct tls_record
		*record; /* what comes behind the handshake; NULL: it has failed */
	struct tls_login *login;
	struct tls_ticket ticket; /* the client's next one */
	const char *error;	  /* of the server's flight; "": see `record` */
	int ended; /* what the call had with which it ended; 0: it goes on */
	/* The client's flight: the keys of its records, and what it has to say. */
	unsigned char key[TLS_KEY_MAX], iv[TLS_NONCE_LEN];
	uint8_t seq;
	unsigned char finished[4 + DIGEST_MAX_LEN], got[4 + DIGEST_MAX_LEN];
	uint8_t n_finished, n_have; /* bytes of it, and those that have come */
	uint8_t n_skipped;
	struct buf cut; /* what has come of a record */
};
