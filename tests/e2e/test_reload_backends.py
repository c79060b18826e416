"""A reload while a service still owes an answer: nobody waits for it but the client who has asked."""
import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import ns
from lib.auth_service import Gate, Service
from lib.client import Account

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
LONG_MS = 600_000


@pytest.fixture
def service():
    one = Service()
    one.accounts = {"romeo": "secret"}
    yield one
    for gate in one.gates.values():
        gate.open()
    one.stop()


@pytest.fixture
def server(new_server, service):
    return new_server({
        "auth": {"methods": ["http"], "password": {"format": "plain"}},
        "outgoing_pools": {"http": {"auth": {
            "call_timeout": LONG_MS,
            "connection": {"host": f"http://127.0.0.1:{service.port}",
                           "request_timeout": LONG_MS}}}}})


def ask(server, service):
    """A client who waits for an answer that does not come before the gate is open."""
    gate = service.gates["check_password"] = Gate()
    client = server.connect()
    client.start()
    word = base64.b64encode(b"\0romeo\0secret").decode()
    client.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{word}</auth>")
    gate.wait()
    return client, gate


def reload(server):
    done = server.run("reload")
    assert done.returncode == 0, done.stderr


def test_a_reload_does_not_wait_for_a_service(server, service):
    client, gate = ask(server, service)
    reload(server)
    server.status()
    assert service.n_open == 1
    del service.gates["check_password"]
    with server.connect() as other:  # by the new configuration
        other.login(Account("romeo@localhost", "secret"), mechanism="PLAIN")
    gate.open()
    assert client.stanza().tag == ns.SASL + "success"  # by the old one
    client.abort()


def test_many_reloads_wait_for_nothing(server, service):
    """With the fifth, the oldest of the questions has no answer any more."""
    clients = []
    for _ in range(5):
        clients.append(ask(server, service)[0])
        reload(server)
    failure = clients[0].stanza()
    assert failure.tag == ns.SASL + "failure"
    assert failure[0].tag == ns.SASL + "temporary-auth-failure"
    server.status()
    for gate in service.gates.values():
        gate.open()
    assert clients[-1].stanza().tag == ns.SASL + "success"
    for client in clients:
        client.abort()


@pytest.mark.parametrize("reloads", [1, 4])
def test_the_end_does_not_wait_for_a_service(server, service, reloads):
    for _ in range(reloads):
        ask(server, service)
        reload(server)
    server.hang_up()
    server.stop()


def test_the_end_does_not_wait_for_a_removal(server, service):
    """That the operator has asked for, and whom the service still owes an answer."""
    gate = service.gates["remove_user"] = Gate()
    with ThreadPoolExecutor(1) as operator:
        removal = operator.submit(server.run, "user", "remove", "romeo@localhost")
        gate.wait()
        server.stop()
        done = removal.result()
    assert done.returncode == 1 and "not every method of its domain answers" in done.stderr
