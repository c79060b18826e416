"""In-band registration over listeners that allow a part of the methods: what it makes, changes and
removes there, and where it is not offered."""
import pytest

from lib import ns
from lib.auth_service import Service
from lib.client import Account, new_id
from lib.server import PASSWORD

LISTENERS = {
    "plain": {},
    "ours": {"allowed_auth_methods": ["internal"]},
    "service": {"allowed_auth_methods": ["http"]},
    "anonymous": {"allowed_auth_methods": ["anonymous"]},
    "none": {"allowed_auth_methods": []},
}
CONFIG = {
    "general": {"registration_timeout": "infinity"},
    "auth": {"methods": ["http", "internal", "anonymous"], "http": {},
             "password": {"format": "plain"}},
    "modules": {"mod_register": {}},
}
FEATURE = "{http://jabber.org/features/iq-register}register"
REMOVE = "<query xmlns='jabber:iq:register'><remove/></query>"
started = []


def prepare(server):
    server.service = Service()
    started.append(server.service)
    server.over = dict(server.over) | {"outgoing_pools": {"http": {"auth": {
        "connection": {"host": f"http://127.0.0.1:{server.service.port}"}}}}}


@pytest.fixture(scope="module", autouse=True)
def around():
    yield
    while started:
        started.pop().stop()


def fields(account, password=None):
    return (f"<query xmlns='jabber:iq:register'><username>{account.user}</username>"
            f"<password>{password or account.password}</password></query>")


@pytest.fixture
def register(connect):
    def make(listener, account=None):
        account = account or Account(f"limited-{new_id()}@localhost", PASSWORD)
        client = connect(listener)
        client.start()
        return account, client.set(fields(account))
    return make


@pytest.fixture
def enter(connect):
    return lambda listener, account: connect(listener).login(account, mechanism="PLAIN")


def refused(client, payload):
    answer = client.set(payload)
    assert ns.stanza_error(answer) == ("cancel", "not-allowed"), ns.show(answer)


@pytest.mark.parametrize("listener, by_service", [
    ("plain", True), ("service", True), ("ours", False)])
def test_accounts_are_made_by_what_is_allowed(server, register, enter, listener, by_service):
    account, answer = register(listener)
    assert answer.get("type") == "result", ns.show(answer)
    assert (account.user in server.service.accounts) == by_service
    client = enter(listener, account)
    assert client.set(fields(account, "second")).get("type") == "result"
    assert server.service.accounts.get(account.user) == ("second" if by_service else None)
    client.send(f"<iq type='set' id='gone'>{REMOVE}</iq>")
    client.expect_error("not-authorized")
    assert account.user not in server.service.accounts
    assert register("plain", account)[1].get("type") == "result"


def test_a_name_is_somebodys_whoever_has_it(register):
    for first, then in (("service", "ours"), ("ours", "service")):
        account, answer = register(first)
        assert answer.get("type") == "result", ns.show(answer)
        assert ns.stanza_error(register(then, account)[1]) == ("cancel", "conflict")


def test_what_another_method_has_stays(server, register, enter):
    """The same name at both: who is let in by one of them has no say at the other."""
    account, _ = register("ours")
    server.service.accounts[account.user] = "of the service"
    client = enter("ours", account)
    assert client.set(fields(account, "second")).get("type") == "result"
    refused(client, REMOVE)
    assert server.service.accounts[account.user] == "of the service"
    other = enter("service", Account(account.jid, "of the service"))
    refused(other, REMOVE)
    assert other.sync() == []


@pytest.mark.parametrize("listener, offered", [
    ("plain", True), ("ours", True), ("service", True), ("anonymous", False), ("none", False)])
def test_where_it_is_offered(connect, listener, offered):
    client = connect(listener)
    _, features = client.start()
    assert (features.find(FEATURE) is not None) == offered
    answer = client.get("<query xmlns='jabber:iq:register'/>")
    if offered:
        assert answer.get("type") == "result"
        return
    assert ns.stanza_error(answer) == ("cancel", "service-unavailable")
    answer = client.set(fields(Account("nobody@localhost", PASSWORD)))
    assert ns.stanza_error(answer) == ("cancel", "service-unavailable")
