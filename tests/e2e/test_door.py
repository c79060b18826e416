"""Many that log in while others talk do so on a thread of their own, and notice nothing of it."""
import socket

import pytest

from lib import env, ns
from lib.client import Client, fence
from lib.raw import Eof, tls_context

LISTENERS = {
    "hasty": {"tls": {"mode": "tls"}, "state_timeout": 300},
    "pp_tls": {"proxy_protocol": True, "tls": {"mode": "tls"}},
    "pp_hasty": {"proxy_protocol": True, "tls": {"mode": "tls"}, "state_timeout": 300},
    "crowd": {"tls": {"mode": "tls"}, "max_connections_per_ip": 5},
    "narrow": {"tls": {"mode": "tls"}, "max_connections": 5, "state_timeout": 300},
}
N = 12


class Late(Client):
    """On a connection that stands already."""

    def __init__(self, connection, tls=None):
        self.ready = connection
        super().__init__(0, tls=tls)

    def _connect(self, port):
        return self.ready


def at_door(server):
    return server.status()["server"]["logins_at_door"]


def arrive(server, listener):
    return [socket.create_connection(("127.0.0.1", server.ports[listener]),
                                     timeout=env.DEADLINE) for _ in range(N)]


class Crowd:
    """Clients that talk, so many that some are at home on every worker, or nearly; and
    connections that come meanwhile, one right behind the other."""

    def __init__(self, server):
        self.server = server
        self.talkers = [server.connect().login(server.account()).available() for _ in range(8)]
        self.sockets = []

    def talk(self):
        for a, b in zip(self.talkers, self.talkers[1:] + self.talkers[:1]):
            a.message(b.jid, "so they talk")
            assert ns.body(b.expect_message()) == "so they talk"

    def rush(self, listener, begin=lambda sockets: sockets):
        """Some of these were sent to the door; `begin`: what they do first."""
        for _ in range(20):
            before = at_door(self.server)
            self.talk()
            sockets = arrive(self.server, listener)
            self.sockets += sockets
            begun = begin(sockets)
            self.talk()
            if at_door(self.server) > before:
                return begun
            for one in sockets:  # they would be in the way of the next ones
                one.close()
        raise AssertionError("nobody was sent to the door")

    def leave(self):
        for one in self.talkers:
            one.abort()
        for one in self.sockets:
            one.close()


@pytest.fixture
def rush(server):
    crowd = Crowd(server)
    yield crowd.rush
    crowd.leave()


def come_in(server, clients):
    """They log in, and reach each other."""
    for client in clients:
        client.login(server.account()).available()
    for a, b in zip(clients, clients[1:]):
        fence(a, b)


def begin_tls(sockets):
    """All ask for it before the first of them shakes hands."""
    clients = [Late(s) for s in sockets]
    for client in clients:
        client.start()
    for client in clients:
        client.ask_for_tls()
    for client in clients:
        client.proceed()
    return clients


def test_starttls(server, rush):
    come_in(server, rush("starttls", begin_tls))


def test_direct_tls(server, rush):
    come_in(server, [Late(s, tls_context()) for s in rush("tls")])


def test_a_proxy_s(server, rush):
    sockets = rush("pp_tls")
    for s in sockets:
        s.sendall(b"PROXY TCP4 203.0.113.7 198.51.100.1 1 2\r\n")
    come_in(server, [Late(s, tls_context()) for s in sockets])


def test_they_have_their_time_and_no_more(server, rush):
    for s in rush("hasty"):
        assert s.recv(1) == b""


def test_a_proxy_has_its_time_and_no_more(server, rush):
    for s in rush("pp_hasty"):
        assert s.recv(1) == b""


def is_served(s):
    try:
        Late(s, tls_context()).start()
        return True
    except (Eof, OSError):
        return False


def test_limits_of_an_address_count(server, rush):
    assert sum(is_served(s) for s in rush("crowd")) == 5


def test_limits_of_the_listener_count(server, rush):
    """At the moment of accept, not when the door has got to it: the others wait in the kernel's
    queue until those before them have had their time."""
    sockets = rush("narrow")
    port = f"127.0.0.1:{server.ports['narrow']}"
    narrow = next(one for one in server.status()["listeners"] if one["name"] == port)
    assert narrow["open"] <= 5
    for s in sockets:
        assert s.recv(1) == b""


def test_without_talk_nobody_goes_there(new_server):
    server = new_server()
    sockets = arrive(server, "tls")
    for s in sockets:
        Late(s, tls_context()).login(server.account())
    assert at_door(server) == 0
    for s in sockets:
        s.close()


def test_without_tls_nobody_goes_there(new_server):
    server = new_server()
    crowd = Crowd(server)
    crowd.talk()
    clients = [Late(s) for s in arrive(server, "plain")]
    crowd.talk()
    come_in(server, clients)
    assert at_door(server) == 0
    for client in clients:
        client.abort()
    crowd.leave()


def test_the_end_of_the_server_reaches_them(new_server):
    server = new_server()
    crowd = Crowd(server)
    clients = [Late(s, tls_context()) for s in crowd.rush("tls")]
    for client in clients:
        client.start()
    server.stop()
    for client in clients:
        client.expect_error("system-shutdown")
    crowd.leave()
