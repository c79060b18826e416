"""What an account stores, and what a session says, are bounded in bytes: at the bound nothing changes."""
from lib import ns
from lib.client import befriend

CONFIG = {}
TOO_BIG = ("modify", "policy-violation")
LAST = "<query xmlns='jabber:iq:last'/>"


def vcard(text):
    return f"<vCard xmlns='vcard-temp'><DESC>{text}</DESC></vCard>"


def test_vcard(server, login):
    client = login(server.account())
    frame = len(vcard(""))
    assert client.set(vcard("d" * ((1 << 20) - frame))).get("type") == "result"
    assert ns.stanza_error(client.set(vcard("e" * ((1 << 20) - frame + 1)))) == TOO_BIG
    kept = client.ask("<vCard xmlns='vcard-temp'/>")
    assert kept[0].text == "d" * ((1 << 20) - frame)


def private(text=None):
    inner = f"<a xmlns='urn:x'>{text}</a>" if text is not None else "<a xmlns='urn:x'/>"
    return f"<query xmlns='jabber:iq:private'>{inner}</query>"


def test_element_of_private_storage(server, login):
    client = login(server.account())
    frame = len("<a xmlns='urn:x'></a>")
    assert client.set(private("p" * ((256 << 10) - frame))).get("type") == "result"
    assert ns.stanza_error(client.set(private("q" * ((256 << 10) - frame + 1)))) == TOO_BIG
    assert client.ask(private())[0].text == "p" * ((256 << 10) - frame)


def test_presence(online):
    client, friend = online(), online()
    befriend(client, friend)
    client.presence(inner="<status>%s</status>" % ("s" * 60000))
    assert len(friend.expect_presence(client.jid).findtext(ns.CLIENT + "status")) == 60000
    client.presence(inner="<status>%s</status>" % ("t" * 66000))
    error = client.expect(lambda s: s.tag == ns.PRESENCE and s.get("type") == "error")
    assert ns.stanza_error(error) == TOO_BIG
    client.presence(inner="<status>short</status>")
    assert friend.expect_presence(client.jid).findtext(ns.CLIENT + "status") == "short"


def test_status_of_who_has_gone(online):
    client, friend = online(), online()
    befriend(client, friend)
    client.presence(type_="unavailable", inner="<status>%s</status>" % ("u" * 60000))
    friend.expect_presence(client.jid, "unavailable")
    client.close()
    for _ in range(500):  # until its session has ended
        last = friend.ask(LAST, to=client.bare)
        if last.text:
            break
    assert last.text == "u" * 4096
