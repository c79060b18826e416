"""What has gone wrong once: odd input that a client may send, and what must not come of it."""
import pytest

from lib import ns
from lib.client import settle

CONFIG = {"modules": {"mod_roster": {"versioning": True}}}

# --- stanzas at the reader's limits are written with more than they came with ---

MANY_ATTRIBUTES = "".join(f" a{i}='{i}'" for i in range(255))
MANY_PREFIXES = "".join(f" xmlns:p{i}='u:{i}'" for i in range(128))


@pytest.mark.parametrize("receiver", ["offline", "online"])
@pytest.mark.parametrize("attributes, inner", [
    (MANY_ATTRIBUTES, ""),
    ("", "<a/>" * 65534),
    ("", f"<a{MANY_PREFIXES}><stream:b/></a>"),
], ids=["attributes", "nodes", "prefixes"])
def test_stanza_at_the_limits(server, online, attributes, inner, receiver):
    account = server.account()
    sender = online()
    to = online(account) if receiver == "online" else None
    sender.send(f"<message to='{account.jid}'{attributes}><body>x</body>{inner}</message>")
    sender.sync()
    (to or online(account)).expect_message("x")


# --- names, groups and resources that are long and grow by escaping ---

def test_longest_names(server, login):
    account = server.account()
    one, other = login(account, "&" * 1023), login(account, "'" * 1023)
    one.ask("<query xmlns='jabber:iq:roster'/>")
    groups = "".join(f"<group>{i:02}{'&amp;' * 1021}</group>" for i in range(50))
    contact = f"{'x' * 1023}@{'d' * 60}.example"
    one.ask(f"<query xmlns='jabber:iq:roster'><item jid='{contact}/{'&lt;' * 1023}' "
            f"name='{'&amp;' * 1023}'>{groups}</item></query>", type_="set")
    assert len(one.expect_push(jid=contact)) == 50
    one.available()
    other.available()
    one.expect_presence(other.jid)
    nobody = f"{'y' * 1023}@localhost/{'&amp;' * 1023}"
    one.presence(nobody)
    assert one.iq("get", "<query xmlns='x'/>", to=nobody).get("type") == "error"
    other.abort()
    one.expect_presence(other.bare, "unavailable")
    one.close()


# --- what a stranger can leave behind for somebody who is offline ---

@pytest.mark.parametrize("size, kept", [(1000, True), (60000, False)])
def test_request_that_waits_is_bounded(server, login, online, size, kept):
    account, sender = server.account(), online()
    sender.ask("<query xmlns='jabber:iq:roster'/>")
    sender.presence(account.jid, "subscribe", f"<status>{'x' * size}</status>")
    sender.expect_push(ask="subscribe")
    settle(sender, account.jid)  # it has come there, and waits
    receiver = login(account)
    receiver.presence()
    request = receiver.expect_presence(sender.bare, "subscribe")
    assert len(request) == (1 if kept else 0)
    assert request.get("to") == account.jid


# --- rosters ---

def test_roster_without_version_is_sent_to_who_has_no_copy(login):
    query = login().ask("<query xmlns='jabber:iq:roster' ver=''/>")
    assert query is not None and query.tag == ns.ROSTER + "query"
