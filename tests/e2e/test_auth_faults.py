"""What becomes of logins when the service behind a method of authentication is down, goes away,
hangs, talks rubbish, refuses us, or is slow; and that it is used again when it is well."""
import base64
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

from lib import config, env, ns
from lib.auth_service import Service
from lib.client import Account, SaslFailure
from lib.database import Mysql, Pgsql
from lib.directory import Directory, address_certificate
from lib.faults import CUT, GARBLE, HANG, PASS, REFUSE, Proxy
from lib.raw import HEADER
from lib.server import PASSWORD, Server

PROGRAM = os.path.join(os.path.dirname(__file__), "lib", "external_auth.py")
LISTENERS = {"plain": {}}
DATABASES = {"pgsql": Pgsql, "mysql": Mysql}
TIMEOUT = 3000  # ms; all that is well must answer within it on a busy machine, too
SECRETS = ("pass-of-romeo", "pass-of-us", "pass-of-nobody")


class Backend:
    """What a method asks, and how to spoil it. `says`: what the log has for each fault."""

    domain = "localhost"
    user, password = "romeo", SECRETS[0]
    server = None

    def connect(self):
        return self.server.connect(domain=self.domain)

    def login(self, password=None):
        account = Account(f"{self.user}@{self.domain}", password or self.password)
        return self.connect().login(account, mechanism="PLAIN")

    def fails(self, password=None):
        """The failure's condition."""
        with self.connect() as client:
            client.start()
            with pytest.raises(SaslFailure) as failure:
                client.auth_plain(self.user, password or self.password)
        return failure.value.condition

    def when_it_works(self, attempt):
        """Not all connections come back at once."""
        deadline = time.monotonic() + env.DEADLINE
        while (condition := attempt()) == "temporary-auth-failure":
            assert time.monotonic() < deadline, "it is not used again"
            try:
                self.server.process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                pass
        return condition

    def login_when_it_works(self):
        def attempt():
            try:
                return self.login().abort()
            except SaslFailure as e:
                return e.condition
        assert self.when_it_works(attempt) is None

    def is_well(self):
        """It knows again whom it knows, and whom it does not."""
        self.login_when_it_works()
        assert self.when_it_works(lambda: self.fails("wrong")) == "not-authorized"


class Networked(Backend):
    target = None

    def __init__(self):
        self.proxy = Proxy(self.target, REFUSE)

    def set(self, fault):
        self.proxy.set(fault)

    def stop(self):
        self.proxy.stop()


class Http(Networked):
    domain = "http.example"
    says = {
        REFUSE: "http://127.0.0.1:.*/check_password: Failed to connect to 127.0.0.1 port .*"
                "outgoing_pools.http.auth",
        CUT: "check_password: (Server returned nothing|Failure when receiving data)",
        GARBLE: "check_password: what answers is no HTTP",
        HANG: "check_password: Timeout was reached",
        "refused": "the service refuses us: is auth.http.basic_auth right",
    }

    def __init__(self):
        self.service = Service()
        self.service.accounts = {self.user: self.password}
        self.service.client = f"meerkat:{SECRETS[1]}"
        self.target = ("127.0.0.1", self.service.port)
        super().__init__()

    def auth(self):
        return {"methods": ["http"], "password": {"format": "plain"},
                "http": {"basic_auth": f"meerkat:{SECRETS[1]}"}}

    def pools(self):
        return {"http": {"auth": {"workers": 2, "call_timeout": TIMEOUT, "connection": {
            "host": f"http://127.0.0.1:{self.proxy.port}", "request_timeout": TIMEOUT}}}}

    def refuse_us(self, on):
        self.service.client = f"other:{SECRETS[2]}" if on else f"meerkat:{SECRETS[1]}"

    def stop(self):
        super().stop()
        self.service.stop()


class Ldap(Networked):
    domain = "ldap.example"
    says = {
        REFUSE: "ldap://127.0.0.1:.*: cannot connect: Connection refused.*outgoing_pools.ldap",
        CUT: "cannot connect: Can't contact LDAP server",
        GARBLE: "Can't contact LDAP server|Decoding error|Timed out",
        HANG: "Timed out|Can't contact LDAP server",
        "refused": "the root_dn or its password is wrong",
    }

    tag = "clear"
    tls = {}

    def __init__(self, directory):
        self.directory = directory
        self.target = ("127.0.0.1", directory.tls_port if self.tls else directory.port)
        self.reader = "read it"
        super().__init__()

    def auth(self):
        return {"methods": ["ldap"], "ldap": {
            "base": "ou=users,dc=example,dc=net", "pool_tag": self.tag,
            "bind_pool_tag": f"{self.tag}_bind"}}

    def pools(self):
        reach = {"servers": ["127.0.0.1"], "port": self.proxy.port, "connect_interval": 100}
        if self.tls:
            reach["tls"] = {"verify_mode": "none"}
        ours = {"root_dn": "cn=reader,dc=example,dc=net", "password": self.reader}
        return {"ldap": {tag: {"workers": 2, "call_timeout": TIMEOUT, "connection": reach | more}
                         for tag, more in ((self.tag, ours), (f"{self.tag}_bind", {}))}}

    def refuse_us(self, on):
        self.directory.set_password("cn=reader,dc=example,dc=net",
                                    SECRETS[2] if on else self.reader)
        self.proxy.set(REFUSE)
        self.proxy.set(PASS)


class Ldaps(Ldap):
    domain = "ldaps.example"
    tag = "encrypted"
    tls = True
    says = Ldap.says | {
        REFUSE: "ldaps://127.0.0.1:.*: cannot connect: Connection refused",
        CUT: "cannot connect: TLS: (unexpected eof while reading|Connection reset by peer)",
        GARBLE: "cannot connect: TLS: (wrong version number|packet length too long)",
        HANG: "cannot connect: TLS: Connection timed out|searching: Timed out",
    }


class External(Backend):
    domain = "external.example"
    says = {
        REFUSE: "/check cannot be started .No such file or directory.*auth.external.program",
        CUT: "/check ended with status 3",
        GARBLE: "/check answered something that is neither yes nor no",
        HANG: "/check did not answer in time",
        "refused": "/check cannot be started .Permission denied.*auth.external.program",
    }

    def __init__(self, place):
        self.accounts = place / "accounts"
        self.accounts.write_text(f"{self.user}:{self.password}\n", encoding="utf-8")
        self.program = place / "check"
        self.gate = f"{self.accounts}.gate"
        os.mkfifo(self.gate)
        self.runs = None  # what was started when it was there would go on without it
        self.set(REFUSE)

    def auth(self):
        return {"methods": ["external"],
                "external": {"program": f"{self.program} {self.accounts}", "instances": 2}}

    def pools(self):
        return {}

    def set(self, fault):
        with open(f"{self.accounts}.fault", "w", encoding="ascii") as f:
            f.write("cut" if fault == REFUSE else fault)
        if fault == REFUSE:
            self.program.unlink(missing_ok=True)
        elif not self.program.exists():
            shutil.copy(PROGRAM, self.program)
        if fault != HANG:  # who waits goes on
            try:
                os.close(os.open(self.gate, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                pass

    def refuse_us(self, on):
        """It must not be started; what runs ends."""
        self.program.chmod(0o644 if on else 0o755)
        self.set(CUT if on else PASS)

    def stop(self):
        self.set(CUT)


class Rdbms(Networked):
    """A database server, and a user of its own whom it can refuse."""
    host = "127.0.0.1"

    def __init__(self, database):
        self.database = database
        self.name = database.new()
        self.target = ("127.0.0.1", database.port)
        self.as_whom = f"user_{self.name}"
        super().__init__()

    def auth(self):
        return {"methods": ["rdbms"]}

    def pools(self):
        return self.database.pool(self.name, host="127.0.0.1", port=self.proxy.port,
                                  username=self.as_whom, password=SECRETS[1],
                                  query_timeout=TIMEOUT)

    def cut_off(self):
        self.proxy.set(REFUSE)
        self.proxy.set(PASS)


class RdbmsPgsql(Rdbms):
    says = {
        REFUSE: "the database test.* cannot be reached: .*Connection refused",
        CUT: "(a query failed|cannot be reached): .*(server closed the connection|"
             "could not receive data)",
        GARBLE: "cannot be reached: .*expected authentication|a query failed: ",
        HANG: "the server has not answered within query_timeout|timeout expired",
        "refused": "cannot be reached: .*password authentication failed",
        "rejected": "cannot be reached: .*pg_hba.conf rejects connection",
    }

    def __init__(self, database):
        super().__init__(database)
        database.run(f"CREATE ROLE {self.as_whom} LOGIN PASSWORD '{SECRETS[1]}'")
        database.run(f"GRANT ALL ON SCHEMA public TO {self.as_whom}", self.name)

    def refuse_us(self, on):
        password = SECRETS[2] if on else SECRETS[1]
        self.database.run(f"ALTER ROLE {self.as_whom} PASSWORD '{password}'")
        self.cut_off()

    def reject_us(self, on):
        """By the address, whatever the password is."""
        path = f"{self.database.directory}/data/pg_hba.conf"
        line = f"host all {self.as_whom} 127.0.0.1/32 reject\n"
        with open(path, encoding="ascii") as f:
            text = f.read().replace(line, "")
        with open(path, "w", encoding="ascii") as f:
            f.write((line if on else "") + text)
        self.database.run("SELECT pg_reload_conf()")
        self.cut_off()


class RdbmsMysql(Rdbms):
    says = {
        REFUSE: "the database test.* cannot be reached: .*Can't connect to server",
        CUT: "(a query failed|is lost|cannot be reached): .*Lost connection to server",
        GARBLE: "the connection to the database is lost: |a query failed: ",
        HANG: "cannot be reached|is lost",
        "refused": "cannot be reached: .*Access denied for user",
        "rejected": "cannot be reached: .*account is locked",
    }

    def __init__(self, database):
        super().__init__(database)
        who = f"{self.as_whom}@127.0.0.1"
        database.run(f"CREATE USER {who} IDENTIFIED BY '{SECRETS[1]}';"
                     f"GRANT ALL ON {self.name}.* TO {who}")

    def refuse_us(self, on):
        password = SECRETS[2] if on else SECRETS[1]
        self.database.run(f"ALTER USER {self.as_whom}@127.0.0.1 IDENTIFIED BY '{password}'")
        self.cut_off()

    def reject_us(self, on):
        how = "LOCK" if on else "UNLOCK"
        self.database.run(f"ALTER USER {self.as_whom}@127.0.0.1 ACCOUNT {how}")
        self.cut_off()


# --- the servers: one for services, one for each kind of database ---

class World:
    """A server whose backends are all down when it starts, what it said of that, and two clients
    who are logged in afterwards and whom nothing may trouble."""

    def __init__(self, place, backends, over):
        self.backends = backends
        self.server = Server(place, 2, over, LISTENERS)
        for one in backends.values():
            one.server = self.server
        self.server.start()
        self.at_start = {name: one.fails() for name, one in backends.items()}
        self.log_at_start = self.server.read_log()
        for one in backends.values():
            one.set(PASS)
        self.friends = []

    def talk(self):
        a, b = self.friends
        a.message(b.jid, "hello", "chat")
        b.expect_message("hello")

    def stop(self):
        for client in self.friends:
            client.abort()
        try:
            self.server.stop()
            log = self.server.read_log()
            assert [s for s in SECRETS if s in log] == []
        finally:
            self.server.discard()
            for one in self.backends.values():
                one.stop()


def services(path):
    place = path("ldap")
    directory = Directory(place, [(Backend.user, Backend.password, "staff")],
                          address_certificate(place))
    made = {"http": Http(), "ldap": Ldap(directory), "ldaps": Ldaps(directory),
            "external": External(path("external"))}
    pools = {}
    for one in made.values():
        pools = config.merge(pools, one.pools())
    world = World(path("server"), made, {
        "general": {"hosts": ["localhost", *(one.domain for one in made.values())]},
        "outgoing_pools": pools,
        "host_config": [{"host": one.domain, "auth": one.auth()} for one in made.values()]})
    world.on_stop = directory.stop
    world.friends = [world.server.connect().login(world.server.account()).available()
                     for _ in range(2)]
    return world


def database_world(kind, path):
    database = DATABASES[kind]()
    try:
        database.start()
        one = {"pgsql": RdbmsPgsql, "mysql": RdbmsMysql}[kind](database)
        world = World(path("server"), {kind: one},
                      {"auth": one.auth(), "outgoing_pools": one.pools()})
        world.on_stop = database.discard
        world.server.make_accounts([Account(f"{name}@localhost", one.password)
                                    for name in ("romeo", "juliet", "mercutio")])
        one.login_when_it_works()
        world.friends = [world.server.connect().login(
            Account(f"{name}@localhost", one.password)).available()
            for name in ("juliet", "mercutio")]
        return world
    except BaseException:
        database.discard()
        raise


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Made when they are asked for."""
    made = {}

    def get(method):
        name = method if method in DATABASES else "services"
        if name not in made:
            path = tmp_path_factory.mktemp
            made[name] = services(path) if name == "services" else database_world(name, path)
        return made[name]

    yield get
    for world in made.values():
        try:
            world.stop()
        finally:
            world.on_stop()


METHODS = ("http", "ldap", "ldaps", "external", "pgsql", "mysql")


@pytest.fixture(params=METHODS)
def world(request, worlds):
    one = worlds(request.param)
    request.node.e2e_servers = [one.server]
    one.method = request.param
    return one


@pytest.fixture
def backend(world):
    one = world.backends[world.method]
    one.login_when_it_works()
    yield one
    one.set(PASS)


def new_log(world, mark):
    return world.server.read_log()[mark:]


def check(world, backend, fault, mark):
    log = new_log(world, mark)
    assert re.search(backend.says[fault], log), log
    for secret in SECRETS:
        assert secret not in log


# --- one fault at a time ---

def test_down_at_the_start(world, backend):
    assert world.at_start[world.method] == "temporary-auth-failure"
    assert re.search(backend.says[REFUSE], world.log_at_start), world.log_at_start


@pytest.mark.parametrize("fault", [REFUSE, CUT, GARBLE])
def test_goes_away_and_comes_back(world, backend, fault):
    """While a login is under way or before it; nobody else notices, and no restart is needed."""
    mark = len(world.server.read_log())
    backend.set(fault)
    if fault == REFUSE and world.method == "external":
        backend.fails()  # the one that still runs
    assert backend.fails() == "temporary-auth-failure"
    check(world, backend, fault, mark)
    world.talk()
    backend.set(PASS)
    backend.is_well()


def test_refuses_us(world, backend):
    """Which is not the user's fault."""
    for name in ("refuse_us", "reject_us"):
        refuse = getattr(backend, name, None)
        if refuse is None:
            continue
        mark = len(world.server.read_log())
        refuse(True)
        try:
            if world.method == "external":
                backend.fails()
            assert backend.fails() == "temporary-auth-failure"
            check(world, backend, "refused" if name == "refuse_us" else "rejected", mark)
        finally:
            refuse(False)
        backend.is_well()


# --- what says nothing ---

def start_login(backend):
    """As far as it goes without an answer."""
    client = backend.connect()
    client.start()
    data = base64.b64encode(f"\0{backend.user}\0{backend.password}".encode()).decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{data}</auth>")
    return client


def failure_of(client):
    answer = client.stanza()
    assert answer.tag == ns.SASL + "failure", ns.show(answer)
    return ns.conditions(answer, ns.SASL)[0]


HANGING = [m for m in METHODS if m != "external"]  # whose limit of 10 seconds a unit test has


def test_hangs(request, worlds):
    """All at the same time, since it takes its time: those whose connections are there, and those
    that have to connect first. Clients that go away meanwhile do no harm."""
    backends = {m: worlds(m).backends[m] for m in METHODS}
    request.node.e2e_servers = [one.server for one in backends.values()]
    for one in backends.values():
        one.login_when_it_works()
    marks = {m: len(one.server.read_log()) for m, one in backends.items()}
    for one in backends.values():
        one.set(HANG)
    try:
        for one in backends.values():
            start_login(one).abort()
        for again in range(2):
            clients = {m: start_login(backends[m]) for m in HANGING}
            for m in METHODS:
                worlds(m).talk()
            for m, client in clients.items():
                assert failure_of(client) == "temporary-auth-failure", (m, again)
                client.abort()
    finally:
        for one in backends.values():
            one.set(PASS)
    for m, one in backends.items():
        if m in HANGING:
            check(worlds(m), one, HANG, marks[m])
        one.login_when_it_works()


def rush(backend, n):
    """So many clients who log in, each with a name of its own, and read no answer yet."""
    clients = []
    for i in range(n):
        data = base64.b64encode(f"\0u{i}\0{backend.password}".encode()).decode()
        client = socket.create_connection(
            ("127.0.0.1", backend.server.ports["plain"]), timeout=env.DEADLINE)
        client.sendall((HEADER.format(attributes=f" to='{backend.domain}' version='1.0'") +
                        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
                        f"{data}</auth>").encode())
        clients.append(client)
    return clients


def failures_of(clients):
    """What all of them get."""
    found = []
    for client in clients:
        text = b""
        while b"</failure>" not in text:
            data = client.recv(65536)
            assert data, text
            text += data
        found += re.findall(rb"<failure [^>]*><([a-z-]+)/>", text)
        client.close()
    return set(found)


def test_hundreds_of_logins_at_a_service_that_hangs(request, worlds):
    """Who does not fit into a queue is turned away, nobody waits for longer than the limit, and
    messages go on. A database's queue has room for all of them."""
    crowds = {"http": 300, "pgsql": 200}
    backends = {m: worlds(m).backends[m] for m in crowds}
    request.node.e2e_servers = [one.server for one in backends.values()]
    for one in backends.values():
        one.login_when_it_works()
    mark = len(backends["http"].server.read_log())
    clients = {}
    for m, one in backends.items():
        one.set(HANG)
        clients[m] = rush(one, crowds[m])
    for _ in range(20):
        for m in crowds:
            worlds(m).talk()
    for m in crowds:
        assert failures_of(clients[m]) == {b"temporary-auth-failure"}
    assert "auth.busy: http: too many logins wait" in new_log(worlds("http"), mark)
    for one in backends.values():
        one.set(PASS)
        one.login_when_it_works()
