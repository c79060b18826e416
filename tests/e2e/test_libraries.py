"""Libraries that few configurations need: loaded by those, and by no other."""
import os
import time

import pytest

from lib import config, env
from lib.server import run

LIBRARIES = {"libpq.so.5": "libpq5", "libmariadb.so.3": "libmariadb3",
             "libcurl.so.4": "libcurl4", "libldap-2.5.so.0": "libldap-2.5-0"}
# What these bring with them; they are here to be missed.
BROUGHT = ("libgnutls", "libp11-kit", "libsasl2", "libkrb5", "libgssapi", "libnghttp2", "libssh2")


def database(driver):
    return {"outgoing_pools": {"rdbms": {"default": {"connection": {
        "driver": driver, "host": "127.0.0.1", "port": 1, "database": "x", "username": "x",
        "password": "x"}}}}}


HTTP = {"auth": {"methods": ["http"]},
        "outgoing_pools": {"http": {"auth": {"connection": {"host": "http://127.0.0.1:1"}}}}}
LDAP = {"auth": {"methods": ["ldap"], "ldap": {"base": "dc=example,dc=net",
                                               "bind_pool_tag": "default"}},
        "outgoing_pools": {"ldap": {"default": {"connection": {"port": 1}}}}}
NEEDS = {
    "http": (HTTP, "auth.http", "libcurl.so.4"),
    "ldap": (LDAP, "auth.ldap", "libldap-2.5.so.0"),
    "pgsql": (database("pgsql"), "connection.driver", "libpq.so.5"),
    "cockroachdb": (database("cockroachdb"), "connection.driver", "libpq.so.5"),
    "mysql": (database("mysql"), "connection.driver", "libmariadb.so.3"),
}


@pytest.fixture
def no_libraries(tmp_path, monkeypatch):
    """Where they should be there is something else."""
    for name in LIBRARIES:
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    return tmp_path


def loaded(server):
    with open(f"/proc/{server.process.pid}/maps", encoding="utf-8") as f:
        return {os.path.basename(line.split()[-1]) for line in f}


def has(server, library):
    return any(name.startswith(library) for name in loaded(server))


def test_who_needs_none_has_none_until_a_reload_needs_one(new_server, monkeypatch):
    monkeypatch.setenv("MEERKAT_CORE_DUMPS", "1")  # /proc is ours to read
    server = new_server()
    wanted = [name for name in (*LIBRARIES, *BROUGHT) if has(server, name.split(".so")[0])]
    assert wanted == []
    server.over = HTTP
    server.write_config()
    done = server.run("reload")
    assert done.returncode == 0, done.stderr
    assert has(server, "libcurl.so.4")
    assert not has(server, "libpq.so.5")


def of_files_kb(server, library):
    """Resident pages of a library that are those of its file."""
    total, counts = 0, False
    with open(f"/proc/{server.process.pid}/smaps", encoding="utf-8") as f:
        for line in f:
            words = line.split()
            if "-" in words[0]:
                counts = library in line and "w" not in words[1]
            elif counts and words[0] in ("Rss:", "Anonymous:"):
                total += int(words[1]) if words[0] == "Rss:" else -int(words[1])
    return total


def resident_kb(server):
    """With all that others could share with it."""
    with open(f"/proc/{server.process.pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


def test_what_only_the_start_has_run_is_given_back(new_server, monkeypatch):
    """Of OpenSSL's 4 MB a start runs through nearly all; who idles needs next to nothing."""
    monkeypatch.setenv("MEERKAT_CORE_DUMPS", "1")
    server = new_server()
    deadline = time.monotonic() + env.DEADLINE
    while "serves with" not in server.read_log():
        assert time.monotonic() < deadline
    assert of_files_kb(server, "/libcrypto.so") < 1500
    if not has(server, "libasan.so") and not has(server, "libtsan.so"):
        assert resident_kb(server) < 8 * 1024
    server.connect("tls").login(server.account()).close()  # it comes back


def complaint(name):
    _, key, library = NEEDS[name]
    return f"{key}: a library cannot be loaded: ", \
        f"{library}: file too short ({library} is in Debian's package {LIBRARIES[library]})\n"


@pytest.mark.parametrize("name", NEEDS)
def test_one_that_cannot_be_loaded_is_an_error_of_the_configuration(no_libraries, name):
    tree = {"general": {"hosts": ["localhost"], "default_server_domain": "localhost"},
            "listen": {"c2s": [{"port": 5222}]}} | NEEDS[name][0]
    (no_libraries / "meerkat.toml").write_text(config.to_toml(tree), encoding="utf-8")
    done = run("check", "-c", "meerkat.toml", cwd=no_libraries)
    assert done.returncode == 1
    for part in complaint(name):
        assert part in done.stderr
    assert done.stderr.count(" error: ") == 1


def test_a_reload_that_needs_one_that_cannot_be_loaded(new_server, no_libraries):
    server = new_server()
    server.over = LDAP
    server.write_config()
    done = server.run("reload")
    assert done.returncode == 1
    for part in complaint("ldap"):
        assert part in done.stderr
    server.over = {}
    server.write_config()
    assert server.run("reload").returncode == 0
    for path in no_libraries.iterdir():  # it has been installed
        path.unlink()
    server.over = LDAP
    server.write_config()
    done = server.run("reload")
    assert done.returncode == 0, done.stderr
