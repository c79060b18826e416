"""The running server: its end, what is kept over it, and changes while it runs."""
import os
import signal
import socket
import time

import pytest

from lib import env, ns
from lib.client import Account, Client, SaslFailure, befriend, settle
from lib.raw import Eof
from lib.server import PASSWORD, Server, run

PRIVATE = "<query xmlns='jabber:iq:private'><n xmlns='urn:example:{}'>{}</n></query>"


def terminate(server):
    """SIGTERM; a function that waits for the end, which must come within five seconds."""
    begin = time.monotonic()
    process = server.process
    process.send_signal(signal.SIGTERM)

    def wait():
        status = process.wait(timeout=env.EXIT_DEADLINE)
        server.process = None
        server.check_log()
        assert status == 0
        assert time.monotonic() - begin < 5 * max(env.SCALE, 1)
    return wait


# --- the end ---

def test_shutdown_tells_each_client(new_server):
    server = new_server()
    clients = [server.connect(listener).login(server.account())
               for listener in ("plain", "tls") for _ in range(4)]
    early = server.connect()
    early.start()
    wait = terminate(server)
    for c in clients + [early]:
        c.expect_error("system-shutdown")
    wait()


def test_shutdown_with_clients_that_do_not_read(new_server):
    server = new_server(listeners={"plain": {}})
    c = server.connect().login(server.account())
    silent = server.connect()
    for _ in range(200):
        c.message(c.jid, "x" * 1000)
    terminate(server)()
    c.abort()
    silent.abort()


def test_what_is_accepted_is_kept_over_a_restart(new_server):
    server = new_server(listeners={"plain": {}})
    a, b, gone = server.account(), server.account(), server.account()
    one, two = server.connect().login(a).available(), server.connect().login(b).available()
    befriend(one, two)
    one.ask(PRIVATE.format("notes", "mine"), type_="set")
    one.ask("<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>", type_="set")
    one.message(gone.jid, "later", "chat")
    one.presence(gone.jid, "subscribe")
    one.expect_push(jid=gone.jid, ask="subscribe")
    settle(one, gone.jid)
    server.stop()
    server.start()
    one = server.connect().login(a).available()
    roster = {i.get("jid"): i.get("subscription") for i in
              one.ask("<query xmlns='jabber:iq:roster'/>")}
    assert roster == {b.jid: "both", gone.jid: "none"}
    assert one.ask(PRIVATE.format("notes", ""))[0].text == "mine"
    assert one.ask("<vCard xmlns='vcard-temp'/>").findtext(ns.VCARD + "FN") == "Juliet"
    two = server.connect().login(b).available()
    one.expect_presence(two.jid)
    three = server.connect().login(gone).available()
    three.expect_message("later")
    three.expect_presence(a.jid, "subscribe")


@pytest.mark.parametrize("answers", [1, 40, 150])
def test_kill_loses_nothing_that_was_acknowledged(new_server, answers):
    """SIGKILL amid writes: each one whose result has reached the client is there afterwards."""
    server = new_server(listeners={"plain": {}})
    account, offline = server.account(), server.account()
    c = server.connect().login(account)
    c.send("".join(
        f"<iq type='set' id='p{i}'>{PRIVATE.format(i, f'value {i}')}</iq>"
        f"<iq type='set' id='r{i}'><query xmlns='jabber:iq:roster'>"
        f"<item jid='friend{i}@example.net'/></query></iq>"
        f"<message type='chat' to='{offline.jid}' id='m{i}'><body>{i}</body></message>"
        for i in range(200)))
    acknowledged = []
    for _ in range(answers):
        stanza = c.stanza()
        while stanza.tag != ns.IQ:  # messages beyond the limit come back
            stanza = c.stanza()
        assert stanza.get("type") == "result"
        acknowledged.append(stanza.get("id"))
    server.kill()
    try:  # what was on its way when the end came
        while True:
            stanza = c.stanza()
            if stanza.get("type") == "result":
                acknowledged.append(stanza.get("id"))
    except Eof:
        pass
    assert len(acknowledged) >= answers
    server.start()

    c = server.connect().login(account)
    roster = {i.get("jid") for i in c.ask("<query xmlns='jabber:iq:roster'/>")}
    for id_ in acknowledged:
        if id_[0] == "r":
            assert f"friend{id_[1:]}@example.net" in roster, id_
        else:
            assert c.ask(PRIVATE.format(id_[1:], ""))[0].text == f"value {id_[1:]}"
    receiver = server.connect().login(offline).available()
    got = [int(ns.body(s)) for s in receiver.sync() if s.tag == ns.MESSAGE]
    assert got == list(range(len(got))), "what was stored is whole and in order"


# --- two servers, one port ---

def test_port_in_use(new_server, tmp_path):
    first = new_server(listeners={"plain": {}})
    second = Server(tmp_path, first.workers, listeners={"plain": {}})
    second.ports = dict(first.ports)
    second.write_config()
    second.spawn("-c", second.config)
    try:
        assert second.process.wait(timeout=env.DEADLINE) == 1
    finally:
        second.discard()
    assert str(first.ports["plain"]) in second.read_log()
    assert "ddress already in use" in second.read_log()
    with first.connect() as c:
        c.login(first.account())


# --- accounts that change while the server runs ---

def test_account_made_while_it_runs(server, login):
    done = server.run("user", "add", "fresh@localhost", stdin="its password\n")
    assert done.returncode == 0, done.stderr
    login(Account("fresh@localhost", "its password"))


def test_unknown_account_becomes_known(server, login):
    """A failed login must not be remembered."""
    account = Account("later@localhost", PASSWORD)
    for mechanism in ("SCRAM-SHA-1", "PLAIN"):
        with pytest.raises(SaslFailure):
            login(account, mechanism=mechanism)
    server.make_accounts([account])
    for mechanism in ("SCRAM-SHA-1", "PLAIN"):
        login(account, mechanism=mechanism)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-512"])
def test_password_changed_while_it_runs(server, login, mechanism):
    account = server.account()
    login(account, mechanism=mechanism)
    done = server.run("user", "passwd", account.jid, stdin="changed\n")
    assert done.returncode == 0, done.stderr
    with pytest.raises(SaslFailure):
        login(account, mechanism=mechanism)
    login(Account(account.jid, "changed"), mechanism=mechanism)


def test_account_removed_while_it_runs(server, login, online):
    account = server.account()
    c, friend = online(account), online()
    befriend(c, friend)
    done = server.run("user", "remove", account.jid)
    assert done.returncode == 0, done.stderr
    c.expect_error("not-authorized")
    friend.expect_presence(account.jid, "unavailable")
    with pytest.raises(SaslFailure):
        login(account)


# --- without a configuration ---

def test_first_start_in_an_empty_directory(tmp_path, workers):
    """localhost on port 5222 with STARTTLS and a certificate of its own."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("0.0.0.0", 5222))
        except OSError:
            pytest.skip("port 5222 is taken")
    server = Server(tmp_path, workers, listeners={})
    server.ports = {"default": 5222}
    server.spawn("--workers", str(workers))
    try:
        if not server.wait_ready() and "ddress already in use" in server.read_log():
            pytest.skip("port 5222 is taken")
        assert os.path.isdir(tmp_path / "meerkat-data")
        done = run("user", "add", "romeo@localhost", stdin=PASSWORD + "\n", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        with Client(5222) as c:
            _, features = c.start()
            assert features.find(ns.TLS + "starttls") is not None
            c.starttls()
            c.login(Account("romeo@localhost", PASSWORD))
            assert c.sync() == []
        server.stop()
    finally:
        server.discard()
