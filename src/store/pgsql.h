/* For the files of the driver for PostgreSQL. */
#pragma once

#include "base/clock.h"
#include "store/db.h"
#include "store/libpq.h"

struct pg {
	PGconn *conn;
	int64_t timeout_ms;
	msec_t deadline;  /* of what is under way */
	unsigned n_later; /* commands in the pipeline whose results were not read yet */
	unsigned n_names;
	int64_t changes;
	bool lost; /* nothing more is expected of the connection */
	char error[256];
};

nodiscard int pgsql_open(struct db *d, const struct store_conf *conf, bool writable,
			 struct buf *err);

extern const char *const pgsql_migrations[], *const cockroachdb_migrations[];
