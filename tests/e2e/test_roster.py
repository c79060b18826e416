"""The roster (RFC 6121 section 2)."""
import pytest

from lib import ns
from lib.client import fence

CONFIG = {"modules": {"mod_roster": {"versioning": True}}}


def query(inner="", ver=None):
    version = f" ver='{ver}'" if ver is not None else ""
    return f"<query xmlns='jabber:iq:roster'{version}>{inner}</query>"


def item(jid, name=None, groups=(), subscription=None):
    attributes = f" name='{name}'" if name is not None else ""
    attributes += f" subscription='{subscription}'" if subscription else ""
    inner = "".join(f"<group>{g}</group>" for g in groups)
    return f"<item jid='{jid}'{attributes}>{inner}</item>"


def interested(client):
    """Asks for the roster, and so for pushes; returns its items by JID."""
    roster = client.ask(query())
    return {i.get("jid"): i for i in roster}


def groups(element):
    return sorted(g.text for g in element.findall(ns.ROSTER + "group"))


def push_of(stanza):
    found = stanza.find(f"{ns.ROSTER}query/{ns.ROSTER}item")
    return found if stanza.tag == ns.IQ and stanza.get("type") == "set" else None


def change(client, inner, ok=True):
    answer = client.set(query(inner))
    if ok:
        assert answer.get("type") == "result", ns.show(answer)
        assert len(answer) == 0
    return answer


# --- get and set ---

def test_new_account_has_an_empty_roster(login):
    assert interested(login()) == {}


def test_set_and_get(login):
    c = login()
    change(c, item("romeo@example.net", "Romeo &amp; co", ["Friends", "Lovers"]))
    change(c, item("mercutio@example.org"))
    roster = interested(c)
    assert set(roster) == {"romeo@example.net", "mercutio@example.org"}
    romeo = roster["romeo@example.net"]
    assert romeo.get("name") == "Romeo & co"
    assert romeo.get("subscription") == "none"
    assert romeo.get("ask") is None
    assert groups(romeo) == ["Friends", "Lovers"]
    assert roster["mercutio@example.org"].get("name") in (None, "")
    assert groups(roster["mercutio@example.org"]) == []


def test_update_replaces_name_and_groups(login):
    c = login()
    change(c, item("romeo@example.net", "Romeo", ["Friends"]))
    change(c, item("romeo@example.net", "R.", ["Enemies"]))
    romeo = interested(c)["romeo@example.net"]
    assert romeo.get("name") == "R." and groups(romeo) == ["Enemies"]
    change(c, item("romeo@example.net"))
    romeo = interested(c)["romeo@example.net"]
    assert romeo.get("name") in (None, "") and groups(romeo) == []


def test_remove(login):
    c = login()
    interested(c)
    change(c, item("romeo@example.net"))
    c.expect_push(jid="romeo@example.net", subscription="none")
    change(c, item("romeo@example.net", subscription="remove"))
    c.expect_push(jid="romeo@example.net", subscription="remove")
    assert interested(c) == {}


def test_remove_what_is_not_there(login):
    c = login()
    answer = change(c, item("romeo@example.net", subscription="remove"), ok=False)
    assert ns.stanza_error(answer) == ("cancel", "item-not-found")


def test_roster_is_kept_over_logins(server, login):
    account = server.account()
    c = login(account)
    change(c, item("romeo@example.net", "Romeo", ["Friends"]))
    c.close()
    romeo = interested(login(account))["romeo@example.net"]
    assert romeo.get("name") == "Romeo" and groups(romeo) == ["Friends"]


def test_address_is_prepared(login):
    c = login()
    change(c, item("ROMEO@Example.NET"))
    assert set(interested(c)) == {"romeo@example.net"}


def test_subscription_cannot_be_set(login):
    """A client that claims a subscription does not get it (RFC 6121 2.1.2.5)."""
    c = login()
    change(c, item("romeo@localhost", subscription="both"))
    assert interested(c)["romeo@localhost"].get("subscription") == "none"


def test_same_set_twice(login):
    c = login()
    for _ in range(2):
        change(c, item("romeo@example.net", "Romeo", ["A"]))
    assert len(interested(c)) == 1


# --- pushes ---

def test_push_goes_to_interested_sessions_only(server, login):
    account = server.account()
    one, two, three = (login(account, r) for r in ("one", "two", "three"))
    interested(one)
    interested(two)
    change(one, item("romeo@example.net", "Romeo", ["Friends"]))
    for c in (one, two):
        pushed = c.expect_push(jid="romeo@example.net", subscription="none")
        assert pushed.get("name") == "Romeo" and groups(pushed) == ["Friends"]
    assert not [s for s in fence(one, three) if push_of(s) is not None]


def test_push_before_the_result_or_after_it_but_once(login):
    c = login()
    interested(c)
    change(c, item("romeo@example.net"))
    pushes = [s for s in c.sync() if push_of(s) is not None]
    assert len(pushes) == 1
    assert pushes[0].get("from") in (None, c.bare), "RFC 6121 2.1.6"
    assert pushes[0].get("to") in (None, c.jid)
    assert pushes[0].get("id")


def test_push_without_presence(login):
    """An interested session need not be available."""
    c = login()
    interested(c)
    change(c, item("romeo@example.net"))
    c.expect_push(jid="romeo@example.net")


# --- what is refused ---

@pytest.mark.parametrize("inner, error", [
    ("", ("modify", "bad-request")),
    (item("a@example.net") + item("b@example.net"), ("modify", "bad-request")),
    ("<item name='x'/>", ("modify", "bad-request")),
    (item("a@example.net", groups=["A", "A"]), ("modify", "bad-request")),
    (item("a@example.net", groups=[""]), ("modify", "not-acceptable")),
    (item("a@example.net", groups=["g" * 5000]), ("modify", "not-acceptable")),
    (item("a@example.net", "n" * 5000), ("modify", "not-acceptable")),
], ids=["no-item", "two-items", "no-jid", "group-twice", "empty-group", "long-group",
        "long-name"])
def test_bad_set(login, inner, error):
    c = login()
    assert ns.stanza_error(change(c, inner, ok=False)) == error
    assert interested(c) == {}


@pytest.mark.parametrize("jid", ["@example.net", "a b@example.net", "a@"])
def test_malformed_jid(login, jid):
    c = login()
    assert ns.stanza_error(change(c, item(jid), ok=False))[1] in ("jid-malformed", "bad-request")
    assert interested(c) == {}


def test_own_jid(login):
    """Not in one's own roster; that is for the server to refuse (RFC 6121 2.3.3, 3)."""
    c = login()
    answer = change(c, item(c.bare), ok=False)
    if answer.get("type") == "error":
        assert ns.stanza_error(answer)[1] in ("not-allowed", "not-acceptable", "bad-request")
        assert interested(c) == {}


@pytest.mark.parametrize("type_, inner", [("get", ""), ("set", item("x@example.net"))])
def test_roster_of_somebody_else(login, type_, inner):
    c, other = login(), login()
    answer = c.iq(type_, query(inner), other.bare)
    assert ns.stanza_error(answer)[1] in ("forbidden", "service-unavailable", "not-allowed")
    assert interested(other) == {}


def test_own_account_as_address(login):
    c = login()
    assert c.iq("get", query(), c.bare).get("type") == "result"


def test_many_items(login):
    c = login()
    names = {f"friend{i}@example.net" for i in range(150)}
    for name in names:
        c.send(f"<iq type='set' id='{name}'>{query(item(name))}</iq>")
    for _ in names:
        assert c.expect(ns.IQ).get("type") == "result"
    assert set(interested(c)) == names


# --- versions (RFC 6121 2.6) ---

def test_versioning_is_offered(server, connect):
    account = server.account()
    c = connect()
    c.start()
    c.auth_scram("SCRAM-SHA-1", account.user, account.password)
    c.restart()
    _, features = c.start()
    assert features.find(ns.ROSTER_VER + "ver") is not None


def test_current_version_gets_an_empty_result(login):
    c = login()
    change(c, item("romeo@example.net"))
    roster = c.ask(query(ver=""))
    version = roster.get("ver")
    assert version and len(roster) == 1
    assert c.ask(query(ver=version)) is None
    assert c.sync() == [], "nothing to push"


def test_old_version_gets_what_has_changed(login):
    c = login()
    change(c, item("romeo@example.net"))
    old = c.ask(query(ver="")).get("ver")
    change(c, item("juliet@example.net"))
    answer = c.get(query(ver=old))
    full = answer.find(ns.ROSTER + "query")
    if full is not None:  # the whole roster ...
        assert {i.get("jid") for i in full} == {"romeo@example.net", "juliet@example.net"}
        assert full.get("ver") != old
    else:  # ... or pushes of the difference
        c.expect_push(jid="juliet@example.net")


def test_unknown_version_gets_the_roster(login):
    c = login()
    change(c, item("romeo@example.net"))
    roster = c.ask(query(ver="no such version"))
    assert [i.get("jid") for i in roster] == ["romeo@example.net"]


def test_version_in_pushes(login):
    c = login()
    change(c, item("juliet@example.net"))
    first = c.ask(query(ver="")).get("ver")
    change(c, item("romeo@example.net"))
    push = c.expect(lambda s: push_of(s) is not None)
    pushed = push.find(ns.ROSTER + "query").get("ver")
    assert pushed and pushed != first
    assert c.ask(query(ver=pushed)) is None, "the push has brought the client up to date"


def test_version_is_kept_over_logins(server, login):
    account = server.account()
    c = login(account)
    change(c, item("romeo@example.net"))
    version = c.ask(query(ver="")).get("ver")
    c.close()
    assert login(account).ask(query(ver=version)) is None
