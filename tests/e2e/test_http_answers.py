"""What the service of the method `http` may answer: whose password is right, who is told so, and what
the log has of answers that are none."""
import pytest

from lib.auth_service import Service
from lib.http_world import FAILURE, NO, refusal, running
from lib.scram import HASHES, serialised
from lib.server import Account, Server

FORMATS = ("plain", "scram")
DOMAINS = (*FORMATS, "known")  # the service of "known" is told who we are


@pytest.fixture(scope="module")
def only_world(tmp_path_factory):
    """All domains ask one service."""
    service = Service()
    ready = {"format": "scram", "scram_iterations": 4096}
    http = {f"{name}.example": {"methods": ["http"], "http": {}, "password": ready}
            for name in DOMAINS}
    http["plain.example"]["password"] = {"format": "plain"}
    http["known.example"]["http"] = {"basic_auth": "meerkat:s3cret"}
    yield from running(Server(tmp_path_factory.mktemp("server"), 1, {
        "general": {"hosts": ["localhost", *http],
                    "failed_logins": {"per_account": "infinity", "per_address": "infinity"}},
        "host_config": [{"host": name, "auth": auth} for name, auth in http.items()],
        "outgoing_pools": {"http": {"auth": {"workers": 2, "connection": {
            "host": f"http://127.0.0.1:{service.port}"}}}},
    }, {"plain": {}}), service)


@pytest.fixture
def world(request, only_world):
    request.node.e2e_servers = [only_world.server]
    only_world.service.answers = {}
    only_world.service.accounts = {}
    return only_world


def attempt(world, mechanism, password, form="scram"):
    """None: it is right."""
    return refusal(world, Account(f"romeo@{form}.example", password), mechanism)


# --- passwords ---

@pytest.mark.parametrize("body", ["null", "false", "correct", '{"error":"not found"}', "",
                                  "==SCRAM=", "==SHA256==x"])
def test_what_is_no_keys_is_no_password(world, body):
    """Not even whoever knows what the service says instead is let in."""
    world.service.answers["get_password"] = (200, body)
    for mechanism in ("PLAIN", "SCRAM-SHA-1"):
        assert attempt(world, mechanism, body or "x") == FAILURE
    assert "get_password gave something else than SCRAM keys" in world.server.read_log()
    world.service.answers["get_password"] = (200, serialised("correct"))
    for mechanism in ("PLAIN", "SCRAM-SHA-1"):
        assert attempt(world, mechanism, "correct") is None


@pytest.mark.parametrize("body", ["==SCRAM==", "==MULTI_SCRAM==,x"])
@pytest.mark.parametrize("form", FORMATS)
def test_keys_that_cannot_be_read(world, body, form):
    world.service.answers["get_password"] = (200, body)
    assert attempt(world, "SCRAM-SHA-1", body, form) == FAILURE
    assert f"romeo@{form}.example cannot be read" in world.server.read_log()


@pytest.mark.parametrize("body", ["null", " pass word ", "pass word\n", "pass word\r\n"])
def test_all_of_a_plain_password_counts(world, body):
    """But for the end of the line. check_password has it as it is."""
    password = body.rstrip("\r\n")
    world.service.accounts["romeo"] = password
    assert attempt(world, "PLAIN", password, "plain") is None
    world.service.answers["get_password"] = (200, body)
    for mechanism in HASHES:
        assert attempt(world, mechanism, password, "plain") is None
    for other in (password.strip() + "x", f"{password} ", f" {password}"):
        assert attempt(world, "SCRAM-SHA-1", other, "plain") == NO


def test_keys_and_words_may_have_their_line_ended(world):
    world.service.answers["get_password"] = (200, serialised("correct") + "\r\n")
    for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
        assert attempt(world, mechanism, "correct") is None
        assert attempt(world, mechanism, "wrong") == NO
    world.service.answers["check_password"] = (200, "true\n")
    assert attempt(world, "PLAIN", "x", "plain") is None
    world.service.answers["check_password"] = (200, " false\r\n")
    assert attempt(world, "PLAIN", "x", "plain") == NO


# --- refusals ---

@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("domain", DOMAINS)
def test_only_not_found_says_that_there_is_nobody(world, status, domain):
    """Whatever else it says to whom it gives nothing may mean us: who asks tells no password."""
    world.service.answers["get_password"] = (status, "")
    mechanisms = ("SCRAM-SHA-1",) if domain == "plain" else ("SCRAM-SHA-1", "PLAIN")
    for mechanism in mechanisms:
        assert attempt(world, mechanism, "x", domain) == FAILURE
    world.service.answers["get_password"] = (404, "")
    for mechanism in mechanisms:
        assert attempt(world, mechanism, "x", domain) == NO


def test_refusals_are_logged(world):
    for status, complaint in {
            400: "status 400; 404 would say that there is no such user",
            401: "the service refuses us: is auth.http.basic_auth right?",
            403: "status 403; 404 would say that there is no such user"}.items():
        world.service.answers["get_password"] = (status, "")
        mark = len(world.server.read_log())
        assert attempt(world, "PLAIN", "x") == FAILURE
        log = world.server.read_log()[mark:]
        assert complaint in log and "get_password" in log, log
