"""TLS towards a directory, outgoing_pools.ldap.NAME.connection.tls: a few servers, each of whose
domains has pools with other options. In front of OpenLDAP's slapd there is something that sees what
a handshake is like; OpenLDAP's own TLS is asked, too, from the first byte and by StartTLS."""
import contextlib
import itertools
import re
import socket
from dataclasses import dataclass, field

import pytest

from lib import tls_files
from lib.client import Account, SaslFailure
from lib.directory import Directory
from lib.server import Server
from lib.tls_files import AES128, AES256, NAME
from lib.tls_front import TlsFront

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # of the old ones
PEOPLE = [("romeo", "correct horse", "staff")]
READER = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}
OK, REFUSED = "success", "temporary-auth-failure"
V12, V13 = ["tlsv1.2"], ["tlsv1.3"]
WEAK = {"ciphers": "ALL:TLS_AES_128_GCM_SHA256:@SECLEVEL=0"}
OTHER = {"cacertfile": "other.pem"}
CLIENT = {"certfile": "client.pem", "keyfile": "client-key.pem"}
LOCKED = {"certfile": "client.pem", "keyfile": "locked-key.pem", "password": "open it"}


def sni(**options):
    return {"server_name_indication": options}


@dataclass
class Case:
    """`at`: which certificate, or service, is there; `seen`: the name that is sent, the version
    and the cipher, as far as they are given; `why`: what the log says."""
    at: str = "address"
    tls: dict = field(default_factory=dict)
    why: str = ""
    seen: tuple = ()
    servers: tuple = ("127.0.0.1",)


CASES = {
    # whom to trust
    "verified": Case(seen=(None, "TLSv1.3")),
    "another authority": Case(tls=OTHER, why="TLS: the certificate is not valid: unable to get "
                                             "local issuer certificate"),
    "not of the system": Case(tls={"cacertfile": None}, why="TLS: the certificate is not valid: "),
    "of the system": Case("system", {"cacertfile": None}),
    "of the system, another named": Case("system", why="TLS: the certificate is not valid: "),
    "not verified": Case(tls=OTHER | {"verify_mode": "none"}),
    "one of ours": Case("name", {"verify_mode": "selfsigned_peer", "cacertfile": "name.pem"}),
    "none of ours": Case("name", {"verify_mode": "selfsigned_peer"} | OTHER,
                         "TLS: the certificate is not valid"),
    # for which name
    "another name": Case("name", why='TLS: the certificate is not for "127.0.0.1"'),
    "told the name": Case("name", sni(host=NAME), seen=(NAME,)),
    "told another name": Case(tls=sni(host=NAME), why=f'is not for "{NAME}"'),
    "any name": Case("name", sni(enabled=False), seen=(None,)),
    "any name, another authority": Case("name", sni(enabled=False) | OTHER,
                                        "TLS: the certificate is not valid"),
    "localhost": Case("localhost", seen=("localhost",), servers=("localhost",)),
    "no name for localhost": Case("localhost", sni(enabled=False), seen=(None,),
                                  servers=("localhost",)),
    "a name for nobody": Case("name", {"verify_mode": "none"} | sni(host="other.example.net"),
                              seen=("other.example.net",)),
    "wildcard by default": Case("wildcard", sni(host=NAME), f'is not for "{NAME}"'),
    "wildcard": Case("wildcard", sni(host=NAME, protocol="https"), seen=(NAME,)),
    "wildcard for two labels": Case("wildcard", sni(host=f"a.{NAME}", protocol="https"),
                                    f'is not for "a.{NAME}"'),
    "exactly": Case("name", sni(host=NAME, protocol="default"), seen=(NAME,)),
    # how
    "TLS 1.2": Case(tls={"versions": V12}, seen=(None, "TLSv1.2")),
    "TLS 1.3": Case(tls={"versions": V13}, seen=(None, "TLSv1.3")),
    "no TLS 1.3 there": Case("1.2", {"versions": V13}, "TLS: tlsv1 alert protocol version"),
    "no TLS 1.2 there": Case("1.3", {"versions": V12}, "TLS: tlsv1 alert protocol version"),
    "TLS 1.0": Case("1.0", {"versions": ["tlsv1"]} | WEAK, seen=(None, "TLSv1")),
    "TLS 1.0 and 1.2": Case("1.1", {"versions": ["tlsv1", "tlsv1.2"]} | WEAK, "TLS: "),
    "TLS 1.1 and 1.3": Case("1.1", {"versions": ["tlsv1.1", "tlsv1.3"]} | WEAK,
                            seen=(None, "TLSv1.1")),
    "AES-256": Case(tls={"versions": V12, "ciphers": AES256}, seen=(None, "TLSv1.2", AES256)),
    "AES-128": Case(tls={"versions": V12, "ciphers": AES128}, seen=(None, "TLSv1.2", AES128)),
    "suite": Case(tls={"ciphers": f"TLS_AES_128_GCM_SHA256:{AES256}"},
                  seen=(None, "TLSv1.3", "TLS_AES_128_GCM_SHA256")),
    "another suite": Case(tls={"ciphers": "TLS_CHACHA20_POLY1305_SHA256"},
                          seen=(None, "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256")),
    "no common cipher": Case("1.2", {"ciphers": AES128}, "TLS: sslv3 alert handshake failure"),
    # who we are
    "certificate": Case("asks", CLIENT),
    "locked key": Case("asks", LOCKED),
    "no certificate": Case("asks", why="cannot connect: TLS: tlsv13 alert certificate required"),
    "no certificate in TLS 1.2": Case("asks", {"versions": V12}, "TLS: .* alert handshake failure"),
    # OpenLDAP's TLS
    "ldaps": Case("ldaps", LOCKED),
    "ldaps with other names": Case("ldaps", LOCKED | sni(host=NAME), f'is not for "{NAME}"'),
    "ldaps with another authority": Case("ldaps", LOCKED | OTHER, "certificate is not valid"),
    "ldaps without a certificate": Case("ldaps", {}, "cannot connect: "),
    "ldaps with TLS 1.3": Case("ldaps", LOCKED | {"versions": V13}),
    "ldaps with TLS 1.2": Case("ldaps", LOCKED | {"versions": V12, "ciphers": AES128}),
    "starttls": Case("starttls", LOCKED),
    "starttls with other names": Case("starttls", LOCKED | sni(host=NAME), f'not for "{NAME}"'),
    "starttls with another authority": Case("starttls", LOCKED | OTHER, "is not valid"),
    "starttls with TLS 1.2": Case("starttls", LOCKED | {"versions": V12, "ciphers": AES256}),
    "starttls without TLS": Case("plain", {}, "StartTLS: Protocol error"),
    # several servers: at 127.0.0.2 there is one with a wrong certificate, at 127.0.0.3 one that
    # says nothing, at 127.0.0.4 nobody
    "the next has a certificate": Case(servers=("127.0.0.2", "127.0.0.1"), seen=(None,)),
    "the next answers": Case(servers=("127.0.0.3", "127.0.0.1"), seen=(None,)),
    "the next is there": Case(servers=("127.0.0.4", "localhost"), seen=("localhost",),
                              tls=sni(host="localhost"), at="localhost"),
    "none of them": Case(servers=("127.0.0.4", "127.0.0.2"), why='cannot connect: Connection '
                         'refused; ldaps://127.0.0.2:.*: cannot connect: TLS: the certificate'),
}

MOST_WHY = 9  # the log has each kind of line ten times a minute


def group_of(name):
    """Which of the servers has this case."""
    before = list(CASES.values())[:list(CASES).index(name)]
    return sum(1 for case in before if case.why) // MOST_WHY


def domain_of(name):
    return f"case{list(CASES).index(name)}.example"


class World:
    """`ports`: by what a case calls it; `ends`: what is to be closed."""

    def __init__(self, path):
        self.path = path
        self.ends = contextlib.ExitStack()
        self.ports, self.fronts = {}, {}
        self.plain = None
        self.servers = []

    def start(self):
        tls_files.make(self.path)
        self.start_directories()
        for name, how in tls_files.CONTEXTS.items():
            self.put(name, tls_files.context(self.path, *how))
        at = self.ports["address"]
        self.ends.callback(TlsFront(tls_files.context(self.path, "name"), self.plain.port,
                                    "127.0.0.2", at).stop)
        self.ends.enter_context(socket.create_server(("127.0.0.3", at)))
        for group, names in itertools.groupby(CASES, group_of):
            self.start_server(group, names)

    def start_directories(self):
        """One with TLS, and one without."""
        certificate = (self.path / "address.pem", self.path / "address.pem")
        one = Directory(self.path, PEOPLE, certificate, more=(
            f"\nTLSCACertificateFile {self.path}/ca.pem\nTLSVerifyClient demand"))
        self.ends.callback(one.stop)
        plain = self.path / "plain"
        plain.mkdir()
        self.plain = Directory(plain, PEOPLE)
        self.ends.callback(self.plain.stop)
        self.ports |= {"ldaps": one.tls_port, "starttls": one.port, "plain": self.plain.port}

    def put(self, name, made):
        self.fronts[name] = TlsFront(made, self.plain.port)
        self.ends.callback(self.fronts[name].stop)
        self.ports[name] = self.fronts[name].port

    def pools(self, case):
        tls = {"cacertfile": "ca.pem", "starttls": case.at in ("starttls", "plain")} | case.tls
        reach = {"servers": list(case.servers), "port": self.ports[case.at],
                 "connect_interval": 1, "tls": tls_files.of(self.path, tls)}
        limits = {"workers": 1, "call_timeout": 1000 if "127.0.0.3" in case.servers else 60000}
        return limits | {"connection": reach | READER}, limits | {"connection": reach}

    def start_server(self, group, names):
        pools, hosts = {}, []
        for name in names:
            i = list(CASES).index(name)
            pools[f"search{i}"], pools[f"bind{i}"] = self.pools(CASES[name])
            hosts.append({"host": domain_of(name), "auth": {"methods": ["ldap"], "ldap": {
                "base": "ou=users,dc=example,dc=net", "pool_tag": f"search{i}",
                "bind_pool_tag": f"bind{i}"}}})
        place = self.path / f"server{group}"
        place.mkdir()
        one = Server(place, 2, {
            "general": {"hosts": ["localhost", *(h["host"] for h in hosts)]},
            "outgoing_pools": {"ldap": pools}, "host_config": hosts}, {"plain": {}})
        # OpenSSL takes its store from there, wherever Debian has put it
        one.within = ["env", f"SSL_CERT_FILE={self.path}/system-ca.pem"]
        self.ends.callback(one.discard)
        self.servers.append(one.start())
        self.ends.callback(one.stop)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = World(tmp_path_factory.mktemp("ldap-tls"))
    with one.ends:
        one.start()
        yield one


def login(server, domain, password="correct horse"):
    """`success`, or the condition of the failure."""
    client = server.connect()
    try:
        client.login(Account(f"romeo@{domain}", password), mechanism="PLAIN")
        return OK
    except SaslFailure as e:
        return e.condition
    finally:
        client.abort()


@pytest.mark.parametrize("name", CASES)
def test_case(request, world, name):
    case, domain, server = CASES[name], domain_of(name), world.servers[group_of(name)]
    request.node.e2e_servers = [server]
    front = world.fronts.get(case.at)
    mark, before = len(server.read_log()), len(front.seen) if front else 0
    got = login(server, domain)
    if case.why:
        assert got == REFUSED
        assert re.search(case.why, server.read_log()[mark:]), server.read_log()[mark:]
        return
    for _ in range(50):  # where one of several answers too late, the machine is busy
        if got == OK or len(case.servers) == 1:
            break
        got = login(server, domain)
    assert got == OK, server.read_log()[mark:]
    assert login(server, domain, "wrong") == "not-authorized"
    if case.seen:
        made = front.seen[before:]
        assert made and {s[:len(case.seen)] for s in made} == {case.seen}
