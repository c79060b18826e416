/* The schema, and how a database gets to it. */
#include "store/db.h"
#include "store/store.h"

static int known_version(const struct db *d)
{
	int n = 0;

	while (d->driver->migrations[n])
		n++;
	return n;
}

/* --- the version, for drivers that have none of their own --- */

static int read_int(struct db_stmt *st, int *ret)
{
	int r = db_one(st);

	if (r == 0)
		*ret = (int)db_int(st, 0);
	db_finish(st);
	return r;
}

static int get_version(struct db *d, int *ret)
{
	int n, r;

	if (d->driver->version)
		return d->driver->version(d, ret);
	r = read_int(db_query(d->driver->has_version, ""), &n);
	*ret = 0;
	if (r == 0 && n > 0)
		r = read_int(db_query("SELECT version FROM meerkat_schema", ""), ret);
	/* Where CREATE TABLE is no part of a transaction, the table is there before its row. */
	return r == -ENOENT ? 0 : r;
}

static int put_version(struct db *d, int version)
{
	if (d->driver->set_version)
		return d->driver->set_version(d, version);
	return db_put("UPDATE meerkat_schema SET version = ?",
		      "INSERT INTO meerkat_schema (version) VALUES (?)", "i",
		      (int64_t)version);
}

/* --- the way there --- */

/* Statements end in ';', which stands nowhere else in them. */
static int run_script(struct db *d, const char *script)
{
	char sql[DB_SQL_MAX];
	int r = 0;

	while (r == 0 && *script) {
		size_t n = strcspn(script, ";");

		ASSERT(script[n] == ';' && n < sizeof(sql));
		memcpy(sql, script, n);
		sql[n] = '\0';
		r = d->driver->script(d, sql);
		script += n + 1;
	}
	return r;
}

static int migrate(struct db *d, int from)
{
	int r = 0;

	for (int v = from; r == 0 && d->driver->migrations[v]; v++)
		r = run_script(d, d->driver->migrations[v]);
	return r ? r : put_version(d, known_version(d));
}

static int refuse(struct db *d, const struct store_conf *conf, int version,
		  struct buf *err)
{
	int r = buf_addf(err,
			 "the database %s is of schema %d, and this is a server that "
			 "knows only up to %d: it was written by a newer one",
			 conf->path, version, known_version(d));

	(void)r; /* a message cut short is still one */
	db_close(d);
	return -EPROTONOSUPPORT;
}

static int lock(struct db *d)
{
	int is_ours = 1, r = db_begin();

	if (r == 0 && d->driver->lock)
		r = read_int(db_query(d->driver->lock, ""), &is_ours);
	return r == 0 && is_ours != 1 ? -EBUSY : r;
}

static int unlock(struct db *d)
{
	int was_ours, r = db_commit();

	if (r == 0 && d->driver->unlock)
		r = read_int(db_query(d->driver->unlock, ""), &was_ours);
	return r;
}

int db_is_behind(struct db *d, const struct store_conf *conf, bool *ret, struct buf *err)
{
	struct db *before = store_db;
	int v, r;

	store_db = d;
	r = get_version(d, &v);
	store_db = before;
	*ret = r == 0 && v < known_version(d);
	return r < 0 ? db_fail(d, conf, "cannot be read", r, err) : 0;
}

int db_migrate(struct db *d, const struct store_conf *conf, struct buf *err)
{
	struct db *before = store_db;
	int v, r;

	store_db = d;
	/* One transaction: two processes that start together do not both make the tables, and
	 * what fails half-way leaves nothing. */
	r = lock(d);
	if (r < 0) {
		r = db_fail(d, conf, "cannot be written", r, err);
	} else if ((r = get_version(d, &v)) < 0) {
		r = db_fail(d, conf, "cannot be read", r, err);
	} else if (v > known_version(d)) {
		r = refuse(d, conf, v, err);
	} else {
		/* A file's version is written again: so a file that cannot be is refused
		 * now. */
		r = v < known_version(d) || d->driver->set_version ? migrate(d, v) : 0;
		r = r ? r : unlock(d);
		if (r < 0)
			r = db_fail(d, conf, "its tables cannot be made", r, err);
	}
	store_db = before;
	return r;
}
