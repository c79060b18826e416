"""The method `anonymous`: SASL ANONYMOUS (XEP-0175), logins with any name and password, and what
those who come that way may not do."""
import re
import sqlite3
from types import SimpleNamespace

import pytest

from lib import ns
from lib.auth_service import Gate, Service
from lib.client import Account, SaslFailure, fence, settle
from lib.scram import Scram
from test_auth_matrix import serialised
from test_clients import Slix, run_async, within  # noqa: F401 (a fixture)

AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"
UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
LISTENERS = {
    "required": {"tls": {"mode": "starttls_required"}},
    "accounts": {"allowed_auth_methods": ["internal"]},
    "anonymous": {"allowed_auth_methods": ["anonymous"]},
}


def of(host, methods, **options):
    return {"host": host, "auth": {"methods": methods, "anonymous": options,
                                   "password": {"scram_iterations": 4096}}}


CONFIG = {
    "general": {"hosts": ["localhost", "both.example", "many.example", "few.example"],
                "registration_timeout": "infinity"},
    "auth": {"methods": ["internal", "anonymous"]},
    "modules": {"mod_register": {}},
    "host_config": [
        of("both.example", ["anonymous", "internal"], protocol="both"),
        of("many.example", ["anonymous"], protocol="login_anon",
           allow_multiple_connections=True),
        of("few.example", ["anonymous"], max_users=1),
    ],
}
FORBIDDEN = [
    "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost'/></query>",
    "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost' subscription='remove'/></query>",
    "<query xmlns='jabber:iq:private'><notes xmlns='urn:example:notes'>x</notes></query>",
    "<vCard xmlns='vcard-temp'><FN>x</FN></vCard>",
    "<query xmlns='jabber:iq:register'><remove/></query>",
    "<query xmlns='jabber:iq:register'><username>x</username><password>y</password></query>",
]


@pytest.fixture
def enter(connect):
    """Comes by SASL ANONYMOUS."""
    def make(listener="plain", domain="localhost", resource=None, bind=True):
        client = connect(listener, domain=domain)
        client.start()
        if listener in ("starttls", "required"):
            client.starttls()
            client.start()
        answer = client.sasl(AUTH)
        assert answer.tag == ns.SASL + "success" and not answer.text, ns.show(answer)
        client.restart()
        client.start()
        if bind:
            client.bind(resource)
            client.account = Account(ns.bare(client.jid), "")
        return client
    return make


@pytest.fixture
def come_as(connect):
    """Comes with a name and a password, by PLAIN."""
    def make(name, password="whatever", domain="both.example", resource=None):
        account = Account(f"{name}@{domain}", password)
        return connect(domain=domain).login(account, resource, mechanism="PLAIN")
    return make


def refused(call, *args, condition="not-authorized", **kwargs):
    with pytest.raises(SaslFailure) as failure:
        call(*args, **kwargs)
    assert failure.value.condition == condition


def mechanisms(client):
    return [m.text for m in client.start()[1].iter(ns.SASL + "mechanism")]


def rows(server, name):
    """All that the database has of this name."""
    with sqlite3.connect(f"file:{server.directory}/meerkat.db?mode=ro", uri=True) as db:
        tables = [t for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {t for t in tables for row in db.execute(f"SELECT * FROM {t}")
                if any(name in str(cell) for cell in row)}


# --- who is let in ---

@pytest.mark.parametrize("listener", ["plain", "starttls", "tls", "required", "anonymous"])
def test_sasl_anonymous(enter, listener):
    client = enter(listener, resource="orchard")
    name, resource = client.jid.split("@localhost/")
    assert UUID.fullmatch(name)
    assert resource != "orchard"
    assert len(client.ask("<query xmlns='jabber:iq:roster'/>")) == 0
    client.available()


def test_mechanisms_are_those_of_protocol_and_listener(connect):
    assert mechanisms(connect("anonymous")) == ["ANONYMOUS"]
    assert "ANONYMOUS" not in mechanisms(connect("accounts"))
    assert mechanisms(connect())[-2:] == ["PLAIN", "ANONYMOUS"]
    assert mechanisms(connect("required")) == []
    assert mechanisms(connect(domain="many.example")) == ["PLAIN"]
    assert mechanisms(connect(domain="few.example")) == ["ANONYMOUS"]
    assert mechanisms(connect("accounts", domain="few.example")) == []


@pytest.mark.parametrize("listener, domain", [("accounts", "localhost"),
                                              ("plain", "many.example")])
def test_what_is_not_offered_is_not_taken(enter, listener, domain):
    refused(enter, listener, domain, condition="invalid-mechanism")


def test_required_tls_is_required(connect):
    client = connect("required")
    client.start()
    refused(client.sasl, AUTH, condition="encryption-required")


def test_names_are_not_made_twice(enter):
    assert len({enter().jid for _ in range(5)}) == 5


@pytest.mark.parametrize("how", ["starttls", "tls", "plain"])
def test_slixmpp(server, run_async, how):  # noqa: F811
    async def scenario():
        client = Slix(SimpleNamespace(jid="localhost", password=""), server, how)
        assert await within(client.ready)
        assert UUID.fullmatch(client.boundjid.user)
        await client.leave()
    run_async(scenario())


def test_trace_information_is_only_logged(server, connect):
    client = connect()
    client.start()
    assert client.auth("ANONYMOUS", b"t" * 63 + b"race@example.org").tag == ns.SASL + "success"
    client.restart()
    client.start()
    assert client.bind().get("type") == "result"
    assert "race" not in client.jid
    log = server.read_log()
    assert f'says of itself: "{"t" * 63}r" and more' in log, log[-2000:]
    assert "race@" not in log


@pytest.mark.parametrize("trace", [b"a\nb", b"\xff", b"x" * 256, b"\xe2\x80\xae"],
                         ids=["control", "no-utf8", "long", "bidi"])
def test_what_is_no_trace_information(connect, trace):
    client = connect()
    client.start()
    refused(client.auth, "ANONYMOUS", trace, condition="malformed-request")
    assert client.sasl(AUTH).tag == ns.SASL + "success"


def test_there_is_an_end_to_their_number(server, enter):
    one = enter(domain="few.example")
    refused(enter, domain="few.example", condition="temporary-auth-failure")
    assert "there are auth.anonymous.max_users" in server.read_log()
    one.close()
    enter(domain="few.example", bind=False).close()  # holds its place before it is bound, too
    enter(domain="few.example").close()


# --- with a name of one's own ---

def test_any_name_and_password(come_as):
    one, two = come_as("mercutio", "x", resource="orchard"), come_as("benvolio", "x")
    assert ns.bare(one.jid) == "mercutio@both.example" and not one.jid.endswith("/orchard")
    one.available()
    two.available().message(one.jid, "hello", "chat")
    one.expect_message("hello")


def test_a_name_in_use_is_refused(come_as):
    one = come_as("tybalt")
    refused(come_as, "tybalt")
    refused(come_as, "TYBALT")
    one.close()
    come_as("tybalt").close()


def test_a_name_in_use_may_be_shared(come_as):
    one = come_as("tybalt", domain="many.example").available()
    two = come_as("tybalt", "another", domain="many.example").available()
    assert ns.bare(one.jid) == ns.bare(two.jid) and one.jid != two.jid
    one.expect_presence(two.jid)
    one.close()
    two.expect_presence(one.jid, "unavailable")
    two.close()
    come_as("tybalt", domain="many.example").close()


def test_an_account_is_not_taken_over(server, come_as, connect):
    account = server.account_named("rosaline@both.example")
    refused(come_as, "rosaline", "wrong")
    owner = come_as("rosaline", account.password, resource="balcony")
    assert owner.jid == "rosaline@both.example/balcony"
    refused(come_as, "rosaline", "wrong")
    client = connect(domain="both.example")
    assert client.login(account).bare == account.jid  # SCRAM


def test_scram_is_for_accounts(connect):
    """Whoever takes any password cannot prove to know it."""
    client = connect(domain="both.example")
    client.start()
    refused(client.auth_scram, "SCRAM-SHA-1", "nobody", "x")
    client.auth_plain("nobody", "x")


def test_names_that_are_none(come_as):
    refused(come_as, "a b")
    refused(come_as, "a" * 1024)


def register(client, name):
    return client.set("<query xmlns='jabber:iq:register'>"
                      f"<username>{name}</username><password>x</password></query>")


def test_a_name_in_use_cannot_be_registered(come_as, connect):
    one = come_as("sampson")
    other = connect(domain="both.example")
    other.start()
    assert ns.stanza_error(register(other, "sampson")) == ("cancel", "conflict")
    one.close()
    assert register(other, "sampson").get("type") == "result"
    refused(come_as, "sampson", "wrong")


def test_an_account_gets_its_name_back(server, come_as):
    """It has been made behind our back while somebody had its name."""
    guest = come_as("gregory").available()
    account = server.account_named("gregory@both.example")
    owner = come_as("gregory", account.password).available()
    guest.expect_error("conflict")
    assert len(owner.ask("<query xmlns='jabber:iq:roster'/>")) == 0
    push = "<query xmlns='jabber:iq:roster'><item jid='a@localhost'/></query>"
    assert owner.set(push).get("type") == "result"
    refused(come_as, "gregory", "wrong")


# --- what they may not do ---

@pytest.mark.parametrize("payload", FORBIDDEN,
                         ids=["roster", "roster-remove", "private", "vcard", "remove", "password"])
def test_nothing_is_stored(enter, payload):
    client = enter()
    assert ns.stanza_error(client.set(payload)) == ("cancel", "not-allowed")


def test_what_they_have_is_empty(enter):
    client = enter().available()
    card = client.ask("<vCard xmlns='vcard-temp'/>")
    assert card.tag == ns.VCARD + "vCard" and len(card) == 0
    private = client.ask("<query xmlns='jabber:iq:private'><n xmlns='urn:example:n'/></query>")
    assert [ns.show(e) for e in private[0]] == []
    assert client.ask("<query xmlns='jabber:iq:last'/>").get("seconds") == "0"
    answer = client.get("<query xmlns='jabber:iq:register'/>")
    assert ns.stanza_error(answer) == ("cancel", "not-allowed")


def test_no_subscriptions(enter, online):
    guest, juliet = enter().available(), online()
    juliet.ask("<query xmlns='jabber:iq:roster'/>")
    for kind in ("subscribe", "subscribed"):
        guest.presence(juliet.bare, kind)
        error = guest.expect_presence(juliet.bare, "error")
        assert ns.stanza_error(error) == ("cancel", "not-allowed")
    assert fence(guest, juliet) == []
    juliet.presence(guest.bare, "subscribe")
    juliet.expect_presence(guest.bare, "unsubscribed")
    assert fence(juliet, guest) == []
    guest.presence(juliet.jid)  # directed presence is theirs
    juliet.expect_presence(guest.jid)
    guest.close()
    juliet.expect_presence(guest.jid, "unavailable")


def test_discovery_says_what_they_are(enter, online):
    guest, juliet = enter(), online()
    for asker in (guest, juliet):
        info = asker.ask("<query xmlns='http://jabber.org/protocol/disco#info'/>", guest.bare)
        identity = info.find(ns.DISCO_INFO + "identity")
        assert (identity.get("category"), identity.get("type")) == ("account", "anonymous")
    own = juliet.ask("<query xmlns='http://jabber.org/protocol/disco#info'/>", juliet.bare)
    assert own.find(ns.DISCO_INFO + "identity").get("type") == "registered"
    for payload in ("<query xmlns='http://jabber.org/protocol/disco#items'/>",
                    "<vCard xmlns='vcard-temp'/>"):
        answer = juliet.get(payload, guest.bare)
        assert ns.stanza_error(answer) == ("cancel", "service-unavailable")


def test_messages_are_not_kept(server, enter, online):
    guest, juliet = enter(), online()
    text = "<body>kept</body>"
    juliet.message(guest.bare, inner=text, type_="chat")  # it is not available
    error = juliet.expect(lambda s: s.tag == ns.MESSAGE)
    assert ns.stanza_error(error) == ("cancel", "service-unavailable")
    guest.available()
    juliet.message(guest.bare, "now", "chat")
    guest.expect_message("now")
    guest.close()
    for to in (guest.jid, guest.bare, "nobody@localhost", "nobody@localhost/x"):
        juliet.message(to, inner=text, type_="chat")
        error = juliet.expect(lambda s: s.tag == ns.MESSAGE)
        assert ns.stanza_error(error) == ("cancel", "service-unavailable")
    assert settle(juliet, guest.bare) == settle(juliet, "nobody@localhost") == []
    name = guest.jid.split("@")[0]
    assert rows(server, name) == set()


def test_nothing_is_left_of_a_name(server, come_as, online):
    guest = come_as("peter").available()
    guest.presence(type_="unavailable", inner="<status>gone</status>")
    guest.close()
    again = come_as("peter").available()
    assert again.sync() == []
    again.close()
    assert rows(server, "peter") == set()
    done = server.run("user", "list", "both.example")
    assert "peter" not in done.stdout


def test_the_next_one_gets_nothing_of_the_last(come_as, online):
    juliet = online()
    one = come_as("abram").available()
    one.presence(juliet.jid)
    juliet.expect_presence(one.jid)
    one.abort()
    juliet.expect_presence(one.jid, "unavailable")
    come_as("abram").available().close()


# --- beside other methods ---

@pytest.fixture
def service():
    one = Service()
    yield one
    one.stop()


def test_a_service_is_asked_whose_the_name_is(new_server, service):
    """The listener allows `anonymous` alone, and yet nobody gets an account's name."""
    service.accounts["romeo"] = "secret"
    server = new_server(listeners={"plain": {"allowed_auth_methods": ["anonymous"]}}, over={
        "auth": {"methods": ["anonymous", "http"], "http": {},
                 "anonymous": {"protocol": "login_anon"}, "password": {"format": "plain"}},
        "outgoing_pools": {"http": {"auth": {
            "connection": {"host": f"http://127.0.0.1:{service.port}"}}}}})

    def come(name):
        return server.connect().login(Account(f"{name}@localhost", "x"), mechanism="PLAIN")

    refused(come, "romeo")
    guest = come("mercutio")
    assert {what for what, *_ in service.asked} == {"/user_exists"}
    service.broken = (500, "")
    refused(come, "benvolio", condition="temporary-auth-failure")
    assert "user_exists" in server.read_log()  # what to look at
    service.broken = None
    come("benvolio").abort()  # the name has been given back
    guest.abort()


def test_binds_of_one_name_at_once(connect):
    """All of them wait for the same answer of the database."""
    account = Account("mercutio@many.example", "x")
    clients = [connect(domain="many.example").login(account, mechanism="PLAIN", bind=False)
               for _ in range(4)]
    for client in clients:
        client.send(f"<iq type='set' id='b'><bind xmlns='{ns.BIND[1:-1]}'/></iq>")
    assert [c.stanza().get("type") for c in clients] == ["result"] * 4


def test_nothing_is_left_of_an_account_tried_before(new_server, service):
    service.accounts["romeo"] = serialised()
    server = new_server(over={
        "auth": {"methods": ["http", "anonymous"]},
        "outgoing_pools": {"http": {"auth": {"connection": {
            "host": f"http://127.0.0.1:{service.port}"}}}}})
    client = server.connect()
    client.start()
    challenge = client.auth("SCRAM-SHA-1", Scram("SCRAM-SHA-1", "romeo", "wrong").first())
    assert challenge.tag == ns.SASL + "challenge"
    assert client.sasl(AUTH).tag == ns.SASL + "success"
    client.restart()
    client.start()
    client.bind()
    assert rows(server, client.jid.split("@")[0]) == set()


def test_nobody_comes_by_a_name_that_is_being_registered(new_server, service):
    server = new_server(over={
        "auth": {"methods": ["http", "internal", "anonymous"],
                 "anonymous": {"protocol": "login_anon"}},
        "modules": {"mod_register": {}},
        "outgoing_pools": {"http": {"auth": {"connection": {
            "host": f"http://127.0.0.1:{service.port}"}}}}})
    service.gates["user_exists"] = gate = Gate()
    owner = server.connect()
    owner.start()
    owner.send("<iq type='set' id='r'><query xmlns='jabber:iq:register'>"
               "<username>romeo</username><password>secret</password></query></iq>")
    gate.wait()
    refused(server.connect().login, Account("romeo@localhost", "x"), mechanism="PLAIN")
    gate.open()
    assert owner.stanza().get("type") == "result"
    refused(server.connect().login, Account("romeo@localhost", "x"), mechanism="PLAIN")
