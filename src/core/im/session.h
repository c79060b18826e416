/* A bound resource: a full JID that stanzas can be delivered to. Owned by the home worker of
 * its account. */
#pragma once

#include "base/list.h"
#include "base/slot.h"
#include "core/im/presence.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

struct hold;
struct user;
struct stream;
struct worker;

/* Whom the session has sent directed presence to, outside its roster's subscriptions
 * (RFC 6121 4.6): they get its unavailable. Bounded. */
struct directed {
	struct directed *next;
	uint16_t n;
	char jid[];
};

enum {
	SESSION_MAX_DIRECTED = 1000,		/* addresses */
	SESSION_MAX_DIRECTED_BYTES = 128 << 10, /* of them all */
};

struct session {
	struct list in_user;
	struct user *user;
	struct stream *stream;
	struct presence *presence; /* NULL: not available */
	struct directed *directed;
	struct hold *hold; /* NULL: messages are sent at once; see core/im/hold.h */
	int8_t priority;
	bool interested : 1; /* has asked for the roster (RFC 6121 2.2) */
	bool awaits_requests : 1, gets_requests : 1; /* core/im/roster_push.c */
	uint64_t had : 48; /* of worker->n_to_accounts, and all before: core/im/hold.c */
			   /* The modules' data: mod_session_data(). */
};

_Static_assert(sizeof(struct session) <= 64, "a session has grown");

/* Full: its stream's. */
struct jid session_jid(const struct session *s);

static inline bool session_is_available(const struct session *s)
{
	return s->presence != NULL;
}

/* ... those to the account, and not only those that name it (RFC 6121 8.5.2.1.1). */
static inline bool session_takes_messages(const struct session *s)
{
	return session_is_available(s) && s->priority >= 0;
}

/* The account's session of that resource, or NULL. */
struct session *session_find(struct user *u, struct strv resource);

/* Binds `resource` for the account (empty: the server makes one); a session that has it
 * already is closed with `conflict` first, and so is the oldest one beyond `max_sessions`.
 * The session is owned by its user. */
struct session *session_bind(struct user *u, struct stream *st, struct strv resource,
			     uint64_t max_sessions);

/* Ends it: unavailable presence to all who saw it, hooks, memory. */
void session_unbind(struct session **s);

/* The text of a session's JID, when its stream is freed. */
void session_text_free(struct worker *w, struct strv full_jid);

/* Its available presence is now `p` (taken over; NULL: unavailable), with this priority. Runs
 * the hooks of `available`. Telling others is mod_presence's. */
void session_set_presence(struct session *s, struct presence *p, int8_t priority);

/* Sends the stanza to this client as it stands (its `to` included), a message when its turn has
 * come; without room for it, the sender gets an error. Silently dropped when the stream is closing. */
void session_send(struct session *s, const struct stanza *st);

/* The same, but without room it is false, and nothing has been done. `sole`: no other session is
 * offered it. */
nodiscard bool session_offer(struct session *s, const struct stanza *st, bool sole);

/* The same for a stanza of that kind and type that is written already. False, and nothing is sent: it
 * has to wait for others, or there is no room for it, and has to go the other way. */
nodiscard bool session_send_written(struct session *s, struct strv bytes,
				    enum stanza_kind kind, enum stanza_type type);

/* Sends bytes that are one whole stanza, at once. */
void session_send_bytes(struct session *s, struct strv bytes);

/* How many bytes more may wait for this client before it is closed. */
size_t session_room(const struct session *s);

/* Remembers that `to` has seen (or no longer sees) directed presence. -ENOSPC. */
nodiscard int session_directed_add(struct session *s, struct jid to);
void session_directed_remove(struct session *s, struct jid to);
