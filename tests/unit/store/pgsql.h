/* A PostgreSQL server for these tests: it starts when it is first needed, and ends with the
 * program. */
#pragma once

#include "store/store.h"

/* An empty database. Static storage, to be changed at will; each call makes it empty again. */
const struct store_sql *pgsql_conf(void);
struct store *pgsql_open_store(const struct store_sql *sql);

/* In connections of their own. */
void pgsql_do(const char *sql);
int64_t pgsql_number(const char *sql); /* -1: no single row */

/* In one that stays open, with what the statements have locked, until it is let go. */
void pgsql_hold(const char *sql);
void pgsql_let_go(void);

void pgsql_kill(void);
void pgsql_restart(void);
