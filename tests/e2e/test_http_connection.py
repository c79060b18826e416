"""The connection that the method `http` keeps: what a service says on it unasked is no answer, and what
must not be asked twice is not asked on it."""
import contextlib
import socket
import ssl
import threading
from urllib.parse import parse_qs

import pytest

from lib.client import Account
from lib.env import DEADLINE
from lib.http_world import FAILURE, NO, refusal, running
from lib.scram import serialised
from lib.server import Server, make_certificate

SCHEMES = ("http", "https")


def answer(body, status="200 OK"):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


class RawService:
    """Each question is answered with the bytes that `script` returns for it: an item is a write of
    its own, and None the end of the connection. `asked` has the number of the connection, the
    word and the user."""

    def __init__(self, context=None):
        self.context, self.script, self.asked = context, None, []
        self.current, self.n = None, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.n += 1
                threading.Thread(target=self.serve, args=(peer, self.n), daemon=True).start()

    def serve(self, peer, number):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(peer)
            if self.context:
                peer = stack.enter_context(self.context.wrap_socket(peer, server_side=True))
            self.current = peer
            while question := peer.recv(65536):
                line, _, rest = question.decode().partition(" HTTP/1.1\r\n")
                while "?" not in line and rest.endswith("\r\n\r\n"):
                    rest += peer.recv(65536).decode()
                path, _, query = line.partition("?")
                user = parse_qs(query or rest.rsplit("\r\n", 1)[1])["user"][0]
                word = path.rsplit("/", 1)[1]
                self.asked.append((number, word, user))
                for data in self.script(word, user):
                    if data is None:
                        return
                    peer.sendall(data)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture(scope="module", params=SCHEMES)
def only_world(request, tmp_path_factory):
    certificate, key = make_certificate(tmp_path_factory.mktemp("service"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    service = RawService(context if request.param == "https" else None)
    pool = {"host": f"{request.param}://localhost:{service.port}"}
    if service.context:
        pool["tls"] = {"cacertfile": str(certificate)}
    yield from running(Server(tmp_path_factory.mktemp("server"), 1, {
        "auth": {"methods": ["http"], "password": {"format": "plain"}, "http": {}},
        "outgoing_pools": {"http": {"auth": {"workers": 1, "connection": pool}}},
    }, {"plain": {}}), service)


@pytest.fixture
def world(request, only_world):
    request.node.e2e_servers = [only_world.server]
    only_world.service.asked = []
    return only_world


def attempt(world, user, password="wrong", mechanism="PLAIN"):
    """None: it is right."""
    return refusal(world, Account(f"{user}@localhost", password), mechanism)


def connections(world):
    return [number for number, *_ in world.service.asked]


# --- what was not asked for ---

def test_a_connection_is_kept(world):
    world.service.script = lambda *_: [answer("false")]
    for user in ("romeo", "juliet", "romeo"):
        assert attempt(world, user) == NO
    assert len(connections(world)) == 3 and len(set(connections(world))) == 1


class Afterthought:
    """To the first question the service has something to add, when it is told to."""

    def __init__(self, world, answer_of, more):
        self.answer_of, self.more = answer_of, more
        self._go, self._gone = threading.Event(), threading.Event()
        world.service.script = self.script

    def script(self, _, user):
        yield self.answer_of(user)
        if not self._gone.is_set():
            self._go.wait(DEADLINE)
            yield self.more
            self._gone.set()

    def say(self):
        self._go.set()
        assert self._gone.wait(DEADLINE)


def test_a_late_yes_lets_nobody_in(world):
    late = Afterthought(world, lambda _: answer("false"), answer("true"))
    assert attempt(world, "romeo") == NO
    late.say()
    assert attempt(world, "juliet") == NO
    first, second = connections(world)
    assert first != second


def test_keys_given_twice_are_not_the_next_ones(world):
    late = Afterthought(world, lambda user: answer(serialised(f"of {user}")),
                        answer(serialised("of romeo")))
    assert attempt(world, "romeo", "x", "SCRAM-SHA-1") == NO
    late.say()
    assert attempt(world, "juliet", "of romeo", "SCRAM-SHA-1") == NO
    assert attempt(world, "juliet", "of juliet", "SCRAM-SHA-1") is None


def test_more_than_the_answer(world):
    """With the body, which TLS reads off the connection, and curl does not take."""
    head, _, body = answer("false").partition(b"\r\n\r\n")
    world.service.script = lambda *_: [head + b"\r\n\r\n", body + answer("true")]
    for user in ("romeo", "juliet", "romeo"):
        assert attempt(world, user) == NO


def test_the_end_of_an_idle_connection(world):
    """The next question is asked once, on another one."""
    world.service.script = lambda *_: [answer("false")]
    assert attempt(world, "romeo") == NO
    world.service.current.shutdown(socket.SHUT_RDWR)
    assert attempt(world, "juliet") == NO
    assert [user for *_, user in world.service.asked] == ["romeo", "juliet"]


# --- what is asked only once ---

@pytest.mark.parametrize("words, asked", [
    (("add", "romeo@localhost"), ["user_exists", "register"]),
    (("passwd", "romeo@localhost"), ["user_exists", "set_password"]),
    (("remove", "romeo@localhost"), ["remove_user"])])
def test_what_changes_something_is_not_repeated(world, words, asked):
    """It has been done, and then the service falls: curl would ask once more on a connection that
    had been kept, and the second answer is about what the first one has changed."""
    known = {"add": "false"}.get(words[0], "true")
    world.service.script = lambda word, _: (
        [answer(known)] if word == "user_exists" else [None])
    world.server.run("user", *words, stdin="secret\n")
    words = [word for _, word, _ in world.service.asked]
    assert words.count(asked[-1]) == 1


# --- what is too much ---

def endless(kind):
    line = b"X: " + b"y" * 4000 + b"\r\n"
    return {
        "headers": (b"HTTP/1.1 200 OK\r\n", line),
        "interim": (b"", b"HTTP/1.1 103 Early Hints\r\n" + line + b"\r\n"),
        "line": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 4096),
        "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"4\r\ntrue\r\n0\r\n", line),
    }[kind]


@pytest.mark.parametrize("kind", ["headers", "interim", "line", "trailers"])
def test_an_endless_answer(world, kind):
    """It ends after some tens of kilobytes, not after a time."""
    head, more = endless(kind)
    sent = []

    def script(*_):
        yield head
        for _ in range(20000):  # 80 MB
            sent.append(len(more))
            yield more

    world.service.script = script
    mark = len(world.server.read_log())
    assert attempt(world, "romeo") == FAILURE
    assert "check_password: the answer is too long" in world.server.read_log()[mark:]
    assert sum(sent) < 40 << 20  # what fits into the buffers of sockets
