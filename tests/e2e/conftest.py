"""Fixtures: servers with 1 and with 4 workers, and clients that go away after the test."""
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from lib import env  # noqa: E402
from lib.auth_world import Worlds  # noqa: E402
from lib.database import DATABASES  # noqa: E402
from lib.server import Server  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--workers", default="1,4", help="with how many workers: 1,4")


def pytest_configure(config):
    config.addinivalue_line("markers", "one_worker: is about the turns of one loop")


def pytest_generate_tests(metafunc):
    if "workers" in metafunc.fixturenames:
        counts = [int(n) for n in metafunc.config.getoption("--workers").split(",")]
        if metafunc.definition.get_closest_marker("one_worker"):
            counts = [n for n in counts if n == 1]
        metafunc.parametrize("workers", counts, ids=lambda n: f"w{n}", scope="module")


@pytest.fixture(scope="module")
def server(request, workers, tmp_path_factory):
    """The module's server; the module may have CONFIG (merged over the defaults), LISTENERS
    (beside plain, starttls, tls), and prepare(server), called before it starts."""
    module = request.module
    listeners = Server.LISTENERS | getattr(module, "LISTENERS", {})
    one = Server(tmp_path_factory.mktemp("server"), workers,
                 getattr(module, "CONFIG", {}), listeners)
    request.node.e2e_servers = [one]
    getattr(module, "prepare", lambda _: None)(one)
    one.start()
    yield one
    try:
        one.stop()
    finally:
        one.discard()


@pytest.fixture
def new_server(request, workers, tmp_path_factory):
    """Makes servers of the test's own: new_server(over={...}, listeners={...})."""
    made = []
    request.node.e2e_servers = made

    def make(over=None, listeners=None, start=True):
        one = Server(tmp_path_factory.mktemp("server"), workers, over, listeners)
        made.append(one)
        return one.start() if start else one

    yield make
    try:
        for one in made:
            one.hang_up()
            one.stop()
    finally:
        for one in made:
            one.discard()


@pytest.fixture(scope="session", params=DATABASES)
def database(request):
    """A database server of each kind, for all tests that ask for it."""
    one = DATABASES[request.param]()
    try:
        yield one.start()
    finally:
        one.discard()


@pytest.fixture(scope="session")
def auth_worlds(tmp_path_factory):
    """auth_worlds(METHOD): the server that has it, and what can happen to what it asks."""
    made = Worlds(tmp_path_factory.mktemp)
    yield made
    made.stop()


@pytest.fixture
def connect(server):
    """Makes connections that have sent nothing yet: connect("starttls")."""
    made = []

    def make(*args, **kwargs):
        made.append(server.connect(*args, **kwargs))
        return made[-1]

    yield make
    for client in made:
        client.abort()


@pytest.fixture
def login(server, connect):
    """Logs in: login() with a fresh account, login(account, resource) with another session
    of the same."""
    def make(account=None, resource=None, listener="plain", **kwargs):
        return connect(listener).login(account or server.account(), resource, **kwargs)
    return make


@pytest.fixture
def online(login):
    """Logs in and becomes available."""
    def make(account=None, resource=None, priority=None, **kwargs):
        return login(account, resource, **kwargs).available(priority)
    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """No test may hang, whatever it waits for."""
    def too_long(*_):
        raise TimeoutError("the test takes too long")
    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, env.TEST_DEADLINE)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of the server's log."""
    report = (yield).get_result()
    if report.failed:
        servers = list(getattr(item, "e2e_servers", []))
        servers += getattr(item.getparent(pytest.Module), "e2e_servers", [])
        for one in servers:
            if os.path.exists(one.log):
                tail = "\n".join(one.read_log().splitlines()[-40:])
                report.sections.append((f"log of {one.directory}", tail))


def pytest_terminal_summary(terminalreporter):
    """One line that tests/run adds up."""
    stats = terminalreporter.stats
    count = {k: len(stats.get(k, [])) for k in ("passed", "failed", "error", "skipped")}
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    terminalreporter.write_line(
        f"{count['passed']} passed, {count['failed'] + count['error']} failed{skipped}")
