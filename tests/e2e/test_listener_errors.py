"""How a stream ends when something is wrong: our header if none was sent, the error, the closing
tag, the end of TLS, the end of the connection."""
import base64

import pytest

from lib import ns
from lib.client import SaslFailure
from lib.raw import HEADER, Close

TRANSPORTS = ["plain", "starttls", "tls"]


def opened(connect, transport):
    c = connect(transport)
    if transport == "starttls":
        c.start()
        c.starttls()
    return c


# --- how it ends, on each transport ---

@pytest.mark.parametrize("transport", TRANSPORTS)
def test_before_any_header(connect, transport):
    c = opened(connect, transport)
    c.send("<!-- -->")
    header = c.header()
    assert header["from"] == "localhost" and header["id"] and header["version"] == "1.0"
    c.expect_error("restricted-xml")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_behind_the_header(connect, transport):
    c = opened(connect, transport)
    c.start()
    c.send("<message/>")
    c.expect_error("not-authorized")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_in_a_session(connect, server, transport):
    c = opened(connect, transport).login(server.account())
    c.send("<message></iq>")
    c.expect_error("not-well-formed")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_end_without_an_error(connect, server, transport):
    assert opened(connect, transport).login(server.account()).close() == []


def test_nothing_is_read_behind_an_error(connect, server):
    sender, receiver = (connect().login(server.account()) for _ in range(2))
    sender.send(f"<message to='{receiver.jid}' id='a'/><foo/>"
                f"<message to='{receiver.jid}' id='b'/>")
    sender.expect_error("unsupported-stanza-type")
    got = []
    while not got:  # from worker to worker it may take longer than the error
        got = [s.get("id") for s in receiver.sync() if s.tag == ns.MESSAGE]
    got += [s.get("id") for s in receiver.sync() if s.tag == ns.MESSAGE]
    assert got == ["a"]


def test_clients_error_is_answered_with_the_closing_tag(connect, server):
    for c in (connect(), connect().login(server.account())):
        if c.jid is None:
            c.start()
        c.send("<stream:error><undefined-condition "
               "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
        assert isinstance(c.event(), Close)
        c.eof()


# --- headers ---

def test_header_of_the_domain_in_errors(connect):
    """The default domain while none is known, then the client's."""
    c = connect(domain="other.example")
    c.open(version="0.9")
    assert c.header()["from"] == "other.example"
    c.expect_error("unsupported-version")


@pytest.mark.parametrize("to", ["romeo@localhost", "localhost/x", "", "a b", "127.0.0.1"])
def test_to_that_is_no_domain_of_ours(connect, to):
    c = connect()
    c.send(HEADER.format(attributes=f" to='{to}' version='1.0'"))
    c.expect_error("host-unknown")


@pytest.mark.parametrize("version", ["", "1", "x.y", "1.x", "-1.0", "0.10", "1.0.0"])
def test_version_that_is_none(connect, version):
    c = connect()
    c.open(version=version)
    c.expect_error("unsupported-version")


@pytest.mark.parametrize("version", ["1.0", "1.9", "2.0", "10.0"])
def test_version_that_is_new_enough(connect, version):
    header, _ = connect().start(version=version)
    assert header["version"] == "1.0"


def test_another_domain_after_login(connect, server):
    account = server.account()
    c = connect()
    c.start()
    c.auth_plain(account.user, account.password)
    c.restart()
    c.open(to="other.example")
    c.expect_error("host-unknown")


@pytest.mark.parametrize("lang, kept", [
    ("de", True), ("de-CH-1996", True), ("a" * 35, True), ("a" * 36, False), ("", False),
    ("a b", False), ("&lt;x&gt;", False), ("&apos; x=&apos;", False)])
def test_language_of_the_header(connect, lang, kept):
    c = connect()
    header, _ = c.start(attributes=f"xml:lang='{lang}'")
    assert header[ns.XML_LANG] == (lang if kept else "en")


def test_language_of_the_configuration(new_server):
    one = new_server({"general": {"language": "pl"}}, {"plain": {}})
    with one.connect() as c:
        assert c.start()[0][ns.XML_LANG] == "pl"
    with one.connect() as c:
        assert c.start(attributes="xml:lang='de'")[0][ns.XML_LANG] == "de"
    with one.connect() as c:
        c.send("</x>")
        assert c.header()[ns.XML_LANG] == "pl"


def test_second_header(connect):
    c = connect()
    c.start()
    c.open()
    error = c.stanza()
    assert error.tag == ns.STREAM + "error", ns.show(error)


# --- XML ---

@pytest.mark.parametrize("text", [
    "<?xml version='1.0' encoding='UTF-8'?>", "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
    "<?xml version='1.0' standalone='yes'?>", " \n", ""], ids=repr)
def test_declarations_that_are_fine(connect, text):
    c = connect()
    c.send(text + HEADER.format(attributes=" to='localhost' version='1.0'")[21:])
    assert c.header()["from"] == "localhost"


@pytest.mark.parametrize("data, condition", [
    ("<?xml version='1.0' encoding='UTF-16'?>", "unsupported-encoding"),
    (b"\xff\xfe<\0s\0", "unsupported-encoding"),
    (b"\xc0\xaf", "unsupported-encoding"),
    ("<!DOCTYPE a [<!ENTITY b 'c'>]>", "restricted-xml"),
    ("<?pi?>", "restricted-xml"),
    ("<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server' "
     "to='localhost' version='1.0'>", "invalid-namespace"),
    ("<message xmlns='jabber:client'/>", "invalid-namespace"),
    ("<x:stream xmlns:x='http://etherx.jabber.org/streams' xmlns='jabber:client' "
     "to='localhost' version='1.0'>", "bad-namespace-prefix"),
    ("<stream xmlns='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
     "bad-namespace-prefix"),
], ids=lambda d: repr(d[:24]))
def test_first_words(connect, data, condition):
    c = connect()
    c.send(data)
    c.expect_error(condition)


@pytest.mark.parametrize("inner, condition", [
    ("<!-- -->", "restricted-xml"), ("<?pi?>", "restricted-xml"), ("&nbsp;", "restricted-xml"),
    ("<!DOCTYPE x>", "restricted-xml"), ("<a:b/>", "not-well-formed"), ("]]>", "not-well-formed"),
    ("&", "not-well-formed"), ("&#xFFFF;", "not-well-formed"), ("\1", "not-well-formed"),
    ("<a b=c/>", "not-well-formed"), ("<a xmlns:xml='urn:x'/>", "not-well-formed"),
    (b"\xed\xa0\x80", "unsupported-encoding"), (b"\xf4\x90\x80\x80", "unsupported-encoding"),
], ids=repr)
def test_within_a_stanza(connect, server, inner, condition):
    c = connect().login(server.account())
    c.send("<message><body>")
    c.send(inner)
    c.send("</body></message>")
    c.expect_error(condition)


def test_what_xml_allows_in_a_stanza(connect, server):
    c = connect().login(server.account())
    c.send(f"<message to='{c.jid}'><body><![CDATA[<&>]]>&lt;&amp;&gt;&apos;&quot;&#65;&#x42;"
           "</body></message>")
    assert ns.body(c.expect_message()) == "<&><&>'\"AB"


def test_too_deep(connect, server):
    c = connect().login(server.account())
    c.send("<message>" + "<a>" * 2000)
    c.expect_error("policy-violation", "element too complex")


# --- SASL ---

def test_four_failures_of_any_kind(connect, server):
    """Then nothing is left to try: the stream is closed behind the last failure."""
    user = server.account().user
    c = connect()
    c.start()
    for mechanism, data, condition in (
            ("UNKNOWN", b"", "invalid-mechanism"),
            ("PLAIN", b"malformed", "malformed-request"),
            ("PLAIN", f"\0{user}\0wrong".encode(), "not-authorized")):
        with pytest.raises(SaslFailure) as failure:
            c.auth(mechanism, data)
        assert failure.value.condition == condition
    data = base64.b64encode(b"\0nobody\0wrong").decode()
    c.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
           f"{data}</auth>")
    last = c.stanza()
    assert last.tag == ns.SASL + "failure"
    c.expect_error("policy-violation")


def test_failures_before_starttls_are_not_forgotten_by_it(connect, server):
    """Or every STARTTLS would be a fresh start for who guesses passwords; there is one only."""
    c = connect("starttls")
    c.start()
    for _ in range(3):
        with pytest.raises(SaslFailure):
            c.auth("UNKNOWN")
    c.starttls()
    c.start()
    with pytest.raises(SaslFailure):
        c.auth("UNKNOWN")
