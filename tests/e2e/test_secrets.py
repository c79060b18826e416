"""Where secrets must not be: in what the server says, in memory that it no longer uses, in core
files."""
import base64
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from lib import env
from lib.auth_service import Service
from lib.client import Account, SaslFailure
from lib.server import Server
from test_auth_matrix import token

_BLOCK = 64 << 10
USERS = {"romeo": "password-of-romeo", "juliet": "password-of-juliet"}


def secrets(which):
    return {name: f"{which}-{name}-secret" for name in ("http", "ldap", "jwt", "bind")}


def over(port, secret):
    ldap = {"servers": ["127.0.0.1"], "port": 1, "root_dn": "cn=reader,dc=example"}
    return {
        "general": {"hosts": ["localhost", "http.example", "ldap.example", "jwt.example"]},
        "host_config": [
            {"host": "http.example", "auth": {
                "methods": ["http"], "password": {"format": "plain"}, "http": {"basic_auth": f"meerkat:{secret['http']}"}}},
            {"host": "ldap.example", "auth": {"methods": ["ldap"],
                                              "ldap": {"base": "dc=example"}}},
            {"host": "jwt.example", "auth": {"methods": ["jwt"], "jwt": {
                "secret": {"value": secret["jwt"]}, "algorithm": "HS256",
                "username_key": "user"}}}],
        "outgoing_pools": {
            "http": {"auth": {"connection": {"host": f"http://127.0.0.1:{port}"}}},
            "ldap": {"default": {"connection": ldap | {"password": secret["ldap"]}},
                     "bind": {"connection": ldap | {"password": secret["bind"]}}}}}


@pytest.fixture
def server(request, tmp_path, monkeypatch):
    """With the first secrets; `service` is what http asks."""
    monkeypatch.setenv("MEERKAT_CORE_DUMPS", "1")  # the tests look into its memory
    service = Service()
    service.accounts = USERS
    one = Server(tmp_path, 1, over(service.port, secrets("first")), {"plain": {}})
    one.service = service
    request.node.e2e_servers = [one]
    one.start()
    yield one
    try:
        one.stop()
    finally:
        one.discard()
        service.stop()


def logins(server, secret):
    """By every method, right and wrong, those that are down, too."""
    for user, domain, password in [
            ("romeo", "http.example", USERS["romeo"]), ("romeo", "http.example", USERS["juliet"]),
            ("romeo", "ldap.example", USERS["romeo"]), ("romeo", "localhost", USERS["romeo"]),
            ("romeo", "jwt.example", token("romeo", secret["jwt"])),
            ("romeo", "jwt.example", USERS["juliet"])]:
        for mechanism in ("PLAIN", "SCRAM-SHA-1"):
            with server.connect(domain=domain) as client:
                try:
                    client.login(Account(f"{user}@{domain}", password), mechanism=mechanism)
                except SaslFailure:
                    pass


def forms(text):
    """As it may stand somewhere: plain, and in base 64 in each position."""
    data = text.encode()
    yield data
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + data)
        yield coded[4 if before else 0:len(coded) - 4]


def memory(server):
    """What it may write to."""
    pid = server.process.pid
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, rights = line.split()[:2]
            if rights.startswith("rw"):
                begin, end = (int(x, 16) for x in where.split("-"))
                try:
                    mem.seek(begin)
                    data = mem.read(end - begin)
                    blocks = (data[i:i + _BLOCK] for i in range(0, len(data), _BLOCK))
                    yield b"".join(b for b in blocks if b.count(0) < len(b))
                except (OSError, ValueError):
                    pass


def found(server, texts):
    everything = b"\n".join(memory(server))
    return [t for t in texts if any(form in everything for form in forms(t))]


def test_nothing_says_a_secret(server):
    """The log at its most talkative, what the commands print, and what a reload says."""
    secret = secrets("first")
    logins(server, secret)
    server.service.broken = (500, f"it was {USERS['romeo']}")
    logins(server, secret)
    said = [server.read_log(), server.admin("status json")]
    for words in (["check"], ["reload"], ["status"], ["user", "list"]):
        done = server.run(*words)
        said += [done.stdout, done.stderr]
    said.append(server.read_log())
    for text in said:
        for one in (*secret.values(), *USERS.values(), token("romeo", secret["jwt"])):
            for form in forms(one):
                assert form.decode() not in text


@pytest.mark.skipif(env.SANITIZED, reason="their allocators keep what is freed, and shadows of it")
def test_secrets_end_with_their_configuration(server):
    logins(server, secrets("first"))
    assert found(server, secrets("first").values()) == list(secrets("first").values())
    server.over = over(server.service.port, secrets("second"))
    server.write_config()
    assert server.run("reload").returncode == 0
    logins(server, secrets("second"))
    assert found(server, secrets("second").values()) == list(secrets("second").values())
    assert found(server, secrets("first").values()) == []


@pytest.mark.skipif(env.SANITIZED, reason="their allocators keep what is freed, and shadows of it")
@pytest.mark.parametrize("password, mechanism", [
    (USERS["romeo"], "PLAIN"), ("a-wrong-password", "PLAIN"), (USERS["romeo"], "SCRAM-SHA-256")],
    ids=["right", "wrong", "scram"])  # the name of a test is in the server's environment
def test_nothing_of_a_login_is_left_by_http(server, password, mechanism):
    """Not in the URL that was asked for, either, nor in the answer that is the password."""
    with server.connect(domain="http.example") as client:
        try:
            client.login(Account("romeo@http.example", password), mechanism=mechanism)
        except SaslFailure:
            assert password != USERS["romeo"]
    deadline = time.monotonic() + env.DEADLINE
    while left := found(server, [password]):
        assert time.monotonic() < deadline, left
        try:
            server.process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            pass


@pytest.mark.parametrize("allowed", [False, True])
def test_no_core_file(allowed, monkeypatch):
    """A process that must not be dumped belongs to root in /proc, whoever runs it."""
    if allowed:
        monkeypatch.setenv("MEERKAT_CORE_DUMPS", "1")
    else:
        monkeypatch.delenv("MEERKAT_CORE_DUMPS", raising=False)
    place = tempfile.mkdtemp(prefix="meerkat-")
    try:
        one = Server(place, 1, None, {"plain": {}})
        binary = shutil.copy(env.BINARY, f"{place}/meerkat")
        nobody = os.geteuid() == 0
        if nobody:
            subprocess.run(["chown", "-R", "nobody:nogroup", place], check=True)
        os.chmod(place, 0o755)

        def spawn(*words):
            who = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] * nobody
            with open(one.log, "ab") as log:
                one.process = subprocess.Popen(
                    [*who, binary, "serve", *words], stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, cwd=place)
        one.spawn = spawn
        one.start()
        try:
            owner = os.stat(f"/proc/{one.process.pid}/environ").st_uid
            assert (owner != 0) == allowed
            with open(f"/proc/{one.process.pid}/status", encoding="ascii") as f:
                uids = re.search(r"^Uid:\s+(\d+)", f.read(), re.M)
            assert int(uids.group(1)) != 0
            assert one.status()["pid"] == one.process.pid
        finally:
            one.stop()
    finally:
        shutil.rmtree(place)
