"""Ping, last activity, private storage and vCards (XEP-0199, 0012, 0049, 0054)."""
import pytest

from lib import ns
from lib.client import befriend

PING = "<ping xmlns='urn:xmpp:ping'/>"
LAST = "<query xmlns='jabber:iq:last'/>"


@pytest.fixture
def c(online):
    return online()


# --- ping ---

@pytest.mark.parametrize("to", ["localhost", "own", None])
def test_ping(c, to):
    answer = c.get(PING, c.bare if to == "own" else to)
    assert answer.get("type") == "result" and len(answer) == 0


def expect_ping(client):
    ping = client.expect(ns.IQ)
    assert ping.get("type") == "get" and ping[0].tag == ns.PING + "ping", ns.show(ping)
    assert ping.get("from") in (None, "localhost", client.bare)
    return ping


def test_server_pings(new_server):
    """Who answers stays; who does not is disconnected."""
    options = {"send_pings": True, "ping_interval": 1, "timeout_action": "kill"}
    patient = new_server({"modules": {"mod_ping": options}}, {"plain": {}})
    strict = new_server({"modules": {"mod_ping": options | {"ping_req_timeout": 1}}},
                        {"plain": {}})
    patient_account, strict_account = patient.account(), strict.account()
    with patient.connect() as good, strict.connect() as bad:
        bad.login(strict_account)
        good.login(patient_account)
        for _ in range(2):
            ping = expect_ping(good)
            good.send(f"<iq type='result' id='{ping.get('id')}'/>")
        expect_ping(bad)
        bad.expect_error("connection-timeout")
        assert all(s.tag == ns.IQ and s.get("type") == "get" for s in good.sync())


# --- last activity ---

def seconds(answer):
    assert answer.get("type") == "result", ns.show(answer)
    return int(answer.find(ns.LAST + "query").get("seconds"))


def test_uptime(c):
    assert 0 <= seconds(c.get(LAST, "localhost")) < 3600


def test_last_activity_of_a_friend(c, online):
    friend = online()
    befriend(c, friend)
    assert seconds(c.get(LAST, friend.bare)) == 0
    friend.presence(type_="unavailable", inner="<status>Heading Home</status>")
    friend.close()
    c.expect_presence(friend.jid, "unavailable")
    answer = c.get(LAST, friend.bare)
    assert 0 <= seconds(answer) < 3600
    assert answer.findtext(ns.LAST + "query") == "Heading Home"


def last_status(c, who):
    """What they said last; until the session has ended, that is nothing."""
    for _ in range(500):
        text = c.get(LAST, who).findtext(ns.LAST + "query")
        if text:
            return text
    return ""


def test_last_activity_is_that_of_presence(server, c, online, login):
    """As with others, a session that is not available, or the only one that is not, leaves none."""
    account = server.account()
    friend = online(account)
    befriend(c, friend)
    friend.presence(type_="unavailable", inner="<status>Heading Home</status>")
    c.expect_presence(friend.jid, "unavailable")
    friend.close()
    for _ in range(3):
        assert last_status(c, friend.bare) == "Heading Home"
        login(account).close()
    assert last_status(c, friend.bare) == "Heading Home"


def test_last_activity_is_that_of_the_last_who_was_available(server, c, online, login):
    account = server.account()
    idle, friend, other = login(account), online(account), online(account)
    befriend(c, friend)
    friend.presence(type_="unavailable", inner="<status>Heading Home</status>")
    c.expect_presence(friend.jid, "unavailable")
    other.presence(type_="unavailable", inner="<status>Good night</status>")
    c.expect_presence(other.jid, "unavailable")
    friend.presence(type_="unavailable", inner="<status>again</status>")
    for client in (friend, other, idle):
        client.close()
    assert last_status(c, friend.bare) == "Good night"


def test_last_activity_of_a_stranger(server, c, online):
    for to in (server.account().jid, online().bare):
        assert ns.stanza_error(c.get(LAST, to)) == ("auth", "forbidden")


def test_last_activity_needs_the_right_direction(c, online):
    """Who is seen by me may not ask for me: the friend has to grant it."""
    watcher = online()
    watcher.presence(c.bare, "subscribe")
    c.expect_presence(watcher.bare, "subscribe")
    c.presence(watcher.bare, "subscribed")
    watcher.expect_presence(c.jid)
    assert seconds(watcher.get(LAST, c.bare)) == 0
    assert ns.stanza_error(c.get(LAST, watcher.bare)) == ("auth", "forbidden")


def test_own_last_activity(c):
    assert seconds(c.get(LAST, c.bare)) == 0


# --- private storage ---

def private(inner):
    return f"<query xmlns='jabber:iq:private'>{inner}</query>"


def stored(client, element):
    query = client.ask(private(element))
    assert query.tag == ns.PRIVATE + "query" and len(query) == 1, ns.show(query)
    return query[0]


NOTES = "{urn:example:notes}notes"


def test_private_is_empty_at_first(c):
    notes = stored(c, "<notes xmlns='urn:example:notes'/>")
    assert notes.tag == NOTES and len(notes) == 0 and not notes.text


def test_private_set_and_get(server, c, login):
    inner = "<notes xmlns='urn:example:notes' a='1'><n>A &amp; B</n><x:y xmlns:x='urn:x'/></notes>"
    assert c.set(private(inner)).get("type") == "result"
    second = login(c.account)
    for client in (c, second):
        notes = stored(client, "<notes xmlns='urn:example:notes'/>")
        assert notes.tag == NOTES and notes.get("a") == "1"
        assert notes[0].text == "A & B"
        assert notes[1].tag == "{urn:x}y"


def test_private_set_replaces(c):
    for text in ("one", "two"):
        c.ask(private(f"<notes xmlns='urn:example:notes'>{text}</notes>"), type_="set")
    assert stored(c, "<notes xmlns='urn:example:notes'/>").text == "two"


def test_private_namespaces_are_apart(c):
    c.ask(private("<notes xmlns='urn:example:notes'>one</notes>"), type_="set")
    c.ask(private("<notes xmlns='urn:example:other'>two</notes>"), type_="set")
    assert stored(c, "<notes xmlns='urn:example:notes'/>").text == "one"
    assert stored(c, "<notes xmlns='urn:example:other'/>").text == "two"


@pytest.mark.parametrize("type_", ["get", "set"])
def test_private_of_somebody_else(c, online, type_):
    other = online()
    other.ask(private("<notes xmlns='urn:example:notes'>secret</notes>"), type_="set")
    answer = c.iq(type_, private("<notes xmlns='urn:example:notes'>evil</notes>"), other.bare)
    assert ns.stanza_error(answer)[1] in ("forbidden", "service-unavailable", "not-allowed")
    assert stored(other, "<notes xmlns='urn:example:notes'/>").text == "secret"


@pytest.mark.parametrize("type_", ["get", "set"])
@pytest.mark.parametrize("inner", ["", "text"])
def test_private_without_an_element(c, type_, inner):
    assert ns.stanza_error(c.iq(type_, private(inner)))[1] in ("bad-request", "not-acceptable")


@pytest.mark.parametrize("type_", ["get", "set"])
def test_private_without_a_namespace(c, type_):
    """The element must be of a namespace of its own (XEP-0049 2)."""
    answer = c.iq(type_, private("<notes/>"))
    assert ns.stanza_error(answer)[1] in ("bad-request", "not-acceptable")


# --- vCards ---

VCARD = "<vCard xmlns='vcard-temp'/>"
CARD = ("<vCard xmlns='vcard-temp'><FN>Juliet &amp; co</FN>"
        "<N><FAMILY>Capulet</FAMILY><GIVEN>Juliet</GIVEN></N></vCard>")


def test_no_vcard_at_first(c):
    answer = c.get(VCARD)
    if answer.get("type") == "error":
        assert ns.stanza_error(answer) == ("cancel", "item-not-found")
    else:
        assert len(answer.find(ns.VCARD + "vCard")) == 0


def test_vcard_set_and_get(c):
    assert c.set(CARD).get("type") == "result"
    for to in (None, c.bare):
        card = c.ask(VCARD, to)
        assert card.findtext(ns.VCARD + "FN") == "Juliet & co"
        assert card.findtext(f"{ns.VCARD}N/{ns.VCARD}FAMILY") == "Capulet"


def test_vcard_of_others(server, c, login):
    owner = login()
    owner.ask(CARD, type_="set")
    assert c.ask(VCARD, owner.bare).findtext(ns.VCARD + "FN") == "Juliet & co"
    owner.close()
    answer = c.get(VCARD, owner.bare)
    assert answer.get("from") == owner.bare
    assert answer.find(ns.VCARD + "vCard").findtext(ns.VCARD + "FN") == "Juliet & co"


def test_vcard_of_others_cannot_be_set(c, login):
    owner = login()
    assert ns.stanza_error(c.set(CARD, owner.bare))[1] in (
        "forbidden", "not-allowed", "service-unavailable")
    answer = owner.get(VCARD)
    assert answer.get("type") == "error" or len(answer[0]) == 0


def test_vcard_of_nobody(c):
    assert ns.stanza_error(c.get(VCARD, "nobody@localhost"))[1] in (
        "item-not-found", "service-unavailable")


def test_vcard_replaces(c):
    c.ask(CARD, type_="set")
    c.ask("<vCard xmlns='vcard-temp'><NICKNAME>J</NICKNAME></vCard>", type_="set")
    card = c.ask(VCARD)
    assert card.find(ns.VCARD + "FN") is None
    assert card.findtext(ns.VCARD + "NICKNAME") == "J"


def test_vcard_with_a_photo(c):
    photo = "QUJD" * 10_000
    c.ask(f"<vCard xmlns='vcard-temp'><PHOTO><BINVAL>{photo}</BINVAL></PHOTO></vCard>",
          type_="set")
    assert c.ask(VCARD).findtext(f"{ns.VCARD}PHOTO/{ns.VCARD}BINVAL") == photo
