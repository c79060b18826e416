"""The two listeners with which MongooseIM's page about this section ends: as they are written,
but for the ports, and with what the text beside them says of the second."""
import os
import ssl
import subprocess

import pytest

from lib import config, ns
from lib.client import Account, Client
from lib.raw import tls_context
from lib.server import PASSWORD, Server, run

HERE = os.path.dirname(__file__)
RATE = 30_000
REST = {
    "acl": {"blocked": [{"user": "mallory"}], "free": [{"user_glob": "free*"}]},
    "access": {
        "c2s": [{"acl": "blocked", "value": "deny"}, {"acl": "all", "value": "allow"}],
        "c2s_shaper": [{"acl": "free", "value": "none"}, {"acl": "all", "value": "normal"}],
    },
    "shaper": {"normal": {"max_rate": RATE}},
}
FILES = """
openssl req -x509 -newkey rsa:2048 -nodes -days 100 -subj /CN=localhost -keyout k.pem -out c.pem
cat c.pem k.pem >server.pem
openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe3072 -out dh_server.pem
"""


def example():
    with open(f"{HERE}/examples/listeners.toml", encoding="utf-8") as f:
        return f.read()


class ExampleServer(Server):
    """Its listeners are those of the example; `more` is added to the second."""

    more = ""

    def write_config(self):
        subprocess.run(["sh", "-c", FILES], cwd=self.directory, check=True,
                       capture_output=True)
        tree, _ = config.defaults(self.directory, self.certificate, self.key)
        text = example() + self.more
        for port in (5222, 5223):
            here = f'{self.ports[str(port)]}\n  ip_address = "127.0.0.1"\n  state_timeout = 60000'
            assert text.count(f"port = {port}\n") == 1
            text = text.replace(f"port = {port}\n", f"port = {here}\n")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(config.to_toml(config.merge(tree, REST)) + "\n" + text)

    def start(self, new_ports=True):
        self.listeners = {"5222": {}, "5223": {"tls": {"mode": "tls"}} if self.more else {}}
        return super().start(new_ports)


class TlsExampleServer(ExampleServer):
    more = '  tls.mode = "tls"\n  tls.certfile = "server.pem"\n'


@pytest.fixture(scope="module", params=[ExampleServer, TlsExampleServer],
                ids=["as-written", "as-described"])
def server(request, workers, tmp_path_factory):
    """The server that the other fixtures take, with the example's listeners."""
    one = request.param(tmp_path_factory.mktemp("example"), workers)
    request.node.e2e_servers = [one]
    one.start()
    one.make_accounts([Account(f"{name}@localhost", PASSWORD)
                       for name in ("mallory", "romeo", "freeman")])
    yield one
    try:
        one.stop()
    finally:
        one.discard()


def login(connect, listener, user, tls=True, **kwargs):
    c = connect(listener)
    if tls and listener == "5222":
        c.start()
        c.starttls()
    return c.login(Account(f"{user}@localhost", PASSWORD), **kwargs)


def test_it_loads_with_one_warning(tmp_path):
    """On its own, with the sections that it refers to; port 5223 without TLS is worth a word."""
    subprocess.run(["sh", "-c", FILES], cwd=tmp_path, check=True, capture_output=True)
    rest = config.to_toml({"general": {"hosts": ["localhost"],
                                       "default_server_domain": "localhost"}} | REST)
    (tmp_path / "example.toml").write_text(rest + "\n" + example(), encoding="utf-8")
    done = run("check", "-c", "example.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "example.toml: the configuration is good"
    warnings = done.stderr.splitlines()
    assert len(warnings) == 1 and "listen.c2s[2].port: plain text on the port of Direct TLS" in \
        warnings[0], warnings


def test_first_port_is_plain_and_offers_starttls(connect):
    c = connect("5222")
    _, features = c.start()
    starttls = features.find(ns.TLS + "starttls")
    assert starttls is not None and starttls.find(ns.TLS + "required") is None
    assert features.find(ns.SASL + "mechanisms") is not None


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "starttls"])
def test_first_port_takes_logins(connect, tls):
    c = login(connect, "5222", "romeo", tls)
    assert c.sync() == []


def test_certificate_is_that_of_the_file(server, connect):
    with open(f"{server.directory}/c.pem", encoding="ascii") as f:
        expected = ssl.PEM_cert_to_DER_cert(f.read())
    c = connect("5222")
    c.start()
    c.starttls()
    assert c.socket.getpeercert(binary_form=True) == expected


def test_diffie_hellman_parameters_are_those_of_the_file(server):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.ports['5222']}", "-starttls",
         "xmpp", "-xmpphost", "localhost", "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert b"Server Temp Key: DH, 3072 bits" in done.stdout, done.stdout


def test_second_port(server, connect):
    """As it is written it has no TLS, whatever the text says; with the two lines that the text
    needs, it takes nothing else."""
    if not server.more:
        c = connect("5223")
        _, features = c.start()
        assert features.find(ns.TLS + "starttls") is None
        return
    c = connect("5223")
    assert c.socket.version() in ("TLSv1.2", "TLSv1.3")
    c.start()
    with Client(server.ports["5223"]) as clear:
        clear.open()
        got = b""
        try:
            while data := clear.socket.recv(4096):
                got += data
        except ConnectionResetError:
            pass
        assert b"<" not in got


@pytest.mark.parametrize("listener", ["5222", "5223"])
def test_access_rule_of_both(connect, listener):
    assert login(connect, listener, "romeo").sync() == []
    denied = login(connect, listener, "mallory", bind=False)
    assert ns.stanza_error(denied.bind()) == ("cancel", "not-allowed")


@pytest.mark.parametrize("listener", ["5222", "5223"])
def test_stanza_size_of_both(connect, listener):
    c = login(connect, listener, "freeman")
    start, end = f"<message to='{c.jid}'><body>", "</body></message>"
    c.send(start + "a" * (65536 - len(start) - len(end)) + end)
    assert c.expect_message() is not None
    c.send("<message><body>" + "a" * 65536)
    c.expect_error("policy-violation", "element too big")


@pytest.mark.parametrize("listener", ["5222", "5223"])
def test_shaper_of_both(server, connect, listener):
    """Who is shaped is held; nothing is lost; who is not shaped is not."""
    name = "shaped_ms"
    before = server.counter(name)
    free, shaped = login(connect, listener, "freeman"), login(connect, listener, "romeo")
    for c, is_held in ((free, False), (shaped, True)):
        text = "x" * 1000
        data = "".join(f"<message to='{c.jid}' id='m{i}'><body>{text}</body></message>"
                       for i in range(34))
        c.send(data)
        for i in range(34):
            assert c.expect_message(text).get("id") == f"m{i}"
        assert c.sync() == []  # read only when what was too much is paid for
        assert (server.counter(name) > before) == is_held
    shaped.close()  # is counted now, and not in the next test
