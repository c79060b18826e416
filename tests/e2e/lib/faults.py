"""A TCP proxy that stands before a service and spoils what goes through it, by command."""
import collections
import selectors
import socket
import struct
import threading
import time

from . import env
from .ports import free_port

PASS = "pass"
REFUSE = "refuse"  # nobody listens; who is connected is cut off
HANG = "hang"  # takes connections, and says nothing; what was sent goes on with PASS
CUT = "cut"  # the connection ends as soon as the client has asked something
GARBLE = "garble"  # answers are not of this protocol
HOLD = "hold"  # questions go on, their answers with PASS
SLOW = "slow"  # an answer takes DELAY longer

RUBBISH = b"\xff\x00 \x85rubbish\r\n\r\n" * 8
DELAY = 0.02
_CHUNK = 65536


def _reset(sock):
    """Closes with RST: what the other side sends is an error there."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Proxy:
    """`target`: (address, port) or the path of a local socket. One thread; set() returns when
    what it says is true of all connections."""

    def __init__(self, target, fault=PASS):
        self.target = target
        self.port = free_port()
        self.fault = None
        self.accepted = self.ended = 0
        self._listener = None
        self._other = {}  # socket -> where its bytes go
        self._servers = set()  # those that are connected to the target
        self._selector = selectors.DefaultSelector()
        self._wake, wakes = socket.socketpair()
        self._selector.register(wakes, selectors.EVENT_READ)
        self._command = wakes
        self._wanted = fault
        self._done = threading.Event()
        self._has_held = threading.Event()
        self._late = collections.deque()  # (when, to whom, what)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.set(fault)

    def set(self, fault):
        self._wanted = fault
        self._done.clear()
        self._wake.send(b".")
        assert self._done.wait(env.DEADLINE), "the proxy has ended"

    def wait_held(self):
        """Until there is an answer that does not go on."""
        assert self._has_held.wait(env.DEADLINE)

    def stop(self):
        self.set(None)
        self._thread.join()
        self._wake.close()

    # --- on its thread ---

    def _run(self):
        while self.fault is not None or self._wanted is not None:
            for key, _ in self._selector.select(self._until_late()):
                if key.fileobj is self._command:
                    self._obey()
                elif key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._other:
                    self._forward(key.fileobj)
            self._send_late()
        self._selector.close()
        self._command.close()

    def _obey(self):
        self._command.recv(1)
        self._has_held.clear()
        self.fault = self._wanted
        if self.fault in (REFUSE, None):
            for sock in list(self._other):
                self._drop(sock)
            if self._listener:
                self._selector.unregister(self._listener)
                self._listener.close()
                self._listener = None
        elif self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
            self._selector.register(self._listener, selectors.EVENT_READ)
        for sock in self._other:
            is_read = sock in self._selector.get_map()
            if self.fault == HANG and is_read:
                self._selector.unregister(sock)
            elif self.fault != HANG and not is_read:
                self._selector.register(sock, selectors.EVENT_READ)
        self._done.set()

    def _accept(self):
        client, _ = self._listener.accept()
        self.accepted += 1
        family = socket.AF_UNIX if isinstance(self.target, str) else socket.AF_INET
        server = socket.socket(family)
        try:
            server.connect(self.target)
        except OSError:
            server.close()
            _reset(client)
            return
        self._other |= {client: server, server: client}
        self._servers.add(server)
        if self.fault == HANG:
            return
        for sock in (client, server):
            self._selector.register(sock, selectors.EVENT_READ)
        if self.fault == GARBLE:
            self._garble(client)

    def _garble(self, client):
        try:
            client.sendall(RUBBISH)
        except OSError:
            self._drop(client)

    def _until_late(self):
        return max(self._late[0][0] - time.monotonic(), 0) if self._late else None

    def _send_late(self):
        while self._late and (self.fault != SLOW or not self._until_late()):
            _, to, data = self._late.popleft()
            try:
                if to in self._other:
                    to.sendall(data)
            except OSError:
                self._drop(to)

    def _forward(self, sock):
        other = self._other[sock]
        if self.fault == HOLD and sock in self._servers:
            self._selector.unregister(sock)
            self._has_held.set()
            return
        try:
            data = sock.recv(_CHUNK)
            if not data or (self.fault == CUT and sock not in self._servers):
                self._drop(sock)
            elif self.fault == GARBLE and sock in self._servers:
                other.sendall(RUBBISH)
            elif self.fault == SLOW and sock in self._servers:
                self._late.append((time.monotonic() + DELAY, other, data))
            else:
                other.sendall(data)
        except OSError:
            self._drop(sock)

    def _drop(self, sock):
        other = self._other.pop(sock, None)
        if other is None:
            return  # with the other one, already
        self.ended += 1
        for one in (sock, other):
            self._other.pop(one, None)
            self._servers.discard(one)
            if one in self._selector.get_map():
                self._selector.unregister(one)
            _reset(one)
