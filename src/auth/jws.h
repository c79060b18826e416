/* JSON Web Signatures in compact form (RFC 7515), by one algorithm (RFC 7518) that the verifier
 * has chosen, whatever the token says. */
#pragma once

#include "base/digest.h"

#include <jansson.h>

enum jws_kind { JWS_HMAC, JWS_RSA, JWS_EC };

struct jws_alg {
	const char *name; /* "HS256" ... "ES512" */
	enum jws_kind kind;
	enum digest_alg digest;
	const char *curve; /* EC: OpenSSL's name */
	size_t n_number;   /* EC: bytes of each half of a signature */
};

/* "386" means 384, as in MongooseIM. NULL: there is no such algorithm. */
const struct jws_alg *jws_alg_find(const char *name);

/* What was expected of a key that cannot be one of this algorithm; NULL: it can. */
const char *jws_key_trouble(const struct jws_alg *alg, struct strv key);
/* What RFC 7518 expects of a key that is too short; NULL: it is not. It is used all the same. */
const char *jws_key_weakness(const struct jws_alg *alg, struct strv key);

/* The payload, an object without a name that comes twice. The header may hold no `crit`, since we
 * understand no extension, and its `typ`, if any, is JWT or at+jwt (RFC 9068). -EACCES: anything else. */
nodiscard int jws_verify(const struct jws_alg *alg, struct strv key, struct strv token,
			 json_t **ret);
