"""auth.jwt.secret.env: a key that the server has from its environment."""
import pytest

from lib.client import SaslFailure
from test_jwt_algorithms import Keys, Secret, signed

VARIABLE = "KEY_OF_OUR_TOKENS"
TOKENS, SECRET = "jwt.example", 8 * "secret-"


def jwt(algorithm):
    return {"general": {"hosts": ["localhost", TOKENS]}, "host_config": [{
        "host": TOKENS, "auth": {"methods": ["jwt"], "jwt": {
            "secret": {"env": VARIABLE}, "algorithm": algorithm, "username_key": "user"}}}]}


@pytest.fixture
def start(new_server, monkeypatch):
    """With this in the variable; None: there is none."""
    def make(algorithm, key):
        monkeypatch.delenv(VARIABLE, raising=False)
        if key is not None:
            monkeypatch.setenv(VARIABLE, key)
        return new_server(jwt(algorithm), {"plain": {}})
    return make


def comes(server, token):
    with server.connect(domain=TOKENS) as client:
        client.start()
        client.auth_plain("romeo", token)
        client.restart()
        client.start()
        return client.bind().get("type") == "result"


def condition_of(server, token):
    with pytest.raises(SaslFailure) as failure:
        comes(server, token)
    return failure.value.condition


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES512"])
def test_key_in_the_environment(start, algorithm):
    right, wrong = Keys().right[algorithm], Keys().wrong[algorithm]
    if algorithm[0] == "H":
        right = Secret(SECRET)
    server = start(algorithm, right.public())
    assert comes(server, signed(algorithm, right.sign))
    assert condition_of(server, signed(algorithm, wrong.sign)) == "not-authorized"
    server.stop()
    log = server.read_log()
    assert SECRET not in log and "PUBLIC KEY" not in log


NO_KEYS = {  # algorithm, what is in the variable, and what the log says then
    "none": ("HS256", None, "jwt: the environment has no variable of that name"),
    "empty": ("HS256", "", "jwt: the environment has no variable of that name"),
    "a secret": ("RS256", SECRET, "expected a public key in PEM of RSA"),
}


@pytest.mark.parametrize("case", NO_KEYS)
def test_no_key_in_the_environment(start, case):
    """Nobody is let in, least of all with what is signed with nothing; the other domains have
    their logins."""
    algorithm, value, said = NO_KEYS[case]
    server = start(algorithm, value)
    secret = Secret(value or "")
    for token in (signed("HS256", secret.sign, name=algorithm), signed("HS256", secret.sign),
                  signed(algorithm, Keys().wrong[algorithm].sign)):
        assert condition_of(server, token) == "temporary-auth-failure"
    with server.connect() as client:
        assert client.login(server.account_named("juliet@localhost")).sync() == []
    assert said in server.read_log()
