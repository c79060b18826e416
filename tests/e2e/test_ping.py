"""Pings to clients: what shows that one lives, and a reload switches them."""
import pytest

from lib import ns
from lib.server import Server
from test_reload import reload

ELSEWHERE = "other.example"
PINGS = {"mod_ping": {"send_pings": True, "ping_interval": 1, "ping_req_timeout": 1}}
NO_PINGS = {"mod_ping": {"send_pings": False, "ping_interval": 1}}


def is_ping(stanza):
    return stanza.tag == ns.IQ and stanza.get("type") == "get" \
        and stanza[0].tag == ns.PING + "ping"


@pytest.fixture
def held(request, tmp_path_factory):
    """For one client, which has one worker: who may send 2 KB a second."""
    strict = PINGS["mod_ping"] | {"timeout_action": "kill"}
    one = Server(tmp_path_factory.mktemp("server"), 1,
                 {"modules": {"mod_ping": strict}, "shaper": {"slow": {"max_rate": 2000}}},
                 {"plain": {"shaper": "slow"}})
    request.node.e2e_servers = [one]
    yield one.start()
    try:
        one.stop()
    finally:
        one.discard()


def test_alive_while_held(held):
    """One stanza, for which the shaper takes longer than a ping and its answer may: what stands
    behind it is not missed."""
    with held.connect().login(held.account()) as c:
        c.send(f"<message to='localhost' type='error'><body>{'x' * 6500}</body></message>")
        assert all(is_ping(s) for s in c.sync())


def test_reload_switches(new_server):
    """For those who are online, too. Elsewhere they go on: that shows that time has passed."""
    elsewhere = {"host_config": [{"host": ELSEWHERE, "modules": PINGS}]}
    server = new_server({"modules": NO_PINGS} | elsewhere, {"plain": {}})
    juliet = server.account_named("juliet@" + ELSEWHERE)
    with server.connect().login(server.account()) as here, \
            server.connect(domain=ELSEWHERE).login(juliet) as control:
        reload(server, {"modules": PINGS} | elsewhere)
        assert is_ping(here.stanza())
        reload(server, {"modules": NO_PINGS} | elsewhere)
        here.sync()
        with server.connect().login(server.account()):  # longer than a timer is late
            control.sync()
        assert is_ping(control.stanza())
        assert here.sync() == []
