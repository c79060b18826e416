"""Database servers of the tests' own: tests/db/ says how each kind starts."""
import os
import shutil
import signal
import subprocess
import tempfile

from . import env
from .ports import free_port

_HERE = os.path.join(os.path.dirname(__file__), "..", "..", "db")


class Database:
    """A server, which has many databases."""
    kind = None
    crash = None  # the signal that ends it at once

    def __init__(self):
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = tempfile.mkdtemp(prefix="meerkat-db-", dir=place)
        os.chmod(self.directory, 0o755)
        self.process = None
        self.port = free_port()
        self._made = 0

    def start(self):
        self.process = subprocess.Popen([f"{_HERE}/{self.kind}", self.directory, str(self.port)],
                                        stdin=subprocess.DEVNULL)
        for _ in range(int(env.DEADLINE / 0.05)):
            assert self.process.poll() is None, f"{self.kind} has ended"
            if self.run("SELECT 1", check=False).returncode == 0:
                return self
            try:
                self.process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                pass
        raise AssertionError(f"{self.kind} does not start")

    def kill(self):
        """At once, as in a crash: nothing is said to who is connected."""
        self.process.send_signal(self.crash)
        self.process.wait(timeout=env.DEADLINE)
        self.process = None

    def discard(self):
        if self.process:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- databases ---

    def client(self, database):
        """The command that runs SQL from its standard input; columns are joined by tabs."""
        raise NotImplementedError

    def run(self, sql, database="meerkat", check=True):
        done = subprocess.run(
            self.client(database), input=sql, text=True, capture_output=True, check=False,
            timeout=env.DEADLINE, env=os.environ | {"PGPASSWORD": "secret"})
        assert done.returncode == 0 or not check, done.stderr
        return done

    def query(self, sql, database):
        """The rows."""
        return self.run(sql, database).stdout.split("\n")[:-1]

    def new(self, tables=False):
        """A new database, empty or with MongooseIM's tables; returns its name."""
        self._made += 1
        name = f"test{self._made}"
        self.run(f"CREATE DATABASE {name}")
        if tables:
            with open(f"{_HERE}/mongooseim-{self.kind}.sql", encoding="utf-8") as f:
                self.run(f.read(), name)
        return name

    def host(self):
        raise NotImplementedError

    def socket(self):
        """Where its local socket is."""
        raise NotImplementedError

    def pool(self, database, **connection):
        """The configuration's [outgoing_pools]."""
        return {"rdbms": {"default": {"workers": 2, "connection": {
            "driver": self.kind, "host": self.host(), "port": self.port, "database": database,
            "username": "meerkat", "password": "secret", "max_start_interval": 1,
            "query_timeout": 20000} | connection}}}


class Pgsql(Database):
    kind = "pgsql"
    crash = signal.SIGQUIT

    def client(self, database):
        return ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                "-h", self.directory, "-p", str(self.port), "-U", "meerkat", database]

    def host(self):
        return self.directory

    def socket(self):
        return f"{self.directory}/.s.PGSQL.{self.port}"


class Mysql(Database):
    kind = "mysql"
    crash = signal.SIGKILL

    def client(self, database):
        return ["mariadb", "--no-defaults", "-N", "-B", "--default-character-set=utf8mb4",
                "-S", self.host(), "-u", "meerkat", "-psecret", database]

    def host(self):
        return f"{self.directory}/socket"

    def socket(self):
        return self.host()


DATABASES = {"pgsql": Pgsql, "mysql": Mysql}
