"""Resource binding (RFC 6120 section 7) and who may bind."""
import pytest

from lib import ns
from lib.server import Account, PASSWORD

CONFIG = {
    "acl": {"banned": [{"user": "banned", "server": "localhost"}]},
    "access": {
        "c2s": [{"acl": "banned", "value": "deny"}, {"acl": "all", "value": "allow"}],
        "max_user_sessions": [{"acl": "all", "value": 2}],
    },
}
LISTENERS = {
    "guarded": {"access": "c2s"},
    "no_session": {"backwards_compatible_session": False},
}
SESSION_IQ = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"


def test_features_after_authentication(connect, server):
    c = connect()
    account = server.account()
    c.start()
    c.auth_scram("SCRAM-SHA-1", account.user, account.password)
    c.restart()
    _, features = c.start()
    assert features.find(ns.BIND + "bind") is not None
    assert features.find(ns.SASL + "mechanisms") is None


def test_resource_made_by_the_server(server, login):
    account = server.account()
    jids = {login(account).jid for _ in range(2)}
    assert len(jids) == 2
    for jid in jids:
        assert ns.bare(jid) == account.jid
        assert jid[len(account.jid) + 1:]


def test_resource_chosen_by_the_client(login):
    c = login(resource="balc\u00f3ny \U0001F339")
    assert c.jid == f"{c.bare}/balc\u00f3ny \U0001F339"


@pytest.mark.parametrize("resource", ["x" * 1024, "a\u0007b"], ids=["long", "control"])
def test_bad_resource(login, resource):
    c = login(bind=False)
    if resource[1] == "\u0007":
        resource = "a\u200eb"  # what PRECIS disallows and XML allows
    answer = c.bind(resource)
    if answer.get("type") == "error":
        assert ns.stanza_error(answer)[1] == "bad-request"
    else:  # the server may also choose one itself (RFC 6120 7.7.2.1)
        assert not c.jid.endswith(resource)


def test_second_session_of_the_same_resource_replaces_the_first(server, login):
    account = server.account()
    old = login(account, "phone")
    new = login(account, "phone")
    assert new.jid == f"{account.jid}/phone"
    old.expect_error("conflict")
    assert new.sync() == []


def test_messages_go_to_the_new_session(server, login):
    account = server.account()
    old = login(account, "phone")
    new = login(account, "phone")
    old.expect_error("conflict")
    sender = login()
    sender.message(new.jid, "hello", "chat")
    assert ns.body(new.expect_message()) == "hello"


def test_sessions_of_other_resources_stay(server, login):
    account = server.account()
    one, two = login(account, "one"), login(account, "two")
    assert one.sync() == [] and two.sync() == []


def test_session_limit_replaces_the_oldest(server, login):
    account = server.account()
    one, two = login(account, "one"), login(account, "two")
    three = login(account, "three")
    one.expect_error("conflict")
    assert two.sync() == [] and three.sync() == []


def test_session_iq_is_optional(connect, server):
    account = server.account()
    c = connect()
    c.start()
    c.auth_scram("SCRAM-SHA-1", account.user, account.password)
    c.restart()
    _, features = c.start()
    session = features.find(ns.SESSION + "session")
    assert session is not None and session.find(ns.SESSION + "optional") is not None
    c.bind()
    assert c.sync() == []  # without it
    assert c.set(SESSION_IQ).get("type") == "result"


def test_no_session_iq(connect, server):
    account = server.account()
    c = connect("no_session")
    c.start()
    c.auth_scram("SCRAM-SHA-1", account.user, account.password)
    c.restart()
    _, features = c.start()
    assert features.find(ns.SESSION + "session") is None
    c.bind()
    assert ns.stanza_error(c.set(SESSION_IQ)) == ("cancel", "service-unavailable")


def test_stanza_before_bind(login):
    c = login(bind=False)
    c.send("<message to='romeo@localhost'/>")
    c.expect_error("not-authorized")


def test_second_bind(login):
    c = login()
    answer = c.set("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")
    assert answer.get("type") == "error"
    assert c.sync() == []


def test_access_rule(server, connect):
    banned = Account("banned@localhost", PASSWORD)
    server.make_accounts([banned])
    c = connect("guarded").login(banned, bind=False)
    for _ in range(5):
        assert ns.stanza_error(c.bind()) == ("cancel", "not-allowed")
    c.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    assert ns.stanza_error(c.stanza()) == ("cancel", "not-allowed")
    c.expect_error("policy-violation")


def test_access_rule_allows_others(server, connect):
    c = connect("guarded").login(server.account())
    assert c.sync() == []


def test_access_rule_is_the_listeners(server, connect):
    banned = Account("banned2@localhost", PASSWORD)
    server.make_accounts([banned])
    assert connect("plain").login(banned).sync() == []
