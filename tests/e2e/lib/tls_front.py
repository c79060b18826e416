"""TLS in front of a service that talks plain text, which remembers each handshake."""
import contextlib
import selectors
import socket
import threading

from . import env
from .ports import free_port

_CHUNK = 65536


class TlsFront:
    """`context`: a server's; `port`: of the service at 127.0.0.1. `seen`: (name or None, version,
    cipher) of each connection, in order. Where a connection may stay, end it with cut()."""

    def __init__(self, context, port, address="127.0.0.1", at=0):
        self.target = port
        self.seen = []
        self._context = context
        self._names = {}
        self._open = set()
        self._is_cut = False
        context.sni_callback = self._on_name
        self._listener = socket.create_server((address, at or free_port()))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def cut(self):
        """The same, and all connections end, those that are being made, too."""
        self._is_cut = True
        for one in list(self._open):
            with contextlib.suppress(OSError):  # those that have ended
                one.shutdown(socket.SHUT_RDWR)
        self.stop()

    def _on_name(self, sock, name, _):
        self._names[sock] = name

    def _run(self):
        threads = []
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                break
            threads.append(threading.Thread(target=self._serve, args=(sock,)))
            threads[-1].start()
        for one in threads:
            one.join()

    def _serve(self, plain):
        plain.settimeout(env.DEADLINE)
        try:
            with self._greet(plain) as service:
                with self._context.wrap_socket(plain, server_side=True) as client:
                    self.seen.append((self._names.get(client), client.version(),
                                      client.cipher()[0]))
                    self._open.add(service)
                    if not self._is_cut:
                        self._forward(client, service)
                self._open.discard(service)
        except OSError:
            plain.close()

    def _greet(self, _):
        """Before TLS; returns the connection to the service."""
        return socket.create_connection(("127.0.0.1", self.target))

    def _forward(self, client, service):
        forward(client, service)


def forward(client, service):
    """Until one of them has ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ)
        selector.register(service, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(_CHUNK)
                while hasattr(key.fileobj, "pending") and key.fileobj.pending():
                    data += key.fileobj.recv(_CHUNK)
                if not data:
                    return
                (service if key.fileobj is client else client).sendall(data)
