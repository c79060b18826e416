"""Whoever is about to log in, or to bind a resource, while the account is removed does not come in as
the next owner of its name, and does not keep it."""
import base64
import sqlite3
import time

import pytest

from lib import env, ns
from lib.auth_service import Gate, Service
from lib.client import Account, new_id
from lib.server import PASSWORD

LISTENERS = {"plain": {}}
CONFIG = {
    "general": {"hosts": ["service.example"], "default_server_domain": "service.example", "registration_timeout": "infinity"},
    "modules": {"mod_register": {}},
}
REMOVE = "<query xmlns='jabber:iq:register'><remove/></query>"
BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
started = []


def prepare(server):
    server.service = Service()
    started.append(server.service)
    server.over = dict(server.over) | {
        "host_config": [{"host": "service.example", "auth": {
            "methods": ["http"], "http": {}, "password": {"format": "plain"}}}],
        "outgoing_pools": {"http": {"auth": {"connection": {
            "host": f"http://127.0.0.1:{server.service.port}"}}}},
    }


@pytest.fixture(scope="module", autouse=True)
def around():
    yield
    while started:
        started.pop().stop()


@pytest.fixture(autouse=True)
def service_is_well(server):
    yield
    for gate in server.service.gates.values():
        gate.open()
    server.service.gates, server.service.answers = {}, {}


def try_to_register(connect, account):
    client = connect(domain=account.domain)
    client.start()
    answer = client.set("<query xmlns='jabber:iq:register'>"
                        f"<username>{account.user}</username>"
                        f"<password>{account.password}</password></query>")
    client.abort()
    return answer


@pytest.fixture
def register(connect):
    def make(account):
        answer = try_to_register(connect, account)
        assert answer.get("type") == "result", ns.show(answer)
        return account
    return make


@pytest.fixture
def fresh(register):
    return lambda domain: register(Account(f"stale-{new_id()}@{domain}", PASSWORD))


@pytest.fixture
def enter(connect):
    def make(account, **kwargs):
        return connect(domain=account.domain).login(account, mechanism="PLAIN", **kwargs)
    return make


def is_known(server, account):
    with sqlite3.connect(f"file:{server.directory}/meerkat.db?mode=ro", uri=True) as db:
        return any(db.execute(f"SELECT 1 FROM {table} WHERE server = ? AND username = ?",
                              (account.domain, account.user)).fetchone()
                   for table in ("users", "meerkat_accounts"))


def test_what_was_right_before_the_removal(server, register, fresh, connect, enter):
    """The service's answer is under way while the account ends."""
    account, service = fresh("service.example"), server.service
    current = enter(account)
    gate = service.gates["check_password"] = Gate()
    service.answers["check_password"] = (200, "true")
    stale = connect(domain=account.domain)
    stale.start()
    message = f"\0{account.user}\0{account.password}".encode()
    stale.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
               f"{base64.b64encode(message).decode()}</auth>")
    gate.wait()
    current.send(f"<iq type='set' id='gone'>{REMOVE}</iq>")
    current.expect_error("not-authorized")
    assert not is_known(server, account)
    register(Account(account.jid, "another"))
    gate.open()
    assert stale.stanza().tag == ns.SASL + "success"
    stale.restart()
    stale.start()
    stale.send(BIND)
    stale.expect_error("not-authorized", "the account has been removed")
    service.answers.clear()
    assert enter(Account(account.jid, "another")).sync() == []


def test_a_name_that_is_noted_after_the_removal(server, connect, fresh, enter):
    """The database is held: behind whoever removes the account waits the bind."""
    account = fresh("service.example")
    current, stale = enter(account), enter(account, bind=False)
    with sqlite3.connect(f"{server.directory}/meerkat.db", isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM meerkat_accounts WHERE server = ? AND username = ?",
                   (account.domain, account.user))
        stale.send(BIND)
        current.sync()
        current.sync()
        server.admin(f"removed {account.jid}")
        current.expect_error("not-authorized")
        db.execute("COMMIT")
    stale.expect_error("not-authorized")
    del server.service.accounts[account.user]
    deadline = time.monotonic() + env.DEADLINE
    while try_to_register(connect, account).get("type") == "error":
        assert time.monotonic() < deadline, "the name stays taken"
