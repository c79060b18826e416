"""Hundreds who log in at the same time by a method whose service takes its time with each."""
import base64
import resource
import socket

import pytest

from lib import env
from lib.auth_backends import Backend
from lib.faults import PASS, SLOW
from lib.raw import HEADER

METHODS = ("http", "ldap", "external", "pgsql", "mysql")
N = 100 if env.SANITIZED else 500
N_ADDRESSES = 4  # a queue takes 256 from one
NAMES = [f"u{i}" for i in range(N)]


@pytest.fixture
def backends(request, auth_worlds):
    """The methods' backends, all slow; each knows the crowd."""
    found = {m: auth_worlds(m).backends[m] for m in METHODS}
    request.node.e2e_servers = [one.server for one in found.values()]
    for one in found.values():
        one.login_when_it_works()
        one.add(NAMES)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    for one in found.values():
        one.set(SLOW)
    yield found
    for one in found.values():
        one.set(PASS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def begin(backend, name, i):
    """All that a client sends until it has its answer."""
    data = base64.b64encode(f"\0{name}\0{Backend.password}".encode()).decode()
    client = socket.create_connection(("127.0.0.1", backend.server.ports["plain"]), env.DEADLINE,
                                      (f"127.0.0.{i % N_ADDRESSES + 1}", 0))
    client.sendall((HEADER.format(attributes=f" to='{backend.domain}' version='1.0'") +
                    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
                    f"{data}</auth>").encode())
    return client


def answer(client):
    text = b""
    while b"</failure>" not in text and b"<success " not in text:
        data = client.recv(65536)
        assert data, text
        text += data
    return b"<success " in text or b"<temporary-auth-failure/>" in text and None


def memory(server):
    """In KiB: now, and what it has been at most."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as f:
        text = dict(line.split(":", 1) for line in f)
    return [int(text[name].split()[0]) for name in ("VmRSS", "VmHWM")]


def test_all_are_answered(backends, auth_worlds):
    """They are logged in, or turned away because it takes too long; nobody else notices."""
    servers = {one.server.process.pid: one.server for one in backends.values()}
    for pid in servers:
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as f:
            f.write("5")  # the most is of now
    before = {pid: memory(server)[0] for pid, server in servers.items()}
    clients = {m: [] for m in METHODS}
    for i, name in enumerate(NAMES):
        for m, one in backends.items():
            clients[m].append(begin(one, name, i))
        if i % 50 == 0:
            for m in METHODS:
                auth_worlds(m).talk()
    counts = {m: [0, 0] for m in METHODS}
    for m in METHODS:
        for client in clients[m]:
            result = answer(client)
            assert result is not False, m
            counts[m][result is None] += 1
            client.close()
        auth_worlds(m).talk()
    grown = {pid: memory(server)[1] - before[pid] for pid, server in servers.items()}
    for m in METHODS:
        assert counts[m][0] > 0, counts
    if not env.SANITIZED:  # about 10 KiB for each client that is connected
        assert max(grown.values()) < 32 << 10, grown
    for one in backends.values():
        one.set(PASS)
        one.login_when_it_works()
