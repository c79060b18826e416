"""Each method of authentication with each mechanism that it can serve, in plain text, after STARTTLS
and over Direct TLS: what is offered, that it logs in, and that a wrong credential does not."""
import base64
import hashlib
import hmac
import json
import os
from types import SimpleNamespace

import pytest

from lib import ns, pki
from lib.auth_service import Service
from lib.client import SaslFailure
from lib.database import Mysql, Pgsql
from lib.directory import Directory
from lib.raw import tls_context
from lib.scram import STRONG_FIRST, Scram
from lib.scram import serialised as scram_keys
from lib.server import Account, Server

PROGRAM = os.path.join(os.path.dirname(__file__), "lib", "external_auth.py")
DATABASES = {"pgsql": Pgsql, "mysql": Mysql}
PASSWORD, SECRET = "correct horse", "top-secret-0123456789-0123456789"
TWO = ["SCRAM-SHA-256", "SCRAM-SHA-1"]
TRANSPORTS = ("plain", "starttls", "tls")


def serialised(hashes=STRONG_FIRST):
    """What MongooseIM keeps of the password: its SCRAM keys."""
    return scram_keys(PASSWORD, hashes)


def serialised_long_ago():
    """As MongooseIM did up to 3.6.2."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), salt, 4096)
    client = hmac.digest(salted, b"Client Key", "sha1")
    keys = hashlib.sha1(client).digest(), hmac.digest(salted, b"Server Key", "sha1"), salt
    return "==SCRAM==," + ",".join(base64.b64encode(k).decode() for k in keys) + ",4096"


def token(user, secret=SECRET, **claims):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    text = part(b'{"alg":"HS256"}') + "." + part(json.dumps({"user": user} | claims).encode())
    return f"{text}.{part(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"


# --- the servers: each method has a domain ---

def listeners(place, root):
    verify = {"verify_mode": "peer", "disconnect_on_failure": False,
              "cacertfile": pki.Directory(place).write("root.pem", root.pem())}
    return {"plain": {}, "starttls": {"tls": {"mode": "starttls"} | verify},
            "tls": {"tls": {"mode": "tls"} | verify},
            "by-program": {"tls": {"mode": "tls"} | verify, "allowed_auth_methods": ["external"]},
            "by-pki": {"tls": {"mode": "tls"} | verify, "allowed_auth_methods": ["pki"]}}


def services(path):
    place, accounts = path("services"), path("external") / "accounts"
    accounts.touch()
    (place / "slapd").mkdir()
    directory = Directory(place / "slapd", [("romeo", PASSWORD, "staff")])
    plain, scram = Service(), Service()
    plain.accounts = scram.accounts = {
        "romeo": PASSWORD, "keys": serialised(), "two": serialised(TWO)}
    reach = {"servers": ["127.0.0.1"], "port": directory.port}
    reader = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}
    ready = {"scram_iterations": 4096}
    program = {"program": f"{PROGRAM} {accounts}"}
    domains = {
        "internal": {"methods": ["internal"], "password": ready},
        "internal-plain": {"methods": ["internal"], "password": ready | {"format": "plain"}},
        "internal-two": {"methods": ["internal"], "password": ready | {"hash": ["sha", "sha256"]}},
        "internal-external": {"methods": ["internal"], "password": ready,
                              "sasl_mechanisms": ["external", "scram_sha256", "plain"]},
        "external": {"methods": ["external"], "external": program},
        "ldap": {"methods": ["ldap"], "ldap": {"base": "ou=users,dc=example,dc=net"}},
        "jwt": {"methods": ["jwt"], "jwt": {"secret": {"value": SECRET}, "algorithm": "HS256",
                                            "username_key": "user"}},
        "http": {"methods": ["http"], "password": ready | {"format": "plain"}, "http": {}},
        "http-scram": {"methods": ["http"], "password": ready, "http": {}},
        "pki": {"methods": ["pki"], "sasl_mechanisms": ["external"]},
        "dummy": {"methods": ["dummy"], "dummy": {"base_time": 0, "variance": 0}},
        "narrow": {"methods": ["internal"], "password": ready,
                   "sasl_mechanisms": ["scram_sha1", "scram_sha256_plus", "plain"]},
        "mixed": {"methods": ["internal", "external", "pki"], "password": ready,
                  "external": program, "sasl_mechanisms": ["external", "scram_sha1", "plain"]},
    }
    root = pki.make("Root", purpose="ca")
    server = Server(place, 2, {
        "general": {"hosts": ["localhost", *(f"{name}.example" for name in domains)]},
        "host_config": [{"host": f"{name}.example", "auth": auth}
                        for name, auth in domains.items()],
        "outgoing_pools": {
            "http": {"auth": {"connection": {"host": f"http://127.0.0.1:{plain.port}"}}},
            "ldap": {"default": {"connection": reach | reader},
                     "bind": {"connection": reach}}},
    }, listeners(place, root))
    server.start()
    server.make_accounts([Account(f"romeo@{name}.example", PASSWORD) for name, auth in
                          domains.items() if "internal" in auth["methods"]])
    # not before: an account that the program has is not made a second time
    accounts.write_text(f"romeo:{PASSWORD}\n", encoding="utf-8")
    return SimpleNamespace(server=server, root=root, place=place,
                           ends=[plain.stop, scram.stop, directory.stop])


def database_world(kind, path):
    database = DATABASES[kind]()
    try:
        database.start()
        name = database.new(tables=True)  # by the statements that MongooseIM has
        rows = {"plain": (PASSWORD, None), "keys": ("", serialised())}
        for transport in TRANSPORTS:  # the first login by PLAIN adds the keys that are missing
            rows |= {f"two-{transport}": ("", serialised(TWO)),
                     f"old-{transport}": ("", serialised_long_ago())}
        values = ", ".join(
            f"('localhost', '{user}', '{password}', " + (f"'{keys}')" if keys else "NULL)")
            for user, (password, keys) in rows.items())
        database.run("INSERT INTO users (server, username, password, pass_details) VALUES "
                     f"{values}", name)
        place, root = path("server"), pki.make("Root", purpose="ca")
        server = Server(place, 2, {
            "auth": {"methods": ["rdbms"]},
            "general": {"hosts": ["localhost", "plain.example"]},
            "host_config": [{"host": "plain.example", "auth": {
                "methods": ["rdbms"], "password": {"format": "plain"}}}],
            "outgoing_pools": database.pool(name)}, listeners(place, root))
        for one in ("by-program", "by-pki"):
            del server.listeners[one]
        server.start()
        server.make_accounts([Account("romeo@localhost", PASSWORD),
                              Account("romeo@plain.example", PASSWORD)])
        return SimpleNamespace(server=server, root=root, place=place, ends=[database.discard])
    except BaseException:
        database.discard()
        raise


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Made when they are asked for."""
    made = {}

    def get(kind):
        if kind not in made:
            path = tmp_path_factory.mktemp
            made[kind] = database_world(kind, path) if kind in DATABASES else services(path)
        return made[kind]

    yield get
    for world in made.values():
        try:
            world.server.stop()
            log = world.server.read_log()
            assert [s for s in (PASSWORD, SECRET, token("romeo")) if s in log] == []
        finally:
            world.server.discard()
            for end in world.ends:
                end()


# --- the table ---

class Case:
    """Who logs in where ({}: the transport), and by which mechanisms before PLAIN: `scram` without
    -PLUS, which goes with TLS."""

    def __init__(self, user="romeo", domain="localhost", world="services", scram=(), offered=None,
                 password=PASSWORD, wrong="wrong", plain=True):
        self.user, self.domain, self.world = user, domain, world
        self.scram, self.offered = list(scram), list(scram if offered is None else offered)
        self.password, self.wrong, self.plain = password, wrong, plain


CASES = {
    "internal": Case(domain="internal.example", scram=STRONG_FIRST),
    "internal, plain text": Case(domain="internal-plain.example", scram=STRONG_FIRST),
    "internal, two hashes": Case(domain="internal-two.example", scram=TWO),
    "external": Case(domain="external.example"),
    "ldap": Case(domain="ldap.example"),
    "jwt": Case(domain="jwt.example", password=token("romeo"), wrong=token("romeo", "other")),
    "http, check_password": Case(domain="http.example", scram=STRONG_FIRST),
    "http, keys": Case("keys", "http-scram.example", scram=STRONG_FIRST),
    "http, two keys": Case("two", "http-scram.example", scram=TWO, offered=STRONG_FIRST),
    "dummy": Case(domain="dummy.example", wrong=None),
}
for _kind in DATABASES:
    CASES |= {
        f"{_kind}": Case(world=_kind, scram=STRONG_FIRST),
        f"{_kind}, plain text": Case(domain="plain.example", world=_kind, scram=STRONG_FIRST),
        f"{_kind}, MongooseIM's plain text": Case("plain", world=_kind, scram=STRONG_FIRST),
        f"{_kind}, MongooseIM's keys": Case("keys", world=_kind, scram=STRONG_FIRST),
        f"{_kind}, two of MongooseIM's": Case("two-{}", world=_kind, scram=TWO,
                                              offered=STRONG_FIRST),
        f"{_kind}, MongooseIM's of long ago": Case("old-{}", world=_kind, scram=["SCRAM-SHA-1"],
                                                   offered=STRONG_FIRST),
    }


def offered(features):
    return [m.text for m in features.iterfind(f"{ns.SASL}mechanisms/{ns.SASL}mechanism")]


def begin(world, transport, domain, tls=None):
    """A stream on which a mechanism can be chosen, and its features."""
    client = world.server.connect(transport, domain=domain,
                                  tls=tls if transport != "starttls" else None)
    _, features = client.start()
    if transport == "starttls":
        client.starttls(tls)
        _, features = client.start()
    return client, features


def try_password(client, mechanism, user, password):
    if mechanism == "PLAIN":
        client.auth_plain(user, password)
    elif mechanism.endswith("-PLUS"):
        certificate = client.socket.getpeercert(binary_form=True)
        client.auth_scram(mechanism, user, password, gs2="p=tls-server-end-point,,",
                          binding=hashlib.sha256(certificate).digest())
    else:
        client.auth_scram(mechanism, user, password)


def fails(attempt, *args):
    with pytest.raises(SaslFailure) as failure:
        attempt(*args)
    return failure.value.condition


def is_online(client):
    client.restart()
    client.start()
    return client.bind().get("type") == "result" and client.sync() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("case", CASES)
def test_passwords(request, worlds, case, transport):
    one = CASES[case]
    world = worlds(one.world)
    request.node.e2e_servers = [world.server]
    user, tls = one.user.format(transport), transport != "plain"
    expected = [m + end for m in one.offered for end in (["-PLUS", ""] if tls else [""])]
    expected.append("PLAIN")
    if transport == "starttls":
        with world.server.connect(transport, domain=one.domain) as client:
            _, features = client.start()
            assert offered(features) == one.offered  # no password in clear
            assert fails(client.auth, "PLAIN", b"\0romeo\0x") == "encryption-required"
    for mechanism in expected:
        client, features = begin(world, transport, one.domain)
        with client:
            assert offered(features) == expected
            usable = mechanism == "PLAIN" or mechanism.removesuffix("-PLUS") in one.scram
            if one.wrong:
                assert fails(try_password, client, mechanism, user, one.wrong) == \
                    "not-authorized"
            if usable:
                try_password(client, mechanism, user, one.password)
                assert is_online(client)
            else:
                assert fails(try_password, client, mechanism, user, one.password) == \
                    "not-authorized"


# --- certificates ---

@pytest.mark.parametrize("transport", ["starttls", "tls"])
@pytest.mark.parametrize("domain, others", [("pki.example", []),
                                            ("internal-external.example",
                                             ["SCRAM-SHA-256", "PLAIN"])])
def test_certificates(request, worlds, domain, others, transport):
    world = worlds("services")
    request.node.e2e_servers = [world.server]
    show = tls_context()
    pki.Directory(world.place).load(show, pki.make(None, world.root, [f"romeo@{domain}"]))
    client, features = begin(world, transport, domain, show)
    with client:
        assert offered(features) == ["EXTERNAL", *others]
        assert fails(client.auth, "EXTERNAL", b"juliet@" + domain.encode()) == "invalid-authzid"
        assert client.auth("EXTERNAL", b"").tag == ns.SASL + "success"
        assert is_online(client)
    client, features = begin(world, transport, domain, tls_context())
    with client:
        assert offered(features) == others
        assert fails(client.auth, "EXTERNAL", b"romeo@" + domain.encode()) == "invalid-mechanism"


# --- what is narrowed ---

NARROWED = {  # (domain, transport) -> what is offered to whom shows a certificate
    ("narrow.example", "plain"): ["SCRAM-SHA-1", "PLAIN"],
    ("narrow.example", "tls"): ["SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "PLAIN"],
    ("mixed.example", "plain"): ["SCRAM-SHA-1", "PLAIN"],
    ("mixed.example", "tls"): ["EXTERNAL", "SCRAM-SHA-1", "PLAIN"],
    ("mixed.example", "by-program"): ["PLAIN"],
    ("mixed.example", "by-pki"): ["EXTERNAL"],
    ("internal.example", "by-program"): [],
    ("pki.example", "plain"): [],
}


@pytest.mark.parametrize("domain, transport", NARROWED)
def test_narrowed(request, worlds, domain, transport):
    """By sasl_mechanisms, whose order is that of the offer, and by allowed_auth_methods; what is
    not offered is not taken."""
    world = worlds("services")
    request.node.e2e_servers = [world.server]
    show = tls_context()
    pki.Directory(world.place).load(show, pki.make(None, world.root, [f"romeo@{domain}"]))
    expected = NARROWED[domain, transport]
    client, features = begin(world, transport, domain, show if transport != "plain" else None)
    with client:
        assert offered(features) == expected
        left_out = [m for m in ("EXTERNAL", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS")
                    if m not in expected]
        for mechanism in left_out:
            data = {"PLAIN": f"\0romeo\0{PASSWORD}".encode(), "EXTERNAL": b""}.get(
                mechanism, Scram("SCRAM-SHA-1", "romeo", PASSWORD).first())
            assert fails(client.auth, mechanism, data) == "invalid-mechanism"
        for mechanism in expected:
            one, _ = begin(world, transport, domain, show if transport != "plain" else None)
            with one:
                if mechanism == "EXTERNAL":
                    assert one.auth("EXTERNAL", b"").tag == ns.SASL + "success"
                else:
                    try_password(one, mechanism, "romeo", PASSWORD)
                assert is_online(one)
