"""record_layer: the tests of TLS that look at what comes behind the handshake once more, with
listeners whose connections keep their SSL objects; everywhere else, they do not."""
import fcntl
import struct
import termios
import time

import pytest

from lib import env, ns
from lib.sclient import OpensslClient
from lib.server import Server
from test_reload import reload
from test_sasl import (  # noqa: F401
    test_channel_bindings_offered, test_end_point, test_tls_exporter, test_tls_unique,
    test_tls_unique_after_starttls, test_wrong_channel_binding)
from test_tls import (  # noqa: F401
    test_close_notify_ends_tls, test_direct_tls, test_injected_bytes_are_discarded,
    test_large_data_both_ways, test_starttls)
from test_tls_options import (  # noqa: F401
    test_ciphers_of_both_kinds, test_no_tickets_by_default, test_tickets_only_of_tls_13,
    test_tickets_resume_a_session, test_versions_are_those_of_the_list)
import test_tls_options

OPENSSL = {"record_layer": "openssl"}
LISTENERS = {
    name: {"tls": one["tls"] | OPENSSL}
    for name, one in (Server.LISTENERS | test_tls_options.LISTENERS).items()
    if name in ("starttls", "tls", "tickets", "only13", "ciphers", "fast", "hole", "old")
} | {"own": {"tls": {"mode": "tls", "record_layer": "own"}}}


def command(client, letter):
    """One of s_client's: a piece of its input that begins with this letter."""
    deadline = time.monotonic() + env.DEADLINE
    client.socket.sendall(letter + b"\n")
    waits = b"\1\0\0\0"
    while struct.unpack("i", waits)[0]:  # until it has read it
        assert time.monotonic() < deadline
        waits = fcntl.ioctl(client.socket, termios.TIOCOUTQ, b"\0\0\0\0")


@pytest.mark.parametrize("listener", ["own", "tls"])
def test_key_update(server, listener):
    with OpensslClient(server.ports[listener]) as c:
        c.login(server.account())
        for letter in (b"k", b"K", b"K"):
            command(c, letter)
            text = f"with new keys: {'x' * 50000}"  # some records
            c.message(c.jid, text)
            assert ns.body(c.expect_message()) == text


def test_reload_leaves_connections_as_they_are(new_server):
    server = new_server(listeners={"plain": {}, "tls": {"tls": {"mode": "tls"}}})
    account = server.account()
    clients = []
    for over in (OPENSSL, {"record_layer": "own"}, OPENSSL):
        clients.append(server.connect("tls").login(account, f"resource{len(clients)}"))
        reload(server, listeners={"plain": {}, "tls": {"tls": {"mode": "tls"} | over}})
        for c in clients:
            c.sync()
    for c in clients:
        c.close()
