"""The options of a listener, on the wire; what has a file of its own (TLS, binding, shapers,
connections, timeouts, authentication) is not here again."""
import ssl

import pytest

from lib import ns
from lib.client import Client
from lib.raw import HEADER, Eof, tls_context

SMALL = 3000
LISTENERS = {
    "small": {"max_stanza_size": SMALL},
    "small_tls": {"max_stanza_size": SMALL, "tls": {"mode": "tls"}},
    "wide": {"max_stanza_size": 200_000},
    "no_session": {"backwards_compatible_session": False},
}
SESSION_IQ = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"


# --- max_stanza_size ---

def message(to, size):
    """A message of exactly so many bytes."""
    start, end = f"<message to='{to}'><body>", "</body></message>"
    return start + "a" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("listener", ["small", "small_tls"])
def test_a_byte_more_is_too_much(connect, server, listener):
    c = connect(listener).login(server.account())
    c.send(message(c.jid, SMALL))
    assert c.expect_message() is not None
    c.send(message(c.jid, SMALL + 1))
    c.expect_error("policy-violation", "element too big")


@pytest.mark.parametrize("start", [
    "<message><body>", "<message><body><![CDATA[", "<message to='", "<message ",
    "<iq type='get' id='1'><query xmlns='urn:example:x'>", "<"], ids=lambda s: s[:20])
def test_it_is_cut_wherever_it_gets_too_long(connect, server, start):
    c = connect("small").login(server.account())
    c.send(start + "a" * SMALL)
    c.expect_error("policy-violation", "element too big")


def test_many_small_elements_are_one_stanza(connect, server):
    c = connect("small").login(server.account())
    c.send("<message>" + "<a/>" * SMALL)
    c.expect_error("policy-violation", "element too big")


def test_what_arrives_in_pieces_is_counted_in_full(connect, server):
    c = connect("small").login(server.account())
    c.send("<message><body>")
    for _ in range(5):
        c.send("a" * (SMALL // 6))
    c.send("a" * SMALL)
    c.expect_error("policy-violation", "element too big")


def test_it_is_counted_for_each_stanza(connect, server):
    c = connect("small").login(server.account())
    for _ in range(5):
        c.send(message(c.jid, SMALL - 10))
    assert all(c.expect_message() is not None for _ in range(5))


def test_other_streams_go_on(connect, server):
    one, other = (connect("small").login(server.account()) for _ in range(2))
    one.send(message(other.jid, SMALL * 2))
    one.expect_error("policy-violation", "element too big")
    assert other.sync() == []


def test_before_login_the_smaller_limit_counts(connect):
    for listener, size in (("small", SMALL), ("wide", 65536)):
        c = connect(listener)
        c.start()
        c.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + "A" * size)
        c.expect_error("policy-violation", "element too big")


def test_after_login_the_listeners_own_limit_counts(connect, server):
    c = connect("wide").login(server.account())
    c.send(message(c.jid, 150_000))
    assert len(ns.body(c.expect_message())) > 149_000
    c.send(message(c.jid, 200_001))
    c.expect_error("policy-violation", "element too big")


def test_header_that_is_too_long(connect):
    c = connect("small")
    c.send(HEADER.format(attributes=" to='localhost' version='1.0' x='" + "y" * SMALL))
    c.expect_error("policy-violation", "element too big")


# --- backwards_compatible_session ---

@pytest.mark.parametrize("listener", ["plain", "no_session"])
def test_session_opens_at_binding(connect, server, listener):
    """Nothing has to be asked for: the session is open before, and without, its IQ."""
    one = connect(listener).login(server.account())
    other = connect(listener).login(server.account())
    one.message(other.jid, "before")
    other.expect_message("before")


@pytest.mark.parametrize("listener", ["plain", "no_session"])
def test_session_iq_before_binding(connect, server, listener):
    c = connect(listener).login(server.account(), bind=False)
    c.send(f"<iq type='set' id='s'>{SESSION_IQ}</iq>")
    c.expect_error("not-authorized")


def test_session_iq_more_than_once(connect, server):
    c = connect().login(server.account())
    for to in (None, "localhost", None):
        assert c.iq("set", SESSION_IQ, to).get("type") == "result"
    assert c.sync() == []


# --- hide_service_name ---

@pytest.fixture(scope="module")
def hidden(server, tmp_path_factory):
    """A server that hides itself, beside the one that does not."""
    from lib.server import Server
    one = Server(tmp_path_factory.mktemp("hidden"), server.workers,
                 {"general": {"hide_service_name": True}},
                 {"plain": {}, "tls": {"tls": {"mode": "tls"}}, "late": {"state_timeout": 200}})
    one.start()
    yield one
    try:
        one.stop()
    finally:
        one.discard()


NOT_XMPP = [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
            b"SSH-2.0-x\r\n", b"\0", b"\xff\xfe<\0", b"<html>", b"<!DOCTYPE html>",
            b"<?xml version='1.0'?><policy-file-request/>", b"<stream xmlns='jabber:client'>",
            b"</stream:stream>"]


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("data", NOT_XMPP, ids=lambda d: repr(d[:16]))
def test_hidden_from_what_does_not_speak_xmpp(hidden, listener, data):
    with hidden.connect(listener) as c:
        c.send(data)
        c.eof()
        assert c.received == b""


def test_hidden_from_who_says_nothing(hidden):
    with hidden.connect("late") as c:
        c.eof()
        assert c.received == b""


def test_not_hidden_from_clients(hidden):
    with hidden.connect() as c:
        c.open(to="nowhere.example")
        c.expect_error("host-unknown")
    with hidden.connect() as c:
        c.login(hidden.account())
        c.send("</x>")
        c.expect_error("not-well-formed")


@pytest.mark.parametrize("data", NOT_XMPP[:4], ids=lambda d: repr(d[:16]))
def test_without_it_even_those_get_an_answer(connect, data):
    c = connect()
    c.send(data)
    assert c.header()["from"] == "localhost"


# --- tls ---

def test_tls_bytes_on_a_port_without_tls(server):
    with pytest.raises((ssl.SSLError, OSError)):
        Client(server.ports["plain"], tls=tls_context())


def test_header_in_clear_on_a_tls_port(server):
    """As XML it would be right, but it gets none."""
    with Client(server.ports["tls"]) as c:
        c.open()
        raw = b""
        try:
            while data := c.socket.recv(4096):
                raw += data
        except (ConnectionResetError, Eof):
            pass
        assert b"<" not in raw


def test_nothing_is_remembered_from_before_starttls(connect, server):
    """Neither the domain, nor the language, nor a login that had begun."""
    account = server.account()
    c = connect("starttls")
    c.start(attributes="xml:lang='de'")
    c.auth("SCRAM-SHA-1", f"n,,n={account.user},r=abcdefgh".encode())
    c.starttls()
    header, _ = c.start(to="other.example")
    assert header["from"] == "other.example"
    assert header[ns.XML_LANG] != "de"
    c.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AAAA</response>")
    failure = c.stanza()
    assert failure.tag == ns.SASL + "failure", ns.show(failure)
