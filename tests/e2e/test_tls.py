"""STARTTLS (RFC 6120 section 5) and Direct TLS (XEP-0368)."""
import ssl
import warnings

import pytest

from lib import ns
from lib.client import Client, SaslFailure
from lib.raw import tls_context

LISTENERS = {
    "required": {"tls": {"mode": "starttls_required"}},
    "impatient": {"tls": {"mode": "tls"}, "state_timeout": 300},
}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


def test_starttls_is_offered(connect):
    _, features = connect("starttls").start()
    starttls = features.find(ns.TLS + "starttls")
    assert starttls is not None
    assert starttls.find(ns.TLS + "required") is None
    assert features.find(ns.SASL + "mechanisms") is not None


def test_no_starttls_without_a_tls_section(connect):
    c = connect("plain")
    _, features = c.start()
    assert features.find(ns.TLS + "starttls") is None
    c.send(STARTTLS)
    assert c.stanza().tag == ns.TLS + "failure"
    c.event()
    c.eof()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
def test_starttls(server, connect, version):
    c = connect("starttls")
    first, _ = c.start()
    c.starttls(tls_context(version))
    second, features = c.start()
    assert second["id"] != first["id"]
    assert features.find(ns.TLS + "starttls") is None
    assert features.find(ns.SASL + "mechanisms") is not None
    account = server.account()
    c.auth_scram("SCRAM-SHA-256", account.user, account.password)
    c.restart()
    _, features = c.start()
    assert features.find(ns.BIND + "bind") is not None
    assert features.find(ns.TLS + "starttls") is None
    assert c.bind().get("type") == "result"
    assert c.sync() == []


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
def test_direct_tls(server, connect, version):
    c = connect("tls", tls=tls_context(version, alpn=["xmpp-client"]))
    assert c.socket.selected_alpn_protocol() == "xmpp-client"
    c.login(server.account())
    assert c.sync() == []


def test_direct_tls_without_alpn(server, connect):
    c = connect("tls", tls=tls_context())
    assert c.socket.selected_alpn_protocol() is None
    c.login(server.account())
    assert c.sync() == []


def test_direct_tls_offers_no_starttls(connect):
    _, features = connect("tls").start()
    assert features.find(ns.TLS + "starttls") is None


def test_old_tls_is_refused(server, connect):
    context = tls_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        connect("tls", tls=context)


def test_injected_bytes_are_discarded(connect):
    """What stands behind <starttls/> in clear must not be taken for the first words of the
    encrypted stream."""
    c = connect("starttls")
    c.start()
    c.starttls(behind=b"<stream:stream xmlns='jabber:client' to='nowhere.example' "
                      b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
                      b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='BAD'/>")
    header, features = c.start()
    assert header["from"] == "localhost"
    assert features.find(ns.SASL + "mechanisms") is not None
    with pytest.raises(SaslFailure) as failure:
        c.auth("UNKNOWN")
    assert failure.value.condition == "invalid-mechanism"


def test_starttls_twice(connect):
    c = connect("starttls")
    c.start()
    c.starttls()
    c.start()
    c.send(STARTTLS)
    assert c.stanza().tag in (ns.TLS + "failure", ns.STREAM + "error")


def test_required_starttls_is_all_that_is_offered(connect):
    _, features = connect("required").start()
    assert [e.tag for e in features] == [ns.TLS + "starttls"]
    assert features[0].find(ns.TLS + "required") is not None


def test_auth_before_required_starttls(server, connect):
    c = connect("required")
    c.start()
    account = server.account()
    with pytest.raises(SaslFailure) as failure:
        c.auth_plain(account.user, account.password)
    assert failure.value.condition == "encryption-required"
    c.starttls()
    c.start()
    c.auth_plain(account.user, account.password)


def test_stanza_before_required_starttls(connect):
    c = connect("required")
    c.start()
    c.send("<presence/>")
    c.expect_error("not-authorized")


def test_plain_bytes_on_a_tls_port(server):
    """They get an alert, perhaps, but no XML."""
    with Client(server.ports["tls"]) as c:
        c.open()
        got = b""
        try:
            while data := c.socket.recv(4096):
                got += data
        except ConnectionResetError:
            pass
        assert b"<" not in got


def test_handshake_that_does_not_come(server):
    """The connection is closed without a word: there is no stream to say it on."""
    with Client(server.ports["impatient"]) as c:
        assert c.socket.recv(4096) == b""


def test_large_data_both_ways(server, connect):
    c = connect("tls").login(server.account())
    text = "0123456789" * 30_000
    for _ in range(3):
        c.message(c.jid, text)
    for _ in range(3):
        assert ns.body(c.expect_message()) == text


def test_close_notify_ends_tls(server, connect):
    """unwrap() succeeds only if the server answers with its own close_notify."""
    c = connect("tls").login(server.account())
    c.send("</stream:stream>")
    c.event()
    try:
        assert c.socket.recv(10) == b""  # an orderly end: no SSLEOFError
    except ssl.SSLError as e:
        raise AssertionError("no close_notify") from e


def test_certificate_is_the_configured_one(server, connect):
    with open(server.certificate, encoding="ascii") as f:
        expected = ssl.PEM_cert_to_DER_cert(f.read())
    for listener in ("tls", "starttls"):
        c = connect(listener)
        if listener == "starttls":
            c.start()
            c.starttls()
        assert c.socket.getpeercert(binary_form=True) == expected
