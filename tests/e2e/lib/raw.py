"""A connection to the server, byte by byte: what goes out is exactly what the test says."""
import socket
import ssl
import time

from . import env, ns
from .xmlstream import Close, Header, StreamParser

HEADER = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams'{attributes}>")


class Eof(Exception):
    """The server has closed the connection."""


def tls_context(version=None, alpn=None):
    """A client's context that trusts whatever certificate comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class Stream:
    """One TCP connection and the XML stream on it. Each wait ends at a deadline."""

    def __init__(self, port, domain="localhost", tls=None):
        self.domain = domain
        self.socket = self._connect(port)
        self.received = b""  # since the last restart
        self._parser = StreamParser()
        self._events = []
        self._is_cut = False  # TLS has ended without close_notify
        if tls:
            self.wrap(tls)

    def _connect(self, port):
        connection = socket.create_connection(("127.0.0.1", port), timeout=env.DEADLINE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.abort()

    def abort(self):
        """Drops the connection without a word."""
        self.socket.close()

    # --- out ---

    def send(self, data):
        self.socket.settimeout(env.DEADLINE)
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def open(self, to="", version="1.0", attributes=""):
        """Sends a stream header; to="" means the domain, None leaves the attribute out."""
        to = self.domain if to == "" else to
        text = "" if to is None else f" to='{to}'"
        text += "" if version is None else f" version='{version}'"
        self.send(HEADER.format(attributes=text + (" " + attributes if attributes else "")))

    def close(self):
        """The closing handshake of RFC 6120 4.4; returns what came before the end."""
        self.send("</stream:stream>")
        before = []
        while True:
            event = self.event()
            if isinstance(event, Close):
                break
            before.append(event)
        self.eof()
        self.socket.close()
        return before

    # --- in ---

    def _read(self, deadline):
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self.socket.recv(65536)
        except (socket.timeout, ssl.SSLWantReadError):
            raise AssertionError(f"nothing came before the deadline, after {self.received!r}")
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError) as e:
            self._is_cut = isinstance(e, ssl.SSLEOFError)
            data = b""
        if not data:
            raise Eof(f"end of connection after {self.received[-2000:]!r}")
        return data

    def feed(self, data):
        """What a test has read itself."""
        self._events += self._parser.feed(bytes(data))

    def event(self, timeout=None):
        """The next Header, Element or Close; Eof is raised at the end."""
        deadline = time.monotonic() + (timeout or env.DEADLINE)
        while not self._events:
            data = self._read(deadline)
            self.received += data
            self._events += self._parser.feed(data)
        return self._events.pop(0)

    def header(self):
        event = self.event()
        assert isinstance(event, Header), event
        assert event.tag == ns.STREAM + "stream"
        return event

    def stanza(self):
        """The next top-level element, whatever it is."""
        event = self.event()
        assert not isinstance(event, (Header, Close)), (event, self.received[-2000:])
        return event

    def features(self):
        element = self.stanza()
        assert element.tag == ns.STREAM + "features", ns.show(element)
        return element

    def start(self, **header):
        """Header out, header and features in; returns both."""
        self.open(**header)
        return self.header(), self.features()

    def eof(self):
        """The connection ends here, with nothing more on the stream but space; TLS ends first."""
        deadline = time.monotonic() + env.DEADLINE
        assert not self._events, self._events
        rest = b""
        try:
            while True:
                rest += self._read(deadline)
        except Eof:
            pass
        assert not rest.strip(), rest
        assert not self._is_cut, "no close_notify"

    def expect_error(self, condition, text=None):
        """A stream error with this condition, the closing tag, the end of the connection."""
        event = self.event()
        if isinstance(event, Header):
            event = self.event()
        while not isinstance(event, Close) and event.tag != ns.STREAM + "error":
            event = self.event()
        assert not isinstance(event, Close), f"no stream error in {self.received!r}"
        assert ns.conditions(event, ns.STREAM_ERROR) == [condition], ns.show(event)
        if text is not None:
            assert event.findtext(ns.STREAM_ERROR + "text") == text, ns.show(event)
        closing = self.event()
        assert isinstance(closing, Close), closing
        self.eof()
        return event

    # --- TLS ---

    def wrap(self, context=None, server_name=None):
        """TLS from here on, with a fresh parser. An end without close_notify is an error."""
        self.socket.settimeout(env.DEADLINE)
        self.socket = (context or tls_context()).wrap_socket(
            self.socket, server_hostname=server_name or self.domain,
            suppress_ragged_eofs=False)
        self.restart()

    def restart(self):
        """Forgets the stream: the next bytes begin a new one."""
        assert not self._events, self._events
        self._parser = StreamParser()
        self.received = b""

    def starttls(self, context=None, behind=b""):
        """<starttls/>, with bytes behind it in the same write, and the handshake."""
        self.ask_for_tls(behind)
        self.proceed(context)

    def ask_for_tls(self, behind=b""):
        self.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + behind)

    def proceed(self, context=None):
        answer = self.stanza()
        assert answer.tag == ns.TLS + "proceed", ns.show(answer)
        self.wrap(context)
