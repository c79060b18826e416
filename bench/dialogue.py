"""One run of the load generator, as a dialogue of lines."""

import json
import subprocess
import tempfile

import servers
from servers import Failure


# What starts a process that is never kept waiting by others, where the user may do that.
REALTIME = ["chrt", "-f", "1"]
if subprocess.run([*REALTIME, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
    REALTIME = []
# ... and one that has no processor which anybody else wants: one that runs it counts as free.
IDLE = ["chrt", "-i", "0"]


class Load:
    """`first`: before all other processes, `last`: behind all others."""
    binary = None

    def __init__(self, mode, port, first=False, last=False, wrong=False, **options):
        password = "wrong" if wrong else servers.PASSWORD
        self.errors = tempfile.TemporaryFile("w+")
        turn = REALTIME if first else IDLE if last else []
        self.process = subprocess.Popen(
            [*turn, self.binary, mode, f"port={port}", f"password={password}",
             *(f"{k}={int(v)}" for k, v in options.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            start_new_session=last)
        if last:
            self._group_is_last()

    def _group_is_last(self):
        """Where the kernel shares the processor between sessions first, and then within one."""
        try:
            with open(f"/proc/{self.process.pid}/autogroup", "w", encoding="ascii") as f:
                f.write("19")
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()

    def expect(self, word):
        line = self.process.stdout.readline()
        if not line.startswith(word):
            self.process.wait()
            self.errors.seek(0)
            raise Failure(self.errors.read().strip() or f"the generator said {line!r}")
        return line[len(word):].strip()

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self):
        return json.loads(self.expect("done"))
