"""What is left of an account that the command line removes: nothing that the next owner of its
name could inherit."""
import sqlite3
import subprocess

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
