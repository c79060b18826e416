/* Failed logins make the answers to later ones wait, longer and longer. Failures are counted three
 * ways, each for itself, and forgotten when none has come for a while:
 *
 *   of one account from one address  delays every answer to it, right passwords too
 *   from one address                 the same, whatever the account
 *   of one account, from anywhere    delays only the answers to wrong passwords
 *
 * A right password waits for what is left of the delays that run already, at most `max_delay_ms`,
 * and adds none. So guessing costs time whether or not the guesser waits for the answer, and
 * nobody can make an account's owner wait who comes from another address. An IPv6 address counts
 * as its /64. The table has a fixed size: a newer failure takes the place of one that weighs less.
 * Any thread. */
#pragma once

#include "base/clock.h"
#include "base/strv.h"

struct backoff;

#define BACKOFF_OFF UINT32_MAX

struct backoff_conf {
	/* So many failures in a row: the answer to the last waits a second, two to the next,
	 * then four, ... BACKOFF_OFF: never. */
	uint32_t per_account, per_address;
	msec_t forget_ms; /* after the last failure */
	msec_t max_delay_ms;
};

nodiscard struct backoff *
backoff_new(size_t n_entries); /* of each kind; a power of two */
void backoff_free(struct backoff **b);

/* A password was wrong, or right; how long its answer has to wait, in ms. `address` as a socket's
 * peer is written. */
nodiscard msec_t backoff_wrong(struct backoff *b, const struct backoff_conf *c,
			       struct strv account, const char *address, msec_t now);
nodiscard msec_t backoff_right(struct backoff *b, const struct backoff_conf *c,
			       struct strv account, const char *address, msec_t now);
