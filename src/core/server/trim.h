/* Memory that was in use for a while goes back to the system: of many handshakes at once, of many
 * sessions that have ended. malloc() keeps it otherwise, in holes between what is still in use. */
#pragma once

#include "base/base.h"

struct server;

struct trim {
	int64_t seen; /* connections that had come and gone when we looked last */
	bool is_due;
};

/* Most of the code that a start has run, OpenSSL's above all, is not needed again: its pages stay in the
 * system's cache, and are ours no more until we do. */
void trim_started(void);

/* Now and then, on a thread that is no worker's: when it has become quiet, and something had
 * happened, gives back what is free. */
void trim_look(struct trim *t, struct server *s);
