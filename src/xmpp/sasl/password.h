/* How an account's credentials are stored: MongooseIM's forms, read and written.
 *
 * Table `users`: `password` and `pass_details`. With pass_details empty, `password` is plain
 * text. Otherwise `pass_details` holds the SCRAM keys ("==MULTI_SCRAM==,...", or in rows of
 * MongooseIM 3.6.2 and before "==SCRAM==,...") and `password` is empty. Its HTTP method keeps
 * the same text where the password would be: give that as `pass_details`. */
#pragma once

#include "xmpp/sasl/scram.h"

/* What may be stored of a password, whoever has stored it: MongooseIM makes keys of the NFKC of what was
 * typed, where SASLprep comes to the same, and keeps plain text as it was typed; OpaqueString (RFC
 * 8265) is what we keep as plain text. Each once: printable ASCII has one form. */
enum { PASSWORD_FORMS_MAX = 3 };
struct password_forms {
	unsigned n;
	struct strv form[PASSWORD_FORMS_MAX]; /* the first is that of new keys */
};

/* `typed`: UTF-8, not empty. What cannot be prepared stays as it was typed. In `a`, or `typed` itself. */
void password_forms(struct arena *a, struct strv typed, struct password_forms *ret);
/* What keys are derived from (RFC 5802 2.2), and what is kept as plain text. */
struct strv password_for_keys(struct arena *a, struct strv typed);
struct strv password_for_text(struct arena *a, struct strv typed);
/* May it be a new one? False: empty, too long, or with characters that no profile allows. */
bool password_is_allowed(struct arena *a, struct strv typed);

enum { CREDENTIALS_MAX = 64 << 10 }; /* bytes of either text of a row */

struct credentials {
	bool has_plain;
	struct strv plain;
	struct strv plain_for_keys; /* the same, as keys are derived from it */
	unsigned n_keys;
	struct scram_keys keys[DIGEST_MAX];
};

/* `password`, `pass_details` as they stand in the row (p == NULL: SQL NULL). -EINVAL: a form
 * that we do not know, or too long; nothing is guessed. Strings are copied to `a`. */
nodiscard int credentials_parse(struct arena *a, struct strv password,
				struct strv pass_details, struct credentials *ret);
/* Does it begin as `pass_details` do? */
bool credentials_is_details(struct strv text);

/* Derives keys for each hash of the set `algs` (1u << enum digest_alg), with random salts. */
void credentials_derive(struct strv password, unsigned algs, uint32_t iterations,
			struct credentials *ret);

/* The row's pass_details, as MongooseIM's rdbms backend writes it. */
struct strv credentials_details(struct arena *a, const struct credentials *c);

const struct scram_keys *credentials_keys(const struct credentials *c,
					  enum digest_alg alg);

/* Plain text compared in constant time, or a PBKDF2 with the cheapest stored hash for each form. */
nodiscard bool credentials_check(const struct credentials *c,
				 const struct password_forms *password);

/* What accounts of the domain cost: a PBKDF2 if any of them has keys; and the keys that it makes up for
 * whoever has no account there. */
struct credentials_usual {
	bool keys;
	struct scram_keys made_up;
};

/* The same with the same work for all: also for nobody (`c` NULL, which is never right), and for an
 * account whose password is plain text where others have keys. Keys of other times, with fewer
 * iterations, cost what they cost. */
nodiscard bool credentials_check_evenly(const struct credentials *c,
					const struct credentials_usual *usual,
					const struct password_forms *password);
/* Keys for a password that is plain text, with the salt that is made up; for anybody else, nobody
 * included (`c` NULL), *ret stays what it is and the work is done all the same. */
void credentials_derive_evenly(const struct credentials *c, struct scram_keys *ret);
void credentials_wipe(struct credentials *c);
