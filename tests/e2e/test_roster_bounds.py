"""A roster is bounded in bytes, and most of it is in the database only: what clients see of it there."""
import pytest

from lib import ns
from lib.client import befriend
from lib.rows import add_groups, add_rows, opened

CONFIG = {"modules": {"mod_roster": {"versioning": True}}}
MIB = 1 << 20
FULL = ("wait", "resource-constraint")


def query(inner="", ver=None):
    version = f" ver='{ver}'" if ver is not None else ""
    return f"<query xmlns='jabber:iq:roster'{version}>{inner}</query>"


def item(jid, name="", groups=()):
    inner = "".join(f"<group>{g}</group>" for g in groups)
    return f"<item jid='{jid}' name='{name}'>{inner}</item>"


def roster(client):
    return {i.get("jid"): i for i in client.ask(query())}


def text_of(found):
    return found.get("name"), [g.text for g in found]


@pytest.fixture
def database(server):
    yield from opened(server)


def stored(sender, jid):
    """What `sender` has sent this account is in the database: a question of it goes behind that."""
    sender.get("<vCard xmlns='vcard-temp'/>", jid)


def ask_for(asker, jid, status="?"):
    """A subscription request that is in the database on both sides."""
    asker.ask(query())
    asker.presence(jid, "subscribe", inner=f"<status>{status}</status>")
    asker.expect_push(jid=jid, ask="subscribe")  # by now it is under way
    stored(asker, jid)


def contacts(n, bytes_each):
    """So many, and what is left of a full roster's bytes."""
    rows = [(f"c{i:04}@localhost", "n" * (bytes_each - 15), "N", "N", "", 1) for i in range(n)]
    return rows, MIB - n * bytes_each


# --- bytes of contacts ---

def test_a_full_roster_takes_no_more_bytes(server, database, login):
    account = server.account()
    rows, left = contacts(1048, 1000)
    add_rows(database, account, rows)
    client, other = login(account), login(account)
    assert len(roster(client)) == 1048 and len(roster(other)) == 1048
    too_long = item("new@localhost", "N" * (left - 12))  # one byte
    assert ns.stanza_error(client.set(query(too_long))) == FULL
    groups = ["g" * 100, "h" * (left - 114)]
    assert ns.stanza_error(client.set(query(item("new@localhost", "N", groups + ["i"])))) == FULL
    assert len(roster(client)) == 1048
    assert client.set(query(item("new@localhost", "N", groups))).get("type") == "result"
    client.expect_push(jid="new@localhost")
    other.expect_push(jid="new@localhost")
    assert client.sync() == other.sync() == []  # nothing was pushed of what was refused
    # Full to the byte. Nothing grows, not even by one's own request, ...
    client.presence("x@localhost", "subscribe")
    assert ns.stanza_error(client.expect(
        lambda s: s.tag == ns.PRESENCE and s.get("type") == "error")) == FULL
    assert ns.stanza_error(client.set(query(item("c0000@localhost", "n" * 986)))) == FULL
    # ... but what is there may change, and shrink.
    assert client.set(query(item("c0000@localhost", "m" * 985))).get("type") == "result"
    assert client.set(query(item("c0001@localhost"))).get("type") == "result"
    assert client.set(query(item("c0000@localhost", "n" * 986))).get("type") == "result"


def test_the_bytes_are_counted_again_after_a_login(server, database, login):
    account = server.account()
    rows, left = contacts(1048, 1000)
    add_rows(database, account, rows)
    client = login(account)
    assert client.set(query(item("new@localhost", "N" * (left - 13)))).get("type") == "result"
    client.close()
    client = login(account)
    assert ns.stanza_error(client.set(query(item("a@x")))) == FULL
    gone = "<item jid='new@localhost' subscription='remove'/>"
    assert client.set(query(gone)).get("type") == "result"
    assert client.set(query(item("a@x"))).get("type") == "result"


def test_a_roster_that_somebody_else_has_made_too_large(server, database, login, online):
    """All contacts are there, with names and groups as far as the bound goes."""
    account = server.account()
    friend = online()
    add_rows(database, account, [(f"c{i:03}@localhost", "n", "N", "N", "", 1) for i in range(180)])
    add_rows(database, account, [(friend.bare, "z", "F", "N", "", 1)])
    add_groups(database, account, [(f"c{i:03}@localhost", f"{k:02}" + "g" * 1000)
                                   for i in range(180) for k in range(50)])
    client = login(account)
    found = roster(client)
    assert len(found) == 181
    n_groups = [len(found[f"c{i:03}@localhost"]) for i in range(180)]
    whole = MIB // (50 * 1002 + 15)
    assert n_groups == [50] * whole + [0] * (180 - whole)
    client.available()
    friend.expect_presence(client.jid)
    assert ns.stanza_error(client.set(query(item("new@localhost")))) == FULL
    for i in range(170):
        client.send(f"<iq type='set' id='s{i}'>{query(item(f'c{i:03}@localhost', 'short'))}</iq>")
    for i in range(170):
        assert client.expect(lambda s, i=i: s.get("id") == f"s{i}").get("type") == "result"
    assert client.set(query(item("new@localhost"))).get("type") == "result"


# --- bytes that others add ---

def test_others_requests_are_bounded_in_bytes(server, database, login, online):
    """Beyond that they come without their content."""
    account, asker, friend = server.account(), online(), online()
    names = [f"r{i:03}@localhost" for i in range(128)]
    requests = [f"<presence from='{n}' type='subscribe'><status>{'s' * 1950}</status></presence>"
                for n in names]
    add_rows(database, account, [(n, "", "N", "I", r, 0) for n, r in zip(names, requests)])
    size = len(names[0]) + len(requests[0])
    left = 256 * 1024 - 128 * size
    ask_for(asker, account.jid, "a" * (left - 50))
    client = login(account)
    assert client.set(query(item("contact@localhost", "N"))).get("type") == "result"
    client.presence()
    by = {}
    while asker.bare not in by or len(by) < 129:
        found = client.expect(lambda s: s.get("type") == "subscribe")
        by[found.get("from")] = found.findtext(ns.CLIENT + "status")
    assert by["r000@localhost"] == "s" * 1950 and by["r127@localhost"] == "s" * 1950
    assert by[asker.bare] is None
    # Who is online sees all of it.
    friend.presence(account.jid, "subscribe", inner="<status>hello</status>")
    assert client.expect_presence(friend.bare, "subscribe").findtext(ns.CLIENT + "status") == "hello"


def test_a_request_without_any_room_is_not_kept(server, database, login, online):
    account, asker = server.account(), online()
    name = "r" * 240
    rows = [(f"{name}{i:03}@localhost", "", "N", "I", "x" * 90, 0) for i in range(764)]
    left = 256 * 1024 - 764 * (253 + 90)
    rows.append((f"{'s' * (left - 20)}@localhost", "", "N", "I", "", 0))
    add_rows(database, account, rows)  # ten bytes are left
    ask_for(asker, account.jid)
    client = online(account)
    asking = [client.expect(lambda s: s.get("type") == "subscribe").get("from")
              for _ in range(765)]
    assert asker.bare not in asking
    client.presence(f"{name}007@localhost", "unsubscribed")
    client.sync()
    friend = online()
    friend.presence(account.jid, "subscribe")
    client.expect_presence(friend.bare, "subscribe")


# --- names, groups and requests come from the database ---

def test_another_session_sees_names_and_groups(server, login):
    account = server.account()
    one = login(account)
    one.ask(query(item("a@localhost", "A&amp;A", ["G", "H"])), type_="set")
    for client in (one, login(account), one):
        assert text_of(roster(client)["a@localhost"]) == ("A&A", ["G", "H"])


def test_a_subscription_keeps_name_and_groups(server, online):
    user, contact = online(server.account()), online()
    user.ask(query(item(contact.bare, "C", ["G", "H"])), type_="set")
    befriend(user, contact)
    assert text_of(roster(user)[contact.bare]) == ("C", ["G", "H"])
    contact.presence(user.bare, "unsubscribed")
    pushed = user.expect_push(jid=contact.bare, subscription="from")
    assert text_of(pushed) == ("C", ["G", "H"])


def test_a_name_keeps_the_request_that_waits(server, login, online):
    account, asker = server.account(), online()
    ask_for(asker, account.jid, "please")
    client = login(account)
    client.ask(query(item(asker.bare, "A")), type_="set")
    client.presence(asker.bare, "subscribe")
    asker.expect_presence(client.bare, "subscribe")
    asker.presence(client.bare, "subscribed")  # and still waits for ours
    asker.expect_push(jid=client.bare, subscription="from")
    stored(asker, client.bare)
    for session in (client, login(account)):
        session.available()
        request = session.expect_presence(asker.bare, "subscribe")
        assert request.findtext(ns.CLIENT + "status") == "please"
    client.presence(asker.bare, "subscribed")
    asker.expect_presence(client.bare, "subscribed")
    third = online(account)
    third.ask(query())
    assert [s for s in third.sync() if s.get("type") == "subscribe"] == []
    assert roster(third)[asker.bare].get("subscription") == "both"


def test_results_and_pushes_are_in_order(server, login):
    """A client that does as it is told, one after the other, ends with what there is."""
    account = server.account()
    client, writer = login(account), login(account)
    client.ask(query())
    state, n = {}, 30
    for i in range(n):
        writer.send(f"<iq type='set' id='w{i}'>{query(item(f'c{i % 3}@localhost', f'v{i}'))}</iq>")
        client.send(f"<iq type='get' id='r{i}'>{query(ver='0')}</iq>")
    for i in range(n):
        assert writer.expect(lambda s, i=i: s.get("id") == f"w{i}").get("type") == "result"
    client.send(f"<iq type='get' id='end'>{query(ver='1')}</iq>")
    version = None
    while True:
        stanza = client.stanza()
        found = stanza.find(ns.ROSTER + "query")
        version = found.get("ver")
        items = {i.get("jid"): i.get("name") for i in found}
        if stanza.get("type") == "set":
            state.update(items)
        else:
            state = items
        if stanza.get("id") == "end":
            break
    assert state == {f"c{k}@localhost": f"v{n - 3 + k}" for k in range(3)}
    assert client.ask(query(ver=version)) is None


def test_gets_that_wait_are_bounded(server, login):
    """Each has its answer, a few at a time."""
    client = login(server.account())
    client.ask(query(item("a@localhost")), type_="set")
    n = 400
    client.send("".join(f"<iq type='get' id='r{i}'>{query(ver='0')}</iq>" for i in range(n)))
    answers = [client.expect(lambda s, i=i: s.get("id") == f"r{i}") for i in range(n)]
    assert {a.get("type") for a in answers} == {"result"}
    assert len(client.ask(query())) == 1


def test_a_push_says_its_own_version(server, login):
    """Not the one of a change that is still under way: a client that has seen it would miss that."""
    account = server.account()
    client, writer = login(account), login(account)
    client.ask(query())
    writer.send("".join(f"<iq type='set' id='w{i}'>{query(item(f'c{i}@localhost'))}</iq>"
                        for i in range(20)))
    versions = [client.expect(lambda s: s.get("type") == "set")
                .find(ns.ROSTER + "query").get("ver") for _ in range(20)]
    assert len(set(versions)) == 20
    assert client.ask(query(ver=versions[-1])) is None
    assert len(client.ask(query(ver=versions[-2]))) == 20
