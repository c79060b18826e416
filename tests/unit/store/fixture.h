/* What the tests of the store share: stores that vanish, and a hold on the writer. */
#pragma once

#include "../test.h"
#include "mariadb.h"
#include "pgsql.h"
#include "store/store_priv.h"

#include <semaphore.h>
#include <sqlite3.h>

/* A test that runs on a store in a file, and on one in memory. */
#define ON_SQLITE(n)                                            \
	static void on_##n(struct store *s);                    \
	TEST(n##_in_a_file)                                     \
	{                                                       \
		struct store *s = fixture_open(fixture_path()); \
		on_##n(s);                                      \
		fixture_close(s);                               \
	}                                                       \
	TEST(n##_in_memory)                                     \
	{                                                       \
		struct store *s = fixture_open(":memory:");     \
		on_##n(s);                                      \
		fixture_close(s);                               \
	}                                                       \
	static void on_##n(struct store *s)

/* One that runs on all drivers. */
#define ON_EACH(n)                                                    \
	static void on_##n(struct store *s);                          \
	TEST(n##_in_pgsql)                                            \
	{                                                             \
		struct store *s = pgsql_open_store(pgsql_conf());     \
		on_##n(s);                                            \
		fixture_close(s);                                     \
	}                                                             \
	TEST(n##_in_mysql)                                            \
	{                                                             \
		struct store *s = mariadb_open_store(mariadb_conf()); \
		on_##n(s);                                            \
		fixture_close(s);                                     \
	}                                                             \
	ON_SQLITE(n)

/* A path in a new directory, which goes when the program ends. Static storage. */
const char *fixture_path(void);
struct store *fixture_open(const char *path);
void fixture_close(struct store *s);

struct jid fixture_jid(const char *text);
int fixture_do(struct store *s, struct store_call *c); /* waits, frees, returns its err */
void fixture_account(struct store *s, const char *jid); /* is there from now on */

/* Whether the query, in a connection of its own, gives this number. */
bool fixture_sql_is(const char *path, const char *sql, int64_t want);

/* Holds the writer within a batch that has nothing else in it, until it is let go: what is
 * submitted meanwhile makes up the next batches. */
struct hold {
	sem_t reached, go, ended;
	struct store_call *call;
	void (*fn)(
		void); /* runs on the writer's thread before it is let go; NULL: nothing */
};

void hold_start(struct hold *h, struct store *s, void (*fn)(void));
void hold_start_reader(struct hold *h, struct store *s); /* a reader instead */
void hold_end(struct hold *h);

/* Calls under way: submit() them, await() all. Their errors are in the order of submission. */
enum { FLIGHT_MAX = 2000 };

struct flight {
	struct store_call *call[FLIGHT_MAX];
	size_t n;
	sem_t done;
};

void flight_init(struct flight *f);
void flight_add(struct flight *f, struct store *s, struct store_call *c);
void flight_await(struct flight *f);
void flight_free(struct flight *f);
