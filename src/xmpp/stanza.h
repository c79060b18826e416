/* A stanza (RFC 6120 section 8) as a value: what its start tag says, and the tree below it.
 * Const once it is read; it lives as long as the arena and the bytes that it was read from. */
#pragma once

#include "xml/xml.h"
#include "xmpp/error.h"
#include "xmpp/jid.h"

enum stanza_kind { STANZA_MESSAGE, STANZA_PRESENCE, STANZA_IQ };

/* Types of all three kinds. A message without one is MESSAGE_NORMAL (RFC 6121 5.2.2; so is one
 * of a type that nobody knows), a presence without one is PRESENCE_AVAILABLE. */
enum stanza_type {
	MESSAGE_NORMAL,
	MESSAGE_CHAT,
	MESSAGE_GROUPCHAT,
	MESSAGE_HEADLINE,
	PRESENCE_AVAILABLE,
	PRESENCE_UNAVAILABLE,
	PRESENCE_SUBSCRIBE,
	PRESENCE_SUBSCRIBED,
	PRESENCE_UNSUBSCRIBE,
	PRESENCE_UNSUBSCRIBED,
	PRESENCE_PROBE,
	IQ_GET,
	IQ_SET,
	IQ_RESULT,
	STANZA_ERROR, /* of any kind */
};

struct stanza {
	enum stanza_kind kind;
	enum stanza_type type;
	struct jid from, to;  /* s == NULL: not there */
	struct strv id, lang; /* p == NULL: not there */
	uint32_t work;	      /* that the addresses were: see jid_parse_counted() */
	const struct xml_el *el;
};

/* Reads a top-level element of NS_CLIENT named message, presence or iq (anything else: ASSERT).
 * STANZA_ERR_NONE; JID_MALFORMED when `to` or `from` is not a JID (that JID is then not there,
 * the rest is read); BAD_REQUEST: an IQ without id, with a type unknown or missing, a request
 * without exactly one child, a result with several; a presence of unknown type. */
nodiscard enum stanza_err stanza_read(struct arena *a, const struct xml_el *el,
				      struct stanza *ret);

/* The same of what stanza_write() or our own have written, where the addresses are canonical and
 * need no work. */
nodiscard enum stanza_err stanza_read_ours(const struct xml_el *el, struct stanza *ret);

/* Writes the stanza with the addresses, id, type and language of `s` and the content of s->el,
 * for a stream whose default namespace is jabber:client. -EMSGSIZE. */
nodiscard int stanza_write(struct buf *b, const struct stanza *s);

/* The same, with attributes only up to `>`: the caller adds the content and the end tag. */
nodiscard int stanza_write_start(struct buf *b, const struct stanza *s);

/* The error that answers `s`: addresses exchanged, id kept, no copy of the content. Never
 * called for a stanza that must not be answered (stanza_may_fail). `text` may be NULL. */
nodiscard int stanza_write_error(struct buf *b, const struct stanza *s,
				 enum stanza_err err, const char *text);

/* The result of the IQ `s`, around `payload` (already XML, may be empty). */
nodiscard int stanza_write_result(struct buf *b, const struct stanza *s,
				  struct strv payload);

/* Errors and results are never answered with an error (RFC 6120 8.3.1), nor is presence other
 * than a subscription. */
static inline bool stanza_may_fail(const struct stanza *s)
{
	return s->type != STANZA_ERROR && s->type != IQ_RESULT;
}

/* The IQ's one child, or NULL. */
static inline const struct xml_el *stanza_payload(const struct stanza *s)
{
	return s->el->first;
}
