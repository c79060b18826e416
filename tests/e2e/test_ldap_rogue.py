"""Directories that are none, or mean harm: what they send costs a login, and nothing else."""
import base64
import socket
import threading

import pytest

from lib import env
from lib.client import Account, SaslFailure
from lib.ports import free_port

BIND, SEARCH, ENTRY, DONE = 0x60, 0x63, 0x64, 0x65
SUCCESS, SIZE_LIMIT, BUSY = 0, 4, 51


def ber(tag, data):
    n = len(data)
    length = bytes([n]) if n < 128 else b"\x84" + n.to_bytes(4, "big")
    return bytes([tag]) + length + data


def message(id_, op):
    return ber(0x30, ber(2, bytes([id_])) + op)


def result(tag, code=SUCCESS):
    return ber(tag, ber(0x0a, bytes([code])) + ber(4, b"") + ber(4, b""))


def entry(dn, filler=0):
    value = ber(0x30, ber(4, b"cn") + ber(0x31, ber(4, b"x" * filler)))
    return ber(ENTRY, ber(4, dn) + ber(0x30, value))


def romeo(id_, filler=0):
    return message(id_, entry(b"cn=romeo,dc=example", filler))


def let_in(connection, id_):
    connection.sendall(message(id_, result(BIND + 1)))


class Directory:
    """`search` and `bind` are called with the connection and the request's number."""

    def __init__(self, search, bind=let_in, address=None):
        self.search, self.bind = search, bind
        self.binds = self.searches = 0
        self._listener = socket.create_server(address or ("127.0.0.1", free_port()))
        self.port = self._listener.getsockname()[1]
        self._all = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._all.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            while data := connection.recv(65536):
                if data[5] == BIND:
                    self.binds += 1
                    self.bind(connection, data[4])
                elif data[5] == SEARCH:
                    self.searches += 1
                    self.search(connection, data[4])
        except OSError:
            pass

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._all:
            connection.close()


@pytest.fixture
def directory():
    made = []

    def make(*args, **kwargs):
        made.append(Directory(*args, **kwargs))
        return made[-1]
    yield make
    for one in made:
        one.stop()


@pytest.fixture
def serve(new_server):
    """A server that asks it, or what has its port at several addresses."""
    def make(one, servers=("127.0.0.1",), call_timeout=5000):
        connection = {"servers": list(servers), "port": one.port, "connect_interval": 1}
        pool = {"workers": 1, "call_timeout": call_timeout, "connection": connection}
        return new_server(listeners={"plain": {}}, over={
            "auth": {"methods": ["ldap"], "ldap": {"base": "dc=example"}},
            "outgoing_pools": {"ldap": {"default": pool, "bind": pool}}})
    return make


def condition(server, password="any"):
    client = server.connect()
    try:
        client.login(Account("romeo@localhost", password), mechanism="PLAIN")
        return None
    except SaslFailure as failure:
        return failure.condition
    finally:
        client.abort()


def find_romeo(connection, id_):
    connection.sendall(romeo(id_) + message(id_, result(DONE)))


def test_it_is_one(directory, serve):
    """So that what follows is a difference."""
    assert condition(serve(directory(find_romeo))) is None


@pytest.fixture
def leaks_of_the_library(tmp_path, monkeypatch):
    """It forgets the request whose answer it cannot read, 4 KiB of each connection."""
    known = tmp_path / "leaks"
    known.write_text("leak:liblber\n", encoding="ascii")
    monkeypatch.setenv("LSAN_OPTIONS", f"suppressions={known}:print_suppressions=0")


def test_rubbish_ends_the_connection(leaks_of_the_library, directory, serve):
    """An answer without an operation, another one to the same question, and the connection's end: the
    library would fail an assertion."""
    def search(connection, id_):
        connection.sendall(message(2, b""))
        if id_ > 2:
            connection.shutdown(socket.SHUT_RDWR)
    one = directory(search)
    server = serve(one)
    for _ in range(3):
        assert condition(server) == "temporary-auth-failure"
    assert one.binds == one.searches == 6  # each on a connection of its own, and each question twice
    assert server.process.poll() is None


@pytest.mark.parametrize("filler", [0, 100000])
def test_an_answer_without_end(directory, serve, filler):
    def search(connection, id_):
        while True:
            connection.sendall(64 * romeo(id_, filler))
    server = serve(directory(search))
    assert condition(server) == "temporary-auth-failure"
    assert "searching: its answer is longer than 1 MiB" in server.read_log()


def test_a_message_that_says_it_is_large(directory, serve):
    def search(connection, id_):
        connection.sendall(b"\x30\x84\x7f\xff\xff\xff" + b"x" * 1000)
    assert condition(serve(directory(search))) == "temporary-auth-failure"


def test_more_than_it_gives(directory, serve):
    """Who is not the only one is nobody."""
    def search(connection, id_):
        connection.sendall(romeo(id_) + message(id_, result(DONE, SIZE_LIMIT)))
    server = serve(directory(search))
    assert condition(server) in ("temporary-auth-failure", "not-authorized")
    assert "several entries fit" in server.read_log()


def test_one_that_is_busy_is_not_all(directory, serve):
    def busy(connection, id_):
        connection.sendall(message(id_, result(BIND + 1, BUSY)))
    first = directory(find_romeo, busy)
    second = directory(find_romeo, address=("127.0.0.2", first.port))
    assert condition(serve(first, ("127.0.0.1", "127.0.0.2"))) is None
    assert first.binds > 0 and first.searches == 0 and second.searches == 1


def test_the_end_of_the_server_waits_for_none(directory, serve):
    asked = threading.Event()
    one = directory(lambda connection, id_: asked.set())
    server = serve(one, call_timeout=600000)
    client = server.connect()
    client.start()
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
                f"{base64.b64encode(bytes(1) + b'romeo' + bytes(1) + b'any').decode()}</auth>")
    assert asked.wait(env.DEADLINE)
    server.stop()
    assert one.searches == 1  # nor does it ask again
