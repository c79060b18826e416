"""`meerkat reload`, SIGHUP, and files that change on disk: what holds at once, what stays."""
import os
import shutil
import signal
import socket
import subprocess
import time

from lib import env, ns
from lib.client import Account
from lib.ports import free_port
from lib.server import make_certificate


def rewrite(server, over=None, listeners=None):
    """The server's file as it shall be read next."""
    if over is not None:
        server.over = over
    if listeners is not None:
        server.listeners = listeners
        for name in listeners:
            server.ports.setdefault(name, free_port())
    server.write_config()


def reload(server, over=None, listeners=None):
    rewrite(server, over, listeners)
    done = server.run("reload")
    assert done.returncode == 0, done.stderr
    return done


def refused(server, *texts):
    done = server.run("reload")
    assert done.returncode == 1
    for text in texts:
        assert text in done.stderr, done.stderr


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=env.DEADLINE).close()
        return True
    except ConnectionRefusedError:
        return False


def online(server, account=None, listener="plain"):
    return server.connect(listener).login(account or server.account()).available()


def talk(a, b):
    """Both sessions live, and reach each other."""
    for one, other in ((a, b), (b, a)):
        one.message(other.jid, "still here", "chat")
        other.expect_message("still here")


def test_listeners_appear_and_vanish(new_server):
    server = new_server(listeners={"plain": {}, "old": {}})
    a, b = online(server), online(server, listener="old")
    reload(server, listeners={"plain": {}, "new": {"tls": {"mode": "tls"}}})
    assert not is_open(server.ports["old"])
    c = online(server, listener="new")
    talk(a, b)
    talk(b, c)
    reload(server, listeners={"plain": {}, "old": {}})
    d = online(server, listener="old")
    talk(b, d)
    for client in (a, b, c, d):
        client.abort()


def test_rules_hold_for_new_sessions_of_present_connections(new_server):
    server = new_server(listeners={"plain": {"access": "c2s"}},
                        over={"access": {"c2s": [{"acl": "all", "value": "allow"}]}})
    before = online(server)
    waiting = server.connect().login(server.account(), bind=False)
    reload(server, over={"access": {"c2s": [{"acl": "all", "value": "deny"}]}})
    answer = waiting.bind()
    assert ns.conditions(answer[-1], ns.STANZA_ERROR)[0] == "not-allowed"
    assert before.sync() is not None
    before.abort()
    waiting.abort()


def test_options_hold_for_present_sessions(new_server):
    server = new_server(listeners={"plain": {"max_stanza_size": 20000}})
    client = online(server)
    client.message(client.jid, "x" * 15000, "chat")
    client.expect(ns.MESSAGE)
    reload(server, listeners={"plain": {"max_stanza_size": 10000}})
    client.message(client.jid, "x" * 15000, "chat")
    client.expect_error("policy-violation")
    client.abort()


def test_a_shaper_holds_for_present_sessions(new_server):
    server = new_server(listeners={"plain": {"shaper": "c2s_shaper"}},
                        over={"access": {"c2s_shaper": [{"acl": "all", "value": "none"}]},
                              "shaper": {"slow": {"max_rate": 2000}}})
    client = online(server)
    reload(server, over={"access": {"c2s_shaper": [{"acl": "all", "value": "slow"}]},
                         "shaper": {"slow": {"max_rate": 2000}}})
    begin = time.monotonic()
    client.message(client.jid, "x" * 6000, "chat")  # one second's worth is let through
    client.sync()
    assert time.monotonic() - begin > 1
    client.abort()


def test_an_error_changes_nothing(new_server):
    server = new_server(listeners={"plain": {}, "old": {}})
    client = online(server)
    rewrite(server, over={"general": {"loglevel": "loud"}},
            listeners={"plain": {"access": "nobody_has_this"}})
    refused(server, "general.loglevel")
    assert is_open(server.ports["old"])
    assert client.sync() is not None
    rewrite(server, over={})
    with open(server.config, "w", encoding="utf-8") as f:
        f.write("this is not TOML\n")
    server.process.send_signal(signal.SIGHUP)
    wait_for_log(server, "the configuration stays as it was")
    assert is_open(server.ports["old"])
    talk(client, online(server))
    client.abort()


def test_a_port_that_is_taken_changes_nothing(new_server):
    server = new_server(listeners={"plain": {}, "old": {}})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server.ports["new"] = taken.getsockname()[1]
        rewrite(server, listeners={"plain": {}, "new": {}})
        refused(server, "in use", "stays as it was")
    assert is_open(server.ports["old"])


def test_what_needs_a_restart_is_named(new_server):
    server = new_server(listeners={"plain": {}})
    client = online(server)
    path = f"{server.directory}/other.db"
    before = server.config + ".before"
    shutil.copy(server.config, before)
    rewrite(server, listeners={"plain": {"reuse_port": True}},
            over={"modules": {"mod_vcard": None}})
    refused(server, "reuse_port changes only with a restart", "modules.mod_vcard")
    shutil.copy(before, server.config)
    assert server.run("reload").returncode == 0
    rewrite(server, listeners={"plain": {}}, over={"internal_databases": {"sqlite": {"path": path}}})
    server.process.send_signal(signal.SIGHUP)  # a command would look for the other database
    wait_for_log(server, "internal_databases.sqlite.path changes only with a restart")
    assert not os.path.exists(path)
    assert client.sync() is not None
    client.abort()


def test_domains_come_and_go(new_server):
    server = new_server(listeners={"plain": {}})
    stays = online(server)
    account = server.account()
    gone = online(server, account)
    between = server.connect().login(server.account(), bind=False)
    rewrite(server, over={"general": {"hosts": ["other.example", "third.example"],
                                      "default_server_domain": "other.example"}})
    assert server.run("reload").returncode == 0
    for client in (stays, gone):
        client.expect_error("host-gone")
    between.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    between.expect_error("host-gone")
    new = server.run("user", "add", "someone@third.example", stdin="correct horse\n")
    assert new.returncode == 0, new.stderr
    client = online(server, Account("someone@third.example", "correct horse"))
    rewrite(server, over={"general": {"hosts": ["localhost", "third.example"]}})
    assert server.run("reload").returncode == 0
    talk(client, online(server, account))
    client.abort()


def wait_for_log(server, text, times=1):
    """The log is a file: looked at until the text stands in it."""
    for _ in range(int(env.DEADLINE / 0.05)):
        if server.read_log().count(text) >= times:
            return
        try:
            server.process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            pass
    raise AssertionError(f"not in the log: {text}")


def certificate_of(server):
    client = server.connect("tls")
    der = client.socket.getpeercert(binary_form=True)
    client.abort()
    return der


def test_certificates_are_read_again(new_server):
    server = new_server(listeners={"plain": {}, "tls": {"tls": {"mode": "tls"}}})
    client = online(server, listener="tls")
    old = certificate_of(server)
    assert old == certificate_of(server)
    make_certificate(server.directory)  # in place
    wait_for_log(server, "server.files")
    for _ in range(200):  # both files are read at once, but may be written apart
        if certificate_of(server) != old:
            break
    assert certificate_of(server) != old
    new = certificate_of(server)
    with open(server.certificate, "w", encoding="utf-8") as f:
        f.write("half a certifi")
    wait_for_log(server, "cannot be used")
    assert certificate_of(server) == new
    assert client.sync() is not None
    client.abort()


def resident_kb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def test_a_hundred_reloads_under_load(new_server):
    """Not one session, not one stanza is lost, and memory does not grow."""
    listeners = {"plain": {}, "tls": {"tls": {"mode": "tls"}}}
    server = new_server(listeners=listeners)
    pairs = [(online(server), online(server, listener=listener))
             for listener in ("plain", "tls") for _ in range(4)]
    sent = 0
    after_warm_up = None
    for i in range(100):
        for a, b in pairs:
            for k in range(5):
                a.message(b.jid, f"{sent + k}", "chat")
        if i % 2:
            server.process.send_signal(signal.SIGHUP)
        else:
            reload(server, over={"general": {"language": "de" if i % 4 else "en"}})
        newcomer = online(server, pairs[i % len(pairs)][0].account, "tls" if i % 3 else "plain")
        for a, b in pairs:
            for k in range(5):
                b.expect_message(f"{sent + k}")
        newcomer.abort()
        sent += 5
        if i == 40:
            after_warm_up = resident_kb(server)
    wait_for_log(server, "the configuration has been read again", times=51)
    for a, b in pairs:
        talk(a, b)
    grown = resident_kb(server) - after_warm_up
    if not env.SANITIZED:  # whose allocators keep what is freed
        assert grown < 4000, f"{grown} KB more after 60 reloads"
    for a, b in pairs:
        a.abort()
        b.abort()


def test_a_stanza_in_part_that_has_become_too_long(new_server):
    server = new_server(listeners={"plain": {}})
    a, b = online(server), online(server)
    a.send("<message to='nobody@localhost'><body>" + "y" * 300_000)
    b.send("<message to='nobody@localhost'><body>" + "y" * 30_000)
    a.socket.setblocking(True)
    while server.counter("bytes_in") < 330_000:
        pass
    reload(server, listeners={"plain": {"max_stanza_size": 65_536}})
    a.send("y")
    a.expect_error("policy-violation")
    b.send("</body></message>")
    b.sync()
    b.abort()


def test_reload_without_a_server(new_server):
    server = new_server(start=False)
    server.ports = {name: free_port() for name in server.listeners}
    server.write_config()
    done = server.run("reload")
    assert done.returncode == 1 and "no server" in done.stderr
