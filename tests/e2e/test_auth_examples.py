"""The examples of docs/authentication-examples.md, as they stand there but for ports and directories,
with what is behind them, and a login by each of their mechanisms."""
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

from lib import env, ns
from lib.client import SaslFailure
from lib.database import Mysql, Pgsql
from lib.directory import Directory
from lib.ports import free_port
from lib.raw import tls_context
from lib.server import Account, Server
from test_clients import Slix, run_async, within  # noqa: F401 (a fixture)

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "authentication-examples.md")
JID, PASSWORD = "romeo@example.net", "a-good-password"


def sections():
    """name -> {language: text}"""
    with open(PAGE, encoding="utf-8") as f:
        parts = re.split(r"^## (.*)\n", f.read(), flags=re.M)[1:]
    return {name: dict(re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S))
            for name, text in zip(parts[::2], parts[1::2])}


SECTIONS = sections()


class ExampleServer(Server):
    """On the configuration of one example; `ports_of`: what it says -> what is true here."""

    def __init__(self, place, text):
        super().__init__(place, 1, None, {"starttls": {"tls": {"mode": "starttls"}}})
        shutil.copy(f"{place}/cert+key.pem", f"{place}/server.pem")
        self.text = text
        self.ports_of = {}

    def write_config(self):
        text = self.text
        for old, new in ({"port = 5222": f"port = {self.ports['starttls']}"} |
                         self.ports_of).items():
            assert old in text, old
            text = text.replace(old, new)
        for directory in ("/etc/meerkat/", "/var/lib/meerkat/", "/usr/local/bin/"):
            text = text.replace(directory, f"{self.directory}/")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)


@pytest.fixture
def prepare(request, tmp_path, run_async):
    """Makes the server of an example; what must end is put into `ends`."""
    ends = []
    request.node.e2e_servers = servers = []

    def make(name):
        servers.append(ExampleServer(tmp_path, SECTIONS[name]["toml"]))
        servers[-1].run_async = run_async
        return servers[-1], SECTIONS[name], ends

    yield make
    try:
        for one in servers:
            one.stop()
    finally:
        for one in servers:
            one.discard()
        for end in ends:
            end()


def secure(server, context=None):
    client = server.connect("starttls", domain="example.net")
    client.start()
    client.starttls(context or tls_context())
    return client, client.start()[1]


def online(client):
    client.restart()
    client.start()
    return client.bind().get("type") == "result" and ns.bare(client.jid) == JID


def passwords(server, mechanisms=("PLAIN",), password=PASSWORD):
    """Each of them logs in, and a wrong password does not; slixmpp does as well."""
    for mechanism in mechanisms:
        for secret, right in ((password, True), ("wrong", False)):
            client, _ = secure(server)
            log_in = client.auth_plain if mechanism == "PLAIN" else (
                lambda *a, c=client, m=mechanism: c.auth_scram(m, *a))
            with client:
                if right:
                    log_in("romeo", secret)
                    assert online(client)
                    continue
                with pytest.raises(SaslFailure) as failure:
                    log_in("romeo", secret)
                assert failure.value.condition == "not-authorized"

    async def others():
        client = Slix(Account(JID, password), server)
        assert await within(client.ready)
        await client.leave()
    server.run_async(others())


def add_account(server):
    done = server.run("user", "add", JID, stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr


def test_internal(prepare):
    server, _, _ = prepare("internal")
    server.start()
    add_account(server)
    passwords(server, ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-512"))


@pytest.mark.parametrize("name, kind, port", [
    ("rdbms with PostgreSQL", Pgsql, "5432"), ("rdbms with MariaDB or MySQL", Mysql, "3306")])
def test_rdbms(prepare, name, kind, port):
    server, parts, ends = prepare(name)
    database = kind()
    ends.append(database.discard)
    database.start()
    database.run(parts["sql"])
    server.ports_of = {f"port = {port}": f"port = {database.port}"}
    server.start()
    add_account(server)
    passwords(server, ("PLAIN", "SCRAM-SHA-256"))


def test_external(prepare, tmp_path):
    server, parts, _ = prepare("external")
    program = tmp_path / "check-password"
    program.write_text(parts["python"], encoding="utf-8")
    program.chmod(0o755)
    server.start()
    passwords(server)


def test_http(prepare):
    server, parts, ends = prepare("http")
    port = free_port()
    assert "8000" in parts["python"]
    service = subprocess.Popen([sys.executable, "-c", parts["python"].replace("8000", str(port))],
                               stderr=subprocess.DEVNULL)
    ends += [lambda: service.wait(timeout=env.DEADLINE), service.terminate][::-1]
    for _ in range(int(env.DEADLINE / 0.05)):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            pass
        try:
            service.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            pass
    server.ports_of = {"127.0.0.1:8000": f"127.0.0.1:{port}"}
    server.start()
    passwords(server)
    server.text = server.text.replace("a-service-secret", "another")
    server.write_config()
    assert server.run("reload").returncode == 0
    with pytest.raises(SaslFailure) as failure:
        passwords(server)
    assert failure.value.condition == "temporary-auth-failure"


def test_ldap(prepare, tmp_path):
    server, parts, ends = prepare("ldap")
    (tmp_path / "slapd").mkdir()
    directory = Directory(tmp_path / "slapd", [], ldif=parts["ldif"])
    ends.append(directory.stop)
    server.ports_of = {"port = 389": f"port = {directory.port}"}
    server.start()
    passwords(server)


def test_jwt(prepare):
    server, parts, _ = prepare("jwt")
    server.start()
    made = subprocess.run([sys.executable, "-c", parts["python"]], check=True,
                          capture_output=True, text=True)
    passwords(server, password=made.stdout.strip())


def test_pki(prepare, tmp_path):
    server, parts, _ = prepare("pki")
    subprocess.run(["sh", "-ec", parts["sh"]], cwd=tmp_path, check=True, capture_output=True)
    server.start()
    show = tls_context()
    show.load_cert_chain(tmp_path / "romeo.pem", tmp_path / "romeo-key.pem")
    client, features = secure(server, show)
    with client:
        assert [m.text for m in features.find(ns.SASL + "mechanisms")] == ["EXTERNAL"]
        assert client.auth("EXTERNAL", b"").tag == ns.SASL + "success"
        assert online(client)


def test_dummy(prepare):
    server, _, _ = prepare("dummy")
    server.start()
    client, _ = secure(server)
    with client:
        client.auth_plain("romeo", "whatever")
        assert online(client)


def test_each_example_is_here():
    assert len(SECTIONS) == 9 and all("toml" in parts for parts in SECTIONS.values())
