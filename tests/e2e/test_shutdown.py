"""SIGTERM: what the server has accepted goes where it was to go, whatever it waits for."""
import signal
import sqlite3

N = 8


def count(server, where):
    with sqlite3.connect(f"{server.directory}/meerkat.db") as db:
        return db.execute(f"SELECT count(*) FROM rosterusers WHERE {where}").fetchone()[0]


def test_requests_reach_contacts_that_are_not_in_memory(new_server):
    """A request is routed when the sender's roster is stored, and waits for the contact's; the
    database goes on when the streams have ended."""
    server = new_server(listeners={"plain": {}})
    contacts = [server.account() for _ in range(N)]
    client = server.connect().login(server.account())
    with sqlite3.connect(f"{server.directory}/meerkat.db", isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        for contact in contacts:
            client.presence(contact.jid, "subscribe")
        client.sync()
        server.process.send_signal(signal.SIGTERM)
        client.expect_error("system-shutdown")
        client.abort()
        db.execute("ROLLBACK")
    server.stop()
    assert count(server, "ask = 'O'") == N
    assert count(server, "ask = 'I'") == N
