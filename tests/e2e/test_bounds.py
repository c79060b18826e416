"""What is bounded although a peer, or another writer of the database, would have it grow."""
import sqlite3

import pytest

from lib import ns
from lib.client import settle

ROSTER = "<query xmlns='jabber:iq:roster'/>"


@pytest.fixture
def database(server):
    """The server's database, for another writer."""
    db = sqlite3.connect(f"{server.directory}/meerkat.db", timeout=30)
    yield db
    db.close()


def add_rows(db, account, rows):
    """Rows of a roster: (contact, name, subscription, ask, listed)."""
    with db:
        db.executemany(
            "INSERT INTO rosterusers (server, username, jid, nick, subscription, ask, askmessage,"
            " listed) VALUES (?, ?, ?, ?, ?, ?, '', ?)",
            [(account.domain, account.user, *row) for row in rows])


def add_groups(db, account, rows):
    with db:
        db.executemany(
            "INSERT INTO rostergroups (server, username, jid, grp) VALUES (?, ?, ?, ?)",
            [(account.domain, account.user, *row) for row in rows])


def items(query):
    return {i.get("jid"): i for i in query}


def add_contact(client, jid, name="N"):
    return client.set(f"<query xmlns='jabber:iq:roster'><item jid='{jid}' name='{name}'/></query>")


# --- rosters ---

def test_foreign_rows_are_cut(server, database, login):
    account = server.account()
    add_rows(database, account, [("friend@localhost", "n" * 2_000_000, "N", "N", 1)])
    add_groups(database, account, [("friend@localhost", f"{i}\x01" + "g" * 100_000)
                                   for i in range(60)])
    client = login(account)
    item = items(client.ask(ROSTER))["friend@localhost"]
    assert item.get("name") == "n" * 1023
    groups = [g.text for g in item]
    assert len(groups) == 50 and all(len(g) == 1023 for g in groups)
    assert add_contact(client, "other@localhost").get("type") == "result"
    client.presence("friend@localhost", "subscribe")  # is pushed with all that
    push = client.expect_push(jid="friend@localhost", ask="subscribe")
    assert push.get("name") == "n" * 1023 and len(push) == 50


def test_a_roster_that_no_connection_takes(server, database, login):
    account = server.account()
    add_rows(database, account, [(f"c{i}@localhost", "", "N", "N", 1) for i in range(180)])
    add_groups(database, account, [(f"c{i}@localhost", f"{k:02}" + "g" * 1000)
                                   for i in range(180) for k in range(50)])
    client = login(account)
    answer = client.get(ROSTER)
    assert ns.stanza_error(answer) == ("wait", "resource-constraint")
    assert add_contact(client, "c7@localhost").get("type") == "result"  # still there
    client.expect_push(jid="c7@localhost")


def test_many_requests_leave_room_for_contacts(server, database, login, online):
    account = server.account()
    add_rows(database, account, [(f"r{i}@localhost", "", "N", "I", 0) for i in range(1000)])
    one_more = online()
    client = login(account)
    assert len(client.ask(ROSTER)) == 0
    assert add_contact(client, "friend@localhost").get("type") == "result"
    one_more.presence(account.jid, "subscribe")  # nobody can answer so many
    settle(one_more, account.jid)
    client.available()
    asking = [s.get("from") for s in client.sync()
              if s.tag == ns.PRESENCE and s.get("type") == "subscribe"]
    assert sorted(asking) == sorted(f"r{i}@localhost" for i in range(1000))
    client.presence("r5@localhost", "unsubscribed")  # makes room
    client.sync()
    one_more.presence(account.jid, "subscribe")
    client.expect_presence(one_more.bare, "subscribe")


def test_many_contacts_leave_room_for_requests(server, database, login, online):
    account = server.account()
    add_rows(database, account, [(f"c{i}@localhost", "", "N", "N", 1) for i in range(5000)])
    client = online(account)
    assert len(client.ask(ROSTER)) == 5000
    assert ns.stanza_error(add_contact(client, "one-more@localhost")) == \
        ("wait", "resource-constraint")
    other = online()
    other.presence(account.jid, "subscribe")
    client.expect_presence(other.bare, "subscribe")
    client.presence(other.bare, "subscribe")  # a contact: there is no room
    assert ns.stanza_error(client.expect(
        lambda s: s.tag == ns.PRESENCE and s.get("type") == "error")) == \
        ("wait", "resource-constraint")
    assert client.set("<query xmlns='jabber:iq:roster'><item jid='c1@localhost'"
                      " subscription='remove'/></query>").get("type") == "result"
    client.presence(other.bare, "subscribe")
    client.expect_push(jid=other.bare, ask="subscribe")


# --- private storage ---

def test_private_storage_is_bounded(server, login):
    client = login(server.account())

    def put(n, text=""):
        return client.set(f"<query xmlns='jabber:iq:private'><a xmlns='urn:example:{n}'>{text}</a>"
                          "</query>")

    # In one go: the count stands in the same transaction as what is counted.
    client.send("".join(
        f"<iq type='set' id='p{i}'><query xmlns='jabber:iq:private'><a xmlns='urn:example:{i}'/>"
        "</query></iq>" for i in range(105)))
    answers = [client.expect(lambda s, i=i: s.get("id") == f"p{i}") for i in range(105)]
    assert [a.get("type") for a in answers] == ["result"] * 100 + ["error"] * 5
    assert ns.stanza_error(answers[-1]) == ("wait", "resource-constraint")
    assert put(7, "new").get("type") == "result"
    assert put(104).get("type") == "error"
