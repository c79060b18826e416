"""SASL EXTERNAL by accounts that others have: certificates that an HTTP service knows, users of a
directory, and both in a row."""
import pytest

from lib import ns, pki
from lib.auth_service import Service
from lib.client import Account, SaslFailure
from lib.directory import Directory, address_certificate
from lib.raw import tls_context

BASE = "ou=users,dc=example,dc=net"
READER = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}
ROSTER = "<query xmlns='jabber:iq:roster'/>"


@pytest.fixture(scope="module")
def root():
    return pki.make("Root", purpose="ca")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("slapd")
    one = Directory(path, [("juliet", "staple", "staff")], address_certificate(path))
    yield one
    one.stop()


@pytest.fixture
def service():
    one = Service()
    yield one
    one.stop()


@pytest.fixture
def serve(new_server, root, service, tmp_path):
    """A server with these methods."""
    def make(methods, ldap_port=0):
        anchors = {"mode": "tls", "verify_mode": "peer", "disconnect_on_failure": False,
                   "cacertfile": pki.Directory(tmp_path).write("root.pem", root.pem())}
        reach = {"servers": ["127.0.0.1"], "port": ldap_port, "connect_interval": 100}
        pools = {"http": {"auth": {
            "connection": {"host": f"http://127.0.0.1:{service.port}"}}}}
        auth = {"methods": methods, "sasl_mechanisms": ["external", "plain"], "http": {}}
        if "ldap" in methods:
            pools["ldap"] = {"default": {"connection": reach | READER},
                             "bind": {"connection": reach}}
            auth["ldap"] = {"base": BASE}
        listeners = {"tls": {"tls": anchors},
                     "http": {"tls": anchors, "allowed_auth_methods": ["http"]},
                     "first": {"tls": anchors, "allowed_auth_methods": methods[:1]}}
        return new_server(listeners=listeners if "http" in methods else {
            "tls": {"tls": anchors}}, over={"auth": auth, "outgoing_pools": pools})
    return make


@pytest.fixture
def issue(root):
    def make(user):
        return pki.make(None, root, [f"{user}@localhost"])
    return make


@pytest.fixture
def come(tmp_path):
    """Logs in by this certificate, and binds."""
    def make(server, certified, listener="tls"):
        context = tls_context()
        pki.Directory(tmp_path).load(context, certified)
        client = server.connect(listener, tls=context)
        features = client.start()[1]
        assert [m.text for m in features.iter(ns.SASL + "mechanism")][0] == "EXTERNAL"
        assert client.auth("EXTERNAL", b"").tag == ns.SASL + "success"
        client.restart()
        client.start()
        client.bind()
        client.account = Account(ns.bare(client.jid), "")
        return client
    return make


def refused(condition, come, *args):
    with pytest.raises(SaslFailure) as failure:
        come(*args)
    assert failure.value.condition == condition


def text(*certified):
    return b"".join(c.pem() for c in certified).decode()


def test_a_service_has_the_certificates(serve, service, issue, come):
    romeo, again, juliet = issue("romeo"), issue("romeo"), issue("juliet")
    server = serve(["http"])
    service.certificates["romeo"] = text(juliet, romeo)
    client = come(server, romeo)
    assert client.bare == "romeo@localhost"
    assert service.asked[-1][0] == "/get_certs"
    refused("not-authorized", come, server, again)  # his, but not one of these
    refused("not-authorized", come, server, juliet)  # 404
    service.certificates["romeo"] = text(again)
    come(server, again)
    refused("not-authorized", come, server, romeo)  # not any more


@pytest.mark.parametrize("body", [
    "", "no certificates", "-----BEGIN CERTIFICATE-----\nAAAA\n",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "true"],
    ids=["nothing", "words", "cut", "another", "true"])
def test_what_is_no_certificate(serve, service, issue, come, body):
    service.certificates["romeo"] = body
    refused("not-authorized", come, serve(["http"]), issue("romeo"))


def test_a_longer_or_a_shorter_one_is_another(serve, service, issue, come):
    romeo = issue("romeo")
    server = serve(["http"])
    for pem in (text(romeo).replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
                text(romeo).replace("BEGIN CERT", "BEGIN X")):
        service.certificates["romeo"] = pem
        refused("not-authorized", come, server, romeo)
    service.certificates["romeo"] = "subject=romeo\n" + text(romeo).replace("\n", "\r\n")
    come(server, romeo)


def test_a_service_that_fails(serve, service, issue, come):
    romeo = issue("romeo")
    server = serve(["http"])
    service.certificates["romeo"] = text(romeo)
    service.broken = (500, "")
    refused("temporary-auth-failure", come, server, romeo)
    service.broken = None
    come(server, romeo)
    assert "get_certs answered with status 500" in server.read_log()


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_service_that_refuses_us(serve, service, issue, come, status):
    """Only 404 says that somebody has no certificates."""
    server = serve(["http"])
    service.broken = (status, "")
    refused("temporary-auth-failure", come, server, issue("romeo"))
    assert "auth.http.basic_auth" in server.read_log()


def test_the_account_is_one(serve, service, issue, come):
    """A roster, and messages that wait, as whoever logs in by a password has."""
    romeo, juliet = issue("romeo"), issue("juliet")
    server = serve(["http"])
    service.certificates |= {"romeo": text(romeo), "juliet": text(juliet)}
    client = come(server, romeo)
    client.set("<query xmlns='jabber:iq:roster'><item jid='juliet@localhost'/></query>")
    client.close()
    other = come(server, juliet)
    other.message("romeo@localhost", "for later", "chat")
    other.sync()
    client = come(server, romeo)
    assert [i.get("jid") for i in client.ask(ROSTER)] == ["juliet@localhost"]
    client.available()
    client.expect_message("for later")


def test_a_directory_has_the_users(serve, directory, issue, come):
    server = serve(["ldap"], directory.port)
    client = come(server, issue("juliet"))
    assert client.bare == "juliet@localhost"
    refused("not-authorized", come, server, issue("romeo"))
    refused("not-authorized", come, server, issue("*"))


def test_methods_are_asked_in_their_order(serve, service, directory, issue, come):
    romeo, juliet, benvolio = issue("romeo"), issue("juliet"), issue("benvolio")
    server = serve(["ldap", "internal", "http"], directory.port)
    service.certificates["romeo"] = text(romeo)
    server.make_accounts([Account("benvolio@localhost", "x")])
    service.asked.clear()
    come(server, juliet)
    come(server, benvolio)
    assert service.asked == []
    come(server, romeo)
    assert [what for what, *_ in service.asked] == ["/get_certs"]
    for listener in ("http", "first"):  # the listener allows a part of them
        refused("not-authorized", come, server, benvolio, listener)
    refused("not-authorized", come, server, juliet, "http")
    refused("not-authorized", come, server, romeo, "first")
    service.broken = (500, "")
    refused("temporary-auth-failure", come, server, romeo)
    come(server, benvolio)
