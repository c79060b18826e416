/* The namespaces that the server knows, as small integers. One row a namespace: the enum and
 * the text come from it. */
#pragma once

#include "base/strv.h"

#define XML_NAMESPACES(X)                                             \
	X(CLIENT, "jabber:client")                                    \
	X(STREAM, "http://etherx.jabber.org/streams")                 \
	X(XML, "http://www.w3.org/XML/1998/namespace")                \
	X(STREAMS, "urn:ietf:params:xml:ns:xmpp-streams")             \
	X(STANZAS, "urn:ietf:params:xml:ns:xmpp-stanzas")             \
	X(TLS, "urn:ietf:params:xml:ns:xmpp-tls")                     \
	X(SASL, "urn:ietf:params:xml:ns:xmpp-sasl")                   \
	X(SASL_CB, "urn:xmpp:sasl-cb:0")                              \
	X(BIND, "urn:ietf:params:xml:ns:xmpp-bind")                   \
	X(SESSION, "urn:ietf:params:xml:ns:xmpp-session")             \
	X(ROSTER, "jabber:iq:roster")                                 \
	X(ROSTERVER, "urn:xmpp:features:rosterver")                   \
	X(PRE_APPROVAL, "urn:xmpp:features:pre-approval")             \
	X(DISCO_INFO, "http://jabber.org/protocol/disco#info")        \
	X(DISCO_ITEMS, "http://jabber.org/protocol/disco#items")      \
	X(CAPS, "http://jabber.org/protocol/caps")                    \
	X(VERSION, "jabber:iq:version")                               \
	X(TIME, "urn:xmpp:time")                                      \
	X(LAST, "jabber:iq:last")                                     \
	X(PING, "urn:xmpp:ping")                                      \
	X(PRIVATE, "jabber:iq:private")                               \
	X(VCARD, "vcard-temp")                                        \
	X(OFFLINE, "msgoffline")                                      \
	X(DELAY, "urn:xmpp:delay")                                    \
	X(REGISTER, "jabber:iq:register")                             \
	X(REGISTER_FEATURE, "http://jabber.org/features/iq-register") \
	X(DATA, "jabber:x:data")                                      \
	X(SERVERINFO, "http://jabber.org/network/serverinfo")         \
	X(HINTS, "urn:xmpp:hints")                                    \
	X(CHATSTATES, "http://jabber.org/protocol/chatstates")        \
	X(AUTH_LEGACY, "jabber:iq:auth")

enum xml_ns {
	NS_NONE, /* no namespace (attributes without a prefix) */
#define X(id, text) NS_##id,
	XML_NAMESPACES(X)
#undef X
		NS_OTHER, /* one that is not in the list: compare the text */
	NS_MAX = NS_OTHER,
};

enum xml_ns ns_find(struct strv text); /* NS_OTHER when unknown, NS_NONE when empty */
struct strv ns_text(enum xml_ns ns);   /* not for NS_OTHER */
