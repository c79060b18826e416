"""The options of [listen.c2s.tls] for the server's side, as a client sees them."""
import datetime
import hashlib
import re
import ssl
import subprocess
import warnings
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from lib import env, pki
from lib.client import Client
from lib.raw import tls_context

V = ssl.TLSVersion
LISTENERS = {
    "only13": {"tls": {"mode": "tls", "versions": ["tlsv1.3"]}},
    "fast": {"tls": {"mode": "tls", "keyfile": None, "certfile": "cert+key.pem"}},
    "hole": {"tls": {"mode": "tls", "keyfile": None, "certfile": "cert+key.pem",
                     "protocol_options": ["no_tlsv1", "no_tlsv1_2"],
                     "ciphers": "ALL:@SECLEVEL=0"}},
    "ciphers": {"tls": {"mode": "tls", "ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305:"
                                                  "TLS_AES_256_GCM_SHA384"}},
    "tickets": {"tls": {"mode": "tls", "session_tickets": "stateless"}},
    "ocsp": {"tls": {"mode": "tls", "keyfile": None, "certfile": "issued.pem",
                     "ocsp_file": "issued.der"}},
    "sni-starttls": {"tls": {"sni_certfiles": ["other.pem"]}},
    "sni": {"tls": {"mode": "tls", "sni_certfiles": ["other.pem"]}},
    "pkcs8": {"tls": {"mode": "tls", "keyfile": "pkcs8.pem", "password": "open sesame"}},
    "traditional": {"tls": {"mode": "tls", "keyfile": "traditional.pem",
                            "password": "open sesame"}},
    "old": {"tls": {"mode": "tls", "versions": ["tlsv1", "tlsv1.1"],
                    "ciphers": "ALL:@SECLEVEL=0"}},
}


def ocsp_response(root, issued, days):
    """In DER: the certificate is good, for so long."""
    now = datetime.datetime.utcnow()
    return (ocsp.OCSPResponseBuilder()
            .add_response(issued.certificate, root.certificate, hashes.SHA1(),
                          ocsp.OCSPCertStatus.GOOD, now - datetime.timedelta(days=2),
                          now + datetime.timedelta(days=days), None, None)
            .responder_id(ocsp.OCSPResponderEncoding.HASH, root.certificate)
            .sign(root.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def prepare(server):
    """The files that the listeners name."""
    for name, words in (("pkcs8", ["pkcs8", "-topk8"]), ("traditional", ["ec", "-aes256"])):
        subprocess.run(["openssl", *words, "-in", server.key, "-passout", "pass:open sesame",
                        "-out", f"{server.directory}/{name}.pem"],
                       check=True, capture_output=True)
    other = pki.make("whatever", purpose="server", extra=[(x509.SubjectAlternativeName(
        [x509.DNSName("other.example"), x509.DNSName("*.other.example")]), False)])
    directory = pki.Directory(server.directory)
    directory.write("other.pem", other.pem() + other.key_pem())
    root = pki.make("root", purpose="ca")
    issued = pki.make("issued", issuer=root, purpose="server", days=(-1, 90))
    directory.write("issued.pem", issued.pem() + root.pem() + issued.key_pem())
    directory.write("issued.der", ocsp_response(root, issued, 1))


def context(version):
    """A client that speaks only this version, be it an old one."""
    one = tls_context()
    if version < V.TLSv1_2:
        one.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        one.minimum_version = one.maximum_version = version
    return one


def spoken(connect, listener):
    """Those that the listener speaks."""
    result = []
    for version in (V.TLSv1, V.TLSv1_1, V.TLSv1_2, V.TLSv1_3):
        try:
            c = connect(listener, tls=context(version))
        except (ssl.SSLError, ConnectionResetError):
            continue
        result.append(c.socket.version())
    return result


def refused(server, tls, *words):
    """A configuration with these TLS options is refused; the words stand in the message."""
    server.listeners = {"plain": {}, "bad": {"tls": tls}}
    server.ports = {"plain": 5222, "bad": 5223}
    server.write_config()
    done = server.run("check")
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr
    return done.stderr


# --- versions and modules ---

def test_versions_are_those_of_the_list(connect):
    assert spoken(connect, "tls") == ["TLSv1.2", "TLSv1.3"]
    assert spoken(connect, "only13") == ["TLSv1.3"]
    assert spoken(connect, "old") == ["TLSv1", "TLSv1.1"]


def test_old_versions_carry_a_session(server, connect):
    connect("old", tls=context(V.TLSv1)).login(server.account()).sync()


def test_protocol_options(connect):
    assert spoken(connect, "fast") == ["TLSv1.2", "TLSv1.3"]
    assert spoken(connect, "hole") == ["TLSv1.1", "TLSv1.3"]


def test_options_and_versions_that_cannot_be(new_server):
    server = new_server(start=False)
    fast = {"keyfile": None, "certfile": "cert+key.pem"}
    refused(server, fast | {"protocol_options": ["no_tlsv1_4"]},
            "listen.c2s[2].tls.protocol_options[1]", 'did you mean "no_tlsv1')
    refused(server, fast | {"protocol_options": ["no_tlsv1", "no_tlsv1_1", "no_tlsv1_2",
                                                 "no_tlsv1_3"]},
            "listen.c2s[2].tls.protocol_options: no version of TLS is left")
    refused(server, {"versions": ["tlsv1", "tlsv1.2"]},
            "listen.c2s[2].tls.versions: TLS 1.0 cannot be spoken: OpenSSL has it at its "
            "security level 0 only, and the level here is 2")


# --- ciphers ---

def cipher(connect, listener, version):
    return connect(listener, tls=context(version)).socket.cipher()[0]


def test_ciphers_of_both_kinds(connect):
    assert cipher(connect, "ciphers", V.TLSv1_2) == "ECDHE-ECDSA-CHACHA20-POLY1305"
    assert cipher(connect, "ciphers", V.TLSv1_3) == "TLS_AES_256_GCM_SHA384"


def test_ciphers_that_leave_a_version_out(new_server):
    server = new_server(start=False)
    server.listeners = {"plain": {}, "tls": {"tls": {
        "ciphers": "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384"}}}
    server.ports = {"plain": 5222, "tls": 5223}
    server.write_config()
    done = server.run("check")
    assert done.returncode == 0
    assert ("warning: listen.c2s[2].tls.ciphers: TLS 1.3 is not spoken: the string selects "
            "nothing of it") in done.stderr
    refused(server, {"versions": ["tlsv1.3"], "ciphers": "TLSv1.2"},
            "listen.c2s[2].tls.ciphers", "TLS 1.3 is not spoken")
    refused(server, {"ciphers": "ROT13"}, "listen.c2s[2].tls.ciphers", "the string selects nothing")


@pytest.mark.parametrize("listener", ["tls", "fast"])
def test_nothing_weak_by_default(server, listener):
    """sslscan's view: versions, ciphers, and what a server must not do."""
    done = subprocess.run(
        ["sslscan", "--no-colour", "--xml=-", f"--connect-timeout={env.DEADLINE:.0f}",
         f"--timeout={env.DEADLINE:.0f}", f"127.0.0.1:{server.ports[listener]}"],
        capture_output=True, text=True, timeout=4 * env.DEADLINE, check=True)
    scan = ElementTree.fromstring(done.stdout).find("ssltest")
    spoken = {f"{p.get('type')} {p.get('version')}" for p in scan.iter("protocol")
              if p.get("enabled") == "1"}
    assert spoken == {"tls 1.2", "tls 1.3"}
    found = list(scan.iter("cipher"))
    assert {c.get("sslversion") for c in found} == {"TLSv1.2", "TLSv1.3"}
    for one in found:
        assert int(one.get("bits")) >= 128, one.attrib
        assert one.get("strength") in ("strong", "acceptable"), one.attrib
        assert not re.search("NULL|EXP|ADH|AECDH|anon|RC4|DES|MD5|PSK|SRP", one.get("cipher"))
    assert scan.find("renegotiation").get("supported") == "0"
    assert not [h for h in scan.iter("heartbleed") if h.get("vulnerable") != "0"]
    assert not [c for c in scan.iter("compression") if c.get("supported") != "0"]


# --- keys ---

def test_encrypted_keys_of_both_formats(connect, server):
    for listener in ("pkcs8", "traditional"):
        connect(listener).login(server.account()).sync()


def test_password_is_never_shown(server):
    assert "open sesame" not in server.read_log()
    assert "open sesame" not in server.run("check").stderr


# --- names ---

def names_of(c):
    certificate = x509.load_der_x509_certificate(c.socket.getpeercert(binary_form=True))
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return san.value.get_values_for_type(x509.DNSName)


def test_certificate_by_name(server):
    ours, theirs = ["localhost", "other.example"], ["other.example", "*.other.example"]
    for name, want in (("localhost", ours), ("other.example", theirs),
                       ("muc.OTHER.example", theirs), ("elsewhere.example", ours)):
        with server.connect("sni", domain=name) as c:
            assert names_of(c) == want


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3], ids=lambda v: v.name)
def test_channel_binding_of_that_certificate(connect, server, version):
    account = server.account_named(f"{version.name.lower()}@other.example")
    c = connect("sni", domain="other.example", tls=context(version))
    assert names_of(c)[1] == "*.other.example"
    c.start()
    c.auth_scram("SCRAM-SHA-256-PLUS", account.user, account.password,
                 gs2="p=tls-server-end-point,,",
                 binding=hashlib.sha256(c.socket.getpeercert(binary_form=True)).digest())


def test_certificate_by_name_with_starttls(connect):
    c = connect("sni-starttls", domain="other.example")
    c.start()
    c.starttls()
    assert names_of(c) == ["other.example", "*.other.example"]


# --- resumption ---

CONTEXT = tls_context()  # a session is of one


def resume(server, listener, session=None, context=CONTEXT):
    """A connection's session after the server has spoken, and whether it was resumed."""
    with Client(server.ports[listener]) as c:
        c.socket = context.wrap_socket(c.socket, server_hostname="localhost", session=session)
        c.start()
        return c.socket.session, c.socket.session_reused


def test_tickets_resume_a_session(server):
    session, reused = resume(server, "tickets")
    assert not reused and session.has_ticket
    assert session.ticket_lifetime_hint == 3600
    for _ in range(3):
        session, reused = resume(server, "tickets", session)
        assert reused
    with Client(server.ports["tickets"]) as c:
        c.socket = CONTEXT.wrap_socket(c.socket, server_hostname="localhost", session=session)
        c.login(server.account()).sync()


def test_no_tickets_by_default(server):
    session, reused = resume(server, "tls")
    assert not session.has_ticket and not reused
    assert not resume(server, "tls", session)[1]


def test_tickets_only_of_tls_13(server):
    old = context(V.TLSv1_2)
    session, _ = resume(server, "tickets", context=old)
    assert not resume(server, "tickets", session, old)[1]


def test_early_data_is_refused(new_server):
    refused(new_server(start=False), {"early_data": True}, "listen.c2s[2].tls.early_data",
            "cannot be true")


def test_keep_secrets(new_server, monkeypatch):
    over = {"plain": {}, "tls": {"tls": {"mode": "tls", "keep_secrets": True}}}
    server = new_server(listeners=over, start=False)
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    refused(server, {"keep_secrets": True},
            "tls.keep_secrets: the environment variable SSLKEYLOGFILE names no file")
    monkeypatch.setenv("SSLKEYLOGFILE", f"{server.directory}/keys")
    server.listeners = over
    server.start()
    with server.connect("tls") as c:
        c.start()
    with open(f"{server.directory}/keys", encoding="ascii") as f:
        assert "CLIENT_TRAFFIC_SECRET_0 " in f.read()
    assert "keep_secrets: the keys of all connections are written to" in server.read_log()


# --- certificates that expire ---

def test_expiry_is_shown_and_logged(new_server):
    server = new_server(listeners={"plain": {}, "sni": {"tls": {
        "mode": "tls", "sni_certfiles": ["old.pem", "soon.pem", "early.pem"]}}}, start=False)
    directory = pki.Directory(server.directory)
    for name, days in (("old", (-9, -2)), ("soon", (-1, 7.5)), ("early", (3, 90))):
        made = pki.make(f"{name}.example", purpose=None, days=days)
        directory.write(f"{name}.pem", made.pem() + made.key_pem())
    server.start()
    done = server.run("check")
    assert done.returncode == 0
    assert "warning: old.pem: the certificate expired at 20" in done.stderr
    assert "warning: soon.pem: the certificate expires at 20" in done.stderr
    assert ", in 7 days" in done.stderr
    assert "warning: early.pem: the certificate is good only from 20" in done.stderr
    assert f"{server.certificate}: the certificate is good until 20" in done.stdout
    log = server.read_log()
    for level, text in (("error", "old.pem: the certificate expired"),
                        ("error", "early.pem: the certificate is good only from"),
                        ("warning", "soon.pem: the certificate expires")):
        assert re.search(rf" {level} +tls.expiry: {text}", log), log


# --- stapling ---

def s_client(server, listener, *words):
    """What `openssl s_client` says of a handshake."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.ports[listener]}", *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=env.DEADLINE,
        check=False)
    return done.stdout


def test_ocsp_response_is_stapled(server):
    assert "Cert Status: good" in s_client(server, "ocsp", "-status")
    assert "Cert Status: good" in s_client(server, "ocsp", "-status", "-tls1_2")
    assert "OCSP response: no response sent" in s_client(server, "tls", "-status")


def test_ocsp_response_out_of_date(new_server):
    server = new_server(listeners={"plain": {}, "ocsp": LISTENERS["ocsp"]}, start=False)
    prepare(server)
    root = pki.make("root", purpose="ca")
    issued = pki.make("issued", issuer=root, purpose="server", days=(-1, 90))
    directory = pki.Directory(server.directory)
    directory.write("issued.pem", issued.pem() + root.pem() + issued.key_pem())
    refused(server, LISTENERS["ocsp"]["tls"],
            "listen.c2s[2].tls.ocsp_file: issued.der: the response is about another")
    directory.write("issued.der", ocsp_response(root, issued, -1))
    server.listeners = {"plain": {}, "ocsp": LISTENERS["ocsp"]}
    server.start()
    assert "OCSP response: no response sent" in s_client(server, "ocsp", "-status")
    assert re.search("warning +tls.ocsp: issued.der: the response is out of date",
                     server.read_log())
