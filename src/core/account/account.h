/* Accounts in the database, as login, registration and the command line need them. */
#pragma once

#include "core/options/conf.h"
#include "store/store.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/password.h"

struct stream;
struct worker;

/* The call that reads an account; and what its answer holds. -ENOENT: there is none; -EINVAL:
 * the row cannot be read; other: the database failed. `row`: the bytes as stored. */
struct store_call *account_get_call(struct jid account);
nodiscard int account_credentials(struct store_call *call, struct arena *a,
				  struct credentials *ret, struct strv *row);

/* Costs PBKDF2s unless passwords are stored plain: not on a worker. The call that creates the
 * account (-EEXIST as its answer) or changes its password. -EINVAL: it may not be a password:
 * password_is_allowed(). */
nodiscard int account_put_call(const struct conf_auth *conf, struct jid account,
			       struct strv password, bool create,
			       struct store_call **ret);

/* What is stored of a password that is allowed: one of the two, the other is empty. Costs PBKDF2s,
 * too. */
void account_stored_form(const struct conf_auth *conf, struct arena *a,
			 struct strv password, struct strv *plain, struct strv *details);

/* For a stream on this worker, by the methods of the domain
 * (core/account/account_change.h) that its listener allows: `fn` runs on this worker, at
 * once or later, with that header's err; behind it, the sessions of an account that is
 * gone end, and its contacts hear of it. */
void account_put(struct stream *by, struct jid account, struct strv password, bool create,
		 void (*fn)(struct worker *w, int err, void *arg), void *arg);
void account_remove(struct stream *by, struct jid account,
		    void (*fn)(struct worker *w, int err, void *arg), void *arg);
