"""Certificates and keys for TLS between Meerkat and a server that it asks: a directory, a service, a
database."""
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from . import pki

NAME = "one.example.net"
PASSWORD = "open it"  # of locked-key.pem
AES256, AES128 = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"


def _write(path, *parts):
    path.write_bytes(b"".join(parts))


def make(path):
    """Authorities: ca.pem, other.pem, system-ca.pem. Ours: client.pem with client-key.pem and
    locked-key.pem, both.pem with the key in it. Of servers, each for something else: address.pem,
    name.pem, wildcard.pem, localhost.pem, and system.pem, which is of system-ca.pem."""
    ca, other, system = (pki.make(n, purpose="ca") for n in ("authority", "other", "system"))
    _write(path / "ca.pem", ca.pem())
    _write(path / "other.pem", other.pem())
    _write(path / "system-ca.pem", system.pem())
    client = pki.make("meerkat", ca)
    _write(path / "client.pem", client.pem())
    _write(path / "client-key.pem", client.key_pem())
    _write(path / "both.pem", client.pem(), client.key_pem())
    _write(path / "locked-key.pem", client.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(PASSWORD.encode())))
    local = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    for name, subject, issuer in (("address", local, ca), ("name", x509.DNSName(NAME), ca),
                                  ("wildcard", x509.DNSName("*.example.net"), ca),
                                  ("localhost", x509.DNSName("localhost"), ca),
                                  ("system", local, system)):
        made = pki.make("server", issuer, purpose="server",
                        extra=[(x509.SubjectAlternativeName([subject]), False)])
        _write(path / f"{name}.pem", made.pem(), made.key_pem())


_CIPHERS = {ssl.TLSVersion.TLSv1: "ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1_1: "ALL:@SECLEVEL=0",
            ssl.TLSVersion.TLSv1_2: AES256}


def context(path, certificate, version=None, asks=False):
    """A server's: of one version only, if it says so; it may ask for the client's certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(path / f"{certificate}.pem")
    if version:
        made.minimum_version = made.maximum_version = version
    if version in _CIPHERS:
        made.set_ciphers(_CIPHERS[version])
    if asks:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(path / "ca.pem")
    return made


# What there is in front of the servers: by what a case calls it.
CONTEXTS = {name: (name,) for name in ("address", "name", "wildcard", "localhost", "system")} | {
    "1.0": ("address", ssl.TLSVersion.TLSv1),
    "1.1": ("address", ssl.TLSVersion.TLSv1_1),
    "1.2": ("address", ssl.TLSVersion.TLSv1_2),
    "1.3": ("address", ssl.TLSVersion.TLSv1_3),
    "asks": ("address", None, True),
}


def of(path, tls):
    """The section `tls`: names of files become paths, None is left out."""
    return {k: str(path / v) if k.endswith("file") else v for k, v in tls.items() if v is not None}
