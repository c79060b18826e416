"""Accounts are made, get new passwords and end by every method that can store them: on the wire
(XEP-0077) and by `meerkat user`. The program and the service are the tests' own."""
import asyncio
import os
import sqlite3

import pytest
import slixmpp

from lib import env, ns
from lib.auth_service import Gate, Service
from lib.client import Account, SaslFailure, befriend, new_id, settle
from lib.directory import Directory, address_certificate
from lib.server import PASSWORD
from test_status import until

PROGRAM = os.path.join(os.path.dirname(__file__), "lib", "external_auth.py")
SCRAM = {"hash": ["sha", "sha256"], "scram_iterations": 4096}
METHODS = {  # domain -> its [auth]
    "external.example": {"methods": ["external"]},
    "plain.example": {"methods": ["http"], "http": {}, "password": {"format": "plain"}},
    "scram.example": {"methods": ["http"], "http": {}, "password": SCRAM},
    "both.example": {"methods": ["http", "internal"], "http": {}, "password": SCRAM},
    "after.example": {"methods": ["internal", "external"], "password": SCRAM},
    "program-first.example": {"methods": ["external", "internal"], "password": SCRAM},
    "small.example": {"methods": ["external"], "max_users_per_domain": 2},
    "token.example": {"methods": ["jwt"], "jwt": {
        "secret": {"value": "x"}, "algorithm": "HS256", "username_key": "user"}},
    "dummy.example": {"methods": ["dummy", "internal"], "dummy": {"base_time": 0},
                      "password": SCRAM},
}
CONFIG = {
    "general": {"registration_timeout": "infinity",
                "hosts": ["localhost", *METHODS]},
    "modules": {"mod_register": {}},
}
LISTENERS = {"plain": {}}
# What a test for all methods goes over: in which domain, and where the account then is.
STORING = ["localhost", "external.example", "plain.example", "scram.example"]
started = []


def prepare(server):
    service = Service()
    started.append(service)
    server.service = service
    server.program = os.path.join(server.directory, "accounts")
    with open(server.program, "w", encoding="utf-8"):
        pass
    with_program = {"external": {"program": f"{PROGRAM} {server.program}"}}
    server.over = dict(server.over) | {
        "host_config": [
            {"host": domain,
             "auth": auth | (with_program if "external" in auth["methods"] else {})}
            for domain, auth in METHODS.items()],
        "outgoing_pools": {"http": {"auth": {"connection": {
            "host": f"http://127.0.0.1:{service.port}"}}}},
    }


@pytest.fixture(scope="module", autouse=True)
def around():
    yield
    while started:
        started.pop().stop()


@pytest.fixture(autouse=True)
def service_is_well(server):
    yield
    server.service.answers = {}
    server.service.broken = None


@pytest.fixture
def stranger(connect):
    """A connection that is not logged in; with features read."""
    def make(domain):
        client = connect(domain=domain)
        client.start()
        return client
    return make


@pytest.fixture
def enter(connect):
    def make(account, mechanism="PLAIN", **kwargs):
        return connect(domain=account.domain).login(account, mechanism=mechanism, **kwargs)
    return make


def fresh(domain, name="new"):
    return Account(f"{name}-{new_id()}@{domain}", PASSWORD)


def query(inner=""):
    return f"<query xmlns='jabber:iq:register'>{inner}</query>"


def fields(account, password=None):
    return query(f"<username>{account.user}</username>"
                 f"<password>{password or account.password}</password>")


def set_error(client, payload):
    answer = client.set(payload)
    assert answer.get("type") == "error", ns.show(answer)
    return ns.stanza_error(answer)


def text_of(answer):
    return answer.findtext(f".//{{urn:ietf:params:xml:ns:xmpp-stanzas}}text")


def register(client, account):
    answer = client.set(fields(account))
    assert answer.get("type") == "result", ns.show(answer)


def refused_login(enter, account):
    with pytest.raises(SaslFailure) as failure:
        enter(account)
    assert failure.value.condition == "not-authorized"


def in_program(server):
    with open(server.program, encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":", 1) for line in f)


def asked_program(server):
    with open(server.program + ".log", encoding="utf-8") as f:
        return f.read()


def rows(server, account):
    """In which tables of ours the account's name is."""
    with sqlite3.connect(f"{server.directory}/meerkat.db") as db:
        names = [name for name, in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name for name in names
                if {"server", "username"} <= {row[1] for row in db.execute(
                    f"PRAGMA table_info({name})")}
                and db.execute(f"SELECT 1 FROM {name} WHERE server = ? AND username = ?",
                               (account.domain, account.user)).fetchone()}


def user(server, command, account, password=None):
    return server.run("user", command, account.jid, stdin=f"{password}\n" if password else "")


# --- on the wire ---

def end(client):
    """Asks for its account's end: the result, then the end of the stream."""
    client.send(f"<iq type='set' id='gone'>{query('<remove/>')}</iq>")
    answer = client.expect(ns.IQ)
    assert answer.get("type") == "result", ns.show(answer)
    client.expect_error("not-authorized")


@pytest.mark.parametrize("domain", STORING)
def test_life_of_an_account(server, stranger, enter, domain):
    account = fresh(domain)
    form = stranger(domain).ask(query())
    assert form.find(ns.REGISTER + "username") is not None
    register(stranger(domain), account)
    assert set_error(stranger(domain), fields(account))[1] == "conflict"

    client = enter(account)
    changed = Account(account.jid, "another: p&ss")
    assert client.set(fields(account, "another: p&amp;ss")).get("type") == "result"
    refused_login(enter, account)
    assert client.sync() == [], "who has changed it stays"
    other = enter(changed)

    end(client)
    other.expect_error("not-authorized")
    refused_login(enter, changed)
    assert rows(server, account) == set()
    register(stranger(domain), account)
    enter(account)


def test_what_the_program_and_the_service_are_told(server, stranger):
    one, two, three = (fresh(d) for d in STORING[1:])
    for account in (one, two, three):
        register(stranger(account.domain), account)
    assert in_program(server)[one.user] == PASSWORD
    known = server.service.accounts
    assert known[two.user] == PASSWORD
    kind, iterations, *keys = known[three.user].split(",")
    assert (kind, iterations) == ("==MULTI_SCRAM==", "4096")
    assert [key[:10] for key in keys] == ["===SHA1===", "==SHA256=="]
    assert {"meerkat_accounts"} == rows(server, one) == rows(server, three)


def test_scram_with_keys_that_the_service_was_given(stranger, enter):
    account = fresh("scram.example")
    register(stranger(account.domain), account)
    client = enter(account, "SCRAM-SHA-256")
    client.set(fields(account, "second"))
    enter(Account(account.jid, "second"), "SCRAM-SHA-1")


@pytest.mark.parametrize("by", ["client", "command"])
@pytest.mark.parametrize("domain", STORING[:2])
def test_who_has_logged_in_and_not_bound_ends_too(server, stranger, enter, domain, by):
    """Or he would be whoever has the name next."""
    account = fresh(domain)
    register(stranger(domain), account)
    late = enter(account, bind=False)
    if by == "client":
        end(enter(account))
    else:
        assert user(server, "remove", account).returncode == 0
    register(stranger(domain), account)
    late.expect_error("not-authorized")


@pytest.mark.parametrize("domain", STORING)
def test_no_data_outlives_its_account(server, stranger, enter, domain):
    account, friend = fresh(domain), fresh(domain, "friend")
    for one in (account, friend):
        register(stranger(domain), one)
    a, b = enter(account).available(), enter(friend).available()
    befriend(a, b)
    a.ask("<query xmlns='jabber:iq:private'><n xmlns='urn:n'>secret</n></query>", type_="set")
    a.ask("<vCard xmlns='vcard-temp'><FN>Old</FN></vCard>", type_="set")
    a.close()
    b.expect_presence(a.jid, "unavailable")
    b.message(account.jid, "for later", "chat")
    settle(b, account.jid)
    assert len(rows(server, account)) >= 5
    end(enter(account))
    b.expect_push(jid=account.jid, subscription="none")
    assert rows(server, account) == set()


def test_who_is_kept_elsewhere_cannot_change_here(enter):
    """Beside `internal`, which does not have him."""
    account = fresh("dummy.example")
    client = enter(account)
    for payload in (fields(account, "x"), query("<remove/>")):
        answer = client.set(payload)
        assert ns.stanza_error(answer) == ("cancel", "not-allowed")
        assert "elsewhere" in text_of(answer)
    assert client.sync() == []


def test_registration_where_nothing_can_be_stored(stranger):
    client = stranger("token.example")
    for answer in (client.get(query()), client.set(fields(fresh("token.example")))):
        assert ns.stanza_error(answer) == ("cancel", "service-unavailable")
        assert "made elsewhere" in text_of(answer)
    assert stranger("external.example").get(query()).get("type") == "result"


# --- several methods ---

@pytest.mark.parametrize("domain, method", [
    ("both.example", "http"), ("after.example", "internal"),
    ("program-first.example", "external")])
def test_the_first_method_gets_the_account(server, stranger, enter, domain, method):
    account = fresh(domain)
    register(stranger(domain), account)
    assert (account.user in server.service.accounts) == (method == "http")
    assert (account.user in in_program(server)) == (method == "external")
    assert ("users" in rows(server, account)) == (method == "internal")
    client = enter(account)
    client.set(fields(account, "second"))
    refused_login(enter, account)
    end(enter(Account(account.jid, "second")))
    assert account.user not in server.service.accounts | in_program(server)
    assert rows(server, account) == set()


def test_nobody_registers_what_a_later_method_has(server, stranger, enter):
    account = fresh("after.example")
    with open(server.program, "a", encoding="utf-8") as f:
        f.write(f"{account.user}:of the program\n")
    assert set_error(stranger(account.domain), fields(account))[1] == "conflict"
    assert rows(server, account) == set()
    owner = enter(Account(account.jid, "of the program"))
    owner.set(fields(account, "second"))
    assert in_program(server)[account.user] == "second"
    end(owner)
    assert account.user not in in_program(server)


@pytest.mark.parametrize("status", [500, 403, 401, 404])
def test_a_name_that_cannot_be_asked_for_is_not_given(server, stranger, status):
    """404 is what a proxy says whose service has gone."""
    account = fresh("both.example")
    server.service.answers = {"user_exists": (status, "")}
    client = stranger(account.domain)
    assert set_error(client, fields(account)) == ("wait", "resource-constraint")
    assert account.user not in server.service.accounts
    assert rows(server, account) == set()
    server.service.answers = {}
    register(client, account)


def test_who_refuses_leaves_it_to_the_next(server, stranger):
    for account in (fresh("program-first.example", "refused"), fresh("both.example")):
        server.service.answers = {"register": (403, "")}
        register(stranger(account.domain), account)
        assert rows(server, account) == {"users"}


@pytest.mark.parametrize("status", [500, 200, 204, 404])
def test_who_fails_does_not(server, stranger, status):
    """201 alone is the service's yes."""
    account = fresh("both.example")
    server.service.answers = {"register": (status, "true" if status == 200 else "")}
    client = stranger(account.domain)
    assert set_error(client, fields(account)) == ("wait", "resource-constraint")
    assert rows(server, account) == set()
    assert f"register answered with status {status}" in server.read_log()
    server.service.answers = {"register": (409, "")}
    assert set_error(client, fields(account))[1] == "conflict"
    assert rows(server, account) == set()


def test_refusals(server, stranger, enter):
    account = fresh("external.example", "refused")
    assert set_error(stranger(account.domain), fields(account)) == ("cancel", "not-allowed")
    assert rows(server, account) == set()
    account = fresh("plain.example")
    register(stranger(account.domain), account)
    server.service.answers = {"set_password": (403, ""), "remove_user": (403, "")}
    client = enter(account)
    assert set_error(client, fields(account, "x")) == ("cancel", "not-allowed")
    assert set_error(client, query("<remove/>")) == ("cancel", "not-allowed")
    server.service.answers = {"set_password": (500, ""), "remove_user": (500, "")}
    assert set_error(client, fields(account, "x")) == ("wait", "resource-constraint")
    assert set_error(client, query("<remove/>")) == ("wait", "resource-constraint")
    server.service.answers = {"user_exists": (500, "")}
    assert set_error(client, query("<remove/>")) == ("wait", "resource-constraint")
    assert client.sync() == []
    enter(account)


def test_names_that_somebody_has_had(server, stranger, enter):
    """Whose data is still here, though the service has forgotten him."""
    account = fresh("plain.example")
    server.service.accounts[account.user] = PASSWORD
    client = enter(account)
    client.sync()
    del server.service.accounts[account.user]
    assert set_error(stranger(account.domain), fields(account))[1] == "conflict"
    end(client)
    register(stranger(account.domain), account)


def test_max_users_per_domain(server, stranger, enter):
    accounts = [fresh("small.example") for _ in range(3)]
    for account in accounts[:2]:
        register(stranger(account.domain), account)
    client = stranger("small.example")
    assert set_error(client, fields(accounts[2])) == ("wait", "resource-constraint")
    assert accounts[2].user not in in_program(server)
    end(enter(accounts[0]))
    register(client, accounts[2])
    for account in accounts[1:]:
        assert user(server, "remove", account).returncode == 0


def test_a_program_that_hangs_holds_up_nobody(new_server, tmp_path):
    """Others talk while a registration waits for it."""
    (tmp_path / "accounts").write_text("", encoding="utf-8")
    server = new_server(listeners=LISTENERS, over={
        "modules": {"mod_register": {}},
        "host_config": [{"host": "other.example", "auth": {
            "methods": ["external"], "external": {"program": f"{PROGRAM} {tmp_path}/accounts"}}}]})
    with server.connect(domain="other.example") as waiting, server.connect() as a, \
            server.connect() as b:
        waiting.start()
        waiting.send(f"<iq type='set' id='x'>{fields(Account('hangs@other.example', 'x'))}</iq>")
        for one in (a, b):
            one.login(server.account()).available()
        for i in range(20):
            a.message(b.jid, f"m{i}", "chat")
            b.expect_message(f"m{i}")


# --- meerkat user ---

@pytest.mark.parametrize("domain", [*STORING, "both.example", "program-first.example"])
def test_commands(server, enter, domain):
    account = fresh(domain)
    done = user(server, "add", account, PASSWORD)
    assert done.returncode == 0, done.stderr
    done = user(server, "add", account, PASSWORD)
    assert done.returncode == 1 and "there is such an account already" in done.stderr
    assert account.jid in server.run("user", "list", domain).stdout
    first = enter(account)
    done = user(server, "passwd", account, "second")
    assert done.returncode == 0, done.stderr
    refused_login(enter, account)
    second = enter(Account(account.jid, "second"))
    done = user(server, "remove", account)
    assert done.returncode == 0, done.stderr
    for client in (first, second):
        client.expect_error("not-authorized")
    assert rows(server, account) == set()
    for command in ("passwd", "remove"):
        done = user(server, command, account, "x")
        assert done.returncode == 1 and "there is no such account" in done.stderr


def test_commands_that_no_method_can_do(server, enter):
    account = fresh("token.example")
    for command, why in (("add", "no method that can make accounts (jwt)"),
                         ("passwd", "not one that can be changed here (jwt)"),
                         ("remove", "there is no such account")):
        done = user(server, command, account, "x")
        assert done.returncode == 1 and why in done.stderr, done.stderr
    # The operator may remove what is left of somebody whose method cannot be asked.
    account = fresh("dummy.example")
    client = enter(account)
    done = user(server, "remove", account)
    assert done.returncode == 0, done.stderr
    client.expect_error("not-authorized")


def test_commands_while_nobody_answers(server):
    account = fresh("both.example")
    server.service.broken = (503, "")
    for command in ("add", "remove", "passwd"):
        done = user(server, command, account, "x")
        assert done.returncode == 1
        assert "user_exists answered with status 503" in done.stderr
    server.service.broken = None
    account = fresh("external.example", "refused")
    done = user(server, "add", account, "x")
    assert done.returncode == 1 and "refuses it" in done.stderr


def test_import_by_all_methods(server, enter):
    accounts = [fresh(domain) for domain in (*STORING, "both.example") for _ in range(2)]
    lines = [f"{a.jid} {a.password}\n" for a in accounts]
    done = server.run("user", "import", stdin="".join(lines + lines[:3]))
    assert done.returncode == 1
    assert "10 accounts made, 3 lines failed" in done.stderr
    assert done.stderr.count("there is such an account already") == 3
    for account in accounts:
        enter(account)


# --- slixmpp ---

class Registering(slixmpp.ClientXMPP):
    """Registers, logs in; `ready` is done then, or with the error."""

    def __init__(self, account, server):
        super().__init__(account.jid, account.password)
        self.register_plugin("xep_0077")
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        self._always_send_everything = True  # slixmpp 1.8 keeps back IQs until after the login
        self.ready = asyncio.get_event_loop().create_future()
        self.gone = asyncio.get_event_loop().create_future()
        self.add_event_handler("register", self.on_register)
        self.add_event_handler("session_start", lambda _: self.ready.set_result(True))
        self.add_event_handler("disconnected", lambda _: self.gone.done() or
                               self.gone.set_result(True))
        self.connect(("127.0.0.1", server.ports["plain"]), use_ssl=False,
                     force_starttls=False, disable_starttls=True)

    async def on_register(self, form):
        assert {"username", "password"} <= form["register"].get_fields()
        iq = self.Iq()
        iq["type"] = "set"
        iq["register"]["username"] = self.boundjid.user
        iq["register"]["password"] = self.password
        await iq.send()


@pytest.mark.parametrize("domain", STORING)
def test_slixmpp(server, domain):
    account = fresh(domain)

    async def scenario():
        client = Registering(account, server)
        await asyncio.wait_for(client.ready, env.DEADLINE)
        await client.plugin["xep_0077"].change_password("second")
        await client.plugin["xep_0077"].cancel_registration()
        await asyncio.wait_for(client.gone, env.DEADLINE)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(asyncio.wait_for(scenario(), env.TEST_DEADLINE))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        asyncio.set_event_loop(None)
    assert rows(server, account) == set()


# --- a directory, which only tells ---

@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("slapd")
    one = Directory(path, [("romeo", "of the directory", "staff")], address_certificate(path))
    yield one
    one.stop()


def test_beside_a_directory(new_server, directory):
    reach = {"servers": ["127.0.0.1"], "port": directory.port, "connect_interval": 1}
    server = new_server(listeners=LISTENERS, over={
        "general": {"registration_timeout": "infinity"}, "modules": {"mod_register": {}},
        "auth": {"methods": ["ldap", "internal"],
                 "ldap": {"base": "ou=users,dc=example,dc=net"}},
        "outgoing_pools": {"ldap": {
            "default": {"connection": reach | {"root_dn": "cn=reader,dc=example,dc=net",
                                               "password": "read it"}},
            "bind": {"connection": reach}}}})
    romeo, juliet = Account("romeo@localhost", "of the directory"), fresh("localhost")
    with server.connect() as client:
        client.start()
        assert set_error(client, fields(romeo))[1] == "conflict"
        register(client, juliet)
    with server.connect() as client:
        client.login(romeo, mechanism="PLAIN")
        for payload in (fields(romeo, "x"), query("<remove/>")):
            answer = client.set(payload)
            assert ns.stanza_error(answer) == ("cancel", "not-allowed")
            assert "elsewhere" in text_of(answer)
        assert client.sync() == []
    for command, why in (("add", "there is such an account already"),
                         ("passwd", "not one that can be changed here (ldap)"),
                         ("remove", "has to be removed first where it is kept (ldap)")):
        done = user(server, command, romeo, "x")
        assert done.returncode == 1 and why in done.stderr, done.stderr
    directory.stop()
    with server.connect() as client:
        client.start()
        assert set_error(client, fields(fresh("localhost"))) == ("wait", "resource-constraint")
    with server.connect() as client:  # whom the database has, it can change
        client.login(juliet)
        assert client.set(fields(juliet, "second")).get("type") == "result"
        assert set_error(client, query("<remove/>")) == ("wait", "resource-constraint")
    directory.start()


# --- killed in between ---

@pytest.mark.parametrize("is_made", [False, True], ids=["not-made", "made"])
def test_a_kill_while_a_service_makes_an_account(new_server, is_made):
    """The database knows the name, and the service is about to: the next start forgets it."""
    server = new_server(over=CONFIG, listeners=LISTENERS, start=False)
    prepare(server)
    server.start()
    account, service = fresh("plain.example"), server.service
    gate = service.gates["register"] = Gate()
    client = server.connect(domain=account.domain)
    client.start()
    client.send(f"<iq type='set' id='r'>{fields(account)}</iq>")
    gate.wait()
    server.kill()
    if not is_made:
        service.answers["register"] = (503, "")
    gate.open()
    assert until(lambda: service.n_open == 0)  # it may have been too late to answer
    service.gates.clear()
    service.answers.clear()
    server.start(new_ports=False)
    assert until(lambda: "1 names are free again" in server.read_log())
    again = server.connect(domain=account.domain)
    again.start()
    if is_made:
        assert set_error(again, fields(account)) == ("cancel", "conflict")
    else:
        register(again, account)
    server.connect(domain=account.domain).login(account, mechanism="PLAIN").close()
    server.stop()
    server.start(new_ports=False)  # it is there to stay
    server.connect(domain=account.domain).login(account, mechanism="PLAIN").close()
