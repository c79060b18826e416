#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DIRS_MAX = 100 };

static char dirs[DIRS_MAX][64];
static unsigned n_dirs;
static pid_t owner; /* a forked child leaves the directories alone */

static void empty_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

static void remove_dirs(void)
{
	if (getpid() != owner)
		return;
	for (unsigned i = 0; i < n_dirs; i++) {
		empty_dir(dirs[i]);
		rmdir(dirs[i]);
	}
}

const char *fixture_path(void)
{
	static char path[128];

	if (n_dirs == 0) {
		owner = getpid();
		atexit(remove_dirs);
	}
	CHECK(n_dirs < DIRS_MAX);
	/* In memory, if there is such a place: these tests would wait for the disk and do nothing
	 * else. */
	snprintf(dirs[n_dirs], sizeof(dirs[0]), "%s/meerkat-store-XXXXXX",
		 access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	CHECK(mkdtemp(dirs[n_dirs]) != NULL);
	snprintf(path, sizeof(path), "%s/meerkat.db", dirs[n_dirs++]);
	return path;
}

struct store *fixture_open(const char *path)
{
	struct store_conf conf = { .path = path };
	struct buf err = BUF_INIT(1000);
	struct store *s = NULL;

	if (store_open(&conf, &s, &err) < 0)
		test_fail(__FILE__, __LINE__, "%s", buf_cstr(&err));
	CHECK_INT(err.n, 0);
	return s;
}

void fixture_close(struct store *s)
{
	store_close(&s);
	CHECK(s == NULL);
}

struct jid fixture_jid(const char *text)
{
	static struct arena *a; /* for what is not ASCII; as long as the program */
	struct jid j;

	if (a == NULL)
		a = arena_new(4096);
	CHECK_INT(jid_parse(a, strv_from(text), &j), 0);
	return j;
}

int fixture_do(struct store *s, struct store_call *c)
{
	int r = store_wait(s, c);

	store_call_free(&c);
	CHECK(c == NULL);
	return r;
}

void fixture_account(struct store *s, const char *jid)
{
	CHECK_INT(fixture_do(s, store_account_add(fixture_jid(jid), STRV("secret"),
						  STRV_NULL, INT64_MAX)),
		  0);
}

bool fixture_sql_is(const char *path, const char *sql, int64_t want)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	bool is = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
		  sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
		  sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int64(st, 0) == want;

	sqlite3_finalize(st);
	sqlite3_close(db);
	return is;
}

/* --- the hold --- */

static int run_hold(struct store *s, struct store_call *c)
{
	struct hold *h = c->arg;

	if (h->fn)
		h->fn();
	sem_post(&h->reached);
	sem_wait(&h->go);
	return 0;
}

static void hold_ended(struct store_call *c)
{
	struct hold *h = c->arg;
	sem_post(&h->ended);
}

static void start_hold(struct hold *h, struct store *s, void (*fn)(void), bool writer)
{
	sem_init(&h->reached, 0, 0);
	sem_init(&h->go, 0, 0);
	sem_init(&h->ended, 0, 0);
	h->fn = fn;
	h->call = store_vcard_get(fixture_jid("the-holder@example.org"));
	h->call->writes = writer;
	h->call->run = run_hold;
	h->call->arg = h;
	h->call->deliver = hold_ended;
	CHECK_INT(store_submit(s, h->call), 0);
	sem_wait(&h->reached);
}

void hold_start(struct hold *h, struct store *s, void (*fn)(void))
{
	start_hold(h, s, fn, true);
}

void hold_start_reader(struct hold *h, struct store *s)
{
	start_hold(h, s, NULL, false);
}

void hold_end(struct hold *h)
{
	sem_post(&h->go);
	sem_wait(&h->ended);
	store_call_free(&h->call);
}

/* --- the flight --- */

static void landed(struct store_call *c)
{
	struct flight *f = c->owner;
	sem_post(&f->done);
}

void flight_init(struct flight *f)
{
	f->n = 0;
	sem_init(&f->done, 0, 0);
}

void flight_add(struct flight *f, struct store *s, struct store_call *c)
{
	CHECK(f->n < FLIGHT_MAX);
	c->owner = f;
	c->deliver = landed;
	f->call[f->n++] = c;
	CHECK_INT(store_submit(s, c), 0);
}

void flight_await(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++)
		sem_wait(&f->done);
}

void flight_free(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++)
		store_call_free(&f->call[i]);
	sem_destroy(&f->done);
}
