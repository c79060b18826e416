"""Whose a pool of [outgoing_pools] is: one for all domains, or one for each section; and the two pools
of a directory, each with its own options."""
import base64

import pytest

from lib.auth_service import Service
from lib.directory import Directory
from lib.faults import HANG, HOLD, PASS, Proxy
from test_pools import FULL, result
from test_status import until

A, B, C = "a.example", "b.example", "c.example"
LONG_MS = 600_000
PEOPLE = [("romeo", "of romeo", "staff"), ("juliet", "of juliet", "staff"),
          ("tybalt", "of tybalt", "guest")]


def start(server, name, domain=A):
    client = server.connect(domain=domain)
    client.start()
    data = base64.b64encode(f"\0{name}\0of {name}".encode()).decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{data}</auth>")
    return client


def enter(server, name, domain):
    with start(server, name, domain) as client:
        return result(client)


# --- a service ---

@pytest.fixture
def service():
    one = Service()
    one.accounts = {name: password for name, password, _ in PEOPLE}
    yield one
    one.stop()


@pytest.mark.parametrize("scope, pools", [(None, 1), ("global", 1), ("host_type", 3), ("host", 3)])
def test_who_shares_the_connections_to_a_service(new_server, service, scope, pools):
    """Who we are is each domain's own."""
    auth = {"methods": ["http"], "password": {"format": "plain"}}
    pool = {"workers": 1, "connection": {"host": f"http://127.0.0.1:{service.port}"}}
    server = new_server(listeners={"plain": {}}, over={
        "general": {"hosts": [A, B, C], "default_server_domain": A}, "auth": auth,
        "host_config": [{"host": host, "auth": auth | {"http": {"basic_auth": f"{host}:secret"}}}
                        for host in (B, C)],
        "outgoing_pools": {"http": {"auth": pool | ({"scope": scope} if scope else {})}}})
    names = {"romeo": A, "juliet": B, "tybalt": C}
    for _ in range(2):
        for name, domain in names.items():
            assert enter(server, name, domain) is None
    assert len({port for *_, port in service.asked}) == pools
    for _, name, shown, _ in service.asked:
        domain = names[name]
        word = base64.b64encode(f"{domain}:secret".encode()).decode()
        assert shown == (None if domain == A else f"Basic {word}")


# --- a directory ---

@pytest.fixture
def directory(tmp_path):
    place = tmp_path / "directory"
    place.mkdir()
    one = Directory(place, PEOPLE)
    one.search, one.bind = (Proxy(("127.0.0.1", one.port)) for _ in range(2))
    yield one
    one.search.stop()
    one.bind.stop()
    one.stop()


def serve(new_server, directory, search=None, bind=None):
    ldap = {"base": "ou=users,dc=example,dc=net"}
    auth = {"methods": ["ldap"], "ldap": ldap}
    staff = {"methods": ["ldap"], "ldap": ldap | {"filter": "(employeeType=staff)"}}
    reader = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}
    return new_server(listeners={"plain": {}}, over={
        "general": {"hosts": [A, B], "default_server_domain": A}, "auth": auth,
        "host_config": [{"host": B, "auth": staff}],
        "outgoing_pools": {"ldap": {
            "default": {"workers": 1, "call_timeout": LONG_MS} | (search or {}) | {
                "connection": {"servers": ["127.0.0.1"], "port": directory.search.port} | reader},
            "bind": {"workers": 1, "call_timeout": LONG_MS} | (bind or {}) | {
                "connection": {"servers": ["127.0.0.1"], "port": directory.bind.port}}}}})


@pytest.mark.parametrize("scope, pools", [("global", 1), ("host_type", 2)])
def test_who_shares_the_connections_to_a_directory(new_server, directory, scope, pools):
    """What is searched for is each domain's own."""
    server = serve(new_server, directory, {"scope": scope})
    for _ in range(2):
        assert enter(server, "romeo", A) is None
        assert enter(server, "juliet", B) is None
        assert enter(server, "tybalt", A) is None
        assert enter(server, "tybalt", B) == "not-authorized"
    assert (directory.search.accepted, directory.bind.accepted) == (pools, pools)


def test_so_many_connections_bind(new_server, directory):
    server = serve(new_server, directory, {"workers": 3}, {"workers": 1})
    directory.bind.set(HOLD)
    clients = [start(server, name) for name, *_ in PEOPLE]
    directory.bind.wait_held()
    assert until(lambda: server.status() and directory.search.accepted == 3)
    directory.bind.set(PASS)
    for client in clients:
        assert result(client) is None
        client.abort()
    assert directory.bind.accepted == 1


def test_who_binds_has_a_time_of_its_own(new_server, directory):
    server = serve(new_server, directory, {}, {"call_timeout": 200})
    directory.bind.set(HANG)
    with start(server, "romeo") as client:
        assert result(client) == FULL
    directory.bind.set(PASS)
    assert until(lambda: enter(server, "romeo", A) is None)


@pytest.mark.parametrize("pool", [{"strategy": "next_available_worker"},
                                  {"max_worker_queue_len": 0}])
def test_who_binds_is_free_or_it_fails(new_server, directory, pool):
    server = serve(new_server, directory, {"workers": 2}, pool)
    directory.bind.set(HOLD)
    first = start(server, "romeo")
    directory.bind.wait_held()
    with start(server, "juliet") as second:
        assert result(second) == FULL
    directory.bind.set(PASS)
    assert result(first) is None
    first.abort()


@pytest.mark.parametrize("strategy", ["next_worker", "random_worker", "available_worker"])
def test_who_binds_is_chosen(new_server, directory, strategy):
    server = serve(new_server, directory, {}, {"workers": 2, "strategy": strategy})
    for _ in range(4):
        assert enter(server, "romeo", A) is None
    used = {"next_worker": [2], "random_worker": [1, 2], "available_worker": [1]}
    assert directory.bind.accepted in used[strategy]
