"""Authorities, certificates and revocation lists for the tests of client certificates."""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")
_NOW = datetime.datetime.utcnow()
_DAY = datetime.timedelta(days=1)
_PEM = serialization.Encoding.PEM


def _utf8_string(text):
    """In DER, up to 127 bytes long."""
    data = text.encode()
    assert len(data) < 128
    return bytes([12, len(data)]) + data


class Certified:
    """A key and its certificate; `chain` is what a client sends with it."""

    def __init__(self, key, certificate, chain=()):
        self.key = key
        self.certificate = certificate
        self.chain = [certificate, *chain]

    def pem(self):
        return b"".join(c.public_bytes(_PEM) for c in self.chain)

    def key_pem(self):
        return self.key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())


def make(name=None, issuer=None, addresses=(), days=(-1, 30), purpose="client", extra=(),
         names=None, key=None):
    """`days`: from and until, of today; `purpose`: "ca", "client", "server" or None;
    `addresses`: xmppAddr; `names`: several common names; `key`: when not of P-256."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)
                         for n in names or ([name] if name else [])])
    signer = issuer.key if issuer else key
    builder = (x509.CertificateBuilder()
               .subject_name(subject)
               .issuer_name(issuer.certificate.subject if issuer else subject)
               .public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(_NOW + days[0] * _DAY)
               .not_valid_after(_NOW + days[1] * _DAY))
    for extension, critical in [*_extensions(purpose, addresses), *extra]:
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(signer, hashes.SHA256())
    above = [c for c in issuer.chain if c.subject != c.issuer] if issuer else ()
    return Certified(key, certificate, above)


def _extensions(purpose, addresses):
    if addresses:
        names = [x509.OtherName(XMPP_ADDR, _utf8_string(a)) for a in addresses]
        yield x509.SubjectAlternativeName(names), False
    if purpose == "ca":
        yield x509.BasicConstraints(True, None), True
        yield x509.KeyUsage(False, False, False, False, False, True, True, False, False), True
    elif purpose == "client":
        yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False
    elif purpose == "server":
        yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False


def make_crl(issuer, revoked=(), days=(-1, 30)):
    """In PEM: what `issuer` has revoked, good for these days."""
    builder = (x509.CertificateRevocationListBuilder()
               .issuer_name(issuer.certificate.subject)
               .last_update(_NOW + days[0] * _DAY)
               .next_update(_NOW + days[1] * _DAY))
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(_NOW - _DAY).build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(_PEM)


class Directory:
    """Puts them into files."""

    def __init__(self, path):
        self.path = str(path)

    def write(self, name, data):
        with open(f"{self.path}/{name}", "wb") as f:
            f.write(data)
        return f"{self.path}/{name}"

    def load(self, context, certified):
        """The certificate is what this client's context shows."""
        context.load_cert_chain(self.write("chain.pem", certified.pem()),
                                self.write("key.pem", certified.key_pem()))
