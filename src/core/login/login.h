/* Credentials: what a stream in AUTH asks for, from the database and the password pool. */
#pragma once

#include "core/stream/stream.h"

struct worker;

/* Stands for a name that cannot be a localpart: the account of nobody. */
#define LOGIN_NOBODY "\x01"

/* stream_env.lookup: ends in stream_on_keys(). */
void login_lookup(struct stream *st, struct jid user, enum digest_alg alg);

/* stream_env.check_password: ends in stream_on_password(). */
void login_check_password(struct stream *st, struct jid user, struct strv password);

/* stream_env.check_vouched (login_external.c): somebody whose certificate has been verified.
 * `pki` takes everybody, and the account is known to the database from then on; `internal` who
 * has an account there; `http` whose service has that very certificate for him; `ldap` who is in
 * the directory. The first one decides that says yes. */
void login_check_vouched(struct stream *st, struct jid user, unsigned methods);

/* At the end of a worker: what still waits has nobody to answer. */
void login_drop_waiting(struct worker *w);
