"""outgoing_pools.rdbms.*.connection: keepalive_interval and max_start_interval."""
import socket
import threading
import time

import pytest

from lib.database import DATABASES
from lib.server import Server

OURS = "meerkat"  # the database from which the tests look at the others
QUERIES = {  # for each connection that got one: what is another at the next
    "pgsql": "SELECT pid, query_start FROM pg_stat_activity WHERE datname = '{}' AND "
             "query = 'SELECT 1'",
    "mysql": "SELECT p.id, count(*) FROM information_schema.processlist p JOIN "
             "mysql.general_log l ON l.thread_id = p.id WHERE p.db = '{}' AND "
             "l.command_type IN ('Query', 'Execute') AND l.argument = 'SELECT 1' GROUP BY p.id",
}
CONNECTIONS = {
    "pgsql": "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND "
             "backend_type = 'client backend'",
    "mysql": "SELECT id FROM information_schema.processlist WHERE db = '{}'",
}
N_CONNECTIONS = 3  # one writes, two read


@pytest.fixture
def queries(database):
    """MariaDB has to be told to keep them."""
    if database.kind == "mysql":
        database.run("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = 1")
    yield
    if database.kind == "mysql":
        database.run("SET GLOBAL general_log = 0; TRUNCATE mysql.general_log")


@pytest.fixture
def serve(request, tmp_path_factory):
    made = request.node.e2e_servers = []

    def make(pools):
        one = Server(tmp_path_factory.mktemp("server"), 1, {
            "auth": {"methods": ["rdbms"]}, "outgoing_pools": pools}, {"plain": {}})
        made.append(one)
        return one.start()

    yield make
    try:
        for one in made:
            one.stop()
    finally:
        for one in made:
            one.discard()


def test_keepalive_interval(database, queries, serve):
    """Connections that nobody uses get a query each second, and none without the option."""
    names = database.new(), database.new()
    served = [serve(database.pool(names[0], keepalive_interval=1)), serve(database.pool(names[1]))]

    def connections(name):
        return set(database.query(CONNECTIONS[database.kind].format(name), OURS))

    for one, name in zip(served, names):
        one.until(lambda: len(connections(name)) == N_CONNECTIONS)
    ours = connections(names[0])

    def seen(name):
        return {tuple(row.split("\t"))
                for row in database.query(QUERIES[database.kind].format(name), OURS)}

    marks = set()  # (connection, of a query)

    def is_kept_alive():
        marks.update(seen(names[0]))
        return all(sum(one == who for who, _ in marks) > 1 for one in ours)

    served[0].until(is_kept_alive)
    assert connections(names[0]) == ours
    assert seen(names[1]) == set()


class Door:
    """Nobody is at home: it notes when somebody has come, and shuts."""

    def __init__(self):
        self.times = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            try:
                self._listener.accept()[0].close()
            except OSError:
                return
            self.times.append(time.monotonic())

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


def test_max_start_interval(serve):
    """While the database server cannot be reached, it is tried again after 0.25, 0.5, 1, 1, ...
    seconds; without the limit of one second, the seventh time would be ten seconds later."""
    doors = {}
    try:
        for kind in DATABASES:
            doors[kind] = Door(), time.monotonic()
            server = serve({"rdbms": {"default": {"workers": 2, "connection": {
                "driver": kind, "host": "127.0.0.1", "port": doors[kind][0].port,
                "database": "meerkat", "username": "meerkat", "password": "secret",
                "max_start_interval": 1}}}})
        for door, start in doors.values():
            server.until(lambda: len(door.times) > 6)
            assert door.times[6] - start > 0.25 + 0.5 + 4 * 1 - 0.01  # clocks have ticks
            assert door.times[6] - door.times[0] < 0.25 + 0.5 + 1 + 2 + 4 + 8 - 0.5
    finally:
        for door, _ in doors.values():
            door.stop()
