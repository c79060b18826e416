"""What a stream may hold and use: its buffers when it is idle, its bytes before login."""
import pytest

from lib import ns
from lib.client import SaslFailure
from lib.raw import Stream

HIBERNATE = {"now": 0, "soon": 1, "late": 60_000, "never": "infinity"}

LISTENERS = {name: {"hibernate_after": after} for name, after in HIBERNATE.items()}
LISTENERS |= {f"{name}_tls": {"hibernate_after": after, "tls": {"mode": "starttls"}}
              for name, after in HIBERNATE.items()}
HIBERNATING = sorted(LISTENERS)

MAX_PRE_AUTH = 4096
LISTENERS |= {
    "few": {"max_pre_auth_bytes": MAX_PRE_AUTH, "tls": {"mode": "starttls"}},
    "few_tls": {"max_pre_auth_bytes": MAX_PRE_AUTH, "tls": {"mode": "tls"}},
    "any": {"max_pre_auth_bytes": "infinity"},
}
TOO_MUCH = "too much was sent before login"


# --- hibernate_after ---

@pytest.mark.parametrize("listener", HIBERNATING)
def test_whenever_it_hibernates_it_wakes_up(listener, login):
    client, other = login(listener=listener), login()
    for n in (1, 70_000, 10):
        client.message(client.jid, "x" * n)
        assert ns.body(client.expect_message()) == "x" * n
        other.sync()
    client.close()


# --- max_pre_auth_bytes ---

def test_bytes_before_the_header(connect):
    c = connect("few")
    c.send(" " * (MAX_PRE_AUTH + 1))
    c.expect_error("policy-violation", TOO_MUCH)


def test_bytes_of_many_small_elements(connect):
    """No one of them is long, and none is an error of its own."""
    c = connect("few_tls")
    c.start()
    abort = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
    c.send((" " * 1500).join([abort, abort, abort, ""]))
    c.expect_error("policy-violation", TOO_MUCH)


def test_bytes_of_the_clear_stream_count_after_starttls(connect):
    c = connect("few")
    c.start()
    c.send(" " * (MAX_PRE_AUTH // 2))
    c.starttls()
    c.start()
    c.send(" " * (MAX_PRE_AUTH // 2))
    c.expect_error("policy-violation", TOO_MUCH)


def test_bytes_of_a_handshake_that_does_not_end(server):
    """Closed without a word: there is no stream to say it on."""
    with Stream(server.ports["few_tls"]) as c:
        c.send(b"\x16\x03\x01\x40\x00" + b"\0" * MAX_PRE_AUTH)
        c.eof()
        assert c.received == b""


def test_bytes_after_login_are_not_counted(server, login):
    for listener in ("few", "few_tls"):
        c = login(listener=listener, mechanism="SCRAM-SHA-1")
        for _ in range(3):
            c.message(c.jid, "x" * MAX_PRE_AUTH)
            c.expect_message("x" * MAX_PRE_AUTH)


def test_default_and_infinity(connect):
    c = connect("any")
    c.start()
    c.send(" " * 300_000)
    with pytest.raises(SaslFailure):
        c.auth("UNKNOWN")
    c = connect("plain")
    c.start()
    c.send(" " * 130_000)
    with pytest.raises(SaslFailure):
        c.auth("UNKNOWN")
    c.send(" " * 2_000)
    c.expect_error("policy-violation", TOO_MUCH)
