"""What one client sends in one go, and what that is for itself and for the others."""
import contextlib
import os
import signal
import socket

import pytest

from lib import ns
from lib.client import settle

PING = "<ping xmlns='urn:xmpp:ping'/>"
BIG = "x" * (250 << 10)
VCARD = "<vCard xmlns='vcard-temp'>%s</vCard>"
PRIVATE = "<query xmlns='jabber:iq:private'><a xmlns='urn:x'>%s</a></query>"


def pauses(server):
    return server.status()["server"]["peer_pauses"]


def read_answers(sock, n, end=b"</iq>"):
    got, seen = bytearray(), 0
    while seen < n:
        start = max(len(got) - len(end) + 1, 0)
        chunk = sock.recv(1 << 20)
        assert chunk, "the connection has been closed"
        got += chunk
        seen += got.count(end, start)
    return got


@pytest.mark.parametrize("payload,size", [(VCARD, 4), (PRIVATE, 1)], ids=["vcard", "private"])
def test_many_questions_with_large_answers(login, payload, size):
    """Whoever asks for more than it reads waits: its answers do not pile up until it is dropped."""
    asker, other = login(), login()
    asker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    content = f"<b>{BIG}</b>" * size
    assert asker.set(payload % content).get("type") == "result"
    n = 96 // size  # 24 MB
    question = payload % ""
    asker.send("".join(f"<iq type='get' id='q{i}'>{question}</iq>" for i in range(n)))
    other.ask(PRIVATE % "")  # the database has come to this one
    other.sync()
    got = read_answers(asker.socket, n)
    assert got.count(b"type='result'") == n and got.count(BIG.encode()) == n * size
    asker.sync()


@pytest.mark.parametrize("stanza", ["<presence type='probe' to='{bare}'/>",
                                    "<presence type='unavailable'/><presence/>"],
                         ids=["probes", "comes-and-goes"])
def test_much_presence_of_ones_own(server, login, stanza):
    """What all one's sessions say comes as it is read; nobody else is served later for it."""
    account, other = server.account(), login()
    big = "y" * 60_000
    for _ in range(8):
        session = login(account)
        session.presence(inner=f"<a/><status>{big}</status>")
        session.expect_presence(session.jid)
    asker = login(account)
    asker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    n = 50  # 24 MB
    asker.send(stanza.format(bare=account.jid) * n)
    asker.message(other.jid, "the last", "chat")
    assert not any(s.tag == ns.MESSAGE for s in settle(other, asker.bare))
    got = read_answers(asker.socket, n * 8, big.encode() + b"</status></presence>")
    assert got.count(b"<a/><status>") == n * 8
    other.available()
    other.expect_message("the last")


def test_directed_presence_waits_for_its_receiver(server, online):
    """It is in somebody's name, who can wait; nobody disconnects a slow reader by it."""
    sender, reader = online(), online()
    reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    before, n = pauses(server), 0
    while pauses(server) == before and n < 150:  # 9 MB
        sender.presence(reader.jid, inner=f"<status>{BIG[:60_000]}</status>")
        n += 1
    assert n < 150
    for _ in range(n):
        reader.expect_presence(sender.jid)


@contextlib.contextmanager
def stopped(server):
    """What is sent meanwhile is there at once, for one read."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        os.waitpid(server.process.pid, os.WUNTRACED)  # all of its threads have stopped
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


@pytest.mark.one_worker
def test_presence_looks_at_a_large_roster(server, login, online):
    """Contacts who hear nothing of it are looked at: that is work for all, and others come in between."""
    asker, other = online(), online()
    item = "<iq type='set' id='{0}'><query xmlns='jabber:iq:roster'><item jid='c{0}@localhost'/></query></iq>"
    asker.send("".join(item.format(i) for i in range(500)))
    asker.sync()
    with stopped(server):
        asker.send("<presence/>" * 500
                   + f"<message to='{other.jid}' type='chat'><body>last</body></message>")
        other.send(f"<iq type='get' id='between' to='localhost'>{PING}</iq>")
    first = other.expect(lambda s: s.tag in (ns.IQ, ns.MESSAGE))
    assert first.get("id") == "between"
    other.expect_message("last")


@pytest.mark.one_worker
@pytest.mark.parametrize("stanza", [
    "<presence type='probe' to='{0}'/>",
    "<iq type='set' id='{1}'><query xmlns='jabber:iq:roster'><item jid='{0}'/></query></iq>"],
    ids=["to", "roster"])
def test_addresses_are_work(server, online, stanza):
    """What is not plain ASCII is, whether or not it is an address: others come in between."""
    asker, other = online(), online()
    costly = ".".join(330 * "é")
    with stopped(server):
        asker.send("".join(stanza.format(costly, i) for i in range(14))
                   + f"<message to='{other.jid}' type='chat'><body>last</body></message>")
        other.send(f"<iq type='get' id='between' to='localhost'>{PING}</iq>")
    first = other.expect(lambda s: s.tag in (ns.IQ, ns.MESSAGE))
    assert first.get("id") == "between"
    other.expect_message("last")
