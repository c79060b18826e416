"""Which connections a listener takes: addresses, shared ports, queues."""
import re
import signal
import socket
import threading
import time

import pytest

from lib import env, ns
from lib.client import Client
from lib.raw import Eof
from lib.server import Server

LISTENERS = {
    "one_a_turn": {"num_acceptors": 1},
    "few": {"max_connections": 3},
    "few_each": {"max_connections": 3, "reuse_port": True},
    "per_ip": {"max_connections_per_ip": 2},
    "per_net": {"max_connections_per_net": 2},
    "per_net_proxied": {"max_connections_per_net": 2, "max_connections_per_ip": 1,
                        "proxy_protocol": True},
    "crowd": {"max_connections_per_ip": 3, "max_connections_per_net": 3},
    "few_strangers": {"max_unauthenticated": 2},
    "steady": {"accept_rate": 10},
    "churned": {},
}


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


class ClientFrom(Client):
    """A client at this address, or behind a proxy that says so."""

    def __init__(self, port, source, proxied=False):
        self.source = source
        self.proxied = proxied
        super().__init__(port)

    def _connect(self, port):
        if not self.proxied:
            return socket.create_connection(("127.0.0.1", port), timeout=env.DEADLINE,
                                            source_address=(self.source, 0))
        connection = super()._connect(port)
        family = "TCP6 {0} ::1" if ":" in self.source else "TCP4 {0} 127.0.0.1"
        connection.sendall(f"PROXY {family.format(self.source)} 1 2\r\n".encode())
        return connection


class Client6(Client):
    def _connect(self, port):
        return socket.create_connection(("::1", port), timeout=env.DEADLINE)


# --- addresses ---

@needs_ipv6
def test_ipv4_and_ipv6_on_one_port_with_options_of_their_own(new_server):
    server = new_server(listeners={
        "v4": {},
        "v6": {"port_of": "v4", "ip_address": None, "ip_version": 6,
               "backwards_compatible_session": False,
               "tls": {"mode": "starttls_required"}},
    })
    port = server.ports["v4"]
    with server.connect("v4") as four, Client6(port) as six:
        _, features = four.start()
        assert features.find(ns.TLS + "starttls") is None
        four.close()
        _, features = six.start()
        assert features.find(ns.TLS + "starttls") is not None
        assert features.find(ns.SASL + "mechanisms") is None
        six.starttls()
        six.login(server.account())
        assert six.sync() == []
    assert re.search(rf"at \[::\]:{port} conn=\S+ address=::1$", server.read_log(), re.M)


# --- one port, several processes ---

def default_domain(port):
    """Which server it is: errors come from its default domain."""
    with Client(port) as c:
        c.open(to="nobody.example")
        name = c.header().get("from")
        c.expect_error("host-unknown")
        return name


def second_server(first, tmp_path, **options):
    """One more process for the port of the first; the domain tells them apart."""
    second = Server(tmp_path, first.workers, {"general": {
        "default_server_domain": "other.example"}}, {"plain": options})
    second.ports = dict(first.ports)
    second.write_config()
    second.spawn("-c", second.config, "--workers", str(second.workers))
    return second


def test_reuse_port_lets_two_processes_serve(new_server, tmp_path):
    first = new_server(listeners={"plain": {"reuse_port": True}})
    port = first.ports["plain"]
    second = second_server(first, tmp_path, reuse_port=True)
    try:
        assert second.wait_ready()
        seen = set()
        while seen != {"localhost", "other.example"}:  # the kernel spreads them
            seen.add(default_domain(port))
        second.stop()
        assert {default_domain(port) for _ in range(10)} == {"localhost"}
    finally:
        second.discard()


@pytest.mark.parametrize("first,second", [(True, False), (False, True)])
def test_without_reuse_port_on_both_the_second_says_why_and_ends(new_server, tmp_path,
                                                                 first, second):
    server = new_server(listeners={"plain": {"reuse_port": first}})
    other = second_server(server, tmp_path, reuse_port=second)
    try:
        assert other.process.wait(timeout=env.DEADLINE) == 1
    finally:
        other.discard()
    assert f"127.0.0.1 port {server.ports['plain']}: Address already in use" in other.read_log()
    assert default_domain(server.ports["plain"]) == "localhost"


# --- the queue ---

def test_backlog_is_where_clients_wait_for_a_server_that_is_busy(new_server):
    server = new_server(listeners={"plain": {"backlog": 3}})
    server.process.send_signal(signal.SIGSTOP)
    clients = []
    try:
        clients += [server.connect() for _ in range(3)]
    finally:
        server.process.send_signal(signal.SIGCONT)
    for c in clients:
        c.start()
        c.close()


def test_num_acceptors_bounds_a_turn_and_not_the_total(server):
    clients = [server.connect("one_a_turn") for _ in range(20)]
    for c in clients:
        c.start()
    for c in clients:
        c.close()


# --- max_connections ---

def is_silent(client, witness):
    """Nothing has come for this client after the server has served the witness twice: it had
    every occasion."""
    for _ in range(2):
        witness.sync()
    client.socket.settimeout(0)
    try:
        client.socket.recv(1, socket.MSG_PEEK)
        return False
    except BlockingIOError:
        return True


@pytest.mark.parametrize("listener", ["few", "few_each"])
def test_beyond_max_connections_clients_wait_and_are_served_in_turn(server, connect, login,
                                                                    listener):
    witness = login()
    inside = [connect(listener) for _ in range(3)]
    for c in inside:
        c.start()
    waiting = [connect(listener) for _ in range(3)]
    for c in waiting:
        c.open()
    assert all(is_silent(c, witness) for c in waiting)
    inside[0].close()
    inside[1].abort()
    inside[2].close()
    for c in waiting:
        c.header()
        c.features()
    assert "max_connections" in server.read_log()
    for c in waiting:
        c.close()


def visit_all(server, listener, n):
    """So many clients at once: how many were served at most at a time, and what went wrong."""
    lock, count, most, failures = threading.Lock(), [0], [0], []

    def visit():
        try:
            with server.connect(listener) as c:
                c.start()
                with lock:
                    count[0] += 1
                    most[0] = max(most[0], count[0])
                c.get("<query xmlns='jabber:iq:register'/>")
                with lock:  # before it ends: the server's count is never below this one
                    count[0] -= 1
                c.close()
        except (Eof, OSError, AssertionError) as e:
            failures.append(e)

    threads = [threading.Thread(target=visit) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return most[0], failures


@pytest.mark.parametrize("listener", ["few", "few_each"])
def test_max_connections_with_many_clients_at_once(server, workers, listener):
    """All are served in the end, and never more at once than the limit, and one a worker."""
    most, failures = visit_all(server, listener, 60)
    assert not failures
    assert 1 <= most <= 3 + workers - 1


def test_a_session_counts_until_it_ends(server, connect, login):
    """It has moved to the worker of its account meanwhile."""
    inside = [login(listener="few") for _ in range(3)]
    late = connect("few")
    late.open()
    assert is_silent(late, inside[0])
    inside.pop().close()
    late.header()
    late.features()
    late.close()
    for c in inside:
        c.close()


def test_reload_that_raises_max_connections_lets_in_who_waits(new_server):
    server = new_server(listeners={"plain": {"max_connections": 1}})
    with server.connect() as one, server.connect() as two:
        one.start()
        two.open()
        server.listeners = {"plain": {"max_connections": 2}}
        server.write_config()
        done = server.run("reload")
        assert done.returncode == 0, done.stderr
        two.header()
        two.features()


# --- from one address, from one network ---

def is_served(port, source, proxied=False):
    """The client if it is served; None if it is closed without a byte."""
    c = ClientFrom(port, source, proxied)
    try:
        c.start()
        return c
    except (Eof, OSError):
        assert c.received == b""
        c.abort()
        return None


def serve_again(port, source, proxied=False):
    """Somebody has just left: as soon as the server knows, there is room."""
    while (c := is_served(port, source, proxied)) is None:
        pass
    return c


def test_connections_of_one_address(server):
    port = server.ports["per_ip"]
    inside = [is_served(port, "127.0.0.21") for _ in range(2)]
    assert all(inside)
    assert is_served(port, "127.0.0.21") is None
    assert "refused 127.0.0.21: its address has max_connections_per_ip" in server.read_log()
    is_served(port, "127.0.0.22").close()
    inside.pop().close()
    serve_again(port, "127.0.0.21").close()
    inside.pop().close()


def test_connections_of_one_network(server):
    port = server.ports["per_net"]
    inside = [is_served(port, source) for source in ("127.5.1.1", "127.5.1.2")]
    assert all(inside)
    assert is_served(port, "127.5.1.3") is None
    assert "refused 127.5.1.3: its network has max_connections_per_net" in server.read_log()
    is_served(port, "127.5.2.1").close()
    inside.pop().close()
    serve_again(port, "127.5.1.4").close()
    inside.pop().close()


def test_limits_go_by_the_address_behind_the_proxy(server):
    port = server.ports["per_net_proxied"]
    inside = [is_served(port, source, True) for source in ("2001:db8::1", "2001:db8::2")]
    assert all(inside)
    assert is_served(port, "2001:db8::2", True) is None  # the address
    assert is_served(port, "2001:db8::3", True) is None  # the network
    is_served(port, "2001:db8:0:1::1", True).close()
    is_served(port, "192.0.2.1", True).close()
    inside.pop(0).close()
    serve_again(port, "2001:db8::3", True).close()
    inside.pop().close()


def test_address_limit_with_many_clients_at_once(server):
    """Those beyond it are closed, and nothing is lost in the count."""
    most, failures = visit_all(server, "crowd", 60)
    assert 1 <= most <= 3
    assert all(isinstance(e, (Eof, OSError)) for e in failures), failures
    inside = []
    while len(inside) < 3:
        inside.append(serve_again(server.ports["crowd"], "127.0.0.1"))
    assert is_served(server.ports["crowd"], "127.0.0.1") is None
    for c in inside:
        c.close()


# --- before login ---

def test_who_has_not_logged_in_yet_keeps_others_out_only_so_long(server, connect, login):
    witness = login()
    strangers = [connect("few_strangers") for _ in range(2)]
    for c in strangers:
        c.start()
    late = connect("few_strangers")
    late.open()
    assert is_silent(late, witness)
    account = server.account()
    strangers[0].auth_plain(account.user, account.password)  # no longer one
    late.header()
    late.features()
    later = connect("few_strangers")
    later.open()
    assert is_silent(later, witness)
    strangers[1].abort()
    later.header()
    later.features()
    assert "max_unauthenticated: further clients wait" in server.read_log()
    strangers[0].abort()
    for c in (late, later):
        c.close()


# --- how fast ---

def test_accept_rate_makes_those_beyond_it_wait(server, connect, workers):
    n, rate = 16, server.listeners["steady"]["accept_rate"]
    begin = time.monotonic()
    clients = [connect("steady") for _ in range(n)]
    for c in clients:
        c.start()
    # A second's worth may come at once; workers may exceed it by one each.
    assert time.monotonic() - begin > (n - rate - workers) / rate - 0.1
    assert "accept_rate: further clients wait" in server.read_log()
    for c in clients:
        c.close()


@pytest.mark.skipif(env.SANITIZED, reason="it does not let in as many as that")
def test_who_only_opens_and_closes_is_held_back(server, connect, login, workers):
    if workers > 1:
        pytest.skip("nor do we open as many")
    port, deadline = server.ports["churned"], time.monotonic() + env.DEADLINE
    paused = server.counters("churned")["paused_churn"]
    assert paused == 0
    while not server.counters("churned")["paused_churn"]:
        assert time.monotonic() < deadline
        for _ in range(500):
            socket.create_connection(("127.0.0.1", port), timeout=env.DEADLINE).close()
    login(listener="churned")  # others still get in
    assert "leave without a login: further clients wait" in server.read_log()
