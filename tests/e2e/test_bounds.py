"""What is bounded although a peer, or another writer of the database, would have it grow."""
import pytest

from lib import ns
from lib.client import befriend, settle
from lib.rows import add_groups, add_rows, opened

ROSTER = "<query xmlns='jabber:iq:roster'/>"


@pytest.fixture
def database(server):
    yield from opened(server)


def items(query):
    return {i.get("jid"): i for i in query}


def add_contact(client, jid, name="N"):
    return client.set(f"<query xmlns='jabber:iq:roster'><item jid='{jid}' name='{name}'/></query>")


# --- rosters ---

def test_foreign_rows_are_cut(server, database, login):
    account = server.account()
    add_rows(database, account, [("friend@localhost", "n" * 2_000_000, "N", "N", "", 1)])
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


def test_many_requests_leave_room_for_contacts(server, database, login, online):
    account = server.account()
    add_rows(database, account, [(f"r{i}@localhost", "", "N", "I", "", 0) for i in range(1000)])
    one_more = online()
    client = login(account)
    assert len(client.ask(ROSTER)) == 0
    assert add_contact(client, "friend@localhost").get("type") == "result"
    one_more.presence(account.jid, "subscribe")  # nobody can answer so many
    settle(one_more, account.jid)
    client.available()
    asking = [client.expect(lambda s: s.tag == ns.PRESENCE and s.get("type") == "subscribe")
              .get("from") for _ in range(1000)]
    assert sorted(asking) == sorted(f"r{i}@localhost" for i in range(1000))
    client.presence("r5@localhost", "unsubscribed")  # makes room
    client.sync()
    one_more.presence(account.jid, "subscribe")
    client.expect_presence(one_more.bare, "subscribe")


def test_many_contacts_leave_room_for_requests(server, database, login, online):
    account = server.account()
    add_rows(database, account, [(f"c{i}@localhost", "", "N", "N", "", 1) for i in range(5000)])
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


# --- a database that refuses a change of a roster ---

@pytest.fixture
def broken(database):
    """broken("contact@localhost"): rows of this contact can be neither written nor removed."""
    made = []

    def refuse(jid):
        with database:
            for what, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
                made.append(f"refuse_{len(made)}")
                database.execute(
                    f"CREATE TRIGGER {made[-1]} BEFORE {what} ON rosterusers"
                    f" WHEN {row}.jid = '{jid}' BEGIN SELECT RAISE(ABORT, 'refused'); END")

    def repair():
        with database:
            while made:
                database.execute(f"DROP TRIGGER {made.pop()}")

    refuse.repair = repair
    yield refuse
    repair()


def snapshot(client):
    return {jid: (i.get("name"), i.get("subscription"), i.get("ask"), [g.text for g in i])
            for jid, i in items(client.ask(ROSTER)).items()}


FAILED = ("cancel", "internal-server-error")


def test_a_contact_that_is_not_stored_is_not_there(server, broken, login):
    account = server.account()
    client = login(account)
    broken("bad@localhost")
    assert ns.stanza_error(add_contact(client, "bad@localhost")) == FAILED
    assert snapshot(client) == {}
    broken.repair()
    assert add_contact(client, "bad@localhost", "B").get("type") == "result"
    assert snapshot(client) == {"bad@localhost": ("B", "none", None, [])}


def test_a_change_that_is_not_stored_is_undone(server, broken, login):
    account = server.account()
    client = login(account)
    client.ask("<query xmlns='jabber:iq:roster'><item jid='c@localhost' name='old'>"
               "<group>g</group></item></query>", type_="set")
    before = snapshot(client)
    broken("c@localhost")
    # Several under way at once, which may fail together or one after the other.
    client.send("".join(
        f"<iq type='set' id='n{i}'><query xmlns='jabber:iq:roster'><item jid='c@localhost'"
        f" name='new{i}'/></query></iq>" for i in range(20)))
    for i in range(20):
        answer = client.expect(lambda s, i=i: s.get("id") == f"n{i}")
        assert ns.stanza_error(answer) == FAILED
    assert ns.stanza_error(client.set(
        "<query xmlns='jabber:iq:roster'><item jid='c@localhost' subscription='remove'/></query>"
    )) == FAILED
    assert snapshot(client) == before
    client.sync()  # nothing of it has been pushed
    broken.repair()
    assert snapshot(login(account)) == before


def test_a_subscription_that_is_not_stored_does_not_go_out(server, broken, login, online):
    contact = online()
    client = online(server.account())
    client.ask(ROSTER)
    broken(contact.bare)
    client.presence(contact.bare, "subscribe")
    back = client.expect(lambda s: s.tag == ns.PRESENCE and s.get("type") == "error")
    assert ns.stanza_error(back) == FAILED
    assert snapshot(client) == {}
    settle(client, contact.bare)
    assert [s for s in contact.sync() if s.get("type") == "subscribe"] == []
    broken.repair()
    client.presence(contact.bare, "subscribe")
    contact.expect_presence(client.bare, "subscribe")


def test_subscriptions_outlive_a_removal_that_is_not_stored(server, broken, online):
    client, contact = online(), online()
    befriend(client, contact)
    broken(contact.bare)
    assert ns.stanza_error(client.set(
        f"<query xmlns='jabber:iq:roster'><item jid='{contact.bare}' subscription='remove'/>"
        "</query>")) == FAILED
    settle(client, contact.bare)
    assert [s for s in contact.sync() if s.tag == ns.PRESENCE] == []
    assert snapshot(client)[contact.bare][1] == "both"
    client.presence(inner="<status>still here</status>")
    assert contact.expect_presence(client.jid).findtext(ns.CLIENT + "status") == "still here"


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


# --- messages that expire ---

def stored(sender, account):
    """What `sender` has got when its messages to this account are in the database: a question of
    the same account goes behind them."""
    sender.get("<vCard xmlns='vcard-temp'/>", account.jid)
    got, sender.inbox = sender.inbox, []
    return got


def offline_rows(db, account):
    return db.execute("SELECT expire IS NOT NULL, expire - timestamp FROM offline_message"
                      " WHERE server = ? AND username = ? ORDER BY id",
                      (account.domain, account.user)).fetchall()


def age(db, account):
    """All that can expire has expired a microsecond ago."""
    with db:
        db.execute("UPDATE offline_message SET expire = CAST(strftime('%s') AS INTEGER) * 1000000"
                   " - 1 WHERE server = ? AND username = ? AND expire IS NOT NULL",
                   (account.domain, account.user))


def test_expired_messages_are_not_delivered(server, database, online):
    account, sender = server.account(), online()
    for i, seconds in enumerate(["60", None, "60", "0", "-1", "x", "2147483647", "60"]):
        expire = f"<x xmlns='jabber:x:expire' seconds='{seconds}'/>" if seconds else ""
        sender.message(account.jid, str(i), "chat", inner=expire)
    stored(sender, account)
    assert offline_rows(database, account) == [
        (1, 60_000_000), (0, None), (1, 60_000_000), (0, None), (0, None), (0, None),
        (1, 2147483647_000_000), (1, 60_000_000)]
    age(database, account)
    receiver = online(account)
    assert [ns.body(receiver.expect_message()) for _ in range(4)] == ["1", "3", "4", "5"]
    sender.message(receiver.jid, "end", "chat")
    assert ns.body(receiver.expect_message()) == "end"  # nothing more, and all is done
    assert offline_rows(database, account) == []


def test_messages_that_have_not_expired_are_delivered(server, database, online):
    account, sender = server.account(), online()
    sender.message(account.jid, "hi", "chat", inner="<x xmlns='jabber:x:expire' seconds='3600'/>")
    stored(sender, account)
    assert ns.body(online(account).expect_message()) == "hi"


def test_expired_messages_take_no_room(server, database, online):
    account, sender = server.account(), online()
    for i in range(100):
        sender.message(account.jid, str(i), "chat",
                       inner="<x xmlns='jabber:x:expire' seconds='60'/>")
    sender.message(account.jid, "too many", "chat")
    assert len(stored(sender, account)) == 1
    age(database, account)
    sender.message(account.jid, "room", "chat")
    assert stored(sender, account) == []
    assert offline_rows(database, account) == [(0, None)]
    assert ns.body(online(account).expect_message()) == "room"
