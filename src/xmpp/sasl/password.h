/* How an account's credentials are stored: MongooseIM's forms, read and written.
 *
 * Table `users`: `password` and `pass_details`. With pass_details empty, `password` is plain
 * text. Otherwise `pass_details` holds the SCRAM keys (a JSON object in MongooseIM's rdbms
 * backend; "==MULTI_SCRAM==,..." and "==SCRAM==,..." in what its HTTP and older forms write)
 * and `password` is empty. */
#pragma once

#include "xmpp/sasl/scram.h"

struct credentials {
	bool has_plain;
	struct strv plain;
	unsigned n_keys;
	struct scram_keys keys[DIGEST_MAX];
};

/* `password`, `pass_details` as they stand in the row (p == NULL: SQL NULL). -EINVAL: a form
 * that we do not know; nothing is guessed. Strings live in `a`. */
nodiscard int credentials_parse(struct arena *a, struct strv password, struct strv pass_details,
				struct credentials *ret);

/* Derives keys for each hash of the set `algs` (1u << enum digest_alg), 16-byte random salts. */
void credentials_derive(struct strv password, unsigned algs, uint32_t iterations,
			struct credentials *ret);

/* The row's pass_details, as MongooseIM's rdbms backend writes it. */
struct strv credentials_details(struct arena *a, const struct credentials *c);

const struct scram_keys *credentials_keys(const struct credentials *c, enum digest_alg alg);

/* Plain text compared in constant time, or one PBKDF2 with the cheapest stored hash. */
nodiscard bool credentials_check(const struct credentials *c, struct strv password);
void credentials_wipe(struct credentials *c);
