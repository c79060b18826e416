#include "core/trim.h"
#include "core/port.h"
#include "core/server.h"

#include <malloc.h>

enum {
	QUIET = 20
}; /* connections between two looks: fewer need no memory worth speaking of */

/* Grows with each that comes, and with each that goes. */
static int64_t comings_and_goings(struct server *s)
{
	int64_t n = -atomic_load(&s->descriptors.open);

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_ports; i++)
		n += 2 * port_sum(s->ports[i], PORT_COUNT_ACCEPTED);
	pthread_mutex_unlock(&s->lock);
	return n;
}

void trim_look(struct trim *t, struct server *s)
{
	int64_t n = comings_and_goings(s),
		moved = n > t->seen ? n - t->seen : t->seen - n;

	t->seen = n;
	if (moved > QUIET) {
		t->is_due = true;
	} else if (t->is_due) {
		t->is_due = false;
		malloc_trim(0);
	}
}
