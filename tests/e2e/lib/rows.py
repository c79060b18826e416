"""The server's own database, for another writer."""
import sqlite3


def opened(server):
    """For a fixture: `yield from opened(server)`."""
    db = sqlite3.connect(f"{server.directory}/meerkat.db", timeout=30)
    yield db
    db.close()


def _add(db, sql, account, rows):
    with db:
        db.executemany(sql, [(account.domain, account.user, *row) for row in rows])


def add_rows(db, account, rows):
    """Of a roster: (contact, name, subscription, ask, request, listed)."""
    _add(db, "INSERT INTO rosterusers (server, username, jid, nick, subscription, ask, askmessage,"
         " listed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", account, rows)


def add_groups(db, account, rows):
    """(contact, group)"""
    _add(db, "INSERT INTO rostergroups (server, username, jid, grp) VALUES (?, ?, ?, ?)",
         account, rows)
