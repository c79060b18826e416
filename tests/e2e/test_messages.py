"""Where messages go (RFC 6120 sections 8 and 10, RFC 6121 sections 5 and 8)."""
import pytest

from lib import ns
from lib.client import Account, fence, settle
from lib.server import PASSWORD

TYPES = [None, "normal", "chat", "headline", "groupchat"]
ID = lambda t: t or "no-type"  # noqa: E731


@pytest.fixture
def sender(online):
    return online()


def returned(sender, id_):
    """The (type, condition) of the error with which this message came back."""
    back = sender.expect(lambda s: s.tag == ns.MESSAGE and s.get("id") == id_)
    return ns.stanza_error(back)


# --- what the server does to a stanza ---

def test_from_is_stamped(sender, online):
    receiver = online()
    id_ = sender.message(receiver.jid, "hi", "chat")
    got = receiver.expect_message("hi")
    assert got.get("from") == sender.jid
    assert got.get("to") == receiver.jid
    assert got.get("id") == id_
    assert got.get("type") == "chat"


def test_bare_from_becomes_full(sender, online):
    receiver = online()
    sender.send(f"<message from='{sender.bare}' to='{receiver.jid}'><body>x</body></message>")
    assert receiver.expect_message("x").get("from") == sender.jid


def test_content_is_kept(sender, online):
    receiver = online()
    content = ("<subject>S &amp; T</subject>"
               "<body xml:lang='cs'>&lt;\u017elu\u0165&gt; \U0001F980</body>"
               "<x xmlns='urn:example:x' a=\"it's\"><p:y xmlns:p='urn:example:p' p:b='1'/>t</x>")
    sender.message(receiver.jid, type_="chat", inner=content)
    got = receiver.expect_message()
    assert got.findtext(ns.CLIENT + "subject") == "S & T"
    body = got.find(ns.CLIENT + "body")
    assert body.text == "<\u017elu\u0165> \U0001F980" and body.get(ns.XML_LANG) == "cs"
    x = got.find("{urn:example:x}x")
    assert x.get("a") == "it's"
    assert x[0].tag == "{urn:example:p}y" and x[0].get("{urn:example:p}b") == "1"
    assert x[0].tail == "t"


def test_cdata(sender, online):
    receiver = online()
    sender.message(receiver.jid, type_="chat", inner="<body><![CDATA[<raw> & ]]></body>")
    assert ns.body(receiver.expect_message()) == "<raw> & "


def test_prefix_of_the_stream_header(server, connect, online):
    """A prefix that the sender's header declares does not exist on the receiver's stream."""
    receiver = online()
    account = server.account()
    c = connect()
    c.start()
    c.auth_scram("SCRAM-SHA-1", account.user, account.password)
    c.restart()
    c.start(attributes="xmlns:ex='urn:example:ex'")
    c.bind()
    c.send(f"<message to='{receiver.jid}'><ex:thing ex:a='1'/></message>")
    got = receiver.expect_message()
    thing = got.find("{urn:example:ex}thing")
    assert thing is not None and thing.get("{urn:example:ex}a") == "1"


def test_language_of_the_stream(server, connect, online):
    """RFC 6120 8.1.5: a stanza without xml:lang has the language of its stream."""
    receiver = online()
    account = server.account()
    c = connect()
    c.start()
    c.auth_scram("SCRAM-SHA-1", account.user, account.password)
    c.restart()
    c.start(attributes="xml:lang='de'")
    c.bind()
    c.message(receiver.jid, "Guten Tag")
    assert receiver.expect_message().get(ns.XML_LANG) == "de"
    c.send(f"<message to='{receiver.jid}' xml:lang='fr'><body>Bonjour</body></message>")
    assert receiver.expect_message().get(ns.XML_LANG) == "fr"


def test_order(sender, online):
    receiver = online()
    for i in range(300):
        sender.message((receiver.jid, receiver.bare)[i % 2], str(i), "chat")
    assert [ns.body(receiver.expect_message()) for i in range(300)] == \
        [str(i) for i in range(300)]


def test_message_to_oneself(sender):
    sender.message(sender.jid, "note", "chat")
    assert ns.body(sender.expect_message()) == "note"


def test_message_without_to_is_for_the_own_account(sender):
    sender.message(None, "note")
    assert ns.body(sender.expect_message("note")) == "note"


@pytest.mark.parametrize("to", ["@localhost", "a@@localhost", "romeo@", "a b@localhost",
                                "romeo@localhost/", "\"@localhost"])
def test_malformed_address(sender, to):
    id_ = sender.message(to.replace('"', "&"), "hi")
    assert returned(sender, id_)[1] == "jid-malformed"


def test_address_is_prepared(sender, online):
    receiver = online()
    local, domain = receiver.bare.split("@")
    sender.message(f"{local.upper()}@{domain.upper()}", "hi", "chat")
    receiver.expect_message("hi")


def test_resource_is_case_sensitive(server, sender, online):
    account = server.account()
    upper, lower = online(account, "A"), online(account, "a")
    sender.message(upper.jid, "upper")
    sender.message(lower.jid, "lower")
    upper.expect_message("upper")
    lower.expect_message("lower")
    assert ns.body(fence(sender, upper)[-1]) is None  # presence of the other, no message


def test_remote_domain(sender):
    id_ = sender.message("romeo@remote.example", "hi")
    assert returned(sender, id_)[1] == "remote-server-not-found"


def test_unknown_type_is_normal(sender, online):
    receiver = online()
    sender.message(receiver.bare, "hi", "telepathy")
    assert receiver.expect_message("hi").get("type") in ("telepathy", "normal", None)


def test_message_to_the_server(sender):
    """The server may ignore it or answer; the session goes on."""
    sender.message("localhost", "hi")
    assert all(s.get("type") == "error" for s in sender.sync())


# --- no such account (RFC 6121 8.5.1) ---

@pytest.mark.parametrize("resource", ["", "/x"], ids=["bare", "full"])
@pytest.mark.parametrize("type_", TYPES, ids=ID)
def test_no_such_account(sender, type_, resource):
    """Dropped or returned, as table 1 of RFC 6121 has it."""
    to = "nobody@localhost" + resource
    id_ = sender.message(to, "hi", type_)
    back = settle(sender, to)
    for s in back:
        assert s.get("id") == id_
        assert ns.stanza_error(s) == ("cancel", "service-unavailable")
    if type_ == "groupchat" and not resource:
        assert back


def test_no_such_account_error_is_dropped(sender):
    sender.message("nobody@localhost", type_="error", inner="<error type='cancel'>"
                   "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
    assert settle(sender, "nobody@localhost") == []


@pytest.mark.parametrize("type_", [None, "chat", "groupchat"], ids=ID)
def test_no_such_account_is_told(sender, type_):
    id_ = sender.message("nobody@localhost", "hi", type_)
    assert returned(sender, id_) == ("cancel", "service-unavailable")


# --- bare JID, available resources (8.5.2.1) ---

@pytest.mark.parametrize("type_", [None, "normal", "chat", "headline"], ids=ID)
def test_bare_to_the_available(sender, online, type_):
    receiver = online()
    sender.message(receiver.bare, "hi", type_)
    got = receiver.expect_message("hi")
    assert got.get("to") == receiver.bare, "the address stays as the sender wrote it"


def test_bare_headline_goes_to_all_with_non_negative_priority(server, sender, online):
    account = server.account()
    one, two = online(account, "one", 5), online(account, "two", 0)
    three = online(account, "three", -1)
    sender.message(account.jid, "news", "headline")
    one.expect_message("news")
    two.expect_message("news")
    assert not [s for s in fence(sender, three) if s.tag == ns.MESSAGE]


@pytest.mark.parametrize("type_", [None, "chat"], ids=ID)
def test_bare_not_to_negative_priority(server, sender, online, type_):
    account = server.account()
    one, two = online(account, "one", 1), online(account, "two", -1)
    sender.message(account.jid, "hi", type_)
    one.expect_message("hi")
    assert not [s for s in fence(sender, two) if s.tag == ns.MESSAGE]


@pytest.mark.parametrize("type_", [None, "chat"], ids=ID)
def test_bare_reaches_the_highest_priority(server, sender, online, type_):
    """To all or to the most available of them: the highest priority gets it in any case."""
    account = server.account()
    online(account, "low", 0)
    high = online(account, "high", 10)
    sender.message(account.jid, "hi", type_)
    high.expect_message("hi")


def test_bare_not_to_a_session_without_presence(server, sender, login, online):
    account = server.account()
    silent = login(account, "silent")
    present = online(account, "present")
    sender.message(account.jid, "hi", "chat")
    present.expect_message("hi")
    assert not [s for s in fence(sender, silent) if s.tag == ns.MESSAGE]


def test_bare_groupchat(sender, online):
    receiver = online()
    id_ = sender.message(receiver.bare, "hi", "groupchat")
    assert returned(sender, id_) == ("cancel", "service-unavailable")
    assert fence(sender, receiver) == []


def test_bare_error_is_dropped(sender, online):
    receiver = online()
    sender.message(receiver.bare, type_="error", inner="<error type='cancel'>"
                   "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
    assert fence(sender, receiver) == []
    assert settle(sender, receiver.bare) == []


def test_priority_can_change(server, sender, online):
    account = server.account()
    one, two = online(account, "one", 5), online(account, "two", 0)
    one.available(-5)
    sender.message(account.jid, "hi", "chat")
    two.expect_message("hi")
    assert not [s for s in fence(sender, one) if s.tag == ns.MESSAGE]


# --- full JID (8.5.3) ---

@pytest.mark.parametrize("type_", TYPES + ["error"], ids=ID)
@pytest.mark.parametrize("priority", [0, -1], ids=["available", "negative"])
def test_full_match(sender, online, type_, priority):
    receiver = online(priority=priority)
    inner = ("<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
             if type_ == "error" else "")
    sender.message(receiver.jid, "hi", type_, inner=inner)
    assert receiver.expect_message("hi").get("type") in (type_, type_ or "normal")


@pytest.mark.parametrize("type_", TYPES, ids=ID)
def test_full_match_without_presence(sender, login, type_):
    receiver = login()
    sender.message(receiver.jid, "hi", type_)
    receiver.expect_message("hi")


def test_full_no_match_chat_goes_to_the_others(sender, online):
    receiver = online()
    sender.message(receiver.bare + "/gone", "hi", "chat")
    assert receiver.expect_message("hi").get("to") == receiver.bare + "/gone"


@pytest.mark.parametrize("type_", [None, "normal", "groupchat", "headline"], ids=ID)
def test_full_no_match(sender, online, type_):
    """8.5.3.2.1: dropped or returned, never delivered elsewhere."""
    receiver = online()
    id_ = sender.message(receiver.bare + "/gone", "hi", type_)
    assert not [s for s in fence(sender, receiver) if s.tag == ns.MESSAGE]
    for back in settle(sender, receiver.bare + "/gone"):
        assert back.get("id") == id_
        assert ns.stanza_error(back) == ("cancel", "service-unavailable")


def test_full_no_match_error_is_dropped(sender, online):
    receiver = online()
    sender.message(receiver.bare + "/gone", type_="error", inner="<error type='cancel'>"
                   "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
    assert fence(sender, receiver) == []
    assert settle(sender, receiver.bare) == []


# --- nobody there (8.5.2.2); that normal and chat are stored: test_offline.py ---

@pytest.mark.parametrize("type_", ["headline", "error"])
def test_nobody_there_dropped(server, sender, type_):
    to = server.account().jid
    sender.message(to, type_=type_, inner="<body>hi</body><error type='cancel'>"
                   "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
    assert settle(sender, to) == []


def test_nobody_there_groupchat(server, sender):
    id_ = sender.message(server.account().jid, "hi", "groupchat")
    assert returned(sender, id_) == ("cancel", "service-unavailable")


def test_error_keeps_the_id_and_turns_the_addresses(server, sender):
    to = server.account().jid
    id_ = sender.message(to, "hi", "groupchat")
    back = sender.expect_message()
    assert back.get("id") == id_
    assert back.get("from") == to
    assert back.get("to") == sender.jid


def test_delivery_across_domains(server, sender, connect):
    other = Account(f"{sender.account.user}@other.example", PASSWORD)
    server.make_accounts([other])
    c = connect(domain="other.example").login(other).available()
    sender.message(c.bare, "hi", "chat")
    assert c.expect_message("hi").get("from") == sender.jid
    c.message(sender.jid, "hi yourself", "chat")
    sender.expect_message("hi yourself")
