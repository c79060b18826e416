/* The driver for MySQL and MariaDB. */
#include "store/mysql_priv.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	INLINE_MAX = 64, /* bytes of a column that need no memory of its own */
	COLUMNS_MAX = 8,
	/* Those that our headers, or older ones, do not have. */
	ER_MARIADB_STATEMENT_TIMEOUT = 1969,
	ER_MARIADB_CONNECTION_KILLED = 1927,
	ER_MYSQL_QUERY_TIMEOUT = 3024,
	ER_MYSQL_IDLE_DISCONNECT = 4031,
};

struct column {
	char small[INLINE_MAX];
	char *large;
	unsigned long length;
	my_bool is_null;
};

struct db_stmt {
	struct my *my;
	MYSQL_STMT *st;
	unsigned n, n_columns;
	bool running;
	MYSQL_BIND in[DB_PARAM_MAX], out[COLUMNS_MAX];
	long long number[DB_PARAM_MAX];
	unsigned long length[DB_PARAM_MAX];
	struct column column[COLUMNS_MAX];
};

/* --- errors --- */

static const struct {
	unsigned code;
	int err;
} errors[] = {
	{ ER_DUP_ENTRY, -EEXIST },
	{ ER_DATA_TOO_LONG, -ENOSPC },
	{ ER_NET_PACKET_TOO_LARGE, -ENOSPC },
	{ ER_LOCK_WAIT_TIMEOUT, -EBUSY },
	{ ER_LOCK_DEADLOCK, -EBUSY },
	{ ER_OPTION_PREVENTS_STATEMENT, -EROFS },
	{ ER_MARIADB_STATEMENT_TIMEOUT, -ETIMEDOUT },
	{ ER_MYSQL_QUERY_TIMEOUT, -ETIMEDOUT },
};

void mysql_set_error(struct my *m, const char *text)
{
	size_t n = strcspn(text, "\n");

	snprintf(m->error, sizeof(m->error), "%.*s", (int)MIN(n, sizeof(m->error) - 1),
		 text);
}

/* An error of the client's library is one of the connection. */
static bool ends_connection(unsigned code)
{
	return (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) ||
	       code == ER_SERVER_SHUTDOWN || code == ER_MARIADB_CONNECTION_KILLED ||
	       code == ER_MYSQL_IDLE_DISCONNECT;
}

/* The server quotes values in some of its texts: what is told of such an error is its number. */
static void tell(struct my *m, unsigned code, const char *text)
{
	char number[64];

	snprintf(number, sizeof(number), "error %u", code);
	mysql_set_error(m, code == ER_DUP_ENTRY || code == ER_DATA_TOO_LONG ||
					   code == ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
				   ? number
				   : text);
}

static int failure(struct my *m, unsigned code, const char *text)
{
	if (m->lost)
		return -ENOTCONN;
	tell(m, code, text);
	if (ends_connection(code)) {
		m->lost = true;
		return errno == ETIMEDOUT || errno == EAGAIN ? -ETIMEDOUT : -ENOTCONN;
	}
	if (code == ER_LOCK_DEADLOCK)
		m->rolled_back = true;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (code == errors[i].code)
			return errors[i].err;
	return -EIO;
}

static int fail(struct my *m)
{
	return failure(m, mysql_errno(m->conn), mysql_error(m->conn));
}

static int fail_stmt(struct db_stmt *st)
{
	/* Of what goes wrong between two rows, only the connection knows. */
	if (mysql_stmt_errno(st->st) == 0)
		return fail(st->my);
	return failure(st->my, mysql_stmt_errno(st->st), mysql_stmt_error(st->st));
}

static const char *error_text(struct db *d)
{
	struct my *m = d->db;

	return m ? m->error : "it is not connected";
}

static bool is_lost(struct db *d)
{
	struct my *m = d->db;
	struct pollfd fd = { .fd = (int)mysql_get_socket(m->conn),
			     .events = POLLIN | POLLRDHUP };

	/* Between statements there is nothing to read but the connection's end, or the news of
	 * it. */
	if (!m->lost && poll(&fd, 1, 0) > 0) {
		mysql_set_error(m, "the server has closed it");
		m->lost = true;
	}
	return m->lost;
}

/* --- statements without rows --- */

static int read_results(struct my *m)
{
	int r;

	while ((r = mysql_next_result(m->conn)) == 0)
		;
	return r > 0 ? fail(m) : 0;
}

/* Sends what was put off, and `sql` behind it, in one go; NULL: nothing. Which of them has failed
 * cannot be known: if it was the end of a savepoint, the next call would undo the last one with its
 * own. */
static int send(struct my *m, const char *sql)
{
	bool put_off = m->later.n > 0;
	int r;

	if (m->lost)
		return -ENOTCONN;
	if (sql)
		buf_putf(&m->later, "%s%s", m->later.n ? ";" : "", sql);
	if (m->later.n == 0)
		return 0;
	errno = 0;
	r = mysql_real_query(m->conn, m->later.p, m->later.n) ? fail(m) : read_results(m);
	buf_clear(&m->later);
	if (r < 0 && put_off)
		m->lost = true;
	return r;
}

static int later(struct db *d, const char *sql)
{
	struct my *m = d->db;

	if (m->lost)
		return -ENOTCONN;
	if (sql == d->driver->begin)
		m->rolled_back = false;
	buf_putf(&m->later, "%s%s", m->later.n ? ";" : "", sql);
	return 0;
}

static int script(struct db *d, const char *sql)
{
	struct my *m = d->db;
	int r = send(m, sql);
	unsigned code = r < 0 && !m->lost ? mysql_errno(m->conn) : 0;

	/* MySQL has no IF NOT EXISTS for these: steps of a migration that is done again, because
	 * it commits each step. */
	return code == ER_DUP_FIELDNAME || code == ER_DUP_KEYNAME ? 0 : r;
}

static bool in_transaction(struct db *d)
{
	struct my *m = d->db;

	return !m->lost && !m->rolled_back;
}

static int commit(struct db *d)
{
	struct my *m = d->db;

	return m->rolled_back ? -EIO : send(m, "COMMIT");
}

/* --- prepared statements --- */

static void bind_columns(struct db_stmt *st)
{
	for (unsigned i = 0; i < st->n_columns; i++) {
		struct column *c = &st->column[i];

		st->out[i] = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_STRING,
					   .buffer = c->small,
					   .buffer_length = sizeof(c->small),
					   .length = &c->length,
					   .is_null = &c->is_null };
	}
}

static void finalize(struct db_stmt *st)
{
	mysql_stmt_close(st->st);
	for (unsigned i = 0; i < st->n_columns; i++)
		mem_free(st->column[i].large);
	mem_free(st);
}

static int prepare(struct db *d, const char *sql, const char *types, struct db_stmt **ret)
{
	struct my *m = d->db;
	struct db_stmt *st;
	int r = send(m, NULL);

	if (r < 0)
		return r;
	st = MEM_NEW(struct db_stmt);
	st->my = m;
	st->st = mysql_stmt_init(m->conn);
	ASSERT(st->st); /* else memory is out */
	errno = 0;
	if (mysql_stmt_prepare(st->st, sql, strlen(sql))) {
		r = fail_stmt(st);
		finalize(st);
		return r;
	}
	st->n = (unsigned)mysql_stmt_param_count(st->st);
	st->n_columns = mysql_stmt_field_count(st->st);
	ASSERT(st->n <= DB_PARAM_MAX && st->n_columns <= COLUMNS_MAX);
	bind_columns(st);
	*ret = st;
	return 0;
}

static void drop_large(struct db_stmt *st)
{
	for (unsigned i = 0; i < st->n_columns; i++) {
		mem_free(st->column[i].large);
		st->column[i].large = NULL;
	}
}

static void reset(struct db_stmt *st)
{
	drop_large(st);
	/* Reads what is left of its rows. */
	if (st->running && !st->my->lost && mysql_stmt_free_result(st->st))
		(void)fail_stmt(st);
	st->running = false;
}

static int bind_text(struct db_stmt *st, int at, struct strv s)
{
	int i = at - 1;

	st->length[i] = s.n;
	st->in[i] =
		(MYSQL_BIND){ .buffer_type = s.p ? MYSQL_TYPE_STRING : MYSQL_TYPE_NULL,
			      .buffer = (char *)s.p,
			      .buffer_length = s.n,
			      .length = &st->length[i] };
	return 0;
}

static int bind_int(struct db_stmt *st, int at, int64_t n)
{
	int i = at - 1;

	st->number[i] = n;
	st->in[i] = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_LONGLONG,
				  .buffer = &st->number[i] };
	return 0;
}

static int start(struct db_stmt *st)
{
	struct my *m = st->my;
	int r = send(m, NULL);

	if (r < 0)
		return r;
	errno = 0;
	m->changes = 0;
	if ((st->n && mysql_stmt_bind_param(st->st, st->in)) ||
	    mysql_stmt_execute(st->st))
		return fail_stmt(st);
	st->running = st->n_columns > 0;
	if (!st->running)
		m->changes = (int64_t)mysql_stmt_affected_rows(st->st);
	else if (mysql_stmt_bind_result(st->st, st->out))
		return fail_stmt(st);
	return 0;
}

static int fetch(struct db_stmt *st)
{
	int r;

	errno = 0;
	r = mysql_stmt_fetch(st->st);
	if (r == 0 || r == MYSQL_DATA_TRUNCATED)
		return 1;
	return r == MYSQL_NO_DATA ? 0 : fail_stmt(st);
}

static int step(struct db *d, struct db_stmt *st)
{
	int r = st->running ? 0 : start(st);

	drop_large(st);
	if (r == 0 && st->running)
		r = fetch(st);
	if (r <= 0)
		reset(st);
	return r;
}

static int64_t changes(struct db *d)
{
	return ((struct my *)d->db)->changes;
}

static struct strv text(struct db_stmt *st, int column)
{
	struct column *c = &st->column[column];
	MYSQL_BIND b = { .buffer_type = MYSQL_TYPE_STRING, .buffer_length = c->length };

	if (c->is_null)
		return STRV_NULL;
	if (c->length <= sizeof(c->small))
		return strv_make(c->small, c->length);
	if (c->large == NULL) {
		unsigned long length;

		b.buffer = c->large = mem_alloc(c->length);
		b.length = &length;
		if (mysql_stmt_fetch_column(st->st, &b, (unsigned)column, 0))
			return STRV_NULL; /* our bug only: the row is here */
	}
	return strv_make(c->large, c->length);
}

static int64_t integer(struct db_stmt *st, int column)
{
	struct column *c = &st->column[column];
	char digits[INLINE_MAX];
	size_t n = MIN(c->length, sizeof(digits) - 1);

	if (c->is_null)
		return 0;
	memcpy(digits, c->small, n);
	digits[n] = '\0';
	return strtoll(digits, NULL, 10);
}

static void close_connection(struct db *d)
{
	struct my *m = d->db;

	mysql_close(m->conn);
	buf_free(&m->later);
	mem_free(m);
}

const struct db_driver db_mysql = {
	.dialect = { .by_bytes = false,
		     .before = "BINARY ",
		     .after = "",
		     .hold = " LOCK IN SHARE MODE" },
	.load = mysql_load,
	.open = mysql_open_connection,
	.close = close_connection,
	.error = error_text,
	.is_lost = is_lost,
	.migrations = mysql_migrations,
	.has_version = "SELECT count(*) FROM information_schema.tables WHERE"
		       " table_name = 'meerkat_schema' AND table_schema = DATABASE()",
	.lock = "SELECT GET_LOCK('meerkat_schema', 10)",
	.unlock = "SELECT RELEASE_LOCK('meerkat_schema')",
	.estimate = "SELECT table_rows FROM information_schema.tables WHERE"
		    " table_name = 'users' AND table_schema = DATABASE()",
	.begin = "START TRANSACTION",
	.begin_read = "START TRANSACTION WITH CONSISTENT SNAPSHOT",
	.in_transaction = in_transaction,
	.commit = commit,
	.script = script,
	.later = later,
	.prepare = prepare,
	.finalize = finalize,
	.reset = reset,
	.bind_text = bind_text,
	.bind_int = bind_int,
	.step = step,
	.changes = changes,
	.text = text,
	.integer = integer,
};
