"""The options of [listen.c2s.tls] for the server's side, as a client sees them."""
import ssl
import warnings

import pytest

from lib.raw import tls_context

V = ssl.TLSVersion
LISTENERS = {
    "only13": {"tls": {"mode": "tls", "versions": ["tlsv1.3"]}},
    "fast": {"tls": {"mode": "tls", "keyfile": None, "certfile": "cert+key.pem"}},
    "hole": {"tls": {"mode": "tls", "keyfile": None, "certfile": "cert+key.pem",
                     "protocol_options": ["no_tlsv1", "no_tlsv1_2"],
                     "ciphers": "ALL:@SECLEVEL=0"}},
    "old": {"tls": {"mode": "tls", "versions": ["tlsv1", "tlsv1.1"],
                    "ciphers": "ALL:@SECLEVEL=0"}},
}


def context(version):
    """A client that speaks only this version, be it an old one."""
    one = tls_context()
    if version < V.TLSv1_2:
        one.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        one.minimum_version = one.maximum_version = version
    return one


def spoken(connect, listener):
    """Those that the listener speaks."""
    result = []
    for version in (V.TLSv1, V.TLSv1_1, V.TLSv1_2, V.TLSv1_3):
        try:
            c = connect(listener, tls=context(version))
        except (ssl.SSLError, ConnectionResetError):
            continue
        result.append(c.socket.version())
    return result


def refused(server, tls, *words):
    """A configuration with these TLS options is refused; the words stand in the message."""
    server.listeners = {"plain": {}, "bad": {"tls": tls}}
    server.ports = {"plain": 5222, "bad": 5223}
    server.write_config()
    done = server.run("check")
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr
    return done.stderr


# --- versions and modules ---

def test_versions_are_those_of_the_list(connect):
    assert spoken(connect, "tls") == ["TLSv1.2", "TLSv1.3"]
    assert spoken(connect, "only13") == ["TLSv1.3"]
    assert spoken(connect, "old") == ["TLSv1", "TLSv1.1"]


def test_old_versions_carry_a_session(server, connect):
    connect("old", tls=context(V.TLSv1)).login(server.account()).sync()


def test_protocol_options(connect):
    assert spoken(connect, "fast") == ["TLSv1.2", "TLSv1.3"]
    assert spoken(connect, "hole") == ["TLSv1.1", "TLSv1.3"]


def test_options_and_versions_that_cannot_be(new_server):
    server = new_server(start=False)
    fast = {"keyfile": None, "certfile": "cert+key.pem"}
    refused(server, fast | {"protocol_options": ["no_tlsv1_4"]},
            "listen.c2s[2].tls.protocol_options[1]", 'did you mean "no_tlsv1')
    refused(server, fast | {"protocol_options": ["no_tlsv1", "no_tlsv1_1", "no_tlsv1_2",
                                                 "no_tlsv1_3"]},
            "listen.c2s[2].tls.protocol_options: no version of TLS is left")
    refused(server, {"versions": ["tlsv1", "tlsv1.2"]},
            "listen.c2s[2].tls.versions: TLS 1.0 cannot be spoken: OpenSSL has it at its "
            "security level 0 only, and the level here is 2")
