"""Streams (RFC 6120 section 4): headers, errors, the end."""
import pytest

from lib import ns
from lib.client import SaslFailure
from lib.raw import HEADER, Close

LISTENERS = {
    "impatient": {"state_timeout": 300},
    "hasty": {"state_timeout": 1500},
    "small": {"max_stanza_size": 2000},
}

STANZAS = "xmlns='jabber:client'"
STREAMS = "xmlns:stream='http://etherx.jabber.org/streams'"


# --- the header ---

def test_header_attributes(connect):
    c = connect()
    c.open(attributes="from='juliet@localhost' xml:lang='de'")
    header = c.header()
    assert header["from"] == "localhost"
    assert header["version"] == "1.0"
    assert header["id"]
    assert header["to"] == "juliet@localhost"
    assert header[ns.XML_LANG]
    c.features()


def test_header_without_from_has_no_to(connect):
    header, _ = connect().start()
    assert "to" not in header


def test_header_namespace_declarations(connect):
    c = connect()
    c.start()
    start = c.received[:c.received.index(b"<stream:features")].replace(b'"', b"'")
    assert b"xmlns='jabber:client'" in start
    assert b"xmlns:stream='http://etherx.jabber.org/streams'" in start


def test_stream_ids_differ(connect):
    assert len({connect().start()[0]["id"] for _ in range(8)}) == 8


def test_second_domain(connect):
    header, _ = connect(domain="other.example").start()
    assert header["from"] == "other.example"


def test_domain_is_compared_after_preparation(connect):
    header, _ = connect().start(to="LOCALHOST")
    assert header["from"] == "localhost"


def test_higher_version_is_answered_with_1_0(connect):
    header, _ = connect().start(version="1.1")
    assert header["version"] == "1.0"


@pytest.mark.parametrize("version", [None, "0.9"])
def test_old_version(connect, version):
    c = connect()
    c.open(version=version)
    c.expect_error("unsupported-version")


def test_unknown_host(connect):
    c = connect()
    c.open(to="nowhere.example")
    c.expect_error("host-unknown")


def test_missing_to_with_two_domains(connect):
    c = connect()
    c.open(to=None)
    c.expect_error("improper-addressing")


def test_missing_to_with_one_domain(new_server):
    one = new_server({"general": {"hosts": ["localhost"]}}, {"plain": {}})
    with one.connect() as c:
        header, _ = c.start(to=None)
        assert header["from"] == "localhost"


@pytest.mark.parametrize("text, condition", [
    pytest.param(f"<stream:stream {STANZAS} xmlns:stream='urn:wrong' to='localhost'>",
                 "invalid-namespace", id="stream-namespace"),
    pytest.param(f"<stream:stream xmlns='urn:wrong' {STREAMS} to='localhost' version='1.0'>",
                 "invalid-namespace", id="stanza-namespace"),
    pytest.param(f"<message {STANZAS}/>", "invalid-namespace", id="no-stream"),
    pytest.param(f"<foo:stream {STANZAS} xmlns:foo='http://etherx.jabber.org/streams' "
                 "to='localhost' version='1.0'>", "bad-namespace-prefix", id="prefix"),
    pytest.param(f"<!-- a comment --><stream:stream {STANZAS} {STREAMS} to='localhost'>",
                 "restricted-xml", id="comment"),
    pytest.param("<!DOCTYPE stream><stream:stream>", "restricted-xml", id="dtd"),
    pytest.param("<?xml version='1.0' encoding='ISO-8859-1'?>", "unsupported-encoding",
                 id="encoding"),
    pytest.param(f"<stream:stream {STANZAS} {STREAMS} to='localhost' to='localhost'>",
                 "not-well-formed", id="attribute-twice"),
    pytest.param("GET / HTTP/1.1\r\n\r\n", "not-well-formed", id="http"),
    pytest.param("<stream:stream version='1.0' to='localhost'>", "not-well-formed",
                 id="undeclared-prefix"),
])
def test_bad_start(connect, text, condition):
    c = connect()
    c.send(text)
    c.expect_error(condition)


def test_errors_come_behind_a_header(connect):
    c = connect()
    c.send("not XML at all <<<")
    assert c.header()["from"] == "localhost"
    c.expect_error("not-well-formed")


@pytest.mark.parametrize("text, condition", [
    pytest.param("<!-- no comments -->", "restricted-xml", id="comment"),
    pytest.param("<?php echo ?>", "restricted-xml", id="instruction"),
    pytest.param("<!DOCTYPE x [<!ENTITY a 'b'>]>", "restricted-xml", id="dtd"),
    pytest.param("<message><body>&unknown;</body></message>", "restricted-xml", id="entity"),
    pytest.param("<message></presence>", "not-well-formed", id="nesting"),
    pytest.param("<message to=romeo/>", "not-well-formed", id="no-quotes"),
    pytest.param("<message><x:y/></message>", "not-well-formed", id="undeclared-prefix"),
    pytest.param("<message id='1' id='2'/>", "not-well-formed", id="attribute-twice"),
    pytest.param(b"<message><body>\xff\xfe</body></message>", "unsupported-encoding", id="utf-8"),
    pytest.param("<message><body>&#0;</body></message>", "not-well-formed", id="nul"),
])
def test_bad_xml_in_a_session(login, text, condition):
    c = login()
    c.send(text)
    c.expect_error(condition)


def test_text_between_stanzas(login):
    """Nothing but white space may stand there; the RFC does not say which error it is."""
    c = login()
    c.send("free text")
    expect_one_of(c, ("bad-format", "invalid-xml", "not-well-formed", "unsupported-stanza-type"))


def expect_one_of(c, conditions):
    """Where the RFC leaves the choice."""
    event = c.stanza()
    assert event.tag == ns.STREAM + "error", ns.show(event)
    assert ns.conditions(event, ns.STREAM_ERROR)[0] in conditions, ns.show(event)
    assert isinstance(c.event(), Close)
    c.eof()


# --- what may come when ---

@pytest.mark.parametrize("stanza", [
    "<message to='localhost'><body>hi</body></message>",
    "<presence/>",
    "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
], ids=["message", "presence", "iq"])
def test_stanza_before_authentication(connect, stanza):
    c = connect()
    c.start()
    c.send(stanza)
    c.expect_error("not-authorized")


@pytest.mark.parametrize("element", ["<foo/>", "<foo xmlns='urn:example:unknown'/>"],
                         ids=["foo", "foo-of-another-namespace"])
def test_unknown_element_before_authentication(connect, element):
    c = connect()
    c.start()
    c.send(element)
    expect_one_of(c, ("unsupported-stanza-type", "not-authorized"))


def test_unknown_element_in_a_session(login):
    c = login()
    c.send("<foo/>")
    c.expect_error("unsupported-stanza-type")


def test_stanza_of_another_namespace_in_a_session(login):
    c = login()
    c.send("<message xmlns='urn:example:unknown'/>")
    expect_one_of(c, ("unsupported-stanza-type", "invalid-namespace"))


@pytest.mark.parametrize("sender", ["romeo@localhost", "localhost", "romeo@other.example"])
def test_invalid_from(login, sender):
    c = login()
    c.send(f"<message to='localhost' from='{sender}'/>")
    c.expect_error("invalid-from")


def test_from_of_another_resource(login):
    c = login()
    c.send(f"<message to='localhost' from='{c.bare}/elsewhere'/>")
    c.expect_error("invalid-from")


def test_own_from_is_right(login):
    c = login()
    for sender in (c.jid, c.bare):
        c.send(f"<iq type='get' id='own' from='{sender}' to='localhost'>"
               "<ping xmlns='urn:xmpp:ping'/></iq>")
        assert c.expect(ns.IQ).get("type") == "result"


# --- the end ---

def test_closing_handshake(login):
    assert login().close() == []


def test_closing_before_authentication(connect):
    c = connect()
    c.start()
    assert c.close() == []


def test_answers_come_before_the_end(login):
    c = login()
    c.send("<iq type='get' id='last' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert [s.get("id") for s in c.close()] == ["last"]


def test_white_space_keeps_alive(login):
    c = login()
    for _ in range(20):
        c.send(" \n\t\r\n ")
    assert c.sync() == []


# --- sizes and times ---

def test_dripped_stanza(login):
    c = login()
    text = (f"<message to='{c.jid}' id='drip'>"
            "<body>&lt;dr\u00fc\u20ac\U0001F600p&gt;</body></message>")
    for byte in text.encode():
        c.send(bytes([byte]))
    assert ns.body(c.expect_message()) == "<dr\u00fc\u20ac\U0001F600p>"


def test_dripped_header(connect):
    c = connect()
    for byte in HEADER.format(attributes=" to='localhost' version='1.0'").encode():
        c.send(bytes([byte]))
    assert c.header()["from"] == "localhost"
    c.features()


def test_many_stanzas_in_one_write(login):
    c = login()
    c.send("".join(f"<message to='{c.jid}' id='m{i}'/>" for i in range(200)))
    assert [c.expect_message().get("id") for _ in range(200)] == [f"m{i}" for i in range(200)]


def test_stanza_of_the_allowed_size(server, connect):
    c = connect("small").login(server.account())
    start, end = f"<message to='{c.jid}'><body>", "</body></message>"
    text = "a" * (2000 - len(start) - len(end))
    c.send(start + text + end)
    assert ns.body(c.expect_message()) == text


def test_stanza_too_big(server, connect):
    c = connect("small").login(server.account())
    c.send(f"<message to='{c.jid}'><body>{'a' * 2000}</body></message>")
    c.expect_error("policy-violation", "element too big")


def test_stanza_too_big_is_cut_while_it_arrives(server, connect):
    c = connect("small").login(server.account())
    c.send(f"<message to='{c.jid}'><body>{'a' * 2000}")  # and no end
    c.expect_error("policy-violation", "element too big")


def test_large_stanza_without_a_limit(login):
    c = login()
    text = "b" * 300_000
    c.message(c.jid, text)
    assert ns.body(c.expect_message()) == text


def test_64_kib_are_enough_before_login(connect):
    c = connect()
    c.start()
    c.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + "A" * 70_000)
    c.expect_error("policy-violation")


def test_timeout_without_a_header(connect):
    connect("impatient").expect_error("connection-timeout")


def test_timeouts_of_each_step_and_none_in_a_session(server, connect):
    session = connect("hasty").login(server.account())
    before_sasl, before_bind = connect("hasty"), connect("hasty")
    before_sasl.start()
    before_bind.login(server.account(), bind=False)
    before_sasl.expect_error("connection-timeout")
    before_bind.expect_error("connection-timeout")
    assert session.sync() == []


def test_dripping_does_not_extend_a_step(connect):
    c = connect("impatient")
    c.socket.settimeout(0.01)
    data = b""
    try:
        while b"connection-timeout" not in data:
            c.socket.send(b" ")
            try:
                data += c.socket.recv(4096)
            except TimeoutError:
                c.socket.settimeout(0.01)
    except OSError:
        pass  # closed between two bytes
    assert b"connection-timeout" in data


def test_hidden_service_name(new_server):
    one = new_server({"general": {"hide_service_name": True}}, {"plain": {}})
    with one.connect() as c:
        c.send("GET / HTTP/1.1\r\n\r\n")
        c.eof()
        assert c.received == b""
    with one.connect() as c:
        c.start()
        with pytest.raises(SaslFailure):
            c.auth("UNKNOWN")
