"""The PROXY protocol in front of a listener, by hand and by haproxy."""
import functools
import os
import re
import shutil
import signal
import socket
import struct
import subprocess

import pytest

from lib import env, ns
from lib.client import Client
from lib.raw import HEADER, Eof, tls_context
from lib.ports import free_port

LISTENERS = {
    "pp": {"proxy_protocol": True},
    "pp_starttls": {"proxy_protocol": True, "tls": {"mode": "starttls"}},
    "pp_tls": {"proxy_protocol": True, "tls": {"mode": "tls"}},
    "pp_trusted": {"proxy_protocol": True,
                   "proxy_protocol_trusted": ["127.0.0.2", "127.3.0.0/16", "2001:db8::/32"]},
    "pp_hasty": {"proxy_protocol": True, "state_timeout": 100},
}
CONFIG = {"modules": {"mod_register": {
    "ip_access": [{"address": "203.0.113.0/24", "policy": "deny"}]}}}

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source, family=None):
    family = family or ("TCP6" if ":" in source else "TCP4")
    target = "2001:db8::1" if ":" in source else "198.51.100.1"
    return f"PROXY {family} {source} {target} 34567 5222\r\n".encode()


def v2(source, more=b"", command=0x21):
    kind = socket.AF_INET6 if ":" in source else socket.AF_INET
    body = socket.inet_pton(kind, source) * 2 + struct.pack(">HH", 34567, 5222) + more
    family = 0x21 if ":" in source else 0x11
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(body)) + body


def crc32c(data):
    """Castagnoli's, as RFC 4960 has it."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack(">I", crc ^ 0xffffffff)


def v2_sum(source, before=b"", behind=b"", flip=0):
    """With a checksum, of which these bits are wrong."""
    head = v2(source, before + b"\x03\0\x04\0\0\0\0" + behind)
    at = len(head) - len(behind) - 4
    (right,) = struct.unpack(">I", crc32c(head))
    return head[:at] + struct.pack(">I", right ^ flip) + head[at + 4:]


class Proxied(Client):
    """A client behind a proxy that sends this header."""

    def __init__(self, port, head, tls=None, source=None):
        self.head = head
        self.source = source
        super().__init__(port, tls=tls)

    def _connect(self, port):
        connection = socket.create_connection(
            ("127.0.0.1", port), timeout=env.DEADLINE,
            source_address=(self.source, 0) if self.source else None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(self.head)
        return connection


def address_of(server, account):
    """The address that the log gives for the login of this account."""
    found = re.findall(rf"auth\.ok: .* jid={account.jid} address=(\S+)", server.read_log())
    return found[-1]


@functools.lru_cache(maxsize=None)
def account_of(server):
    """One for all tests: making some takes longer than they do."""
    return server.account()


def login_behind(server, listener, head, source=None, port=None):
    """Logs in the way that the listener wants it; returns the address in the log."""
    account = account_of(server)
    tls = tls_context() if listener == "pp_tls" else None
    with Proxied(port or server.ports[listener], head, tls, source) as c:
        if listener == "pp_starttls":
            _, features = c.start()
            assert features.find(ns.TLS + "starttls") is not None
            c.starttls()
        c.login(account)
        assert c.sync() == []
        c.close()
    return address_of(server, account)


# --- whose address it is ---

@pytest.mark.parametrize("listener", ["pp", "pp_starttls", "pp_tls"])
@pytest.mark.parametrize("head", [
    v1("192.0.2.7"), v1("2001:db8::7"), v2("192.0.2.7"), v2("2001:db8::7"),
    v2("192.0.2.7", b"\x05\x00\x04abcd" + b"\x04\x07\xd0" + bytes(2000)),
    v2_sum("192.0.2.7"), v2_sum("2001:db8::7", b"\x05\x00\x04abcd", b"\x04\0\0")],
    ids=["v1", "v1-ipv6", "v2", "v2-ipv6", "v2-tlv", "v2-sum", "v2-sum-ipv6"])
def test_address_of_the_header(server, listener, head):
    want = "2001:db8::7" if b"2001" in head or b"\x20\x01" in head else "192.0.2.7"
    assert login_behind(server, listener, head) == want


@pytest.mark.parametrize("head", [
    b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 192.0.2.7 and whatever else\r\n",
    v2("192.0.2.7", command=0x20), SIGNATURE + b"\x20\0\0\0", SIGNATURE + b"\x21\0\0\2xx"],
    ids=["unknown", "unknown-long", "local", "local-short", "unspec"])
def test_without_an_address_it_is_that_of_the_socket(server, head):
    assert login_behind(server, "pp", head, source="127.0.0.5") == "127.0.0.5"


@pytest.mark.parametrize("head", [v1("192.0.2.7"), v2("192.0.2.7")], ids=["v1", "v2"])
def test_header_in_pieces_and_with_xml_behind_it(server, head):
    stream = HEADER.format(attributes=" to='localhost' version='1.0'").encode()
    port = server.ports["pp"]
    with Proxied(port, head + stream) as c:
        c.header()
        c.features()
        c.close()
    with Proxied(port, b"") as c:
        for i in range(len(head)):
            c.send(head[i:i + 1])
        c.start()
        c.close()


# --- who may not ---

BAD = {
    "xml": b"<?xml version='1.0'?><stream:stream xmlns='jabber:client'>",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "lf": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n",
    "address": b"PROXY TCP4 192.0.2.256 192.0.2.8 1 2\r\n",
    "endless": b"PROXY UNKNOWN " + b"x" * 200,
    "v2-version": SIGNATURE + b"\x11\x11\0\x0c" + bytes(12),
    "v2-short": SIGNATURE + b"\x21\x11\0\x04" + bytes(4),
    "v2-long": SIGNATURE + b"\x21\x11\xff\xff",
    "v2-sum": v2_sum("192.0.2.7", flip=1),
    "v2-sum-ipv6": v2_sum("2001:db8::7", b"\x05\x00\x04abcd", b"\x04\0\0", 1 << 31),
    "v2-sum-long": v2("192.0.2.7", b"\x03\0\x05\0\0\0\0\0"),
    "v2-tlv": v2("192.0.2.7", b"\x04\0\x05rest"),
}


@pytest.mark.parametrize("listener", ["pp", "pp_tls"])
@pytest.mark.parametrize("what", BAD)
def test_no_header_or_a_bad_one_is_the_end(server, listener, what):
    with Proxied(server.ports[listener], BAD[what]) as c:
        c.eof()
        assert c.received == b""


@pytest.mark.parametrize("what", ["v2-sum", "v2-tlv"])
def test_a_header_that_was_changed_is_counted(server, what):
    before = server.counters("pp")["refused_proxy_bad"]
    with Proxied(server.ports["pp"], BAD[what]) as c:
        c.eof()
    assert server.counters("pp")["refused_proxy_bad"] == before + 1


def test_bad_headers_are_logged_at_a_limited_rate(new_server, workers):
    server = new_server(listeners={"plain": {"proxy_protocol": True}})
    for i in range(50):
        with Proxied(server.ports["plain"], b"<", source="127.0.0.8") as c:
            c.eof()
    lines = [x for x in server.read_log().splitlines() if "conn.refused" in x]
    # Some a minute, and the test may see two of them.
    assert 1 <= len(lines) <= 2 * 6 * workers
    assert "refused 127.0.0.8: it began with no PROXY header" in lines[0]


@pytest.mark.parametrize("sent", [b"", b"PROXY TCP4 192.0.2.7 "])
def test_header_that_does_not_come_in_time(server, sent):
    with Proxied(server.ports["pp_hasty"], sent) as c:
        c.eof()
        assert c.received == b""
    assert "it sent no PROXY header in time" in server.read_log()


def test_time_for_the_stream_begins_behind_the_header(server):
    while True:
        with Proxied(server.ports["pp_hasty"], v1("192.0.2.7")) as c:
            try:
                c.expect_error("connection-timeout")
                return
            except Eof:  # this machine was too busy to send the header in time
                continue


def test_only_trusted_proxies_may_send_it(server):
    port = server.ports["pp_trusted"]
    with Proxied(port, v1("192.0.2.7")) as c:
        c.eof()
        assert c.received == b""
    assert "refused 127.0.0.1: it is not in proxy_protocol_trusted" in server.read_log()
    for source in ("127.0.0.2", "127.3.4.5"):
        assert login_behind(server, "pp_trusted", v1("192.0.2.7"), source) == "192.0.2.7"


def test_header_where_none_is_wanted(server, connect):
    with Proxied(server.ports["plain"], v1("192.0.2.7")) as c:
        c.expect_error("not-well-formed")
    with Proxied(server.ports["tls"], v2("192.0.2.7")) as c:
        c.eof()


def test_shutdown_while_the_header_is_awaited(new_server):
    server = new_server(listeners={"plain": {"proxy_protocol": True}})
    with Proxied(server.ports["plain"], b"PROXY") as c, \
            Proxied(server.ports["plain"], v1("192.0.2.7")) as witness:
        witness.start()
        server.process.send_signal(signal.SIGTERM)
        c.eof()
        assert c.received == b""
        witness.expect_error("system-shutdown")


# --- what goes by it ---

def register(server, name, source):
    with Proxied(server.ports["pp"], v1(source)) as c:
        c.start()
        return c.set("<query xmlns='jabber:iq:register'>"
                     f"<username>{name}</username><password>secret</password></query>")


def test_registration_goes_by_the_address_of_the_header(server):
    refused = register(server, "nobody", "203.0.113.5")
    assert ns.stanza_error(refused)[1] == "forbidden"
    assert register(server, "proxied-one", "192.0.2.21").get("type") == "result"
    again = register(server, "proxied-two", "192.0.2.21")
    assert ns.stanza_error(again)[1] == "resource-constraint"
    assert register(server, "proxied-two", "192.0.2.22").get("type") == "result"


# --- haproxy ---

HAPROXY = {
    "v1": "send-proxy",
    "v2": "send-proxy-v2",
    "v2-sum": "send-proxy-v2 proxy-v2-options crc32c,unique-id",
}


@pytest.fixture(scope="module")
def haproxy(server, tmp_path_factory):
    """The real thing: a port for each listener and version."""
    binary = shutil.which("haproxy") or "/usr/sbin/haproxy"
    if not os.path.exists(binary):
        pytest.skip("haproxy is not installed")
    config = tmp_path_factory.mktemp("haproxy") / "haproxy.cfg"
    ports = {}
    text = "defaults\n mode tcp\n timeout connect 60s\n timeout client 60s\n" \
           " timeout server 60s\n"
    for listener in ("pp", "pp_starttls", "pp_tls"):
        for version, options in HAPROXY.items():
            port = ports[listener, version] = free_port()
            text += (f"listen {listener}-{version}\n bind 127.0.0.1:{port}\n"
                     f" server s 127.0.0.1:{server.ports[listener]} {options}\n")
    config.write_text(text)
    log = open(config.with_suffix(".log"), "wb")
    process = subprocess.Popen([binary, "-db", "-f", str(config)],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for port in ports.values():
            wait_for(port, process, log.name)
        yield ports
    finally:
        process.terminate()
        process.wait(timeout=env.DEADLINE)
        log.close()


def wait_for(port, process, log):
    for _ in range(int(env.DEADLINE / 0.02)):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            pass
        try:
            process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
        with open(log, encoding="utf-8") as f:
            raise AssertionError("haproxy did not start: " + f.read())
    raise AssertionError("haproxy takes no connections")


@pytest.mark.parametrize("listener", ["pp", "pp_starttls", "pp_tls"])
@pytest.mark.parametrize("version", HAPROXY)
def test_haproxy_in_front(server, haproxy, listener, version):
    port = haproxy[listener, version]
    assert login_behind(server, listener, b"", "127.0.0.77", port) == "127.0.0.77"
