"""[[host_config]]: what a domain has of its own."""
import pytest

from lib import ns
from lib.client import Account, SaslFailure
from lib.ports import free_port
from lib.server import PASSWORD

LISTENERS = {"plain": {"access": "c2s"}}
CONFIG = {
    "acl": {"blocked": [{"user": "mallory"}]},
    "access": {"c2s": [{"acl": "blocked", "value": "deny"},
                       {"acl": "all", "value": "allow"}]},
    "host_config": [{
        "host": "other.example",
        "auth": {"sasl_mechanisms": ["scram_sha256"],
                 "password": {"hash": ["sha256"], "scram_iterations": 2048}},
        "modules": {"mod_disco": {}, "mod_ping": {}},
        "acl": {"blocked": [{"user": "eve"}]},
        "access": {"c2s": [{"acl": "guests", "value": "deny"}]},
    }],
}
CONFIG["host_config"][0]["acl"]["guests"] = [{"user_glob": "guest*"}]
HASHES = {"localhost": "SCRAM-SHA-1", "other.example": "SCRAM-SHA-256"}
PING = "<ping xmlns='urn:xmpp:ping'/>"
VERSION = "<query xmlns='jabber:iq:version'/>"


@pytest.fixture(scope="module")
def accounts(server):
    names = ("romeo", "mallory", "eve", "guest1")
    made = [Account(f"{name}@{domain}", PASSWORD) for name in names for domain in HASHES]
    server.make_accounts(made)
    return {a.jid: a for a in made}


def mechanisms(features):
    return [m.text for m in features.find(ns.SASL + "mechanisms")]


def enter(connect, account, **kwargs):
    return connect(domain=account.domain).login(
        account, mechanism=HASHES[account.domain], **kwargs)


def test_mechanisms_are_the_domains(connect):
    assert mechanisms(connect(domain="other.example").start()[1]) == ["SCRAM-SHA-256"]
    assert "SCRAM-SHA-1" in mechanisms(connect().start()[1])


def test_other_mechanisms_are_refused(connect, accounts):
    client = connect(domain="other.example")
    client.start()
    with pytest.raises(SaslFailure) as failure:
        client.auth_scram("SCRAM-SHA-1", "romeo", PASSWORD)
    assert failure.value.condition == "invalid-mechanism"


def test_passwords_are_stored_as_the_domain_has_it(connect, accounts):
    for domain, iterations in (("localhost", 4096), ("other.example", 2048)):
        client = connect(domain=domain)
        client.start()
        scram = client.auth_scram("SCRAM-SHA-256", "romeo", PASSWORD)
        assert scram.iterations == iterations


def test_unknown_accounts_look_like_those_of_the_domain(connect, accounts):
    for domain, iterations in (("localhost", 4096), ("other.example", 2048)):
        client = connect(domain=domain)
        client.start()
        with pytest.raises(SaslFailure) as failure:
            client.auth_scram("SCRAM-SHA-256", "nobody", PASSWORD)
        assert failure.value.condition == "not-authorized"


def test_modules_are_the_domains(connect, accounts):
    here = enter(connect, accounts["romeo@localhost"])
    there = enter(connect, accounts["romeo@other.example"])
    assert there.get(PING, "other.example").get("type") == "result"
    assert ns.stanza_error(there.get(VERSION, "other.example")) == \
        ("cancel", "service-unavailable")
    assert here.get(VERSION, "localhost").get("type") == "result"
    # Whose module answers is a matter of whom the question is for.
    assert there.get(VERSION, "localhost").get("type") == "result"
    assert ns.stanza_error(here.get(VERSION, "other.example")) == \
        ("cancel", "service-unavailable")
    info = there.ask("<query xmlns='http://jabber.org/protocol/disco#info'/>", "other.example")
    features = {f.get("var") for f in info.findall(ns.DISCO_INFO + "feature")}
    assert "urn:xmpp:ping" in features and "jabber:iq:version" not in features


def test_domains_talk_to_each_other(connect, accounts):
    here = enter(connect, accounts["romeo@localhost"], resource="a")
    there = enter(connect, accounts["romeo@other.example"], resource="b")
    here.message(there.jid, "wherefore")
    assert there.expect_message("wherefore").get("from") == here.jid
    there.message(here.jid, "art thou")
    assert here.expect_message("art thou").get("from") == there.jid


def test_no_messages_are_kept_without_the_module(connect, accounts):
    here = enter(connect, accounts["romeo@localhost"])
    here.message("eve@other.example", "anybody?", "chat")
    bounced = here.expect(lambda s: s.tag == ns.MESSAGE and s.get("type") == "error")
    assert ns.stanza_error(bounced) == ("cancel", "service-unavailable")


@pytest.mark.parametrize("jid, allowed", [
    ("romeo@localhost", True), ("mallory@localhost", False), ("eve@localhost", True),
    ("guest1@localhost", True), ("romeo@other.example", True),
    ("mallory@other.example", False), ("eve@other.example", False),
    ("guest1@other.example", False),
])
def test_access_is_the_domains(connect, accounts, jid, allowed):
    client = enter(connect, accounts[jid], bind=False)
    answer = client.bind("r")
    if allowed:
        assert answer.get("type") == "result"
    else:
        assert ns.stanza_error(answer) == ("cancel", "not-allowed")


@pytest.mark.parametrize("config, complaint", [
    ([{"host": "unknown.example"}], "host_config[1].host: expected one of general.hosts"),
    ([{"host": "localhost"}, {"host": "localhost"}],
     "host_config[2].host: host_config[1] is about this domain"),
    ([{"host": "localhost", "auth": {"methods": ["interal"]}}],
     "host_config[1].auth.methods[1]"),
    ([{"host": "localhost", "access": {"c2s": [{"acl": "x", "value": "deny"}]}}],
     'expected a class of [acl], found "x"'),
    ([{"modules": {}}], "host_config[1].host: this option is mandatory"),
])
def test_mistakes(new_server, config, complaint):
    server = new_server({"host_config": config}, {"plain": {}}, start=False)
    server.ports = {"plain": free_port()}
    server.write_config()
    done = server.run("check")
    assert done.returncode == 1
    assert complaint in done.stdout + done.stderr
