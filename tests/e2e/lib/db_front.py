"""TLS in front of a database server, which is reached by its local socket: what comes before TLS in
its protocol, and what has to be changed after it."""
import socket

from . import env
from .tls_front import TlsFront, forward


def _exactly(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise ConnectionError("it has ended")
        data += more
    return data


class DatabaseFront(TlsFront):
    """`context`: None if it has no TLS. `plain`: what came without TLS, of each connection that
    did not ask for it, or was refused it; all is there after stop()."""

    def __init__(self, context, database, at=0):
        self.has_tls = context is not None
        self.plain = []
        super().__init__(context or _NoNames(), database.socket(), at=at)

    def reach(self):
        service = socket.socket(socket.AF_UNIX)
        service.settimeout(env.DEADLINE)
        service.connect(self.target)
        return service


class _NoNames:
    sni_callback = None


class PgsqlFront(DatabaseFront):
    ASKS = b"\0\0\0\x08\x04\xd2\x16\x2f"  # SSLRequest

    def _greet(self, plain):
        service = self.reach()
        first = _exactly(plain, 8)
        if first == self.ASKS and self.has_tls:
            plain.sendall(b"S")
            return service
        if first == self.ASKS:
            plain.sendall(b"N")
            first = b""
        with plain, service:
            self.plain.append(first or plain.recv(65536))
            if first:
                service.sendall(first)
                forward(plain, service)
        raise ConnectionError("it was without TLS")


def _packet(sock):
    head = _exactly(sock, 4)
    return head + _exactly(sock, int.from_bytes(head[:3], "little"))


class MysqlFront(DatabaseFront):
    CLIENT_SSL = 0x08  # of the second byte of the capabilities

    def _greet(self, plain):
        service = self.reach()
        greeting = bytearray(_packet(service))
        if self.has_tls:
            plain.sendall(greeting)
            _packet(plain)  # SSLRequest
            return service
        at = greeting.index(0, 5) + 1 + 4 + 8 + 1 + 1  # behind the version
        greeting[at] &= ~self.CLIENT_SSL
        with plain, service:
            plain.sendall(greeting)
            self.plain.append(plain.recv(65536))
        raise ConnectionError("it was without TLS")

    def _forward(self, client, service):
        """The server has not seen one of the packets, nor that there is TLS."""
        answer = b""
        first = True
        while answer[4:5] not in (b"\0", b"\xff"):
            question = bytearray(_packet(client))
            question[3] -= 1
            if first:
                question[5] &= ~self.CLIENT_SSL
            first = False
            service.sendall(question)
            answer = bytearray(_packet(service))
            answer[3] += 1
            client.sendall(answer)
        forward(client, service)


FRONTS = {"pgsql": PgsqlFront, "mysql": MysqlFront}
