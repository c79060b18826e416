#include "mariadb.h"
#include "dbserver.h"
#include "fixture.h"

#include <mysql.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_up(void);

static struct dbserver server = { .script = "db/mysql",
				  .signal = SIGKILL,
				  .is_up = is_up };

static const char *socket_path(void)
{
	static char path[80]; /* made before there is another thread, which reads it */

	if (path[0] == '\0')
		snprintf(path, sizeof(path), "%s/socket", server.dir);
	return path;
}

/* NULL: it is not up. */
static MYSQL *connect(void)
{
	MYSQL *c = mysql_init(NULL);

	if (mysql_real_connect(c, NULL, "meerkat", "secret", "meerkat", 0, socket_path(),
			       CLIENT_MULTI_STATEMENTS))
		return c;
	mysql_close(c);
	return NULL;
}

static bool is_up(void)
{
	MYSQL *c = connect();

	if (c)
		mysql_close(c);
	return c != NULL;
}

int64_t mariadb_number(const char *sql)
{
	MYSQL *c = connect();
	MYSQL_RES *res;
	MYSQL_ROW row;
	int64_t n = -1;

	CHECK(c != NULL);
	res = mysql_query(c, sql) == 0 ? mysql_store_result(c) : NULL;
	if (res && mysql_num_rows(res) == 1 && (row = mysql_fetch_row(res)) && row[0])
		n = strtoll(row[0], NULL, 10);
	mysql_free_result(res);
	mysql_close(c);
	return n;
}

static void run(MYSQL *c, const char *sql)
{
	int r;

	CHECK(c != NULL);
	r = mysql_query(c, sql);
	while (r == 0) {
		mysql_free_result(mysql_store_result(c));
		r = mysql_next_result(c);
	}
	if (r > 0)
		printf("%s: %s\n", sql, mysql_error(c));
	CHECK(r < 0);
}

void mariadb_do(const char *sql)
{
	MYSQL *c = connect();

	run(c, sql);
	mysql_close(c);
}

static MYSQL *holder;

void mariadb_hold(const char *sql)
{
	ASSERT(holder == NULL);
	holder = connect();
	run(holder, sql);
}

void mariadb_let_go(void)
{
	mysql_close(holder);
	holder = NULL;
}

void mariadb_kill(void)
{
	dbserver_kill(&server);
}

void mariadb_restart(void)
{
	dbserver_start(&server);
}

void mariadb_freeze(bool frozen)
{
	kill(server.pid, frozen ? SIGSTOP : SIGCONT);
}

/* The other one waits for the lock in the midst of its query. */
static void *want_a(void *arg)
{
	MYSQL *c = arg;
	int r = mysql_query(c, "UPDATE meerkat_secrets SET value = '1' WHERE name = 'a'");

	return (void *)(intptr_t)r;
}

/* Not innodb_trx: its cache stays as it is while it is asked more often than each 0.1 s. */
static bool somebody_waits(void)
{
	return mariadb_number(
		       "SELECT variable_value FROM information_schema.global_status"
		       " WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'") > 0;
}

int mariadb_deadlock(void)
{
	MYSQL *c = connect();
	pthread_t t;
	int r;

	ASSERT(c);
	/* The victim is who has changed less. */
	r = mysql_query(c, "SET autocommit = 0");
	r |= mysql_query(c, "UPDATE meerkat_secrets SET value = '1' WHERE name = 'b'");
	r |= mysql_query(c,
			 "INSERT INTO private_storage (server, username, namespace, data)"
			 " SELECT 's', 'u', seq, '' FROM seq_1_to_1000");
	ASSERT(r == 0);
	r = db_exec("UPDATE meerkat_secrets SET value = ? WHERE name = 'a'", "s",
		    STRV("2"));
	ASSERT(r == 0);
	pthread_create(&t, NULL, want_a, c);
	while (!somebody_waits())
		dbserver_pause();
	r = db_exec("UPDATE meerkat_secrets SET value = ? WHERE name = 'b'", "s",
		    STRV("2"));
	pthread_join(t, NULL);
	mysql_close(c);
	return r;
}

const struct store_sql *mariadb_conf(void)
{
	static struct store_sql sql;

	if (server.pid == 0)
		dbserver_start(&server);
	mariadb_do("DROP DATABASE meerkat; CREATE DATABASE meerkat");
	sql = (struct store_sql){ .driver = STORE_MYSQL,
				  .host = socket_path(),
				  .port = 3306,
				  .database = "meerkat",
				  .username = "meerkat",
				  .password = "secret",
				  .readers = { 3, DISPATCH_ANY, DISPATCH_NO_LIMIT },
				  .query_timeout_ms = 20000,
				  .call_timeout_ms = 60000,
				  .max_start_ms = 30000 };
	return &sql;
}

struct store *mariadb_open_store(const struct store_sql *sql)
{
	struct store_conf conf = { .path = "meerkat", .sql = sql, .wait = true };
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;

	if (store_open(&conf, &s, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s", buf_cstr(&err));
	return s;
}
