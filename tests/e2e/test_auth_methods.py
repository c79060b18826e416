"""listen.c2s.allowed_auth_methods: who can log in on which port."""
import pytest

from lib import ns
from lib.client import SaslFailure
from lib.ports import free_port
from lib.scram import HASHES

CONFIG = {"auth": {"methods": ["internal", "anonymous"]}}
LISTENERS = {
    "internal": {"allowed_auth_methods": ["internal"]},
    "nobody": {"allowed_auth_methods": []},
    "nobody_tls": {"allowed_auth_methods": [], "tls": {"mode": "tls"}},
    "anonymous": {"allowed_auth_methods": ["anonymous"]},
}
MECHANISMS = [*HASHES, *(name + "-PLUS" for name in HASHES), "PLAIN"]


@pytest.mark.parametrize("listener", ["plain", "internal"])
def test_method_is_allowed(connect, server, listener):
    account = server.account()
    client = connect(listener)
    assert client.start()[1].find(ns.SASL + "mechanisms") is not None
    client.auth_scram("SCRAM-SHA-256", account.user, account.password)


@pytest.mark.parametrize("listener", ["nobody", "nobody_tls"])
def test_no_method_no_mechanisms(connect, listener):
    features = connect(listener).start()[1]
    assert features.find(ns.SASL + "mechanisms") is None
    assert features.find(ns.SASL_CB + "sasl-channel-binding") is None


def test_another_method_has_its_own_mechanisms(connect, server):
    account = server.account()
    client = connect("anonymous")
    features = client.start()[1]
    assert [m.text for m in features.iter(ns.SASL + "mechanism")] == ["ANONYMOUS"]
    with pytest.raises(SaslFailure) as failure:
        client.auth("PLAIN", f"\0{account.user}\0{account.password}".encode())
    assert failure.value.condition == "invalid-mechanism"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_no_method_no_login(connect, server, mechanism):
    account = server.account()
    client = connect("nobody_tls")
    client.start()
    with pytest.raises(SaslFailure) as failure:
        client.auth(mechanism, f"\0{account.user}\0{account.password}".encode())
    assert failure.value.condition == "invalid-mechanism"


@pytest.mark.parametrize("methods, complaint", [
    (["interal"], 'did you mean "internal"?'),
    (["internal", "internal"], "a second time"),
    (["anonymous"], 'expected one of auth.methods, found "anonymous"'),
])
def test_wrong_methods(new_server, methods, complaint):
    server = new_server({"auth": {"methods": ["internal"]}},
                        {"plain": {"allowed_auth_methods": methods}}, start=False)
    server.ports = {"plain": free_port()}
    server.write_config()
    done = server.run("check")
    assert done.returncode == 1
    assert complaint in done.stdout + done.stderr
    assert "listen.c2s[1].allowed_auth_methods[" in done.stdout + done.stderr
