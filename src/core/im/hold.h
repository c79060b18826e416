/* Messages for a session that wait, in memory, until it has been given older ones: those of one
 * sender stay in order (RFC 6120 10.1), whichever way they take. */
#pragma once

#include <stdbool.h>

struct session;
struct stanza;

/* From now on messages to this session wait, those to the account that others of its sessions hold
 * and this one has not had first. */
void hold_start(struct session *s);

/* Lets them wait no longer than its client takes to read: the session gets them, or, when it does
 * not take them any more, they are routed anew. Nothing happens when none are held, or when the
 * session is about to end: see hold_session_ends(). */
void hold_end(struct session *s);

/* The client has read: it may be given more of them. */
void hold_drained(struct session *s);

/* The session is no longer among its account's: what waited for it alone is routed anew. */
void hold_session_ends(struct session *s);

/* The message waits, or could not and has been answered with an error. `sole`: no other session
 * gets it. False: send it at once. */
bool hold_message(struct session *s, const struct stanza *st, bool sole);
