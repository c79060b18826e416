"""Several methods of authentication in a row: each answer of each of them; what a reload does when a
key has gone; and trouble with the server's own database."""
import contextlib
import itertools
import os
import sqlite3

import pytest

from lib import pki
from lib.auth_service import Service
from lib.client import Account, SaslFailure
from lib.raw import tls_context
from lib.scram import serialised
from lib.server import PASSWORD, Server
from test_auth_matrix import token

PROGRAM = os.path.join(os.path.dirname(__file__), "lib", "external_auth.py")
ROWS = list(itertools.permutations(("internal", "http", "external"), 2))
KEYS = serialised(PASSWORD, ["SCRAM-SHA-256"])
DEFAULT = "default.example"  # has sections, and does not say in which order they are asked


def domain_of(row):
    return "-".join(row) + ".example"


def auth_of(accounts, *methods):
    auth = {"external": {"program": f"{PROGRAM} {accounts}", "instances": 8}, "http": {},
            "internal": {}, "password": {"scram_iterations": 4096}}
    return auth | ({"methods": list(methods)} if methods else {})


class World:
    def __init__(self, path):
        place = path("server")
        self.accounts = path("external") / "accounts"
        self.accounts.touch()
        self.service = Service()
        self.server = Server(place, 2, {
            "general": {"hosts": ["localhost", DEFAULT, *(domain_of(r) for r in ROWS)]},
            "host_config": [{"host": DEFAULT, "auth": auth_of(self.accounts)}] + [
                {"host": domain_of(row), "auth": auth_of(self.accounts, *row)} for row in ROWS],
            "outgoing_pools": {"http": {"auth": {"connection": {
                "host": f"http://127.0.0.1:{self.service.port}"}}}}}, {"plain": {}})
        self.server.start()

    def know(self, method, user, state):
        """What the method, other than internal, says of this user from now on."""
        knows = {user: PASSWORD} if state == "yes" else {}
        if method == "http":
            self.service.accounts = dict.fromkeys(knows, KEYS)
            self.service.broken = (500, "") if state == "down" else None
        if method == "external":
            self.accounts.write_text("".join(f"{u}:{p}\n" for u, p in knows.items()),
                                     encoding="utf-8")
            with open(f"{self.accounts}.fault", "w", encoding="ascii") as f:
                f.write("cut" if state == "down" else "")

    def login(self, user, domain, mechanism="PLAIN"):
        """None, or the failure's condition."""
        with self.server.connect(domain=domain) as client:
            try:
                client.login(Account(f"{user}@{domain}", PASSWORD), mechanism=mechanism)
                return None
            except SaslFailure as e:
                return e.condition


@pytest.fixture(scope="module")
def world(request, tmp_path_factory):
    one = World(tmp_path_factory.mktemp)
    request.node.e2e_servers = [one.server]
    yield one
    try:
        one.server.stop()
    finally:
        one.server.discard()
        one.service.stop()


def put_into_database(server, accounts):
    """As `meerkat user add` would, but that it takes the first method that has room."""
    database = sqlite3.connect(f"{server.directory}/meerkat.db")
    database.executemany("INSERT INTO users (username, server, password) VALUES (?, ?, ?)",
                         accounts)
    database.commit()
    database.close()


def by_password(states):
    """Who says yes has the last word; a "no" of who has the account comes before the doubt."""
    if "yes" in states.values():
        return None
    if states.get("internal") == "wrong" or "down" not in states.values():
        return "not-authorized"
    return "temporary-auth-failure"


def by_keys(states):
    """The first that has the account's keys."""
    known = [s for s in states.values() if s in ("yes", "wrong")]
    if known:
        return None if known[0] == "yes" else "not-authorized"
    return "temporary-auth-failure" if "down" in states.values() else "not-authorized"


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_two_methods(world, row):
    """Each of them knows the user and the password, or nobody, or is down; internal has another
    password instead of being down."""
    domain = domain_of(row)
    options = {"internal": ("yes", "nobody", "wrong"), "http": ("yes", "nobody", "down"),
               "external": ("yes", "nobody", "down")}
    cases = {}
    for states in itertools.product(*(options[m] for m in row)):
        cases["-".join(states)] = dict(zip(row, states))
    put_into_database(world.server, [
        (user, domain, PASSWORD if states["internal"] == "yes" else "another")
        for user, states in cases.items() if states.get("internal", "nobody") != "nobody"])
    for user, states in cases.items():
        for method in ("http", "external"):
            world.know(method, user, states.get(method, "nobody"))
        assert world.login(user, domain) == by_password(states), states
        if "external" not in row:
            assert world.login(user, domain, "SCRAM-SHA-256") == by_keys(states), states


def test_order_of_their_names(world):
    """Without `methods`: external, http, internal; who has said yes is the last one asked."""
    for method in ("http", "external"):
        world.know(method, None, "nobody")
    put_into_database(world.server, [("third", DEFAULT, PASSWORD)])

    def asked(user):
        with open(f"{world.accounts}.log", encoding="utf-8") as f:
            program = any(line.startswith(f"auth:{user}:") for line in f)
        return program, any(who == user and "get_password" in path
                            for path, who, *_ in world.service.asked)

    world.know("external", "first", "yes")
    assert world.login("first", DEFAULT) is None
    assert asked("first") == (True, False)
    world.know("external", None, "nobody")
    world.know("http", "second", "yes")
    assert world.login("second", DEFAULT) is None
    assert asked("second") == (True, True)
    assert world.login("third", DEFAULT) is None
    assert asked("third") == (True, True)
    assert world.login("fourth", DEFAULT) == "not-authorized"


# --- keys that go while the server runs ---

@pytest.fixture
def start(request, tmp_path):
    made = []
    request.node.e2e_servers = made

    def make(over, listeners=None):
        made.append(Server(tmp_path, 1, over, listeners or {"plain": {}}))
        return made[-1].start()

    yield make
    for one in made:
        try:
            one.stop()
        finally:
            one.discard()


def login(server, user, password=PASSWORD, mechanism="PLAIN"):
    with server.connect() as client:
        client.login(Account(f"{user}@localhost", password), mechanism=mechanism)


def reload_fails(server, complaint):
    done = server.run("reload")
    assert done.returncode == 1
    assert complaint in done.stderr, done.stderr


def test_jwt_key_that_goes(start, tmp_path):
    key = tmp_path / "jwt-key"
    key.write_text("first-secret", encoding="utf-8")
    server = start({"auth": {"methods": ["jwt"], "jwt": {
        "secret": {"file": str(key)}, "algorithm": "HS256", "username_key": "user"}}})
    login(server, "romeo", token("romeo", "first-secret"))
    key.unlink()
    reload_fails(server, "auth.jwt.secret.file: cannot read the file")
    login(server, "romeo", token("romeo", "first-secret"))
    key.write_text("", encoding="utf-8")
    reload_fails(server, "expected a key, found nothing")
    login(server, "romeo", token("romeo", "first-secret"))
    key.write_text("second-secret", encoding="utf-8")
    assert server.run("reload").returncode == 0
    login(server, "romeo", token("romeo", "second-secret"))
    assert "first-secret" not in server.read_log() and "second-secret" not in server.read_log()


def test_authorities_that_go(start, tmp_path):
    root = pki.make("Root", purpose="ca")
    anchors = pki.Directory(tmp_path).write("root.pem", root.pem())
    server = start({"auth": {"methods": ["pki"], "sasl_mechanisms": ["external"]}},
                   {"plain": {"tls": {"mode": "tls", "verify_mode": "peer",
                                      "cacertfile": anchors}}})
    show = tls_context()
    (tmp_path / "client").mkdir()
    pki.Directory(tmp_path / "client").load(show, pki.make(None, root, ["romeo@localhost"]))

    def external():
        with server.connect(tls=show) as client:
            client.start()
            client.auth("EXTERNAL", b"")

    external()
    os.unlink(anchors)
    reload_fails(server, "cacertfile: cannot read the file")
    external()
    pki.Directory(tmp_path).write("root.pem", b"rubbish")
    reload_fails(server, "root.pem")
    external()
    pki.Directory(tmp_path).write("root.pem", root.pem())
    assert server.run("reload").returncode == 0
    external()


# --- the server's own database ---

def test_database_that_another_process_has_locked(start):
    """Logins only read."""
    server = start({})
    accounts = [server.account() for _ in range(3)]
    other = sqlite3.connect(f"{server.directory}/meerkat.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    login(server, accounts[0].user)
    login(server, accounts[1].user, mechanism="SCRAM-SHA-1")
    with pytest.raises(SaslFailure) as failure:
        login(server, accounts[2].user, "wrong")
    assert failure.value.condition == "not-authorized"
    other.execute("ROLLBACK")
    other.close()


UNREADABLE = {"odd": "pass_details = '==MULTI_SCRAM==,x,' || pass_details",
              "long": "password = printf('%.*c', 1 << 20, 'x'), pass_details = NULL",
              "long keys": "pass_details = '==MULTI_SCRAM==,' || printf('%.*c', 1 << 20, 'x')"}


@pytest.mark.parametrize("row", UNREADABLE)
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1"])
def test_row_that_cannot_be_read(start, mechanism, row):
    server = start({})
    known = server.account()
    other = sqlite3.connect(f"{server.directory}/meerkat.db", isolation_level=None)
    other.execute(f"UPDATE users SET {UNREADABLE[row]} WHERE username = ?", (known.user,))
    other.close()
    with pytest.raises(SaslFailure) as failure:
        login(server, known.user, mechanism=mechanism)
    assert failure.value.condition == "temporary-auth-failure"
    assert f"auth.row: internal: the stored credentials of {known.jid} cannot be read" in \
        server.read_log()


def test_names_that_are_too_long_for_any(start):
    """Of a database that others have filled: they are listed, and are in nobody's way."""
    server = start({})
    name = "r" * 2000
    server.stop()
    with contextlib.closing(sqlite3.connect(f"{server.directory}/meerkat.db")) as other, other:
        other.execute("INSERT INTO users (server, username, password)"
                      " VALUES ('localhost', ?, 'x')", (name,))
        other.execute("INSERT INTO meerkat_accounts (server, username)"
                      " VALUES ('!localhost', ?)", (name,))
    server.start(new_ports=False)
    done = server.run("user", "list")
    assert done.returncode == 0 and done.stdout == f"{name}@localhost\n", done
    assert "not a name that RFC 7622 allows" in done.stderr
    known = server.account()
    login(server, known.user)
    with contextlib.closing(sqlite3.connect(f"{server.directory}/meerkat.db")) as other:
        assert other.execute("SELECT * FROM meerkat_accounts WHERE server = '!localhost'"
                             ).fetchall() == []
