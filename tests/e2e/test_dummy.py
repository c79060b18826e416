"""The method `dummy`: any password of anybody, after a while that base_time and variance bound."""
import selectors
import time

import pytest

from lib import ns
from lib.ports import free_port


def of(host, base_time, variance):
    return {"host": host, "auth": {"methods": ["dummy"], "dummy": {
        "base_time": base_time, "variance": variance}}}


LISTENERS = {"plain": {}}
CONFIG = {
    "general": {"hosts": ["localhost", "now.example", "later.example", "sometime.example",
                          "never.example"]},
    "host_config": [of("now.example", 0, 0), of("later.example", 150, 0),
                    of("sometime.example", 50, 400), of("never.example", 600000, 600000)],
}


@pytest.fixture
def ask(connect):
    """Sends a name and a password; returns the client, and when that was."""
    def make(domain, user="anybody"):
        client = connect(domain=domain)
        _, features = client.start()
        assert [m.text for m in features.iter(ns.SASL + "mechanism")] == ["PLAIN"]
        before = time.monotonic()
        client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
                    "AGFueWJvZHkAeA==</auth>")
        return client, before
    return make


def is_taken(client):
    return client.stanza().tag == ns.SASL + "success"


def test_at_once(ask):
    client, _ = ask("now.example")
    assert is_taken(client)
    client.restart()
    client.start()
    client.bind()
    assert ns.bare(client.jid) == "anybody@now.example"


def test_not_before_base_time(ask):
    client, before = ask("later.example")
    assert is_taken(client)
    assert time.monotonic() - before >= 0.149  # clocks have ticks


def test_variance(ask):
    """Some take longer than others."""
    took = []
    with selectors.DefaultSelector() as selector:
        for _ in range(24):
            client, before = ask("sometime.example")
            selector.register(client.socket, selectors.EVENT_READ, (client, before))
        while selector.get_map():
            for key, _ in selector.select():
                client, before = key.data
                took.append(time.monotonic() - before)
                assert is_taken(client)
                selector.unregister(client.socket)
    assert max(took) - min(took) > 0.05


def test_others_do_not_wait(ask, server, online):
    """Nor does the end of the server, when it comes first."""
    client, _ = ask("never.example")
    a, b = online(), online()
    a.message(b.jid, "hello", "chat")
    b.expect_message("hello")
    other, _ = ask("now.example")
    assert is_taken(other)
    client.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.socket.recv(1)


@pytest.mark.parametrize("option", ["base_time", "variance"])
@pytest.mark.parametrize("value, found", [
    (-1, "the integer -1"), (600001, "the integer 600001"), ("50", 'the string "50"')])
def test_bounds(new_server, option, value, found):
    server = new_server({"auth": {"methods": ["dummy"], "dummy": {option: value}}},
                        {"plain": {}}, start=False)
    server.ports = {"plain": free_port()}
    server.write_config()
    done = server.run("check")
    assert done.returncode == 1
    assert f"auth.dummy.{option}: expected an integer from 0 to 600000, found {found}" in \
        done.stdout + done.stderr
