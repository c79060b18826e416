"""TLS with libraries that are not ours: GnuTLS and NSS, and what only OpenSSL's s_client can say. Each
verifies the certificate by a test's authority, and talks XMPP over what it has agreed to."""
import os
import re
import select
import socket
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from lib import env, pki
from lib.raw import HEADER

KEYS = ["ecdsa", "rsa"]
LAYERS = ["own", "openssl"]
LISTENERS = {
    f"{key}{tickets} {layer}": {"tls": {
        "mode": "tls", "keyfile": None, "certfile": f"{key}.pem", "record_layer": layer} | more}
    for key in KEYS for layer in LAYERS
    for tickets, more in (("", {}), (" tickets", {"session_tickets": "stateless"}))
} | {"upgrade": {"tls": {"mode": "starttls", "keyfile": None, "certfile": "ecdsa.pem"}}}
OPEN = HEADER.format(attributes=" to='localhost' version='1.0'") + "\n"
CLOSE = "</stream:stream>\n"
FEATURES = "<stream:features.*</stream:features>"


def run(*words):
    subprocess.run(words, check=True, capture_output=True, timeout=env.DEADLINE)


def prepare(server):
    """Both certificates, that of RSA with an authority between; trust for each client: "ca", which
    issued them, and "other", which did not."""
    directory = pki.Directory(server.directory)
    root = pki.make("root", purpose="ca")
    for name, made in (("ca", root), ("other", pki.make("other", purpose="ca"))):
        pem, base = directory.write(f"{name}.pem", made.pem()), f"sql:{server.directory}/{name}"
        os.mkdir(f"{server.directory}/{name}")
        run("certutil", "-N", "-d", base, "--empty-password")
        run("certutil", "-A", "-d", base, "-n", name, "-t", "C,,", "-i", pem)
    names = [(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)]
    for name, issuer, key in (
            ("ecdsa", root, None),
            ("rsa", pki.make("between", root, purpose="ca"), rsa.generate_private_key(65537, 2048))):
        one = pki.make("localhost", issuer, purpose="server", extra=names, key=key)
        directory.write(f"{name}.pem", one.pem() + one.key_pem())


# --- the clients: how each is told, and what it says then ---

class Tool:
    """One that runs: what it says, and what the server says to it, comes on one pipe."""

    def __init__(self, words):
        self.said = ""
        self._deadline = time.monotonic() + env.DEADLINE
        self._input, theirs = socket.socketpair()  # tstclnt does not see the end of a pipe
        with theirs:
            self._process = subprocess.Popen(words, stdin=theirs, stdout=subprocess.PIPE,
                                             stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._input.close()

    def say(self, text):
        self._input.sendall(text.encode())

    def hush(self):
        self._input.shutdown(socket.SHUT_WR)

    def _read(self):
        """False at the end."""
        out, left = self._process.stdout, self._deadline - time.monotonic()
        assert left > 0 and select.select([out], [], [], left)[0], f"too late: {self.said[-4000:]}"
        data = os.read(out.fileno(), 65536)
        self.said += data.decode(errors="replace")
        return bool(data)

    def until(self, pattern):
        while not re.search(pattern, self.said, re.DOTALL):
            assert self._read(), f"no {pattern}: {self.said[-4000:]}"

    def end(self):
        """Its exit status."""
        while self._read():
            pass
        return self._process.wait(max(self._deadline - time.monotonic(), 1))


class Gnutls:
    GROUPS = {"X25519": ("GROUP-X25519", r"\(ECDHE-X25519\)"),
              "P-256": ("GROUP-SECP256R1", r"\(ECDHE-SECP256R1\)")}
    SUITES = {"AES-128": ("AES-128-GCM", r"\(AES-128-GCM\)"),
              "AES-256": ("AES-256-GCM", r"\(AES-256-GCM\)"),
              "ChaCha20": ("CHACHA20-POLY1305", r"\(CHACHA20-POLY1305\)")}
    ALPN = "Application protocol: xmpp-client"
    NOTHING_COMMON = r"Received alert \[40\]"
    REFUSES = {"name": "does not match", "trust": "issuer is unknown"}

    @classmethod
    def command(cls, server, port, trust="ca", name="localhost", version="1.3", groups=(), suite=None,
                priority=""):
        words = f"NORMAL:-VERS-ALL:+VERS-TLS{version}"
        if groups:
            words += "".join([":-GROUP-ALL", *(f":+{cls.GROUPS[g][0]}" for g in groups)])
        if suite:
            words += f":-CIPHER-ALL:+{cls.SUITES[suite][0]}"
        return ["gnutls-cli", "--x509cafile", f"{server.directory}/{trust}.pem", "--alpn", "xmpp-client",
                "--port", str(port), "--sni-hostname", name, "--verify-hostname", name, "127.0.0.1",
                *(["--single-key-share"] if groups else []), "--priority", words + priority]

    @staticmethod
    def version(version):
        return rf"\(TLS{version}-X.509\)"


class Nss:
    GROUPS = {"X25519": ("x25519", "Key Exchange: 255-bit"), "P-256": ("P256", "Key Exchange: 256-bit")}
    SUITES = {"AES-128": (":1301:C02B:C02F", "using 128-bit AES-GCM"),
              "AES-256": (":1302:C02C:C030", "using 256-bit AES-GCM"),
              "ChaCha20": (":1303:CCA9:CCA8", "using 256-bit CHACHA20POLY1305")}
    ALPN = ""  # it has no words for it
    NOTHING_COMMON = "SSL_ERROR_NO_CYPHER_OVERLAP"
    REFUSES = {"name": "SSL_ERROR_BAD_CERT_DOMAIN", "trust": "SEC_ERROR_UNKNOWN_ISSUER"}

    @classmethod
    def command(cls, server, port, trust="ca", name="localhost", version="1.3", groups=(), suite=None):
        return ["tstclnt", "-4", "-v", "-h", "127.0.0.1", "-p", str(port), "-a", name,
                "-d", f"sql:{server.directory}/{trust}", "-V", f"tls{version}:tls{version}",
                *(["-I", ",".join(cls.GROUPS[g][0] for g in groups)] if groups else []),
                *(["-c", cls.SUITES[suite][0]] if suite else [])]

    @staticmethod
    def version(version):
        return f"SSL version 3.{int(version[2]) + 1} "


class Openssl:
    GROUPS = {"X25519": ("X25519", "Server Temp Key: X25519"),
              "P-256": ("P-256", "Server Temp Key: ECDH, prime256v1")}
    SUITES = {"AES-128": ("AES128-GCM-SHA256", "Cipher is [A-Z_-]*AES.?128.GCM"),
              "AES-256": ("AES256-GCM-SHA384", "Cipher is [A-Z_-]*AES.?256.GCM"),
              "ChaCha20": ("CHACHA20-POLY1305", "Cipher is [A-Z_-]*CHACHA20")}
    SUITES_13 = {"AES-128": "TLS_AES_128_GCM_SHA256", "AES-256": "TLS_AES_256_GCM_SHA384",
                 "ChaCha20": "TLS_CHACHA20_POLY1305_SHA256"}
    ALPN = "ALPN protocol: xmpp-client"
    NOTHING_COMMON = "alert handshake failure"
    REFUSES = {"name": "hostname mismatch", "trust": "unable to get local issuer certificate"}

    @classmethod
    def command(cls, server, port, trust="ca", name="localhost", version="1.3", groups=(), suite=None):
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name,
                 "-verify_hostname", name, "-CAfile", f"{server.directory}/{trust}.pem",
                 "-verify_return_error", "-alpn", "xmpp-client", f"-tls1_{version[2]}"]
        if groups:
            words += ["-groups", ":".join(cls.GROUPS[g][0] for g in groups)]
        if suite and version == "1.3":
            words += ["-ciphersuites", cls.SUITES_13[suite]]
        elif suite:
            words += ["-cipher", ":".join(f"ECDHE-{key}-{cls.SUITES[suite][0]}"
                                          for key in ("ECDSA", "RSA"))]
        return words

    @staticmethod
    def version(version):
        return f"New, TLSv{version}, "


CLIENTS = pytest.mark.parametrize("client", [Gnutls, Nss, Openssl], ids=["gnutls", "nss", "s_client"])
BOTH_KEYS = pytest.mark.parametrize("key", KEYS)
BOTH_LAYERS = pytest.mark.parametrize("layer", LAYERS)


def talk(words, *patterns):
    """A stream from its begin to its end, which TLS ends in order; what the client has said."""
    with Tool(words) as tool:
        tool.say(OPEN)
        tool.until(FEATURES)
        for pattern in patterns:
            tool.until(pattern)
        tool.say(CLOSE)
        if words[0] == "tstclnt":  # it goes on with its input
            tool.until("Read from server 0 bytes")
            tool.hush()
        assert tool.end() == 0, tool.said[-4000:]
        assert "</stream:stream>" in tool.said
        return tool.said


def fail(words, pattern):
    """It gives the server up, for this reason."""
    with Tool(words) as tool:
        tool.say(OPEN)
        assert tool.end() != 0
        assert re.search(pattern, tool.said), tool.said[-4000:]
        assert "<stream:" not in tool.said


# --- what all of them can do ---

@CLIENTS
@BOTH_KEYS
@BOTH_LAYERS
@pytest.mark.parametrize("version,groups,suite", [
    ("1.3", (), None),
    ("1.3", ("X25519",), None),
    ("1.3", ("P-256",), None),
    ("1.3", ("X25519", "P-256"), None),
    ("1.3", ("P-256", "X25519"), None),
    *(("1.3", ("X25519",), suite) for suite in Gnutls.SUITES),
    *(("1.3", ("P-256",), suite) for suite in Gnutls.SUITES),
    ("1.2", (), None),
    *(("1.2", ("X25519", "P-256"), suite) for suite in Gnutls.SUITES),
    ("1.2", ("P-256",), "AES-128"),
], ids=lambda v: v if isinstance(v, str) else "+".join(v or ["any"]))
def test_client_agrees_on(server, client, key, layer, version, groups, suite):
    """A client shares a key of its first group alone. (In TLS 1.2 the groups are also the curves that a
    certificate may have.)"""
    words = client.command(server, server.ports[f"{key} {layer}"], version=version, groups=groups,
                           suite=suite)
    talk(words, client.version(version), client.ALPN,
         *([client.GROUPS[groups[0]][1]] if groups else []),
         *([client.SUITES[suite][1]] if suite else []))


@CLIENTS
@BOTH_KEYS
@BOTH_LAYERS
@pytest.mark.parametrize("wrong", [{"name": "wrong.example"}, {"trust": "other"}],
                         ids=["name", "trust"])
def test_client_refuses_a_wrong(server, client, key, layer, wrong):
    fail(client.command(server, server.ports[f"{key} {layer}"], **wrong),
         client.REFUSES[next(iter(wrong))])


def start_with(server, monkeypatch, setting):
    """With what the system's configuration says of OpenSSL."""
    prepare(server)
    with open(f"{server.directory}/openssl.cnf", "w", encoding="ascii") as f:
        f.write("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
                f"[c]\n{setting}\n")
    with monkeypatch.context() as m:
        m.setenv("OPENSSL_CONF", f.name)
        server.start()


@CLIENTS
@pytest.mark.parametrize("first,second", [("P-256", "X25519"), ("X25519", "P-256")])
def test_client_is_asked_for_another_share(new_server, monkeypatch, client, first, second):
    """The server's OpenSSL has one group only: HelloRetryRequest."""
    server = new_server(listeners={"ecdsa": LISTENERS["ecdsa own"]}, start=False)
    start_with(server, monkeypatch, f"Groups = {second}")
    port = server.ports["ecdsa"]
    talk(client.command(server, port, groups=(first, second)), client.GROUPS[second][1])
    talk(client.command(server, port, groups=(second, first)), client.GROUPS[second][1])
    fail(client.command(server, port, groups=(first,)), client.NOTHING_COMMON)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@BOTH_LAYERS
def test_certificates_are_asked_for_by_the_listener_alone(new_server, monkeypatch, layer, version):
    server = new_server(listeners={"ecdsa": LISTENERS[f"ecdsa {layer}"]}, start=False)
    start_with(server, monkeypatch, "VerifyMode = Require")
    said = talk(Openssl.command(server, server.ports["ecdsa"], version=version))
    assert "Requested Signature Algorithms" not in said


# --- tickets ---

@BOTH_KEYS
@BOTH_LAYERS
@pytest.mark.parametrize("suite", list(Gnutls.SUITES))
def test_gnutls_resumes(server, key, layer, suite):
    words = Gnutls.command(server, server.ports[f"{key} tickets {layer}"], suite=suite)
    talk([*words, "--resume", "--waitresumption"], "This is a resumed session")


@BOTH_KEYS
@BOTH_LAYERS
def test_nss_resumes(server, key, layer):
    """Three connections, each of which says all that a file has; only the suite cannot be told."""
    path = f"{server.directory}/request"
    with open(path, "w", encoding="ascii") as f:
        f.write(OPEN + CLOSE)
    words = Nss.command(server, server.ports[f"{key} tickets {layer}"])
    with Tool([*words, "-L", "3", "-u", "-A", path]) as tool:
        assert tool.end() == 0, tool.said[-2000:]
        assert len(re.findall("<stream:features", tool.said)) == 3
        assert re.findall("([0-9]+) stateless resumes", tool.said) == ["0", "1", "2"]


@pytest.mark.parametrize("suite", list(Gnutls.SUITES))
@BOTH_LAYERS
def test_gnutls_without_tickets(server, layer, suite):
    """It has no modes for them (RFC 8446 4.2.9), and gets none from us; OpenSSL sends them."""
    port = server.ports[f"ecdsa tickets {layer}"]
    for priority, has in (("", True), (":%NO_TICKETS", layer == "openssl")):
        words = Gnutls.command(server, port, suite=suite, priority=priority)
        said = talk([*words, "--debug", "4"])
        assert ("NEW SESSION TICKET (4) was received" in said) == has


# --- GnuTLS and NSS alone ---

@BOTH_KEYS
def test_gnutls_with_two_shares(server, key):
    """That of P-256 comes first, but ours is X25519."""
    talk(Gnutls.command(server, server.ports[f"{key} own"]), Gnutls.GROUPS["X25519"][1])


@BOTH_KEYS
@BOTH_LAYERS
@pytest.mark.parametrize("option", [
    "--recordsize=512", "--post-handshake-auth", "--disable-sni", "--compress-cert=zlib",
    ":%DISABLE_TLS13_COMPAT_MODE"])
def test_gnutls_with(server, key, layer, option):
    is_priority = option.startswith(":")
    words = Gnutls.command(server, server.ports[f"{key} {layer}"],
                           priority=option if is_priority else "")
    talk(words if is_priority else [*words, option])


@BOTH_KEYS
@BOTH_LAYERS
@pytest.mark.parametrize("options", ["-T -U -B -G -i 100", "-e", "-K", "-Z"],
                         ids=["extensions", "middlebox", "fallback", "early"])
def test_nss_with(server, key, layer, options):
    talk(Nss.command(server, server.ports[f"{key} {layer}"]) + options.split())


@pytest.mark.parametrize("words", [["gnutls-cli", "--starttls-proto=xmpp", "--x509cafile"],
                                   ["openssl", "s_client", "-starttls", "xmpp", "-xmpphost", "localhost",
                                    "-verify_return_error", "-CAfile"]], ids=["gnutls", "s_client"])
def test_client_upgrades(server, words):
    """With their own words of XMPP."""
    port, trust = str(server.ports["upgrade"]), f"{server.directory}/ca.pem"
    talk([*words, trust, *(["-p", port, "localhost"] if words[0] == "gnutls-cli" else
                           ["-connect", f"localhost:{port}"])])


# --- what of OpenSSL's client Python does not have ---

@BOTH_KEYS
@BOTH_LAYERS
@pytest.mark.parametrize("options,seen", [
    ("-maxfraglen 512", "Verification: OK"),
    ("-max_send_frag 512 -split_send_frag 512", "Verification: OK"),
    ("-no_middlebox", "Verification: OK"),
    ("-record_padding 4096", "Verification: OK"),
    ("-allow_no_dhe_kex", "Verification: OK"),
    ("-sigalgs ECDSA+SHA256:RSA-PSS+SHA256", "Peer signing digest: SHA256"),
    ("-sigalgs RSA-PSS+SHA512:ECDSA+SHA256", "Peer signing digest: SHA(256|512)"),
], ids=lambda v: v.split()[0] if v.startswith("-") else "")
def test_s_client_with(server, key, layer, options, seen):
    talk(Openssl.command(server, server.ports[f"{key} {layer}"]) + options.split(), seen)


@BOTH_LAYERS
@pytest.mark.parametrize("key,algorithm", [("ecdsa", "RSA-PSS+SHA256"), ("rsa", "ECDSA+SHA256"),
                                           ("ecdsa", "ECDSA+SHA384"), ("rsa", "RSA+SHA256")])
def test_no_signature_that_s_client_knows(server, key, layer, algorithm):
    fail([*Openssl.command(server, server.ports[f"{key} {layer}"]), "-sigalgs", algorithm],
         "alert handshake failure")


def may_send_early(path):
    """The session would have the client send data early (max_early_data), whatever the server said."""
    with open(path, encoding="ascii") as f:
        der = ssl.PEM_cert_to_DER_cert(re.sub("SSL SESSION PARAMETERS", "CERTIFICATE", f.read()).strip())
    at = der.index(b"\xb0\x0d\x04\x0bxmpp-client")  # [16], behind [15]
    body = der[4:at] + b"\xaf\x04\x02\x02\x40\x00" + der[at:]
    assert der[:2] == b"\x30\x82"
    pem = ssl.DER_cert_to_PEM_cert(der[:2] + len(body).to_bytes(2, "big") + body)
    with open(path, "w", encoding="ascii") as f:
        f.write(pem.replace("CERTIFICATE", "SSL SESSION PARAMETERS"))


@BOTH_KEYS
@BOTH_LAYERS
def test_early_data_of_s_client_is_dropped(server, key, layer):
    """It is not what the stream begins with: what comes behind the handshake is."""
    words = Openssl.command(server, server.ports[f"{key} tickets {layer}"])
    session, early = f"{server.directory}/session", f"{server.directory}/early"
    talk([*words, "-sess_out", session])
    talk([*words, "-sess_in", session], "Reused, TLSv1.3", "Early data was not sent")
    may_send_early(session)
    with open(early, "w", encoding="ascii") as f:
        f.write("<bad/>")
    talk([*words, "-sess_in", session, "-early_data", early], "Early data was rejected")
