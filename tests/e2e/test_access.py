"""acl and access on the wire: who may bind, by each kind of pattern."""
import pytest

from lib import ns
from lib.client import Account
from lib.server import PASSWORD

def rule(*clauses):
    return [{"acl": acl, "value": value} for acl, value in clauses]


CONFIG = {
    "acl": {
        "glob": [{"user_glob": "ann*", "resource_glob": "[a-m]?\u00fc*"}],
        "regexp": [{"user_regexp": "^ann[0-9]*$", "server_regexp": r"^local\w+$",
                    "resource_regexp": "^(desk|phone)$"}],
        "union": [{"user": "bob"}, {"resource": "shared"}],
        "both": [{"user": "ann", "resource": "Phone"}],
        "evil": [{"resource_regexp": "^(a+)+$"}],
        "stars": [{"resource_glob": "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"}],
        "everywhere": [{"match": "any_hosted_domain"}],
        "never": [{"match": "none"}],
        "here": [{}],
    },
    "access": {
        "glob": rule(("glob", "allow")),
        "regexp": rule(("regexp", "allow")),
        "union": rule(("union", "allow")),
        "both": rule(("both", "deny"), ("all", "allow")),
        "evil": rule(("evil", "deny"), ("all", "allow")),
        "stars": rule(("stars", "deny"), ("all", "allow")),
        "everywhere": rule(("everywhere", "allow")),
        "never": rule(("never", "deny"), ("here", "allow"), ("all", "deny")),
        "order": rule(("here", "allow"), ("all", "deny")),
    },
}
LISTENERS = {name: {"access": name} for name in CONFIG["access"]} | {
    "all": {"access": "all"}, "none": {"access": "none"}}


@pytest.fixture(scope="module")
def accounts(server):
    made = [Account(f"{name}@{domain}", PASSWORD)
            for name in ("ann", "ann7", "annie", "bob") for domain in
            ("localhost", "other.example")]
    server.make_accounts(made)
    return {a.jid: a for a in made}


@pytest.mark.parametrize("listener, jid, allowed", [
    ("glob", "ann@localhost/ax\u00fc", True),
    ("glob", "annie@localhost/mx\u00fcz", True),
    ("glob", "bob@localhost/ax\u00fc", False),
    ("glob", "ann@localhost/zx\u00fc", False),
    ("glob", "ann@localhost/a\u00fc", False),
    ("regexp", "ann@localhost/desk", True),
    ("regexp", "ann7@localhost/phone", True),
    ("regexp", "annie@localhost/phone", False),
    ("regexp", "ann@localhost/desktop", False),
    ("union", "bob@localhost/x", True),
    ("union", "ann@localhost/shared", True),
    ("union", "ann@localhost/x", False),
    ("both", "ann@localhost/Phone", False),
    ("both", "ann@localhost/phone", True),
    ("both", "bob@localhost/Phone", True),
    ("everywhere", "ann@localhost/x", True),
    ("everywhere", "ann@other.example/x", True),
    ("never", "ann@localhost/x", True),
    ("order", "ann@localhost/x", True),
    ("all", "ann@localhost/x", True),
    ("none", "ann@localhost/x", False),
])
def test_who_may_bind(connect, accounts, listener, jid, allowed):
    account, resource = jid.split("/")
    account = accounts[account]
    client = connect(listener, domain=account.domain).login(account, bind=False)
    answer = client.bind(resource)
    if allowed:
        assert answer.get("type") == "result" and client.jid == jid
    else:
        assert ns.stanza_error(answer) == ("cancel", "not-allowed")


def test_another_resource_may_be_tried(connect, accounts):
    client = connect("both").login(accounts["ann@localhost"], bind=False)
    assert ns.stanza_error(client.bind("Phone")) == ("cancel", "not-allowed")
    assert client.bind("Desk").get("type") == "result"
    assert client.sync() == []


def test_who_may_not_bind_is_never_online(connect, accounts):
    denied = connect("both").login(accounts["ann@localhost"], bind=False)
    assert ns.stanza_error(denied.bind("Phone")) == ("cancel", "not-allowed")
    sender = connect("all").login(accounts["bob@localhost"])
    answer = sender.get("<query xmlns='urn:example:any'/>", "ann@localhost/Phone")
    assert ns.stanza_error(answer) == ("cancel", "service-unavailable")


def test_expression_that_explodes_denies_and_stalls_nobody(server, connect, accounts):
    """Who chooses such a resource is not let in past a rule that was to keep somebody out."""
    others = [connect().login(server.account()) for _ in range(4)]
    clients = [connect("evil").login(accounts["ann@localhost"], bind=False) for _ in range(4)]
    for client in clients:
        client.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                    f"<resource>{'a' * 100}!</resource></bind></iq>")
    for other in others:
        assert other.sync() == []
    for client in clients:
        assert ns.stanza_error(client.stanza()) == ("cancel", "not-allowed")
        assert client.bind("aaa!").get("type") == "result"
    assert "takes too many steps" in server.read_log()


def test_glob_with_many_stars_is_decided(connect, accounts):
    client = connect("stars").login(accounts["ann@localhost"], bind=False)
    assert ns.stanza_error(client.bind("a" * 1000 + "b")) == ("cancel", "not-allowed")
    assert client.bind("a" * 1000).get("type") == "result"
