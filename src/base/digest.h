/* Hashes, HMAC and PBKDF2 (RFC 8018) over OpenSSL's libcrypto. Any thread. */
#pragma once

#include "base/strv.h"

enum digest_alg {
	DIGEST_SHA1,
	DIGEST_SHA224,
	DIGEST_SHA256,
	DIGEST_SHA384,
	DIGEST_SHA512,
	DIGEST_MAX,
};

#define DIGEST_MAX_LEN 64

size_t digest_len(enum digest_alg alg);

void digest(enum digest_alg alg, struct strv in, unsigned char *to);
/* Of what comes bit by bit; it can be had in between, too. */
struct digest_so_far {
	enum digest_alg alg;
	_Alignas(8) unsigned char state[216];
};
void digest_begin(struct digest_so_far *d, enum digest_alg alg);
void digest_add(struct digest_so_far *d, struct strv in);
void digest_peek(const struct digest_so_far *d, unsigned char *to);

void digest_hmac(enum digest_alg alg, struct strv key, struct strv in, unsigned char *to);
/* The same for a key that is used several times: half of an HMAC of a few bytes is to begin with the key.
 * It is as secret as the key, and whoever makes it wipes it. */
struct digest_key {
	enum digest_alg alg;
	_Alignas(8) unsigned char inner[216], outer[216];
};
void digest_key_make(struct digest_key *k, enum digest_alg alg, struct strv key);
void digest_hmac_with(const struct digest_key *k, struct strv in, unsigned char *to);

/* `to` gets digest_len(alg) bytes: SCRAM's Hi() (RFC 5802 2.2). Costs CPU: about 0.1 us an
 * iteration. */
void digest_pbkdf2(enum digest_alg alg, struct strv password, struct strv salt,
		   unsigned iterations, unsigned char *to);

/* How many hashes this thread has made so far: whoever must not tell by the time that it takes what it
 * has found is measured by it. */
uint64_t digest_count(void);
