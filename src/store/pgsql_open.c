/* How connections to PostgreSQL begin. */
#include "store/pgsql.h"
#include "store/db_tls.h"
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

/* The library gets nothing of the files, and none of those that it would look for in the home
 * directory: all of TLS is ours (store/db_tls.h), but for the question whether there is any. It names
 * versions when a handshake fails. */
static void add_tls(struct options *o, const struct tls_client_options *tls)
{
	static const char *const names[] = { "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };
	static const char nowhere[] = "/dev/null/none";
	size_t min = 0, max = ARRAY_LEN(names) - 1;

	while (min < max && !(tls->versions & 1u << min))
		min++;
	while (max > min && !(tls->versions & 1u << max))
		max--;
	add(o, "sslmode", "require");
	add(o, "sslcert", nowhere);
	add(o, "sslrootcert", nowhere);
	add(o, "sslsni", "0");
	add(o, "ssl_min_protocol_version", names[min]);
	add(o, "ssl_max_protocol_version", names[max]);
}

static PGconn *connect(const struct store_sql *sql, bool tls)
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
	if (tls)
		add_tls(&o, &sql->tls.options);
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

static void set_error(struct pg *p, const char *text)
{
	size_t n;

	snprintf(p->error, sizeof(p->error), "%.*s", (int)sizeof(p->error) - 1, text);
	n = strlen(p->error);
	while (n && p->error[n - 1] == '\n')
		p->error[--n] = '\0';
	for (size_t i = 0; i < n; i++) /* several lines: it tells of each address */
		if ((unsigned char)p->error[i] < ' ')
			p->error[i] = ' ';
}

/* Only a server that says so has none: in the library's own words, for there is no code of it. */
static bool has_no_tls(const PGconn *conn)
{
	return PQstatus(conn) != CONNECTION_OK &&
	       strstr(PQerrorMessage(conn), "server does not support SSL");
}

static bool may_be_plain(const struct store_sql *sql)
{
	return !sql->tls.on ||
	       (!sql->tls.required && sql->tls.options.verify == TLS_CLIENT_NONE);
}

/* The library would go on in plain text after a handshake that has failed, too. */
static void connect_as_far(struct pg *p, const struct store_sql *sql)
{
	p->conn = connect(sql, sql->tls.on);
	ASSERT(p->conn); /* else memory is out */
	if (!sql->tls.on || !may_be_plain(sql) || !has_no_tls(p->conn))
		return;
	PQfinish(p->conn);
	p->conn = connect(sql, false);
	ASSERT(p->conn);
}

static int connect_with(struct pg *p, const struct store_sql *sql)
{
	AUTO(buf_free) struct buf err = BUF_INIT(2048);
	struct db_tls tls;
	int r = db_tls_begin(&tls, sql, &err);

	if (r < 0) {
		set_error(p, buf_cstr(&err));
		return r;
	}
	connect_as_far(p, sql);
	db_tls_end(&tls);
	if (PQstatus(p->conn) != CONNECTION_OK) {
		set_error(p, tls.over.why[0] ? tls.over.why : PQerrorMessage(p->conn));
		return -ENOTCONN;
	}
	if (!tls.over.began && (PQsslInUse(p->conn) || !may_be_plain(sql))) {
		set_error(p, "it has no TLS, or its library none of OpenSSL's");
		return -ENOTCONN;
	}
	return 0;
}

int pgsql_open(struct db *d, const struct store_conf *conf, bool writable,
	       struct buf *err)
{
	struct pg *p = MEM_NEW(struct pg);
	int r;

	d->db = p;
	p->timeout_ms = conf->sql->query_timeout_ms;
	r = connect_with(p, conf->sql);
	return r ? db_fail(d, conf, "cannot be reached", r, err) : set_up(d, conf, err);
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
