"""What the server counts, and `meerkat status`: each counter moves when its thing happens, by as
much as it happens, and nothing else of its kind moves with it."""
import datetime
import json
import os
import re
import socket
import ssl
import struct
import time

import pytest

from lib import env, ns
from lib.client import SaslFailure
from lib.raw import HEADER, tls_context
from lib.sclient import OpensslClient
from lib.server import run
from lib.xmlstream import Close

LISTENERS = {
    "proxied": {"proxy_protocol": True, "proxy_protocol_trusted": ["127.0.0.1"]},
    "untrusted": {"proxy_protocol": True, "proxy_protocol_trusted": ["192.0.2.1"]},
    "pp_hasty": {"proxy_protocol": True, "state_timeout": 50},
    "impatient": {"state_timeout": 50},
    "small": {"max_stanza_size": 1000},
    "limited": {"max_connections": 1},
    "per_ip": {"max_connections_per_ip": 1},
    "per_net": {"max_connections_per_net": 1},
    "shaped": {"shaper": "slow"},
}
CONFIG = {"shaper": {"slow": {"max_rate": 20_000}}}
TRAFFIC = ("bytes_in", "bytes_out", "stanzas_in", "stanzas_out")


def flat(counters):
    """{"accepted": 1, "logins/PLAIN": 2, ...}"""
    result = {}
    for key, value in counters.items():
        if isinstance(value, dict):
            result |= {f"{key}/{name}": n for name, n in value.items()}
        elif isinstance(value, int) and not isinstance(value, bool):
            result[key] = value
    return result


def until(is_true):
    """Asks again and again, each time with a round trip to the server; the last answer."""
    end = time.monotonic() + env.DEADLINE
    while not (answer := is_true()) and time.monotonic() < end:
        pass
    return answer


class Watch:
    """What has changed at a listener since the beginning, or the last look that fitted."""

    def __init__(self, server, listener):
        self.server, self.listener = server, listener
        self.before = self._read()

    def _read(self):
        return flat(self.server.counters(self.listener))

    def changes(self, but=TRAFFIC):
        now = self._read()
        names = set(now) | set(self.before)
        found = {n: now.get(n, 0) - self.before.get(n, 0) for n in names}
        return {n: by for n, by in found.items() if by and n not in but}

    def expect(self, wanted, but=TRAFFIC):
        """These changes and no others, in the end."""
        until(lambda: self.changes(but) == wanted)
        found = self.changes(but)
        assert found == wanted
        self.before = self._read()


@pytest.fixture
def watch(server):
    """Begins when all that earlier tests have left at this listener is over."""
    def make(listener):
        assert until(lambda: server.counters(listener)["open"] == 0)
        return Watch(server, listener)
    return make


# --- coming, logging in, going ---

@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-512"])
def test_login_and_logout(server, watch, mechanism):
    look = watch("plain")
    c = server.connect()
    look.expect({"accepted": 1, "open": 1, "unauthenticated": 1})
    c.login(server.account(), mechanism=mechanism)
    look.expect({f"logins/{mechanism}": 1, "sessions": 1, "unauthenticated": -1})
    c.close()
    look.expect({"closed_client": 1, "open": -1, "sessions": -1})


def test_login_with_channel_binding(server, watch):
    account, look = server.account(), watch("tls")
    with OpensslClient(server.ports["tls"]) as c:
        c.start()
        c.auth_scram("SCRAM-SHA-256-PLUS", account.user, account.password,
                     gs2="p=tls-exporter,,", binding=c.exporter)
        found = look.changes()
    assert {n: by for n, by in found.items() if n.startswith("logins/")} == {
        "logins/SCRAM-SHA-256-PLUS": 1}


def test_two_listeners_do_not_mix(server, watch):
    one, other = watch("plain"), watch("starttls")
    with server.connect("starttls") as c:
        c.login(server.account())
        other.expect({"accepted": 1, "open": 1, "logins/SCRAM-SHA-1": 1, "sessions": 1})
    one.expect({})


def test_failures(server, watch, connect):
    account = server.account()
    look = watch("plain")
    c = connect()
    c.start()
    for mechanism, condition in (("UNKNOWN", "invalid-mechanism"), ("PLAIN", "not-authorized"),
                                 ("SCRAM-SHA-1", "not-authorized")):
        with pytest.raises(SaslFailure):
            if mechanism == "PLAIN":
                c.auth_plain(account.user, "wrong")
            elif mechanism == "SCRAM-SHA-1":
                c.auth_scram(mechanism, account.user, "wrong")
            else:
                c.auth(mechanism)
        look.expect({f"auth_failures/{condition}": 1} |
                    ({"accepted": 1, "open": 1, "unauthenticated": 1} if mechanism == "UNKNOWN" else {}))
    c.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>?</auth>")
    assert c.stanza().tag == ns.SASL + "failure"
    c.expect_error("policy-violation")
    c.abort()
    look.expect({"auth_failures/incorrect-encoding": 1, "stream_errors/policy-violation": 1,
                 "open": -1, "unauthenticated": -1})


# --- ends, of which each counts once ---

def drain(connection):
    connection.settimeout(env.DEADLINE)
    got = b""
    try:
        while data := connection.recv(65536):
            got += data
    except ConnectionResetError:
        pass
    return got


def read_to_end(server, listener, sent):
    """All that comes back for these bytes, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.ports[listener])) as s:
        s.sendall(sent)
        return drain(s)


def test_end_without_a_word(server, watch):
    look = watch("plain")
    server.connect().login(server.account()).abort()
    look.expect({"accepted": 1, "logins/SCRAM-SHA-1": 1, "closed_eof": 1})


def test_client_that_sends_an_error(server, watch):
    look = watch("plain")
    with server.connect() as c:
        c.start()
        c.send("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
        assert isinstance(c.event(), Close)
    look.expect({"accepted": 1, "closed_client": 1})


def test_starttls_where_there_is_none(server, watch):
    look = watch("plain")
    with server.connect() as c:
        c.start()
        c.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        assert c.stanza().tag == ns.TLS + "failure"
        c.event()
    look.expect({"accepted": 1, "closed_starttls": 1})


def test_reset(server, watch):
    look = watch("plain")
    c = server.connect()
    c.start()
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.abort()
    look.expect({"accepted": 1, "closed_lost": 1})


def test_stream_errors(server, watch):
    look = watch("small")
    for bad, condition in (("<a></b>", "not-well-formed"), ("<!-- -->", "restricted-xml"),
                           (f"<message><body>{'x' * 2000}</body></message>",
                            "policy-violation")):
        with server.connect("small") as c:
            c.start()
            c.send(bad)
            c.expect_error(condition)
        look.expect({"accepted": 1, f"stream_errors/{condition}": 1})


def test_conflict(server, watch):
    look = watch("plain")
    account = server.account()
    first = server.connect().login(account, "r")
    second = server.connect().login(account, "r")
    first.expect_error("conflict")
    first.abort()
    look.expect({"accepted": 2, "logins/SCRAM-SHA-1": 2, "open": 1, "sessions": 1,
                 "stream_errors/conflict": 1})
    second.abort()


def test_timeout(server, watch):
    look = watch("impatient")
    with server.connect("impatient") as c:
        c.expect_error("connection-timeout")
    look.expect({"accepted": 1, "stream_errors/connection-timeout": 1})


def test_waiting_for_room(server, watch, connect):
    """Each worker that finds the listener full says so."""
    look, paused = watch("limited"), ("paused_connections",)
    first = connect("limited")
    first.start()  # two at once might both get in
    second = connect("limited")
    assert until(lambda: look.changes().get("paused_connections"))
    assert look.changes(TRAFFIC + paused) == {"accepted": 1, "open": 1, "unauthenticated": 1}
    first.close()
    second.start()
    look.expect({"accepted": 2, "open": 1, "unauthenticated": 1, "closed_client": 1},
                TRAFFIC + paused)


def test_shaped(server, watch):
    look = watch("shaped")
    c = server.connect("shaped").login(server.account())
    for _ in range(30):
        c.message(c.jid, "x" * 800)
    c.sync()
    assert look.changes()["shaped_ms"] > 50
    c.abort()


@pytest.mark.parametrize("listener,sent,reason", [
    ("proxied", b"<stream:stream>", "refused_proxy_bad"),
    ("untrusted", b"", "refused_proxy_untrusted"),
    ("pp_hasty", b"", "refused_proxy_timeout"),
])
def test_refusals(server, watch, listener, sent, reason):
    look = watch(listener)
    read_to_end(server, listener, sent)
    look.expect({"accepted": 1, reason: 1})


def test_refusal_of_an_address(server, watch, connect):
    look = watch("per_ip")
    first = connect("per_ip")
    first.start()
    assert read_to_end(server, "per_ip", b"") == b""
    look.expect({"accepted": 2, "open": 1, "unauthenticated": 1, "refused_ip": 1})


def test_refusal_of_a_network(server, watch, connect):
    look = watch("per_net")
    first = connect("per_net")
    first.start()
    with socket.create_connection(("127.0.0.1", server.ports["per_net"]), timeout=env.DEADLINE,
                                  source_address=("127.0.0.99", 0)) as other:
        assert other.recv(1) == b""
    look.expect({"accepted": 2, "open": 1, "unauthenticated": 1, "refused_net": 1})
    assert "refused 127.0.0.99: its network has max_connections_per_net" in server.read_log()


def test_probes_are_no_refusals(server, watch):
    """A balancer that only looks whether the port is open."""
    look = watch("proxied")
    socket.create_connection(("127.0.0.1", server.ports["proxied"])).close()
    look.expect({"accepted": 1, "closed_eof": 1})


def test_shaped_for_ever(new_server):
    """Who is held at a byte a second is counted while that lasts."""
    server = new_server({"shaper": {"crawl": {"max_rate": 1}}}, {"plain": {"shaper": "crawl"}})
    with server.connect() as c:
        c.open()
        assert until(lambda: server.counter("shaped_ms") > 0)
        first = server.counter("shaped_ms")
        assert until(lambda: server.counter("shaped_ms") > first)
        assert until(lambda: server.counter("open") == 1)


# --- TLS ---

SUITES = [
    (ssl.TLSVersion.TLSv1_2, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (ssl.TLSVersion.TLSv1_3, "TLSv1.3", None),
]


@pytest.mark.parametrize("listener", ["starttls", "tls"])
@pytest.mark.parametrize("version,name,suite", SUITES, ids=[s[1] for s in SUITES])
def test_versions_and_ciphers(server, watch, listener, version, name, suite):
    look = watch(listener)
    context = tls_context(version)
    if suite:
        context.set_ciphers(suite)
    c = server.connect(listener, tls=context if listener == "tls" else None)
    c.start()
    if listener == "starttls":
        c.starttls(context)
    used = c.socket.cipher()[0]
    assert suite in (None, used)
    look.expect({"accepted": 1, "open": 1, "unauthenticated": 1,
                 f"tls_versions/{name}": 1, f"tls_ciphers/{used}": 1})
    c.abort()
    look.expect({"open": -1, "unauthenticated": -1, "closed_eof": 1})


def test_failed_handshake(server, watch):
    look = watch("tls")
    read_to_end(server, "tls", b"<stream:stream xmlns='jabber:client'>" * 10)
    look.expect({"accepted": 1, "closed_tls_handshake": 1})


def test_bad_record(server, watch):
    look = watch("tls")
    c = server.connect("tls")
    c.start()
    used = c.socket.cipher()[0]
    raw = socket.socket(fileno=c.socket.detach())
    raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
    drain(raw)
    raw.close()
    look.expect({"accepted": 1, "tls_versions/TLSv1.3": 1, f"tls_ciphers/{used}": 1,
                 "closed_tls_record": 1})


# --- traffic ---

@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_bytes_and_stanzas_of_open_connections(server, watch, listener):
    """They are there at once, wherever the connection has moved to."""
    look = watch(listener)
    c = server.connect(listener).login(server.account())
    before = look.changes(but=())
    payload = "x" * 5000
    for _ in range(10):
        c.message(c.jid, payload)
    for _ in range(10):
        c.expect_message(payload)
    c.sync()
    after = look.changes(but=())
    assert after["stanzas_in"] - before.get("stanzas_in", 0) == 11
    assert after["stanzas_out"] - before.get("stanzas_out", 0) == 11
    for name in ("bytes_in", "bytes_out"):
        assert 50_000 < after[name] - before[name] < 60_000
    c.close()


def test_bytes_to_the_byte(server, watch):
    look = watch("plain")
    sent = HEADER.format(attributes=" to='localhost' version='1.0'").encode() + b"</stream:stream>"
    got = read_to_end(server, "plain", sent)
    look.expect({"accepted": 1, "closed_client": 1, "bytes_in": len(sent),
                 "bytes_out": len(got)}, but=())


# --- the whole ---

def ends(counters):
    """How many connections have ended, by all reasons together."""
    return sum(n for name, n in flat(counters).items()
               if name.startswith(("refused_", "closed_", "stream_errors/")))


def test_the_sums_are_right(server):
    """Each connection that was accepted is open or has ended, for one reason; and the total is
    that of all listeners. The tests above have left all kinds of ends."""
    assert until(lambda: server.status()["total"]["open"] == 0)
    status = server.status()
    listeners = status["listeners"]
    assert len(listeners) == len(server.listeners)
    for one in listeners + [status["total"]]:
        assert one["accepted"] == ends(one)
        assert one["sessions"] == 0
        assert sum(one["tls_versions"].values()) == sum(one["tls_ciphers"].values())
    total = flat(status["total"])
    for name, n in total.items():
        assert n == sum(flat(one).get(name, 0) for one in listeners), name


def test_of_the_server(server, login):
    before = server.status()["server"]["offline_stored"]
    account = server.account()
    login().message(account.jid, "later", "chat")
    assert until(lambda: server.status()["server"]["offline_stored"] == before + 1)


# --- the command ---

def test_json(server):
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as f:
        resident = int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    done = server.run("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    status = json.loads(done.stdout)
    assert status["pid"] == server.process.pid
    assert status["workers"] == server.workers
    assert status["version"] in run("version").stdout
    assert resident / 2 < status["rss_bytes"] < resident * 2
    started = datetime.datetime.strptime(status["started"], "%Y-%m-%dT%H:%M:%SZ")
    since = datetime.datetime.utcnow() - started
    assert 0 <= status["uptime_s"] <= since.total_seconds() + 1
    ports = [int(one["name"].split(":")[1]) for one in status["listeners"]]
    assert ports == [server.ports[name] for name in server.listeners]
    limits = {one["max_connections"] for one in status["listeners"]}
    assert limits == {None, 1}
    assert all(one["listening"] for one in status["listeners"])


def test_text(server, login):
    login(listener="plain", mechanism="SCRAM-SHA-224")
    done = server.run("status")
    assert (done.returncode, done.stderr) == (0, "")
    blocks = done.stdout.split("\n\n")
    assert blocks[0].startswith("meerkat ")
    assert f"process {server.process.pid}," in blocks[0]
    assert f", {server.workers} worker" in blocks[0]
    assert blocks[1].startswith("all listeners\n")
    titles = [b.split("\n")[0] for b in blocks[2:]]
    assert titles == [f"127.0.0.1:{server.ports[n]}" for n in server.listeners]
    rows = dict(re.split(r"  +", line.strip()) for line in blocks[2].strip().split("\n")[1:])
    names = list(server.listeners)
    plain = dict(re.split(r"  +", line.strip())
                 for line in blocks[2 + names.index("plain")].strip().split("\n")[1:])
    assert "accepted" in rows and "bytes in" in rows
    assert int(plain["logins: SCRAM-SHA-224"]) >= 1
    assert "0" not in {n for label, n in plain.items() if ":" in label}


def test_no_server(new_server, tmp_path):
    server = new_server(listeners={"plain": {}}, start=False)
    server.ports = {"plain": 1}
    server.write_config()
    for words in (["status"], ["status", "--json"]):
        done = server.run(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no server runs" in done.stderr and "meerkat.db.sock" in done.stderr
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "meerkat-data" in done.stderr
    assert os.listdir(tmp_path) == []
    server.over = {"internal_databases": {"sqlite": {"path": ":memory:"}}}
    server.write_config()
    done = server.run("status")
    assert done.returncode == 1 and ":memory:" in done.stderr


def test_a_server_that_is_gone(new_server):
    server = new_server(listeners={"plain": {}})
    server.kill()
    done = server.run("status")
    assert done.returncode == 1 and "no server runs" in done.stderr


def test_wrong_usage(server):
    assert server.run("status", "x").returncode == 2
    assert server.run("check", "--json").returncode == 2
    assert server.run("status", "--workers", "2").returncode == 2


# --- listeners that a reload closes ---

def test_a_closed_listener_stays_until_it_is_empty(new_server):
    server = new_server(listeners={"plain": {}, "old": {}})
    old = server.connect("old").login(server.account())
    before = server.status()["total"]
    server.listeners = {"plain": {}}
    server.write_config()
    assert server.run("reload").returncode == 0
    status = server.status()
    assert [one["listening"] for one in status["listeners"]] == [True, False]
    assert status["listeners"][1]["sessions"] == 1
    assert status["listeners"][1]["name"].endswith(str(server.ports["old"]))
    assert "closed" in server.run("status").stdout
    old.sync()
    assert server.counters("old")["stanzas_in"] == 1
    old.close()
    assert until(lambda: len(server.status()["listeners"]) == 1)
    total = server.status()["total"]
    assert total["logins"]["SCRAM-SHA-1"] == 1
    assert (total["accepted"], total["open"]) == (before["accepted"], 0)
    assert total["accepted"] == ends(total)
    assert total["bytes_in"] > before["bytes_in"]
