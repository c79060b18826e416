"""TLS towards a service that knows accounts: outgoing_pools.http.auth.connection.tls."""
import ipaddress
import os
import ssl
import subprocess

import pytest
from cryptography import x509

from lib import pki
from lib.auth_service import Service
from lib.client import Account, SaslFailure

WRONG_FILES = {"cacertfile": "other.pem"}
NAME = {"server_name_indication": {"host": "auth.example.net"}}


def write(path, *parts):
    path.write_bytes(b"".join(parts))
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """ca.pem, other.pem, client.pem with client-key.pem; by-name and by-address, of services."""
    path = tmp_path_factory.mktemp("pool-tls")
    ca, other = pki.make("authority", purpose="ca"), pki.make("other", purpose="ca")
    write(path / "ca.pem", ca.pem())
    write(path / "other.pem", other.pem())
    client = pki.make("meerkat", ca)
    write(path / "client.pem", client.pem())
    write(path / "client-key.pem", client.key_pem())
    for name, alternative in (("by-name", x509.DNSName("auth.example.net")),
                              ("by-address", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))):
        made = pki.make("service", ca, purpose="server",
                        extra=[(x509.SubjectAlternativeName([alternative]), False)])
        write(path / f"{name}.pem", made.pem(), made.key_pem())
    return path


def context(files, certificate, **how):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files / f"{certificate}.pem")
    if how.get("asks"):
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(files / "ca.pem")
    if "only" in how:
        made.minimum_version = made.maximum_version = how["only"]
    if "ciphers" in how:
        made.set_ciphers(how["ciphers"])
    return made


def of(files, tls):
    """Names of files become paths."""
    return {k: str(files / v) if k.endswith("file") else v for k, v in tls.items()}


OK = "success"
NO_TLS = "temporary-auth-failure"
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

HTTPS = {
    "verified": ("by-address", {}, {}, OK),
    "another authority": ("by-address", {}, WRONG_FILES, NO_TLS),
    "the system's authorities": ("by-address", {}, {"cacertfile": None}, NO_TLS),
    "not verified": ("by-address", {}, WRONG_FILES | {"verify_mode": "none"}, OK),
    "another name": ("by-name", {}, {}, NO_TLS),
    "told the name": ("by-name", {}, NAME, OK),
    "told another name": ("by-address", {}, NAME, NO_TLS),
    "any name": ("by-name", {}, {"server_name_indication": {"enabled": False}}, OK),
    "any name, another authority": ("by-name", {}, WRONG_FILES | {
        "server_name_indication": {"enabled": False}}, NO_TLS),
    "one of ours": ("by-name", {}, {"verify_mode": "selfsigned_peer",
                                    "cacertfile": "by-name.pem"}, OK),
    "none of ours": ("by-name", {}, {"verify_mode": "selfsigned_peer"} | WRONG_FILES, NO_TLS),
    "client certificate": ("by-address", {"asks": True}, {
        "certfile": "client.pem", "keyfile": "client-key.pem"}, OK),
    "no client certificate": ("by-address", {"asks": True}, {}, NO_TLS),
    "TLS 1.2": ("by-address", {"only": V12}, {"versions": ["tlsv1.2"]}, OK),
    "no TLS 1.2": ("by-address", {"only": V12}, {"versions": ["tlsv1.3"]}, NO_TLS),
    "no TLS 1.3": ("by-address", {"only": V13}, {"versions": ["tlsv1.2"]}, NO_TLS),
    "no common cipher": ("by-address", {"only": V12, "ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"}, {
        "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}, NO_TLS),
    "a common cipher": ("by-address", {"only": V12, "ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"}, {
        "ciphers": "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"}, OK),
}


def login(server, condition):
    client = server.connect()
    if condition == OK:
        client.login(Account("romeo@localhost", "correct"), mechanism="PLAIN")
        return
    with pytest.raises(SaslFailure) as failure:
        client.login(Account("romeo@localhost", "correct"), mechanism="PLAIN")
    assert failure.value.condition == condition


@pytest.fixture(scope="module")
def services():
    """By certificate and context, for the cases share them."""
    made = {}
    yield made
    for service in made.values():
        service.stop()


def service_of(services, files, certificate, **how):
    key = f"{certificate} {how}"
    if key not in services:
        services[key] = Service(context(files, certificate, **how))
        services[key].accounts["romeo"] = "correct"
    return services[key]


def over(service, tls):
    return {"auth": {"methods": ["http"], "sasl_mechanisms": ["plain"], "http": {}},
            "outgoing_pools": {"http": {"auth": {"workers": 1, "connection": {
                "host": f"https://127.0.0.1:{service.port}", "tls": tls}}}}}


@pytest.mark.parametrize("case", HTTPS)
def test_https(new_server, services, files, case):
    certificate, how, tls, condition = HTTPS[case]
    service = service_of(services, files, certificate, **how)
    tls = of(files, {k: v for k, v in ({"cacertfile": "ca.pem"} | tls).items() if v})
    server = new_server(listeners={"plain": {}}, over=over(service, tls))
    login(server, condition)
    name = tls.get("server_name_indication", {}).get("host", "127.0.0.1")
    if condition != OK:
        assert f"https://{name}:{service.port}/get_password: " in server.read_log()


SYSTEM = "/etc/ssl/certs"


@pytest.fixture(scope="module")
def trusted_by_the_system(files):
    """A command that runs another where ca.pem is among the system's authorities."""
    name = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", files / "ca.pem"],
                          check=True, capture_output=True, text=True).stdout.strip()
    script = (f"mount -t tmpfs tmpfs {SYSTEM} && cp {files}/ca.pem {SYSTEM}/{name}.0 &&"
              f" cp {files}/ca.pem {SYSTEM}/ca-certificates.crt && exec \"$@\"")
    command = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", script, "sh"]
    if subprocess.run([*command, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("a file system of one's own is not allowed here")
    return command


@pytest.mark.parametrize("named", [True, False])
def test_https_of_an_authority_of_the_system_s(new_server, services, files, trusted_by_the_system,
                                               named):
    """Where authorities are named, they alone are trusted."""
    service = service_of(services, files, "by-address")
    tls = {"cacertfile": str(files / "other.pem")} if named else {}
    server = new_server(listeners={"plain": {}}, over=over(service, tls), start=False)
    server.within = trusted_by_the_system
    server.start()
    login(server, NO_TLS if named else OK)
