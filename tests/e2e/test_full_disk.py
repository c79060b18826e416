"""The disk is full: what cannot be stored is refused with a word, what was accepted is still there,
everything else goes on, and room is all that it takes to go on as before. A limit on the size of its
files stands for the disk."""
import os
import resource
import sqlite3

import pytest

from lib import ns
from lib.client import fence, settle

ROOM = 256 << 10
TEXT = "x" * 20000
CONFIG = {"access": {"max_user_offline_messages": [{"acl": "all", "value": 1000}]}}


class Disk:
    def __init__(self, server):
        self.server = server

    def limit(self, size):
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE,
                         (size, resource.RLIM_INFINITY))

    def fill(self, room=ROOM):
        """There is room for so much more, and then no more."""
        sizes = [e.stat().st_size for e in os.scandir(self.server.directory) if e.is_file()]
        self.limit(max(sizes) + room)

    def clear(self):
        self.limit(resource.RLIM_INFINITY)


@pytest.fixture
def disk(server):
    one = Disk(server)
    yield one
    one.clear()


def condition(stanza):
    return stanza.find(ns.CLIENT + "error")[0].tag.split("}")[1]


def send_until_refused(server, sender, account):
    """How many were sent, each when the one before was dealt with; and those that were refused."""
    refused = []

    def is_decided():
        refused.extend(sender.sync())
        with sqlite3.connect(f"file:{server.directory}/meerkat.db?mode=ro", uri=True) as db:
            [[stored]] = db.execute("SELECT count(*) FROM offline_message WHERE username = ?",
                                    [account.jid.split("@")[0]])
        db.close()
        return stored + len(refused) == i + 1
    for i in range(200):
        sender.message(account.jid, f"{i} {TEXT}", "chat", id_=str(i))
        server.until(is_decided)
        if refused:
            assert {(s.tag, s.get("type"), condition(s)) for s in refused} == {
                (ns.MESSAGE, "error", "internal-server-error")}
            return i + 1, {int(s.get("id")) for s in refused}
    raise AssertionError("there is room without end")


def test_messages(server, online, disk):
    sender, account, friend = online(), server.account(), online()
    disk.fill()
    n, refused = send_until_refused(server, sender, account)
    friend.message(sender.jid, "they go on", "chat")
    sender.expect_message("they go on")
    assert "store.failed: nothing can be written: " in server.read_log()
    disk.clear()
    friend.message(account.jid, "there is room again", "chat")
    assert settle(friend, account.jid) == []
    receiver = online(account)
    receiver.expect_message("there is room again")
    got = [int(ns.body(s).split()[0]) for s in receiver.sync()]
    assert got == [i for i in range(n) if i not in refused] and len(got) > 2
    assert fence(friend, receiver) == []


def test_rosters(server, online, disk):
    client = online()
    add = "<query xmlns='jabber:iq:roster'><item jid='{}@example.net' name='{}'/></query>"
    assert client.set(add.format("before", "")).get("type") == "result"
    disk.fill(0)
    assert server.read_log().count(" roster.save: ") == 0
    answers = [client.set(add.format(f"a{i}", "n" * 900)) for i in range(200)]
    kept = [i for i, one in enumerate(answers) if one.get("type") == "result"]
    assert {condition(one) for one in answers if one.get("type") == "error"} == {
        "internal-server-error"}
    assert 0 < server.read_log().count(" roster.save: ") <= 60
    disk.clear()
    roster = client.ask("<query xmlns='jabber:iq:roster'/>")
    assert {item.get("jid") for item in roster} == {
        "before@example.net", *(f"a{i}@example.net" for i in kept)}
