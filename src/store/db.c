/* What all drivers have in common: the statements that a connection keeps, their parameters, and
 * transactions. */
#include "store/db.h"
#include "store/store.h"
#include "tls/wipe.h"

#include <stdarg.h>

_Thread_local struct db *store_db;

int db_open(struct db *d, const struct db_driver *driver, const struct store_conf *conf,
	    bool writable, struct buf *err)
{
	bool wiped = tls_wipe_begin(); /* of what a library does with TLS */
	int r;

	*d = (struct db){ .driver = driver };
	r = driver->open(d, conf, writable, err);
	tls_wipe_end(wiped);
	return r;
}

void db_close(struct db *d)
{
	bool wiped = tls_wipe_begin();

	for (unsigned i = 0; i < d->n_stmt; i++)
		d->driver->finalize(d->stmt[i].stmt);
	d->n_stmt = 0;
	if (d->db)
		d->driver->close(d);
	tls_wipe_end(wiped);
	d->db = NULL;
	d->in_transaction = false;
	d->reading = 0;
}

bool db_is_lost(struct db *d)
{
	return d->driver->is_lost && d->driver->is_lost(d);
}

int db_fail(struct db *d, const struct store_conf *conf, const char *what, int code,
	    struct buf *err)
{
	int r = buf_addf(err, "the database %s: %s: %s", conf->path, what,
			 d->driver->error(d));

	(void)r; /* a message cut short is still one */
	db_close(d);
	return code;
}

/* --- transactions --- */

int db_begin(void)
{
	struct db *d = store_db;
	int r = db_later(d->driver->begin);

	d->in_transaction = r == 0;
	return r;
}

int db_begin_read(void)
{
	struct db *d = store_db;
	int r = 0;

	if (d->in_transaction)
		return 0;
	if (d->reading == 0)
		r = db_later(d->driver->begin_read);
	d->reading += r == 0;
	return r;
}

int db_end_read(void)
{
	struct db *d = store_db;

	if (d->reading == 0 || --d->reading > 0)
		return 0;
	/* A rollback is right for one that has failed, too. */
	return d->driver->later ? d->driver->script(d, "ROLLBACK")
				: db_exec("ROLLBACK", "");
}

int db_commit(void)
{
	struct db *d = store_db;
	int r = d->driver->commit(d);

	if (r == 0)
		d->in_transaction = false;
	return r;
}

int db_rollback(void)
{
	struct db *d = store_db;

	d->in_transaction = false;
	return d->driver->script(d, "ROLLBACK");
}

bool db_in_transaction(void)
{
	struct db *d = store_db;

	return d->in_transaction && d->driver->in_transaction(d);
}

int db_later(const char *sql)
{
	struct db *d = store_db;

	return d->driver->later ? d->driver->later(d, sql) : db_exec(sql, "");
}

/* --- statements --- */

/* 0 and its number, or -errno. */
static int prepare(struct db *d, const char *sql, const char *types, unsigned *ret)
{
	AUTO(buf_free) struct buf text = BUF_INIT(DB_SQL_MAX);
	unsigned i = 0;
	int r;

	while (i < d->n_stmt && d->stmt[i].sql != sql)
		i++;
	*ret = i;
	if (i < d->n_stmt)
		return 0;
	ASSERT(i < DB_STMT_MAX);
	d->stmt[i].n_param =
		(uint8_t)db_translate(&d->driver->dialect, sql, &text, d->stmt[i].param);
	r = d->driver->prepare(d, buf_cstr(&text), types, &d->stmt[i].stmt);
	if (r < 0)
		return r;
	d->stmt[i].sql = sql;
	d->n_stmt++;
	return 0;
}

struct value {
	struct strv text;
	int64_t number;
};

static unsigned read_values(const char *types, va_list ap, struct value *v)
{
	unsigned n = 0;

	for (; types[n]; n++) {
		ASSERT(n < DB_PARAM_MAX && (types[n] == 's' || types[n] == 'i'));
		if (types[n] == 's')
			v[n].text = va_arg(ap, struct strv);
		else
			v[n].number = va_arg(ap, int64_t);
	}
	return n;
}

static struct db_stmt *query(const char *sql, const char *types, va_list ap)
{
	struct db *d = store_db;
	struct value v[DB_PARAM_MAX];
	struct db_stmt *st;
	unsigned at, n = read_values(types, ap, v);

	d->err = prepare(d, sql, types, &at);
	if (d->err < 0)
		return NULL;
	st = d->stmt[at].stmt;
	d->driver->reset(st);
	for (int i = 0; i < d->stmt[at].n_param && d->err == 0; i++) {
		uint8_t k = d->stmt[at].param[i];

		ASSERT(k < n);
		d->err = types[k] == 's' ? d->driver->bind_text(st, i + 1, v[k].text)
					 : d->driver->bind_int(st, i + 1, v[k].number);
	}
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

static int exec(const char *sql, const char *types, va_list ap)
{
	int r = db_step(query(sql, types, ap));

	ASSERT(r <= 0);
	return r;
}

int db_exec(const char *sql, const char *types, ...)
{
	va_list ap;
	int r;

	va_start(ap, types);
	r = exec(sql, types, ap);
	va_end(ap);
	return r;
}

int db_put(const char *update, const char *insert, const char *types, ...)
{
	va_list ap, again;
	int r;

	va_start(ap, types);
	va_copy(again, ap);
	r = exec(update, types, ap);
	if (r == 0 && db_changes() == 0)
		r = exec(insert, types, again);
	va_end(again);
	va_end(ap);
	return r;
}

/* --- rows --- */

struct strv db_text_up_to(struct arena *a, struct db_stmt *st, int column, size_t max)
{
	struct strv s = store_db->driver->text(st, column);

	s.n = MIN(s.n, max);
	return s.p ? arena_strv(a, s) : STRV_NULL;
}

struct strv db_text(struct arena *a, struct db_stmt *st, int column)
{
	return db_text_up_to(a, st, column, SIZE_MAX);
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

const char *db_error(void)
{
	return store_db->driver->error(store_db);
}
