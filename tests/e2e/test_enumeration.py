"""Who asks for accounts gets the same answers for those that there are and for those that there are
not: at logins, byte for byte, and later, where the two may not be told apart."""
import base64
import hashlib
import hmac
import json
import os

import pytest

from lib import ns
from lib.auth_service import Service
from lib.client import Account, SaslFailure, settle
from lib.directory import Directory, address_certificate
from lib.scram import HASHES, serialised
from lib.server import PASSWORD

PROGRAM = os.path.join(os.path.dirname(__file__), "lib", "external_auth.py")
KNOWN, UNKNOWN = "romeo", "tybal"  # names of one length
CONFIG = {
    "general": {"hosts": ["localhost", "plain.example"]},
    "host_config": [{"host": "plain.example", "auth": {
        "methods": ["internal"],
        "password": {"format": "plain", "scram_iterations": 4096}}}],
}
LISTENERS = {"plain": {}}


def attempt(server, user, mechanism, domain="localhost"):
    """All that the server says to a wrong password, without what is random."""
    with server.connect(domain=domain) as client:
        client.start()
        with pytest.raises(SaslFailure):
            if mechanism == "PLAIN":
                client.auth_plain(user, "wrong")
            else:
                client.auth_scram(mechanism, user, "wrong")
        client.send("</stream:stream>")
        client.event()
        received = client.received.decode()
    return client, received.split("</stream:features>")[1]


def challenge(server, user, mechanism, domain="localhost"):
    """(salt, iterations, length of the nonce)."""
    with server.connect(domain=domain) as client:
        client.start()
        answer = client.auth(mechanism, f"n,,n={user},r=abc".encode())
        fields = dict(f.split("=", 1) for f in base64.b64decode(answer.text).decode().split(","))
        return fields["s"], fields["i"], len(fields["r"])


def same(server, mechanism, domain="localhost"):
    known, unknown = (attempt(server, user, mechanism, domain)[1] for user in (KNOWN, UNKNOWN))
    if mechanism == "PLAIN":
        assert known == unknown and "<not-authorized/>" in known
        return
    cut = [text[text.index("</challenge>"):] for text in (known, unknown)]
    assert cut[0] == cut[1] and "<not-authorized/>" in cut[0]
    one, other = (challenge(server, user, mechanism, domain) for user in (KNOWN, UNKNOWN))
    assert one[1:] == other[1:] and one[1] == "4096"
    assert len(base64.b64decode(one[0])) == len(base64.b64decode(other[0]))
    assert challenge(server, KNOWN, mechanism, domain) == one  # the same each time
    assert challenge(server, UNKNOWN, mechanism, domain) == other


@pytest.fixture(scope="module")
def accounts(server):
    for domain in ("localhost", "plain.example"):
        server.account_named(f"{KNOWN}@{domain}")


@pytest.mark.parametrize("mechanism", ["PLAIN", *HASHES])
@pytest.mark.parametrize("domain", ["localhost", "plain.example"])
def test_internal(server, accounts, domain, mechanism):
    same(server, mechanism, domain)


@pytest.fixture
def service():
    one = Service()
    one.accounts[KNOWN] = "secret"
    yield one
    one.stop()


@pytest.mark.parametrize("form", ["scram", "plain"])
def test_http(new_server, service, form):
    if form == "scram":
        service.accounts[KNOWN] = serialised("secret")
    server = new_server(listeners=LISTENERS, over={
        "auth": {"methods": ["http"], "http": {},
                 "password": {"format": form, "scram_iterations": 4096}},
        "outgoing_pools": {"http": {"auth": {
            "connection": {"host": f"http://127.0.0.1:{service.port}"}}}}})
    for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-512"):
        same(server, mechanism)


def test_external(new_server, tmp_path):
    (tmp_path / "accounts").write_text(f"{KNOWN}:secret\n", encoding="utf-8")
    same(new_server(listeners=LISTENERS, over={"auth": {
        "methods": ["external"],
        "external": {"program": f"{PROGRAM} {tmp_path / 'accounts'}"}}}), "PLAIN")


def test_ldap(new_server, tmp_path):
    directory = Directory(tmp_path, [(KNOWN, "secret", "staff")], address_certificate(tmp_path))
    try:
        reach = {"servers": ["127.0.0.1"], "port": directory.port, "connect_interval": 100}
        reader = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}
        same(new_server(listeners=LISTENERS, over={
            "auth": {"methods": ["ldap"], "ldap": {"base": "ou=users,dc=example,dc=net"}},
            "outgoing_pools": {"ldap": {"default": {"connection": reach | reader},
                                        "bind": {"connection": reach}}}}), "PLAIN")
    finally:
        directory.stop()


def token(user, key=b"key"):
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=")
             for p in ({"alg": "HS256"}, {"user": user})]
    text = b".".join(parts)
    mac = hmac.new(key, text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def test_jwt(new_server):
    """Who has logged in before is known to the database from then on."""
    server = new_server(listeners=LISTENERS, over={"auth": {"methods": ["jwt"], "jwt": {
        "secret": {"value": "key"}, "algorithm": "HS256", "username_key": "user"}}})
    server.connect().login(Account(f"{KNOWN}@localhost", token(KNOWN)), mechanism="PLAIN").close()
    same(server, "PLAIN")


# --- after the login: RFC 6121 8.5.1 ---

QUESTIONS = {
    "info": ("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
    "items": ("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>"),
    "vcard": ("get", "<vCard xmlns='vcard-temp'/>"),
    "vcard-set": ("set", "<vCard xmlns='vcard-temp'><FN>x</FN></vCard>"),
    "last": ("get", "<query xmlns='jabber:iq:last'/>"),
    "private": ("get", "<query xmlns='jabber:iq:private'><n xmlns='urn:example:n'/></query>"),
    "private-set": ("set", "<query xmlns='jabber:iq:private'><n xmlns='urn:example:n'/></query>"),
    "roster": ("get", "<query xmlns='jabber:iq:roster'/>"),
    "register": ("get", "<query xmlns='jabber:iq:register'/>"),
    "ping": ("get", "<ping xmlns='urn:xmpp:ping'/>"),
    "version": ("get", "<query xmlns='jabber:iq:version'/>"),
    "time": ("get", "<time xmlns='urn:xmpp:time'/>"),
    "unknown": ("get", "<query xmlns='urn:example:unknown'/>"),
}


@pytest.mark.parametrize("resource", ["", "/orchard"], ids=["bare", "full"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_to_accounts(accounts, login, question, resource):
    """The account is offline, and there is no subscription."""
    asker = login()
    type_, payload = QUESTIONS[question]
    errors = [ns.stanza_error(asker.iq(type_, payload, f"{user}@localhost{resource}"))
              for user in (KNOWN, UNKNOWN)]
    assert errors[0] == errors[1]


@pytest.mark.parametrize("type_", ["probe", "subscribe", "unsubscribe", "subscribed",
                                   "unsubscribed", "unavailable", None])
def test_presence_to_accounts(server, accounts, login, online, type_):
    """Also of one that is in memory, since it has been asked something."""
    asker = online()
    asker.ask("<query xmlns='jabber:iq:roster'/>")
    loaded = server.account()
    got = []
    for jid in (f"{KNOWN}@localhost", f"{UNKNOWN}@localhost", loaded.jid):
        if jid == loaded.jid:
            settle(asker, jid)
        asker.presence(jid, type_)
        # Behind the change of its own roster, and behind what that has sent to the account.
        asker.ask(QUESTIONS["private-set"][1], type_="set")
        got.append(sorted((s.tag, s.get("type") or "") for s in settle(asker, jid)))
    assert got[0] == got[1] == got[2]


def test_headlines_to_accounts(accounts, login):
    """RFC 6121 8.5.1: ignored, as one to somebody offline is."""
    asker = login()
    for user in (KNOWN, UNKNOWN):
        asker.message(f"{user}@localhost", "news", "headline")
        assert settle(asker, f"{user}@localhost") == []
