"""Presence (RFC 6121 section 4)."""
import pytest

from lib import ns
from lib.client import befriend, fence, settle


def presences(stanzas):
    return [(s.get("from"), s.get("type")) for s in stanzas if s.tag == ns.PRESENCE]


@pytest.fixture
def friends(online):
    """Two available clients with a mutual subscription."""
    a, b = online(), online()
    befriend(a, b)
    return a, b


def test_initial_presence_comes_back(login):
    """To the user's available resources, the sender among them (4.2.2)."""
    c = login()
    c.presence(inner="<show>away</show><status>Zzz</status>")
    got = c.expect_presence(c.jid)
    assert got.findtext(ns.CLIENT + "show") == "away"
    assert got.findtext(ns.CLIENT + "status") == "Zzz"


def test_initial_presence_reaches_subscribers(server, friends, online):
    a, b = friends
    second = online(b.account, "second")
    a.expect_presence(second.jid)
    second.expect_presence(a.jid)  # what the server's probe has brought
    b.expect_presence(second.jid)  # one's own other sessions, too
    second.expect_presence(b.jid)


def test_probe_at_login_tells_who_is_there(server, friends, online):
    a, b = friends
    a.presence(inner="<show>dnd</show><priority>7</priority>")
    a.expect_presence(a.jid)
    fence(a, b)
    second = online(b.account, "second")
    got = second.expect_presence(a.jid)
    assert got.findtext(ns.CLIENT + "show") == "dnd"
    assert got.findtext(ns.CLIENT + "priority") == "7"


def test_updates(friends):
    a, b = friends
    for show in ("away", "xa", "dnd", "chat"):
        a.presence(inner=f"<show>{show}</show>")
        assert b.expect_presence(a.jid).findtext(ns.CLIENT + "show") == show


def test_extensions_are_kept(friends):
    a, b = friends
    a.presence(inner="<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>")
    assert b.expect_presence(a.jid).find(ns.CAPS + "c").get("ver") == "v"


def test_unavailable(friends):
    a, b = friends
    a.presence(type_="unavailable", inner="<status>gone home</status>")
    got = b.expect_presence(a.jid, "unavailable")
    assert got.findtext(ns.CLIENT + "status") == "gone home"
    assert a.sync() is not None, "the stream is still there"


def test_unavailable_at_the_end_of_the_stream(friends):
    a, b = friends
    a.close()
    b.expect_presence(a.jid, "unavailable")


def test_unavailable_after_a_lost_connection(friends):
    a, b = friends
    a.abort()
    b.expect_presence(a.jid, "unavailable")


def test_unavailable_after_a_stream_error(friends):
    a, b = friends
    a.send("<not well formed")
    a.send("</></>")
    a.expect_error("not-well-formed")
    b.expect_presence(a.jid, "unavailable")


def test_unavailable_once(friends):
    a, b = friends
    a.presence(type_="unavailable")
    b.expect_presence(a.jid, "unavailable")
    a.presence(type_="unavailable")
    assert (a.jid, "unavailable") not in presences(fence(a, b))


def test_available_again(friends):
    a, b = friends
    a.presence(type_="unavailable")
    b.expect_presence(a.jid, "unavailable")
    a.presence()
    b.expect_presence(a.jid)
    a.expect_presence(b.jid)


def test_strangers_see_nothing(online):
    a, b = online(), online()
    a.available(1)
    assert presences(fence(a, b)) == []


def test_only_the_subscribed_direction(online):
    a, b = online(), online()
    a.presence(b.bare, "subscribe")
    b.expect_presence(a.bare, "subscribe")
    b.presence(a.bare, "subscribed")
    a.expect_presence(b.jid)
    fence(b, a)
    b.available(1)
    a.expect_presence(b.jid)
    a.available(1)
    assert presences(fence(a, b)) == []


# --- probes ---

def test_probe_by_a_subscriber(friends):
    a, b = friends
    a.presence(b.bare, "probe")
    a.expect_presence(b.jid)
    assert not [p for p in presences(fence(a, b)) if p[1] == "probe"]


def test_probe_by_a_stranger(online):
    a, b = online(), online()
    a.presence(b.bare, "probe")
    got = settle(a, b.bare)
    assert (b.jid, None) not in presences(got)
    for s in got:  # the RFC wants "unsubscribed", or silence
        assert s.get("type") in ("unsubscribed", "error")


def test_probe_of_oneself(server, online):
    one = online(server.account())
    two = online(one.account)
    one.expect_presence(two.jid)
    one.presence(one.bare, "probe")
    one.expect_presence(two.jid)


# --- directed presence (4.6) ---

def test_directed(online):
    a, b = online(), online()
    a.presence(b.jid, inner="<status>for you</status>")
    assert b.expect_presence(a.jid).findtext(ns.CLIENT + "status") == "for you"


def test_directed_to_a_bare_jid(server, online):
    a = online()
    account = server.account()
    one, two = online(account, "one", 1), online(account, "two", -1)
    a.presence(account.jid)
    one.expect_presence(a.jid)
    two.expect_presence(a.jid)


def test_directed_then_unavailable(online):
    a, b = online(), online()
    a.presence(b.jid)
    b.expect_presence(a.jid)
    a.presence(type_="unavailable")
    b.expect_presence(a.jid, "unavailable")


@pytest.mark.parametrize("end", ["close", "abort"])
def test_directed_then_gone(online, end):
    a, b = online(), online()
    a.presence(b.jid)
    b.expect_presence(a.jid)
    getattr(a, end)()
    b.expect_presence(a.jid, "unavailable")


def test_directed_without_presence_then_gone(login, online):
    a, b = login(), online()
    a.presence(b.jid)
    b.expect_presence(a.jid)
    a.abort()
    b.expect_presence(a.jid, "unavailable")


def test_directed_then_taken_back(online):
    a, b = online(), online()
    a.presence(b.jid)
    b.expect_presence(a.jid)
    a.presence(b.jid, "unavailable")
    b.expect_presence(a.jid, "unavailable")
    a.presence(type_="unavailable")
    assert presences(fence(a, b)) == [], "not twice"


def test_directed_does_not_bring_updates(online):
    a, b = online(), online()
    a.presence(b.jid)
    b.expect_presence(a.jid)
    a.available(5)
    assert presences(fence(a, b)) == []


def test_directed_to_nobody(online):
    a = online()
    for to in ("nobody@localhost", "nobody@localhost/x"):
        a.presence(to)
        assert settle(a, to) == []


# --- priority ---

@pytest.mark.parametrize("priority", [-128, -1, 0, 127])
def test_priorities(login, priority):
    c = login()
    c.presence(inner=f"<priority>{priority}</priority>")
    assert c.expect_presence(c.jid).findtext(ns.CLIENT + "priority") == str(priority)


@pytest.mark.parametrize("priority", ["128", "-129", "high", "1.5"])
def test_bad_priorities(login, priority):
    """An error, or taken for something sensible; the session goes on either way."""
    c = login()
    c.presence(inner=f"<priority>{priority}</priority>", id_="prio")
    got = [s for s in c.sync() if s.tag == ns.PRESENCE]
    for s in got:
        if s.get("type") == "error":
            assert ns.stanza_error(s)[1] == "bad-request"
    assert len(got) <= 1


def test_unknown_type(login):
    c = login()
    c.presence(type_="asleep")
    got = [s for s in c.sync() if s.tag == ns.PRESENCE]
    assert [s.get("type") for s in got] in ([], ["error"])


def test_presence_error_is_not_answered(online):
    a, b = online(), online()
    a.presence(b.bare + "/gone", "error", inner="<error type='cancel'>"
               "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
    assert settle(a, b.bare + "/gone") == []
    assert fence(a, b) == []
