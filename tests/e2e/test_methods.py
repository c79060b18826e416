"""Methods of authentication that ask somebody else: external, http, jwt, dummy; alone and in a
row. The program, the service and the tokens are the tests' own."""
import base64
import hmac
import json
import os
import time

import pytest

from lib import env, ns
from lib.auth_service import Service
from lib.client import Account, SaslFailure
from lib.scram import serialised

PROGRAM = os.path.join(os.path.dirname(__file__), "lib", "external_auth.py")
LISTENERS = {"plain": {}, "tls": {"tls": {"mode": "tls"}}}


def account(user, password):
    return Account(f"{user}@localhost", password)


def plain(server, user, password, listener="plain"):
    return server.connect(listener).login(account(user, password), mechanism="PLAIN")


def refused(server, user, password, condition="not-authorized", mechanism="PLAIN"):
    with pytest.raises(SaslFailure) as failure:
        server.connect().login(account(user, password), mechanism=mechanism)
    assert failure.value.condition == condition


def mechanisms(server, listener="plain"):
    client = server.connect(listener)
    found = client.start()[1].find(ns.SASL + "mechanisms")
    client.abort()
    return [] if found is None else [m.text for m in found]


def talk(a, b):
    a.message(b.jid, "hello", "chat")
    b.expect_message("hello")


# --- external ---

@pytest.fixture
def program(tmp_path):
    path = tmp_path / "accounts"
    path.write_text("romeo:correct:horse\njuliet:staple\ndies:x\nhangs:x\n", encoding="utf-8")
    return path


def external(new_server, program, **more):
    return new_server(listeners=LISTENERS, over={"auth": {
        "methods": ["external"], "external": {"program": f"{PROGRAM} {program}"} | more}})


def test_external_program_says_who(new_server, program):
    server = external(new_server, program, instances=2)
    assert mechanisms(server) == ["PLAIN"]
    romeo = plain(server, "romeo", "correct:horse").available()
    juliet = plain(server, "juliet", "staple", "tls").available()
    talk(romeo, juliet)
    refused(server, "romeo", "wrong")
    refused(server, "nobody", "staple")
    refused(server, "romeo", "correct:horse", "invalid-mechanism", "SCRAM-SHA-1")
    assert "auth:romeo:localhost:correct:horse" in (
        program.with_suffix(".log").read_text(encoding="utf-8"))
    assert "correct:horse" not in server.read_log()


def test_external_users_have_what_others_have(new_server, program):
    """A roster, offline messages, and the next login finds them."""
    server = external(new_server, program)
    romeo = plain(server, "romeo", "correct:horse").available()
    romeo.set("<query xmlns='jabber:iq:roster'><item jid='juliet@localhost'/></query>")
    romeo.abort()
    juliet = plain(server, "juliet", "staple").available()
    juliet.message("romeo@localhost", "for later", "chat")
    juliet.sync()
    romeo = plain(server, "romeo", "correct:horse")
    query = romeo.ask("<query xmlns='jabber:iq:roster'/>")
    assert [item.get("jid") for item in query] == ["juliet@localhost"]
    romeo.available()
    romeo.expect_message("for later")


def test_external_program_knows_little_of_us(new_server, program, tmp_path, monkeypatch):
    """The environment may have secrets: the key of jwt, for one."""
    known = {"HOME": "/root", "LC_TIME": "C.UTF-8", "TZ": "UTC", "TMPDIR": str(tmp_path)}
    for name, value in (known | {"KEY_OF_JWT": "s3cret", "TZDIR": "/", "LANGUAGES": "x"}).items():
        monkeypatch.setenv(name, value)
    script = tmp_path / "check"
    script.write_text(f"#!/bin/sh\n/usr/bin/env -0 >{tmp_path}/env\n"
                      f"ls /proc/self/fd >{tmp_path}/fds\nexec {PROGRAM} {program}\n",
                      encoding="utf-8")
    script.chmod(0o755)
    server = new_server(listeners=LISTENERS, over={"auth": {
        "methods": ["external"],
        "external": {"program": f"/usr/bin/env MORE=x=y {script}", "instances": 1}}})
    plain(server, "romeo", "correct:horse")
    env_of = dict(e.split("=", 1) for e in
                  (tmp_path / "env").read_text(encoding="utf-8").split("\0") if e)
    assert {n: env_of[n] for n in known} == known and env_of["MORE"] == "x=y" and env_of["PATH"]
    others = {"PATH", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "PWD", "OLDPWD", "SHLVL", "_"}
    assert {n for n in env_of if not n.startswith("LC_")} - set(known) - {"MORE"} <= others
    assert len((tmp_path / "fds").read_text(encoding="utf-8").split()) <= 4


def test_external_program_that_dies_is_started_again(new_server, program):
    server = external(new_server, program)
    refused(server, "dies", "x", "temporary-auth-failure")
    assert "ended with status 3" in server.read_log()
    deadline = time.monotonic() + env.DEADLINE
    while True:  # the next start comes after a moment
        try:
            plain(server, "romeo", "correct:horse")
            break
        except SaslFailure as e:
            assert e.condition == "temporary-auth-failure"
            assert time.monotonic() < deadline, "the program was not started again"


def test_external_program_that_is_not_there(new_server, tmp_path):
    server = new_server(over={"auth": {"methods": ["external"],
                                       "external": {"program": str(tmp_path / "none")}}})
    refused(server, "romeo", "x", "temporary-auth-failure")
    assert "No such file" in server.read_log()


# --- http ---

@pytest.fixture
def service():
    one = Service()
    yield one
    one.stop()


def http(new_server, service, format_="plain", basic_auth=None, **pool):
    auth = {"methods": ["http"], "password": {"format": format_}, "http": {}}
    if basic_auth:
        auth["http"]["basic_auth"] = basic_auth
    connection = {"host": f"http://127.0.0.1:{service.port}", "path_prefix": "/api"}
    return new_server(listeners=LISTENERS, over={
        "auth": auth,
        "outgoing_pools": {"http": {"auth": {"workers": 2, "connection": connection} | pool}}})


def test_http_service_checks_passwords(new_server, service):
    service.accounts = {"romeo": "p&ss wörd=%", "juliet": "staple"}
    server = http(new_server, service, basic_auth="meerkat:s3cret")
    romeo = plain(server, "romeo", "p&ss wörd=%").available()
    juliet = plain(server, "juliet", "staple", "tls").available()
    talk(romeo, juliet)
    refused(server, "romeo", "wrong")
    refused(server, "nobody", "x")
    paths = {path for path, *_ in service.asked}
    assert paths == {"/api/check_password"}
    assert {auth for _, _, auth, _ in service.asked} == {
        "Basic " + base64.b64encode(b"meerkat:s3cret").decode()}
    assert len({port for *_, port in service.asked}) <= 2  # connections are kept
    assert "s3cret" not in server.read_log()


@pytest.mark.parametrize("format_", ["plain", "scram"])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"])
def test_http_service_gives_passwords(new_server, service, format_, mechanism):
    """As plain text, or as SCRAM keys."""
    service.accounts = {"romeo": "correct" if format_ == "plain" else serialised("correct")}
    server = http(new_server, service, format_)
    client = server.connect("tls").login(account("romeo", "correct"), mechanism=mechanism)
    assert client.sync() is not None
    refused(server, "romeo", "wrong", mechanism=mechanism)
    refused(server, "nobody", "correct", mechanism=mechanism)


@pytest.mark.parametrize("broken", [(500, ""), (503, "later"), (200, "maybe"), (302, "")])
def test_http_service_that_fails(new_server, service, broken):
    service.accounts = {"romeo": "correct"}
    server = http(new_server, service)
    service.broken = broken
    refused(server, "romeo", "correct", "temporary-auth-failure")
    assert f"status {broken[0]}" in server.read_log()
    service.broken = None
    plain(server, "romeo", "correct")


def test_http_service_goes_and_comes_back(new_server, service):
    service.accounts = {"romeo": "correct"}
    server = http(new_server, service)
    plain(server, "romeo", "correct")
    service.stop()
    refused(server, "romeo", "correct", "temporary-auth-failure")
    service.start(service.port)
    plain(server, "romeo", "correct")


# --- jwt ---

SECRET = "top-secret-0123456789-0123456789"


def token(claims, secret=SECRET, alg="HS256"):
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}.get(alg)
    text = part(json.dumps({"typ": "JWT", "alg": alg}).encode()) + "." + part(
        json.dumps(claims).encode())
    sign = hmac.new(secret.encode(), text.encode(), digest).digest() if digest else b""
    return f"{text}.{part(sign)}"


def jwt(new_server, algorithm="HS256", **secret):
    return new_server(listeners=LISTENERS, over={"auth": {"methods": ["jwt"], "jwt": {
        "secret": secret or {"value": SECRET}, "algorithm": algorithm,
        "username_key": "user"}}})


def test_jwt_is_the_password(new_server):
    server = jwt(new_server)
    now = int(time.time())
    assert mechanisms(server) == ["PLAIN"]
    romeo = plain(server, "romeo", token({"user": "romeo", "exp": now + 600}), "tls").available()
    juliet = plain(server, "juliet", token({"user": "juliet", "nbf": now - 9})).available()
    talk(romeo, juliet)
    for bad in (token({"user": "romeo", "exp": now - 600}),
                token({"user": "romeo", "nbf": now + 600}),
                token({"user": "juliet"}), token({"name": "romeo"}),
                token({"user": "romeo"}, "other"), token({"user": "romeo"}, alg="none"),
                token({"user": "romeo"}, alg="HS512"), "not a token"):
        refused(server, "romeo", bad)


def test_jwt_key_is_read_again(new_server, tmp_path):
    path = tmp_path / "key"
    path.write_text("first", encoding="utf-8")
    server = jwt(new_server, "HS386", file=str(path))
    plain(server, "romeo", token({"user": "romeo"}, "first", "HS384"))
    path.write_text("second", encoding="utf-8")
    done = server.run("reload")
    assert done.returncode == 0, done.stderr
    plain(server, "romeo", token({"user": "romeo"}, "second", "HS384"))
    refused(server, "romeo", token({"user": "romeo"}, "first", "HS384"))


# --- dummy, and several ---

def test_dummy_takes_everybody(new_server):
    server = new_server(over={"auth": {"methods": ["dummy"],
                                       "dummy": {"base_time": 1, "variance": 5}}})
    a, b = plain(server, "anybody", "x").available(), plain(server, "else", "y").available()
    talk(a, b)
    assert "dummy takes any password" in server.read_log()


@pytest.mark.parametrize("name", ["a b", "x@y", "\x01", "a/b"])
def test_a_name_that_is_none_is_nobody(new_server, name):
    """Not even for who says yes to everybody."""
    server = new_server(over={"auth": {"methods": ["dummy"], "dummy": {"base_time": 0}}})
    client = server.connect()
    client.start()
    with pytest.raises(SaslFailure) as failure:
        client.auth("PLAIN", f"\0{name}\0x".encode())
    assert failure.value.condition == "not-authorized"


def test_a_method_that_is_down_does_not_take_the_brake_off(new_server, service):
    """Whom the database knows, and whose password is wrong, is told so, and counted."""
    server = new_server(over={
        "auth": {"methods": ["internal", "http"], "http": {}},
        "outgoing_pools": {"http": {"auth": {"connection": {
            "host": f"http://127.0.0.1:{service.port}"}}}}})
    known = server.account()
    service.stop()
    refused(server, known.user, "wrong")
    refused(server, "of-http", "wrong", "temporary-auth-failure")
    service.start(service.port)


def test_methods_are_asked_in_their_order(new_server, program, service):
    """Each knows one of them; who is in none is in none."""
    service.accounts = {"mercutio": "of http"}
    server = new_server(listeners=LISTENERS | {
        "only": {"allowed_auth_methods": ["external"]},
    }, over={
        "auth": {"methods": ["internal", "external", "http"],
                 "external": {"program": f"{PROGRAM} {program}"}, "http": {}},
        "outgoing_pools": {"http": {"auth": {"connection": {
            "host": f"http://127.0.0.1:{service.port}"}}}}})
    known = server.account()
    service.accounts["mercutio"] = serialised("of http")
    plain(server, known.user, known.password)
    server.connect().login(known)
    plain(server, "juliet", "staple")
    plain(server, "mercutio", "of http")
    server.connect().login(account("mercutio", "of http"), mechanism="SCRAM-SHA-256")
    refused(server, "nobody", "x")
    refused(server, "nobody", "x", mechanism="SCRAM-SHA-1")
    # the listener's own subset holds for every mechanism
    plain(server, "juliet", "staple", "only")
    assert mechanisms(server, "only") == ["PLAIN"]
    with pytest.raises(SaslFailure) as failure:
        plain(server, known.user, known.password, "only")
    assert failure.value.condition == "not-authorized"


def test_a_method_that_cannot_be_asked_hides_nobody_behind_it(new_server, program, service):
    service.stop()
    server = new_server(over={
        "auth": {"methods": ["http", "external"],
                 "external": {"program": f"{PROGRAM} {program}"}, "http": {}},
        "outgoing_pools": {"http": {"auth": {"connection": {
            "host": f"http://127.0.0.1:{service.port}"}}}}})
    plain(server, "juliet", "staple")
    refused(server, "juliet", "wrong", "temporary-auth-failure")
    service.start(service.port)


def test_many_logins_at_a_slow_program_leave_messages_alone(new_server, program):
    """Forty wait for a program that hangs; those who are in talk on, and the server's end does not
    wait for it, either."""
    server = external(new_server, program)
    a, b = plain(server, "romeo", "correct:horse").available(), plain(
        server, "juliet", "staple").available()
    waiting = []
    for _ in range(40):
        client = server.connect()
        client.start()
        data = base64.b64encode(b"\0hangs\0x").decode()
        client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{data}"
                    "</auth>")
        waiting.append(client)
    for _ in range(20):
        talk(a, b)
    for client in waiting:
        client.abort()
