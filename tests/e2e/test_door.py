"""Many that log in while others talk do so on a thread of their own, and notice nothing of it."""
import socket

import pytest

from lib import env, ns
from lib.client import Client, fence
from lib.raw import Eof, tls_context

LISTENERS = {
    "hasty": {"state_timeout": 300},
    "pp_tls": {"proxy_protocol": True, "tls": {"mode": "tls"}},
    "pp_hasty": {"proxy_protocol": True, "state_timeout": 300},
    "crowd": {"max_connections_per_ip": 5},
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

    def rush(self, listener):
        """Some of these were sent to the door."""
        for _ in range(20):
            before = at_door(self.server)
            self.talk()
            sockets = arrive(self.server, listener)
            self.sockets += sockets
            self.talk()
            if at_door(self.server) > before:
                return sockets
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


def test_plain(server, rush):
    come_in(server, [Late(s) for s in rush("plain")])


def test_starttls(server, rush):
    clients = [Late(s) for s in rush("starttls")]
    for client in clients:
        client.start()
        client.starttls()
    come_in(server, clients)


def test_direct_tls(server, rush):
    come_in(server, [Late(s, tls_context()) for s in rush("tls")])


def test_a_proxy_s(server, rush):
    sockets = rush("pp_tls")
    for s in sockets:
        s.sendall(b"PROXY TCP4 203.0.113.7 198.51.100.1 1 2\r\n")
    come_in(server, [Late(s, tls_context()) for s in sockets])


def test_they_have_their_time_and_no_more(server, rush):
    for s in rush("hasty"):
        Late(s).expect_error("connection-timeout")


def test_a_proxy_has_its_time_and_no_more(server, rush):
    for s in rush("pp_hasty"):
        assert s.recv(1) == b""


def is_served(s):
    try:
        Late(s).start()
        return True
    except (Eof, OSError):
        return False


def test_limits_of_an_address_count(server, rush):
    assert sum(is_served(s) for s in rush("crowd")) <= 5


def test_without_talk_nobody_goes_there(new_server):
    server = new_server()
    sockets = arrive(server, "plain")
    for s in sockets:
        Late(s).login(server.account())
    assert at_door(server) == 0
    for s in sockets:
        s.close()


def test_the_end_of_the_server_reaches_them(new_server):
    server = new_server()
    crowd = Crowd(server)
    clients = [Late(s) for s in crowd.rush("plain")]
    for client in clients:
        client.start()
    server.stop()
    for client in clients:
        client.expect_error("system-shutdown")
    crowd.leave()
