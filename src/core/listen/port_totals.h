/* What was counted at listeners that a reload has closed: those whose connections are still there
 * are kept, and of those that are gone the sums remain. Under the server's lock. */
#pragma once

#include "base/list.h"
#include "core/listen/port_counter.h"

struct port;

struct port_totals {
	struct list closed; /* struct port, with a reference each */
	int64_t gone[PORT_COUNT_MAX];
};

void port_totals_init(struct port_totals *t);
void port_totals_fini(struct port_totals *t); /* nothing uses any port */

/* Takes the caller's reference over. */
void port_totals_take(struct port_totals *t, struct port *p);
/* Lets those go that nothing uses any more. */
void port_totals_settle(struct port_totals *t);
