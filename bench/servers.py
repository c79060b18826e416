"""The servers that are compared: how each is configured, given accounts, started, stopped.

All listen on two free ports of 127.0.0.1 (plain, Direct TLS), know the host `localhost`, have
the same certificate and the same accounts (user0 ..., one password, SCRAM with ITERATIONS),
log warnings only, and offer about the same features: roster, presence, offline messages,
disco, carbons, client state, stream management, blocking, private storage, vCard, ping.
Memory and time are those of the server's whole process tree."""

import contextlib
import glob
import hashlib
import hmac
import os
import shutil
import signal
import socket
import sqlite3
import subprocess

PASSWORD = "secret"
ITERATIONS = 4096
# Of the listeners, the most that Linux allows by default: a burst is to wait, and not to be dropped.
BACKLOG = 4096
TICK = os.sysconf("SC_CLK_TCK")
TICKETS = 'tls.module = "just_tls"\ntls.session_tickets = "stateless"'


class Failure(Exception):
    """What made a run, or a server, useless; the text is for the user."""


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


def make_certificate(dir):
    cert, key = os.path.join(dir, "cert.pem"), os.path.join(dir, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    return cert, key


def debian_version(package):
    r = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package],
                       capture_output=True, text=True)
    return r.stdout.strip() if r.returncode == 0 else None


def process_tree(root):
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children.setdefault(stat_fields(int(entry))[1], []).append(int(entry))
            except OSError:
                pass
    tree = [root]
    for pid in tree:
        tree.extend(children.get(pid, []))
    return tree


def stat_fields(pid):
    """The fields of /proc/PID/stat behind the name, which may hold anything."""
    with open(f"/proc/{pid}/stat") as f:
        text = f.read()
    return [int(x) if x.lstrip("-").isdigit() else x for x in text.rpartition(")")[2].split()]


def pss_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def mappings(pid):
    """(what is mapped, its own KiB, the file's KiB) of each mapping: the second is written to,
    or of no file; the third is of a file as it is, and so one with whoever else maps it."""
    name, size = None, {}
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            words = line.split()
            if not words[0].endswith(":"):  # "FROM-TO r-xp OFFSET DEVICE INODE PATH"
                name = (words[2], words[3], words[4])
            elif words[0] in ("Rss:", "Anonymous:"):
                size[words[0]] = int(words[1])
            elif words[0] == "VmFlags:":
                own = size["Anonymous:"] if name[2] != "0" else size["Rss:"]
                yield name, own, size["Rss:"] - own


class Server:
    name = package = None

    def __init__(self, dir, cert, key):
        self.dir, self.cert, self.key = os.path.join(dir, self.name), cert, key
        self.process = None

    def missing(self):
        """None, or what to do so that the server can be run."""
        if debian_version(self.package) is None:
            return f"{self.name} is not installed (Debian's package {self.package})"
        return None

    def version(self):
        return debian_version(self.package)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def prepare(self, users):
        """Makes the template of the data directory, once; start() works on a copy."""
        os.makedirs(self.path("template"))
        self.plain_port, self.tls_port = free_ports(2)
        self.write_config()
        self.add_accounts(users)

    def restore(self):
        shutil.rmtree(self.path("data"), ignore_errors=True)
        shutil.copytree(self.path("template"), self.path("data"))

    def spawn(self, argv, env=None, stdin=None):
        log = open(self.path("output"), "ab")
        self.process = subprocess.Popen(
            argv, stdin=stdin or subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=self.dir, start_new_session=True,
            # without this only root may read how much memory Meerkat has
            env={**os.environ, "MEERKAT_CORE_DUMPS": "1", **(env or {})})
        log.close()

    def configure(self):
        self.restore()
        self.plain_port, self.tls_port = free_ports(2)
        self.write_config()

    def start(self):
        self.spawn(self.command(), self.environment())

    def environment(self):
        return {}

    def stop(self):
        p, self.process = self.process, None
        if p is None:
            return
        try:
            os.killpg(p.pid, signal.SIGTERM)
            p.wait(15)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        p.wait()

    def tree(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} has ended: {self.last_output()}")
        return process_tree(self.process.pid)

    def over_tree(self, read):
        """What `read` says of each process; helpers may end while we look."""
        for pid in self.tree():
            try:
                yield read(pid)
            except OSError:
                if pid == self.process.pid:
                    raise

    def last_output(self):
        with open(self.path("output"), errors="replace") as f:
            return f.read()[-600:].strip() or "(no output)"

    def cpu_seconds(self):
        """Used by the tree, with children that have ended and were waited for."""
        return sum(self.over_tree(lambda pid: sum(stat_fields(pid)[11:15]))) / TICK

    def pss_kb(self):
        return sum(self.over_tree(pss_kb))

    def alone_kb(self):
        """PSS, if nobody else on the machine had the same libraries."""
        own, files = 0, {}
        for process in self.over_tree(lambda pid: list(mappings(pid))):
            for name, mine, shared in process:
                own += mine
                files[name] = max(files.get(name, 0), shared)
        return own + sum(files.values())


class Meerkat(Server):
    name = "Meerkat"
    binary, workers = None, None
    tickets, large, contacts = False, None, None

    def missing(self):
        if not self.binary or not os.access(self.binary, os.X_OK):
            return ("there is no meerkat: build it (meson setup build-release "
                    "--buildtype=release && ninja -C build-release), or name it with --meerkat")
        return None

    def version(self):
        r = subprocess.run([self.binary, "--version"], capture_output=True, text=True)
        words = r.stdout.split()
        return words[-1] if r.returncode == 0 and words else "development"

    def write_config(self):
        self.write("meerkat.toml", f'''[general]
hosts = ["localhost"]
default_server_domain = "localhost"
loglevel = "warning"

[[listen.c2s]]
port = {self.plain_port}
ip_address = "127.0.0.1"
backlog = {BACKLOG}

[[listen.c2s]]
port = {self.tls_port}
ip_address = "127.0.0.1"
backlog = {BACKLOG}
tls.mode = "tls"
tls.verify_mode = "none"
tls.certfile = "{self.cert}"
tls.keyfile = "{self.key}"
{TICKETS if self.tickets else ""}

[auth]
methods = ["internal"]

[auth.password]
format = "scram"
scram_iterations = {ITERATIONS}

[internal_databases.sqlite]
path = "{self.path("data", "meerkat.db")}"
''')

    def add_accounts(self, users):
        """Imports user0, and stores copies of that row under the other names."""
        os.makedirs(self.path("data"))
        r = subprocess.run(
            [self.binary, "user", "import", "-c", self.path("meerkat.toml")], text=True,
            input=f"user0@localhost {PASSWORD}\n", capture_output=True)
        if r.returncode != 0:
            raise Failure(f"meerkat user import: {(r.stderr or r.stdout)[-600:].strip()}")
        self.fill("data", 1, users)
        os.rmdir(self.path("template"))
        os.rename(self.path("data"), self.path("template"))

    def fill(self, data, first, end):
        with contextlib.closing(sqlite3.connect(self.path(data, "meerkat.db"))) as db:
            db.execute(
                "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n LIMIT ?) "
                "INSERT INTO users (username, server, password, pass_details) "
                "SELECT 'user' || i, server, password, pass_details FROM n, users "
                "WHERE username = 'user0'", (first, end - first))
            db.commit()

    def restore(self):
        super().restore()
        if self.large:
            self.resize()
        if self.contacts:
            self.befriend()

    def resize(self):
        """As many accounts as a test asks for, once; in a file of their own."""
        name = f"large-{self.large}"
        if not os.path.exists(self.path(name)):
            shutil.copytree(self.path("template"), self.path(name))
            with contextlib.closing(sqlite3.connect(self.path(name, "meerkat.db"))) as db:
                db.execute("DELETE FROM users WHERE username <> 'user0'")
                db.commit()
            self.fill(name, 1, self.large)
        shutil.rmtree(self.path("data"))
        shutil.copytree(self.path(name), self.path("data"))

    def befriend(self):
        """user0 and each of so many others have each other in their rosters."""
        pairs = [(a, b) for i in range(1, self.contacts + 1)
                 for a, b in (("user0", f"user{i}"), (f"user{i}", "user0"))]
        with contextlib.closing(sqlite3.connect(self.path("data", "meerkat.db"))) as db:
            db.executemany(
                "INSERT INTO rosterusers (server, username, jid, nick, subscription, ask, "
                "askmessage) VALUES ('localhost', ?, ? || '@localhost', '', 'B', 'N', '')",
                pairs)
            db.commit()

    def command(self):
        workers = ["--workers", str(self.workers)] if self.workers else []
        return [self.binary, "serve", "-c", self.path("meerkat.toml"), *workers]


class Prosody(Server):
    name, package = "Prosody", "prosody"

    def write_config(self):
        modules = ["roster", "saslauth", "tls", "disco", "presence", "message", "iq", "offline",
                   "carbons", "csi", "smacks", "blocklist", "private", "vcard", "ping",
                   "version", "lastactivity"]
        listed = ", ".join(f'"{m}"' for m in modules)
        self.write("prosody.cfg.lua", f'''run_as_root = true
data_path = "{self.path("data")}"
log = {{ {{ levels = {{ min = "warn" }}, to = "console" }} }}
interfaces = {{ "127.0.0.1" }}
network_settings = {{ tcp_backlog = {BACKLOG} }}
c2s_ports = {{ {self.plain_port} }}
c2s_direct_tls_ports = {{ {self.tls_port} }}
ssl = {{ certificate = "{self.cert}", key = "{self.key}" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
default_iteration_count = {ITERATIONS}
storage = "internal"
modules_enabled = {{ {listed} }}
modules_disabled = {{ "s2s" }}
VirtualHost "localhost"
''')

    def add_accounts(self, users):
        """Writes the files that Prosody would, with one salt: the work of a login is the
        same, and fifteen thousand accounts cost nothing."""
        salt = "0f3c1c5e-benchmark-salt"
        salted = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), salt.encode(), ITERATIONS)
        client_key = hmac.digest(salted, b"Client Key", "sha1")
        text = (f'return {{\n\t["iteration_count"] = {ITERATIONS};\n\t["salt"] = "{salt}";\n'
                f'\t["stored_key"] = "{hashlib.sha1(client_key).hexdigest()}";\n'
                f'\t["server_key"] = "{hmac.digest(salted, b"Server Key", "sha1").hex()}";\n'
                '};\n')
        os.makedirs(self.path("template", "localhost", "accounts"))
        for i in range(users):
            self.write(f"template/localhost/accounts/user{i}.dat", text)

    def restore(self):
        """Prosody replaces files and never writes into one: links do for copies."""
        shutil.rmtree(self.path("data"), ignore_errors=True)
        shutil.copytree(self.path("template"), self.path("data"), copy_function=os.link)

    def command(self):
        return ["prosody", "--config", self.path("prosody.cfg.lua"), "-F"]


class Ejabberd(Server):
    name, package = "ejabberd", "ejabberd"

    def write_config(self):
        modules = ["mod_roster", "mod_offline", "mod_disco", "mod_carboncopy",
                   "mod_client_state", "mod_stream_mgmt", "mod_blocking", "mod_privacy",
                   "mod_private", "mod_vcard", "mod_ping", "mod_version", "mod_last"]
        listed = "".join(f"  {m}: {{}}\n" for m in modules)
        self.write("ejabberd.yml", f'''hosts: [localhost]
loglevel: warning
log_rotate_count: 0
certfiles: ["{self.path("both.pem")}"]
auth_method: internal
auth_password_format: scram
auth_scram_hash: sha
listen:
  - port: {self.plain_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    backlog: {BACKLOG}
  - port: {self.tls_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    backlog: {BACKLOG}
    tls: true
    protocol_options: [no_sslv3, no_tlsv1, no_tlsv1_1, no_compression]
modules:
{listed}''')
        with open(self.path("both.pem"), "w") as to:
            for name in self.cert, self.key:
                with open(name) as f:
                    to.write(f.read())

    def environment(self):
        """No node name: neither epmd nor a cookie, and any number of nodes side by side."""
        app = sorted(glob.glob("/usr/lib/*/ejabberd-*/ebin/ejabberd.app"))
        if not app:
            raise Failure("ejabberd's Erlang application was not found in /usr/lib")
        return {
            "ERL_LIBS": os.path.dirname(os.path.dirname(os.path.dirname(app[0]))),
            "EJABBERD_CONFIG_PATH": self.path("ejabberd.yml"),
            "EJABBERD_LOG_PATH": self.path("ejabberd.log"),
            "ERL_CRASH_DUMP": self.path("crash.dump"),
            "ERL_INETRC": "/etc/ejabberd/inetrc",
            "ERL_MAX_PORTS": "32000",
            "ERL_MAX_ETS_TABLES": "1400",
            "HOME": self.dir,
        }

    def command(self, *more, data="data"):
        return ["erl", "+P", "250000", "-noinput", "-mnesia", "dir",
                f'"{self.path(data)}"', "-s", "ejabberd", *more]

    def add_accounts(self, users):
        """Registers user0, and stores copies of that record under the other names."""
        script = (
            'ok = ejabberd_auth:try_register(<<"user0">>, <<"localhost">>, '
            f'<<"{PASSWORD}">>), '
            '[R] = mnesia:dirty_read(passwd, {<<"user0">>, <<"localhost">>}), '
            '[mnesia:dirty_write(setelement(2, R, {iolist_to_binary(["user", '
            'integer_to_list(I)]), <<"localhost">>})) '
            f'|| I <- lists:seq(1, {users - 1})], '
            'mnesia:dump_log(), init:stop().')
        self.spawn(self.command("-eval", script, data="template"), self.environment())
        try:
            if self.process.wait(120) != 0:
                raise Failure(f"ejabberd took no accounts: {self.last_output()}")
        except subprocess.TimeoutExpired:
            raise Failure(f"ejabberd took no accounts: {self.last_output()}") from None
        finally:
            self.stop()


ALL = [Meerkat, Prosody, Ejabberd]
