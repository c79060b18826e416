/* How an account's credentials are stored: MongooseIM's forms, read and written.
 *
 * Table `users`: `password` and `pass_details`. With pass_details empty, `password` is plain
 * text. Otherwise `pass_details` holds the SCRAM keys ("==MULTI_SCRAM==,...", or in rows of
 * MongooseIM 3.6.2 and before "==SCRAM==,...") and `password` is empty. Its HTTP method keeps
 * the same text where the password would be: give that as `pass_details`. */
#pragma once

#include "xmpp/sasl/scram.h"

struct credentials {
	bool has_plain;
	struct strv plain;
	unsigned n_keys;
	struct scram_keys keys[DIGEST_MAX];
};

/* `password`, `pass_details` as they stand in the row (p == NULL: SQL NULL). -EINVAL: a form
 * that we do not know; nothing is guessed. Strings are copied to `a`. */
nodiscard int credentials_parse(struct arena *a, struct strv password,
				struct strv pass_details, struct credentials *ret);

/* Derives keys for each hash of the set `algs` (1u << enum digest_alg), with random salts. */
void credentials_derive(struct strv password, unsigned algs, uint32_t iterations,
			struct credentials *ret);

/* The row's pass_details, as MongooseIM's rdbms backend writes it. */
struct strv credentials_details(struct arena *a, const struct credentials *c);

const struct scram_keys *credentials_keys(const struct credentials *c,
					  enum digest_alg alg);

/* Plain text compared in constant time, or one PBKDF2 with the cheapest stored hash. */
nodiscard bool credentials_check(const struct credentials *c, struct strv password);

/* How a domain stores passwords nowadays, and the keys that it makes up for whoever has no
 * account there. */
struct credentials_usual {
	bool plain;
	struct scram_keys made_up;
};

/* The same with the same work for all: also for nobody (`c` NULL, which is never right), and for an
 * account whose password is plain text where others have keys. Keys of other times, with fewer
 * iterations, cost what they cost. */
nodiscard bool credentials_check_evenly(const struct credentials *c,
					const struct credentials_usual *usual,
					struct strv password);
/* Keys for a password that is plain text, with the salt that is made up; for nobody, whose keys
 * stay made up, the work is done all the same. */
void credentials_derive_evenly(const struct credentials *c, struct scram_keys *made_up);
void credentials_wipe(struct credentials *c);
