/* For the drivers of database servers: TLS of a connection that their library makes. */
#pragma once

#include "store/store.h"
#include "tls/foreign.h"

struct db_tls {
	struct tls_client *client; /* NULL: plain text */
	struct tls_foreign over;
};

/* Around what connects. -EINVAL: the options cannot be used, `err` says why, and there is no end. */
nodiscard int db_tls_begin(struct db_tls *t, const struct store_sql *sql,
			   struct buf *err);
void db_tls_end(struct db_tls *t);
