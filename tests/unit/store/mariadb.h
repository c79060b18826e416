/* A MariaDB server for these tests: it starts when it is first needed, and ends with the
 * program. */
#pragma once

#include "store/store.h"

/* An empty database. Static storage, to be changed at will; each call makes it empty again. */
const struct store_sql *mariadb_conf(void);
struct store *mariadb_open_store(const struct store_sql *sql);

/* In connections of their own. */
void mariadb_do(const char *sql);	 /* several statements, if need be */
int64_t mariadb_number(const char *sql); /* -1: no single row */

/* In one that stays open, with what the statements have locked, until it is let go. */
void mariadb_hold(const char *sql);
void mariadb_let_go(void);

void mariadb_kill(void);
void mariadb_restart(void);
void mariadb_freeze(bool frozen);

/* Within a transaction of the calling thread's: locks row `a` of meerkat_secrets, while somebody
 * with a larger transaction has `b` and wants `a`; then wants `b`. Returns what that gave. */
int mariadb_deadlock(void);
