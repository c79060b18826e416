"""Clients' certificates: verify_mode, cacertfile, crl_files, disconnect_on_failure, for each
certificate and both modules: does the handshake end well, is EXTERNAL offered, does it log in.
docs/listener.md has the same table in words."""
import ssl
import subprocess
import time

import pytest

from lib import env, ns, pki
from lib.client import SaslFailure
from lib.raw import tls_context
from lib.server import Server

# What each certificate is worth in the modes "peer" and "selfsigned_peer" of just_tls, which has
# a revocation list, and the alert where it must pass and does not: of TLS 1.3, and of TLS 1.2
# where it is another one.
UNKNOWN_CA = ("TLSV1_ALERT_UNKNOWN_CA",)
CERTIFICATES = {
    "none": (False, False, ("TLSV13_ALERT_CERTIFICATE_REQUIRED",
                            "SSLV3_ALERT_HANDSHAKE_FAILURE")),
    "signed": (True, True, None),
    "intermediate": (True, True, None),
    "self-signed": (False, True, UNKNOWN_CA),
    "expired": (False, False, ("SSLV3_ALERT_CERTIFICATE_EXPIRED",)),
    "future": (False, False, ("SSLV3_ALERT_BAD_CERTIFICATE",)),
    "stranger": (False, False, UNKNOWN_CA),
    "purpose": (False, False, ("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",)),
    "critical": (False, False, ("SSLV3_ALERT_CERTIFICATE_UNKNOWN",)),
    "revoked": (False, False, ("SSLV3_ALERT_CERTIFICATE_REVOKED",)),
}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
JUST, FAST = {"module": "just_tls"}, {"module": "fast_tls"}
MODES = {
    "just-peer": JUST | {"verify_mode": "peer"},
    "just-peer-openssl": JUST | {"verify_mode": "peer", "record_layer": "openssl"},
    "just-peer-go-on": JUST | {"verify_mode": "peer", "disconnect_on_failure": False},
    "just-self": JUST | {"verify_mode": "selfsigned_peer"},
    "just-self-go-on": JUST | {"verify_mode": "selfsigned_peer",
                               "disconnect_on_failure": False},
    "just-none": JUST | {"verify_mode": "none"},
    "just-none-go-on": JUST | {"verify_mode": "none", "disconnect_on_failure": False},
    "fast-peer": FAST | {"verify_mode": "peer"},
    "fast-none": FAST | {"verify_mode": "none"},
}


EXTERNAL = {"auth": {"methods": ["internal", "pki"], "sasl_mechanisms": [
    "external", "scram_sha1", "plain"]}}


class Clients:
    """A TLS context for each certificate and version, made once."""

    def __init__(self, path):
        self.files = pki.Directory(path)
        self.root = pki.make("Root", purpose="ca")
        self.intermediate = pki.make("Intermediate", self.root, purpose="ca")
        self.certified = {
            "signed": self.client(self.root),
            "intermediate": self.client(self.intermediate),
            "self-signed": self.client(None),
            "expired": self.client(self.root, days=(-9, -1)),
            "future": self.client(self.root, days=(1, 9)),
            "stranger": self.client(pki.make("Other Root", purpose="ca")),
            "purpose": self.client(self.root, purpose="server"),
            "revoked": self.client(self.root),
            "critical": self.client(self.root, extra=[
                (pki.x509.UnrecognizedExtension(
                    pki.x509.ObjectIdentifier("1.2.3.4.5"), b"\5\0"), True)]),
        }
        self.cacertfile = self.files.write("root.pem", self.root.pem())
        self.crl = self.files.write("root.crl",
                                    pki.make_crl(self.root, [self.certified["revoked"]]))
        self.contexts = {}

    def client(self, issuer, **options):
        return pki.make("romeo", issuer, ["romeo@localhost"], **options)

    def context(self, kind, version):
        context = self.contexts.get((kind, version))
        if context is None:
            context = self.contexts[kind, version] = tls_context(version)
            if kind != "none":
                self.files.load(context, self.certified[kind])
        return context


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    return Clients(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="module")
def server(request, workers, clients, tmp_path_factory):
    """One server with a listener for each mode."""
    one = Server(tmp_path_factory.mktemp("server"), workers, EXTERNAL)
    both = clients.files.write("server.pem", b"".join(
        open(name, "rb").read() for name in (one.certificate, one.key)))
    crls = {"crl_files": [clients.crl]}
    one.listeners = {
        name: {"tls": {"mode": "tls", "certfile": both, "keyfile": None,
                       "cacertfile": clients.cacertfile} | tls
                      | (crls if tls["module"] == "just_tls" else {})}
        for name, tls in MODES.items()}
    request.node.e2e_servers = [one]
    one.start()
    yield one
    try:
        one.stop()
    finally:
        one.discard()


def alert_of(server, listener, context):
    """The alert that ends the handshake; in TLS 1.3 it comes when the client's part is over."""
    with pytest.raises(ssl.SSLError) as error:
        with server.connect(listener, tls=context) as client:
            client.socket.recv(1)
    return error.value.reason


def passes(tls, kind):
    """Whether it does, on a listener with these options."""
    if kind == "revoked" and tls["module"] == "fast_tls":
        kind = "signed"  # it has no revocation lists
    peer, self_signed, _ = CERTIFICATES[kind]
    return {"peer": peer, "selfsigned_peer": self_signed, "none": False}[tls["verify_mode"]]


def mechanisms(features):
    return [m.text for m in features.iterfind(f"{ns.SASL}mechanisms/{ns.SASL}mechanism")]


def log_in(client, authzid=b"", resource=None):
    """By the certificate, from the first header to the bound resource; returns the JID."""
    _, features = client.start()
    assert mechanisms(features)[0] == "EXTERNAL"
    assert client.auth("EXTERNAL", authzid).tag == ns.SASL + "success"
    client.restart()
    client.start()
    client.bind(resource)
    return client.jid


def is_refused(tls, kind):
    return (tls["module"] == "just_tls" and tls["verify_mode"] != "none"
            and tls.get("disconnect_on_failure", True) and not passes(tls, kind))


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
@pytest.mark.parametrize("mode", MODES)
def test_certificate(server, clients, mode, version):
    for kind, (*_, alerts) in CERTIFICATES.items():
        context = clients.context(kind, version)
        if is_refused(MODES[mode], kind):
            wanted = alerts[-1 if version == ssl.TLSVersion.TLSv1_2 else 0]
            assert alert_of(server, mode, context) == wanted, kind
            continue
        with server.connect(mode, tls=context) as client:
            if passes(MODES[mode], kind):
                assert ns.bare(log_in(client)) == "romeo@localhost", kind
                continue
            _, features = client.start()
            assert mechanisms(features) == ["SCRAM-SHA-1", "PLAIN"], kind
            with pytest.raises(SaslFailure) as failure:
                client.auth("EXTERNAL", b"")
            assert failure.value.condition == "invalid-mechanism", kind


def test_revocation_list_is_read_again(new_server, clients, tmp_path):
    """A new list holds from the reload on, or soon by itself; one that is out of date lets nobody
    pass."""
    files = pki.Directory(tmp_path)
    crl = files.write("list.pem", pki.make_crl(clients.root))
    server = new_server(listeners={"tls": {"tls": {
        "mode": "tls", "verify_mode": "peer", "cacertfile": clients.cacertfile,
        "crl_files": [crl]}}})
    revoked, other = (clients.context(kind, ssl.TLSVersion.TLSv1_3)
                      for kind in ("revoked", "signed"))
    with server.connect("tls", tls=revoked) as client:
        client.start()
        files.write("list.pem", pki.make_crl(clients.root, [clients.certified["revoked"]]))
        assert server.run("reload").returncode == 0
        client.send("<presence/>")  # who is connected already stays
        client.expect_error("not-authorized")
    assert alert_of(server, "tls", revoked) == "SSLV3_ALERT_CERTIFICATE_REVOKED"
    with server.connect("tls", tls=other) as client:
        client.start()
    files.write("list.pem", pki.make_crl(clients.root, days=(-9, -1)))
    done = server.run("reload")
    assert done.returncode == 0 and "crl_files[1]: out of date" in done.stderr + done.stdout
    assert alert_of(server, "tls", other) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    # without a command, within seconds
    before = server.read_log().count("have been read again")
    files.write("list.pem", pki.make_crl(clients.root, [clients.certified["signed"]]))
    deadline = time.monotonic() + env.DEADLINE
    while server.read_log().count("have been read again") == before:
        assert time.monotonic() < deadline, "the new list was not noticed"
        alert_of(server, "tls", other)
    assert alert_of(server, "tls", other) == "SSLV3_ALERT_CERTIFICATE_REVOKED"
    server.stop()  # the alert may be here before the line is there
    assert "warning tls.crl" in server.read_log()


@pytest.mark.parametrize("where", ("file", "folder"))
def test_system_anchors(new_server, clients, monkeypatch, tmp_path, where):
    """Without cacertfile it is they who decide; the default module, the default mode."""
    if where == "file":
        monkeypatch.setenv("SSL_CERT_FILE", clients.cacertfile)
        monkeypatch.setenv("SSL_CERT_DIR", clients.files.path + "/absent")
    else:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        monkeypatch.setenv("SSL_CERT_DIR", f"{clients.files.path}/absent:{tmp_path}")
        (tmp_path / "root.pem").write_bytes(clients.root.pem())
        subprocess.run(["openssl", "rehash", tmp_path], check=True)
    server = new_server(EXTERNAL, {}, start=False)
    server.listeners = {"tls": {"tls": {"mode": "tls", "keyfile": None, "verify_mode": None}}}
    with open(server.certificate, "ab") as both, open(server.key, "rb") as key:
        both.write(key.read())
    server.start()
    for kind, offered in (("signed", True), ("stranger", False), ("none", False)):
        context = clients.context(kind, ssl.TLSVersion.TLSv1_3)
        with server.connect("tls", tls=context) as client:
            assert ("EXTERNAL" in mechanisms(client.start()[1])) == offered, kind


def test_no_resumption_with_a_certificate(new_server, clients):
    """A ticket would stand for a certificate that nobody looks at again: there is none for
    whoever has shown one, and EXTERNAL for nobody who resumes."""
    server = new_server(EXTERNAL, {"tls": {"tls": {
        "mode": "tls", "verify_mode": "peer", "disconnect_on_failure": False,
        "cacertfile": clients.cacertfile, "session_tickets": "stateless"}}})
    context = tls_context(ssl.TLSVersion.TLSv1_3)
    with server.connect("tls", tls=context) as client:
        client.start()  # a ticket comes before the features
        ticket = client.socket.session
        assert ticket.has_ticket
    clients.files.load(context, clients.certified["signed"])
    with server.connect("tls", tls=context) as client:
        assert "EXTERNAL" in mechanisms(client.start()[1])
        assert not client.socket.session.has_ticket
    with server.connect("tls", tls=False) as client:
        client.socket = context.wrap_socket(client.socket, session=ticket)
        assert "EXTERNAL" not in mechanisms(client.start()[1])
        assert client.socket.session_reused
