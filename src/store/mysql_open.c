/* How connections to MySQL and MariaDB begin. */
#include "store/mysql_priv.h"
#include "store/db_tls.h"

#include <pthread.h>
#include <stdio.h>

enum { LATER_MAX = 1024 };

static void init_library(void)
{
	int r = mysql_library_init(0, NULL, NULL); /* before there are threads */

	ASSERT(r == 0);
}

int mysql_load(struct buf *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int r = libmariadb_load(err);

	if (r == 0)
		pthread_once(&once, init_library);
	return r;
}

static void set_text(MYSQL *c, enum mysql_option option, const char *text)
{
	int r = text ? mysql_optionsv(c, option, text) : 0;

	ASSERT(r == 0); /* the library has the option, or is none that we can use */
}

static void set_bool(MYSQL *c, enum mysql_option option, bool on)
{
	my_bool value = on;
	int r = mysql_optionsv(c, option, &value);

	ASSERT(r == 0);
}

static void set_uint(MYSQL *c, enum mysql_option option, unsigned value)
{
	int r = mysql_optionsv(c, option, &value);

	ASSERT(r == 0);
}

/* Nearly all of TLS is ours (store/db_tls.h). The library puts up with a server that says that it
 * has no TLS, and so does whoever is on the way, but not where it is to compare a fingerprint: that
 * there is none to compare is fine with it. */
static void set_tls(MYSQL *c, const struct tls_client_options *tls)
{
	set_bool(c, MYSQL_OPT_SSL_ENFORCE, true);
	set_bool(c, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, false);
	set_text(c, MARIADB_OPT_TLS_PEER_FP, "");
	if (tls->verify != TLS_CLIENT_NONE) /* it would verify by itself, too */
		set_text(c, MYSQL_OPT_SSL_CA, tls->cacertfile);
}

/* What a server could use against us is off: it gets no files, and no password that others could
 * read on the way. */
static void set_options(MYSQL *c, const struct store_sql *sql)
{
	unsigned seconds =
		(unsigned)MAX((sql->query_timeout_ms + 999) / 1000, (int64_t)1);

	set_text(c, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	set_text(c, MARIADB_OPT_RESTRICTED_AUTH,
		 "mysql_native_password,client_ed25519,caching_sha2_password,"
		 "sha256_password");
	set_uint(c, MYSQL_OPT_LOCAL_INFILE, 0);
	set_uint(c, MYSQL_OPT_CONNECT_TIMEOUT, seconds);
	set_uint(c, MYSQL_OPT_READ_TIMEOUT, seconds);
	set_uint(c, MYSQL_OPT_WRITE_TIMEOUT, seconds);
	/* The library takes "localhost" for a local socket. */
	set_uint(c, MYSQL_OPT_PROTOCOL,
		 sql->host[0] == '/' ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP);
	if (sql->tls.on)
		set_tls(c, &sql->tls.options);
}

/* The server gives up a statement a little before we do: so only that one fails, and not the
 * connection. MySQL has such a limit for queries, and one for locks. */
static int set_limit(struct db *d, int64_t ms)
{
	struct my *m = d->db;
	char sql[160];

	ms -= ms / 10;
	if (mariadb_connection(m->conn))
		snprintf(sql, sizeof(sql), "SET SESSION max_statement_time = %lld.%03lld",
			 (long long)(ms / 1000), (long long)(ms % 1000));
	else
		snprintf(sql, sizeof(sql),
			 "SET SESSION max_execution_time = %lld,"
			 " innodb_lock_wait_timeout = %lld, lock_wait_timeout = %lld",
			 (long long)ms, (long long)MAX(ms / 1000, 1),
			 (long long)MAX(ms / 1000, 1));
	return d->driver->script(d, sql);
}

static int set_up(struct db *d, const struct store_sql *sql, bool writable)
{
	static const char mode[] = "SET SESSION sql_mode ="
				   " 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,"
				   "NO_ENGINE_SUBSTITUTION'";
	/* An update that finds no row locks none, either. */
	static const char committed[] =
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
	static const char repeatable[] =
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
	int r = d->driver->script(d, mode);

	r = r ? r : d->driver->script(d, writable ? committed : repeatable);
	return r ? r : set_limit(d, sql->query_timeout_ms);
}

static int connect(struct my *m, const struct store_sql *sql)
{
	bool local = sql->host[0] == '/';

	if (mysql_real_connect(m->conn, local ? NULL : sql->host, sql->username,
			       sql->password, sql->database, local ? 0 : sql->port,
			       local ? sql->host : NULL,
			       CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS))
		return 0;
	mysql_set_error(m, mysql_error(m->conn));
	return -ENOTCONN;
}

static int connect_with(struct my *m, const struct store_sql *sql)
{
	AUTO(buf_free) struct buf err = BUF_INIT(2048);
	struct db_tls tls;
	int r = db_tls_begin(&tls, sql, &err);

	if (r < 0) {
		mysql_set_error(m, buf_cstr(&err));
		return r;
	}
	r = connect(m, sql);
	db_tls_end(&tls);
	if (r < 0 && tls.over.why[0])
		mysql_set_error(m, tls.over.why);
	if (r == 0 && sql->tls.on &&
	    (!tls.over.began || mysql_get_ssl_cipher(m->conn) == NULL)) {
		mysql_set_error(m, "it has no TLS, or its library none of OpenSSL's");
		r = -ENOTCONN;
	}
	return r;
}

int mysql_open_connection(struct db *d, const struct store_conf *conf, bool writable,
			  struct buf *err)
{
	const struct store_sql *sql = conf->sql;
	struct my *m = MEM_NEW(struct my);
	int r;

	d->db = m;
	m->later = BUF_INIT(LATER_MAX + DB_SQL_MAX);
	m->conn = mysql_init(NULL);
	ASSERT(m->conn); /* else memory is out */
	set_options(m->conn, sql);
	r = connect_with(m, sql);
	if (r < 0)
		return db_fail(d, conf, "cannot be reached", r, err);
	r = set_up(d, sql, writable);
	return r ? db_fail(d, conf, "cannot be used", r, err) : 0;
}

/* --- the schema --- */

/* The tables are MongooseIM's, or become ours to share with it; then names are compared without a
 * collation's help. Each step may be done again. */
#define END	" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;"
#define CREATED " created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,"

const char *const mysql_migrations[] = {
	"CREATE TABLE IF NOT EXISTS users (username varchar(250) NOT NULL,"
	" server varchar(250) NOT NULL, password text NOT NULL, pass_details text," CREATED
	" PRIMARY KEY (server, username))" END
	"CREATE TABLE IF NOT EXISTS last (server varchar(250) NOT NULL,"
	" username varchar(250) NOT NULL, seconds bigint NOT NULL, state text NOT NULL,"
	" PRIMARY KEY (server, username))" END
	"CREATE TABLE IF NOT EXISTS rosterusers (server varchar(250) NOT NULL,"
	" username varchar(250) NOT NULL, jid varchar(250) NOT NULL, nick text NOT NULL,"
	" subscription character(1) NOT NULL, ask character(1) NOT NULL,"
	" askmessage mediumtext NOT NULL," CREATED
	" PRIMARY KEY (server, username, jid))" END
	"ALTER TABLE rosterusers ADD COLUMN approved integer;"
	"ALTER TABLE rosterusers ADD COLUMN listed integer;"
	"CREATE INDEX i_meerkat_roster_jid ON rosterusers (jid);"
	"CREATE TABLE IF NOT EXISTS rostergroups (server varchar(250) NOT NULL,"
	" username varchar(250) NOT NULL, jid varchar(250) NOT NULL,"
	" grp varchar(250) NOT NULL,"
	" PRIMARY KEY (server(150), username(200), jid, grp(150)))" END
	"CREATE TABLE IF NOT EXISTS roster_version (server varchar(250) NOT NULL,"
	" username varchar(250) NOT NULL, version text NOT NULL,"
	" PRIMARY KEY (server, username))" END
	"CREATE TABLE IF NOT EXISTS vcard (username varchar(250) NOT NULL,"
	" server varchar(250) NOT NULL, vcard mediumtext NOT NULL," CREATED
	" PRIMARY KEY (username, server))" END
	"CREATE TABLE IF NOT EXISTS private_storage (server varchar(250) NOT NULL,"
	" username varchar(250) NOT NULL, namespace varchar(250) NOT NULL,"
	" data mediumtext NOT NULL," CREATED
	" PRIMARY KEY (server, username, namespace))" END
	"CREATE TABLE IF NOT EXISTS offline_message"
	" (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,"
	" timestamp bigint unsigned NOT NULL, expire bigint unsigned,"
	" server varchar(250) NOT NULL, username varchar(250) NOT NULL,"
	" from_jid text NOT NULL, packet mediumblob NOT NULL,"
	" permanent_fields mediumblob)" END
	"CREATE INDEX i_offline_message ON offline_message (server, username, id);"
	"CREATE TABLE IF NOT EXISTS meerkat_accounts (server varchar(250) NOT NULL,"
	" username varchar(250) NOT NULL, PRIMARY KEY (server, username))" END
	"CREATE TABLE IF NOT EXISTS meerkat_secrets (name varchar(250) PRIMARY KEY,"
	" value text NOT NULL)" END
	"CREATE TABLE IF NOT EXISTS meerkat_schema (version integer NOT NULL)" END,
	NULL,
};
