"""auth.ldap against OpenLDAP's slapd."""
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import env
from lib.client import Account, SaslFailure
from lib.directory import Directory, address_certificate

PEOPLE = [("romeo", "correct horse", "staff"), ("juliet", "staple", "staff"),
          ("tybalt", "sword", "banned"), ("j*liet", "star", "staff"),
          ("paris", "rose", "staff"), ("paris", "thorn", "staff2"),
          ("%percent", "per cent", "staff")]
BASE = "ou=users,dc=example,dc=net"
READER = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("slapd")
    people = [p for p in PEOPLE if p[2] != "staff2"]
    one = Directory(path, people, address_certificate(path))
    yield one
    one.stop()


def make(new_server, directory, ldap=None, connection=None, start=True, **pools):
    reach = {"servers": ["127.0.0.1"], "port": directory.port, "connect_interval": 100}
    reach |= connection or {}
    return new_server(listeners={"plain": {}}, start=start, over={
        "auth": {"methods": ["ldap"], "ldap": {"base": BASE} | (ldap or {})},
        "outgoing_pools": {"ldap": {
            "default": {"workers": 2, "connection": reach | READER} | pools,
            "bind": {"connection": reach} | pools}}})


def login(server, user, password):
    return server.connect().login(Account(f"{user}@localhost", password), mechanism="PLAIN")


def refused(server, user, password, condition="not-authorized"):
    with pytest.raises(SaslFailure) as failure:
        login(server, user, password)
    assert failure.value.condition == condition


def test_defaults_are_read_before_anybody_connects(new_server, directory, tmp_path):
    """The library reads its file with whoever is first, and has no lock for a second meanwhile."""
    defaults = tmp_path / "ldap.conf"
    os.mkfifo(defaults)
    server = make(new_server, directory, start=False)
    server.within = ["env", f"LDAPCONF={defaults}"]
    with ThreadPoolExecutor(1) as other:
        read = other.submit(defaults.write_text, "# none\n", encoding="ascii")
        try:
            server.start()
            read.result(env.DEADLINE)
        finally:
            os.close(os.open(defaults, os.O_RDONLY | os.O_NONBLOCK))
    login(server, "romeo", "correct horse")


def test_directory_says_who(new_server, directory):
    server = make(new_server, directory)
    romeo = login(server, "romeo", "correct horse").available()
    juliet = login(server, "juliet", "staple").available()
    romeo.message(juliet.jid, "hello", "chat")
    juliet.expect_message("hello")
    refused(server, "romeo", "wrong")
    refused(server, "nobody", "staple")
    # a name is never part of the filter, whatever is in it
    refused(server, "j*liet", "staple")
    login(server, "j*liet", "star")
    refused(server, "*", "star")
    refused(server, "romeo)(cn=*", "correct horse")
    for secret in ("read it", "correct horse", "staple"):
        assert secret not in server.read_log()


def test_an_empty_password_never_binds(new_server, directory):
    server = make(new_server, directory)
    client = server.connect()
    client.start()
    with pytest.raises(SaslFailure) as failure:
        client.auth("PLAIN", b"\0romeo\0")
    assert failure.value.condition in ("not-authorized", "malformed-request")


@pytest.mark.parametrize("ldap,who", [
    ({"uids": [{"attr": "mail", "format": "%u@mail.example"}]}, "romeo juliet tybalt"),
    ({"uids": [{"attr": "uid"}, {"attr": "sn"}]}, "romeo juliet tybalt"),
    ({"filter": "(employeeType=staff)"}, "romeo juliet"),
    ({"filter": "(&(objectClass=inetOrgPerson)(!(uid=romeo)))"}, "juliet tybalt"),
    ({"local_filter": {"operation": "equal", "attribute": "employeeType",
                       "values": ["staff", "other"]}}, "romeo juliet"),
    ({"local_filter": {"operation": "notequal", "attribute": "employeeType",
                       "values": ["staff"]}}, "tybalt"),
    ({"dn_filter": {"filter": "(&(sn=%s)(employeeType=staff)(uid=%u))",
                    "attributes": ["sn"]}}, "romeo juliet"),
    ({"deref": "always", "base": "dc=example,dc=net"}, "romeo juliet tybalt"),
    ({"base": "ou=others,dc=example,dc=net"}, ""),
])
def test_filters(new_server, directory, ldap, who):
    server = make(new_server, directory, ldap)
    for user, password, _ in PEOPLE[:3]:
        if user in who.split():
            login(server, user, password)
        else:
            refused(server, user, password)


def test_a_percent_sign_before_the_name(new_server, directory):
    """As MongooseIM has it; once it was a pattern without a name, and one entry's password was
    everybody's."""
    server = make(new_server, directory, {"uids": [{"attr": "uid", "format": "%%u"}]})
    login(server, "percent", "per cent")
    refused(server, "romeo", "per cent")
    refused(server, "romeo", "correct horse")


@pytest.mark.parametrize("starttls", [False, True])
def test_encrypted_and_verified(new_server, directory, starttls):
    tls = {"cacertfile": f"{directory.directory}/ldap-cert.pem", "starttls": starttls}
    reach = {"port": directory.port if starttls else directory.tls_port, "tls": tls}
    server = make(new_server, directory, connection=reach)
    login(server, "romeo", "correct horse")
    # another certificate than that of our authority
    tls["cacertfile"] = address_certificate(server.directory)[0]
    server = make(new_server, directory, connection=reach)
    refused(server, "romeo", "correct horse", "temporary-auth-failure")
    assert "cannot connect" in server.read_log()


def test_wrong_root_password(new_server, directory):
    server = make(new_server, directory, connection={})
    server.over["outgoing_pools"]["ldap"]["default"]["connection"] |= {"password": "wrong"}
    server.write_config()
    assert server.run("reload").returncode == 0
    refused(server, "romeo", "correct horse", "temporary-auth-failure")
    assert "root_dn or its password is wrong" in server.read_log()


def test_directory_goes_and_comes_back(new_server, tmp_path):
    one = Directory(tmp_path, PEOPLE[:2])
    server = make(new_server, one)
    login(server, "romeo", "correct horse")
    one.stop()
    refused(server, "romeo", "correct horse", "temporary-auth-failure")
    one.start()
    try:
        for _ in range(500):  # after connect_interval
            try:
                login(server, "romeo", "correct horse")
                break
            except SaslFailure as e:
                assert e.condition == "temporary-auth-failure"
        else:
            raise AssertionError("the server does not find the directory again")
    finally:
        one.stop()


def test_the_next_server_is_asked(new_server, directory):
    server = make(new_server, directory, connection={"servers": ["127.0.0.9", "127.0.0.1"]})
    login(server, "romeo", "correct horse")


@pytest.fixture
def deaf_resolver(tmp_path):
    """A command that runs another one whose resolver never answers."""
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.53\noptions timeout:30\n", encoding="utf-8")
    script = f"mount --bind {conf} /etc/resolv.conf && exec \"$@\""
    command = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", script, "sh"]
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.53", 53))
        except OSError:
            pytest.skip("port 53 is not ours to take")
        if subprocess.run([*command, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("a file system of one's own is not allowed here")
        yield command


def test_a_resolver_that_says_nothing(new_server, directory, deaf_resolver):
    """It holds up nobody for long: neither the next server nor the end."""
    server = make(new_server, directory, start=False, call_timeout=1000, workers=1, connection={
        "servers": ["ldap.example.net", "127.0.0.1"], "connect_interval": 1})
    server.within = deaf_resolver
    server.start()
    for _ in range(20):  # the time that is left may be too short where the machine is busy
        try:
            login(server, "romeo", "correct horse")
            break
        except SaslFailure as e:
            assert e.condition == "temporary-auth-failure"
    else:
        raise AssertionError("the next server is not asked")


def test_directory_that_lets_nobody_bind_without_a_name(new_server, tmp_path):
    """Whose passwords are checked needs none."""
    one = Directory(tmp_path, PEOPLE[:1], more="\ndisallow bind_anon")
    try:
        server = make(new_server, one)
        login(server, "romeo", "correct horse")
        refused(server, "romeo", "wrong")
    finally:
        one.stop()


def test_base_that_is_not_there_is_told(new_server, directory):
    server = make(new_server, directory, {"base": "ou=others,dc=example,dc=net"})
    refused(server, "romeo", "correct horse")
    assert 'there is no "ou=others,dc=example,dc=net", or nothing that we may see: is ' \
        "auth.ldap.base right?" in server.read_log()
