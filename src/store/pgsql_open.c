/* How connections to PostgreSQL begin. */
#include "store/pgsql.h"
#include "store/store.h"

#include <stdio.h>

enum { OPTIONS_MAX = 24 };

struct options {
	const char *name[OPTIONS_MAX + 1], *value[OPTIONS_MAX + 1];
	unsigned n;
};

static void add(struct options *o, const char *name, const char *value)
{
	if (value == NULL)
		return;
	ASSERT(o->n < OPTIONS_MAX);
	o->name[o->n] = name;
	o->value[o->n++] = value;
}

/* libpq cannot take plain text for an answer and check certificates, too: who wants them checked
 * gets TLS. */
static const char *ssl_mode(const struct store_tls *tls)
{
	if (!tls->on)
		return "disable";
	switch (tls->verify) {
	case STORE_VERIFY_FULL:
		return "verify-full";
	case STORE_VERIFY_CA:
		return "verify-ca";
	case STORE_VERIFY_NONE:
		break;
	}
	return tls->required ? "require" : "prefer";
}

static void add_tls(struct options *o, const struct store_tls *tls)
{
	add(o, "sslmode", ssl_mode(tls));
	add(o, "sslcert", tls->certfile);
	add(o, "sslkey", tls->keyfile ? tls->keyfile : tls->certfile);
	add(o, "sslpassword", tls->password);
	if (tls->verify != STORE_VERIFY_NONE)
		add(o, "sslrootcert", tls->cacertfile);
	add(o, "ssl_min_protocol_version", tls->min_version);
	add(o, "ssl_max_protocol_version", tls->max_version);
	if (tls->no_sni)
		add(o, "sslsni", "0");
}

static PGconn *connect(const struct store_sql *sql)
{
	struct options o = { .n = 0 };
	char port[16], seconds[32], ms[32];

	snprintf(port, sizeof(port), "%u", sql->port);
	snprintf(seconds, sizeof(seconds), "%lld",
		 (long long)MAX((sql->query_timeout_ms + 999) / 1000, (int64_t)2));
	snprintf(ms, sizeof(ms), "%lld", (long long)sql->query_timeout_ms);
	add(&o, "host", sql->host);
	add(&o, "port", port);
	add(&o, "dbname", sql->database);
	add(&o, "user", sql->username);
	add(&o, "password", sql->password);
	add(&o, "application_name", "meerkat");
	add(&o, "client_encoding", "UTF8");
	add(&o, "gssencmode", "disable");
	add(&o, "connect_timeout", seconds);
	add(&o, "tcp_user_timeout", ms); /* what it does not even acknowledge */
	if (sql->tls.on)
		add_tls(&o, &sql->tls);
	else
		add(&o, "sslmode", "disable");
	return PQconnectdbParams(o.name, o.value, 0);
}

static void drop_notice(void *arg, const PGresult *res)
{
}

static bool is_utf8(PGconn *conn)
{
	const char *e = PQparameterStatus(conn, "server_encoding");

	return e && (strcmp(e, "UTF8") == 0 || strcmp(e, "SQL_ASCII") == 0);
}

/* The server gives up a statement a little before we do: so only that one fails, and not the
 * connection. */
static int set_up(struct db *d, const struct store_conf *conf, struct buf *err)
{
	struct pg *p = d->db;
	char sql[64];
	int r;

	if (!is_utf8(p->conn)) {
		snprintf(p->error, sizeof(p->error), "its encoding is not UTF8");
		return db_fail(d, conf, "cannot be used", -EINVAL, err);
	}
	PQsetNoticeReceiver(p->conn, drop_notice, NULL);
	snprintf(sql, sizeof(sql), "SET statement_timeout = %lld",
		 (long long)(p->timeout_ms - p->timeout_ms / 10));
	if (PQsetnonblocking(p->conn, 1) < 0 || !PQenterPipelineMode(p->conn))
		r = -EIO;
	else
		r = d->driver->script(d, sql);
	return r ? db_fail(d, conf, "cannot be used", r, err) : 0;
}

/* Several lines, for it tells of each address. */
static void copy_error(struct pg *p)
{
	size_t n;

	snprintf(p->error, sizeof(p->error), "%s", PQerrorMessage(p->conn));
	n = strlen(p->error);
	while (n && p->error[n - 1] == '\n')
		p->error[--n] = '\0';
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p->error[i] < ' ')
			p->error[i] = ' ';
}

int pgsql_open(struct db *d, const struct store_conf *conf, bool writable,
	       struct buf *err)
{
	struct pg *p = MEM_NEW(struct pg);

	d->db = p;
	p->timeout_ms = conf->sql->query_timeout_ms;
	p->conn = connect(conf->sql);
	ASSERT(p->conn); /* else memory is out */
	if (PQstatus(p->conn) != CONNECTION_OK) {
		copy_error(p);
		return db_fail(d, conf, "cannot be reached", -ENOTCONN, err);
	}
	return set_up(d, conf, err);
}

/* --- the schema --- */

/* The tables are MongooseIM's, or become ours to share with it. `C` sorts by bytes, so that the
 * indexes serve our order. CockroachDB always does. */
#define TABLES(C)                                                                        \
	"CREATE TABLE IF NOT EXISTS users (username text" C " NOT NULL, server text" C   \
	" NOT NULL, password text NOT NULL, pass_details text,"                          \
	" created_at timestamp NOT NULL DEFAULT now(), PRIMARY KEY (server, username));" \
	"CREATE TABLE IF NOT EXISTS last (server text" C " NOT NULL, username text" C    \
	" NOT NULL, seconds bigint NOT NULL, state text NOT NULL,"                       \
	" PRIMARY KEY (server, username));"                                              \
	"CREATE TABLE IF NOT EXISTS rosterusers (server text" C                          \
	" NOT NULL, username text" C " NOT NULL, jid text" C                             \
	" NOT NULL, nick text NOT NULL,"                                                 \
	" subscription character(1) NOT NULL, ask character(1) NOT NULL,"                \
	" askmessage text NOT NULL, created_at timestamp NOT NULL DEFAULT now(),"        \
	" PRIMARY KEY (server, username, jid));"                                         \
	"ALTER TABLE rosterusers ADD COLUMN IF NOT EXISTS approved integer;"             \
	"ALTER TABLE rosterusers ADD COLUMN IF NOT EXISTS listed integer;"               \
	"CREATE INDEX IF NOT EXISTS i_meerkat_roster_jid ON rosterusers (jid);"          \
	"CREATE TABLE IF NOT EXISTS rostergroups (server text" C                         \
	" NOT NULL, username text" C " NOT NULL, jid text" C " NOT NULL, grp text" C     \
	" NOT NULL, PRIMARY KEY (server, username, jid, grp));"                          \
	"CREATE TABLE IF NOT EXISTS roster_version (server text" C                       \
	" NOT NULL, username text" C " NOT NULL, version text NOT NULL,"                 \
	" PRIMARY KEY (server, username));"                                              \
	"CREATE TABLE IF NOT EXISTS vcard (username text" C " NOT NULL, server text" C   \
	" NOT NULL, vcard text NOT NULL, created_at timestamp NOT NULL DEFAULT now(),"   \
	" PRIMARY KEY (server, username));"                                              \
	"CREATE TABLE IF NOT EXISTS private_storage (server text" C                      \
	" NOT NULL, username text" C " NOT NULL, namespace text" C                       \
	" NOT NULL, data text NOT NULL, created_at timestamp NOT NULL DEFAULT now(),"    \
	" PRIMARY KEY (server, username, namespace));"                                   \
	"CREATE TABLE IF NOT EXISTS offline_message (id bigserial PRIMARY KEY,"          \
	" timestamp bigint NOT NULL, expire bigint, server text" C                       \
	" NOT NULL, username text" C " NOT NULL, from_jid text NOT NULL,"                \
	" packet text NOT NULL, permanent_fields bytea);"                                \
	"CREATE INDEX IF NOT EXISTS i_offline_message ON offline_message"                \
	" (server, username, id);"                                                       \
	"CREATE TABLE IF NOT EXISTS meerkat_secrets (name text PRIMARY KEY,"             \
	" value text NOT NULL);"                                                         \
	"CREATE TABLE IF NOT EXISTS meerkat_accounts (server text" C                     \
	" NOT NULL, username text" C " NOT NULL, PRIMARY KEY (server, username));"       \
	"CREATE TABLE IF NOT EXISTS meerkat_schema (version integer NOT NULL);"

const char *const pgsql_migrations[] = { TABLES(" COLLATE \"C\""), NULL };
const char *const cockroachdb_migrations[] = { TABLES(""), NULL };
