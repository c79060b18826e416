"""Service discovery and what the server says of itself (XEP-0030, 0115, 0157, 0092, 0202)."""
import base64
import datetime
import hashlib
import re

import pytest

from lib import ns
from lib.client import befriend

CONFIG = {"modules": {"mod_disco": {
    "extra_domains": ["extra.example"],
    "server_info": [
        {"name": "abuse-addresses", "urls": ["mailto:abuse@example.com",
                                             "xmpp:abuse@example.com"]},
        {"name": "admin-addresses", "urls": ["mailto:admin@example.com"]},
    ],
}}}


def info(client, to=None, node=None):
    attribute = f" node='{node}'" if node else ""
    return client.get(f"<query xmlns='http://jabber.org/protocol/disco#info'{attribute}/>", to)


def items(client, to=None):
    return client.get("<query xmlns='http://jabber.org/protocol/disco#items'/>", to)


def features(query):
    return {f.get("var") for f in query.findall(ns.DISCO_INFO + "feature")}


def identities(query):
    return {(i.get("category"), i.get("type")) for i in query.findall(ns.DISCO_INFO + "identity")}


@pytest.fixture
def c(online):
    return online()


# --- the server ---

def test_server_info(c):
    answer = info(c, "localhost")
    assert answer.get("from") == "localhost"
    query = answer.find(ns.DISCO_INFO + "query")
    assert ("server", "im") in identities(query)
    assert {"http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items",
            "jabber:iq:version", "urn:xmpp:time", "jabber:iq:last", "urn:xmpp:ping",
            "msgoffline"} <= features(query)


def test_features_once(c):
    query = info(c, "localhost")[0]
    listed = [f.get("var") for f in query.findall(ns.DISCO_INFO + "feature")]
    assert len(listed) == len(set(listed))


def test_no_registration_by_default(c):
    assert "jabber:iq:register" not in features(info(c, "localhost")[0])


def test_contact_addresses(c):
    query = info(c, "localhost")[0]
    form = query.find(ns.DATA_FORM + "x")
    assert form is not None and form.get("type") == "result"
    fields = {f.get("var"): [v.text for v in f] for f in form}
    assert fields["FORM_TYPE"] == ["http://jabber.org/network/serverinfo"]
    assert fields["abuse-addresses"] == ["mailto:abuse@example.com", "xmpp:abuse@example.com"]
    assert fields["admin-addresses"] == ["mailto:admin@example.com"]


def test_server_items(c):
    query = items(c, "localhost")[0]
    assert "extra.example" in {i.get("jid") for i in query}


@pytest.mark.parametrize("ask", [info, items])
def test_domain_that_is_not_ours(c, ask):
    assert ns.stanza_error(ask(c, "remote.example"))[1] == "remote-server-not-found"


def test_unknown_node(c):
    assert ns.stanza_error(info(c, "localhost", "no such node")) == ("cancel", "item-not-found")


# --- capabilities ---

def verification_string(query):
    """XEP-0115 5.1."""
    parts = sorted("/".join((i.get("category"), i.get("type"), i.get(ns.XML_LANG, ""),
                             i.get("name", "")))
                   for i in query.findall(ns.DISCO_INFO + "identity"))
    parts += sorted(features(query))
    for form in sorted(query.findall(ns.DATA_FORM + "x"), key=lambda f: f.findtext(".//")):
        fields = {f.get("var"): sorted(v.text for v in f) for f in form}
        parts += fields.pop("FORM_TYPE")
        for name in sorted(fields):
            parts += [name] + fields[name]
    return "".join(part + "<" for part in parts)


def test_capabilities(server, connect):
    account = server.account()
    c = connect()
    c.start()
    c.auth_scram("SCRAM-SHA-1", account.user, account.password)
    c.restart()
    _, stream_features = c.start()
    caps = stream_features.find(ns.CAPS + "c")
    assert caps is not None and caps.get("hash") == "sha-1"
    c.bind()
    node = f"{caps.get('node')}#{caps.get('ver')}"
    query = info(c, "localhost", node)[0]
    assert query.get("node") == node
    text = verification_string(query)
    digest = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
    assert caps.get("ver") == digest, text
    assert features(query) == features(info(c, "localhost")[0])
    longest = f"{'n' * (3071 - len(caps.get('ver')) - 1)}#{caps.get('ver')}"
    assert info(c, "localhost", longest)[0].get("node") == longest
    for more in 1, 1_100_000:  # an answer repeats it
        too_long = f"{'n' * more}{longest}"
        assert ns.stanza_error(info(c, "localhost", too_long)) == ("cancel", "item-not-found")


# --- accounts ---

@pytest.mark.parametrize("to", ["own", None])
def test_own_account(c, to):
    query = info(c, c.bare if to else None)[0]
    assert ("account", "registered") in identities(query)


def test_account_of_a_friend(c, online):
    friend = online()
    befriend(c, friend)
    query = info(c, friend.bare)[0]
    assert ("account", "registered") in identities(query)
    assert items(c, friend.bare).get("type") == "result"


@pytest.mark.parametrize("ask", [info, items])
def test_account_of_a_stranger_is_like_no_account(c, online, ask):
    stranger = online()
    answers = [ns.stanza_error(ask(c, to)) for to in (stranger.bare, "nobody@localhost")]
    assert answers == [("cancel", "service-unavailable")] * 2


# --- version and time ---

def test_version(c):
    query = c.ask("<query xmlns='jabber:iq:version'/>", "localhost")
    assert query.findtext(ns.VERSION + "name") == "Meerkat"
    assert query.findtext(ns.VERSION + "version")
    assert query.find(ns.VERSION + "os") is None, "not by default"


def test_time(c):
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    query = c.ask("<time xmlns='urn:xmpp:time'/>", "localhost")
    after = datetime.datetime.now(datetime.timezone.utc)
    assert re.fullmatch(r"Z|[+-]\d\d:\d\d", query.findtext(ns.TIME + "tzo"))
    utc = query.findtext(ns.TIME + "utc")
    assert utc.endswith("Z")
    assert before <= datetime.datetime.fromisoformat(utc.replace("Z", "+00:00")) <= after


@pytest.mark.parametrize("payload", ["<query xmlns='jabber:iq:version'/>",
                                     "<time xmlns='urn:xmpp:time'/>"])
def test_nothing_to_set(c, payload):
    assert ns.stanza_error(c.set(payload, "localhost"))[1] in (
        "service-unavailable", "not-allowed", "bad-request", "feature-not-implemented")
