/* The server's secret: from it come the salts of accounts that do not exist. It is in the database,
 * so that such an account always has the same salt. */
#pragma once

#include "core/server/server.h"
#include "core/server/worker.h"

/* At the start. 0, or -errno. */
nodiscard int secret_wait(struct store *s, unsigned char ret[SERVER_SECRET_LEN]);

/* On a worker: calls back when w->secret is there, at once if it already is. Of a database on a
 * network the first login asks, and the next ones wait with it; if it fails they all do, and the
 * login after them asks again. */
void secret_need(struct worker *w, void (*fn)(struct worker *w, int err, void *arg),
		 void *arg);
