"""general.failed_logins: the answers to logins wait after failed ones. How the delays grow is
tested without a server; here each is one second, and the counter tells who has one."""
import base64
import signal
import socket
import time

import pytest

from lib import env, ns
from lib.client import Client, SaslFailure

OF_ACCOUNT, OF_ADDRESS = 3, 10
LATE = "auth_delayed"
LIMITS = {"failed_logins": {"per_account": OF_ACCOUNT, "per_address": OF_ADDRESS,
                            "max_delay": 1000}}
CONFIG = {"general": LIMITS}
LISTENERS = {"plain": {}}


class Elsewhere(Client):
    """A client with another address of this machine."""

    def __init__(self, port, address):
        self.address = address
        super().__init__(port)

    def _connect(self, port):
        return socket.create_connection(("127.0.0.1", port), timeout=env.DEADLINE,
                                        source_address=(self.address, 0))


@pytest.fixture
def at(server):
    """A stream from this address, ready for SASL."""
    made = []

    def make(address):
        made.append(Elsewhere(server.ports["plain"], address))
        made[-1].start()
        return made[-1]
    yield make
    for one in made:
        one.abort()


def send_wrong(client, user):
    text = base64.b64encode(f"\0{user}\0wrong".encode()).decode()
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                f"mechanism='PLAIN'>{text}</auth>")


def expect_failure(client):
    assert ns.conditions(client.stanza(), ns.SASL) == ["not-authorized"]


def fail(client, user):
    send_wrong(client, user)
    expect_failure(client)


def wait_for_late(server, count):
    """Until so many answers are known to be late."""
    deadline = time.monotonic() + env.DEADLINE
    while server.counter(LATE) < count:
        assert time.monotonic() < deadline, "no answer is late"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_wrong_passwords_wait_and_nobody_else(server, at, login, mechanism):
    address = f"127.0.1.{len(mechanism)}"
    account, other = server.account(), login()
    late = server.counter(LATE)
    client = at(address)

    def guess():
        with pytest.raises(SaslFailure) as failure:
            if mechanism == "PLAIN":
                client.auth_plain(account.user, "wrong")
            else:
                client.auth_scram(mechanism, account.user, "wrong")
        assert failure.value.condition == "not-authorized"

    for _ in range(OF_ACCOUNT - 1):
        guess()
    assert server.counter(LATE) == late
    stuck = at(address)
    began = time.monotonic()
    send_wrong(stuck, account.user)
    wait_for_late(server, late + 1)
    assert other.sync() == []
    expect_failure(stuck)
    assert time.monotonic() - began >= 0.9
    assert "auth.delayed" in server.read_log()


def provoke(server, at, address):
    """An account for which a delay runs at this address: who has caused it has hung up."""
    account, late = server.account(), server.counter(LATE)
    client = at(address)
    for _ in range(OF_ACCOUNT - 1):
        fail(client, account.user)
    send_wrong(client, account.user)
    wait_for_late(server, late + 1)
    client.abort()
    return account, late + 1


def test_a_right_password_waits_where_a_delay_runs(server, at):
    """On a machine so busy that the second is over first, once more."""
    for i in range(5):
        ready = at(f"127.0.2.{i + 1}")
        account, late = provoke(server, at, f"127.0.2.{i + 1}")
        ready.auth_plain(account.user, account.password)
        if server.counter(LATE) == late + 1:
            return
    raise AssertionError("it never waits")


def test_nobody_is_locked_out_from_another_address(server, at):
    account, late = provoke(server, at, "127.0.3.1")
    for mechanism in ("PLAIN", "SCRAM-SHA-1"):
        client = at("127.0.3.2")
        if mechanism == "PLAIN":
            client.auth_plain(account.user, account.password)
        else:
            client.auth_scram(mechanism, account.user, account.password)
    assert server.counter(LATE) == late


def test_one_address_and_many_accounts(server, at):
    late = server.counter(LATE)
    for i in range(OF_ADDRESS - 1):
        fail(at("127.0.4.1"), f"nobody{i}")
    assert server.counter(LATE) == late
    fail(at("127.0.4.1"), "nobody")
    assert server.counter(LATE) == late + 1
    fail(at("127.0.4.2"), "somebody")
    assert server.counter(LATE) == late + 1


def test_success_begins_anew(server, at):
    account, late = server.account(), server.counter(LATE)
    for _ in range(OF_ACCOUNT - 1):
        client = at("127.0.5.1")
        fail(client, account.user)
        client.auth_plain(account.user, account.password)
    assert server.counter(LATE) == late


def test_the_server_ends_while_an_answer_waits(new_server):
    limits = LIMITS["failed_logins"] | {"per_account": 1, "max_delay": 600_000}
    one = new_server({"general": {"failed_logins": limits}}, {"plain": {}})
    with one.connect() as client:
        client.start()
        send_wrong(client, "nobody")
        wait_for_late(one, 1)
        one.process.send_signal(signal.SIGTERM)
        client.expect_error("system-shutdown")
