"""The options that all pools of [outgoing_pools] have: who of the workers gets a question, and how
many may wait."""
import base64
import os
import select
import subprocess
import time

import pytest

from lib import env, ns
from lib.auth_service import Gate, Service
from lib.client import Account

PEOPLE = [Account(f"{who}@localhost", f"of {who}")
          for who in ("romeo", "juliet", "tybalt", "paris", "rosaline", "benvolio")]
ROMEO, JULIET, TYBALT, PARIS = PEOPLE[:4]
SLOW = 1000 * int(env.DEADLINE)
FULL = "temporary-auth-failure"


@pytest.fixture
def service():
    one = Service()
    one.accounts = {who.user: who.password for who in PEOPLE}
    yield one
    for gate in one.gates.values():
        gate.open()
    one.stop()


def serve(new_server, service, **pool):
    return new_server(listeners={"plain": {}}, over={
        "auth": {"methods": ["http"], "password": {"format": "plain"}},
        "outgoing_pools": {"http": {"auth": {"call_timeout": SLOW, "connection": {
            "host": f"http://127.0.0.1:{service.port}", "request_timeout": SLOW}} | pool}}})


def start(server, account):
    """As far as it goes without an answer."""
    client = server.connect()
    client.start()
    data = base64.b64encode(f"\0{account.user}\0{account.password}".encode()).decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{data}</auth>")
    return client


def result(client):
    """None: it is in."""
    answer = client.stanza()
    return None if answer.tag == ns.SASL + "success" else ns.conditions(answer, ns.SASL)[0]


def enter(server, who=ROMEO):
    client = start(server, who)
    assert result(client) is None
    client.abort()


def first_answered(clients):
    """The client that has its answer first, and the others."""
    ready, _, _ = select.select([c.socket for c in clients], [], [], env.DEADLINE)
    one, = [c for c in clients if c.socket in ready]
    return one, [c for c in clients if c is not one]


def connections(service, who=None):
    """Over which it was asked, in order."""
    return [port for _, user, _, port in service.asked if who in (None, user)]


def hold(service, people):
    """What is asked about them."""
    gate = Gate()
    service.gates = {who.user: gate for who in people}
    return gate


# --- a service ---

def test_best_worker_asks_over_as_few_connections_as_it_can(new_server, service):
    server = serve(new_server, service, workers=5)
    for who in PEOPLE:
        enter(server, who)
    assert len(set(connections(service))) == 1


def test_next_worker_asks_over_each_connection_in_turn(new_server, service):
    server = serve(new_server, service, workers=3, strategy="next_worker")
    for who in PEOPLE:
        enter(server, who)
    asked = connections(service)
    assert len(set(asked)) == 3 and asked[:3] == asked[3:]


def test_random_worker_asks_over_any_connection(new_server, service):
    server = serve(new_server, service, workers=2, strategy="random_worker")
    for _ in range(100):
        enter(server)
        if len(set(connections(service))) == 2:
            return
    raise AssertionError("one of them was never asked")


def test_next_worker_waits_for_its_turn(new_server, service):
    """Though another one is free."""
    server = serve(new_server, service, workers=2, strategy="next_worker")
    gate = hold(service, [ROMEO])
    romeo = start(server, ROMEO)
    gate.wait()
    enter(server, JULIET)
    late = [start(server, who) for who in (TYBALT, PARIS)]
    one, (other,) = first_answered(late)
    assert result(one) is None
    gate.open()
    assert result(romeo) is None and result(other) is None
    free, waited = ("tybalt", "paris") if one is late[0] else ("paris", "tybalt")
    assert connections(service, waited) == connections(service, "romeo")
    assert connections(service, free) == connections(service, "juliet")
    assert connections(service, "juliet") != connections(service, "romeo")


def test_next_available_worker_is_free_or_none(new_server, service):
    server = serve(new_server, service, workers=2, strategy="next_available_worker")
    for _ in range(3):
        gate = hold(service, PEOPLE)
        busy = [start(server, who) for who in (ROMEO, JULIET)]
        gate.wait(2)
        for who in (TYBALT, PARIS):
            assert result(start(server, who)) == FULL
        gate.open()
        assert [result(client) for client in busy] == [None, None]
        enter(server, PARIS)
    assert len(set(connections(service))) == 2
    assert "auth.busy: http: too many logins wait" in server.read_log()


@pytest.mark.parametrize("length", [0, 1])
def test_queue_may_have_so_many_for_each_worker(new_server, service, length):
    server = serve(new_server, service, workers=2, max_worker_queue_len=length)
    gate = hold(service, PEOPLE)
    busy = [start(server, who) for who in PEOPLE[:2]]
    gate.wait(2)
    waiting = [start(server, who) for who in PEOPLE[2:3 + 2 * length]]
    one, waiting = first_answered(waiting)
    assert result(one) == FULL
    gate.open()
    assert {result(client) for client in busy + waiting} == {None}
    enter(server)


def test_without_a_length_any_number_waits(new_server, service):
    server = serve(new_server, service, workers=1)
    gate = hold(service, PEOPLE)
    clients = [start(server, who) for who in PEOPLE]
    gate.wait()
    gate.open()
    assert {result(client) for client in clients} == {None}


# --- a database ---

class Lock:
    """Nobody else reads the passwords."""
    SQL = {"pgsql": ("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE; SELECT 'locked';",
                     "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"),
           "mysql": ("LOCK TABLES users WRITE; SELECT 'locked';",
                     "SELECT count(*) FROM information_schema.processlist WHERE"
                     " state LIKE 'Waiting for table%'")}

    def __init__(self, database, name):
        self.database = database
        lock, self.waiting = self.SQL[database.kind]
        command = database.client(name)
        if database.kind == "mysql":
            command.insert(2, "-n")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PGPASSWORD": "secret"})
        self.process.stdin.write(lock + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "locked\n"

    def wait(self, n):
        """Until n wait for it."""
        deadline = time.monotonic() + env.DEADLINE
        while int(self.database.query(self.waiting, "meerkat")[0]) < n:
            assert time.monotonic() < deadline

    def open(self):
        self.process.communicate()


@pytest.mark.parametrize("pool, waiting", [
    ({"strategy": "next_available_worker"}, 0), ({"max_worker_queue_len": 0}, 0),
    ({"max_worker_queue_len": 1}, 2)])
def test_readers_of_a_database(new_server, database, pool, waiting):
    name = database.new()
    pools = database.pool(name)
    pools["rdbms"]["default"] |= pool
    server = new_server(listeners={"plain": {}}, over={
        "auth": {"methods": ["rdbms"]},
        "outgoing_pools": pools})
    accounts = [server.account() for _ in PEOPLE]
    clients = []
    lock = Lock(database, name)
    try:
        for n, account in enumerate(accounts[:2]):
            clients.append(start(server, account))
            lock.wait(n + 1)
        more = [start(server, account) for account in accounts[2:3 + waiting]]
        one, more = first_answered(more)
        assert result(one) == FULL
    finally:
        lock.open()
    assert {result(client) for client in clients + more} == {None}
    server.connect().login(accounts[0], mechanism="PLAIN").close()
