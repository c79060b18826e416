"""state_timeout: what happens at each step of negotiation when the client does not go on, and when
it sends a byte now and then but never the whole. All wait at the same time."""
import threading
import time

import pytest

from lib import ns
from lib.client import Client, SaslFailure
from lib.raw import Eof, tls_context
from lib.xmlstream import Close, Header

TIMEOUT = 3.0  # a step of a busy machine's client must fit in
SHORT = {"state_timeout": int(TIMEOUT * 1000)}
LISTENERS = {
    "short": SHORT,
    "short_starttls": SHORT | {"tls": {"mode": "starttls"}},
    "short_tls": SHORT | {"tls": {"mode": "tls"}},
    "never": {"state_timeout": "infinity", "tls": {"mode": "starttls"}},
    "never_tls": {"state_timeout": "infinity", "tls": {"mode": "tls"}},
    "zero": {"state_timeout": 0},
    "zero_tls": {"state_timeout": 0, "tls": {"mode": "tls"}},
    "zero_proxy": {"state_timeout": 0, "proxy_protocol": True},
}
CONFIG = {"modules": {"mod_register": {}}}  # an IQ before login

SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
REGISTER = "<query xmlns='jabber:iq:register'/>"

# What a client begins and never ends, one more byte each time.
HEADER = b"<stream:stream id='" + b"x" * 5000
ELEMENT = b"<iq id='" + b"x" * 5000
HANDSHAKE = b"\x16\x03\x01\x40\x00" + b"\0" * 5000


class Step:
    """How a client gets there, and what the server says in the end."""

    def __init__(self, go, listener="short", drip=ELEMENT, header=False, silent=False):
        self.go, self.listener, self.drip = go, listener, drip
        self.header, self.silent = header, silent


def to_features(client, _account):
    client.start()


def to_starttls_handshake(client, _account):
    client.start()
    client.send(STARTTLS)
    assert client.stanza().tag == ns.TLS + "proceed"
    client.restart()


def to_header_behind_starttls(client, _account):
    client.start()
    client.starttls()


def to_features_behind_starttls(client, _account):
    client.start()
    client.starttls()
    client.start()


def to_initial_response(client, _account):
    client.start()
    assert client.sasl(f"<auth {SASL} mechanism='PLAIN'/>").tag == ns.SASL + "challenge"


def to_scram_response(client, _account):
    client.start()
    assert client.auth("SCRAM-SHA-1", b"n,,n=user,r=abc").tag == ns.SASL + "challenge"


def to_another_try(client, _account):
    client.start()
    client.send(f"<auth {SASL} mechanism='UNKNOWN'/>")
    assert client.stanza().tag == ns.SASL + "failure"


def to_registration(client, _account):
    client.start()
    assert client.get(REGISTER).get("type") == "result"


def to_header_behind_sasl(client, account):
    client.start()
    client.auth_plain(account.user, account.password)
    client.restart()


def to_bind(client, account):
    client.login(account, mechanism="PLAIN", bind=False)


def to_another_bind(client, account):
    client.login(account, mechanism="PLAIN", bind=False)
    assert client.bind("\u2028").get("type") == "error"


STEPS = {
    "header": Step(lambda *_: None, drip=HEADER, header=True),
    "features": Step(to_features),
    "tls": Step(lambda *_: None, "short_tls", HANDSHAKE, silent=True),
    "header_in_tls": Step(lambda c, _: c.wrap(tls_context()), "short_tls", HEADER, header=True),
    "starttls": Step(to_starttls_handshake, "short_starttls", HANDSHAKE, silent=True),
    "header_behind_starttls": Step(to_header_behind_starttls, "short_starttls", HEADER,
                                   header=True),
    "features_behind_starttls": Step(to_features_behind_starttls, "short_starttls"),
    "initial_response": Step(to_initial_response),
    "scram_response": Step(to_scram_response),
    "another_try": Step(to_another_try),
    "registration": Step(to_registration),
    "header_behind_sasl": Step(to_header_behind_sasl, drip=HEADER, header=True),
    "bind": Step(to_bind),
    "another_bind": Step(to_another_bind),
}


class Waiting:
    """A client at a step: a thread looks at what comes, and drips if it is to."""

    def __init__(self, server, step, drips):
        account = server.account()  # takes its time
        self.client = Client(server.ports[step.listener])
        self.drip = step.drip if drips else b""
        self.events, self.problem, self.took = [], None, 0.0
        self.began = time.monotonic()
        step.go(self.client, account)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        for byte in self.drip or b"-":
            try:
                while True:
                    self.events.append(self.client.event(0.05 if self.drip else None))
            except AssertionError:
                self.send(bytes([byte]))
            except Eof:
                self.took = time.monotonic() - self.began
                return

    def send(self, byte):
        try:
            if self.drip and not any(isinstance(e, Close) for e in self.events):
                self.client.send(byte)
        except OSError:
            pass  # the end is on its way


@pytest.fixture(scope="module")
def patient(server):
    """Clients that are given all the time, and a session."""
    to = {
        "session": Step(lambda c, a: c.login(a), "short"),
        "header": Step(lambda *_: None, "never"),
        "tls": Step(lambda *_: None, "never_tls"),
        "starttls": Step(to_starttls_handshake, "never"),
        "challenge": Step(to_scram_response, "never"),
        "bind": Step(lambda c, a: c.login(a, bind=False), "never"),
    }
    made = {}
    for name, step in to.items():
        account = server.account()
        made[name] = Client(server.ports[step.listener])
        step.go(made[name], account)
    yield made
    for one in made.values():
        one.abort()


@pytest.fixture(scope="module")
def waited(server, patient):
    """All of them, when the time is over for each."""
    made = {(name, drips): Waiting(server, step, drips)
            for name, step in STEPS.items() for drips in (False, True)}
    for one in made.values():
        one.thread.join()
    yield made
    for one in made.values():
        one.client.abort()


def check(step, end):
    assert end.took >= TIMEOUT - 0.2, "too early, or never"  # the clocks differ a little
    if step.silent:
        assert end.events == [] and end.client.received == b""
        return
    if step.header:
        assert isinstance(end.events.pop(0), Header)
    error, close = end.events
    assert error.tag == ns.STREAM + "error"
    assert ns.conditions(error, ns.STREAM_ERROR) == ["connection-timeout"]
    assert isinstance(close, Close)


def steps(*names):
    """One test for a client that is silent at these steps, and for one that drips."""
    def test(waited):
        for name in names:
            for drips in (False, True):
                print("step:", name, "dripping" if drips else "silent")  # shown on failure
                check(STEPS[name], waited[name, drips])
    return test


test_header = steps("header", "header_in_tls", "header_behind_starttls", "header_behind_sasl")
test_tls_handshake = steps("tls", "starttls")
test_features = steps("features", "features_behind_starttls", "another_try", "registration")
test_sasl = steps("initial_response", "scram_response")
test_bind = steps("bind", "another_bind")


def test_infinity_and_a_session_that_is_idle(patient, waited):
    """They have waited for longer than any of the others was allowed to."""
    assert patient["session"].sync() == []
    patient["header"].start()
    for name in ("tls", "starttls"):
        patient[name].wrap(tls_context())
        patient[name].start()
    with pytest.raises(SaslFailure):
        patient["challenge"].respond(b"c=biws,r=abc,p=AAAA")
    assert patient["bind"].bind("balcony").get("type") == "result"


def test_no_time_at_all(server):
    """Not even for what comes with the connection."""
    with Client(server.ports["zero"]) as c:
        try:
            c.open()
        except OSError:
            pass
        c.header()
        c.expect_error("connection-timeout")
    for listener in ("zero_tls", "zero_proxy"):
        with Client(server.ports[listener]) as c:
            c.eof()
            assert c.received == b""
