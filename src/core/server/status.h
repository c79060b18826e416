/* What the running server is and has counted, at one moment; and how that is shown. */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "core/listen/port_counter.h"
#include "core/server/counter.h"

struct server;

struct status_listener {
	char name[64];
	bool listening; /* false: a reload has closed it, and it still has connections */
	int64_t open,
		unauthenticated; /* connections; those of them without a login yet */
	int64_t max_connections; /* CONF_INFINITY: no limit, or not listening */
	int64_t v[PORT_COUNT_MAX];
};

struct status {
	const char *version;
	int64_t pid;
	wallus_t now, started;
	unsigned workers;
	int64_t rss_bytes; /* 0: unknown */
	int64_t v[COUNT_MAX];
	struct status_listener total; /* of all listeners that there have been */
	struct status_listener *listeners;
	size_t n_listeners;
};

/* Any thread but a worker's. The workers go on counting meanwhile: each number is true, their
 * sums are of slightly different moments. */
void status_read(struct server *s, struct status *ret);
void status_fini(struct status *st);

/* A buffer in which all of it finds room, as text or as JSON. */
struct buf status_buf(const struct status *st);
void status_write_text(const struct status *st, struct buf *b);
void status_write_json(const struct status *st, struct buf *b);
