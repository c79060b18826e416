"""auth.ldap.deref: aliases (RFC 4512, 2.6) below the base of the search, and one that is it."""
import pytest

from lib.client import SaslFailure
from lib.directory import PEOPLE, PERSON, Directory
from lib.server import PASSWORD, Server

# "finding" follows an alias that is the base, "searching" those below it: RFC 4511, 4.5.1.3.
FOLLOWS = {"never": (False, False), "searching": (True, False), "finding": (False, True),
           "always": (True, True)}
DEREF = {None: FOLLOWS["never"]} | FOLLOWS  # not given: never
BASES = {"users": "ou=users", "guests": "ou=guests", "link": "ou=link"}
SUFFIX = "dc=example,dc=net"
LDIF = PEOPLE + PERSON.format(cn="The romeo", sn="M", uid="romeo", kind="staff",
                              password=PASSWORD) + f"""
dn: ou=guests,{SUFFIX}
objectClass: organizationalUnit
ou: guests

dn: cn=the same,ou=guests,{SUFFIX}
objectClass: alias
objectClass: extensibleObject
cn: the same
aliasedObjectName: cn=The romeo,ou=users,{SUFFIX}

dn: cn=nowhere,ou=guests,{SUFFIX}
objectClass: alias
objectClass: extensibleObject
cn: nowhere
aliasedObjectName: cn=Nobody,ou=users,{SUFFIX}

dn: ou=link,{SUFFIX}
objectClass: alias
objectClass: extensibleObject
ou: link
aliasedObjectName: ou=users,{SUFFIX}
"""


def domain_of(base, deref):
    return f"{base}-{deref}.example".lower()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    one = Directory(tmp_path_factory.mktemp("slapd"), [], ldif=LDIF)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def server(request, directory, tmp_path_factory):
    """It has a domain for each base and each value."""
    reach = {"servers": ["127.0.0.1"], "port": directory.port}
    reader = {"root_dn": f"cn=reader,{SUFFIX}", "password": "read it"}
    both = [(base, deref) for base in BASES for deref in DEREF]
    one = Server(tmp_path_factory.mktemp("server"), 2, {
        "general": {"hosts": ["localhost", *(domain_of(*pair) for pair in both)]},
        "outgoing_pools": {"ldap": {"default": {"connection": reach | reader},
                                    "bind": {"connection": reach}}},
        "host_config": [{"host": domain_of(base, deref), "auth": {
            "methods": ["ldap"], "ldap": {"base": f"{BASES[base]},{SUFFIX}"}
                                         | ({"deref": deref} if deref else {})}}
                        for base, deref in both]}, {"plain": {}})
    request.node.e2e_servers = [one]
    one.start()
    yield one
    try:
        one.stop()
    finally:
        one.discard()


def condition_of(server, domain, user, password):
    """Of the login's failure, None when it succeeds."""
    with server.connect(domain=domain) as client:
        client.start()
        try:
            return client.auth_plain(user, password)
        except SaslFailure as e:
            return e.condition


@pytest.mark.parametrize("deref", DEREF)
@pytest.mark.parametrize("base", BASES)
def test_aliases(server, base, deref):
    below, at_base = DEREF[deref]
    is_there = {"users": True, "guests": below, "link": at_base}[base]
    domain = domain_of(base, deref)
    assert condition_of(server, domain, "romeo", PASSWORD) == (
        None if is_there else "not-authorized")
    assert condition_of(server, domain, "romeo", "wrong") == "not-authorized"
    assert condition_of(server, domain, "nobody", PASSWORD) == "not-authorized"
