"""A server for all tests of a module, whose logins are asked of one service of the method `http`."""
from types import SimpleNamespace

from .client import SaslFailure

NO, FAILURE = "not-authorized", "temporary-auth-failure"


def running(server, service):
    """The world, until the generator is asked for more."""
    server.start()
    yield SimpleNamespace(server=server, service=service)
    try:
        server.stop()
    finally:
        server.discard()
        service.stop()


def refusal(world, account, mechanism="PLAIN"):
    """Why this login fails; None: it does not."""
    with world.server.connect(domain=account.domain) as client:
        try:
            client.login(account, mechanism=mechanism)
        except SaslFailure as e:
            return e.condition
    return None
