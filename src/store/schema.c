/* The schema, and how a database gets to it. */
#include "store/db.h"

/* One row a version: what brings a database there from the one before. */
static const char *const migrations[] = {
	"CREATE TABLE users (username TEXT NOT NULL, server TEXT NOT NULL, password TEXT NOT NULL,"
	" pass_details TEXT, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
	"CREATE UNIQUE INDEX i_users ON users (server, username);"
	"CREATE TABLE last (server TEXT NOT NULL, username TEXT NOT NULL, seconds INTEGER NOT NULL,"
	" state TEXT NOT NULL);"
	"CREATE UNIQUE INDEX i_last ON last (server, username);"
	"CREATE TABLE rosterusers (server TEXT NOT NULL, username TEXT NOT NULL, jid TEXT NOT NULL,"
	" nick TEXT NOT NULL, subscription CHARACTER(1) NOT NULL, ask CHARACTER(1) NOT NULL,"
	" askmessage TEXT NOT NULL, approved INTEGER NOT NULL DEFAULT 0,"
	" listed INTEGER NOT NULL DEFAULT 1,"
	" created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
	"CREATE UNIQUE INDEX i_rosterusers ON rosterusers (server, username, jid);"
	"CREATE INDEX i_rosterusers_jid ON rosterusers (jid);"
	"CREATE TABLE rostergroups (server TEXT NOT NULL, username TEXT NOT NULL,"
	" jid TEXT NOT NULL, grp TEXT NOT NULL);"
	"CREATE UNIQUE INDEX i_rostergroups ON rostergroups (server, username, jid, grp);"
	"CREATE TABLE roster_version (server TEXT NOT NULL, username TEXT NOT NULL,"
	" version TEXT NOT NULL);"
	"CREATE UNIQUE INDEX i_roster_version ON roster_version (server, username);"
	"CREATE TABLE vcard (username TEXT NOT NULL, server TEXT NOT NULL, vcard TEXT NOT NULL,"
	" created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
	"CREATE UNIQUE INDEX i_vcard ON vcard (server, username);"
	"CREATE TABLE private_storage (server TEXT NOT NULL, username TEXT NOT NULL,"
	" namespace TEXT NOT NULL, data TEXT NOT NULL,"
	" created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
	"CREATE UNIQUE INDEX i_private ON private_storage (server, username, namespace);"
	"CREATE TABLE offline_message (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" timestamp BIGINT NOT NULL, expire BIGINT, server TEXT NOT NULL, username TEXT NOT NULL,"
	" from_jid TEXT NOT NULL, packet TEXT NOT NULL, permanent_fields BLOB);"
	"CREATE INDEX i_offline_message ON offline_message (server, username, id);"
	"CREATE TABLE meerkat_secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL);",

	/* Accounts whose credentials are elsewhere: a row in `users` would give them a password. */
	"CREATE TABLE meerkat_accounts (server TEXT NOT NULL, username TEXT NOT NULL);"
	"CREATE UNIQUE INDEX i_meerkat_accounts ON meerkat_accounts (server, username);",
};

static int run_migrations(struct db *d, int v)
{
	int r = 0;

	for (; r == 0 && v < (int)ARRAY_LEN(migrations); v++)
		r = d->driver->script(d, migrations[v]);
	r = r ? r : d->driver->set_version(d, v);
	return r ? r : d->driver->script(d, "COMMIT");
}

int db_migrate(struct db *d, const char *path, struct buf *err)
{
	int v, r;

	/* One transaction: two processes that start together do not both make the tables, and
	 * what fails half-way leaves nothing. */
	r = d->driver->script(d, d->driver->begin);
	if (r < 0)
		return db_fail(d, path, "cannot be written", r, err);
	r = d->driver->version(d, &v);
	if (r < 0)
		return db_fail(d, path, "cannot be read", r, err);
	if (v > (int)ARRAY_LEN(migrations)) {
		r = buf_addf(err,
			     "the database %s is of schema %d, and this is a server that "
			     "knows only up to %zu: it was written by a newer one",
			     path, v, ARRAY_LEN(migrations));
		(void)r; /* a message cut short is still one */
		db_close(d);
		return -EPROTONOSUPPORT;
	}
	r = run_migrations(d, v);
	return r < 0 ? db_fail(d, path, "its tables cannot be made", r, err) : 0;
}
