"""Stored passwords follow auth.password: a login by PLAIN brings a row up to date."""
import base64
import hashlib
import hmac
import sqlite3
import time

import pytest

from lib import env
from lib.client import Account, SaslFailure
from lib.server import PASSWORD

LISTENERS = {"plain": {}}
WANTED = {"hash": ["sha", "sha256"], "scram_iterations": 6000}


def keys(name, iterations):
    salt = b"0123456789abcdef"
    salted = hashlib.pbkdf2_hmac(name, PASSWORD.encode(), salt, iterations)
    stored = hashlib.new(name, hmac.digest(salted, b"Client Key", name)).digest()
    return [base64.b64encode(k).decode()
            for k in (salt, stored, hmac.digest(salted, b"Server Key", name))]


def former(iterations=4096):
    """A row of MongooseIM 3.6.2 and before."""
    salt, stored, server = keys("sha1", iterations)
    return f"==SCRAM==,{stored},{server},{salt},{iterations}"


def multi(*names, iterations):
    words = {"sha1": "===SHA1===", "sha256": "==SHA256==", "sha512": "==SHA512=="}
    return ",".join([f"==MULTI_SCRAM==,{iterations}"] + [
        words[name] + "|".join(keys(name, iterations)) for name in names])


class Rows:
    """Table `users` of a server with the embedded database, which has been made by it."""

    def __init__(self, server):
        self.path = f"{server.directory}/meerkat.db"

    def put(self, password, details):
        with sqlite3.connect(self.path) as db:
            db.execute("INSERT OR REPLACE INTO users (server, username, password, pass_details)"
                       " VALUES ('localhost', 'romeo', ?, ?)", (password, details))

    def get(self):
        with sqlite3.connect(self.path) as db:
            return db.execute("SELECT password, pass_details FROM users"
                              " WHERE username = 'romeo'").fetchone()


ROMEO = Account("romeo@localhost", PASSWORD)


@pytest.fixture
def rows(server):
    server.status()  # its tables are there
    return Rows(server)


CONFIG = {"auth": {"password": WANTED}}


def log_in(server, mechanism="PLAIN", account=ROMEO):
    with server.connect() as client:
        client.login(account, mechanism=mechanism)
        client.sync()


def refused(server, mechanism):
    with pytest.raises(SaslFailure) as failure, server.connect() as client:
        client.login(ROMEO, mechanism=mechanism)
    assert failure.value.condition == "not-authorized"


def upgraded(server):
    return server.status()["server"]["passwords_upgraded"]


def wait_for_upgrade(server, before):
    deadline = time.monotonic() + env.DEADLINE
    while upgraded(server) == before:
        assert time.monotonic() < deadline, "nothing has been upgraded"


@pytest.mark.parametrize("password, details", [
    (PASSWORD, None), (PASSWORD, ""), ("", former()),
    ("", multi("sha1", iterations=6000)),
    ("", multi("sha1", "sha512", iterations=6000)),
    ("", multi("sha1", "sha256", iterations=4096)),
], ids=["plain", "plain-empty", "former", "sha1", "others", "iterations"])
def test_plain_login_brings_the_row_up_to_date(server, rows, password, details):
    rows.put(password, details)
    before = upgraded(server)
    if details and "SHA256" not in details:
        refused(server, "SCRAM-SHA-256")
    log_in(server, "SCRAM-SHA-1")
    refused_plain = Account(ROMEO.jid, "wrong")
    with pytest.raises(SaslFailure):
        log_in(server, account=refused_plain)
    assert rows.get() == (password, details), "only the right password is a reason"
    log_in(server)
    wait_for_upgrade(server, before)
    password, details = rows.get()
    assert password == ""
    kind, iterations, *stored = details.split(",")
    assert (kind, iterations) == ("==MULTI_SCRAM==", "6000")
    assert [key[:10] for key in stored] == ["===SHA1===", "==SHA256=="]
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"):
        log_in(server, mechanism)
    assert upgraded(server) == before + 1, "once is enough"
    assert rows.get() == (password, details)


def test_what_is_as_good_or_better_stays(server, rows):
    before = upgraded(server)
    for names, iterations in ((("sha1", "sha256"), 6000), (("sha1", "sha256"), 8000),
                              (("sha1", "sha256", "sha512"), 6000)):
        details = multi(*names, iterations=iterations)
        rows.put("", details)
        log_in(server)
        log_in(server, "SCRAM-SHA-256")
        assert rows.get() == ("", details)
    assert upgraded(server) == before


def test_iterations_never_become_fewer(server, rows):
    before = upgraded(server)
    rows.put("", multi("sha1", iterations=9000))
    log_in(server)
    wait_for_upgrade(server, before)
    assert rows.get()[1].startswith("==MULTI_SCRAM==,9000,")


def test_keys_are_not_turned_back_into_plain_text(new_server):
    server = new_server({"auth": {"password": {"format": "plain"}}}, LISTENERS)
    rows, details = Rows(server), former()
    rows.put("", details)
    log_in(server)
    assert rows.get() == ("", details)
    assert upgraded(server) == 0


def test_a_reload_is_enough(new_server):
    """Also for a login that the cache of recent ones answers."""
    server = new_server({"auth": {"password": {"hash": ["sha"]}}}, LISTENERS)
    server.make_accounts([ROMEO])
    log_in(server)
    log_in(server)
    assert upgraded(server) == 0
    server.over = {"auth": {"password": {"hash": ["sha", "sha512"]}}}
    server.write_config()
    assert server.run("reload").returncode == 0
    refused(server, "SCRAM-SHA-512")
    log_in(server)
    wait_for_upgrade(server, 0)
    log_in(server, "SCRAM-SHA-512")


def test_in_a_database_server(new_server, database):
    """In MongooseIM's own table; and registration, password change and removal there."""
    name = database.new(tables=True)
    database.run(f"""
        INSERT INTO users (server, username, password, pass_details) VALUES
            ('localhost', 'romeo', '{PASSWORD}', NULL),
            ('localhost', 'juliet', '', '{former()}')""", name)
    server = new_server({"auth": {"methods": ["rdbms"], "password": WANTED},
                         "modules": {"mod_register": {}},
                         "outgoing_pools": database.pool(name)}, LISTENERS)
    for i, account in enumerate([ROMEO, Account("juliet@localhost", PASSWORD)]):
        log_in(server, account=account)
        wait_for_upgrade(server, i)
        log_in(server, "SCRAM-SHA-256", account)
    rows = database.query("SELECT password, pass_details FROM users", name)
    assert all(row.startswith("\t==MULTI_SCRAM==,6000,") for row in rows)
    nurse = Account("nurse@localhost", PASSWORD)

    def query(inner):
        return f"<query xmlns='jabber:iq:register'>{inner}</query>"
    with server.connect() as client:
        client.start()
        fields = f"<username>nurse</username><password>{PASSWORD}</password>"
        assert client.set(query(fields)).get("type") == "result"
        assert client.set(query(fields)).get("type") == "error"
    with server.connect() as client:
        client.login(nurse)
        fields = "<username>nurse</username><password>new</password>"
        assert client.set(query(fields)).get("type") == "result"
        log_in(server, account=Account(nurse.jid, "new"))
        assert client.set(query("<remove/>")).get("type") == "result"
    assert database.query("SELECT 1 FROM users WHERE username = 'nurse'", name) == []
