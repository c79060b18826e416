"""Clients' certificates: verify_mode, cacertfile, disconnect_on_failure, for each certificate
and both modules. docs/client-certificates.md has the same tables in words."""
import ssl

import pytest

from lib import pki
from lib.raw import tls_context
from lib.server import Server

# What each certificate is worth in the modes "peer" and "selfsigned_peer", and the alert where
# it must pass and does not: of TLS 1.3, and of TLS 1.2 where it is another one.
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
}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
JUST, FAST = {"module": "just_tls"}, {"module": "fast_tls"}
MODES = {
    "just-peer": JUST | {"verify_mode": "peer"},
    "just-peer-go-on": JUST | {"verify_mode": "peer", "disconnect_on_failure": False},
    "just-self": JUST | {"verify_mode": "selfsigned_peer"},
    "just-self-go-on": JUST | {"verify_mode": "selfsigned_peer",
                               "disconnect_on_failure": False},
    "just-none": JUST | {"verify_mode": "none"},
    "just-none-go-on": JUST | {"verify_mode": "none", "disconnect_on_failure": False},
    "fast-peer": FAST | {"verify_mode": "peer"},
    "fast-none": FAST | {"verify_mode": "none"},
}


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
            "critical": self.client(self.root, extra=[
                (pki.x509.UnrecognizedExtension(
                    pki.x509.ObjectIdentifier("1.2.3.4.5"), b"\5\0"), True)]),
        }
        self.cacertfile = self.files.write("root.pem", self.root.pem())
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
    one = Server(tmp_path_factory.mktemp("server"), workers)
    both = clients.files.write("server.pem", b"".join(
        open(name, "rb").read() for name in (one.certificate, one.key)))
    one.listeners = {
        name: {"tls": {"mode": "tls", "certfile": both, "keyfile": None,
                       "cacertfile": clients.cacertfile} | tls}
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


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
@pytest.mark.parametrize("mode", MODES)
def test_certificate(server, clients, mode, version):
    tls = MODES[mode]
    for kind, (peer, self_signed, alerts) in CERTIFICATES.items():
        passes = {"peer": peer, "selfsigned_peer": self_signed, "none": False}
        passes = passes[tls["verify_mode"]]
        must = (tls["module"] == "just_tls" and tls["verify_mode"] != "none"
                and tls.get("disconnect_on_failure", True))
        context = clients.context(kind, version)
        if must and not passes:
            wanted = alerts[-1 if version == ssl.TLSVersion.TLSv1_2 else 0]
            assert alert_of(server, mode, context) == wanted, kind
        else:
            with server.connect(mode, tls=context) as client:
                client.start()
