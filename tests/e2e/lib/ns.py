"""Namespaces, in ElementTree's notation, and small questions about elements."""

CLIENT = "{jabber:client}"
STREAM = "{http://etherx.jabber.org/streams}"
TLS = "{urn:ietf:params:xml:ns:xmpp-tls}"
SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
BIND = "{urn:ietf:params:xml:ns:xmpp-bind}"
SESSION = "{urn:ietf:params:xml:ns:xmpp-session}"
STREAM_ERROR = "{urn:ietf:params:xml:ns:xmpp-streams}"
STANZA_ERROR = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
SASL_CB = "{urn:xmpp:sasl-cb:0}"
ROSTER = "{jabber:iq:roster}"
ROSTER_VER = "{urn:xmpp:features:rosterver}"
PRE_APPROVAL = "{urn:xmpp:features:pre-approval}"
CAPS = "{http://jabber.org/protocol/caps}"
DISCO_INFO = "{http://jabber.org/protocol/disco#info}"
DISCO_ITEMS = "{http://jabber.org/protocol/disco#items}"
VERSION = "{jabber:iq:version}"
TIME = "{urn:xmpp:time}"
LAST = "{jabber:iq:last}"
PING = "{urn:xmpp:ping}"
PRIVATE = "{jabber:iq:private}"
VCARD = "{vcard-temp}"
DELAY = "{urn:xmpp:delay}"
REGISTER = "{jabber:iq:register}"
REGISTER_FEATURE = "{http://jabber.org/features/iq-register}"
DATA_FORM = "{jabber:x:data}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

MESSAGE = CLIENT + "message"
PRESENCE = CLIENT + "presence"
IQ = CLIENT + "iq"


def bare(jid):
    return jid.split("/", 1)[0]


def conditions(error, namespace):
    """The defined conditions in an error element: all children but <text/>."""
    return [c.tag[len(namespace):] for c in error
            if c.tag.startswith(namespace) and c.tag != namespace + "text"]


def stanza_error(stanza):
    """(type, condition) of a stanza of type "error"."""
    assert stanza.get("type") == "error", show(stanza)
    error = stanza.find(CLIENT + "error")
    assert error is not None, show(stanza)
    found = conditions(error, STANZA_ERROR)
    assert len(found) == 1, show(stanza)
    return error.get("type"), found[0]


def body(stanza):
    return stanza.findtext(CLIENT + "body")


def show(element):
    from xml.etree import ElementTree
    return ElementTree.tostring(element, encoding="unicode")
