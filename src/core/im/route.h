/* Where stanzas go (RFC 6120 section 10, RFC 6121 section 8): the only place that answers
 * service-unavailable because nobody wanted a stanza. */
#pragma once

#include "core/im/session.h"
#include "xmpp/stanza.h"

struct worker;
struct user;
struct ctx;

/* Routes a stanza to whom it names: a session, an account, the server itself, another worker;
 * an address that is not ours gets remote-server-not-found. `from` is set and true. `sender` is
 * the session on this worker that sent it, or NULL. */
void route(struct worker *w, struct session *sender, const struct stanza *s);

/* Is it for one session, if there is that one (RFC 6121 8.5.3)? */
bool route_is_for_session(const struct stanza *s);

/* The same for a stanza that we have made: bytes of one element in jabber:client. */
void route_bytes(struct worker *w, struct strv bytes);

/* The same bytes, for an account that is no more, whoever has its name now. */
void route_to_nobody(struct worker *w, struct strv bytes);

/* The same stanza to another address, with the same content: for fan-out. `sender` as above. */
void route_to(struct worker *w, struct session *sender, const struct stanza *s,
	      struct jid to);

/* Answers `s` with an error, if such a stanza may be answered. */
void route_error(struct worker *w, const struct stanza *s, enum stanza_err err,
		 const char *text);

/* Delivers a presence or message to each available session of the account (RFC 6121 8.5.2);
 * `min_priority`: -128 for all. How many it was for; when none of these has room for it, the sender
 * gets an error. */
unsigned route_to_sessions(struct user *u, const struct stanza *s, int min_priority);
