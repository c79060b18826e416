/* The SASL mechanisms that exist here, and PLAIN's message (RFC 4616). */
#pragma once

#include "base/digest.h"

/* In the order in which they are offered unless the configuration says otherwise, which is
 * MongooseIM's; EXTERNAL only where it does. Columns: identifier, registered name, word in the configuration
 * (auth.sasl_mechanisms), hash (DIGEST_MAX: none), channel binding. */
#define SASL_MECHS(X)                                                                  \
	X(SCRAM_SHA512_PLUS, "SCRAM-SHA-512-PLUS", "scram_sha512_plus", DIGEST_SHA512, \
	  true)                                                                        \
	X(SCRAM_SHA512, "SCRAM-SHA-512", "scram_sha512", DIGEST_SHA512, false)         \
	X(SCRAM_SHA384_PLUS, "SCRAM-SHA-384-PLUS", "scram_sha384_plus", DIGEST_SHA384, \
	  true)                                                                        \
	X(SCRAM_SHA384, "SCRAM-SHA-384", "scram_sha384", DIGEST_SHA384, false)         \
	X(SCRAM_SHA256_PLUS, "SCRAM-SHA-256-PLUS", "scram_sha256_plus", DIGEST_SHA256, \
	  true)                                                                        \
	X(SCRAM_SHA256, "SCRAM-SHA-256", "scram_sha256", DIGEST_SHA256, false)         \
	X(SCRAM_SHA224_PLUS, "SCRAM-SHA-224-PLUS", "scram_sha224_plus", DIGEST_SHA224, \
	  true)                                                                        \
	X(SCRAM_SHA224, "SCRAM-SHA-224", "scram_sha224", DIGEST_SHA224, false)         \
	X(SCRAM_SHA1_PLUS, "SCRAM-SHA-1-PLUS", "scram_sha1_plus", DIGEST_SHA1, true)   \
	X(SCRAM_SHA1, "SCRAM-SHA-1", "scram_sha1", DIGEST_SHA1, false)                 \
	X(PLAIN, "PLAIN", "plain", DIGEST_MAX, false)                                  \
	X(ANONYMOUS, "ANONYMOUS", "anonymous", DIGEST_MAX, false)                      \
	X(EXTERNAL, "EXTERNAL", "external", DIGEST_MAX, false)

enum sasl_mech {
#define X(id, name, option, alg, plus) SASL_##id,
	SASL_MECHS(X)
#undef X
		SASL_MECH_MAX,
};

/* By registered name, and by the configuration's word: an enum sasl_mech, or -1. */
nodiscard int sasl_mech_find(struct strv name);
nodiscard int sasl_mech_find_option(struct strv option);

const char *sasl_mech_name(enum sasl_mech m);
const char *sasl_mech_option(enum sasl_mech m);
bool sasl_mech_is_plus(enum sasl_mech m);

/* Only for the SCRAM ones: the hash, and the mechanism of the same hash with binding. */
enum digest_alg sasl_mech_alg(enum sasl_mech m);
enum sasl_mech sasl_mech_plus_of(enum sasl_mech m);

enum {
	SASL_NAME_MAX = 3071,	/* authzid, authcid: a JID's length */
	SASL_PASSWD_MAX = 8192, /* tokens travel as passwords too */
};

struct sasl_plain {
	struct strv authzid; /* may be empty */
	struct strv authcid, passwd;
};

/* [authzid] NUL authcid NUL passwd. -EINVAL: not that, not UTF-8, or longer than the limits.
 * *ret points into `message`. */
nodiscard int sasl_plain_parse(struct strv message, struct sasl_plain *ret);
