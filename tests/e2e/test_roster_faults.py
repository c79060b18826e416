"""Changes of rosters on their way into a database that takes its time, or refuses them: nobody has seen
what is not there in the end, and who has asked for it hears so."""
import contextlib
import sqlite3

import pytest

from lib import ns
from lib.client import befriend, settle

CONFIG = {"modules": {"mod_roster": {"versioning": True}}}


def query(inner="", ver=""):
    return f"<query xmlns='jabber:iq:roster' ver='{ver}'>{inner}</query>"


def roster(client):
    return {i.get("jid"): i.get("subscription") for i in client.ask(query())}


@pytest.fixture
def database(server):
    """The server's database, for another writer."""
    db = sqlite3.connect(f"{server.directory}/meerkat.db", timeout=30, isolation_level=None)
    yield db
    db.close()


@pytest.fixture
def busy(database):
    """Nothing is written while this lasts."""
    @contextlib.contextmanager
    def hold():
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("COMMIT")
    return hold


@pytest.fixture
def refuse(database):
    """From here on, and to the end of the test, nothing is written of this account's contact."""
    made = []

    def make(account, contact):
        name = f"refuse{len(made)}"
        made.append(name)
        for event in ("INSERT", "UPDATE"):
            database.execute(
                f"CREATE TRIGGER {name}_{event} BEFORE {event} ON rosterusers"
                f" WHEN NEW.username = '{account.user}' AND NEW.jid = '{contact}'"
                " BEGIN SELECT RAISE(ABORT, 'refused'); END")
    yield make
    for name in made:
        for event in ("INSERT", "UPDATE"):
            database.execute(f"DROP TRIGGER {name}_{event}")


@pytest.fixture
def two(server, online):
    """Two sessions of one account, with presence and interest, and one of another."""
    account = server.account()
    clients = [online(account, "one"), online(account, "two"), online()]
    for client in clients:
        client.ask(query())
    for client in clients:
        client.sync()
    return clients


def presence_error(client, sender):
    return ns.stanza_error(client.expect_presence(sender, "error"))


def is_push(stanza):
    return stanza.tag == ns.IQ and stanza.get("type") == "set"


# --- items ---

def test_item_that_is_not_stored(two, busy, refuse):
    one, other, _ = two
    with busy():
        one.send(f"<iq type='set' id='s'>{query('<item jid=%sghost@localhost%s/>' % (2 * (chr(34),)))}"
                 "</iq>")
        one.sync()
        other.send(f"<iq type='get' id='g'>{query()}</iq>")
        other.get("<ping xmlns='urn:xmpp:ping'/>", other.domain)
        refuse(one.account, "ghost@localhost")
    answer = one.expect(lambda s: s.get("id") == "s")
    assert ns.stanza_error(answer)[1] == "internal-server-error"
    assert len(other.expect(lambda s: s.get("id") == "g")[0]) == 0
    assert not [s for c in (one, other) for s in c.sync() if is_push(s)]
    assert roster(other) == {}


def test_version_of_a_push_is_that_of_its_change(two, busy):
    """Who has had one of several pushes, and comes back with its version, is told of the rest."""
    one, other, _ = two
    names = {f"c{i}@localhost" for i in range(3)}
    with busy():
        for name in sorted(names):
            one.send(f"<iq type='set' id='{name}'>{query(f'<item jid={chr(34)}{name}{chr(34)}/>')}</iq>")
        one.sync()
    versions = [other.expect(is_push).find(ns.ROSTER + "query").get("ver") for _ in names]
    assert len(set(versions)) == 3
    for version in versions[:2]:
        found = other.ask(query(ver=version))
        assert {i.get("jid") for i in found} == names and found.get("ver") == versions[2]
    assert other.ask(query(ver=versions[2])) is None  # nothing has changed


# --- subscriptions ---

def test_approval_that_is_not_stored(two, busy, refuse):
    """Who was to be approved may have seen presence by then: it sees the end of it, too."""
    one, other, asker = two
    asker.presence(one.bare, "subscribe")
    one.expect_presence(asker.bare, "subscribe")
    with busy():
        one.presence(asker.bare, "subscribed")
        one.sync()
        other.presence(inner="<status>seen</status>")
        other.sync()
        refuse(one.account, asker.bare)
    assert presence_error(one, asker.bare) == ("cancel", "internal-server-error")
    for client in (one, other):
        asker.expect_presence(client.jid, "unavailable")
    assert not [s for s in asker.sync() if s.get("type") == "subscribed"]
    assert not [s for s in other.sync() if s.get("type") == "error"], "it has not asked"


def test_end_that_is_not_stored(two, busy, refuse):
    """What the contact has missed meanwhile comes when nothing has come of it."""
    one, other, contact = two
    befriend(one, contact)
    contact.sync()
    with busy():
        one.presence(contact.bare, "unsubscribed")
        one.sync()
        other.presence(inner="<status>missed</status>")
        other.sync()
        refuse(one.account, contact.bare)
    assert presence_error(one, contact.bare) == ("cancel", "internal-server-error")
    assert contact.expect(lambda s: s.findtext(ns.CLIENT + "status") == "missed")
    assert roster(one)[contact.bare] == "both"


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe", "unsubscribed"])
def test_other_kinds_that_are_not_stored(two, refuse, kind):
    one, other, contact = two
    if kind != "subscribe":
        befriend(one, contact)
    refuse(one.account, contact.bare)
    one.presence(contact.bare, kind)
    assert presence_error(one, contact.bare) == ("cancel", "internal-server-error")
    assert not [s for s in other.sync() if s.get("type") == "error"], "it has not asked"


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe", "unsubscribed"])
def test_what_the_contact_cannot_store(two, refuse, kind):
    """Its sender hears of it, on all of its sessions: by then it is the account's matter."""
    one, _, contact = two
    if kind != "subscribe":
        befriend(one, contact)
    refuse(contact.account, one.bare)
    one.presence(contact.bare, kind)
    assert presence_error(one, contact.bare) == ("cancel", "internal-server-error")


def test_nothing_passes_what_waits_to_be_stored(two, busy):
    """A request that repeats another one changes nothing; it comes behind the end of what it would
    otherwise be taken for a part of."""
    one, _, contact = two
    befriend(one, contact)
    with busy():
        for kind in ("unsubscribe", "subscribe", "subscribe"):
            one.presence(contact.bare, kind)
        one.sync()
        settle(contact, contact.bare)
    contact.expect_presence(one.bare, "unsubscribe")
    contact.expect_presence(one.bare, "subscribe")
    settle(one, contact.bare)
    assert roster(contact)[one.bare] == "to"
    assert roster(one)[contact.bare] == "from", "and it waits for an answer"
