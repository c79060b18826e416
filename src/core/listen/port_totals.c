#include "core/listen/port_totals.h"
#include "core/listen/port.h"

void port_totals_init(struct port_totals *t)
{
	list_init(&t->closed);
}

static void let_go(struct port_totals *t, struct port *p)
{
	for (unsigned i = 0; i < PORT_COUNT_MAX; i++)
		t->gone[i] += port_sum(p, (enum port_counter)i);
	list_remove(&p->closed);
	port_unref(&p);
}

void port_totals_fini(struct port_totals *t)
{
	port_totals_settle(t);
	ASSERT(list_empty(&t->closed));
}

void port_totals_take(struct port_totals *t, struct port *p)
{
	list_push(&t->closed, &p->closed);
}

/* The last reference is ours: nobody can take another, and nobody counts any more. */
void port_totals_settle(struct port_totals *t)
{
	LIST_EACH_SAFE(it, &t->closed) {
		struct port *p = container_of(it, struct port, closed);
		if (atomic_load(&p->refs) == 1)
			let_go(t, p);
	}
}
