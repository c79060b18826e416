"""No password of a client's is left in memory, whatever has become of its login: not even in memory
that is free, or that waits to be used again."""
import base64
import os
import secrets

import pytest

from lib import env, ns
from lib.client import Account, SaslFailure
from lib.directory import Directory
from lib.server import Server
from test_secrets import found

pytestmark = pytest.mark.skipif(
    env.SANITIZED, reason="their allocators keep what is freed, and shadows of it")
LISTENERS = {"plain": {}, "tls": {"tls": {"mode": "tls"}},
             "openssl": {"tls": {"mode": "tls", "record_layer": "openssl"}}}
PERSON = Account("romeo@ldap.example", f"Password-{secrets.token_hex(12)}")
OVER = {
    "general": {"hosts": ["localhost", "down.example", "ldap.example"], "registration_timeout": "infinity",
                "failed_logins": {"per_account": "infinity", "per_address": "infinity"}},
    "host_config": [
        {"host": "down.example", "auth": {
            "methods": ["external"], "external": {"program": "/nonexistent"}}},
        {"host": "ldap.example", "auth": {
            "methods": ["ldap"], "ldap": {"base": "ou=users,dc=example,dc=net"}}}],
    "modules": {"mod_register": {}},
}
REGISTER = "<query xmlns='jabber:iq:register'><username>{}</username><password>{}</password></query>"


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    before = os.environ.get("MEERKAT_CORE_DUMPS")
    os.environ["MEERKAT_CORE_DUMPS"] = "1"  # the tests look into its memory
    directory = Directory(tmp_path_factory.mktemp("directory"),
                          [(PERSON.user, PERSON.password, "staff")])
    reach = {"servers": ["127.0.0.1"], "port": directory.port}
    reader = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}
    over = OVER | {"outgoing_pools": {"ldap": {
        "default": {"workers": 1, "connection": reach | reader},
        "bind": {"connection": reach}}}}
    one = Server(tmp_path_factory.mktemp("server"), 1, over, LISTENERS)
    request.node.e2e_servers = [one]
    try:
        one.start()
        yield one
        one.hang_up()
        one.stop()
    finally:
        one.discard()
        directory.stop()
        if before is None:
            del os.environ["MEERKAT_CORE_DUMPS"]
        else:
            os.environ["MEERKAT_CORE_DUMPS"] = before


@pytest.fixture(params=LISTENERS)
def listener(request):
    return request.param


@pytest.fixture
def password():
    return f"Password-{secrets.token_hex(12)}"


def nothing_of(server, password):
    server.status()  # the worker is done with what came before
    assert found(server, [password]) == []


def test_a_login(server, listener, password):
    account = server.account_named(f"user-{listener}@localhost")
    with server.connect(listener) as client:
        client.login(account, mechanism="PLAIN")
        nothing_of(server, account.password)
    with server.connect(listener) as client:
        with pytest.raises(SaslFailure):
            client.login(Account(account.jid, password), mechanism="PLAIN")
        nothing_of(server, password)
    nothing_of(server, password)


def test_a_login_to_a_directory(server, password):
    with server.connect(domain="ldap.example") as client:
        client.login(PERSON, mechanism="PLAIN")
        nothing_of(server, PERSON.password)
    with server.connect(domain="ldap.example") as client:
        with pytest.raises(SaslFailure, match="not-authorized"):
            client.login(Account(PERSON.jid, password), mechanism="PLAIN")
        nothing_of(server, password)


def test_a_login_that_fails_for_now(server, listener, password):
    with server.connect(listener, domain="down.example") as client:
        with pytest.raises(SaslFailure, match="temporary-auth-failure"):
            client.login(Account("romeo@down.example", password), mechanism="PLAIN")
        nothing_of(server, password)


@pytest.mark.parametrize("cut", [1, 60, 100])
def test_a_login_in_pieces(server, listener, password, cut):
    """What has come already is kept until the rest is there, and moved when it grows."""
    word = base64.b64encode(b"\0romeo\0" + password.encode()).decode()
    text = f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{word}"
    with server.connect(listener) as client:
        client.start()
        client.send(text[:-cut])
        client.send(text[-cut:])
        client.send(" " * 20_000 + "</auth>")
        assert client.stanza().tag == ns.SASL + "failure"
        nothing_of(server, password)


@pytest.mark.parametrize("end", ["", "&amp;"])
def test_a_registration_and_a_change(server, listener, password, end):
    name = f"new-{secrets.token_hex(4)}"
    with server.connect(listener) as client:
        client.start()
        answer = client.set(REGISTER.format(name, password + end))
        assert answer.get("type") == "result", ns.show(answer)
        nothing_of(server, password)
    account = Account(f"{name}@localhost", password + end.replace("&amp;", "&"))
    with server.connect(listener) as client:
        client.login(account)
        changed = f"Changed-{secrets.token_hex(12)}"
        answer = client.set(REGISTER.format(name, changed + end))
        assert answer.get("type") == "result", ns.show(answer)
        nothing_of(server, changed)
    nothing_of(server, password)
