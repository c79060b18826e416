"""Which connections a listener takes: addresses, shared ports, queues."""
import re
import signal
import socket
import threading

import pytest

from lib import env, ns
from lib.client import Client
from lib.server import Server

LISTENERS = {
    "one_a_turn": {"num_acceptors": 1},
    "few": {"max_connections": 3},
    "few_each": {"max_connections": 3, "reuse_port": True},
}


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


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


@pytest.mark.parametrize("listener", ["few", "few_each"])
def test_max_connections_with_many_clients_at_once(server, workers, listener):
    """All are served in the end, and never more at once than the limit, and one a worker."""
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
        except Exception as e:  # pylint: disable=broad-except
            failures.append(e)

    threads = [threading.Thread(target=visit) for _ in range(60)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    assert 1 <= most[0] <= 3 + workers - 1


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
