"""An HTTP service of the method `http`, in a thread: MongooseIM's API over a dictionary."""
import base64
import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from . import env


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.server.service.connections.add(self.connection)

    def finish(self):
        self.server.service.connections.discard(self.connection)
        super().finish()

    def answer(self, status, text=""):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 401 and self.server.service.client:
            self.send_header("WWW-Authenticate", 'Basic realm="accounts"')
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urlsplit(self.path)
        self.act(url.path, url.query)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.act(self.path, self.rfile.read(length).decode())

    def act(self, path, text):
        self.server.service.count(1)
        try:
            self.act_for(self.server.service, path, text)
        finally:
            self.server.service.count(-1)

    def act_for(self, service, path, text):
        query = {k: v[0] for k, v in parse_qs(text, keep_blank_values=True).items()}
        user, password = query.get("user"), query.get("pass")
        service.asked.append((path, user, self.headers.get("Authorization"),
                              self.client_address[1]))
        if service.broken:
            self.answer(*service.broken)
            return
        if service.client and self.headers.get("Authorization") != "Basic " + base64.b64encode(
                service.client.encode()).decode():
            self.answer(401)
            return
        known = service.accounts
        what = path.rsplit("/", 1)[1]
        for held in (what, user):
            if held in service.gates:
                service.gates[held].pass_through()
        if what in service.answers:
            self.answer(*service.answers[what])
            return
        if what == "check_password":
            self.answer(200, "true" if known.get(user) == password else "false")
        elif what == "user_exists":
            self.answer(200, "true" if user in known else "false")
        elif what == "get_password" and user in known:
            self.answer(200, known[user])
        elif what == "get_certs" and user in service.certificates:
            self.answer(200, service.certificates[user])
        elif what == "register" and user in known:
            self.answer(409)
        elif what in ("register", "set_password"):
            known[user] = password
            self.answer(201 if what == "register" else 204)
        elif what == "remove_user" and known.pop(user, None) is not None:
            self.answer(204)
        else:
            self.answer(404)


class HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_):
        """A client that does not wait for its answer is none."""


class Gate:
    """Whoever comes to it waits until it is open."""

    def __init__(self):
        self._reached, self._open = threading.Semaphore(0), threading.Event()

    def pass_through(self):
        self._reached.release()
        self._open.wait(env.DEADLINE)

    def wait(self, n=1):
        """Until n more have come."""
        for _ in range(n):
            assert self._reached.acquire(timeout=env.DEADLINE)

    def open(self):
        self._open.set()


class Service:
    """`accounts`: user -> what get_password gives; `certificates`: user -> PEM; `broken`:
    (status, body) for everything; `answers`: for one question, such as "user_exists";
    `gates`: that hold one question, or the questions about one user, up;
    `context`: TLS (ssl.SSLContext); `client`: USER:PASSWORD that whoever asks must show."""

    def __init__(self, context=None):
        self.context = context
        self.accounts = {}
        self.certificates = {}
        self.asked = []
        self.broken = None
        self.answers = {}
        self.gates = {}
        self.client = None
        self.connections = set()
        self.n_open = 0  # questions that are not done with
        self._lock = threading.Lock()
        self.start(0)

    def count(self, by):
        with self._lock:
            self.n_open += by

    def start(self, port):
        self.server = HttpServer(("127.0.0.1", port), Handler)
        if self.context:
            self.server.socket = self.context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.server.service = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
