"""Everything in a database server (outgoing_pools.rdbms)."""
import base64
import hashlib
import hmac
import subprocess

import pytest

from lib import env, ns
from lib.client import SaslFailure, settle
from lib.server import PASSWORD, Account, make_certificate, run

LISTENERS = {"plain": {}}


@pytest.fixture
def serve(database, new_server):
    """A server on that database; what it is called is in .database."""
    clients = []

    def make(name=None, start=True, connection=None, **over):
        name = name or database.new()
        over = {"auth": {"methods": ["rdbms"]},
                "outgoing_pools": database.pool(name, **(connection or {}))} | over
        server = new_server(over=over, listeners=LISTENERS, start=start)
        server.database = name
        connect = server.connect

        def connect_and_keep(*args):
            clients.append(connect(*args))
            return clients[-1]
        server.connect = connect_and_keep
        return server

    yield make
    for client in clients:
        client.abort()


def login(server, account, **kwargs):
    return server.connect().login(account, **kwargs)


def when_it_works(server, action):
    """The database comes back when it comes back: the first answer but None."""
    for _ in range(int(env.DEADLINE / 0.1)):
        answer = action()
        if answer is not None:
            return answer
        try:
            server.process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            pass
    raise AssertionError("the database is not used again")


def login_when_it_works(server, account):
    def action():
        client = server.connect()
        try:
            return client.login(account)
        except SaslFailure as e:
            assert e.condition == "temporary-auth-failure"
            return client.abort()
    return when_it_works(server, action)


def scram_details(password, iterations=4096):
    """pass_details, as MongooseIM writes it for SHA-1 and SHA-256."""
    text = f"==MULTI_SCRAM==,{iterations}"
    for prefix, name in (("===SHA1===", "sha1"), ("==SHA256==", "sha256")):
        salt = b"0123456789abcdef"
        salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
        client = hmac.digest(salted, b"Client Key", name)
        keys = salt, hashlib.new(name, client).digest(), hmac.digest(salted, b"Server Key", name)
        text += "," + prefix + "|".join(base64.b64encode(k).decode() for k in keys)
    return text


def test_login(serve, database):
    server = serve()
    account = server.account()
    for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"):
        login(server, account, mechanism=mechanism).close()
    with pytest.raises(SaslFailure) as failure:
        login(server, Account(account.jid, "wrong"))
    assert failure.value.condition == "not-authorized"
    with pytest.raises(SaslFailure) as failure:
        login(server, Account("nobody@localhost", PASSWORD))
    assert failure.value.condition == "not-authorized"
    rows = database.query(f"SELECT server, password, pass_details FROM users WHERE username ="
                          f" '{account.user}'", server.database)
    assert rows[0].startswith("localhost\t\t==MULTI_SCRAM==,")


def test_nobody_is_answered_without_the_secret(serve, database):
    """Of it, the salts are made of accounts that do not exist: without it, they could be told from
    those that do."""
    server = serve()
    account, nobody = server.account(), Account("nobody@localhost", PASSWORD)
    database.run("DELETE FROM meerkat_secrets; "
                 "INSERT INTO meerkat_secrets (name, value) VALUES ('scram-salt', '00')",
                 server.database)
    for who in (account, nobody):
        for mechanism in ("SCRAM-SHA-1", "PLAIN"):
            with pytest.raises(SaslFailure) as failure:
                login(server, who, mechanism=mechanism)
            assert failure.value.condition == "temporary-auth-failure"
    database.run("DELETE FROM meerkat_secrets", server.database)
    login(server, account).close()
    with pytest.raises(SaslFailure) as failure:
        login(server, nobody)
    assert failure.value.condition == "not-authorized"


def test_data_outlives_the_server(serve):
    server = serve()
    romeo, juliet = server.account(), server.account()
    client = login(server, romeo).available()
    client.ask(f"<query xmlns='jabber:iq:roster'><item jid='{juliet.jid}' name='J\u00fclia'>"
               "<group>Friends</group><group>\u00c4rzte</group></item></query>", type_="set")
    client.ask("<vCard xmlns='vcard-temp'><FN>R</FN></vCard>", type_="set")
    client.ask("<query xmlns='jabber:iq:private'><a xmlns='urn:a'>\U0001f339</a></query>",
               type_="set")
    client.message(juliet.jid, "first")
    client.message(juliet.jid, "second")
    settle(client, juliet.jid)
    client.close()
    server.stop()  # and commits what nobody waits for
    server.start()
    client = login(server, romeo)
    item, = client.ask("<query xmlns='jabber:iq:roster'/>")
    assert (item.get("jid"), item.get("name")) == (juliet.jid, "J\u00fclia")
    assert sorted(g.text for g in item) == ["Friends", "\u00c4rzte"]
    assert client.ask("<vCard xmlns='vcard-temp'/>").findtext("{vcard-temp}FN") == "R"
    private = client.ask("<query xmlns='jabber:iq:private'><a xmlns='urn:a'/></query>")
    assert private[0].text == "\U0001f339"
    receiver = login(server, juliet).available()
    assert [ns.body(receiver.expect_message()) for _ in range(2)] == ["first", "second"]


def test_database_of_mongooseim(serve, database):
    name = database.new(tables=True)
    database.run(f"""
        INSERT INTO users (server, username, password, pass_details) VALUES
            ('localhost', 'alice', '', '{scram_details("rabbit hole")}'),
            ('localhost', 'bob', 'plain text', NULL);
        INSERT INTO rosterusers (server, username, jid, nick, subscription, ask, askmessage)
            VALUES ('localhost', 'alice', 'bob@localhost', 'Bob', 'B', 'N', ''),
            ('localhost', 'bob', 'alice@localhost', '', 'B', 'N', ''),
            ('localhost', 'alice', 'carol@other.example', '', 'N', 'I', 'let me in');
        INSERT INTO rostergroups (server, username, jid, grp)
            VALUES ('localhost', 'alice', 'bob@localhost', 'Tea');
        INSERT INTO roster_version (server, username, version)
            VALUES ('localhost', 'alice', 'v1');
        INSERT INTO vcard (server, username, vcard) VALUES
            ('localhost', 'alice', '<vCard xmlns="vcard-temp"><FN>Alice</FN></vCard>');
        INSERT INTO private_storage (server, username, namespace, data)
            VALUES ('localhost', 'alice', 'urn:a', '<a xmlns="urn:a">kept</a>');
        INSERT INTO offline_message (timestamp, expire, server, username, from_jid, packet)
            VALUES (1000000, 2000000, 'localhost', 'alice', 'bob@localhost/r',
            '<message xmlns="jabber:client" from="bob@localhost/r"><body>old</body></message>'),
            (1000000, NULL, 'localhost', 'alice', 'bob@localhost/r',
            '<message xmlns="jabber:client" from="bob@localhost/r"><body>tea?</body></message>');
        """, name)
    server = serve(name)
    alice, bob = Account("alice@localhost", "rabbit hole"), Account("bob@localhost", "plain text")
    for mechanism in ("SCRAM-SHA-256", "PLAIN"):
        login(server, alice, mechanism=mechanism).close()
        login(server, bob, mechanism=mechanism).close()
    client = login(server, alice)
    item, = client.ask("<query xmlns='jabber:iq:roster'/>")  # who has only asked is no item
    assert (item.get("jid"), item.get("name"), item.get("subscription")) == \
        ("bob@localhost", "Bob", "both")
    assert [g.text for g in item] == ["Tea"]
    assert client.ask("<vCard xmlns='vcard-temp'/>").findtext("{vcard-temp}FN") == "Alice"
    private = client.ask("<query xmlns='jabber:iq:private'><a xmlns='urn:a'/></query>")
    assert private[0].text == "kept"
    client.available()
    assert ns.body(client.expect_message()) == "tea?"
    asked = client.expect_presence("carol@other.example", "subscribe")
    assert asked.findtext(ns.CLIENT + "status") == "let me in"
    assert client.sync() == []  # what has expired does not come
    client.ask("<query xmlns='jabber:iq:roster'><item jid='dave@localhost' name='D'>"
               "<group>New</group></item></query>", type_="set")
    client.close()
    assert database.query("SELECT nick, subscription, ask FROM rosterusers WHERE"
                          " jid = 'dave@localhost'", name) == ["D\tN\tN"]
    assert database.query("SELECT count(*) FROM offline_message", name) == ["0"]


def test_database_goes_away(serve, database):
    server = serve()
    account, other = server.account(), server.account()
    client = login(server, account).available()
    database.kill()
    with pytest.raises(SaslFailure) as failure:
        login(server, other)
    assert failure.value.condition == "temporary-auth-failure"
    answer = client.set("<vCard xmlns='vcard-temp'><FN>R</FN></vCard>")
    assert answer.get("type") == "error"
    database.start()
    login_when_it_works(server, other).close()
    when_it_works(server, lambda: client.set(
        "<vCard xmlns='vcard-temp'><FN>R</FN></vCard>").get("type") == "result" or None)
    assert client.ask("<vCard xmlns='vcard-temp'/>").findtext("{vcard-temp}FN") == "R"


def test_restart_between_two_logins_is_not_noticed(serve, database):
    server = serve()
    account = server.account()
    login(server, account).close()
    database.kill()
    database.start()
    login(server, account).close()


def test_database_is_down_at_the_start(serve, database):
    server = serve()
    account = server.account()
    server.stop()
    database.kill()
    server.start()
    for mechanism in ("SCRAM-SHA-1", "PLAIN"):
        with pytest.raises(SaslFailure) as failure:
            login(server, account, mechanism=mechanism)
        assert failure.value.condition == "temporary-auth-failure"
    done = server.run("user", "list")
    assert done.returncode == 1 and "cannot be reached" in done.stderr
    database.start()
    login_when_it_works(server, account).close()


def test_password_is_wrong(serve, database):
    name = database.new()
    server = serve(name, connection={"password": "tell-nobody"}, start=False).start()
    with pytest.raises(SaslFailure):
        login(server, Account("a@localhost", PASSWORD))
    server.stop()
    log = server.read_log()
    assert f"the database {name} at " in log
    assert "password authentication failed" in log or "Access denied for user" in log
    assert "tell-nobody" not in log


def test_newer_schema_is_refused(serve, database):
    name = database.new()
    server = serve(name)
    server.account()
    server.stop()
    database.run("UPDATE meerkat_schema SET version = 99", name)
    done = server.run("user", "list")
    assert done.returncode == 1 and "newer" in done.stderr
    server.start()
    with pytest.raises(SaslFailure) as failure:
        login(server, Account("a@localhost", PASSWORD))
    assert failure.value.condition == "temporary-auth-failure"
    assert database.query("SELECT version FROM meerkat_schema", name) == ["99"]


def test_limit_by_estimate(serve, database):
    """Of all domains together: if it is less than the limit, there is room; otherwise those of the
    domain are counted."""
    server = serve(auth={"methods": ["rdbms"], "max_users_per_domain": 2,
                         "rdbms": {"users_number_estimate": True}})
    add = lambda name: server.run("user", "add", f"{name}@localhost", stdin="x\n").returncode
    insert = "INSERT INTO users (server, username, password) VALUES "
    analyze = {"pgsql": "ANALYZE users", "mysql": "ANALYZE TABLE users"}[database.kind]
    assert add("a") == 0
    if database.kind == "pgsql":  # the other one looks when it likes to
        database.run(f"{analyze}; {insert} ('localhost', 'x', '')", server.database)
        assert add("b") == 0  # as of its last look
        database.run("DELETE FROM users WHERE username <> 'a'", server.database)
    others = ", ".join(f"('other.example', 'u{i}', '')" for i in range(100))
    database.run(f"{insert} {others}; {analyze}", server.database)
    assert add("b") == 0  # the 102nd in all
    assert add("c") == 1


def test_method_needs_the_pool(new_server):
    server = new_server(over={"auth": {"methods": ["rdbms"]}}, start=False)
    server.ports = {name: 10000 for name in server.listeners}
    server.write_config()
    done = run("check", "-c", server.config)
    assert done.returncode != 0
    assert "auth.methods: \"rdbms\" needs the section [outgoing_pools.rdbms.default]" in \
        done.stdout + done.stderr


TLS = {
    "right": ("localhost", {"cacertfile": "cert.pem"}, None),
    "other-name": ("127.0.0.1", {"cacertfile": "cert.pem"}, "cannot be reached"),
    "other-name-without-sni": ("127.0.0.1", {
        "cacertfile": "cert.pem", "server_name_indication": {"enabled": False}}, None),
    "other-issuer": ("localhost", {"cacertfile": "other.pem"}, "cannot be reached"),
    "self-signed": ("127.0.0.1", {
        "verify_mode": "selfsigned_peer", "cacertfile": "cert.pem"}, None),
    "self-signed-by-others": ("localhost", {
        "verify_mode": "selfsigned_peer", "cacertfile": "other.pem"}, "cannot be reached"),
    "anybody": ("127.0.0.1", {"verify_mode": "none"}, None),
    "version": ("localhost", {"cacertfile": "cert.pem", "versions": ["tlsv1.2"]}, None),
}


@pytest.mark.parametrize("case", TLS)
def test_tls(serve, database, case, tmp_path):
    host, tls, error = TLS[case]
    if "cacertfile" in tls:
        make_certificate(tmp_path)
        (tmp_path / "cert.pem").rename(tmp_path / "other.pem")
        place = database.directory if tls["cacertfile"] == "cert.pem" else tmp_path
        tls = tls | {"cacertfile": f"{place}/{tls['cacertfile']}"}
    server = serve(connection={"host": host, "tls": tls | {"required": True}}, start=False)
    server.ports = {name: 10000 for name in server.listeners}
    server.write_config()
    done = server.run("user", "list")
    assert done.returncode == (1 if error else 0), done.stderr
    assert (error or "") in done.stderr


def test_tls_is_demanded(serve, database):
    """A server that has TLS and a client that has none: not with MariaDB's REQUIRE SSL."""
    server = serve(connection={"host": "127.0.0.1"}, start=False)
    server.ports = {name: 10000 for name in server.listeners}
    server.write_config()
    assert server.run("user", "list").returncode == (1 if database.kind == "mysql" else 0)
