/* Presence subscriptions (RFC 6121 section 3, appendix A) as values: the nine states of a
 * roster item, and what each of the four stanzas does to them, in either direction. */
#pragma once

#include "base/strv.h"

enum sub_state {
	SUB_NONE,
	SUB_NONE_OUT, /* "None + Pending Out": we asked for their presence */
	SUB_NONE_IN,  /* "None + Pending In": they asked for ours */
	SUB_NONE_OUT_IN,
	SUB_TO, /* we get their presence */
	SUB_TO_IN,
	SUB_FROM, /* they get ours */
	SUB_FROM_OUT,
	SUB_BOTH,
	SUB_MAX,
};

/* In the order of PRESENCE_SUBSCRIBE...: kind == type - PRESENCE_SUBSCRIBE. */
enum sub_kind {
	SUB_SUBSCRIBE,
	SUB_SUBSCRIBED,
	SUB_UNSUBSCRIBE,
	SUB_UNSUBSCRIBED,
	SUB_KIND_MAX
};

/* `approved` (RFC 6121 3.4): the contact's next request is granted unasked. It is spent with
 * that request, so it is only true where they neither get our presence nor wait for it: in
 * SUB_NONE, SUB_NONE_OUT, SUB_TO. All zero: state none, nothing approved. */
struct sub {
	enum sub_state state;
	bool approved;
};

struct sub_result {
	struct sub next;
	bool changed; /* next differs: to be stored */
	bool push; /* and the client sees it (sub_text, sub_ask, approved): roster push */
	bool forward; /* outbound: route the stanza to the contact; inbound: deliver it */
	bool reply;   /* inbound subscribe: answer `subscribed` in the user's name */
};

/* The user sends a stanza of this kind to the contact (appendix A.2). */
struct sub_result sub_outbound(struct sub s, enum sub_kind kind);
/* The user gets one from the contact (appendix A.3). */
struct sub_result sub_inbound(struct sub s, enum sub_kind kind);

bool sub_has_to(enum sub_state s);   /* to, both: we get their presence */
bool sub_has_from(enum sub_state s); /* from, both: they get ours */
bool sub_ask(enum sub_state s);	     /* pending out: ask='subscribe' in the roster */
bool sub_is_pending_in(enum sub_state s);

/* "none", "to", "from", "both": the roster item's attribute. */
const char *sub_text(enum sub_state s);

/* The other way round. What the subscription has already makes pending moot ("both" + ask is
 * SUB_BOTH). -EINVAL: no such word. */
nodiscard int sub_parse(struct strv text, bool ask, bool pending_in, enum sub_state *ret);

/* MongooseIM's columns `subscription` (N, T, F, B) and `ask` (N, O, I, B; S is read as O, and
 * U as N). They do not hold `approved`. sub_from_row: -EINVAL on other letters. */
void sub_to_row(enum sub_state s, char *ret_subscription, char *ret_ask);
nodiscard int sub_from_row(char subscription, char ask, enum sub_state *ret);
