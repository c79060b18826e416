"""Where what is secret of TLS towards other servers must not be: in memory that the server no longer
uses. The key of our certificate is there while it may be needed, its text never is."""
import re
import ssl

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lib import env, pki, tls_files
from lib.auth_service import Service
from lib.client import Account, SaslFailure
from lib.db_front import FRONTS
from lib.directory import Directory
from lib.server import Server
from lib.tls_front import TlsFront
from test_secrets import memory

pytestmark = pytest.mark.skipif(
    env.SANITIZED, reason="their allocators keep what is freed, and shadows of it")
ROMEO = Account("romeo@localhost", "correct")


KEY = rsa.generate_private_key(65537, 2048)


class Key:
    """In client.pem, with its certificate."""

    def __init__(self, path, issuer):
        made = pki.make("meerkat", issuer, key=KEY)
        numbers = KEY.private_numbers()
        text = made.key_pem()
        (path / "client.pem").write_bytes(made.pem() + text)
        (path / "locked-key.pem").write_bytes(KEY.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(tls_files.PASSWORD.encode())))
        self.lines = [line for line in text.splitlines()[1:-1] if len(line) == 64]
        self.numbers = [n.to_bytes(256, "big").lstrip(b"\0")[16:80][::order]
                        for n in (numbers.p, numbers.q, numbers.d) for order in (1, -1)]


class Http:
    def __init__(self, path):
        self.service = Service()
        self.service.accounts["romeo"] = "correct"

    def front(self, context):
        return TlsFront(context, self.service.port)

    def over(self, port, tls):
        return {"auth": {"methods": ["http"], "sasl_mechanisms": ["plain"],
                         "password": {"format": "plain"}, "http": {}},
                "outgoing_pools": {"http": {"auth": {"workers": 1, "connection": {
                    "host": f"https://127.0.0.1:{port}", "tls": tls,
                    "request_timeout": 20000}}}}}

    def stop(self):
        self.service.stop()


class Ldap:
    def __init__(self, path):
        (path / "ldap").mkdir()
        self.directory = Directory(path / "ldap", [("romeo", "correct", "staff")])

    def front(self, context):
        return TlsFront(context, self.directory.port)

    def over(self, port, tls):
        reach = {"servers": ["127.0.0.1"], "port": port, "tls": tls, "connect_interval": 1}
        reader = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}
        return {"auth": {"methods": ["ldap"], "ldap": {"base": "ou=users,dc=example,dc=net"}},
                "outgoing_pools": {"ldap": {
                    "default": {"workers": 1, "call_timeout": 20000, "connection": reach | reader},
                    "bind": {"workers": 1, "call_timeout": 20000, "connection": reach}}}}

    def stop(self):
        self.directory.stop()


class Rdbms:
    def __init__(self, database):
        self.database = database
        self.name = self.database.new()

    def front(self, context):
        return FRONTS[self.database.kind](context, self.database)

    def over(self, port, tls):
        pool = self.database.pool(self.name, host="127.0.0.1", port=port, tls=tls,
                                  keepalive_interval=1)
        return {"outgoing_pools": pool, "auth": {"methods": ["rdbms"]}}

    def stop(self):
        pass


class World:
    """A server that asks another one by TLS, with a certificate of its own."""

    def __init__(self, path, other, locked):
        tls_files.make(path)
        self.keys = path / "keys.log"
        ca = pki.make("clients", purpose="ca")
        (path / "ca-of-clients.pem").write_bytes(ca.pem())
        self.key = Key(path, ca)
        self.other = other
        context = tls_files.context(path, "address")
        context.load_verify_locations(path / "ca-of-clients.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        context.keylog_filename = str(self.keys)
        self.front = self.other.front(context)
        tls = {"cacertfile": "ca.pem", "certfile": "client.pem"}
        if locked:
            tls |= {"keyfile": "locked-key.pem", "password": tls_files.PASSWORD}
        self.over = self.other.over(self.front.port, tls_files.of(path, tls))
        (path / "server").mkdir()
        self.server = Server(path / "server", 1, self.over, {"plain": {}})

    def stop(self):
        self.server.discard()
        self.front.cut()
        self.other.stop()

    def login(self):
        client = self.server.connect()
        try:
            client.login(ROMEO, mechanism="PLAIN")
            return True
        except SaslFailure:
            return False
        finally:
            client.abort()

    def traffic_secrets(self):
        found = re.findall(r"_TRAFFIC_SECRET\S* \S+ ([0-9a-f]+)", self.keys.read_text())
        return [bytes.fromhex(f) for f in found]

    def has(self, needles):
        everything = b"\n".join(memory(self.server))
        return [n for n in needles if n in everything]

    def is_free_of(self, needles):
        """It takes its time to see that a connection is gone, and what it gives up then."""
        for _ in range(int(env.DEADLINE)):
            found = self.has(needles)
            if not found:
                return True
            self.login()
        return False


@pytest.fixture
def make(request, tmp_path, monkeypatch):
    """make(what is asked): a world."""
    monkeypatch.setenv("MEERKAT_CORE_DUMPS", "1")  # the test looks into its memory
    made = []

    def start(other, locked=False):
        made.append(World(tmp_path, other, locked))
        request.node.e2e_servers = [made[0].server]
        made[0].server.start()
        return made[0]

    yield start
    try:
        made[0].server.stop()
    finally:
        made[0].stop()


def check(world):
    assert world.login()
    assert world.has(world.traffic_secrets())  # in what it uses
    assert world.has(world.key.numbers)
    assert world.has(world.key.lines) == []
    world.front.cut()
    assert not world.login()
    if "ldap" not in world.over["outgoing_pools"]:  # which does not look at the other connection
        assert world.is_free_of(world.traffic_secrets())
    if "rdbms" not in world.over["outgoing_pools"]:
        world.server.over = {}
        world.server.write_config()
        assert world.server.run("reload").returncode == 0
    assert world.is_free_of(world.key.numbers + world.traffic_secrets())
    assert world.has(world.key.lines) == []


@pytest.mark.parametrize("locked", [False, True])
def test_nothing_is_left_of_a_service(make, tmp_path, locked):
    check(make(Http(tmp_path), locked))


def test_nothing_is_left_of_a_directory(make, tmp_path):
    check(make(Ldap(tmp_path)))


def test_nothing_is_left_of_a_database(make, database):
    one = make(Rdbms(database))
    done = one.server.run("user", "add", ROMEO.jid, stdin=f"{ROMEO.password}\n")
    assert done.returncode == 0, done.stderr
    check(one)
