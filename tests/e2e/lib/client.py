"""A logged-in client with hand-made stanzas: for tests that look at each of them."""
import base64
import itertools
from xml.sax.saxutils import escape, quoteattr

from . import ns
from .raw import Stream
from .scram import HASHES, Scram

_ids = itertools.count(1)


def new_id():
    return f"id{next(_ids)}"


def attributes(**given):
    """XML attributes; a trailing underscore avoids Python's words, None leaves out."""
    return "".join(f" {k.rstrip('_')}={quoteattr(v)}" for k, v in given.items() if v is not None)


class SaslFailure(Exception):
    def __init__(self, condition):
        super().__init__(condition)
        self.condition = condition


class Account:
    """An account that exists: who, and with which password."""

    def __init__(self, jid, password):
        self.jid = jid
        self.password = password
        self.user, self.domain = jid.split("@")


class Client(Stream):
    """One stream, its login, and what came in that nobody has looked at yet."""

    def __init__(self, port, domain="localhost", tls=None):
        super().__init__(port, domain, tls)
        self.jid = None
        self.account = None
        self.inbox = []

    # --- SASL ---

    def sasl(self, element):
        """Sends a SASL element, returns the answer; a failure is raised."""
        self.send(element)
        answer = self.stanza()
        if answer.tag == ns.SASL + "failure":
            raise SaslFailure(ns.conditions(answer, ns.SASL)[0])
        return answer

    def auth(self, mechanism, data=None):
        text = "=" if data == b"" else base64.b64encode(data or b"").decode()
        return self.sasl(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                         f"mechanism='{mechanism}'>{text}</auth>")

    def respond(self, data):
        return self.sasl("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
                         f"{base64.b64encode(data).decode()}</response>")

    def auth_plain(self, user, password, authzid=""):
        answer = self.auth("PLAIN", f"{authzid}\0{user}\0{password}".encode())
        assert answer.tag == ns.SASL + "success", ns.show(answer)

    def auth_scram(self, mechanism, user, password, **options):
        scram = Scram(mechanism, user, password, **options)
        challenge = self.auth(mechanism, scram.first())
        assert challenge.tag == ns.SASL + "challenge", ns.show(challenge)
        success = self.respond(scram.final(base64.b64decode(challenge.text)))
        if success.tag == ns.SASL + "challenge":  # the server may use one more step
            scram.check(base64.b64decode(success.text))
            success = self.respond(b"")
        else:
            scram.check(base64.b64decode(success.text))
        assert success.tag == ns.SASL + "success", ns.show(success)
        return scram

    # --- login ---

    def login(self, account, resource=None, mechanism="SCRAM-SHA-1", bind=True):
        """From the first header to the bound resource."""
        self.account = account
        self.domain = account.domain
        self.start()
        if mechanism in HASHES:
            self.auth_scram(mechanism, account.user, account.password)
        else:
            self.auth_plain(account.user, account.password)
        self.restart()
        self.start()
        if bind:
            self.bind(resource)
        return self

    def bind(self, resource=None):
        inner = f"<resource>{escape(resource)}</resource>" if resource else ""
        answer = self.set(f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{inner}</bind>")
        if answer.get("type") == "result":
            self.jid = answer.findtext(f"{ns.BIND}bind/{ns.BIND}jid")
        return answer

    @property
    def bare(self):
        return self.account.jid

    # --- stanzas out ---

    def message(self, to, body=None, type_=None, id_=None, inner=""):
        id_ = id_ or new_id()
        inner = (f"<body>{escape(body)}</body>" if body is not None else "") + inner
        self.send(f"<message{attributes(to=to, type=type_, id=id_)}>{inner}</message>")
        return id_

    def presence(self, to=None, type_=None, inner="", id_=None):
        self.send(f"<presence{attributes(to=to, type=type_, id=id_)}>{inner}</presence>")

    def available(self, priority=None, inner=""):
        """Initial (or later) presence, and the wait for the server to have taken it."""
        if priority is not None:
            inner += f"<priority>{priority}</priority>"
        self.presence(inner=inner)
        self.expect(lambda s: s.tag == ns.PRESENCE and s.get("from") == self.jid
                    and s.get("type") is None)
        return self

    def iq(self, type_, payload, to=None, id_=None):
        """Sends an IQ and returns its answer; what else comes is kept."""
        id_ = id_ or new_id()
        self.send(f"<iq{attributes(type=type_, to=to, id=id_)}>{payload}</iq>")
        return self.expect(lambda s: s.tag == ns.IQ and s.get("id") == id_
                           and s.get("type") in ("result", "error"))

    def get(self, payload, to=None):
        return self.iq("get", payload, to)

    def set(self, payload, to=None):
        return self.iq("set", payload, to)

    def ask(self, payload, to=None, type_="get"):
        """iq() that must succeed: the result's payload."""
        answer = self.iq(type_, payload, to)
        assert answer.get("type") == "result", ns.show(answer)
        return answer[0] if len(answer) else None

    # --- stanzas in ---

    def expect(self, wanted):
        """The first stanza that fits: a tag, or a function. Others are kept in order."""
        fits = wanted if callable(wanted) else lambda s: s.tag == wanted
        for i, kept in enumerate(self.inbox):
            if fits(kept):
                return self.inbox.pop(i)
        while True:
            try:
                stanza = self.stanza()
            except AssertionError as e:
                kept = [ns.show(s) for s in self.inbox]
                raise AssertionError(f"{e}; kept: {kept}") from None
            if fits(stanza):
                return stanza
            self.inbox.append(stanza)

    def expect_message(self, text=None):
        return self.expect(lambda s: s.tag == ns.MESSAGE
                           and (text is None or ns.body(s) == text))

    def expect_presence(self, sender, type_=None):
        """Presence of this type from this JID; a bare one stands for any resource of it."""
        def fits(s):
            who = s.get("from", "")
            return (s.tag == ns.PRESENCE and s.get("type") == type_
                    and sender in (who, ns.bare(who)))
        return self.expect(fits)

    def expect_push(self, **wanted):
        """A roster push whose item has these attributes; it is answered."""
        def fits(s):
            item = s.find(f"{ns.ROSTER}query/{ns.ROSTER}item")
            return (s.tag == ns.IQ and s.get("type") == "set" and item is not None
                    and all(item.get(k) == v for k, v in wanted.items()))
        push = self.expect(fits)
        self.send(f"<iq type='result' id='{push.get('id')}'/>")
        return push.find(f"{ns.ROSTER}query/{ns.ROSTER}item")

    def sync(self):
        """A round trip to the server; returns (and forgets) all that came until then."""
        self.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to=self.domain)
        got, self.inbox = self.inbox, []
        return got


def settle(sender, to):
    """All that `sender` has got when everything that it sent to this account (of nobody's
    session) before has been dealt with."""
    answer = sender.get("<query xmlns='urn:example:unknown'/>", to)
    assert answer.get("type") == "error", ns.show(answer)
    got, sender.inbox = sender.inbox, []
    return got


def fence(sender, receiver):
    """All that `receiver` has got when everything that `sender` sent it before has arrived:
    stanzas between two entities stay in order (RFC 6120 10.1)."""
    mark = new_id()
    sender.message(receiver.jid, id_=mark, type_="normal", inner="<body>fence</body>")
    receiver.expect(lambda s: s.tag == ns.MESSAGE and s.get("id") == mark)
    got, receiver.inbox = receiver.inbox, []
    return got


def befriend(a, b):
    """Mutual subscription of two clients with presence, by the whole handshake. Both are
    interested in their rosters afterwards."""
    for one in (a, b):
        one.ask("<query xmlns='jabber:iq:roster'/>")
    for one, other in ((a, b), (b, a)):
        one.presence(other.bare, "subscribe")
        other.expect_presence(one.bare, "subscribe")
        other.presence(one.bare, "subscribed")
        one.expect_presence(other.bare, "subscribed")
    for one, other in ((a, b), (b, a)):
        one.expect_push(jid=other.bare, subscription="both")
        one.expect_presence(other.jid)
        fence(other, one)
