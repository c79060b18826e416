"""An answer that comes when nobody waits for it any more, and what SCRAM knows already when the service
goes away."""
import base64
import time

import pytest

from lib import ns, scram
from lib.auth_backends import TIMEOUT
from lib.auth_world import METHODS
from lib.faults import HOLD, PASS, REFUSE


@pytest.fixture
def backend(request, auth_worlds):
    method = getattr(request, "param", "http keys")
    world = auth_worlds(method)
    request.node.e2e_servers = [world.server]
    one = world.backends[method]
    one.world = world
    one.login_when_it_works()
    yield one
    one.set(PASS)


@pytest.mark.parametrize("backend", METHODS, indirect=True)
def test_the_client_has_gone(backend):
    """It has asked, and hangs up; the answer comes in time, and to nobody."""
    server = backend.server
    mark, ended = len(server.read_log()), backend.ended()
    began = time.monotonic()
    backend.set(HOLD)
    client = backend.begin()
    backend.wait_held()
    client.abort()
    server.until(lambda: server.counter("open") == len(backend.world.friends))
    backend.world.talk()
    backend.set(PASS)
    in_time = time.monotonic() - began < TIMEOUT / 2000  # not if the machine is too busy
    backend.login_when_it_works()
    if in_time:
        assert backend.ended() == ended
        for event in ("auth.backend", "store.lost", "store.failed"):
            assert event not in server.read_log()[mark:]


# --- SCRAM with keys that a service has ---

def begin(backend):
    """As far as the challenge; returns what the client answers, and how it looks at the end."""
    client = backend.connect()
    client.start()
    exchange = scram.Scram(backend.mechanism, backend.user, backend.password)
    challenge = client.auth(backend.mechanism, exchange.first())
    return client, exchange, exchange.final(base64.b64decode(challenge.text))


def test_goes_away_in_the_middle_of_scram(backend):
    """The keys have come with the challenge: nothing more is asked."""
    n_asked = len(backend.service.asked)
    client, exchange, answer = begin(backend)
    with client:
        backend.set(REFUSE)
        success = client.respond(answer)
        exchange.check(base64.b64decode(success.text))
        assert success.tag == ns.SASL + "success"
    assert len(backend.service.asked) == n_asked + 1
    assert backend.fails() == "temporary-auth-failure"


BROKEN = {
    "cut": lambda keys: keys[:-10],
    "not base64": lambda keys: keys.replace("|", "|!", 1),
    "no hash that we know": lambda _: "==MULTI_SCRAM==,4096,==MD5==AAAA|AAAA|AAAA",
    "no iterations": lambda keys: keys.replace(",4096,", ",0,"),
    "too many iterations": lambda keys: keys.replace(",4096,", ",99999999999,"),
    "keys of another length": lambda _: "==MULTI_SCRAM==,4096,===SHA1===c2FsdA==|AAAA|AAAA",
    "nothing behind": lambda _: "==MULTI_SCRAM==,",
    "long ago, cut": lambda _: "==SCRAM==,AAAA",
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_keys(backend, case):
    """Which is not the client's fault; the log says whose they are, and not what they are."""
    mark = len(backend.server.read_log())
    broken = BROKEN[case](backend.keys)
    backend.service.accounts[backend.user] = broken
    try:
        assert backend.fails() == "temporary-auth-failure"
    finally:
        backend.service.accounts[backend.user] = backend.keys
    log = backend.server.read_log()[mark:]
    assert "auth.row: http: the stored credentials of keys@keys.example cannot be read" in log
    assert broken not in log
    backend.login().abort()
