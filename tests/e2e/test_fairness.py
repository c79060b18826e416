"""What one client sends in one go, and what that is for itself and for the others."""
import socket

import pytest

BIG = "x" * (250 << 10)
VCARD = "<vCard xmlns='vcard-temp'>%s</vCard>"
PRIVATE = "<query xmlns='jabber:iq:private'><a xmlns='urn:x'>%s</a></query>"


def read_answers(sock, n):
    got, seen = bytearray(), 0
    while seen < n:
        start = max(len(got) - len("</iq"), 0)
        chunk = sock.recv(1 << 20)
        assert chunk, "the connection has been closed"
        got += chunk
        seen += got.count(b"</iq>", start)
    return got


@pytest.mark.parametrize("payload,size", [(VCARD, 4), (PRIVATE, 1)], ids=["vcard", "private"])
def test_many_questions_with_large_answers(login, payload, size):
    """Whoever asks for more than it reads waits: its answers do not pile up until it is dropped."""
    asker, other = login(), login()
    asker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    content = f"<b>{BIG}</b>" * size
    assert asker.set(payload % content).get("type") == "result"
    n = 96 // size  # 24 MB
    question = payload % ""
    asker.send("".join(f"<iq type='get' id='q{i}'>{question}</iq>" for i in range(n)))
    other.ask(PRIVATE % "")  # the database has come to this one
    other.sync()
    got = read_answers(asker.socket, n)
    assert got.count(b"type='result'") == n and got.count(BIG.encode()) == n * size
    asker.sync()
