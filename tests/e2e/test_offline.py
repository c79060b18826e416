"""Messages for who is offline (XEP-0160)."""
import datetime

import pytest

from lib import ns
from lib.client import fence, settle

CONFIG = {"access": {"max_user_offline_messages": [{"acl": "all", "value": 5}]}}


@pytest.fixture
def sender(online):
    return online()


def texts(stanzas):
    return [ns.body(s) for s in stanzas if s.tag == ns.MESSAGE]


def test_delivered_at_login(server, sender, online):
    account = server.account()
    id_ = sender.message(account.jid, "are you there?", "chat",
                         inner="<x xmlns='urn:example:x' a='&lt;'/>")
    assert settle(sender, account.jid) == []
    got = online(account).expect_message("are you there?")
    assert got.get("id") == id_ and got.get("type") == "chat"
    assert got.get("from") == sender.jid
    assert got.find("{urn:example:x}x").get("a") == "<"


def test_delay(server, sender, online):
    account = server.account()
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    sender.message(account.jid, "hi")
    settle(sender, account.jid)
    delay = online(account).expect_message("hi").find(ns.DELAY + "delay")
    after = datetime.datetime.now(datetime.timezone.utc)
    assert delay is not None and delay.get("from") == "localhost"
    stamp = delay.get("stamp")
    assert stamp.endswith("Z")
    assert before <= datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")) <= after


def test_order(server, sender, online):
    account = server.account()
    for i in range(5):
        sender.message(account.jid, str(i), ("chat", None)[i % 2])
    settle(sender, account.jid)
    receiver = online(account)
    assert [ns.body(receiver.expect_message()) for _ in range(5)] == list("01234")


def test_once(server, sender, online):
    account = server.account()
    sender.message(account.jid, "hi")
    settle(sender, account.jid)
    receiver = online(account)
    receiver.expect_message("hi")
    receiver.close()
    again = online(account)
    assert texts(fence(sender, again)) == []


def test_once_though_the_client_goes_as_soon_as_it_has_read(server, sender, online):
    account = server.account()
    for i in range(30):
        sender.message(account.jid, str(i))
        settle(sender, account.jid)
        receiver = online(account)
        assert ns.body(receiver.expect_message()) == str(i)
        receiver.close()


def test_only_to_one_session(server, sender, login, online):
    account = server.account()
    silent = login(account, "silent")
    sender.message(account.jid, "hi", "chat")
    settle(sender, account.jid)
    receiver = online(account, "receiver")
    receiver.expect_message("hi")
    silent.available()
    assert texts(fence(sender, silent)) == []


def test_not_to_a_negative_priority(server, sender, online):
    account = server.account()
    sender.message(account.jid, "hi", "chat")
    settle(sender, account.jid)
    receiver = online(account, priority=-1)
    assert texts(fence(sender, receiver)) == []
    receiver.available(0)
    receiver.expect_message("hi")


@pytest.mark.parametrize("type_", [None, "normal", "chat"])
def test_stored_when_all_priorities_are_negative(server, sender, online, type_):
    account = server.account()
    receiver = online(account, priority=-1)
    sender.message(account.jid, "hi", type_)
    assert settle(sender, account.jid) == []
    assert texts(fence(sender, receiver)) == []
    receiver.available(1)
    receiver.expect_message("hi")


def test_stored_behind_an_old_session(server, sender, online):
    """An account whose last session has just ended is offline."""
    account = server.account()
    online(account).close()
    sender.message(account.jid, "hi", "chat")
    settle(sender, account.jid)
    online(account).expect_message("hi")


def test_limit(server, sender, online):
    account = server.account()
    for i in range(5):
        sender.message(account.jid, str(i), "chat")
    id_ = sender.message(account.jid, "too many", "chat")
    back = sender.expect_message()
    assert back.get("id") == id_
    assert ns.stanza_error(back) == ("cancel", "service-unavailable")
    receiver = online(account)
    assert [ns.body(receiver.expect_message()) for _ in range(5)] == list("01234")
    receiver.close()
    sender.message(account.jid, "room again", "chat")
    assert settle(sender, account.jid) == []
    online(account).expect_message("room again")


@pytest.mark.parametrize("message", [
    ("headline", "<body>news</body>"),
    ("groupchat", "<body>room</body>"),
    ("error", "<body>x</body><error type='cancel'>"
     "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"),
    ("chat", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"),
    ("chat", "<active xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread>"),
], ids=["headline", "groupchat", "error", "composing", "active"])
def test_not_stored(server, sender, online, message):
    account = server.account()
    type_, inner = message
    sender.message(account.jid, type_=type_, inner=inner)
    settle(sender, account.jid)
    sender.message(account.jid, "after it", "chat")
    settle(sender, account.jid)
    receiver = online(account)
    assert ns.body(receiver.expect_message()) == "after it"


def test_chat_state_beside_a_body_is_stored(server, sender, online):
    account = server.account()
    sender.message(account.jid, "hi", "chat",
                   inner="<active xmlns='http://jabber.org/protocol/chatstates'/>")
    settle(sender, account.jid)
    online(account).expect_message("hi")


def test_large_messages(server, sender, online):
    account = server.account()
    big = "\u017e" * 50_000
    for i in range(5):
        sender.message(account.jid, f"{i}{big}", "chat")
    settle(sender, account.jid)
    receiver = online(account)
    assert [ns.body(receiver.expect_message()) for _ in range(5)] == \
        [f"{i}{big}" for i in range(5)]


def test_language_is_kept(server, sender, online):
    account = server.account()
    sender.send(f"<message to='{account.jid}' xml:lang='cs'><body>Dobr\u00fd den</body></message>")
    settle(sender, account.jid)
    assert online(account).expect_message().get(ns.XML_LANG) == "cs"
