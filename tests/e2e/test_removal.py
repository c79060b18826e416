"""What is left of an account that the command line removes: nothing that the next owner of its
name could inherit."""
import os
import socket
import sqlite3
import subprocess
import threading

from lib import env, ns
from lib.client import Account, befriend

ROSTER = "<query xmlns='jabber:iq:roster'/>"


def command(server, *words, stdin=""):
    done = subprocess.run([env.BINARY, "user", *words, "-c", server.config], input=stdin.encode(),
                          capture_output=True, timeout=env.DEADLINE)
    assert done.returncode == 0, done.stderr


def test_contacts_of_a_removed_account(server, online, login):
    a, b, c = online(), online(), online()
    for one in (a, b, c):
        one.ask(ROSTER)
    befriend(a, b)
    befriend(c, b)
    c.close()
    b.close()
    a.expect_presence(b.jid, "unavailable")
    command(server, "remove", b.bare)
    a.expect_push(jid=b.bare, subscription="none")

    # The name goes to somebody else, whom neither has ever granted anything.
    command(server, "add", b.bare, stdin="another\n")
    next_b = login(Account(b.bare, "another"), mechanism="PLAIN").available()
    a.presence(inner="<status>private</status>")
    a.sync()
    c2 = online(c.account)
    item = c2.ask(ROSTER).find(f"{ns.ROSTER}item[@jid='{b.bare}']")
    assert item.get("subscription") == "none"
    c2.sync()
    assert not [s for s in next_b.sync() if s.tag == ns.PRESENCE]
    with sqlite3.connect(f"{server.directory}/meerkat.db") as db:
        rows = db.execute("SELECT subscription, ask FROM rosterusers WHERE jid = ?", (b.bare,))
        assert set(rows.fetchall()) == {("N", "N")}


def test_approval_of_a_removed_account(server, online, login):
    """What was granted in advance (RFC 6121 3.4) was granted to the old owner of the name."""
    a, b = online(), online()
    a.ask(ROSTER)
    a.presence(b.bare, "subscribed")
    a.expect_push(jid=b.bare, approved="true")
    b.close()
    command(server, "remove", b.bare)
    a.expect_push(jid=b.bare, subscription="none", approved=None)

    command(server, "add", b.bare, stdin="another\n")
    next_b = login(Account(b.bare, "another"), mechanism="PLAIN").available()
    next_b.presence(a.bare, "subscribe")
    a.expect_presence(b.bare, "subscribe")
    assert not [s for s in next_b.sync() if s.tag == ns.PRESENCE]


def ask_and_go(server, line):
    """As `meerkat user` does it, but killed before there is an answer."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{server.directory}/meerkat.db.sock")
        s.sendall(f"{line}\n".encode())


def test_the_server_removes_it_itself(server, online, login):
    """Whoever asked is gone; sessions, and who is about to bind, are not left over."""
    a, b = online(), online()
    befriend(a, b)
    unbound = login(b.account, bind=False)
    ask_and_go(server, f"remove {b.bare}")
    b.expect_error("not-authorized", "the account has been removed")
    unbound.expect_error("not-authorized", "the account has been removed")
    a.expect_push(jid=b.bare, subscription="none")
    command(server, "add", b.bare, stdin="another\n")
    roster = login(Account(b.bare, "another"), mechanism="PLAIN").ask(ROSTER)
    assert len(roster) == 0


def test_of_no_account(server):
    done = server.run("user", "remove", "nobody@localhost")
    assert (done.returncode, done.stderr) == (
        1, "meerkat: nobody@localhost: there is no such account\n")


def test_what_the_server_says_is_passed_on(new_server):
    """The command does not touch the database when a server runs."""
    one = new_server(listeners={"plain": {}})
    one.stop()
    command(one, "add", "a@localhost", stdin="secret\n")
    path = f"{one.directory}/meerkat.db.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(env.DEADLINE)
        listener.bind(path)
        listener.listen()
        asked = []

        def serve():
            with listener.accept()[0] as s:
                asked.append(s.makefile("rb").readline())
                s.sendall(b"error: not today\n")

        thread = threading.Thread(target=serve)
        thread.start()
        done = one.run("user", "remove", "a@localhost")
        thread.join()
    os.unlink(path)
    assert asked == [b"remove a@localhost\n"]
    assert (done.returncode, done.stderr) == (1, "meerkat: a@localhost: not today\n")
    assert one.run("user", "list").stdout == "a@localhost\n"
