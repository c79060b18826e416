"""What a method of authentication asks, how to spoil it, and what the log then says."""
import base64
import os
import shutil
import subprocess
import time

import pytest

from . import env, ns, pki, scram
from .auth_service import Service
from .client import Account, SaslFailure
from .faults import CUT, GARBLE, HANG, HOLD, PASS, REFUSE, Proxy
from .raw import tls_context

PROGRAM = os.path.join(os.path.dirname(__file__), "external_auth.py")
TIMEOUT = 3000  # ms; all that is well must answer within it on a busy machine, too
SECRETS = ("pass-of-romeo", "pass-of-us", "pass-of-nobody")


def failure_of(client):
    answer = client.stanza()
    assert answer.tag == ns.SASL + "failure", ns.show(answer)
    return ns.conditions(answer, ns.SASL)[0]


class Backend:
    """`says`: what the log has for each fault."""

    domain = "localhost"
    user, password = "romeo", SECRETS[0]
    mechanism = "PLAIN"
    server = None

    def connect(self, wrong=False):
        return self.server.connect(domain=self.domain)

    def first(self, password):
        """What comes with <auth/>."""
        return f"\0{self.user}\0{password}".encode()

    def authenticate(self, client, password):
        client.auth_plain(self.user, password)

    def begin(self):
        """A login, as far as it goes without an answer."""
        client = self.connect()
        client.start()
        data = base64.b64encode(self.first(self.password)).decode() or "="
        client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
                    f"mechanism='{self.mechanism}'>{data}</auth>")
        return client

    def login(self):
        client = self.connect()
        client.account = Account(f"{self.user}@{self.domain}", self.password)
        client.start()
        self.authenticate(client, self.password)
        client.restart()
        client.start()
        client.bind()
        return client

    def fails(self, wrong=False):
        """The failure's condition; `wrong`: of somebody whom it does not take."""
        with self.connect(wrong) as client:
            client.start()
            with pytest.raises(SaslFailure) as failure:
                self.authenticate(client, "wrong" if wrong else self.password)
        return failure.value.condition

    def when_it_works(self, attempt):
        """Not all connections come back at once."""
        deadline = time.monotonic() + env.DEADLINE
        while (condition := attempt()) == "temporary-auth-failure":
            assert time.monotonic() < deadline, "it is not used again"
            try:
                self.server.process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                pass
        return condition

    def login_when_it_works(self):
        def attempt():
            try:
                return self.login().abort()
            except SaslFailure as e:
                return e.condition
        assert self.when_it_works(attempt) is None

    def is_well(self):
        """It knows again whom it knows, and whom it does not."""
        self.login_when_it_works()
        assert self.when_it_works(lambda: self.fails(wrong=True)) == "not-authorized"


class Networked(Backend):
    target = None

    def __init__(self):
        self.proxy = Proxy(self.target, REFUSE)

    def set(self, fault):
        self.proxy.set(fault)

    def ended(self):
        """How many connections to it are over."""
        return self.proxy.ended

    def wait_held(self):
        """HOLD: until what answers has been asked."""
        self.proxy.wait_held()

    def stop(self):
        self.proxy.stop()


class Http(Networked):
    domain = "http.example"
    asks = "check_password"

    @property
    def says(self):
        return {
            REFUSE: f"http://127.0.0.1:.*/{self.asks}: Failed to connect to .*"
                    "outgoing_pools.http.auth",
            CUT: f"{self.asks}: (Server returned nothing|Failure when receiving data)",
            GARBLE: f"{self.asks}: what answers is no HTTP",
            HANG: f"{self.asks}: Timeout was reached",
            "refused": f"{self.asks}: the service refuses us: is auth.http.basic_auth right",
        }

    def __init__(self):
        self.service = Service()
        self.service.accounts = {self.user: self.password}
        self.service.client = f"meerkat:{SECRETS[1]}"
        self.target = ("127.0.0.1", self.service.port)
        super().__init__()

    def auth(self):
        return {"methods": ["http"], "password": {"format": "plain"},
                "http": {"basic_auth": f"meerkat:{SECRETS[1]}"}}

    def pools(self):
        return {"http": {"auth": {"workers": 2, "call_timeout": TIMEOUT, "connection": {
            "host": f"http://127.0.0.1:{self.proxy.port}", "request_timeout": TIMEOUT}}}}

    def add(self, users):
        self.service.accounts |= dict.fromkeys(users, self.password)

    def refuse_us(self, on):
        self.service.client = f"other:{SECRETS[2]}" if on else f"meerkat:{SECRETS[1]}"

    def stop(self):
        super().stop()
        self.service.stop()


class HttpKeys(Http):
    """By SCRAM, for which the service is asked once, at the beginning."""
    domain = "keys.example"
    user, mechanism = "keys", "SCRAM-SHA-1"
    asks = "get_password"

    def __init__(self, http):
        self.service, self.proxy = http.service, http.proxy
        self.keys = scram.serialised(self.password)
        self.service.accounts[self.user] = self.keys

    def auth(self):
        return super().auth() | {"password": {"scram_iterations": 4096}}

    def first(self, password):
        return scram.Scram(self.mechanism, self.user, password).first()

    def authenticate(self, client, password):
        client.auth_scram(self.mechanism, self.user, password)

    def stop(self):
        pass


class Certificates:
    """By EXTERNAL: who has another certificate is not taken."""
    mechanism = "EXTERNAL"

    def issue(self, place, root):
        self.contexts = {}
        for wrong, user in ((False, self.user), (True, self.stranger)):
            made = pki.make(None, root, [f"{user}@{self.domain}"])
            self.contexts[wrong] = tls_context()
            pki.Directory(place).load(self.contexts[wrong], made)
            if not wrong:
                self.certificate = made.pem().decode()

    def auth(self):
        return super().auth() | {"sasl_mechanisms": ["external"]}

    def connect(self, wrong=False):
        return self.server.connect("tls", self.domain, self.contexts[wrong])

    def first(self, _):
        return b""

    def authenticate(self, client, _):
        assert client.auth("EXTERNAL", b"").tag == ns.SASL + "success"

    def pools(self):
        return {}

    def stop(self):
        pass


class HttpCertificates(Certificates, Http):
    domain = "certs.example"
    asks = "get_certs"
    stranger = "romeo"  # with another one

    def __init__(self, http, place, root):
        self.service, self.proxy = http.service, http.proxy
        self.issue(place, root)
        self.service.certificates[self.user] = self.certificate


class Ldap(Networked):
    domain = "ldap.example"
    says = {
        REFUSE: "ldap://127.0.0.1:.*: cannot connect: Connection refused.*outgoing_pools.ldap",
        CUT: "cannot connect: Can't contact LDAP server",
        GARBLE: "Can't contact LDAP server|Decoding error|Timed out",
        HANG: "Timed out|Can't contact LDAP server",
        "refused": "the root_dn or its password is wrong",
    }

    tag = "clear"
    tls = {}

    def __init__(self, directory):
        self.directory = directory
        self.target = ("127.0.0.1", directory.tls_port if self.tls else directory.port)
        self.reader = "read it"
        super().__init__()

    def auth(self):
        return {"methods": ["ldap"], "ldap": {
            "base": "ou=users,dc=example,dc=net", "pool_tag": self.tag,
            "bind_pool_tag": f"{self.tag}_bind"}}

    def pools(self):
        reach = {"servers": ["127.0.0.1"], "port": self.proxy.port, "connect_interval": 100}
        if self.tls:
            reach["tls"] = {"verify_mode": "none"}
        ours = {"root_dn": "cn=reader,dc=example,dc=net", "password": self.reader}
        return {"ldap": {tag: {"workers": 2, "call_timeout": TIMEOUT, "connection": reach | more}
                         for tag, more in ((self.tag, ours), (f"{self.tag}_bind", {}))}}

    def add(self, users):
        self.directory.add([(user, self.password, "staff") for user in users])

    def refuse_us(self, on):
        self.directory.set_password("cn=reader,dc=example,dc=net",
                                    SECRETS[2] if on else self.reader)
        self.proxy.set(REFUSE)
        self.proxy.set(PASS)


class Ldaps(Ldap):
    domain = "ldaps.example"
    tag = "encrypted"
    tls = True
    says = Ldap.says | {
        REFUSE: "ldaps://127.0.0.1:.*: cannot connect: Connection refused",
        CUT: "cannot connect: TLS: (unexpected eof while reading|Connection reset by peer)",
        GARBLE: "cannot connect: TLS: (wrong version number|packet length too long)",
        HANG: "cannot connect: TLS: Connection timed out|searching: Timed out",
    }


class LdapCertificates(Certificates, Ldap):
    domain = "ldap-certs.example"
    stranger = "benvolio"

    def __init__(self, ldap, place, root):
        self.directory, self.proxy, self.reader = ldap.directory, ldap.proxy, ldap.reader
        self.issue(place, root)


class External(Backend):
    domain = "external.example"
    says = {
        REFUSE: "/check cannot be started .No such file or directory.*auth.external.program",
        CUT: "/check ended with status 3",
        GARBLE: "/check answered something that is neither yes nor no",
        HANG: "/check did not answer in time",
        "refused": "/check cannot be started .Permission denied.*auth.external.program",
    }

    def __init__(self, place):
        self.accounts = place / "accounts"
        self.accounts.write_text(f"{self.user}:{self.password}\n", encoding="utf-8")
        self.program = place / "check"
        self.gate = f"{self.accounts}.gate"
        os.mkfifo(self.gate)
        self.held = None  # an open gate lets whoever waits there go on when it is closed
        self.set(REFUSE)

    def auth(self):
        return {"methods": ["external"],
                "external": {"program": f"{self.program} {self.accounts}", "instances": 2}}

    def pools(self):
        return {}

    def set(self, fault):
        with open(f"{self.accounts}.fault", "w", encoding="ascii") as f:
            f.write({REFUSE: "cut", HOLD: "hang"}.get(fault, fault))
        if fault == REFUSE:
            self.program.unlink(missing_ok=True)
        elif not self.program.exists():
            shutil.copy(PROGRAM, self.program)
        if self.held is None and fault not in (HANG, HOLD):  # who waits goes on
            self.held = self.try_gate()
        if self.held is not None:
            os.close(self.held)
            self.held = None

    def ended(self):
        return 0

    def try_gate(self):
        try:
            return os.open(self.gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return None

    def wait_held(self):
        def is_held():
            self.held = self.try_gate()
            return self.held is not None
        self.server.until(is_held)

    def add(self, users):
        with open(self.accounts, "a", encoding="utf-8") as f:
            f.writelines(f"{user}:{self.password}\n" for user in users)

    def refuse_us(self, on):
        """It must not be started; what runs ends."""
        self.program.chmod(0o644 if on else 0o755)
        self.set(CUT if on else PASS)

    def stop(self):
        self.set(CUT)


class Rdbms(Networked):
    """A database server, and a user of its own whom it can refuse."""
    host = "127.0.0.1"

    def __init__(self, database):
        self.database = database
        self.name = database.new()
        self.target = ("127.0.0.1", database.port)
        self.as_whom = f"user_{self.name}"
        super().__init__()

    def auth(self):
        return {"methods": ["rdbms"]}

    def pools(self):
        return self.database.pool(self.name, host="127.0.0.1", port=self.proxy.port,
                                  username=self.as_whom, password=SECRETS[1],
                                  query_timeout=TIMEOUT)

    def add(self, users):
        keys = scram.serialised(self.password)
        rows = ", ".join(f"('{self.domain}', '{user}', '', '{keys}')" for user in users)
        self.database.run("INSERT INTO users (server, username, password, pass_details) VALUES "
                          f"{rows}", self.name)

    def cut_off(self):
        self.proxy.set(REFUSE)
        self.proxy.set(PASS)


class RdbmsPgsql(Rdbms):
    says = {
        REFUSE: "the database test.* cannot be reached: .*Connection refused",
        CUT: "(a query failed|nothing can be written|cannot be reached): "
             ".*(server closed the connection|"
             "could not receive data)",
        GARBLE: "cannot be reached: .*expected authentication|"
                "(a query failed|nothing can be written): .*synchronization",
        HANG: "the server has not answered within query_timeout|timeout expired",
        "refused": "cannot be reached: .*password authentication failed",
        "rejected": "cannot be reached: .*pg_hba.conf rejects connection",
    }

    def __init__(self, database):
        super().__init__(database)
        database.run(f"CREATE ROLE {self.as_whom} LOGIN PASSWORD '{SECRETS[1]}'")
        database.run(f"GRANT ALL ON SCHEMA public TO {self.as_whom}", self.name)

    def refuse_us(self, on):
        password = SECRETS[2] if on else SECRETS[1]
        self.database.run(f"ALTER ROLE {self.as_whom} PASSWORD '{password}'")
        self.cut_off()

    def reject_us(self, on):
        """By the address, whatever the password is."""
        path = f"{self.database.directory}/data/pg_hba.conf"
        line = f"host all {self.as_whom} 127.0.0.1/32 reject\n"
        with open(path, encoding="ascii") as f:
            text = f.read().replace(line, "")
        with open(path, "w", encoding="ascii") as f:
            f.write((line if on else "") + text)
        self.database.run("SELECT pg_reload_conf()")
        self.cut_off()


class RdbmsMysql(Rdbms):
    says = {
        REFUSE: "the database test.* cannot be reached: .*Can't connect to server",
        CUT: "(a query failed|nothing can be written|is lost|cannot be reached): "
             ".*Lost connection to server",
        GARBLE: "(the connection to the database is lost|a query failed|nothing can be written): ",
        HANG: "cannot be reached|is lost",
        "refused": "cannot be reached: .*Access denied for user",
        "rejected": "cannot be reached: .*account is locked",
    }

    def __init__(self, database):
        super().__init__(database)
        who = f"{self.as_whom}@127.0.0.1"
        database.run(f"CREATE USER {who} IDENTIFIED BY '{SECRETS[1]}';"
                     f"GRANT ALL ON {self.name}.* TO {who}")

    def refuse_us(self, on):
        password = SECRETS[2] if on else SECRETS[1]
        self.database.run(f"ALTER USER {self.as_whom}@127.0.0.1 IDENTIFIED BY '{password}'")
        self.cut_off()

    def reject_us(self, on):
        how = "LOCK" if on else "UNLOCK"
        self.database.run(f"ALTER USER {self.as_whom}@127.0.0.1 ACCOUNT {how}")
        self.cut_off()


