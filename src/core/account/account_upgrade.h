/* Stored credentials follow the configuration: who has just logged in by PLAIN has told the password,
 * from which what `auth.password` asks for by now can be made. */
#pragma once

#include "core/options/conf.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/password.h"

struct worker;

/* Plain text, fewer hashes or fewer iterations than a new password would be stored with. What is kept
 * as keys is never turned back into plain text. */
bool account_is_outdated(const struct conf_auth *auth, const struct credentials *creds);

struct login_facts {
	struct jid account;
	struct strv password; /* as keys are derived from it; it was right */
	const struct credentials *creds;
	struct strv row;     /* the same as stored */
	const char *address; /* whose queue it counts for */
};

/* In the background, if need be: nothing that could fail concerns the login, and another change of
 * the password wins. One at a time on each worker: the others are for their next login. */
void account_upgrade(struct worker *w, struct conf *conf, const struct login_facts *f);
