#include "pgsql.h"
#include "dbserver.h"
#include "fixture.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_up(void);

static struct dbserver server = { .script = "db/pgsql",
				  .signal = SIGQUIT,
				  .is_up = is_up };

static PGconn *connect(void)
{
	const char *name[] = { "host", "dbname", "user", "password", NULL };
	const char *value[] = { server.dir, "meerkat", "meerkat", "secret", NULL };

	return PQconnectdbParams(name, value, 0);
}

static bool is_up(void)
{
	PGconn *c = connect();
	bool is = PQstatus(c) == CONNECTION_OK;

	PQfinish(c);
	return is;
}

int64_t pgsql_number(const char *sql)
{
	PGconn *c = connect();
	PGresult *res = PQexec(c, sql);
	int64_t n = -1;

	if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1)
		n = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	PQfinish(c);
	return n;
}

static void run(PGconn *c, const char *sql)
{
	PGresult *res;
	bool is_done;

	CHECK(PQstatus(c) == CONNECTION_OK);
	res = PQexec(c, sql);
	is_done = PQresultStatus(res) == PGRES_COMMAND_OK ||
		  PQresultStatus(res) == PGRES_TUPLES_OK;
	if (!is_done)
		printf("%s: %s", sql, PQresultErrorMessage(res));
	PQclear(res);
	CHECK(is_done);
}

void pgsql_do(const char *sql)
{
	PGconn *c = connect();

	run(c, sql);
	PQfinish(c);
}

static PGconn *holder;

void pgsql_hold(const char *sql)
{
	ASSERT(holder == NULL);
	holder = connect();
	run(holder, sql);
}

void pgsql_let_go(void)
{
	PQfinish(holder);
	holder = NULL;
}

void pgsql_kill(void)
{
	dbserver_kill(&server);
}

void pgsql_restart(void)
{
	dbserver_start(&server);
}

const struct store_sql *pgsql_conf(void)
{
	static struct store_sql sql;

	if (server.pid == 0)
		dbserver_start(&server);
	pgsql_do("SET client_min_messages = warning; DROP SCHEMA public CASCADE;"
		 "CREATE SCHEMA public");
	sql = (struct store_sql){ .driver = STORE_PGSQL,
				  .host = server.dir,
				  .port = 5432,
				  .database = "meerkat",
				  .username = "meerkat",
				  .password = "secret",
				  .readers = { 3, DISPATCH_ANY, DISPATCH_NO_LIMIT },
				  .query_timeout_ms = 20000,
				  .call_timeout_ms = 60000,
				  .max_start_ms = 30000 };
	return &sql;
}

struct store *pgsql_open_store(const struct store_sql *sql)
{
	struct store_conf conf = { .path = "meerkat", .sql = sql, .wait = true };
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;

	if (store_open(&conf, &s, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s", buf_cstr(&err));
	return s;
}
