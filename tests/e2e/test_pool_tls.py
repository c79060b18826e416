"""TLS towards a service that knows accounts: outgoing_pools.http.auth.connection.tls. In front of it
there is something that sees what a handshake is like."""
import os
import re
import subprocess

import pytest

from lib import tls_cases, tls_files
from lib.auth_service import Service
from lib.client import Account, SaslFailure
from lib.server import Server
from lib.tls_cases import OTHER, Case
from lib.tls_files import NAME
from lib.tls_front import TlsFront

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # of the old ones
OK, NO_TLS = "success", "temporary-auth-failure"
CASES = tls_cases.CASES | {
    "not of the system": Case(tls={"cacertfile": None}, why="TLS: the certificate is not valid: "),
}


class World:
    """One service, which the fronts have in common."""

    def __init__(self, path):
        tls_files.make(path)
        self.path = path
        self.service = Service()
        self.service.accounts["romeo"] = "correct"
        self.fronts = {}

    def front(self, name):
        if name not in self.fronts:
            made = tls_files.context(self.path, *tls_files.CONTEXTS[name])
            self.fronts[name] = TlsFront(made, self.service.port)
        return self.fronts[name]

    def over(self, case):
        tls = tls_files.of(self.path, {"cacertfile": "ca.pem"} | case.tls)
        return {"auth": {"methods": ["http"], "sasl_mechanisms": ["plain"],
                         "password": {"format": "plain"}, "http": {}},
                "outgoing_pools": {"http": {"auth": {"workers": 1, "connection": {
                    "host": f"https://{case.host}:{self.front(case.at).port}", "tls": tls,
                    "request_timeout": 20000}}}}}

    def stop(self):
        for front in self.fronts.values():
            front.stop()
        self.service.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = World(tmp_path_factory.mktemp("pool-tls"))
    yield one
    one.stop()


def login(server):
    """`success`, or the condition of the failure."""
    client = server.connect()
    try:
        client.login(Account("romeo@localhost", "correct"), mechanism="PLAIN")
        return OK
    except SaslFailure as e:
        return e.condition
    finally:
        client.abort()


@pytest.mark.parametrize("name", CASES)
def test_https(request, tmp_path, world, name):
    case = CASES[name]
    front = world.front(case.at)
    before = len(front.seen)
    server = Server(tmp_path, 1, world.over(case), {"plain": {}})
    request.node.e2e_servers = [server]
    try:
        got = login(server.start())
        server.stop()  # and its connection
    finally:
        server.discard()
    if case.why:
        assert got == NO_TLS
        line = f"https://{case.host}:{front.port}/check_password: .*{case.why}"
        assert re.search(line, server.read_log()), server.read_log()
        return
    assert got == OK, server.read_log()
    made = front.seen[before:]
    assert made and {s[:len(case.seen)] for s in made} == {case.seen}


def test_again(request, tmp_path, world):
    """A connection that is lost is made anew, by the same rules, with a session or without."""
    tls = {"cacertfile": "ca.pem"} | tls_cases.sni(host=NAME)
    right, wrong = (tls_files.context(world.path, name) for name in ("name", "localhost"))
    world.fronts["again"] = front = TlsFront(right, world.service.port)
    server = Server(tmp_path, 1, world.over(Case("again", tls)), {"plain": {}})
    request.node.e2e_servers = [server]
    try:
        assert login(server.start()) == OK
        for context, want in ((right, OK), (wrong, NO_TLS), (right, OK)):
            front.cut()
            seen = front.seen
            front = world.fronts["again"] = TlsFront(context, world.service.port, at=front.port)
            assert login(server) == want
        assert {name for name, *_ in seen + front.seen} == {NAME}
        server.stop()
    finally:
        server.discard()


SYSTEM = "/etc/ssl/certs"


@pytest.fixture(scope="module")
def trusted_by_the_system(world):
    """A command that runs another where ca.pem is among the system's authorities."""
    name = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", world.path / "ca.pem"],
                          check=True, capture_output=True, text=True).stdout.strip()
    script = (f"mount -t tmpfs tmpfs {SYSTEM} && cp {world.path}/ca.pem {SYSTEM}/{name}.0 &&"
              f" cp {world.path}/ca.pem {SYSTEM}/ca-certificates.crt && exec \"$@\"")
    command = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", script, "sh"]
    if subprocess.run([*command, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("a file system of one's own is not allowed here")
    return command


@pytest.mark.parametrize("named", [True, False])
def test_https_of_an_authority_of_the_system_s(new_server, world, trusted_by_the_system, named):
    """Where authorities are named, they alone are trusted."""
    case = Case(tls=OTHER if named else {"cacertfile": None})
    server = new_server(listeners={"plain": {}}, over=world.over(case), start=False)
    server.within = trusted_by_the_system
    server.start()
    assert login(server) == (NO_TLS if named else OK)
