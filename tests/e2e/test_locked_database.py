"""Another process writes to the server's own database for a while: logins that only read go on,
those that write as well wait for it, and nobody else does."""
import base64
import os
import sqlite3
import ssl

import pytest

from lib import ns, pki
from lib.client import Account
from lib.raw import tls_context
from lib.scram import serialised

PROGRAM = os.path.join(os.path.dirname(__file__), "lib", "external_auth.py")
PASSWORD = "correct horse"
DOMAINS = ("localhost", "pki.example", "program.example")


@pytest.fixture
def server(new_server, tmp_path):
    (tmp_path / "accounts").write_text(f"romeo:{PASSWORD}\n", encoding="utf-8")
    files, root = pki.Directory(tmp_path), pki.make("Root", purpose="ca")
    one = new_server(listeners={"plain": {}, "tls": {"tls": {
        "mode": "tls", "verify_mode": "peer", "disconnect_on_failure": False,
        "cacertfile": files.write("root.pem", root.pem())}}}, over={
            "general": {"hosts": list(DOMAINS)},
            "auth": {"methods": ["internal"], "password": {"scram_iterations": 4096}},
            "host_config": [
                {"host": "pki.example", "auth": {
                    "methods": ["pki"], "sasl_mechanisms": ["external"]}},
                {"host": "program.example", "auth": {
                    "methods": ["external"],
                    "external": {"program": f"{PROGRAM} {tmp_path}/accounts"}}}]})
    one.context = tls_context()
    files.load(one.context, pki.make(None, root, ["romeo@pki.example"]))
    return one


@pytest.fixture
def other(server):
    """The other process."""
    with sqlite3.connect(f"{server.directory}/meerkat.db", isolation_level=None) as db:
        yield db
    db.close()


def begin(server, domain, user="romeo"):
    """A login, up to what the server has to answer."""
    is_pki = domain == "pki.example"
    client = server.connect("tls" if is_pki else "plain", domain,
                            server.context if is_pki else None)
    client.start()
    data = b"" if is_pki else f"\0{user}\0{PASSWORD}".encode()
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism="
                f"'{'EXTERNAL' if is_pki else 'PLAIN'}'>"
                f"{base64.b64encode(data).decode() or '='}</auth>")
    return client


def end(client):
    assert client.stanza().tag == ns.SASL + "success"
    client.restart()
    client.start()
    return client.bind()


def talk(a, b):
    a.message(b.jid, "hello", "chat")
    b.expect_message("hello")


def test_first_logins(server, other):
    """By a certificate, and by a program: there is no row of them yet."""
    known, *others = (Account(f"{name}@localhost", PASSWORD) for name in ("one", "two", "three"))
    server.make_accounts([known, *others])
    a, b = (server.connect().login(one).available() for one in others)
    other.execute("BEGIN IMMEDIATE")
    waiting = [begin(server, domain) for domain in DOMAINS[1:]]
    talk(a, b)
    server.connect().login(known).available()
    by_certificate = waiting[0].socket
    by_certificate.setblocking(False)
    with pytest.raises(ssl.SSLWantReadError):  # nothing is there
        by_certificate.recv(1)
    other.execute("ROLLBACK")
    for client, domain in zip(waiting, DOMAINS[1:]):
        assert end(client).get("type") == "result"
        assert ns.bare(client.jid) == f"romeo@{domain}"
        talk(client.available(), a)
    rows = other.execute("SELECT server FROM meerkat_accounts WHERE username = 'romeo'")
    assert {row[0] for row in rows} == set(DOMAINS[1:])


def test_keys_that_are_added(server, other):
    """The login does not wait for them, and they come."""
    account = server.account_named("romeo@localhost")
    one_key = serialised(PASSWORD, ["SCRAM-SHA-1"])
    other.execute("UPDATE users SET pass_details = ? WHERE username = ?", (one_key, account.user))
    other.execute("BEGIN IMMEDIATE")
    client = begin(server, "localhost", account.user)
    assert end(client).get("type") == "result"
    other.execute("ROLLBACK")

    def keys():
        return other.execute("SELECT pass_details FROM users WHERE username = ?",
                             (account.user,)).fetchone()[0]
    server.until(lambda: keys() != one_key)
    server.connect().login(account, mechanism="SCRAM-SHA-512")
