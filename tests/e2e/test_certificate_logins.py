"""EXTERNAL, after STARTTLS and over Direct TLS, where the accounts are not the server's own: in a
database server, a directory, a service, or nowhere (pki with a database server)."""
from types import SimpleNamespace

import pytest

from lib import ns, pki, scram
from lib.auth_service import Service
from lib.client import SaslFailure
from lib.database import DATABASES
from lib.directory import Directory
from lib.faults import PASS, REFUSE, Proxy
from lib.raw import tls_context
from lib.server import Server

TRANSPORTS = ("starttls", "tls")
PASSWORD = "correct horse"
EXTERNAL = {"sasl_mechanisms": ["external"]}


class World:
    """`contexts`: of who shows a certificate for this address, and of who shows none."""

    def __init__(self, path):
        self.place = path("server")
        self.files = pki.Directory(self.place)
        self.root = pki.make("Root", purpose="ca")
        self.made = {}
        self.ends = []

    def start(self, over, hosts):
        verify = {"verify_mode": "peer", "disconnect_on_failure": False,
                  "cacertfile": self.files.write("root.pem", self.root.pem())}
        self.server = Server(self.place, 2, over | {"general": {"hosts": hosts}}, {
            transport: {"tls": {"mode": transport} | verify} for transport in TRANSPORTS})
        self.server.start()
        return self

    def certified(self, address):
        if address not in self.made:
            context = tls_context()
            one = pki.make(None, self.root, [address]) if address else None
            if one:
                self.files.load(context, one)
            self.made[address] = SimpleNamespace(context=context, one=one)
        return self.made[address]

    def begin(self, transport, domain, address):
        """A client, and the mechanisms that it is offered once TLS is there."""
        context = self.certified(address).context
        client = self.server.connect(transport, domain, context if transport == "tls" else None)
        _, features = client.start()
        if transport == "starttls":
            assert "EXTERNAL" not in offered(features)
            client.starttls(context)
            _, features = client.start()
        return client, offered(features)

    def stop(self):
        try:
            self.server.stop()
            assert PASSWORD not in self.server.read_log()
        finally:
            self.server.discard()
            for end in reversed(self.ends):
                end()


def offered(features):
    return [m.text for m in features.iterfind(f"{ns.SASL}mechanisms/{ns.SASL}mechanism")]


def services(path):
    world, place = World(path), path("slapd")
    directory = Directory(place, [("romeo", PASSWORD, "staff")])
    service = Service()
    world.ends += [directory.stop, service.stop]
    service.certificates["romeo"] = world.certified("romeo@http.example").one.pem().decode()
    reach = {"servers": ["127.0.0.1"], "port": directory.port}
    reader = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}
    return world.start({
        "host_config": [
            {"host": "http.example", "auth": {"methods": ["http"], "http": {}} | EXTERNAL},
            {"host": "ldap.example", "auth": {
                "methods": ["ldap"], "ldap": {"base": "ou=users,dc=example,dc=net"}} | EXTERNAL}],
        "outgoing_pools": {
            "http": {"auth": {"connection": {"host": f"http://127.0.0.1:{service.port}"}}},
            "ldap": {"default": {"connection": reach | reader},
                     "bind": {"connection": reach}}}},
        ["localhost", "http.example", "ldap.example"])


def database_world(kind, path):
    world, database = World(path), DATABASES[kind]()
    try:
        database.start()
        name = database.new(tables=True)
        keys = scram.serialised(PASSWORD)
        database.run("INSERT INTO users (server, username, password, pass_details) VALUES "
                     f"('rdbms.example', 'romeo', '', '{keys}')", name)
        world.proxy = Proxy(database.socket(), PASS)
        world.ends += [database.discard, world.proxy.stop]
        world.start({
            "host_config": [
                {"host": "rdbms.example", "auth": {
                    "methods": ["rdbms"],
                    "sasl_mechanisms": ["external", "scram_sha256", "plain"]}},
                {"host": "pki.example", "auth": {"methods": ["pki"]} | EXTERNAL}],
            "outgoing_pools": database.pool(name, host="127.0.0.1", port=world.proxy.port)},
            ["localhost", "rdbms.example", "pki.example"])
        world.server.until(lambda: "store.connected" in world.server.read_log())
        return world
    except BaseException:
        for end in reversed(world.ends or [database.discard]):
            end()
        raise


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Made when they are asked for."""
    made = {}

    def get(request, kind):
        if kind not in made:
            path = tmp_path_factory.mktemp
            made[kind] = database_world(kind, path) if kind in DATABASES else services(path)
        request.node.e2e_servers = [made[kind].server]
        return made[kind]

    yield get
    for world in made.values():
        world.stop()


def fails(client, authzid=b"", mechanism="EXTERNAL"):
    with pytest.raises(SaslFailure) as failure:
        client.auth(mechanism, authzid)
    return failure.value.condition


def comes(world, transport, domain, authzid=b""):
    """Romeo, to the resource bound; whether he is online."""
    client, _ = world.begin(transport, domain, f"romeo@{domain}")
    with client:
        assert client.auth("EXTERNAL", authzid).tag == ns.SASL + "success"
        client.restart()
        client.start()
        client.bind()
        assert ns.bare(client.jid) == f"romeo@{domain}"
        return client.sync() == []


CASES = {  # the world, the domain, and what else is offered there
    "http": ("services", "http.example", []),
    "ldap": ("services", "ldap.example", []),
}
for _kind in DATABASES:
    CASES[_kind] = (_kind, "rdbms.example", ["SCRAM-SHA-256", "PLAIN"])


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("case", CASES)
def test_a_certificate_stands_for_its_account(request, worlds, case, transport):
    kind, domain, others = CASES[case]
    world, address = worlds(request, kind), f"romeo@{domain}"
    client, mechanisms = world.begin(transport, domain, address)
    with client:
        plus = ["SCRAM-SHA-256-PLUS"] if "SCRAM-SHA-256-PLUS" in mechanisms else []
        assert mechanisms == ["EXTERNAL", *plus, *others]
        assert fails(client, f"juliet@{domain}".encode()) == "invalid-authzid"
    for authzid in (b"", address.encode()):
        assert comes(world, transport, domain, authzid)
    for stranger in (f"juliet@{domain}", "romeo@localhost"):  # no account; another domain's
        client, _ = world.begin(transport, domain, stranger)
        with client:
            assert fails(client) == "not-authorized"
    client, mechanisms = world.begin(transport, domain, None)
    with client:
        assert "EXTERNAL" not in mechanisms
        assert fails(client, address.encode()) == "invalid-mechanism"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", DATABASES)
def test_a_password_beside_it(request, worlds, kind, transport):
    """For who shows no certificate, and for who has one and does not want to use it."""
    world, domain = worlds(request, kind), "rdbms.example"
    for address in (None, f"romeo@{domain}"):
        client, _ = world.begin(transport, domain, address)
        with client:
            client.auth_scram("SCRAM-SHA-256", "romeo", PASSWORD)
            client.restart()
            client.start()
            assert client.bind().get("type") == "result"


@pytest.mark.parametrize("kind", DATABASES)
@pytest.mark.parametrize("domain", ["rdbms.example", "pki.example"])
def test_the_database_server_is_away(request, worlds, domain, kind):
    """That is no reason to take a certificate for somebody's, nor to say that it is nobody's."""
    world = worlds(request, kind)
    assert comes(world, "tls", domain)
    world.proxy.set(REFUSE)
    try:
        for who in ("romeo", "juliet"):
            client, mechanisms = world.begin("tls", domain, f"{who}@{domain}")
            with client:
                assert mechanisms[0] == "EXTERNAL"
                assert fails(client) == "temporary-auth-failure"
    finally:
        world.proxy.set(PASS)

    def is_back():
        try:
            return comes(world, "tls", domain)
        except SaslFailure as e:
            assert e.condition == "temporary-auth-failure"
            return False
    world.server.until(is_back)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", DATABASES)
def test_pki_with_a_database_server(request, worlds, kind, transport):
    """Whoever is vouched for has an account, and an address that is not his is nobody's."""
    world, domain = worlds(request, kind), "pki.example"
    assert comes(world, transport, domain)
    client, mechanisms = world.begin(transport, domain, "romeo@rdbms.example")
    with client:
        assert mechanisms == ["EXTERNAL"]
        assert fails(client) == "not-authorized"
        assert fails(client, b"\0romeo\0x", "PLAIN") == "invalid-mechanism"
