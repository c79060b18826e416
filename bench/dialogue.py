"""One run of the load generator, as a dialogue of lines."""

import json
import subprocess
import tempfile

import servers
from servers import Failure


class Load:
    binary = None

    def __init__(self, mode, port, nice=0, wrong=False, **options):
        password = "wrong" if wrong else servers.PASSWORD
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            ["nice", f"-n{nice}", self.binary, mode, f"port={port}", f"password={password}",
             *(f"{k}={int(v)}" for k, v in options.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)

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
