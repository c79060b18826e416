/* The driver for PostgreSQL, and for CockroachDB, which speaks its protocol.
 *
 * Statements go through libpq's pipeline, so that those whose answers nobody needs to see first
 * (savepoints, mostly) cost no round trip of their own. */
#include "store/pgsql.h"

#include <endian.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { OID_INT8 = 20, OID_TEXT = 25, FORMAT_BINARY = 1 };

struct db_stmt {
	struct pg *pg;
	char name[16];
	int n;
	bool running;
	PGresult *row;
	const char *value[DB_PARAM_MAX];
	int length[DB_PARAM_MAX], format[DB_PARAM_MAX];
	uint64_t number[DB_PARAM_MAX]; /* as it goes over the wire */
};

/* --- errors --- */

static const struct {
	const char *state; /* SQLSTATE, or its class */
	int err;
} errors[] = {
	{ "23505", -EEXIST },	 /* unique_violation */
	{ "22001", -ENOSPC },	 /* longer than its column */
	{ "54000", -ENOSPC },	 /* longer than an index can hold */
	{ "57014", -ETIMEDOUT }, /* statement_timeout */
	{ "55P03", -EBUSY },	 /* lock_not_available */
	{ "40", -EBUSY },	 /* serialization_failure, deadlock_detected */
	{ "0A000", -ENOTCONN },	 /* a prepared statement's table has changed */
	{ "26000", -ENOTCONN },	 /* ... is not there: a pooler's doing */
	{ "25006", -EROFS },	 /* a standby */
};

static int code_of(const char *state)
{
	for (size_t i = 0; state && i < ARRAY_LEN(errors); i++)
		if (strncmp(state, errors[i].state, strlen(errors[i].state)) == 0)
			return errors[i].err;
	return -EIO;
}

/* One line, without what ends it. */
static void set_error(struct pg *p, const char *text)
{
	size_t n = strcspn(text, "\n");

	snprintf(p->error, sizeof(p->error), "%.*s", (int)MIN(n, sizeof(p->error) - 1),
		 text);
}

static int lose(struct pg *p, int err, const char *why)
{
	if (!p->lost)
		set_error(p, why);
	p->lost = true;
	return err;
}

static int fail(struct pg *p)
{
	return lose(p, -ENOTCONN, PQerrorMessage(p->conn));
}

/* What a result that tells of an error means. The text of the error is without its details: these
 * quote values. */
static int failure(struct pg *p, const PGresult *res)
{
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	int err;

	if (PQresultStatus(res) == PGRES_PIPELINE_ABORTED)
		return -EIO; /* the one before it has told why */
	/* It is leaving: a shutdown, or an administrator's command. */
	if (severity &&
	    (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		return lose(p, -ENOTCONN, text ? text : "the server has ended it");
	if (PQstatus(p->conn) != CONNECTION_OK)
		return fail(p);
	set_error(p, text ? text : PQerrorMessage(p->conn));
	err = code_of(PQresultErrorField(res, PG_DIAG_SQLSTATE));
	p->lost |= err == -ENOTCONN; /* a new connection prepares anew */
	return err;
}

static const char *error_text(struct db *d)
{
	struct pg *p = d->db;

	return p ? p->error : "it is not connected";
}

/* --- waiting --- */

/* Until the next result can be had without waiting. */
static int await(struct pg *p)
{
	for (;;) {
		struct pollfd fd = { .fd = PQsocket(p->conn), .events = POLLIN };
		msec_t left = p->deadline - clock_mono_ms();
		int more = PQflush(p->conn);

		if (more < 0)
			return fail(p);
		if (!PQisBusy(p->conn))
			return 0;
		if (left <= 0)
			return lose(p, -ETIMEDOUT,
				    "the server has not answered within query_timeout");
		if (more)
			fd.events |= POLLOUT;
		if (poll(&fd, 1, (int)MIN(left, (msec_t)INT32_MAX)) < 0 && errno != EINTR)
			return lose(p, -errno, strerror(errno));
		if ((fd.revents & ~POLLOUT) && !PQconsumeInput(p->conn))
			return fail(p);
	}
}

static int next(struct pg *p, PGresult **ret)
{
	int r = p->lost ? -ENOTCONN : await(p);

	if (r == 0)
		*ret = PQgetResult(p->conn);
	return r;
}

/* The result of a command that gives no rows. */
static int read_done(struct pg *p)
{
	PGresult *res = NULL, *end = NULL;
	int r = next(p, &res);

	if (r == 0 && res == NULL)
		return lose(p, -EIO, "an answer is missing");
	if (r == 0 && PQresultStatus(res) != PGRES_COMMAND_OK)
		r = failure(p, res);
	PQclear(res);
	if (!p->lost && next(p, &end) == 0 && end != NULL)
		r = lose(p, -EIO, "an answer too much");
	PQclear(end);
	return r;
}

/* The end of all that was sent; what went wrong in it is over then. */
static int read_sync(struct pg *p)
{
	PGresult *res = NULL;
	int r = next(p, &res);

	if (r == 0 && PQresultStatus(res) != PGRES_PIPELINE_SYNC)
		r = lose(p, -EIO, "the end of the answers is missing");
	PQclear(res);
	return r;
}

/* Sends what is in the pipeline and reads the results of what was put off. If one of those has
 * failed, the connection is lost: were it the end of a savepoint, the next call would undo the last
 * one with its own. */
static int run(struct pg *p)
{
	int r = 0;

	p->deadline = clock_mono_ms() + p->timeout_ms;
	if (!PQpipelineSync(p->conn))
		return fail(p);
	while (p->n_later && r == 0) {
		p->n_later--;
		r = read_done(p);
	}
	p->lost |= r < 0;
	return r;
}

/* The same for a command without rows that is the last one in the pipeline. */
static int run_command(struct pg *p)
{
	int r = run(p), end;

	r = r ? r : read_done(p);
	end = p->lost ? 0 : read_sync(p);
	return r ? r : end;
}

static bool is_lost(struct db *d)
{
	struct pg *p = d->db;
	struct pollfd fd = { .fd = PQsocket(p->conn), .events = POLLIN | POLLRDHUP };

	if (p->lost || PQstatus(p->conn) != CONNECTION_OK)
		return true;
	if (poll(&fd, 1, 0) <= 0)
		return false;
	/* Between statements there is nothing to read but the connection's end, or the news of
	 * it. */
	if (!PQconsumeInput(p->conn) || PQstatus(p->conn) != CONNECTION_OK)
		(void)fail(p);
	else if (poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR | POLLRDHUP)))
		(void)lose(p, -ENOTCONN, "the server has closed it");
	return p->lost;
}

/* --- statements without rows --- */

static int put(struct pg *p, const char *sql)
{
	if (p->lost)
		return -ENOTCONN;
	return PQsendQueryParams(p->conn, sql, 0, NULL, NULL, NULL, NULL, 0) ? 0
									     : fail(p);
}

static int later(struct db *d, const char *sql)
{
	struct pg *p = d->db;
	int r = put(p, sql);

	p->n_later += r == 0;
	return r;
}

static int script(struct db *d, const char *sql)
{
	struct pg *p = d->db;
	int r = put(p, sql);

	return r ? r : run_command(p);
}

static bool in_transaction(struct db *d)
{
	return !((struct pg *)d->db)->lost; /* it ends with the connection only */
}

/* A transaction in which something went wrong is rolled back, and COMMIT calls that a success: its
 * tag is what tells. */
static int commit(struct db *d)
{
	struct pg *p = d->db;
	PGresult *res = NULL, *end = NULL;
	int r = put(p, "COMMIT");

	r = r ? r : run(p);
	if (r < 0)
		return r;
	if (next(p, &res) == 0) {
		if (PQresultStatus(res) != PGRES_COMMAND_OK)
			r = failure(p, res);
		else if (strcmp(PQcmdStatus(res), "COMMIT") != 0)
			r = -EIO;
		if (!p->lost)
			(void)next(p, &end);
	}
	PQclear(res);
	PQclear(end);
	if (!p->lost)
		(void)read_sync(p);
	return r == 0 && p->lost ? -ENOTCONN : r;
}

/* --- prepared statements --- */

static int prepare(struct db *d, const char *sql, const char *types, struct db_stmt **ret)
{
	struct pg *p = d->db;
	Oid oid[DB_PARAM_MAX];
	struct db_stmt *st;
	int r;

	if (p->lost)
		return -ENOTCONN;
	st = MEM_NEW(struct db_stmt);
	st->pg = p;
	st->n = (int)strlen(types);
	ASSERT(st->n <= DB_PARAM_MAX);
	for (int i = 0; i < st->n; i++)
		oid[i] = types[i] == 's' ? OID_TEXT : OID_INT8;
	snprintf(st->name, sizeof(st->name), "m%u", p->n_names++);
	if (!PQsendPrepare(p->conn, st->name, sql, st->n, oid)) {
		mem_free(st);
		return fail(p);
	}
	r = run_command(p);
	if (r < 0) {
		mem_free(st);
		return r;
	}
	*ret = st;
	return 0;
}

static void clear_row(struct db_stmt *st)
{
	PQclear(st->row);
	st->row = NULL;
}

/* What is left of its rows is read: the next statement's come behind them. */
static void reset(struct db_stmt *st)
{
	struct pg *p = st->pg;

	clear_row(st);
	while (st->running && !p->lost) {
		PGresult *res = NULL;

		if (next(p, &res) < 0)
			break;
		st->running = res != NULL;
		PQclear(res);
		if (!st->running)
			(void)read_sync(p);
	}
	st->running = false;
}

static void finalize(struct db_stmt *st)
{
	clear_row(st);
	mem_free(st); /* the server forgets it with the connection */
}

static int bind_text(struct db_stmt *st, int at, struct strv s)
{
	int i = at - 1;

	if (s.n > INT32_MAX)
		return -ENOSPC;
	st->value[i] = s.p;
	st->length[i] = (int)s.n;
	st->format[i] = FORMAT_BINARY; /* of text, that is its bytes */
	return 0;
}

static int bind_int(struct db_stmt *st, int at, int64_t n)
{
	int i = at - 1;

	st->number[i] = htobe64((uint64_t)n);
	st->value[i] = (const char *)&st->number[i];
	st->length[i] = sizeof(st->number[i]);
	st->format[i] = FORMAT_BINARY;
	return 0;
}

static int start(struct db_stmt *st)
{
	struct pg *p = st->pg;
	int r;

	if (p->lost)
		return -ENOTCONN;
	if (!PQsendQueryPrepared(p->conn, st->name, st->n, st->value, st->length,
				 st->format, 0))
		return fail(p);
	r = run(p);
	st->running = !p->lost;
	p->changes = 0;
	/* Row by row: a page of messages is then never in memory as a whole. */
	if (!p->lost && !PQsetSingleRowMode(p->conn))
		return lose(p, -EIO, "rows cannot be had one by one");
	return r;
}

static int step_on(struct pg *p, struct db_stmt *st)
{
	PGresult *res = NULL;
	int r = next(p, &res);

	if (r < 0)
		return r;
	switch (PQresultStatus(res)) {
	case PGRES_SINGLE_TUPLE:
		st->row = res;
		return 1;
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		p->changes = strtoll(PQcmdTuples(res), NULL, 10);
		break;
	default:
		r = failure(p, res);
	}
	PQclear(res);
	return r;
}

static int step(struct db *d, struct db_stmt *st)
{
	struct pg *p = d->db;
	int r = st->running ? 0 : start(st);

	clear_row(st);
	r = r ? r : step_on(p, st);
	if (r > 0)
		return r;
	reset(st);
	return r == 0 && p->lost ? -ENOTCONN : r;
}

static int64_t changes(struct db *d)
{
	return ((struct pg *)d->db)->changes;
}

static struct strv text(struct db_stmt *st, int column)
{
	if (PQgetisnull(st->row, 0, column))
		return STRV_NULL;
	return strv_make(PQgetvalue(st->row, 0, column),
			 (size_t)PQgetlength(st->row, 0, column));
}

static int64_t integer(struct db_stmt *st, int column)
{
	return strtoll(PQgetvalue(st->row, 0, column), NULL, 10);
}

/* --- the drivers --- */

static void close_connection(struct db *d)
{
	struct pg *p = d->db;

	PQfinish(p->conn);
	mem_free(p);
}

#define PGSQL(...)                                                                    \
	{                                                                             \
		.load = libpq_load, .open = pgsql_open, .close = close_connection,    \
		.error = error_text, .is_lost = is_lost,                              \
		.has_version = "SELECT count(*) FROM information_schema.tables WHERE" \
			       " table_name = 'meerkat_schema' AND"                   \
			       " table_schema = current_schema()",                    \
		.begin = "BEGIN",                                                     \
		.begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",     \
		.in_transaction = in_transaction, .commit = commit, .script = script, \
		.later = later, .prepare = prepare, .finalize = finalize,             \
		.reset = reset, .bind_text = bind_text, .bind_int = bind_int,         \
		.step = step, .changes = changes, .text = text, .integer = integer,   \
		__VA_ARGS__                                                           \
	}

const struct db_driver db_pgsql =
	PGSQL(.dialect = { .numbered = true,
			   .by_bytes = true,
			   .before = "",
			   .after = " COLLATE \"C\"",
			   .hold = " FOR KEY SHARE" },
	      .migrations = pgsql_migrations,
	      .lock = "SELECT 1 FROM pg_advisory_xact_lock(7305804385324360293)",
	      .estimate = "SELECT reltuples::bigint FROM pg_class WHERE"
			  " oid = to_regclass('users')");

/* Its texts have no other order than that of their bytes. */
const struct db_driver db_cockroachdb = PGSQL(.dialect = { .numbered = true,
							   .by_bytes = true,
							   .before = "",
							   .after = "",
							   .hold = " FOR SHARE" },
					      .migrations = cockroachdb_migrations);
