"""A login costs the same whether or not there is an account, and however its password is stored: where
one takes a derivation of keys, all do. What is measured is the server's processor time, not the clock."""
import glob
import sqlite3

import pytest

from lib.client import Account, SaslFailure
from lib.server import Server
from test_passwords import details

ITERATIONS = 400000  # 40 ms or more
DERIVED, NOT_DERIVED = 12e6, 8e6  # ns; all the rest of a login takes a fraction of one millisecond


def config(storing):
    password = {"format": storing, "scram_iterations": ITERATIONS}
    return {"auth": {"methods": ["internal"], "password": password}}


@pytest.fixture(scope="module")
def keys():
    return details("secret", ITERATIONS)


@pytest.fixture
def new_server(tmp_path_factory):
    """With one worker."""
    made = []

    def make(over):
        made.append(Server(tmp_path_factory.mktemp("server"), 1, over, {"plain": {}}))
        return made[-1].start()

    yield make
    try:
        for one in made:
            one.hang_up()
            one.stop()
    finally:
        for one in made:
            one.discard()


def insert(server, user, text, keys=None):
    with sqlite3.connect(f"{server.directory}/meerkat.db") as db:
        db.execute("INSERT INTO users (server, username, password, pass_details)"
                   " VALUES ('localhost', ?, ?, ?)", (user, text, keys))
    db.close()


def processor_time(server):
    total = 0
    for name in glob.glob(f"/proc/{server.process.pid}/task/*/schedstat"):
        with open(name, encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def cost(server, user, mechanism):
    """Up to the challenge, or of a wrong password."""
    with server.connect() as client:
        client.start()
        before = processor_time(server)
        if mechanism == "PLAIN":
            with pytest.raises(SaslFailure):
                client.auth_plain(user, "wrong")
        else:
            client.auth(mechanism, f"n,,n={user},r=abc".encode())
        return processor_time(server) - before


def test_keys_are_usual(new_server, keys):
    server = new_server(config("scram"))
    insert(server, "keys", "", keys)
    insert(server, "text", "secret")
    for user in ("keys", "nobody"):
        assert cost(server, user, "SCRAM-SHA-1") < NOT_DERIVED
    for user in ("text", "keys", "nobody", "text"):
        assert cost(server, user, "SCRAM-SHA-1") > DERIVED
    for user in ("text", "keys", "nobody"):
        assert cost(server, user, "PLAIN") > DERIVED
    assert cost(server, "keys", "SCRAM-SHA-512") > DERIVED  # of which it has no keys


def test_plain_text_is_usual(new_server, keys):
    server = new_server(config("plain"))
    insert(server, "keys", "", keys)
    insert(server, "text", "secret")
    for user in ("text", "nobody"):
        assert cost(server, user, "PLAIN") < NOT_DERIVED
    for user in ("keys", "text", "nobody"):
        assert cost(server, user, "SCRAM-SHA-1") > DERIVED
        assert cost(server, user, "PLAIN") > DERIVED


def test_both_kinds_log_in(new_server, keys):
    server = new_server(config("scram"))
    insert(server, "keys", "", keys)
    insert(server, "text", "secret")
    for user in ("text", "keys"):
        with server.connect() as client:
            client.login(Account(f"{user}@localhost", "secret"), mechanism="SCRAM-SHA-256")
