"""Passwords that are more than ASCII: what was stored, by us or by others, lets its owner in, and
whoever keeps accounts elsewhere is asked with what was typed."""
import base64
import hashlib
import hmac
import os
import sqlite3
import unicodedata

import pytest

from lib import directory
from lib.auth_service import Service
from lib.client import Account, SaslFailure
from lib.server import Server
from test_auth_matrix import token

PROGRAM = os.path.join(os.path.dirname(__file__), "lib", "external_auth.py")
SECRET = "top-secret123-top-secret123-top-secret123"
COMPATIBLE = ["m\u00b2-geheim", "contrase\u00f1a1\u00ba", "\uff50\uff41\uff53\uff53", "cafe\u0301-1",
              "\u1112\u1161\u11ab"]
ODD = {"nfd": "cafe\u0301-1", "nbsp": "pass\u00a0word", "tab": "a\tb", "ogham": "a\u1680b",
       "zwj": "\U0001f468\u200d\U0001f469", "unassigned": "x\U0001faea", "hangul": "\u1112\u1161\u11ab",
       "ascii": "correct horse"}


def nfkc(text):
    return unicodedata.normalize("NFKC", text)


def details(password, iterations=4096):
    """pass_details as MongooseIM makes it of a password that it has prepared."""
    text = f"==MULTI_SCRAM==,{iterations}"
    for prefix, name in (("===SHA1===", "sha1"), ("==SHA256==", "sha256")):
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
        stored = hashlib.new(name, hmac.digest(salted, b"Client Key", name)).digest()
        keys = (salt, stored, hmac.digest(salted, b"Server Key", name))
        text += "," + prefix + "|".join(base64.b64encode(k).decode() for k in keys)
    return text


def ldif():
    entries = [directory.PEOPLE]
    for user, password in ODD.items():
        text = base64.b64encode(password.encode()).decode()
        entries.append(f"dn: cn={user},ou=users,dc=example,dc=net\nobjectClass: inetOrgPerson\n"
                       f"cn: {user}\nsn: {user}\nuid: {user}\nuserPassword:: {text}\n")
    return "\n".join(entries)


def config(slapd, service, accounts):
    reach = {"servers": ["127.0.0.1"], "port": slapd.port}
    reader = {"root_dn": "cn=reader,dc=example,dc=net", "password": "read it"}
    methods = {
        "text.example": {"methods": ["internal"],
                         "password": {"format": "plain", "scram_iterations": 4096}},
        "ldap.example": {"methods": ["ldap"], "ldap": {"base": "ou=users,dc=example,dc=net"}},
        "external.example": {"methods": ["external"],
                             "external": {"program": f"{PROGRAM} {accounts}"}},
        "http.example": {"methods": ["http"], "password": {"format": "plain"}, "http": {}},
        "jwt.example": {"methods": ["jwt"], "jwt": {"secret": {"value": SECRET},
                                                    "algorithm": "HS256", "username_key": "user"}},
    }
    return {
        "general": {"hosts": ["localhost", *methods]},
        "auth": {"methods": ["internal"], "password": {"scram_iterations": 4096}},
        "host_config": [{"host": h, "auth": auth} for h, auth in methods.items()],
        "outgoing_pools": {
            "http": {"auth": {"connection": {"host": f"http://127.0.0.1:{service.port}"}}},
            "ldap": {"default": {"workers": 1, "connection": reach | reader},
                     "bind": {"connection": reach}}},
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("elsewhere")
    (place / "slapd").mkdir()
    (place / "accounts").write_text("".join(f"{u}:{p}\n" for u, p in ODD.items()), "utf-8")
    slapd, service = directory.Directory(place / "slapd", [], ldif=ldif()), Service()
    service.accounts = dict(ODD)
    one = Server(tmp_path_factory.mktemp("server"), 1, config(slapd, service, place / "accounts"),
                 {"plain": {}})
    try:
        yield one.start()
        one.stop()
    finally:
        one.discard()
        slapd.stop()
        service.stop()


def is_in(server, jid, password, mechanism="PLAIN"):
    account = Account(jid, password)
    with server.connect(domain=account.domain) as client:
        try:
            client.login(account, mechanism=mechanism)
        except SaslFailure as failure:
            assert failure.condition == "not-authorized"
            return False
    return True


def insert(server, jid, text, keys=None):
    user, domain = jid.split("@")
    with sqlite3.connect(f"{server.directory}/meerkat.db") as db:
        db.execute("INSERT INTO users (server, username, password, pass_details)"
                   " VALUES (?, ?, ?, ?)", (domain, user, text, keys))
    db.close()


@pytest.mark.parametrize("n", range(len(COMPATIBLE)))
@pytest.mark.parametrize("domain", ["localhost", "text.example"])
def test_rows_of_mongooseim(server, domain, n):
    word, keys, text = COMPATIBLE[n], f"keys{n}@{domain}", f"text{n}@{domain}"
    insert(server, keys, "", details(nfkc(word)))
    insert(server, text, word)
    for jid in (keys, text):
        assert is_in(server, jid, nfkc(word), "SCRAM-SHA-256")
        assert is_in(server, jid, word)
        assert is_in(server, jid, nfkc(word))
        assert not is_in(server, jid, "x" + word)
        assert not is_in(server, jid, "x" + word, "SCRAM-SHA-256")


@pytest.mark.parametrize("n", range(len(COMPATIBLE)))
@pytest.mark.parametrize("domain", ["localhost", "text.example"])
def test_accounts_of_ours(server, domain, n):
    word, jid = COMPATIBLE[n], f"ours{n}@{domain}"
    server.make_accounts([Account(jid, word)])
    assert is_in(server, jid, nfkc(word), "SCRAM-SHA-1")
    assert is_in(server, jid, word)
    assert is_in(server, jid, nfkc(word))
    assert not is_in(server, jid, "x" + word)


def test_keys_of_opaque_strings(server):
    """As they were made before."""
    insert(server, "former@localhost", "", details("m\u00b2-geheim"))
    assert is_in(server, "former@localhost", "m\u00b2-geheim")
    assert not is_in(server, "former@localhost", "m2-geheim")


@pytest.mark.parametrize("user", ODD)
@pytest.mark.parametrize("domain", ["ldap.example", "external.example", "http.example"])
def test_elsewhere(server, domain, user):
    assert is_in(server, f"{user}@{domain}", ODD[user])
    assert not is_in(server, f"{user}@{domain}", ODD[user] + "x")


def test_made_elsewhere(server):
    """It gets the password as it will be asked with."""
    for domain in ("external.example", "http.example"):
        jid = f"made@{domain}"
        made = server.run("user", "add", jid, stdin="cafe\u0301\tx\n")
        assert made.returncode == 0, made.stderr
        assert is_in(server, jid, "cafe\u0301\tx")
        assert not is_in(server, jid, "caf\u00e9\tx")


def test_not_allowed(server):
    made = server.run("user", "add", "tab@localhost", stdin="a\tb\n")
    assert made.returncode != 0 and "such a password is not allowed" in made.stderr


def sized_token(size, **claims):
    """A token of so many bytes; base 64 has no lengths of 1 modulo 4."""
    for pad in range(size):
        text = token("romeo", SECRET, pad="x" * (size * 3 // 4 - 120 + pad), **claims)
        if len(text) >= size:
            return text
    raise AssertionError(size)


@pytest.mark.parametrize("size", [120, 4092, 4093, 8000, 8190])
def test_long_tokens(server, size):
    text = sized_token(size)
    assert size <= len(text) <= size + 2 <= 8192
    assert is_in(server, "romeo@jwt.example", text)
    assert not is_in(server, "romeo@jwt.example", text[:-1] + "!")


def test_token_that_is_too_long(server):
    with server.connect(domain="jwt.example") as client:
        client.start()
        with pytest.raises(SaslFailure) as failure:
            client.auth_plain("romeo", sized_token(8193))
    assert failure.value.condition == "malformed-request"


# --- names ---

@pytest.mark.parametrize("typed,stored", [("Jose\u0301", "jos\u00e9"), ("\u03a9mega", "\u03c9mega"),
                                          ("\uff58\uff59", "xy")])
def test_names_of_mongooseim(server, typed, stored):
    insert(server, f"{stored}@localhost", "secret")
    assert is_in(server, f"{typed}@localhost", "secret")
    assert is_in(server, f"{stored}@localhost", "secret")


@pytest.mark.parametrize("typed,stored", [("stra\u00dfe", "strasse"), ("\ufb01sch", "fisch"),
                                          ("x\u00b2", "x2"), ("o\u03c2", "o\u03c3")])
def test_names_that_are_to_be_typed_as_stored(server, typed, stored):
    insert(server, f"{stored}@localhost", "secret")
    assert not is_in(server, f"{typed}@localhost", "secret")
    assert is_in(server, f"{stored}@localhost", "secret")


def test_names_that_are_none(server):
    insert(server, "\u2665love@localhost", "secret")
    insert(server, "Ups@localhost", "secret")
    done = server.run("user", "list", "localhost")
    assert done.returncode == 0 and "\u2665love@localhost\n" in done.stdout
    bad = sorted(line.split(": ")[1] for line in done.stderr.splitlines())
    assert bad == ["Ups@localhost", "\u2665love@localhost"]
    assert not is_in(server, "\u2665love@localhost", "secret")
