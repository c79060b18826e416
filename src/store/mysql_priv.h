/* For the files of the driver for MySQL and MariaDB. */
#pragma once

#include "base/buf.h"
#include "store/db.h"
#include "store/store.h" /* before the library takes the names of lists */

#include "store/libmariadb.h"

struct my {
	MYSQL *conn;
	struct buf later; /* statements that go before the next one */
	int64_t changes;
	bool lost;	  /* nothing more is expected of the connection */
	bool rolled_back; /* the server has ended the transaction by itself */
	char error[256];
};

void mysql_set_error(struct my *m, const char *text);

nodiscard int mysql_load(struct buf *err);
nodiscard int mysql_open_connection(struct db *d, const struct store_conf *conf,
				    bool writable, struct buf *err);

extern const char *const mysql_migrations[];
