/* Connections that come and go. A link without its database tries to get it back, at once and then
 * at intervals that double. */
#include "store/store_priv.h"
#include "base/log.h"

#include <stdio.h>
enum { MIGRATION_MS = 3600 * 1000 };

static void set_up(struct store_link *l, bool up)
{
	struct store *s = l->store;

	pthread_mutex_lock(&s->lock);
	ASSERT(l->up != up);
	l->up = up;
	/* At the end nothing changes hands: the others may have gone. */
	if (!l->writes && !s->stopping &&
	    dispatch_set_down(&s->reads, (unsigned)(l - s->read), !up))
		store_wake_readers(s);
	/* Readers wait for the tables. */
	if (l->writes && up && !atomic_exchange(&s->migrated, true))
		store_wake_readers(s);
	pthread_mutex_unlock(&s->lock);
	l->backoff_ms = LINK_BACKOFF_MS;
	l->used_at = l->retry_at = clock_mono_ms();
}

/* Steps of a migration take as long as the tables are large: a connection of its own, with limits of
 * its own. */
static int migrate(struct store_link *l, struct buf *err)
{
	struct store *s = l->store;
	struct store_conf conf = s->conf;
	struct store_sql sql = *conf.sql;
	int r;

	sql.query_timeout_ms = MIGRATION_MS;
	conf.sql = &sql;
	db_close(&l->db);
	r = db_open(&l->db, s->driver, &conf, true, err);
	r = r ? r : db_migrate(&l->db, &conf, err);
	if (r < 0)
		return r;
	db_close(&l->db);
	return db_open(&l->db, s->driver, &s->conf, true, err);
}

static int connect(struct store_link *l, struct buf *err)
{
	struct store *s = l->store;
	bool behind = false;
	int r = db_open(&l->db, s->driver, &s->conf, l->writes, err);

	if (r == 0 && l->writes && s->conf.sql)
		r = db_is_behind(&l->db, &s->conf, &behind, err);
	if (r == 0 && behind)
		r = migrate(l, err);
	return r == 0 && l->writes ? db_migrate(&l->db, &s->conf, err) : r;
}

int link_open(struct store_link *l, struct buf *err)
{
	int r = connect(l, err);

	if (r == 0)
		set_up(l, true);
	return r;
}

/* --- on the link's thread --- */

/* What is new is told; the same again only now and then. */
static void complain(struct store_link *l, const char *event, const char *what,
		     const char *why)
{
	char text[sizeof(l->told)];
	struct log_limit *limit;
	unsigned dropped;
	bool same;

	snprintf(text, sizeof(text), "%s%s", what, why);
	same = strcmp(text, l->told) == 0;
	limit = same ? &l->repeats : &l->complaints;
	if (!log_limit_ok(limit, same ? 6 : 60, &dropped))
		return;
	memcpy(l->told, text, sizeof(text));
	log_error(event, "%s (%u more like it)", text, dropped);
}

static void try(struct store_link *l)
{
	AUTO(buf_free) struct buf err = BUF_INIT(1000);
	struct store *s = l->store;

	if (connect(l, &err) == 0) {
		set_up(l, true);
		log_event(l->writes ? LOG_NOTICE : LOG_INFO, "store.connected",
			  "the database %s is connected", s->conf.path);
		return;
	}
	complain(l, "store.connect", "", buf_cstr(&err));
	l->retry_at = clock_mono_ms() + l->backoff_ms;
	l->backoff_ms = MIN(2 * l->backoff_ms, s->conf.sql->max_start_ms);
}

static void drop(struct store_link *l)
{
	complain(l, "store.lost",
		 "the connection to the database is lost: ", l->db.driver->error(&l->db));
	db_close(&l->db);
	set_up(l, false);
}

void link_check(struct store_link *l)
{
	if (l->up && !db_is_lost(&l->db))
		return;
	if (l->up)
		drop(l);
	if ((l->writes || atomic_load(&l->store->migrated)) &&
	    clock_mono_ms() >= l->retry_at)
		try(l);
}

msec_t link_patience(const struct store_link *l)
{
	const struct store *s = l->store;
	msec_t until;

	if (!l->up && !l->writes && !atomic_load(&s->migrated))
		return -1; /* woken by the writer */
	if (l->up && (s->conf.sql == NULL || s->conf.sql->keepalive_ms == 0))
		return -1;
	until = l->up ? l->used_at + s->conf.sql->keepalive_ms : l->retry_at;
	return MAX(until - clock_mono_ms(), (msec_t)0);
}

void link_idle(struct store_link *l)
{
	const struct store_sql *sql = l->store->conf.sql;
	struct db_stmt *st;

	if (l->up && sql && sql->keepalive_ms &&
	    clock_mono_ms() >= l->used_at + sql->keepalive_ms) {
		st = db_query("SELECT 1", "");
		if (db_one(st) < 0) /* link_check() sees whether it is the connection */
			complain(l, "store.keepalive",
				 "the database does not answer: ", db_error());
		db_finish(st);
		l->used_at = clock_mono_ms();
	}
	link_check(l);
}
