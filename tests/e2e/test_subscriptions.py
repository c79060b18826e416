"""Presence subscriptions (RFC 6121 section 3), on both sides."""
import pytest

from lib import ns
from lib.client import befriend, fence

ROSTER_GET = "<query xmlns='jabber:iq:roster'/>"


@pytest.fixture
def here(online):
    """An available and interested client."""
    def make(account=None, resource=None):
        c = online(account, resource)
        c.ask(ROSTER_GET)
        return c
    return make


def roster(client):
    return {i.get("jid"): i for i in client.ask(ROSTER_GET)}


def state(client, contact):
    """(subscription, ask) of the contact in the client's roster; None: not there."""
    found = roster(client).get(contact.bare)
    return None if found is None else (found.get("subscription"), found.get("ask"))


def presences(stanzas):
    return [(s.get("from"), s.get("type")) for s in stanzas if s.tag == ns.PRESENCE]


def subscribe(user, contact):
    """One direction: `user` asks, `contact` grants."""
    user.presence(contact.bare, "subscribe")
    contact.expect_presence(user.bare, "subscribe")
    contact.presence(user.bare, "subscribed")
    user.expect_presence(contact.bare, "subscribed")
    user.expect_presence(contact.jid)


# --- the handshake ---

def test_request(here):
    user, contact = here(), here()
    user.presence(contact.bare, "subscribe", inner="<status>Hello?</status>", id_="sub1")
    pushed = user.expect_push(jid=contact.bare)
    assert (pushed.get("subscription"), pushed.get("ask")) == ("none", "subscribe")
    request = contact.expect_presence(user.bare, "subscribe")
    assert request.get("from") == user.bare, "from the bare JID (RFC 6121 3.1.2)"
    assert request.get("to") == contact.bare
    assert request.findtext(ns.CLIENT + "status") == "Hello?"
    assert state(contact, user) is None, "no item before the contact agrees (3.1.3)"


def test_approval(here):
    user, contact = here(), here()
    user.presence(contact.bare, "subscribe")
    contact.expect_presence(user.bare, "subscribe")
    contact.presence(user.bare, "subscribed")
    contact.expect_push(jid=user.bare, subscription="from")
    assert user.expect_presence(contact.bare, "subscribed").get("from") == contact.bare
    user.expect_push(jid=contact.bare, ask="subscribe")
    pushed = user.expect_push(jid=contact.bare, subscription="to")
    assert pushed.get("ask") is None
    assert user.expect_presence(contact.jid).get("to") in (user.bare, user.jid)


def test_mutual(here):
    user, contact = here(), here()
    befriend(user, contact)
    assert state(user, contact) == ("both", None)
    assert state(contact, user) == ("both", None)


def test_denial(here):
    user, contact = here(), here()
    user.presence(contact.bare, "subscribe")
    contact.expect_presence(user.bare, "subscribe")
    contact.presence(user.bare, "unsubscribed")
    user.expect_presence(contact.bare, "unsubscribed")
    fence(contact, user)
    assert state(user, contact) == ("none", None)
    assert state(contact, user) in (None, ("none", None))


def test_request_reaches_all_available_sessions(server, here):
    user = here()
    account = server.account()
    one, two = here(account, "one"), here(account, "two")
    user.presence(account.jid, "subscribe")
    for c in (one, two):
        c.expect_presence(user.bare, "subscribe")


def test_request_to_a_full_jid_is_for_the_account(here):
    user, contact = here(), here()
    user.presence(contact.jid, "subscribe")
    contact.expect_presence(user.bare, "subscribe")
    assert state(user, contact) == ("none", "subscribe")


def test_offline_contact_gets_the_request_at_login(server, here, online):
    user = here()
    account = server.account()
    user.presence(account.jid, "subscribe", inner="<status>Hello?</status>")
    user.expect_push(jid=account.jid, ask="subscribe")
    contact = online(account)
    request = contact.expect_presence(user.bare, "subscribe")
    assert request.findtext(ns.CLIENT + "status") == "Hello?"


def test_unanswered_request_comes_at_each_login(server, here, online):
    user = here()
    account = server.account()
    user.presence(account.jid, "subscribe")
    for _ in range(2):
        contact = online(account)
        contact.expect_presence(user.bare, "subscribe")
        contact.close()
    contact = online(account)
    contact.expect_presence(user.bare, "subscribe")
    contact.presence(user.bare, "subscribed")
    user.expect_presence(contact.bare, "subscribed")
    contact.close()
    contact = online(account)
    assert (user.bare, "subscribe") not in presences(contact.sync())


def test_request_when_already_granted(here):
    """The contact's server answers it; the contact is not asked again (3.1.3), and the user
    does not hear what is no news (A.3.2)."""
    user, contact = here(), here()
    subscribe(user, contact)
    fence(contact, user)
    fence(user, contact)
    user.presence(contact.bare, "subscribe")
    assert (user.bare, "subscribe") not in presences(fence(user, contact))
    assert state(user, contact) == ("to", None)
    assert state(contact, user) == ("from", None)


def test_request_to_nobody(here):
    """No error: that would tell who has an account (RFC 6121 8.5.1)."""
    user = here()
    user.presence("nobody@localhost", "subscribe")
    user.expect_push(jid="nobody@localhost", ask="subscribe")
    assert not [s for s in user.sync() if s.get("type") == "error"]


def test_own_account(here):
    """A subscription to oneself makes no roster item and no request."""
    user = here()
    user.presence(user.bare, "subscribe")
    assert (user.bare, "subscribe") not in presences(user.sync())


def test_name_and_groups_stay(here):
    user, contact = here(), here()
    user.ask("<query xmlns='jabber:iq:roster'>"
             f"<item jid='{contact.bare}' name='Nurse'><group>Staff</group></item></query>",
             type_="set")
    subscribe(user, contact)
    fence(contact, user)
    found = roster(user)[contact.bare]
    assert found.get("name") == "Nurse"
    assert found.findtext(ns.ROSTER + "group") == "Staff"
    assert found.get("subscription") == "to"


# --- the end of a subscription ---

def test_unsubscribe(here):
    user, contact = here(), here()
    befriend(user, contact)
    user.presence(contact.bare, "unsubscribe")
    assert contact.expect_presence(user.bare, "unsubscribe").get("from") == user.bare
    user.expect_push(jid=contact.bare, subscription="from")
    contact.expect_push(jid=user.bare, subscription="to")
    user.expect_presence(contact.jid, "unavailable")
    contact.available(3)
    assert (contact.jid, None) not in presences(fence(contact, user))
    user.available(3)
    contact.expect_presence(user.jid)


def test_unsubscribed(here):
    user, contact = here(), here()
    befriend(user, contact)
    contact.presence(user.bare, "unsubscribed")
    user.expect_presence(contact.jid, "unavailable")
    user.expect_presence(contact.bare, "unsubscribed")
    user.expect_push(jid=contact.bare, subscription="from")
    contact.expect_push(jid=user.bare, subscription="to")
    contact.available(3)
    assert (contact.jid, None) not in presences(fence(contact, user))


def test_cancelled_request_does_not_come_at_login(server, here, online):
    user = here()
    account = server.account()
    user.presence(account.jid, "subscribe")
    user.expect_push(jid=account.jid, ask="subscribe")
    user.presence(account.jid, "unsubscribe")
    user.expect_push(jid=account.jid, subscription="none", ask=None)
    contact = online(account)
    assert (user.bare, "subscribe") not in presences(fence(user, contact))


def test_removed_item_ends_both_subscriptions(here):
    user, contact = here(), here()
    befriend(user, contact)
    user.ask(f"<query xmlns='jabber:iq:roster'><item jid='{contact.bare}' "
             "subscription='remove'/></query>", type_="set")
    user.expect_push(jid=contact.bare, subscription="remove")
    contact.expect_presence(user.bare, "unsubscribe")
    contact.expect_presence(user.bare, "unsubscribed")
    contact.expect_presence(user.jid, "unavailable")
    user.expect_presence(contact.jid, "unavailable")
    contact.expect_push(jid=user.bare, subscription="none")
    assert state(user, contact) is None


def test_end_while_the_contact_is_offline(server, here, online):
    user = here()
    account = server.account()
    contact = here(account)
    befriend(user, contact)
    contact.close()
    user.expect_presence(account.jid, "unavailable")
    user.presence(account.jid, "unsubscribed")
    user.expect_push(jid=account.jid, subscription="to")
    contact = online(account)
    assert state(contact, user) == ("from", None)
    assert (user.jid, None) not in presences(fence(user, contact))


# --- what is out of turn has no effect (RFC 6121 appendix A) ---

@pytest.mark.parametrize("type_", ["subscribed", "unsubscribed", "unsubscribe"])
def test_without_a_request(here, type_):
    user, contact = here(), here()
    contact.presence(user.bare, type_)
    assert (contact.bare, type_) not in presences(fence(contact, user))
    assert state(user, contact) in (None, ("none", None))
    contact.available(1)
    assert (contact.jid, None) not in presences(fence(contact, user))


def test_pre_approval(server, connect, here):
    """RFC 6121 3.4: 'subscribed' beforehand, where the server offers it."""
    contact, user = here(), here()
    c = connect()
    c.start()
    c.auth_scram("SCRAM-SHA-1", contact.account.user, contact.account.password)
    c.restart()
    _, features = c.start()
    assert features.find(ns.PRE_APPROVAL + "sub") is not None
    contact.presence(user.bare, "subscribed")
    assert contact.expect_push(jid=user.bare, approved="true").get("subscription") == "none"
    user.presence(contact.bare, "subscribe")
    user.expect_presence(contact.bare, "subscribed")
    user.expect_presence(contact.jid)
    contact.expect_push(jid=user.bare, subscription="from")
    assert (user.bare, "subscribe") not in presences(fence(user, contact))


def test_pre_approval_taken_back(here):
    contact, user = here(), here()
    contact.presence(user.bare, "subscribed")
    contact.expect_push(jid=user.bare, approved="true")
    contact.presence(user.bare, "unsubscribed")
    contact.expect_push(jid=user.bare, approved=None)
    user.presence(contact.bare, "subscribe")
    contact.expect_presence(user.bare, "subscribe")
