#include "core/admission.h"
#include "core/c2s.h"
#include "core/port.h"
#include "core/server.h"
#include "core/worker.h"

void admission_init(struct admission *a, uint16_t n_workers)
{
	a->waits = mem_zalloc(n_workers * sizeof(*a->waits));
}

void admission_fini(struct admission *a)
{
	mem_free(a->waits);
}

/* --- the listener as a whole --- */

static bool has_room(const struct worker_port *wp)
{
	return atomic_load(&wp->port->admission.open) < wp->conf->max_connections;
}

/* Two threads, two variables: a worker says that it waits and then looks for room; who makes room
 * then looks for those who wait. All of it is sequentially consistent, so one of them sees the
 * other, and no wake-up is lost. */
static void begin_waiting(struct worker_port *wp)
{
	struct admission *a = &wp->port->admission;

	if (!atomic_exchange(&a->waits[wp->worker->id], true))
		atomic_fetch_add(&a->n_waiting, 1);
}

/* Whoever gets true has to wake that worker. */
static bool stop_waiting(struct admission *a, uint16_t worker)
{
	if (!atomic_exchange(&a->waits[worker], false))
		return false;
	atomic_fetch_sub(&a->n_waiting, 1);
	return true;
}

static void log_full(struct worker_port *wp)
{
	unsigned dropped;

	port_count(wp->port, wp->worker, PORT_COUNT_FULL, 1);
	if (log_limit_ok(&wp->full_log, 1, &dropped))
		log_warning("listener.max_connections",
			    "%s has %lld connections: further clients wait",
			    wp->port->name, (long long)wp->conf->max_connections);
}

bool admission_may_accept(struct worker_port *wp)
{
	ASSERT_ON(wp->worker);
	if (has_room(wp))
		return true;
	log_full(wp);
	listener_pause(&wp->io);
	begin_waiting(wp);
	if (has_room(wp) && stop_waiting(&wp->port->admission, wp->worker->id)) {
		listener_resume(&wp->io);
		return true;
	}
	return false;
}

void admission_look_again(struct worker_port *wp)
{
	ASSERT_ON(wp->worker);
	listener_resume(&wp->io); /* does nothing if it is not paused */
}

struct wake {
	struct post post;
	struct port *port;
};

static void on_wake(struct worker *w, struct post *p)
{
	struct wake *m = container_of(p, struct wake, post);

	LIST_EACH(it, &w->ports) {
		struct worker_port *wp = container_of(it, struct worker_port, link);
		if (wp->port == m->port)
			admission_look_again(wp);
	}
	port_unref(&m->port);
	mem_free(m);
}

/* All that wait: with reuse_port each has a queue of its own, and one may be empty. */
static void wake_all(struct server *s, struct port *p)
{
	struct admission *a = &p->admission;

	for (uint16_t i = 0; i < s->n_workers && atomic_load(&a->n_waiting); i++) {
		struct wake *m;

		if (!stop_waiting(a, i))
			continue;
		m = MEM_NEW(struct wake);
		m->post.fn = on_wake;
		m->port = port_ref(p);
		worker_post(s->workers[i], &m->post, sizeof(*m));
	}
}

/* --- one connection --- */

void admission_enter(struct c2s *c)
{
	atomic_fetch_add(&c->port->admission.open, 1);
}

void admission_leave(struct c2s *c)
{
	atomic_fetch_sub(&c->port->admission.open, 1);
	wake_all(c->worker->server, c->port);
}

/* --- who is not let in --- */

static const struct {
	enum port_counter counter;
	const char *text;
} refusals[REFUSED_MAX] = {
	[REFUSED_PROXY_UNTRUSTED] = { PORT_COUNT_REFUSED_PROXY_UNTRUSTED,
				      "it is not in proxy_protocol_trusted" },
	[REFUSED_PROXY_BAD] = { PORT_COUNT_REFUSED_PROXY_BAD,
				"it began with no PROXY header, or a bad one" },
	[REFUSED_PROXY_TIMEOUT] = { PORT_COUNT_REFUSED_PROXY_TIMEOUT,
				    "it sent no PROXY header in time" },
};

enum { REFUSALS_LOGGED_PER_MINUTE = 6 }; /* of a kind, by each worker */

void admission_refuse(struct c2s *c, enum refusal why)
{
	static _Thread_local struct log_limit limits[REFUSED_MAX];
	unsigned dropped;

	ASSERT_ON(c->worker);
	port_count(c->port, c->worker, refusals[why].counter, 1);
	if (log_limit_ok(&limits[why], REFUSALS_LOGGED_PER_MINUTE, &dropped))
		log_warning("conn.refused", "%s refused %s: %s (%u others of late)",
			    c->port->name, conn_peer(c->conn), refusals[why].text,
			    dropped);
	c->quiet = true;
	conn_abort(c->conn);
}
