"""Messages of one sender stay in order (RFC 6120 10.1), stored ones and new ones alike."""
import socket

import pytest

from lib import ns
from lib.client import settle
from test_status import until

CONFIG = {"access": {"max_user_offline_messages": [{"acl": "all", "value": 1000}]}}
STATE = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
PRIORITY = "<priority>-1</priority>"
NO_STORE = "<no-store xmlns='urn:xmpp:hints'/>"


@pytest.fixture
def sender(online):
    return online()


def numbered(receivers, first, n):
    """Messages with the numbers from `first` on as bodies, to these addresses in turn."""
    return "".join(
        f"<message to='{receivers[i % len(receivers)]}' type='chat' id='{i}'>"
        f"<body>{i}</body></message>" for i in range(first, first + n))


def label(message):
    """The body up to the padding."""
    text = ns.body(message)
    return text and text.split(" ")[0]


def bodies(receiver, n):
    return [label(receiver.expect_message()) for _ in range(n)]


def rest(receiver):
    """The messages that are still there."""
    return [label(s) for s in receiver.sync() if s.tag == ns.MESSAGE]


@pytest.mark.parametrize("stored", [1, 3, 450])
def test_stored_messages_come_before_new_ones(server, sender, login, stored):
    """Up to three loads' worth of stored messages, and new ones to the account and to the session
    while they are on their way."""
    account = server.account()
    sender.send(numbered([account.jid], 0, stored))
    got = settle(sender, account.jid)
    assert got == [], ns.show(got[0])
    receiver = login(account, "here")
    both = [account.jid, receiver.jid]
    receiver.available()
    for at in range(stored, stored + 200, 20):
        sender.send(numbered(both, at, 20))
        both.reverse()
    settle(sender, account.jid)
    assert bodies(receiver, stored + 200) == [str(i) for i in range(stored + 200)]
    assert rest(receiver) == []


def test_order_from_the_first_message_on(server, sender, login):
    """To the account only, from before the login until behind it."""
    for chunk in (3, 7, 20):
        account = server.account()
        sender.send(numbered([account.jid], 0, chunk))
        receiver = login(account)
        sender.send(numbered([account.jid], chunk, chunk))
        receiver.presence()
        sender.send(numbered([account.jid], 2 * chunk, chunk))
        sender.send(numbered([account.jid], 3 * chunk, chunk))
        assert bodies(receiver, 4 * chunk) == [str(i) for i in range(4 * chunk)]
        assert rest(receiver) == []
        receiver.close()


# --- a client that does not read what was stored for it ---

HUGE = "y" * ((8 << 20) - 400)
BIG = "x" * 100_000
N_BIG = 50  # more than all buffers on the way hold


@pytest.fixture
def stuck(server, sender, login):
    """A session that has been sent as much of what was stored as it takes, which is not all."""
    account = server.account()
    settle(sender, account.jid)  # while an account is loaded, less may wait for it
    for i in range(N_BIG):
        sender.message(account.jid, f"big{i} {BIG}", "chat")
    got = settle(sender, account.jid)
    assert got == [], ns.show(got[0])
    receiver = login(account, "stuck")
    receiver.available()
    return receiver


def read_all(client, n, mark):
    """Reads the ends of n messages, and the mark, and only then looks at what has come."""
    data, missing = bytearray(), {b"</message>": n, mark: 1}
    while any(n > 0 for n in missing.values()):
        at = len(data)
        data += client.socket.recv(1 << 20)
        assert len(data) > at, "end of connection"
        for text in missing:
            missing[text] -= data.count(text, max(at - len(text) + 1, 0))
    client.feed(data)


def big(n):
    return [f"big{i}" for i in range(n)]


def test_everything_waits_in_order(server, sender, stuck):
    """What could not be stored stands in the same line as the rest."""
    sender.send(numbered([stuck.bare, stuck.jid], 0, 6))
    sender.message(stuck.jid, "6", "chat", inner=NO_STORE)
    sender.message(stuck.bare, "7", "chat", inner=NO_STORE)
    sender.message(stuck.jid, type_="chat", inner=STATE)
    sender.message(stuck.bare, "9", "headline")
    sender.message(stuck.jid, "10", "normal")
    sender.message(stuck.jid, "11", "groupchat")
    assert settle(sender, stuck.bare) == []
    assert bodies(stuck, N_BIG) == big(N_BIG)
    assert bodies(stuck, 12) == [None if i == 8 else str(i) for i in range(12)]
    assert rest(stuck) == []


def test_other_sessions_do_not_wait(server, sender, login, stuck):
    """They get new messages at once, and in the end everybody has got each of them once."""
    other = login(stuck.account, "other", listener="plain")
    other.available(-1)
    sender.message(other.jid, "for-one", "chat")
    assert bodies(other, 1) == ["for-one"]
    other.available(0)  # gets what the other one has not taken
    sender.message(stuck.bare, "for-both", "chat")
    sender.message(stuck.jid, "for-the-other", "chat")
    leftover = []
    while leftover[-1:] != ["for-both"]:
        leftover += bodies(other, 1)
    assert settle(sender, stuck.bare) == []
    assert rest(other) == []
    taken = []
    while taken[-1:] != ["for-the-other"]:
        taken += bodies(stuck, 1)
    assert taken[-2] == "for-both"
    assert rest(stuck) == []
    assert taken[:-2] == big(len(taken) - 2)
    assert leftover[:-1] == big(N_BIG)[N_BIG + 1 - len(leftover):]
    assert len(taken) - 2 + len(leftover) - 1 >= N_BIG


def test_nothing_is_lost_with_the_session(server, sender, online, stuck):
    """Messages that waited for it go where they would go without it."""
    sender.send(numbered([stuck.bare, stuck.jid], 0, 6))
    id_ = sender.message(stuck.jid, "6", "normal")
    sender.message(stuck.bare, "7", "normal")
    assert settle(sender, stuck.bare) == []
    stuck.abort()
    back = sender.expect_message()
    assert back.get("id") == id_
    assert ns.stanza_error(back) == ("cancel", "service-unavailable")
    receiver = online(stuck.account)
    got = []
    while got[-1:] != ["7"]:
        got += bodies(receiver, 1)
    assert got[-7:] == [*"012345", "7"]
    assert got[:-7] == big(N_BIG)[N_BIG - len(got) + 7:]
    assert rest(receiver) == []


def test_what_has_not_left_the_server_is_still_stored(server, sender, online, stuck):
    """A batch is removed as a whole: it is larger than what the system takes of it."""
    assert bodies(stuck, 1) == big(1)
    stuck.abort()
    receiver = online(stuck.account)
    assert bodies(receiver, N_BIG) == big(N_BIG)
    assert rest(receiver) == []


def test_a_session_that_wants_no_more(server, sender, stuck):
    """Priority -1 in the middle: the rest is for later, but not what names the session."""
    sender.send(numbered([stuck.bare, stuck.jid], 0, 4))
    settle(sender, stuck.bare)
    stuck.presence(inner=PRIORITY)
    got = []
    while got[-2:] != ["1", "3"]:
        got += bodies(stuck, 1)
    assert got[:-2] == big(len(got) - 2)
    assert rest(stuck) == []
    stuck.presence()
    more = bodies(stuck, N_BIG - len(got) + 2 + 2)
    assert got[:-2] + more[:-2] == big(N_BIG)
    assert more[-2:] == ["0", "2"]
    assert rest(stuck) == []


@pytest.mark.parametrize("type_, inner", [("unavailable", ""), (None, PRIORITY)],
                         ids=["unavailable", "priority"])
def test_what_was_held_is_stored_before_what_follows(server, sender, login, stuck, type_, inner):
    for i in range(3):
        sender.message(stuck.bare, f"held{i}", "chat")
    settle(sender, stuck.bare)
    stuck.presence(type_=type_, inner=inner)
    stuck.message(sender.jid, "it is so", "chat")
    sender.expect_message("it is so")
    for i in range(3):
        sender.message(stuck.bare, f"new{i}", "chat")
        settle(sender, stuck.bare)
    other = login(stuck.account, "other")
    stuck.abort()
    other.available()
    assert bodies(other, N_BIG + 6) == \
        big(N_BIG) + [f"{what}{i}" for what in ("held", "new") for i in range(3)]
    assert rest(other) == []


def test_the_next_owner_of_a_name_gets_nothing_that_was_held(server, sender, online, stuck):
    """The name is taken anew by the time the server hears of the removal."""
    id_ = sender.message(stuck.bare, "secret", "chat")
    assert settle(sender, stuck.bare) == []
    server.admin(f"removed {stuck.bare}")
    back = sender.expect_message()
    assert back.get("id") == id_
    assert ns.stanza_error(back) == ("cancel", "service-unavailable")
    next_owner = online(stuck.account)  # nobody has removed what is stored
    assert bodies(next_owner, N_BIG) == big(N_BIG)
    assert rest(next_owner) == []


def test_more_is_held_than_fits_into_the_output(server, login, stuck):
    """Of 24 MiB the connection's output takes 16: the client's own stanzas do not end it."""
    senders = [login() for _ in range(3)]
    before = server.counter("stanzas_in")
    for i, one in enumerate(senders):
        one.message(stuck.bare, f"{i} {HUGE}", "chat")
    assert until(lambda: server.counter("stanzas_in") == before + len(senders))
    assert bodies(stuck, N_BIG) == big(N_BIG)
    assert stuck.socket.recv(1, socket.MSG_PEEK)  # what was held is on its way
    stuck.send("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    read_all(stuck, len(senders), b"id='p'")
    assert sorted(bodies(stuck, len(senders))) == ["0", "1", "2"]
    assert rest(stuck) == []


def test_senders_of_much_are_paused(server, sender, stuck):
    """What waits is bounded, and nothing of it is lost."""
    text = "y" * 30_000
    for i in range(60):
        sender.message((stuck.bare, stuck.jid)[i % 2], f"{i} {text}", "chat")
    assert bodies(stuck, N_BIG) == big(N_BIG)
    assert bodies(stuck, 60) == [str(i) for i in range(60)]
    assert settle(sender, stuck.bare) == []
    assert rest(stuck) == []


def test_of_too_much_one_is_refused(server, sender, login, stuck):
    """Each sender is paused behind its first; of what waits beyond 16 MiB none is taken."""
    before = server.counter("stanzas_in")
    senders = [login() for _ in range(4)]
    for one in senders:
        one.message(stuck.jid, f"much {'y' * (6 << 20)}", "chat")
    assert until(lambda: server.counter("stanzas_in") == before + len(senders))
    assert bodies(stuck, N_BIG) == big(N_BIG)
    assert bodies(stuck, 3) == ["much"] * 3
    assert rest(stuck) == []
    (back,) = [s for one in senders for s in one.sync()]
    assert ns.stanza_error(back) == ("wait", "resource-constraint")


# --- others come while a session holds what was for it alone ---


@pytest.fixture
def other(server, login, sender, stuck):
    """Another session, which has taken all that was stored, and what was held for the account. The
    first one has so much in its output that something is still held for it."""
    sender.message(stuck.bare, "1", "chat")
    assert settle(sender, stuck.bare) == []
    for text in (f"long {'y' * 600_000}", "short"):
        before = server.counter("stanzas_in")
        login().message(stuck.jid, text, "normal")  # it is paused then
        assert until(lambda n=before: server.counter("stanzas_in") == n + 1)
    receiver = login(stuck.account, "other")
    receiver.available()
    got = []
    while got[-1:] != ["1"]:
        got += bodies(receiver, 1)
    assert got[:-1] == big(N_BIG)[N_BIG + 1 - len(got):]
    return receiver


def test_who_comes_gets_what_is_held_before_what_is_new(sender, login, stuck, other):
    for i in (2, 3):
        login().send(numbered([stuck.bare], i, 1))
        assert bodies(other, 1) == [str(i)]
    stuck.abort()
    other.expect_presence(stuck.jid, "unavailable")
    sender.send(numbered([stuck.bare], 4, 1))
    assert bodies(other, 1) == ["4"]
    assert rest(other) == []


def test_who_comes_again_gets_nothing_twice(server, login, stuck, other):
    other.presence(type_="unavailable")
    other.sync()
    senders, before = (login(), login()), server.counter("stanzas_in")
    senders[0].send(numbered([stuck.bare], 2, 1))
    assert until(lambda: server.counter("stanzas_in") == before + 1)
    other.presence()
    assert bodies(other, 1) == ["2"]
    senders[1].send(numbered([stuck.bare], 3, 1))
    assert bodies(other, 1) == ["3"]
    taken = []
    while taken[-1:] != ["3"]:
        taken += bodies(stuck, 1)
    assert taken == [*big(len(taken) - 5), "1", "long", "short", "2", "3"]
    assert rest(other) == rest(stuck) == []


def test_presence_comes_behind_the_subscription(online):
    """It does not overtake what has to be stored first."""
    one, other = online(), online()
    for client in (one, other):
        client.ask("<query xmlns='jabber:iq:roster'/>")
    one.presence(other.bare, "subscribe")
    other.expect_presence(one.bare, "subscribe")
    one.expect_push(jid=other.bare, ask="subscribe")
    other.presence(one.bare, "subscribed")
    other.expect_push(jid=one.bare, subscription="from")
    other.presence(inner="<show>away</show>")
    got = [one.stanza() for _ in range(4)]
    assert [(s.tag, s.get("type"), s.findtext(ns.CLIENT + "show")) for s in got] == [
        (ns.PRESENCE, "subscribed", None), (ns.IQ, "set", None), (ns.PRESENCE, None, None),
        (ns.PRESENCE, None, "away")]
