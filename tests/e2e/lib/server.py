"""The server under test: a directory, a configuration, a process."""
import json
import signal
import socket
import subprocess
import tempfile
import weakref

from . import config, env
from .client import Account, Client
from .ports import free_port
from .raw import tls_context

_BAD = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
        "WARNING: ThreadSanitizer", "fatal:")
_BATCH = 24  # accounts are made in batches: one process each time
PASSWORD = "correct horse"


def make_certificate(directory):
    """A self-signed certificate for localhost; returns the names of both files. cert+key.pem
    has both in one."""
    certificate, key = f"{directory}/cert.pem", f"{directory}/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "100", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,DNS:other.example", "-out", certificate, "-keyout", key],
        check=True, capture_output=True)
    with open(f"{directory}/cert+key.pem", "wb") as both:
        for name in (certificate, key):
            with open(name, "rb") as f:
                both.write(f.read())
    return certificate, key


class Server:
    """`listeners`: name -> options of a [[listen.c2s]] beyond address and port; a `tls` entry
    gets the certificate, None (there, too) takes an option out; `port_of` names the listener
    that has the same port, while this one is on IPv6."""

    LISTENERS = {
        "plain": {},
        "starttls": {"tls": {"mode": "starttls"}},
        "tls": {"tls": {"mode": "tls"}},
    }

    def __init__(self, directory, workers=1, over=None, listeners=None):
        self.directory = str(directory)
        self.workers = workers
        self.over = over or {}
        self.listeners = self.LISTENERS if listeners is None else listeners
        self.within = []  # the command that runs it, if any
        self.certificate, self.key = make_certificate(self.directory)
        self.log = f"{self.directory}/log"
        self.config = f"{self.directory}/meerkat.toml"
        self.ports = {}
        self.process = None
        self.clients = weakref.WeakSet()
        self._accounts = []
        self._made = 0

    # --- the process ---

    def write_config(self):
        tree, tls = config.defaults(self.directory, self.certificate, self.key)
        tree["listen"] = {"c2s": []}
        for name, options in self.listeners.items():
            # No login may run into a time limit because the machine is busy.
            options = {"state_timeout": 120000, "ip_address": "127.0.0.1"} | options
            options["port"] = self.ports[options.pop("port_of", name)]
            options = {k: v for k, v in options.items() if v is not None}
            if "tls" in options:
                options["tls"] = {k: v for k, v in (tls | options["tls"]).items()
                                  if v is not None}
            tree["listen"]["c2s"].append(options)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(config.to_toml(config.merge(tree, self.over)) + "\n")

    def spawn(self, *words):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.within, env.BINARY, "serve", *words], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.directory)

    def start(self, new_ports=True):
        """Starts it and waits until it takes connections; a port lost to somebody else
        between the choice and the start is chosen again."""
        for _ in range(5):
            if new_ports:
                self.ports = {name: free_port() for name, options in self.listeners.items()
                              if "port_of" not in options}
            self.write_config()
            self.spawn("-c", self.config, "--workers", str(self.workers))
            if self.wait_ready():
                return self
            if "ddress already in use" not in self.read_log():
                break
        raise AssertionError("the server did not start:\n" + self.read_log()[-4000:])

    def wait_ready(self):
        """Whether all ports take connections; False when the process has ended instead."""
        polls = int(env.DEADLINE / 0.02)
        waiting = [("127.0.0.1", port) for port in self.ports.values()]
        waiting += [("::1", self.ports[options["port_of"]])
                    for options in self.listeners.values() if "port_of" in options]
        for _ in range(polls):
            try:
                while waiting:
                    socket.create_connection(waiting[0], timeout=5).close()
                    waiting.pop(0)
                return self.process.poll() is None
            except OSError:
                pass
            try:
                self.process.wait(timeout=0.02)
                return False
            except subprocess.TimeoutExpired:
                pass
        raise AssertionError("the server does not take connections")

    def read_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self):
        """SIGTERM; it must end in time, with status 0 and nothing bad on stderr."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(timeout=env.EXIT_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("SIGTERM did not end the server in time") from None
        self.check_log()
        assert status == 0, f"exit status {status}:\n{self.read_log()[-4000:]}"

    def kill(self):
        """SIGKILL, as a power cut for the process."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def discard(self):
        if self.process is not None:
            self.kill()

    def check_log(self):
        log = self.read_log()
        for bad in _BAD:
            at = log.find(bad)
            assert at < 0, log[max(at - 2000, 0):at + 6000]

    def until(self, is_true):
        """Looks again and again, as long as it runs."""
        for _ in range(int(env.DEADLINE / 0.02)):
            if is_true():
                return
            try:
                self.process.wait(timeout=0.02)
                break
            except subprocess.TimeoutExpired:
                pass
        raise AssertionError("it does not become true")

    # --- its command line ---

    def run(self, *words, stdin="", within=()):
        return run(*words, "-c", self.config, stdin=stdin, cwd=self.directory, within=within)

    def admin(self, request):
        """What the admin socket answers, without its first line, "ok"."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(env.DEADLINE)
            s.connect(f"{self.directory}/meerkat.db.sock")
            s.sendall(f"{request}\n".encode())
            text = b""
            while data := s.recv(65536):
                text += data
        first, rest = text.decode().split("\n", 1)
        assert first == "ok", text
        return rest

    def status(self):
        """What `meerkat status --json` prints."""
        return json.loads(self.admin("status json"))

    def counter(self, name):
        """What all listeners have counted under this name."""
        return self.status()["total"][name]

    def counters(self, listener):
        """What is counted for one listener."""
        end = f":{self.ports[listener]}"
        return next(one for one in self.status()["listeners"] if one["name"].endswith(end))

    # --- accounts and clients ---

    def make_accounts(self, accounts):
        lines = "".join(f"{a.jid} {a.password}\n" for a in accounts)
        done = self.run("user", "import", stdin=lines)
        assert done.returncode == 0, done.stderr

    def account(self):
        """A fresh account of its own for the test that asks."""
        if not self._accounts:
            names = [f"user{self._made + i}" for i in range(_BATCH)]
            self._made += _BATCH
            self._accounts = [Account(f"{name}@localhost", PASSWORD) for name in names]
            self.make_accounts(self._accounts)
        return self._accounts.pop(0)

    def account_named(self, jid):
        """The account of this name, which no test must ask for twice."""
        account = Account(jid, PASSWORD)
        self.make_accounts([account])
        return account

    def connect(self, listener="plain", domain="localhost", tls=None):
        """A client that has sent nothing yet; on a Direct TLS port it speaks TLS."""
        if tls is None and self.listeners[listener].get("tls", {}).get("mode") == "tls":
            tls = tls_context()
        client = Client(self.ports[listener], domain, tls)
        self.clients.add(client)
        return client

    def hang_up(self):
        """Ends what the test has left open: the server would wait for these clients."""
        for client in self.clients:
            client.abort()


def run(*words, stdin="", cwd=None, within=()):
    """`meerkat WORDS`, to its end."""
    return subprocess.run([*within, env.BINARY, *words], input=stdin, text=True, capture_output=True,
                          timeout=env.DEADLINE, cwd=cwd or tempfile.gettempdir(), check=False)
