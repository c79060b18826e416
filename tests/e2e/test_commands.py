"""The command line: exit statuses, messages, and what is left on the disk."""
import fcntl
import json
import os
import pty
import signal
import socket
import sqlite3
import stat
import subprocess
import termios
import threading

import pytest

from lib import env
from lib.client import Account, SaslFailure
from lib.ports import free_port
from lib.server import Server, run

WIDE = "jürgen☃"


@pytest.fixture
def home(request, tmp_path):
    """A server that does not run yet, for its directory and configuration."""
    one = Server(tmp_path, 1)
    one.ports = {name: free_port() for name in one.listeners}
    one.write_config()
    request.node.e2e_servers = [one]
    yield one
    try:
        one.stop()
    finally:
        one.discard()


def accounts(home, *words):
    done = home.run("user", "list", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def add(home, jid, password="secret\n"):
    return home.run("user", "add", jid, stdin=password)


def fails(done, *texts, status=1):
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    for text in texts:
        assert text in done.stderr, done.stderr
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr


# --- words ---

@pytest.mark.parametrize("words", [
    [], ["bogus"], ["user"], ["user", "bogus"], ["user", "add"], ["user", "add", "a", "b"],
    ["user", "list", "a", "b"], ["user", "import", "x"], ["check", "x"], ["check", "-c"],
    ["check", "--workers", "2"], ["serve", "--workers"], ["serve", "--workers", "0"],
    ["serve", "--workers", "257"], ["serve", "--workers", "2x"], ["serve", "--bogus"],
    ["serve", "--configuration"], ["version", "x"], ["version", "-c", "x"],
], ids=" ".join)
def test_wrong_usage(words, tmp_path):
    fails(run(*words, cwd=tmp_path), "meerkat", status=2)
    assert os.listdir(tmp_path) == []


def test_help_and_version(tmp_path):
    for words in (["help"], ["--help"], ["-h"], ["version"], ["--version"]):
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "eerkat" in done.stdout
    assert run("help", "--configuration", cwd=tmp_path).stdout.startswith("#")


def test_output_that_cannot_be_written():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([env.BINARY, "help"], stdout=full, check=False)
    assert done.returncode == 1


# --- check ---

def test_check(home):
    done = home.run("check")
    assert done.returncode == 0 and "good" in done.stdout, done.stderr
    assert not os.path.exists(f"{home.directory}/meerkat.db")


def test_check_without_a_file_makes_nothing(tmp_path):
    assert run("check", cwd=tmp_path).returncode == 0
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content,expected", [
    (b"", "general.hosts"), (b"x=", "1:3"), (b"\xff", "UTF-8"), (b"a = 1\na = 2\n", "2:"),
    (b"\0", "1:1"), (b"[general]\nbogus = 1\n", "general.bogus"),
], ids=["empty", "cut", "not-utf-8", "twice", "nul", "unknown"])
def test_check_bad_file(tmp_path, content, expected):
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    fails(run("check", "-c", str(file)), "bad.toml", "error", expected)


def test_check_what_is_no_file(tmp_path):
    fails(run("check", "-c", str(tmp_path)), "directory")
    fails(run("check", "-c", str(tmp_path / "none")), "No such file")


def test_check_reports_all_errors(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text('[general]\nhosts = ["a.example"]\ndefault_server_domain = "a.example"\n'
                    'one = 1\ntwo = 2\n[[listen.c2s]]\nport = 99999\n')
    fails(run("check", "-c", str(file)), "general.one", "general.two", "port")


# --- user add, passwd, remove, list ---

def test_add_and_list(home):
    for jid in ("romeo@localhost", f"{WIDE[:6]}@localhost", "ROMEO@other.example"):
        assert add(home, jid).returncode == 0
    assert sorted(accounts(home)) == sorted(
        ["romeo@localhost", "jürgen@localhost", "romeo@other.example"])
    assert accounts(home, "other.example") == ["romeo@other.example"]
    assert accounts(home, "OTHER.example") == ["romeo@other.example"]
    fails(home.run("user", "list", "elsewhere.example"), "general.hosts")


def test_list_of_more_than_one_page(home):
    many = [f"user{i:04}@localhost" for i in range(1001)]
    with sqlite3.connect(f"{home.directory}/meerkat.db") as db:
        accounts(home)  # makes the tables
        db.executemany("INSERT INTO users (username, server, password) VALUES (?, ?, '')",
                       [jid.split("@") for jid in many])
    assert accounts(home) == many


@pytest.mark.parametrize("jid,why", [
    ("romeo", "bare JID"), ("localhost", "bare JID"), ("@localhost", "bare JID"),
    ("romeo@localhost/x", "bare JID"), ("a b@localhost", "bare JID"), ("", "bare JID"),
    ("a" * 1024 + "@localhost", "bare JID"), ("romeo@elsewhere.example", "general.hosts"),
])
def test_add_bad_jid(home, jid, why):
    fails(add(home, jid), why)
    assert accounts(home) == []


@pytest.mark.parametrize("password,why", [
    ("", "no password"), ("\n", "no password"), ("\r\n", "no password"),
    ("p" * 1024 + "\n", "too long"), ("p" * 5000, "too long"), ("a\0b\n", "NUL"),
], ids=["none", "empty", "empty-crlf", "long", "longer", "nul"])
def test_add_bad_password(home, password, why):
    fails(add(home, "romeo@localhost", password), why)
    assert accounts(home) == []


def test_account_that_is_there_or_not(home):
    fails(home.run("user", "passwd", "romeo@localhost", stdin="x\n"), "no such account")
    fails(home.run("user", "remove", "romeo@localhost"), "no such account")
    assert add(home, "romeo@localhost").returncode == 0
    fails(add(home, "Romeo@LOCALHOST"), "already")
    assert home.run("user", "remove", "romeo@localhost").returncode == 0
    assert accounts(home) == []


def test_passwords_as_clients_send_them(home):
    assert add(home, "romeo@localhost", WIDE + " two words \r\n").returncode == 0
    home.start()
    home.connect().login(Account("romeo@localhost", WIDE + " two words ")).abort()
    assert home.run("user", "passwd", "romeo@localhost", stdin="new\n").returncode == 0
    home.connect().login(Account("romeo@localhost", "new")).abort()
    client = home.connect()
    with pytest.raises(SaslFailure):
        client.login(Account("romeo@localhost", WIDE + " two words "))
    client.abort()


def test_in_memory_there_are_no_accounts(home):
    home.over = {"internal_databases": {"sqlite": {"path": ":memory:"}}}
    home.write_config()
    fails(add(home, "romeo@localhost"), "memory")


class Terminal:
    """`meerkat user add` on a terminal."""

    def __init__(self, home):
        self.outer, inner = pty.openpty()
        self.seen = b""
        self.process = subprocess.Popen(
            [env.BINARY, "user", "add", "romeo@localhost", "-c", home.config],
            stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.inner = inner

    def expect(self, text):
        while text not in self.seen:
            self.seen += os.read(self.outer, 4096)
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def echoes(self):
        return bool(termios.tcgetattr(self.inner)[3] & termios.ECHO)

    def type(self, data):
        while self.echoes():  # the prompt comes just before the echo goes
            pass
        os.write(self.outer, data)

    def end(self):
        status = self.process.wait(timeout=env.DEADLINE)
        assert self.echoes()
        os.set_blocking(self.outer, False)
        try:
            self.seen += os.read(self.outer, 4096)
        except BlockingIOError:
            pass
        os.close(self.outer)
        os.close(self.inner)
        return status


@pytest.mark.parametrize("again,status", [(b"secret\n", 0), (b"secreT\n", 1)])
def test_password_on_a_terminal(home, again, status):
    terminal = Terminal(home)
    terminal.expect(b"Password: ")
    terminal.type(b"secret\n")
    terminal.expect(b"Again: ")
    terminal.type(again)
    assert terminal.end() == status
    assert b"secre" not in terminal.seen
    assert accounts(home) == (["romeo@localhost"] if status == 0 else [])


def test_interrupted_prompt_leaves_the_echo_on(home):
    terminal = Terminal(home)
    terminal.expect(b"Password: ")
    terminal.type(b"sec\x03")
    assert terminal.end() == -signal.SIGINT


# --- user import ---

def test_import_counts_and_names_what_failed(home):
    lines = ("a@localhost pw\r\n\r\n\nb@localhost two words\nbad\nc@elsewhere.example pw\n"
             "d@localhost \na@localhost other\n e@localhost pw\nf@localhost\tpw\n"
             "g@localhost a\0b\nh@localhost " + "p" * 9000 + "\ni@localhost pw")
    done = home.run("user", "import", stdin=lines)
    fails(done, "line 5: not", "line 6: c@elsewhere.example: its domain",
          "line 7: d@localhost: such a password", "line 8: a@localhost: there is", "line 9: ",
          "line 10: ", "line 11: has a NUL", "line 12: too long",
          "3 accounts made, 8 lines failed")
    assert accounts(home) == ["a@localhost", "b@localhost", "i@localhost"]


def test_import_of_nothing(home):
    assert home.run("user", "import").returncode == 0


def test_import_from_what_cannot_be_read(home):
    directory = os.open(home.directory, os.O_RDONLY)
    done = subprocess.run([env.BINARY, "user", "import", "-c", home.config], stdin=directory,
                          capture_output=True, text=True, check=False)
    os.close(directory)
    fails(done, "standard input cannot be read")


def test_import_is_in_order_and_more_than_its_window(home):
    """Of two lines for one account the first counts; and there is progress."""
    home.over = {"auth": {"password": {"format": "plain"}}}
    home.write_config()
    lines = "".join(f"user{i:04}@localhost first\nuser{i:04}@localhost second\n"
                    for i in range(1200))
    done = home.run("user", "import", stdin=lines)
    fails(done, "meerkat: 1000 accounts made", "1200 accounts made, 1200 lines failed")
    with sqlite3.connect(f"{home.directory}/meerkat.db") as db:
        assert db.execute("SELECT count(*), min(password), max(password) FROM users") \
            .fetchone() == (1200, "first", "first")


# --- the database ---

def serve_fails(home, *texts):
    done = home.run("serve", "--workers", "1")
    fails(done, *texts)
    assert "serves with" not in done.stderr


def set_path(home, path):
    home.over = {"internal_databases": {"sqlite": {"path": str(path)}}}
    home.write_config()


def test_database_in_no_directory(home):
    path = f"{home.directory}/none/meerkat.db"
    set_path(home, path)
    serve_fails(home, path, "No such file")
    fails(add(home, "romeo@localhost"), path)
    assert not os.path.exists(f"{home.directory}/none")


def test_database_that_is_a_directory(home):
    set_path(home, home.directory)
    serve_fails(home, home.directory)


def test_database_that_is_garbage(home):
    path = f"{home.directory}/meerkat.db"
    with open(path, "wb") as f:
        f.write(b"garbage " * 1000)
    serve_fails(home, path, "not a database")
    fails(add(home, "romeo@localhost"), path, "not a database")
    with open(path, "rb") as f:
        assert f.read() == b"garbage " * 1000
    assert not os.path.exists(path + "-wal")


def test_database_of_a_newer_schema(home):
    path = f"{home.directory}/meerkat.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 1000")
    db.close()
    serve_fails(home, path, "newer")
    fails(add(home, "romeo@localhost"), path, "newer")
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        assert db.execute("PRAGMA user_version").fetchone() == (1000,)
    db.close()


def test_new_database_is_private_and_named(home):
    done = add(home, "romeo@localhost")
    path = f"{home.directory}/meerkat.db"
    assert f"a new database: {path}" in done.stderr
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert "new database" not in add(home, "juliet@localhost").stderr


# --- two servers ---

def is_answered(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(env.DEADLINE)
        s.connect(path)
        s.sendall(b"status\n")
        return s.recv(100) != b""


def test_second_server_with_the_same_configuration(home):
    home.start()
    serve_fails(home, "another server")
    assert is_answered(f"{home.directory}/meerkat.db.sock")


def test_second_server_on_the_same_database(home):
    home.start()
    first = home.ports
    home.ports = {name: free_port() for name in home.listeners}
    home.write_config()
    serve_fails(home, "meerkat.db", "another server")
    home.ports = first
    assert is_answered(f"{home.directory}/meerkat.db.sock")


def test_second_server_on_the_same_port(home):
    home.start()
    set_path(home, f"{home.directory}/second.db")
    serve_fails(home, f"port {home.ports['plain']}", "in use")
    assert is_answered(f"{home.directory}/meerkat.db.sock")
    assert not os.path.exists(f"{home.directory}/second.db.sock")


def test_second_of_two_ports_is_taken(home):
    """The first one is open by then, and is closed again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        home.listeners = {"plain": {}, "second": {}}
        home.ports = {"plain": free_port(), "second": taken.getsockname()[1]}
        home.write_config()
        serve_fails(home, f"port {home.ports['second']}", "in use")


def test_socket_is_there_before_the_ports(home):
    """Who can connect to a port can rely on the admin socket."""
    for _ in range(10):
        home.start()
        assert is_answered(f"{home.directory}/meerkat.db.sock")
        home.stop()


# --- the admin socket ---

def test_socket_is_private_and_goes_at_the_end(home):
    home.start()
    path = f"{home.directory}/meerkat.db.sock"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    home.stop()
    assert not os.path.exists(path)


def test_socket_of_a_server_that_was_killed(home):
    home.start()
    home.kill()
    home.start()
    assert is_answered(f"{home.directory}/meerkat.db.sock")


def test_a_file_in_the_place_of_the_socket_stays(home):
    path = f"{home.directory}/meerkat.db.sock"
    with open(path, "w", encoding="utf-8") as f:
        f.write("mine")
    home.start()
    home.stop()
    with open(path, encoding="utf-8") as f:
        assert f.read() == "mine"
    assert "admin.socket" in home.read_log()


def test_who_connects_and_says_nothing_does_not_hold_up_the_end(home):
    home.start()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{home.directory}/meerkat.db.sock")
        s.sendall(b"stat")
        home.stop()


@pytest.mark.parametrize("request_line", [b"bogus\n", b"\n", b"removed\n", b"removed x/y\n",
                                          b"removed \xff@localhost\n"])
def test_bad_requests(home, request_line):
    home.start()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(env.DEADLINE)
        s.connect(f"{home.directory}/meerkat.db.sock")
        s.sendall(request_line)
        assert s.recv(100).startswith(b"error")


def test_removed_while_online(home):
    """All sessions of the account end, those of others do not; nobody logs in as it."""
    home.start()
    one, other = home.account(), home.account()
    sessions = [home.connect().login(one, name).available() for name in ("a", "b")]
    witness = home.connect().login(other).available()
    assert home.run("user", "remove", one.jid).returncode == 0
    for session in sessions:
        session.expect_error("not-authorized")
    witness.ask("<ping xmlns='urn:xmpp:ping'/>", to="localhost")
    client = home.connect()
    with pytest.raises(SaslFailure):
        client.login(one)
    client.abort()
    witness.abort()


def test_removed_by_a_server_that_does_not_answer(home):
    """Who asked is told; the command does nothing that the server might know nothing of."""
    assert add(home, "romeo@localhost").returncode == 0
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(env.DEADLINE)
        s.bind(f"{home.directory}/meerkat.db.sock")
        s.listen()
        thread = threading.Thread(target=lambda: s.accept()[0].close())
        thread.start()
        fails(home.run("user", "remove", "romeo@localhost"), "does not answer")
        thread.join()
    os.unlink(f"{home.directory}/meerkat.db.sock")
    assert accounts(home) == ["romeo@localhost"]


# --- signals and the log ---

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_signals_end_it(home, number):
    home.start()
    home.process.send_signal(number)
    assert home.process.wait(timeout=env.EXIT_DEADLINE) == 0
    home.process = None
    home.check_log()


def test_hangup_does_not_end_it(home):
    home.start()
    home.process.send_signal(signal.SIGHUP)
    home.connect().start()
    home.stop()
    assert "server.reload" in home.read_log()


HOSTILE = [b"</stream:stream>", b"<a>" * 300, b"\0\x01\x1b[31m", b"\xff\xfe", b'"\\\n{}',
           b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
           b" version='1.0' to='\"\\&#10;{\xc2\x85\xe2\x80\xa8" + "☃".encode() * 900 + b"'>"]


def test_json_log_with_hostile_input(home):
    home.over = {"general": {"log_format": "json"}}
    home.start()
    account = home.account()
    for data in HOSTILE:
        with socket.create_connection(("127.0.0.1", home.ports["plain"]), timeout=30) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
    for resource in ('"\\{', "☃" * 300):
        client = home.connect().login(account, resource)
        client.send("<bogus xmlns='\"\\'/>".replace("'\"\\'", "'&quot;\\'"))
        client.abort()
    client = home.connect()
    with pytest.raises(SaslFailure):
        client.login(Account("☃{" * 100 + "@localhost", "x"), mechanism="PLAIN")
    client.abort()
    home.stop()
    with open(home.log, "rb") as f:
        lines = [json.loads(line.decode("utf-8")) for line in f.read().splitlines()]
    assert len(lines) > len(HOSTILE)
    assert all({"time", "level", "event", "text"} <= set(line) for line in lines)


# --- what cannot be meant ---

def test_check_warns_of_what_has_no_effect(home):
    home.over = {"acl": {"staff": [{"user": "ann"}], "spare": [{"user": "bob"}]},
                 "access": {"old": [{"acl": "all", "value": "allow"},
                                    {"acl": "staff", "value": "deny"}]}}
    home.write_config()
    done = home.run("check")
    assert done.returncode == 0, done.stderr
    warned = done.stdout + done.stderr
    assert "warning: acl.spare: no rule uses this class" in warned
    assert "warning: access.old: nothing uses this rule" in warned
    assert "warning: access.old[2]: has no effect: access.old[1] is for all" in warned
    assert "acl.staff" not in warned


def test_check_has_no_warnings_for_what_is_used(home):
    home.listeners = {"plain": {"access": "c2s"}}
    home.over = {"acl": {"staff": [{"user": "ann"}]},
                 "access": {"c2s": [{"acl": "staff", "value": "deny"},
                                    {"acl": "all", "value": "allow"}]}}
    home.write_config()
    done = home.run("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "warning:" not in done.stdout
