"""A process that may have few descriptors: no more clients than fit, and the others wait."""
import re
import socket
import subprocess

import pytest

from lib import env
from lib.server import Server

SOFT, HARD = 64, 96


class FewDescriptors(Server):
    def spawn(self, *words):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["prlimit", f"--nofile={SOFT}:{HARD}", env.BINARY, "serve", *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)

    def start(self, new_ports=True):
        super().start(new_ports)
        self.until(lambda: "fit into" in self.read_log())  # it listens before it says so
        return self

    def room(self):
        """So many connections fit, as it says itself."""
        said = re.search(r"(\d+) connections fit into the limit of (\d+) desc", self.read_log())
        assert said and int(said[2]) == HARD, self.read_log()
        return int(said[1])


@pytest.fixture(scope="module")
def server(workers, tmp_path_factory):
    one = FewDescriptors(tmp_path_factory.mktemp("server"), workers,
                         {"general": {"loglevel": "info"}},
                         {"plain": {}, "other": {}, "large": {"max_connections": 100000}})
    one.start()
    yield one
    try:
        one.stop()
    finally:
        one.discard()


def is_silent(client, witness):
    for _ in range(2):
        witness.sync()
    client.socket.settimeout(0)
    try:
        client.socket.recv(1, socket.MSG_PEEK)
        return False
    except BlockingIOError:
        return True


def serve(client):
    client.socket.settimeout(env.DEADLINE)
    client.header()
    client.features()


def test_clients_beyond_wait_on_every_listener(server, connect, login):
    witness = login()
    inside = [connect("plain") for _ in range(server.room() - 1)]
    for client in inside:
        client.start()
    waiting = [connect(listener) for listener in ("plain", "other", "large")]
    for client in waiting:
        client.open()
    assert all(is_silent(client, witness) for client in waiting)
    assert server.counter("paused_descriptors") >= 1  # there was one for the admin socket
    for client in inside[:3]:
        client.close()
    for client in waiting:
        serve(client)
    for client in inside[3:] + waiting:
        client.close()


def test_room_is_used_again_and_again(server, connect, login):
    witness = login()
    for _ in range(3):
        crowd = [connect("plain") for _ in range(server.room() + 5)]
        for client in crowd:
            client.open()
        for client in crowd:
            serve(client)
            client.abort()
        witness.sync()


def test_says_how_the_limit_is_raised(tmp_path, workers):
    one = FewDescriptors(tmp_path, workers, None, {"large": {"max_connections": 100000}})
    try:
        one.start()
        said = re.search(r"max_connections lets in 100000, but only (\d+) connections fit.*"
                         r"`ulimit -n (\d+)`", one.read_log())
        assert said and int(said[2]) == 100000 + HARD - int(said[1]), one.read_log()
        one.stop()
    finally:
        one.discard()
