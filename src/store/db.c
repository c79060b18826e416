/* What all drivers have in common: the statements that a connection keeps, and their parameters. */
#include "store/db.h"

#include <stdarg.h>

_Thread_local struct db *store_db;

int db_open(struct db *d, const struct db_driver *driver, const char *path, bool writable,
	    struct buf *err)
{
	*d = (struct db){ .driver = driver };
	return driver->open(d, path, writable, err);
}

void db_close(struct db *d)
{
	for (unsigned i = 0; i < d->n_stmt; i++)
		d->driver->finalize(d->stmt[i].stmt);
	d->n_stmt = 0;
	if (d->db)
		d->driver->close(d);
	d->db = NULL;
}

int db_fail(struct db *d, const char *path, const char *what, int code, struct buf *err)
{
	int r = buf_addf(err, "the database %s: %s: %s", path, what, d->driver->error(d));

	(void)r; /* a message cut short is still one */
	db_close(d);
	return code;
}

static int prepare(struct db *d, const char *sql, struct db_stmt **ret)
{
	int r;

	for (unsigned i = 0; i < d->n_stmt; i++) {
		if (d->stmt[i].sql == sql) {
			*ret = d->stmt[i].stmt;
			return 0;
		}
	}
	ASSERT(d->n_stmt < DB_STMT_MAX);
	r = d->driver->prepare(d, sql, ret);
	if (r < 0)
		return r;
	d->stmt[d->n_stmt].sql = sql;
	d->stmt[d->n_stmt++].stmt = *ret;
	return 0;
}

static int bind(struct db *d, struct db_stmt *st, const char *types, va_list ap)
{
	int r = 0;

	for (int i = 1; *types && r == 0; types++, i++) {
		ASSERT(*types == 's' || *types == 'i');
		if (*types == 's')
			r = d->driver->bind_text(st, i, va_arg(ap, struct strv));
		else
			r = d->driver->bind_int(st, i, va_arg(ap, int64_t));
	}
	return r;
}

static struct db_stmt *query(const char *sql, const char *types, va_list ap)
{
	struct db *d = store_db;
	struct db_stmt *st;

	d->err = prepare(d, sql, &st);
	if (d->err < 0)
		return NULL;
	d->driver->reset(st);
	d->err = bind(d, st, types, ap);
	return d->err < 0 ? NULL : st;
}

struct db_stmt *db_query(const char *sql, const char *types, ...)
{
	va_list ap;
	struct db_stmt *st;

	va_start(ap, types);
	st = query(sql, types, ap);
	va_end(ap);
	return st;
}

int db_step(struct db_stmt *st)
{
	ASSERT(st || store_db->err < 0);
	return st ? store_db->driver->step(store_db, st) : store_db->err;
}

int db_one(struct db_stmt *st)
{
	int r = db_step(st);
	return r > 0 ? 0 : r == 0 ? -ENOENT : r;
}

void db_finish(struct db_stmt *st)
{
	if (st)
		store_db->driver->reset(st);
}

int db_exec(const char *sql, const char *types, ...)
{
	va_list ap;
	struct db_stmt *st;
	int r;

	va_start(ap, types);
	st = query(sql, types, ap);
	va_end(ap);
	r = db_step(st);
	ASSERT(r <= 0);
	return r;
}

struct strv db_text(struct arena *a, struct db_stmt *st, int column)
{
	struct strv s = store_db->driver->text(st, column);
	return s.p ? arena_strv(a, s) : STRV_NULL;
}

int64_t db_int(struct db_stmt *st, int column)
{
	return store_db->driver->integer(st, column);
}

char db_letter(struct db_stmt *st, int column, char otherwise)
{
	struct strv s = store_db->driver->text(st, column);
	return s.n ? s.p[0] : otherwise;
}

int64_t db_changes(void)
{
	return store_db->driver->changes(store_db);
}

bool db_in_transaction(void)
{
	return store_db->driver->in_transaction(store_db);
}

const char *db_error(void)
{
	return store_db->driver->error(store_db);
}
