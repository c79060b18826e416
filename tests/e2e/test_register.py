"""In-band registration (XEP-0077)."""
import pytest

from lib import ns
from lib.client import Account, SaslFailure, befriend, new_id, settle
from lib.server import PASSWORD

CONFIG = {
    "general": {"registration_timeout": "infinity"},
    "modules": {"mod_register": {"access": "register"}},
    "acl": {"reserved": [{"user": "admin"}, {"user_regexp": "^reserved"}]},
    "access": {"register": [{"acl": "reserved", "value": "deny"},
                            {"acl": "all", "value": "allow"}]},
}
LISTENERS = {"required": {"tls": {"mode": "starttls_required"}}}


def query(inner=""):
    return f"<query xmlns='jabber:iq:register'>{inner}</query>"


def fields(username=None, password=None):
    inner = f"<username>{username}</username>" if username is not None else ""
    return inner + (f"<password>{password}</password>" if password is not None else "")


@pytest.fixture
def stranger(connect):
    """A connection that is not logged in; with features read."""
    def make(listener="tls"):
        c = connect(listener)
        c.start()
        return c
    return make


@pytest.fixture
def register(stranger):
    """A fresh account, made in-band."""
    def make(name=None):
        name = name or f"new-{new_id()}"
        answer = stranger().set(query(fields(name, PASSWORD)))
        assert answer.get("type") == "result", ns.show(answer)
        return Account(f"{name}@localhost", PASSWORD)
    return make


def refused(client, inner):
    return ns.stanza_error(client.set(query(inner)))


# --- a new account ---

@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_advertised(connect, listener):
    _, features = connect(listener).start()
    assert features.find(ns.REGISTER_FEATURE + "register") is not None


@pytest.mark.parametrize("listener", ["starttls", "required"])
def test_only_over_tls_where_there_is_tls(connect, listener):
    """A password is not sent in clear where it need not be."""
    c = connect(listener)
    _, features = c.start()
    assert features.find(ns.REGISTER_FEATURE + "register") is None
    name = f"new-{new_id()}"
    assert refused(c, fields(name, "in clear"))[1] in ("not-allowed", "not-authorized")
    c.starttls()
    _, features = c.start()
    assert features.find(ns.REGISTER_FEATURE + "register") is not None
    assert c.set(query(fields(name, PASSWORD))).get("type") == "result"


def test_form(stranger):
    form = stranger().ask(query())
    assert form.find(ns.REGISTER + "username") is not None
    assert form.find(ns.REGISTER + "password") is not None
    assert form.find(ns.REGISTER + "registered") is None


def test_register_and_log_in(register, login):
    account = register()
    assert login(account).sync() == []


def test_log_in_on_the_same_stream(stranger):
    c = stranger()
    name = f"new-{new_id()}"
    assert c.set(query(fields(name, PASSWORD))).get("type") == "result"
    c.auth_scram("SCRAM-SHA-256", name, PASSWORD)
    c.restart()
    c.start()
    c.bind()
    assert ns.bare(c.jid) == f"{name}@localhost"


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "scram"])
def test_each_mechanism_knows_the_new_account(register, login, plain):
    login(register(), mechanism="PLAIN" if plain else "SCRAM-SHA-512", listener="tls")


def test_conflict(stranger, register, login):
    account = register()
    assert refused(stranger(), fields(account.user, "other")) == ("cancel", "conflict")
    assert refused(stranger(), fields(account.user.upper(), "other")) == ("cancel", "conflict")
    login(account)  # the password has not changed


def test_another_try_after_a_conflict(stranger, register):
    c = stranger()
    assert refused(c, fields(register().user, "other")) == ("cancel", "conflict")
    assert c.set(query(fields(f"new-{new_id()}", PASSWORD))).get("type") == "result"


@pytest.mark.parametrize("inner", [fields("x"), fields(None, "x"), fields("x", ""),
                                   fields("", "x")],
                         ids=["no-password", "no-name", "empty-password", "empty-name"])
def test_incomplete(stranger, inner):
    assert refused(stranger(), inner)[1] in ("not-acceptable", "bad-request", "jid-malformed")


@pytest.mark.parametrize("name", ["a b", "a@b", "a/b", "x" * 1024, "\u0378"],
                         ids=["space", "at", "slash", "long", "unassigned"])
def test_malformed_name(stranger, name):
    assert refused(stranger(), fields(name, PASSWORD))[1] in (
        "not-acceptable", "jid-malformed", "bad-request")


@pytest.mark.parametrize("name", ["admin", "reserved-1"])
def test_access_rule(stranger, name):
    assert refused(stranger(), fields(name, PASSWORD))[1] in (
        "forbidden", "not-allowed", "not-acceptable")


def test_one_domain_is_not_the_other(connect, register):
    account = register()
    c = connect("tls", domain="other.example")
    c.start()
    assert c.set(query(fields(account.user, "other"))).get("type") == "result"


def test_in_disco(online):
    query_ = online().ask("<query xmlns='http://jabber.org/protocol/disco#info'/>", "localhost")
    assert "jabber:iq:register" in {f.get("var") for f in query_}


# --- who has an account ---

def test_form_of_a_user(register, login):
    account = register()
    form = login(account).ask(query())
    assert form.find(ns.REGISTER + "registered") is not None
    assert form.findtext(ns.REGISTER + "username") == account.user


def test_change_of_password(register, login, connect):
    account = register()
    c = login(account, listener="tls")
    c.ask(query(fields(account.user, "brand new")), type_="set")
    login(Account(account.jid, "brand new"))
    for mechanism in ("SCRAM-SHA-1", "PLAIN"):
        with pytest.raises(SaslFailure):
            login(account, listener="tls", mechanism=mechanism)
    assert c.sync() == [], "who has changed it stays"


def test_change_of_a_cached_password(register, login):
    """PLAIN may be checked against a cache of recent successes: a change empties it."""
    account = register()
    c = login(account, listener="tls", mechanism="PLAIN")
    for password in ("second", "third"):
        c.ask(query(fields(account.user, password)), type_="set")
        with pytest.raises(SaslFailure):
            login(account, listener="tls", mechanism="PLAIN")
        account = Account(account.jid, password)
        login(account, listener="tls", mechanism="PLAIN")


def test_change_of_somebody_elses_password(register, login):
    victim, c = register(), login(register(), listener="tls")
    assert c.set(query(fields(victim.user, "stolen"))).get("type") == "error"
    login(victim)


def test_change_to_nothing(register, login):
    account = register()
    c = login(account, listener="tls")
    assert refused(c, fields(account.user, ""))[1] in ("bad-request", "not-acceptable")
    login(account)


# --- cancellation ---

def remove(client):
    """The server answers with a result, and ends the stream as the XEP recommends."""
    client.send(f"<iq type='set' id='gone'>{query('<remove/>')}</iq>")
    event = client.stanza()
    if event.tag == ns.IQ:
        assert event.get("type") == "result", ns.show(event)
        client.expect_error("not-authorized")
    else:
        assert ns.conditions(event, ns.STREAM_ERROR) == ["not-authorized"]


def test_remove(register, login):
    account = register()
    remove(login(account))
    with pytest.raises(SaslFailure):
        login(account)


def test_remove_ends_all_sessions(register, login):
    account = register()
    one, two = login(account, "one"), login(account, "two")
    remove(one)
    two.expect_error("not-authorized")


def test_remove_with_something_else(register, login):
    account = register()
    c = login(account)
    assert refused(c, "<remove/>" + fields(account.user, "x")) == ("modify", "bad-request")
    login(account)


def test_remove_takes_along_what_was_granted(register, login, online):
    """The next owner of the name has no subscription, and no approval in advance."""
    friend, other = online(), online()
    account = register()
    c = online(account)
    for one in (friend, other):
        one.ask("<query xmlns='jabber:iq:roster'/>")
    befriend(friend, c)
    other.presence(account.jid, "subscribed")
    other.expect_push(jid=account.jid, approved="true")
    remove(c)
    friend.expect_push(jid=account.jid, subscription="none")
    other.expect_push(jid=account.jid, subscription="none", approved=None)

    register(account.user)
    c = online(account)
    c.presence(other.bare, "subscribe")
    other.expect_presence(account.jid, "subscribe")
    friend.presence(inner="<status>private</status>")
    settle(friend, account.jid)
    assert not [s for s in c.sync() if s.tag == ns.PRESENCE]


def test_remove_takes_all_data_along(register, login, online):
    account = register()
    c = login(account)
    c.ask("<query xmlns='jabber:iq:roster'><item jid='romeo@example.net'/></query>",
          type_="set")
    c.ask("<query xmlns='jabber:iq:private'><n xmlns='urn:n'>secret</n></query>", type_="set")
    c.ask("<vCard xmlns='vcard-temp'><FN>Old</FN></vCard>", type_="set")
    sender = online()
    sender.message(account.jid, "for the old one", "chat")
    settle(sender, account.jid)
    remove(c)

    register(account.user)
    c = online(account)
    assert len(c.ask("<query xmlns='jabber:iq:roster'/>")) == 0
    query_ = c.ask("<query xmlns='jabber:iq:private'><n xmlns='urn:n'/></query>")
    assert not query_[0].text
    card = c.get("<vCard xmlns='vcard-temp'/>")
    assert card.get("type") == "error" or len(card[0]) == 0
    assert [s for s in c.sync() if s.tag == ns.MESSAGE] == []


def test_remove_ends_subscriptions(register, online):
    c, friend = online(register()), online()
    befriend(c, friend)
    remove(c)
    friend.expect_presence(c.jid, "unavailable")
    friend.expect_presence(c.bare, "unsubscribed")
    friend.expect_push(jid=c.bare, subscription="none")


# --- limits and messages, each on a server of its own ---

def test_time_between_two_registrations(new_server):
    one = new_server({"general": {"registration_timeout": 600},
                      "modules": {"mod_register": {}}}, {"plain": {}})
    with one.connect() as a, one.connect() as b:
        a.start()
        assert a.set(query(fields("first", PASSWORD))).get("type") == "result"
        b.start()
        assert refused(b, fields("second", PASSWORD)) == ("wait", "resource-constraint")
        with pytest.raises(SaslFailure):
            b.auth_scram("SCRAM-SHA-1", "second", PASSWORD)


def test_networks(new_server):
    one = new_server({"modules": {"mod_register": {"ip_access": [
        {"address": "127.0.0.0/8", "policy": "deny"}]}}}, {"plain": {}})
    with one.connect() as c:
        c.start()
        assert refused(c, fields("romeo", PASSWORD))[1] in ("forbidden", "not-allowed")


def test_welcome_and_watchers_and_strength(new_server):
    one = new_server({
        "general": {"registration_timeout": "infinity"},
        "modules": {"mod_register": {
            "password_strength": 60,
            "welcome_message": {"subject": "Hello", "body": "Welcome here"},
            "registration_watchers": ["watcher@localhost"],
        }}}, {"plain": {}})
    watching = Account("watcher@localhost", PASSWORD)
    one.make_accounts([watching])
    with one.connect() as watcher, one.connect() as c:
        watcher.login(watching).available()
        c.start()
        assert refused(c, fields("juliet", "abc"))[1] == "not-acceptable"
        assert c.set(query(fields("juliet", "A long pass-phrase, 42"))).get("type") == "result"
        assert "juliet" in ns.body(watcher.expect_message())
        with one.connect() as juliet:
            juliet.login(Account("juliet@localhost", "A long pass-phrase, 42")).available()
            welcome = juliet.expect_message("Welcome here")
            assert welcome.findtext(ns.CLIENT + "subject") == "Hello"
            assert welcome.get("from") == "localhost"


def test_off_by_default(new_server):
    """Without a [modules] section all modules are on, but not this one."""
    one = new_server({"modules": None}, {"plain": {}})
    with one.connect() as c:
        _, features = c.start()
        assert features.find(ns.REGISTER_FEATURE + "register") is None
    with one.connect() as c:
        c.login(one.account())
        assert ns.stanza_error(c.get(query())) == ("cancel", "service-unavailable")
