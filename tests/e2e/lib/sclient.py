"""A client whose TLS is openssl's s_client: it tells what Python does not, the exporter."""
import re
import socket
import subprocess
import time

from . import env
from .client import Client


class OpensslClient(Client):
    """Direct TLS 1.3; `exporter` is the tls-exporter channel binding (RFC 9266)."""

    def _connect(self, port):
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3",
             "-alpn", "xmpp-client", "-keymatexport", "EXPORTER-Channel-Binding",
             "-keymatexportlen", "32"],
            stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        theirs.close()
        return ours

    def __init__(self, port, domain="localhost"):
        super().__init__(port, domain)
        said = self._read_until(rb"Keying material: ([0-9A-F]{64})\s")
        self.exporter = bytes.fromhex(said.group(1).decode())

    def _read_until(self, pattern):
        """What s_client itself says comes on the same pipe, before the stream."""
        deadline = time.monotonic() + env.DEADLINE
        data = b""
        while not (found := re.search(pattern, data)):
            data += self._read(deadline)
        rest = data[found.start():] if pattern == rb"<\?xml" else b""
        self.received += rest
        self._events += self._parser.feed(rest)
        return found

    def open(self, *args, **kwargs):
        super().open(*args, **kwargs)
        self._read_until(rb"<\?xml")

    def abort(self):
        super().abort()
        self._process.kill()
        self._process.wait()
