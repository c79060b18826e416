"""The method `anonymous` with `login_anon`: any name, any password, after STARTTLS and over Direct
TLS."""
import pytest

from lib import ns
from lib.client import Account, SaslFailure


def of(host, methods, protocol):
    return {"host": host, "auth": {"methods": methods, "anonymous": {"protocol": protocol},
                                   "password": {"scram_iterations": 4096}}}


CONFIG = {
    "general": {"hosts": ["localhost", "login.example", "both.example"]},
    "host_config": [of("login.example", ["anonymous"], "login_anon"),
                    of("both.example", ["internal", "anonymous"], "both")],
}
IN_CLEAR = {"login.example": [], "both.example": ["ANONYMOUS"]}  # before STARTTLS: no password
TRANSPORTS = ["starttls", "tls"]


def offered(features):
    return [m.text for m in features.iter(ns.SASL + "mechanism")]


def condition_of(attempt, *args):
    with pytest.raises(SaslFailure) as failure:
        attempt(*args)
    return failure.value.condition


@pytest.fixture
def begin(connect):
    """A client whose stream is encrypted, and what it is offered."""
    def make(transport, domain):
        client = connect(transport, domain=domain)
        _, features = client.start()
        if transport == "starttls":
            found = [m for m in offered(features) if not m.startswith("SCRAM-")]
            assert found == IN_CLEAR[domain]
            assert condition_of(client.auth, "PLAIN", b"\0mercutio\0x") == "encryption-required"
            client.starttls()
            _, features = client.start()
        return client, offered(features)
    return make


def enter(client, name, password):
    client.account = Account(f"{name}@{client.domain}", password)
    client.auth_plain(name, password)
    client.restart()
    client.start()
    client.bind()
    assert ns.bare(client.jid) == client.account.jid
    return client.available()


@pytest.mark.parametrize("domain", IN_CLEAR)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_any_name_and_password(begin, transport, domain):
    one, mechanisms = begin(transport, domain)
    others = [m for m in mechanisms if not m.startswith("SCRAM-")]
    assert others == {"login.example": ["PLAIN"], "both.example": ["PLAIN", "ANONYMOUS"]}[domain]
    assert (mechanisms != others) == (domain == "both.example")  # there are accounts, too
    enter(one, "mercutio", "x")
    two, _ = begin(transport, domain)
    enter(two, "benvolio", "\u00e4nother")
    two.message(one.jid, "hello", "chat")
    one.expect_message("hello")
    third, _ = begin("tls", domain)  # somebody has the name
    assert condition_of(third.auth_plain, "mercutio", "x") == "not-authorized"
    one.close()
    enter(third, "mercutio", "y")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_account_is_not_taken_over(server, begin, transport):
    account = server.account_named(f"rosaline-{transport}@both.example")
    client, mechanisms = begin(transport, "both.example")
    assert condition_of(client.auth_plain, account.user, "wrong") == "not-authorized"
    assert "SCRAM-SHA-1" in mechanisms
    client.auth_scram("SCRAM-SHA-1", account.user, account.password)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_not_offered_is_not_taken(begin, transport):
    client, _ = begin(transport, "login.example")
    for mechanism in ("ANONYMOUS", "SCRAM-SHA-1-PLUS", "EXTERNAL"):
        assert condition_of(client.auth, mechanism, b"mercutio") == "invalid-mechanism"
