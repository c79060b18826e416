"""What becomes of logins when the service behind a method of authentication is down, goes away,
hangs, talks rubbish, refuses us, or is slow; and that it is used again when it is well."""
import base64
import re
import socket

import pytest

from lib import env
from lib.auth_backends import SECRETS, failure_of
from lib.auth_world import DATABASES, METHODS
from lib.faults import CUT, GARBLE, HANG, PASS, REFUSE
from lib.raw import HEADER


@pytest.fixture(params=METHODS)
def world(request, auth_worlds):
    one = auth_worlds(request.param)
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
    if world.method in DATABASES:
        assert "rdbms: the database is not connected; see outgoing_pools" in world.log_at_start


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

HANGING = [m for m in METHODS if m != "external"]  # whose limit of 10 seconds a unit test has


def test_hangs(request, auth_worlds):
    """All at the same time, since it takes its time: those whose connections are there, and those
    that have to connect first. Clients that go away meanwhile do no harm."""
    backends = {m: auth_worlds(m).backends[m] for m in METHODS}
    request.node.e2e_servers = [one.server for one in backends.values()]
    for one in backends.values():
        one.login_when_it_works()
    marks = {m: len(one.server.read_log()) for m, one in backends.items()}
    for one in backends.values():
        one.set(HANG)
    try:
        for one in backends.values():
            one.begin().abort()
        for again in range(2):
            clients = {m: backends[m].begin() for m in HANGING}
            for m in METHODS:
                auth_worlds(m).talk()
            for m, client in clients.items():
                assert failure_of(client) == "temporary-auth-failure", (m, again)
                client.abort()
    finally:
        for one in backends.values():
            one.set(PASS)
    for m, one in backends.items():
        if m in HANGING:
            check(auth_worlds(m), one, HANG, marks[m])
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


def test_hundreds_of_logins_at_a_service_that_hangs(request, auth_worlds):
    """Who does not fit into a queue is turned away, nobody waits for longer than the limit, and
    messages go on. A database's queue has room for all of them."""
    crowds = {"http": 300, "pgsql": 200}
    backends = {m: auth_worlds(m).backends[m] for m in crowds}
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
            auth_worlds(m).talk()
    for m in crowds:
        assert failures_of(clients[m]) == {b"temporary-auth-failure"}
    assert "auth.busy: http: too many logins wait" in new_log(auth_worlds("http"), mark)
    for one in backends.values():
        one.set(PASS)
        one.login_when_it_works()
