"""A client that goes while its login is under way: the answer is a quarter of an hour late, and the
one connection that the listener allows is free at once."""
import base64
import socket
import struct
import time

import pytest

from lib import env, ns

LATE = {"failed_logins": {"per_account": 1, "per_address": "infinity", "max_delay": 600_000}}
CONFIG = {"general": LATE}
LISTENERS = {name: {"max_connections": 1, **options} for name, options in {
    "one": {}, "one_starttls": {"tls": {"mode": "starttls"}}, "one_tls": {"tls": {"mode": "tls"}},
}.items()}
WAYS = list(LISTENERS)


def plain(user, password="wrong"):
    text = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    return ("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
            f"mechanism='PLAIN'>{text}</auth>")


def begin(connect, listener):
    client = connect(listener)
    client.start()
    if listener == "one_starttls":
        client.starttls()
        client.start()
    return client


def wait_for(server, name, count):
    deadline = time.monotonic() + env.DEADLINE
    while server.counter(name) < count:
        assert time.monotonic() < deadline, f"{name} does not become {count}"


@pytest.fixture
def slow(server, connect):
    """Makes a login as this user wait for minutes."""
    def make(user):
        for i in range(10):
            late = server.counter("auth_delayed")
            client = connect("plain")
            client.start()
            client.send(plain(user))
            wait_for(server, "auth_delayed", late + 1)
            client.abort()
    return make


def reset(client):
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


def half_close(client):
    client.socket.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("how", [reset, half_close], ids=["reset", "half-close"])
@pytest.mark.parametrize("listener", WAYS)
def test_the_place_is_free_at_once(server, connect, slow, listener, how):
    user = f"{listener}-{how.__name__}"
    slow(user)
    late, began = server.counter("auth_delayed"), time.monotonic()
    client = begin(connect, listener)
    client.send(plain(user))
    wait_for(server, "auth_delayed", late + 1)
    how(client)
    begin(connect, listener)  # there is room again
    assert time.monotonic() - began < 60


def test_what_is_said_before_the_end_is_answered(server, connect):
    """All in one write, and then the end of the client's side: it gets its answers."""
    account = server.account()
    bind = ("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
            "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    client = connect("plain")
    client.open()
    client.send(plain(account.user, account.password) +
                "<stream:stream xmlns='jabber:client' version='1.0' to='localhost' "
                "xmlns:stream='http://etherx.jabber.org/streams'>" + bind)
    half_close(client)
    got = b""
    while data := client.socket.recv(65536):
        got += data
    assert got.count(b"<stream:features>") == 2 and b"<success " in got
    assert b"id='b' type='result'" in got and b"id='p' type='result'" in got, got


def test_registration_is_answered_to_who_says_no_more(new_server):
    server = new_server({"modules": {"mod_register": {}}})
    client = server.connect()
    client.start()
    client.send("<iq type='set' id='r'><query xmlns='jabber:iq:register'>"
                "<username>sampson</username><password>x</password></query></iq>")
    half_close(client)
    answer = client.stanza()
    assert (answer.get("id"), answer.get("type")) == ("r", "result")
    client.abort()
