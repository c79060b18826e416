"""SASL EXTERNAL (XEP-0178): whom a certificate logs in, and where."""
import pytest

from lib import ns, pki
from lib.client import Account, SaslFailure
from lib.raw import tls_context
from lib.server import Server

BY_NAME = "other.example"  # by the common name, too
MECHANISMS = ["external", "scram_sha1", "plain"]
CONFIG = {
    "auth": {"methods": ["internal", "pki"], "sasl_mechanisms": MECHANISMS,
             "max_users_per_domain": 100},
    "modules": {"mod_register": {}},
    "host_config": [{"host": BY_NAME, "auth": {
        "pki": {}, "sasl_mechanisms": ["external"],
        "sasl_external": ["standard", "common_name", "auth_id"],
        "sasl_external_common_name": {"prefix": "u_", "suffix": ".1"}}}],
}


@pytest.fixture(scope="module")
def root():
    return pki.make("Root", purpose="ca")


@pytest.fixture(scope="module")
def server(request, workers, root, tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("server"), workers, CONFIG)
    anchors = {"verify_mode": "peer", "disconnect_on_failure": False,
               "cacertfile": pki.Directory(one.directory).write("root.pem", root.pem())}
    one.listeners = {
        "tls": {"tls": {"mode": "tls"} | anchors},
        "starttls": {"tls": {"mode": "starttls"} | anchors},
        "required": {"tls": {"mode": "starttls_required"} | anchors},
        "internal": {"tls": {"mode": "tls"} | anchors, "allowed_auth_methods": ["internal"]},
        "pki": {"tls": {"mode": "tls"} | anchors, "allowed_auth_methods": ["pki"]},
        "nobody": {"tls": {"mode": "tls"} | anchors, "allowed_auth_methods": []},
        "not-asked": {"tls": {"mode": "tls", "verify_mode": "none"}},
        "plain": {},
    }
    request.node.e2e_servers = [one]
    one.start()
    yield one
    try:
        one.stop()
    finally:
        one.discard()


@pytest.fixture
def show(root, tmp_path):
    """A TLS context with a certificate for these addresses, or this common name."""
    def make(*addresses, name=None, **options):
        context = tls_context()
        pki.Directory(tmp_path).load(context, pki.make(name, root, addresses, **options))
        return context
    return make


def mechanisms(features):
    return [m.text for m in features.iterfind(f"{ns.SASL}mechanisms/{ns.SASL}mechanism")]


def bind(client):
    client.restart()
    client.start()
    client.bind()
    return ns.bare(client.jid)


def log_in(client, authzid=b""):
    client.start()
    assert client.auth("EXTERNAL", authzid).tag == ns.SASL + "success"
    return bind(client)


def refused(client, authzid=b""):
    client.start()
    with pytest.raises(SaslFailure) as failure:
        client.auth("EXTERNAL", authzid)
    return failure.value.condition


# --- where it is offered ---

def test_direct_tls(connect, show):
    client = connect("tls", tls=show("romeo@localhost"))
    _, features = client.start()
    assert mechanisms(features) == ["EXTERNAL", "SCRAM-SHA-1", "PLAIN"]
    client.auth("EXTERNAL", b"")
    assert bind(client) == "romeo@localhost"
    assert client.sync() == []


@pytest.mark.parametrize("listener", ["starttls", "required"])
def test_starttls(connect, show, listener):
    """Before TLS there is no certificate; after it, the stream begins anew."""
    client = connect(listener)
    _, features = client.start()
    assert "EXTERNAL" not in mechanisms(features)
    client.starttls(show("romeo@localhost"))
    assert log_in(client) == "romeo@localhost"
    assert client.sync() == []


def test_external_before_starttls(connect):
    assert refused(connect("starttls")) == "invalid-mechanism"
    assert refused(connect("required")) == "encryption-required"
    assert refused(connect("plain")) == "invalid-mechanism"


@pytest.mark.parametrize("listener, offered", [
    ("internal", ["EXTERNAL", "SCRAM-SHA-1", "PLAIN"]),
    ("pki", ["EXTERNAL"]),
    ("nobody", []),
    ("not-asked", ["SCRAM-SHA-1", "PLAIN"]),
])
def test_methods_of_the_listener(connect, show, listener, offered):
    _, features = connect(listener, tls=show("romeo@localhost")).start()
    assert mechanisms(features) == offered


def test_without_a_certificate(connect, server):
    client = connect("tls", tls=tls_context())
    _, features = client.start()
    assert mechanisms(features) == ["SCRAM-SHA-1", "PLAIN"]
    with pytest.raises(SaslFailure) as failure:
        client.auth("EXTERNAL", b"romeo@localhost")
    assert failure.value.condition == "invalid-mechanism"
    account = server.account()
    client.auth_scram("SCRAM-SHA-1", account.user, account.password)


def test_a_certificate_alone_is_no_login(connect, server, show):
    client = connect("tls", tls=show("romeo@localhost"))
    client.start()
    client.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    client.expect_error("not-authorized")
    account = server.account()
    client = connect("tls", tls=show("romeo@localhost")).login(account)
    assert ns.bare(client.jid) == account.jid


# --- whom it logs in ---

def test_challenge_and_response(connect, show):
    client = connect("tls", tls=show("romeo@localhost"))
    client.start()
    challenge = client.sasl("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                            "mechanism='EXTERNAL'/>")
    assert challenge.tag == ns.SASL + "challenge" and not challenge.text
    assert client.respond(b"").tag == ns.SASL + "success"
    assert bind(client) == "romeo@localhost"


@pytest.mark.parametrize("addresses, authzid, result", [
    (["Romeo@LOCALHOST"], b"", "romeo@localhost"),
    (["romeo@localhost"], b"romeo@localhost", "romeo@localhost"),
    (["romeo@localhost"], b"juliet@localhost", "invalid-authzid"),
    (["romeo@localhost", "juliet@localhost"], b"", "invalid-authzid"),
    (["romeo@localhost", "juliet@localhost"], b"juliet@localhost", "juliet@localhost"),
    (["romeo@localhost", "juliet@localhost"], b"tybalt@localhost", "not-authorized"),
    (["romeo@localhost", "romeo@other.example"], b"romeo@other.example", "not-authorized"),
    (["romeo@other.example"], b"", "not-authorized"),
    ([], b"romeo@localhost", "not-authorized"),
    ([], b"", "not-authorized"),
    (["romeo@localhost"], b"\0", "malformed-request"),
])
def test_standard(connect, show, addresses, authzid, result):
    client = connect("tls", tls=show(*addresses, name="romeo"))
    if "@" in result:
        assert log_in(client, authzid) == result
    else:
        assert refused(client, authzid) == result


@pytest.mark.parametrize("certificate, authzid, result", [
    ({"name": "Tybalt"}, b"", "u_tybalt.1"),
    ({"name": "tybalt"}, b"tybalt@other.example", "u_tybalt.1"),
    ({"name": "tybalt"}, b"u_tybalt.1@other.example", "u_tybalt.1"),
    ({"name": "tybalt"}, b"paris@other.example", "paris"),  # auth_id
    ({}, b"paris@other.example", "paris"),
    ({}, b"paris@localhost", "not-authorized"),
    ({}, b"", "not-authorized"),
    ({"names": ["Users", "tybalt"]}, b"", "not-authorized"),
    ({"name": "tybalt", "addresses": ["romeo@other.example"]}, b"", "romeo"),
    ({"addresses": ["romeo@other.example"]}, b"paris@other.example", "not-authorized"),
])
def test_common_name_and_auth_id(server, connect, show, certificate, authzid, result):
    addresses = certificate.get("addresses", [])
    names = {k: v for k, v in certificate.items() if k != "addresses"}
    client = connect("tls", domain=BY_NAME, tls=show(*addresses, **names))
    if "-" in result:
        assert refused(client, authzid) == result
    else:
        assert log_in(client, authzid) == f"{result}@{BY_NAME}"


def test_addresses_without_end(connect, show):
    """More than anybody has: none of them is taken."""
    many = [f"r{i}@localhost" for i in range(17)]
    assert refused(connect("tls", tls=show(*many)), b"r1@localhost") == "not-authorized"


# --- accounts ---

def test_internal_needs_the_account(connect, server, show):
    account = server.account()
    client = connect("internal", tls=show(account.jid))
    assert log_in(client) == account.jid
    assert refused(connect("internal", tls=show("unheard-of@localhost"))) == "not-authorized"


def test_pki_accounts_have_what_others_have(connect, server, show):
    """A roster and offline messages, over a login; but no password."""
    context = show("mercutio@localhost")
    client = connect("pki", tls=context)
    assert log_in(client) == "mercutio@localhost"
    client.ask("<query xmlns='jabber:iq:roster'><item jid='romeo@localhost'/></query>",
               type_="set")
    assert client.close() is not None
    other = connect("tls").login(server.account())
    other.message("mercutio@localhost", "while you were out", "chat")
    other.sync()
    client = connect("pki", tls=context)
    log_in(client)
    query = client.ask("<query xmlns='jabber:iq:roster'/>")
    assert [item.get("jid") for item in query] == ["romeo@localhost"]
    client.presence()
    client.expect_message("while you were out")
    with pytest.raises(SaslFailure) as failure:
        connect("tls").login(Account("mercutio@localhost", ""), mechanism="PLAIN")
    assert failure.value.condition in ("malformed-request", "not-authorized")
    assert refused(connect("internal", tls=context)) == "not-authorized"


def test_nobody_takes_a_pki_account_over(connect, show):
    """Its name is not free for whoever registers it with a password."""
    log_in(connect("pki", tls=show("benvolio@localhost")))
    client = connect("tls")
    client.start()
    answer = client.set("<query xmlns='jabber:iq:register'><username>benvolio</username>"
                        "<password>mine</password></query>")
    assert ns.stanza_error(answer) == ("cancel", "conflict")


def test_no_registration_where_there_are_no_passwords(connect):
    client = connect("tls", domain=BY_NAME)
    _, features = client.start()
    assert features.find(ns.REGISTER_FEATURE + "register") is None
    answer = client.set("<query xmlns='jabber:iq:register'><username>a</username>"
                        "<password>b</password></query>")
    assert ns.stanza_error(answer)[1] == "service-unavailable"


def test_a_full_domain(new_server, root, show):
    """Whoever is known already may still come."""
    server = new_server({"auth": {"methods": ["pki"], "sasl_mechanisms": ["external"],
                                  "max_users_per_domain": 1}},
                        {"tls": {"tls": {"mode": "tls", "verify_mode": "peer"}}}, start=False)
    server.listeners["tls"]["tls"]["cacertfile"] = pki.Directory(server.directory).write(
        "root.pem", root.pem())
    server.start()
    for _ in range(2):
        with server.connect("tls", tls=show("romeo@localhost")) as client:
            assert log_in(client) == "romeo@localhost"
    with server.connect("tls", tls=show("juliet@localhost")) as client:
        assert refused(client) == "not-authorized"
    assert server.run("user", "remove", "romeo@localhost").returncode == 0
    with server.connect("tls", tls=show("juliet@localhost")) as client:
        assert log_in(client) == "juliet@localhost"


def test_home_of_each_account(connect, show):
    """The connection moves to its account's worker, whichever accepted it."""
    clients = [connect("tls", tls=show(f"home{i}@localhost")) for i in range(8)]
    for i, client in enumerate(clients):
        assert log_in(client) == f"home{i}@localhost"
        client.available()
    for one, other in zip(clients, clients[1:]):
        one.message(other.jid, "hello", "chat")
        other.expect_message("hello")
