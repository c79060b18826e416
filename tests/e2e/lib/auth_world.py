"""Servers whose backends are all down when they start: one for services, one for each kind of
database."""
from . import config, pki
from .auth_backends import (SECRETS, Backend, External, Http, HttpCertificates, HttpKeys, Ldap,
                            LdapCertificates, Ldaps, RdbmsMysql, RdbmsPgsql)
from .client import Account
from .database import DATABASES
from .directory import Directory, address_certificate
from .faults import PASS
from .server import Server

SERVICES = ("http", "http keys", "http certificates", "ldap", "ldaps", "ldap certificates",
            "external")
METHODS = (*SERVICES, *DATABASES)


class World:
    """What the server said when it started, and two clients who are logged in afterwards and whom
    nothing may trouble."""

    def __init__(self, place, backends, over, listeners=None):
        self.backends = backends
        self.server = Server(place, 2, over, {"plain": {}} | (listeners or {}))
        for one in backends.values():
            one.server = self.server
        self.server.start()
        self.at_start = {name: one.fails() for name, one in backends.items()}
        self.log_at_start = self.server.read_log()
        for one in backends.values():
            one.set(PASS)
        self.friends = []

    def talk(self):
        a, b = self.friends
        a.message(b.jid, "hello", "chat")
        b.expect_message("hello")

    def stop(self):
        for client in self.friends:
            client.abort()
        try:
            self.server.stop()
            log = self.server.read_log()
            assert [s for s in SECRETS if s in log] == []
        finally:
            self.server.discard()
            for one in self.backends.values():
                one.stop()


def services(path):
    place, certificates = path("ldap"), path("certificates")
    directory = Directory(place, [(Backend.user, Backend.password, "staff")],
                          address_certificate(place))
    root = pki.make("Root", purpose="ca")
    http, ldap = Http(), Ldap(directory)
    made = dict(zip(SERVICES, (
        http, HttpKeys(http), HttpCertificates(http, certificates, root), ldap, Ldaps(directory),
        LdapCertificates(ldap, certificates, root), External(path("external")))))
    pools = {}
    for one in made.values():
        pools = config.merge(pools, one.pools())
    verify = {"mode": "tls", "verify_mode": "peer", "disconnect_on_failure": False,
              "cacertfile": pki.Directory(certificates).write("root.pem", root.pem())}
    world = World(path("server"), made, {
        "general": {"hosts": ["localhost", *(one.domain for one in made.values())]},
        "outgoing_pools": pools,
        "host_config": [{"host": one.domain, "auth": one.auth()} for one in made.values()]},
        {"tls": {"tls": verify}})
    world.on_stop = directory.stop
    world.friends = [world.server.connect().login(world.server.account()).available()
                     for _ in range(2)]
    return world


def database_world(kind, path):
    database = DATABASES[kind]()
    try:
        database.start()
        one = {"pgsql": RdbmsPgsql, "mysql": RdbmsMysql}[kind](database)
        world = World(path("server"), {kind: one},
                      {"auth": one.auth(), "outgoing_pools": one.pools()})
        world.on_stop = database.discard
        world.server.make_accounts([Account(f"{name}@localhost", one.password)
                                    for name in ("romeo", "juliet", "mercutio")])
        one.login_when_it_works()
        world.friends = [world.server.connect().login(
            Account(f"{name}@localhost", one.password)).available()
            for name in ("juliet", "mercutio")]
        return world
    except BaseException:
        database.discard()
        raise


class Worlds:
    """Made when they are asked for."""

    def __init__(self, path):
        self.path = path
        self.made = {}

    def __call__(self, method):
        """The one that has this method."""
        name = method if method in DATABASES else "services"
        if name not in self.made:
            self.made[name] = (services(self.path) if name == "services"
                               else database_world(name, self.path))
        return self.made[name]

    def stop(self):
        for world in self.made.values():
            try:
                world.stop()
            finally:
                world.on_stop()
