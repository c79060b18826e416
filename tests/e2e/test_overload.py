"""What is too much for the server: of what waits for an account, of a connection's input, of its
output. It is refused or ended with a word, and counted; nobody else notices."""
import contextlib
import socket

import pytest

from lib import ns
from lib.server import Server
from test_status import Watch, until

MIB = 1 << 20
LARGE = MIB + 1000  # more than may wait for an account
BUSY = ("wait", "resource-constraint")


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """A server of one worker: what comes in one read is dealt with in one turn."""
    one = Server(tmp_path_factory.mktemp("single"), 1)
    yield one.start()
    try:
        one.stop()
    finally:
        one.discard()


@pytest.fixture
def log_in(single):
    made = []

    def make(account=None):
        made.append(single.connect())
        return made[-1].login(account or single.account())
    yield make
    for client in made:
        client.abort()


# --- an account that is being loaded ---

def begin_large(server, sender, account):
    """A message of more than 1 MiB, of which the server has read all but the end, which is returned."""
    before = server.counters("plain")["bytes_in"]
    text = f"<message to='{account.jid}' type='chat'><body>{'x' * LARGE}"
    sender.send(text)
    assert until(lambda: server.counters("plain")["bytes_in"] >= before + len(text))
    return "</body></message>"


def is_large(stanza):
    return ns.body(stanza) == "x" * LARGE


def test_too_much_waits_for_an_account(single, log_in):
    sender, account = log_in(), single.account()
    end = begin_large(single, sender, account)
    # In one read with the end: while the account is being loaded.
    sender.send(f"{end}<message to='{account.jid}' type='chat' id='late'><body>late</body></message>")
    back = sender.expect_message()
    assert (back.get("id"), ns.stanza_error(back)) == ("late", BUSY)
    assert sender.sync() == []
    receiver = log_in(account).available()
    assert is_large(receiver.expect_message())
    assert receiver.sync() == []


# --- input: a stanza ---

def large(to, n):
    """A message of n bytes."""
    head, end = f"<message to='{to}' id='large'><body>", "</body></message>"
    return head.encode() + bytes(n - len(head) - len(end)).replace(b"\0", b"x") + end.encode()


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_a_stanza_that_no_receiver_gets(single, listener):
    """The limit is "infinity": 8 MiB are delivered, what is larger comes back."""
    with single.connect(listener) as client:
        client.login(single.account())
        client.send(large(client.jid, 8 * MIB))
        assert len(ns.body(client.expect_message())) > 8 * MIB - 100
        client.send(large(client.jid, 8 * MIB + 1))
        back = client.expect_message()
        assert (back.get("id"), ns.stanza_error(back)) == ("large", ("modify", "policy-violation"))
        assert client.sync() == []


def test_the_ceiling_of_infinity(single, log_in):
    """64 MiB: what has come of a stanza by then ends the stream, before the stanza has ended."""
    client, other = log_in(), log_in()
    look = Watch(single, "plain")
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        client.send(large(client.jid, 64 * MIB + 100)[:-50])
    client.expect_error("policy-violation", "element too big")
    look.expect({"open": -1, "sessions": -1, "stream_errors/policy-violation": 1})
    assert other.sync() == []


# --- output: a client that does not read ---

@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_a_client_that_does_not_read_is_dropped(single, listener):
    """Broadcast presence waits for nobody: of those who do not read, too much waits in the end."""
    with single.connect(listener) as slow, single.connect() as sender:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        account = single.account()
        slow.login(account).available()
        sender.login(account)
        look = Watch(single, listener)
        text = f"<status>{'x' * 60_000}</status>"
        for _ in range(1000):
            sender.presence(inner=text)
            sender.sync()
            if look.changes().get("closed_slow"):
                break
        look.expect({"open": -1, "sessions": -1, "closed_slow": 1})
        assert "too much output waits" in single.read_log()
