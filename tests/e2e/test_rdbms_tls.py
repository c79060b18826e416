"""TLS towards a database server: outgoing_pools.rdbms.default.connection.tls. In front of it there is
something that sees what a handshake is like; test_rdbms.py has the server's own TLS."""
import re
import subprocess

import pytest

from lib import env, pki, tls_cases, tls_files
from lib.client import SaslFailure
from lib.db_front import FRONTS
from lib.server import Server
from lib.tls_cases import CASES

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # of the old ones


class World:
    def __init__(self, path, database):
        tls_files.make(path)
        self.path = path
        self.database = database
        self.name = database.new()
        self.fronts = {}

    def new_front(self, context):
        return FRONTS[self.database.kind](context, self.database)

    def front(self, name):
        if name not in self.fronts:
            made = tls_files.context(self.path, *tls_files.CONTEXTS[name])
            self.fronts[name] = self.new_front(made)
        return self.fronts[name]

    def server(self, place, front, tls, host="127.0.0.1"):
        pool = self.database.pool(self.name, host=host, port=front.port,
                                  tls=tls_files.of(self.path, tls))
        return Server(place, 1, {"outgoing_pools": pool, "auth": {"methods": ["rdbms"]}},
                      {"plain": {}})

    def ask(self, place, front, tls, host="127.0.0.1", within=()):
        """What `meerkat user list` says."""
        server = self.server(place, front, tls, host)
        server.ports = {name: 10000 for name in server.listeners}
        server.write_config()
        return server.run("user", "list", within=within)


@pytest.fixture(scope="module")
def world(database, tmp_path_factory):
    one = World(tmp_path_factory.mktemp("rdbms-tls"), database)
    yield one
    for front in one.fronts.values():
        front.stop()


@pytest.mark.parametrize("name", CASES)
def test_case(world, tmp_path, name):
    case = CASES[name]
    front = world.front(case.at)
    before = len(front.seen)
    done = world.ask(tmp_path, front, {"cacertfile": "ca.pem"} | case.tls, case.host)
    if case.why:
        assert done.returncode == 1
        assert re.search(f"cannot be reached: .*{case.why}", done.stderr), done.stderr
        return
    assert done.returncode == 0, done.stderr
    made = front.seen[before:]
    assert made and {s[:len(case.seen)] for s in made} == {case.seen}


# Whether a server without TLS is talked to.
WITHOUT = {
    "verified": ({}, False),
    "of whatever host": ({"verify_mode": "selfsigned_peer"}, False),
    "not verified": ({"verify_mode": "none"}, True),
    "required": ({"verify_mode": "none", "required": True}, False),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_server_without_tls(world, tmp_path, name):
    """It is told nothing, and least of all a password."""
    tls, plain = WITHOUT[name]
    front = world.new_front(None)
    try:
        done = world.ask(tmp_path, front, {"cacertfile": "ca.pem"} | tls)
    finally:
        front.stop()
    if plain and world.database.kind == "pgsql":
        assert done.returncode == 0, done.stderr
        assert b"" in front.plain and set(front.plain) > {b""}
        return
    assert done.returncode == 1
    assert "does not support" in done.stderr, done.stderr
    assert front.plain == [b""]


def test_no_plain_text_after_a_handshake_that_has_failed(world, tmp_path):
    front = world.front("1.2")
    done = world.ask(tmp_path, front, {"verify_mode": "none", "versions": ["tlsv1.3"]})
    assert done.returncode == 1
    assert "TLS: alert protocol version" in done.stderr
    assert front.plain == []


def test_files_of_the_home_directory_are_not_used(world, tmp_path):
    """PostgreSQL's library would take a certificate of ours, authorities and a revocation list from
    there."""
    home = tmp_path / "home" / ".postgresql"
    home.mkdir(parents=True)
    for name, source in (("postgresql.crt", "client.pem"), ("postgresql.key", "client-key.pem"),
                         ("root.crt", "other.pem")):
        (home / name).write_bytes((world.path / source).read_bytes())
        (home / name).chmod(0o600)
    (home / "root.crl").write_bytes(pki.make_crl(pki.make("none", purpose="ca")))
    within = ["env", f"HOME={home.parent}"]
    trusted = {"cacertfile": "ca.pem"}
    done = world.ask(tmp_path, world.front("address"), trusted, within=within)
    assert done.returncode == 0, done.stderr
    done = world.ask(tmp_path, world.front("asks"), trusted, within=within)
    assert done.returncode == 1  # there is none to show
    done = world.ask(tmp_path, world.front("asks"), trusted | tls_cases.CLIENT, within=within)
    assert done.returncode == 0, done.stderr


def login(server, account):
    with server.connect() as client:
        try:
            client.login(account)
            return True
        except SaslFailure as e:
            assert e.condition == "temporary-auth-failure"
            return False


def until(server, is_so):
    for _ in range(int(env.DEADLINE / 0.1)):
        if is_so():
            return
        try:
            server.process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            pass
    raise AssertionError(server.read_log())


def test_again(request, world, tmp_path):
    """A connection that is lost is made anew by the same rules, with the files as they are then."""
    ours = tmp_path / "ours.pem"
    ours.write_bytes((world.path / "both.pem").read_bytes())
    tls = {"cacertfile": "ca.pem", "certfile": str(ours)} | tls_cases.sni(host=tls_files.NAME)
    right, wrong = (tls_files.context(world.path, name, asks=True) for name in ("name", "address"))
    front = world.new_front(right)
    server = world.server(tmp_path, front, tls)
    request.node.e2e_servers = [server]

    def go_on(context):
        front.cut()
        return FRONTS[world.database.kind](context, world.database, at=front.port)

    def fails_with(text):  # it is made anew for who asks for something
        return not login(server, account) and text in server.read_log()

    try:
        account = server.start().account()
        assert login(server, account)
        front = go_on(wrong)
        until(server, lambda: fails_with(f'is not for "{tls_files.NAME}"'))
        front = go_on(right)
        until(server, lambda: login(server, account))
        ours.write_text("nothing")
        front = go_on(right)
        until(server, lambda: fails_with(f"tls.certfile: {ours}: no certificate"))
        ours.write_bytes((world.path / "both.pem").read_bytes())
        until(server, lambda: login(server, account))
        server.stop()
    finally:
        server.discard()
        front.cut()
