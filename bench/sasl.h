/* The client's side of SCRAM-SHA-1 (RFC 5802) and PLAIN (RFC 4616) for the load
 * generator. Apart from the server's own code, so that a mistake there cannot hide in
 * both, and with the salted password kept between logins: only the server is to be
 * measured. */
#pragma once

#include "base/buf.h"

struct sasl {
	char first_bare[96];
	unsigned char server_signature[20];
};

/* Each appends base 64 text. */
void sasl_plain(struct buf *to, const char *user, const char *password);
void sasl_scram_first(struct sasl *s, struct buf *to, const char *user);
/* -EINVAL: the challenge is none. */
nodiscard int sasl_scram_final(struct sasl *s, struct buf *to, struct strv challenge,
			       const char *password);
nodiscard bool sasl_scram_verify(const struct sasl *s, struct strv additional_data);
