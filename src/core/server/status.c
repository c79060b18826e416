#include "core/server/status.h"
#include "core/listen/port.h"
#include "core/server/server.h"
#include "core/server/version.h"
#include "core/server/worker.h"

#include <stdio.h>
#include <unistd.h>

enum {
	HEAD_BYTES = 4096,
	LISTENER_BYTES = 1024 + PORT_COUNT_MAX * 96, /* of a name and a number each */
};

/* Pages, the second number of statm(5). */
static int64_t rss_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size, resident = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static void read_port(const struct port *p, struct status_listener *to)
{
	snprintf(to->name, sizeof(to->name), "%s", p->name);
	to->open = atomic_load(&p->admission.open);
	to->unauthenticated = atomic_load(&p->admission.unauthenticated);
	to->max_connections = CONF_INFINITY;
	for (unsigned i = 0; i < PORT_COUNT_MAX; i++)
		to->v[i] = port_sum(p, (enum port_counter)i);
}

static void add_up(struct status_listener *total, const struct status_listener *l)
{
	total->open += l->open;
	total->unauthenticated += l->unauthenticated;
	for (unsigned i = 0; i < PORT_COUNT_MAX; i++)
		total->v[i] += l->v[i];
}

static size_t count_ports(const struct server *s)
{
	size_t n = s->n_ports;

	LIST_EACH(it, &s->port_totals.closed)
		n++;
	return n;
}

/* With the lock. */
static void read_ports(struct server *s, struct status *st)
{
	struct status_listener *l;

	port_totals_settle(&s->port_totals);
	st->listeners = l = mem_zalloc(count_ports(s) * sizeof(*l));
	for (size_t i = 0; i < s->n_ports; i++, l++) {
		read_port(s->ports[i], l);
		l->listening = true;
		l->max_connections = s->conf->c2s[i].max_connections;
	}
	LIST_EACH(it, &s->port_totals.closed)
		read_port(container_of(it, struct port, closed), l++);
	st->n_listeners = (size_t)(l - st->listeners);
	st->total.max_connections = CONF_INFINITY;
	memcpy(st->total.v, s->port_totals.gone, sizeof(st->total.v));
}

static int64_t worker_sum(const struct server *s, unsigned counter)
{
	int64_t sum = 0;

	for (uint16_t i = 0; i < s->n_threads; i++)
		sum += atomic_load_explicit(&s->workers[i]->counters.v[counter],
					    memory_order_relaxed);
	return sum;
}

void status_read(struct server *s, struct status *st)
{
	*st = (struct status){ .version = MEERKAT_VERSION,
			       .pid = getpid(),
			       .now = clock_wall_us(),
			       .started = s->started,
			       .workers = s->n_workers,
			       .rss_bytes = rss_bytes() };
	for (unsigned i = 0; i < COUNT_MAX; i++)
		st->v[i] = worker_sum(s, i);
	pthread_mutex_lock(&s->lock);
	read_ports(s, st);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < st->n_listeners; i++)
		add_up(&st->total, &st->listeners[i]);
}

void status_fini(struct status *st)
{
	mem_free(st->listeners);
	st->listeners = NULL;
}

struct buf status_buf(const struct status *st)
{
	return BUF_INIT(HEAD_BYTES + (st->n_listeners + 1) * LISTENER_BYTES);
}
