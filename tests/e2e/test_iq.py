"""IQs (RFC 6120 8.2.3, 8.4; RFC 6121 8.5)."""
import pytest

from lib import ns
from lib.client import fence, settle

UNKNOWN = "<query xmlns='urn:example:unknown'/>"
PING = "<ping xmlns='urn:xmpp:ping'/>"


@pytest.fixture
def c(online):
    return online()


@pytest.mark.parametrize("type_", ["get", "set"])
@pytest.mark.parametrize("to", [None, "localhost", "own", "nobody@localhost",
                                "nobody@localhost/x", "localhost/x"])
def test_unknown_payload(c, to, type_):
    answer = c.iq(type_, UNKNOWN, c.bare if to == "own" else to)
    assert ns.stanza_error(answer) == ("cancel", "service-unavailable")
    if to and to != "own":
        assert answer.get("from") == to
    assert answer.get("to") in (None, c.jid)


def test_to_another_account(c, online):
    other = online()
    assert ns.stanza_error(c.get(UNKNOWN, other.bare)) == ("cancel", "service-unavailable")
    assert fence(c, other) == [], "the server answers for the account"


def share_presence(sender, receiver):
    """Directed presence: the one may see the other."""
    sender.presence(to=receiver.jid)
    receiver.expect_presence(sender.jid)


def test_to_a_session(c, online):
    other = online()
    share_presence(other, c)
    c.send(f"<iq type='get' id='abc' to='{other.jid}'>{UNKNOWN}</iq>")
    request = other.expect(ns.IQ)
    assert request.get("from") == c.jid and request.get("id") == "abc"
    assert request[0].tag == "{urn:example:unknown}query"
    other.send(f"<iq type='result' id='abc' to='{c.jid}'><x xmlns='urn:example:x'/></iq>")
    answer = c.expect(ns.IQ)
    assert answer.get("from") == other.jid and answer.get("type") == "result"


def test_to_a_session_without_presence(c, login):
    other = login()
    share_presence(other, c)
    c.send(f"<iq type='get' id='abc' to='{other.jid}'>{UNKNOWN}</iq>")
    assert other.expect(ns.IQ).get("from") == c.jid


def test_to_a_session_of_a_stranger(c, online):
    """No presence is shared, and the IQ is delivered all the same: docs/architecture.md."""
    other = online()
    c.send(f"<iq type='get' id='abc' to='{other.jid}'>{UNKNOWN}</iq>")
    assert other.expect(ns.IQ).get("from") == c.jid
    last = "<query xmlns='jabber:iq:last'/>"
    assert ns.stanza_error(c.get(last, other.jid)) == ("auth", "forbidden")


def test_to_no_such_session(c, online):
    other = online()
    answer = c.get(UNKNOWN, other.bare + "/gone")
    assert ns.stanza_error(answer) == ("cancel", "service-unavailable")
    assert fence(c, other) == []


@pytest.mark.parametrize("type_", ["result", "error"])
@pytest.mark.parametrize("to", ["localhost", "nobody@localhost", "own", "gone",
                                "remote.example", None])
def test_answers_are_never_answered(c, to, type_):
    to = {"own": c.bare, "gone": c.bare + "/gone"}.get(to, to)
    inner = "" if type_ == "result" else (
        "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
    address = f" to='{to}'" if to else ""
    c.send(f"<iq type='{type_}' id='x'{address}>{inner}</iq>")
    assert settle(c, to) == []


@pytest.mark.parametrize("text", [
    f"<iq type='get' to='localhost'>{PING}</iq>",
    f"<iq id='bad' to='localhost'>{PING}</iq>",
    f"<iq id='bad' type='query' to='localhost'>{PING}</iq>",
    "<iq id='bad' type='get' to='localhost'/>",
    "<iq id='bad' type='set' to='localhost'>text</iq>",
    f"<iq id='bad' type='get' to='localhost'>{PING}{PING}</iq>",
], ids=["no-id", "no-type", "unknown-type", "no-child", "text", "two-children"])
def test_bad_request(c, text):
    c.send(text)
    answer = c.expect(ns.IQ)
    assert ns.stanza_error(answer) == ("modify", "bad-request")
    assert answer.get("id") in (None, "bad")
    assert c.sync() == []


def test_bad_request_is_not_delivered(c, online):
    other = online()
    c.send(f"<iq id='bad' type='query' to='{other.jid}'>{PING}</iq>")
    assert ns.stanza_error(c.expect(ns.IQ)) == ("modify", "bad-request")
    assert fence(c, other) == []


@pytest.mark.parametrize("id_", ["a&b<c>'\"", "\u017e\U0001F980", "i" * 500, " space "],
                         ids=["markup", "unicode", "long", "space"])
def test_ids_are_kept(c, id_):
    assert c.iq("get", PING, "localhost", id_).get("id") == id_


def test_many_at_once(c):
    c.send("".join(f"<iq type='get' id='p{i}' to='localhost'>{PING}</iq>" for i in range(100)))
    assert [c.expect(ns.IQ).get("id") for _ in range(100)] == [f"p{i}" for i in range(100)]


def test_remote_domain(c):
    assert ns.stanza_error(c.get(PING, "remote.example"))[1] == "remote-server-not-found"


def test_malformed_address(c):
    assert ns.stanza_error(c.get(PING, "@localhost")) == ("modify", "jid-malformed")
