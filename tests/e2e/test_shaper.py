"""Shapers: how fast a client may send. The rate itself is measured with the release build only;
what is lost, held back or refused shows with each."""
import base64
import signal
import ssl
import threading
import time

import pytest

from lib import env, ns
from lib.xmlstream import Close

RATE = 40_000
SECONDS = 3

LISTENERS = {
    "shaped": {"shaper": "c2s_shaper"},
    "shaped_tls": {"shaper": "c2s_shaper", "tls": {"mode": "tls"}},
    "by_name": {"shaper": "quick"},
    "by_name_tls": {"shaper": "quick", "tls": {"mode": "starttls"}},
    "login_only": {"shaper": "login_only"},
}

CONFIG = {
    "shaper": {
        "normal": {"max_rate": RATE},
        "quick": {"max_rate": 20_000},
        "crawl": {"max_rate": 1},
    },
    "acl": {
        "free": [{"user_glob": "free*"}],
        "domain": [{"user_regexp": "^$"}],
        "unbound": [{"resource_regexp": "^$"}],
        "tablet": [{"resource": "tablet"}],
    },
    "access": {
        "c2s_shaper": [
            {"acl": "free", "value": "none"},
            {"acl": "guest", "value": "crawl"},
            {"acl": "all", "value": "normal"},
        ],
        "login_only": [
            {"acl": "domain", "value": "normal"},
            {"acl": "tablet", "value": "crawl"},
            {"acl": "all", "value": "none"},
        ],
    },
    "host_config": [{
        "host": "other.example",
        "acl": {"guest": [{"user": "guest"}]},
    }],
}


def shaped_ms(server):
    """What the server counts."""
    return server.counter("shaped_ms")


def send_much(client, total):
    """So many bytes as messages to oneself, a ping behind them, and how long it took until
    all of them were back in order."""
    text = "x" * 800
    began = time.monotonic()

    def send():
        left, i = total, 0
        while left > 0:
            stanza = f"<message to='{client.jid}' id='m{i}'><body>{text}</body></message>"
            client.send(stanza)
            left -= len(stanza)
            i += 1
        client.send(f"<message to='{client.jid}' id='last'/>")

    sender = threading.Thread(target=send)
    sender.start()
    if isinstance(client.socket, ssl.SSLSocket):  # takes no two threads at once
        sender.join()
    seen = 0
    while (stanza := client.stanza()).get("id") != "last":
        assert stanza.get("id") == f"m{seen}", ns.show(stanza)
        seen += 1
    sender.join()
    assert seen >= total // 1000
    return time.monotonic() - began


def round_trips(client, until):
    """How often a ping comes back while others are shaped, and the longest that it takes."""
    n, longest = 0, 0.0
    while not until.is_set():
        began = time.monotonic()
        client.sync()
        longest = max(longest, time.monotonic() - began)
        n += 1
    return n, longest


def measure(server, login):
    """How long two shaped clients took, and what another one noticed of it."""
    shaped = [login(listener="shaped"), login(listener="shaped_tls")]
    other = login(server.free, listener="shaped")
    took = [0.0, 0.0]
    done = threading.Event()

    def run(i):
        took[i] = send_much(shaped[i], (SECONDS + 1) * RATE)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()
    waiter = threading.Thread(target=lambda: ([t.join() for t in threads], done.set()))
    waiter.start()
    n, longest = round_trips(other, done)
    waiter.join()
    return took, n, longest


@pytest.mark.skipif(env.SANITIZED, reason="a measurement")
def test_rate_of_plain_and_tls_and_others_undisturbed(server, login):
    """Nobody is ever faster; on a machine with much else to do a client may be slower, and then
    it is measured again."""
    server.free = server.account_named("free@localhost")
    for _ in range(4):
        took, n, longest = measure(server, login)
        assert min(took) > SECONDS * 0.9, took
        if max(took) < SECONDS * 1.1 and n > 100 and longest < 0.5:
            return
    raise AssertionError((took, n, longest))


def test_nothing_is_lost(server, login):
    """More than a bucket holds, in one go and byte by byte, over plain TCP and TLS."""
    before = shaped_ms(server)
    for listener in ("by_name", "by_name_tls"):
        client = login(listener=listener)
        took = send_much(client, 26_000)
        assert took > 0.1, took
    assert shaped_ms(server) - before > 200


def test_a_stanza_longer_than_the_bucket(login):
    client = login(listener="by_name")
    text = "0123456789" * 2_500
    client.message(client.jid, text)
    assert ns.body(client.expect_message()) == text


def test_no_shaper_for_those_whom_the_rule_says_so_of(server, login):
    client = login(server.account_named("free1@localhost"), listener="shaped")
    assert send_much(client, 10 * RATE) < 9


def is_silent(client):
    client.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)


def test_rule_of_the_domain(server, connect):
    """The class that the rule names is one of that domain's alone; at a byte a second nobody
    gets through a stream header in this test's time."""
    guest = server.account_named("guest@other.example")
    stuck = connect("shaped", domain="other.example")
    stuck.start()
    stuck.auth_plain(guest.user, guest.password)
    stuck.restart()
    stuck.open()
    free = connect("shaped").login(server.account_named("guest@localhost"))
    send_much(free, 5_000)
    is_silent(stuck)


def test_rule_is_asked_again_after_login_and_binding(login):
    """The domain alone is limited, the account is not, and one of its resources is again."""
    phone = login(listener="login_only")
    assert send_much(phone, 10 * RATE) < 9
    tablet = login(phone.account, "tablet", listener="login_only")
    tablet.message(phone.jid, "never")
    assert phone.sync() == []
    is_silent(tablet)


@pytest.mark.parametrize("listener", ["shaped", "login_only"])
def test_a_stream_that_is_held_while_it_moves_to_its_home(server, connect, listener):
    """Its last bytes before login are too many. Afterwards there is the same shaper, or none."""
    for _ in range(6):  # to several workers
        account = server.account()
        c = connect(listener, domain=account.domain)
        c.start()
        plain = base64.b64encode(f"\0{account.user}\0{account.password}".encode()).decode()
        c.sasl(" " * (RATE + 4000) + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
               f"mechanism='PLAIN'>{plain}</auth>")
        c.restart()
        c.start()
        assert c.bind().get("type") == "result"
        assert c.sync() == []


def test_an_end_that_comes_while_it_is_held(server, login):
    """What was sent before the end is dealt with before the end is."""
    sender, receiver = login(listener="by_name"), login()
    text = "x" * 900
    for i in range(30):
        sender.message(receiver.jid, text, id_=f"m{i}")
    sender.send("</stream:stream>")
    for i in range(30):
        assert receiver.expect_message().get("id") == f"m{i}"
    assert isinstance(sender.event(), Close)
    sender.eof()


def test_held_streams_end_with_the_server(new_server):
    one = new_server({"shaper": {"crawl": {"max_rate": 1}}}, {"plain": {"shaper": "crawl"}})
    with one.connect() as c:
        c.open()
        while one.read_log().count("conn.accepted") <= len(one.ports):  # start() tried each
            pass
        one.process.send_signal(signal.SIGTERM)
        c.expect_error("system-shutdown")
