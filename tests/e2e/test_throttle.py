"""A client that does not read what it gets: what that is for those who send to it."""
import socket

import pytest

from lib import ns
from lib.client import befriend, settle

BIG = "x" * 100_000
REQUEST = "<query xmlns='urn:example:question'/>"


@pytest.fixture
def here(online):
    """Two clients with presence; the second one reads only what the test has it read. Its kernel does
    not read for it, either: left to itself it would take more and more."""
    other, reader = online(), online()
    reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    return other, reader


def test_answers_do_not_hold_up_who_answers(here):
    """Whoever asks for more than it reads waits for it alone."""
    other, asker = here
    n = 60  # more than all buffers on the way hold
    for i in range(n):
        asker.send(f"<iq type='get' id='q{i}' to='{other.jid}'>{REQUEST}</iq>")
    for i in range(n):
        other.expect(lambda s, i=i: s.get("id") == f"q{i}")
        other.send(f"<iq type='result' id='q{i}' to='{asker.jid}'><query xmlns='urn:example:question'>"
                   f"{BIG}</query></iq>")
    other.sync()
    for i in range(n):
        asker.expect(lambda s, i=i: s.get("id") == f"q{i}" and s.get("type") == "result")


def test_who_has_no_room_gets_no_more(here, online):
    """Half of what may wait for a client is for presence, which nobody waits for."""
    other, reader = here
    befriend(other, reader)
    third = online()
    third.message(reader.jid, "first", "chat")
    reader.expect_message("first")  # nothing is held for it any more
    n = 250
    status = BIG[:60_000]
    for _ in range(n):
        other.available(inner=f"<status>{status}</status>")  # and reads its own
    settle(other, reader.bare)
    third.message(reader.jid, "hello", "chat", id_="m")
    answer = third.expect(lambda s: s.get("id") == "m")
    assert ns.stanza_error(answer) == ("wait", "resource-constraint")
    assert ns.stanza_error(third.get(REQUEST, reader.jid)) == ("wait", "resource-constraint")
    for _ in range(n):
        reader.expect_presence(other.jid)
    third.message(reader.jid, "hello again", "chat")
    reader.expect_message("hello again")


def test_what_no_session_has_room_for_comes_back(here, online):
    """Several sessions that do not read are as one: nothing is dropped without a word."""
    other, reader = here
    befriend(other, reader)
    second = online(reader.account)
    second.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    third = online()
    third.message(reader.bare, "first", "chat")
    for one in (reader, second):
        one.expect_message("first")
    n = 250
    status = BIG[:60_000]
    for _ in range(n):
        other.available(inner=f"<status>{status}</status>")  # and reads its own
    settle(other, reader.bare)
    third.message(reader.bare, "hello", "chat", id_="m")
    answer = third.expect(lambda s: s.get("id") == "m")
    assert ns.stanza_error(answer) == ("wait", "resource-constraint")
    for _ in range(n):
        second.expect_presence(other.jid)
    third.message(reader.bare, "one has room", "chat", id_="n")
    second.expect_message("one has room")
    assert settle(third, reader.bare) == []
