/* The server's secret: from it come the salts of accounts that do not exist. It is in the database,
 * so that such an account always has the same salt. */
#pragma once

#include "core/server.h"
#include "core/worker.h"

/* At the start. 0, or -errno. */
nodiscard int secret_wait(struct store *s, unsigned char ret[SERVER_SECRET_LEN]);

/* On a worker: calls back when w->secret is there, at once if it already is. A database that could
 * not be reached at the start is asked again for each login. */
void secret_need(struct worker *w, void (*fn)(struct worker *w, int err, void *arg),
		 void *arg);
