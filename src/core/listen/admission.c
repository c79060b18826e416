#include "core/listen/admission.h"
#include "core/c2s/c2s.h"
#include "core/c2s/c2s_count.h"
#include "core/listen/port.h"
#include "core/server/server.h"
#include "core/server/worker.h"

static void waiters_init(struct waiters *w, uint16_t n_workers)
{
	w->of = mem_zalloc(n_workers * sizeof(*w->of));
}

void room_for_all_init(struct room_for_all *r, uint16_t n_workers)
{
	r->max = INT64_MAX;
	waiters_init(&r->waiters, n_workers);
}

void room_for_all_fini(struct room_for_all *r)
{
	mem_free(r->waiters.of);
}

void admission_init(struct admission *a, uint16_t n_workers)
{
	waiters_init(&a->waiters, n_workers);
	sources_init(&a->sources);
}

void admission_fini(struct admission *a)
{
	mem_free(a->waiters.of);
	sources_fini(&a->sources);
}

/* --- the rate --- */

enum { SECOND_US = 1000000 };

static int64_t cost_us(int64_t rate)
{
	return MAX(SECOND_US / rate, (int64_t)1);
}

msec_t rate_wait(const _Atomic int64_t *until, int64_t rate, msec_t now)
{
	int64_t us = atomic_load(until) + cost_us(rate) - SECOND_US - now * 1000;

	return us > 0 ? (us + 999) / 1000 : 0;
}

void rate_take(_Atomic int64_t *until, int64_t rate, msec_t now)
{
	int64_t before = atomic_load(until), after;

	do
		after = MAX(before, now * 1000) + cost_us(rate);
	while (!atomic_compare_exchange_weak(until, &before, after));
}

void admission_note_left(struct admission *a, unsigned n_workers, msec_t now)
{
	int64_t before = atomic_load(&a->left_until), after;
	int64_t cost = cost_us((int64_t)ADMISSION_LEFT_RATE * n_workers);

	do
		after = MIN(MAX(before, now * 1000) + cost, now * 1000 + 2 * SECOND_US);
	while (!atomic_compare_exchange_weak(&a->left_until, &before, after));
}

bool admission_is_churned(const struct admission *a, unsigned n_workers, msec_t now)
{
	return rate_wait(&a->left_until, (int64_t)ADMISSION_LEFT_RATE * n_workers, now) >
	       0;
}

/* *ret_churned: it is that, and not accept_rate. */
static int64_t rate_of(const struct worker *w, const struct admission *a, int64_t most,
		       bool *ret_churned)
{
	int64_t pace = (int64_t)ADMISSION_PACE * w->server->n_workers;

	*ret_churned = pace < most &&
		       admission_is_churned(a, w->server->n_workers, loop_now(w->loop));
	return *ret_churned ? pace : most;
}

/* --- those who wait for room --- */

/* Two threads, two variables: a worker says that it waits and then looks for room; who makes room
 * then looks for those who wait. All of it is sequentially consistent, so one of them sees the
 * other, and no wake-up is lost. */
static void begin_waiting(struct waiters *w, uint16_t worker)
{
	if (!atomic_exchange(&w->of[worker], true))
		atomic_fetch_add(&w->n, 1);
}

/* Whoever gets true has to wake that worker. */
static bool stop_waiting(struct waiters *w, uint16_t worker)
{
	if (!atomic_exchange(&w->of[worker], false))
		return false;
	atomic_fetch_sub(&w->n, 1);
	return true;
}

/* Of one port, or of all. */
static void look_again(struct worker *w, const struct port *port)
{
	LIST_EACH(it, &w->ports) {
		struct worker_port *wp = container_of(it, struct worker_port, link);
		if (port == NULL || wp->port == port)
			admission_look_again(wp);
	}
}

struct wake {
	struct post post;
	struct port *port; /* NULL: all */
};

static void on_wake(struct worker *w, struct post *p)
{
	struct wake *m = container_of(p, struct wake, post);

	look_again(w, m->port);
	port_unref(&m->port);
	mem_free(m);
}

/* All that wait: with reuse_port each has a queue of its own, and one may be empty. */
static void wake_all(struct server *s, struct waiters *w, struct port *p)
{
	for (uint16_t i = 0; i < s->n_threads && atomic_load(&w->n); i++) {
		struct wake *m;

		if (!stop_waiting(w, i))
			continue;
		m = MEM_NEW(struct wake);
		m->post.fn = on_wake;
		m->port = p ? port_ref(p) : NULL;
		worker_post(s->workers[i], &m->post, sizeof(*m));
	}
}

/* --- the listener as a whole --- */

enum room {
	ROOM,
	FULL_CONNECTIONS,
	FULL_UNAUTHENTICATED,
	FULL_RATE,
	FULL_CHURN,
	FULL_DESCRIPTORS,
	FULL_MAX
};

static bool take(_Atomic int64_t *n, int64_t max)
{
	int64_t before = atomic_load(n);

	while (before < max)
		if (atomic_compare_exchange_weak(n, &before, before + 1))
			return true;
	return false;
}

static enum room take_counted(struct worker_port *wp)
{
	struct admission *a = &wp->port->admission;
	const struct conf_listener *l = wp->conf;
	struct room_for_all *all = &wp->worker->server->descriptors;

	if (!take(&a->open, l->max_connections))
		return FULL_CONNECTIONS;
	if (!take(&a->unauthenticated, l->max_unauthenticated)) {
		atomic_fetch_sub(&a->open, 1);
		wake_all(wp->worker->server, &a->waiters, wp->port);
		return FULL_UNAUTHENTICATED;
	}
	if (!take(&all->open, all->max)) {
		atomic_fetch_sub(&a->unauthenticated, 1);
		atomic_fetch_sub(&a->open, 1);
		wake_all(wp->worker->server, &a->waiters, wp->port);
		return FULL_DESCRIPTORS;
	}
	return ROOM;
}

/* A place, which is taken then, or why there is none. Who only looks takes nothing from others. */
static enum room take_room(struct worker_port *wp)
{
	struct admission *a = &wp->port->admission;
	const struct conf_listener *l = wp->conf;
	struct room_for_all *all = &wp->worker->server->descriptors;
	bool churned;
	int64_t rate = rate_of(wp->worker, a, l->accept_rate, &churned);

	if (atomic_load(&all->open) >= all->max)
		return FULL_DESCRIPTORS;
	if (atomic_load(&a->open) >= l->max_connections)
		return FULL_CONNECTIONS;
	if (atomic_load(&a->unauthenticated) >= l->max_unauthenticated)
		return FULL_UNAUTHENTICATED;
	if (rate != CONF_INFINITY &&
	    rate_wait(&a->accepted_until, rate, loop_now(wp->worker->loop)))
		return churned ? FULL_CHURN : FULL_RATE;
	return take_counted(wp);
}

/* Where room of this kind is made known. */
static struct waiters *waiters_for(struct worker_port *wp, enum room full)
{
	return full == FULL_DESCRIPTORS ? &wp->worker->server->descriptors.waiters
					: &wp->port->admission.waiters;
}

static void note_full(struct worker_port *wp, enum room full)
{
	static _Thread_local struct log_limit limits[FULL_MAX];
	static const struct {
		enum port_counter counter;
		const char *text;
	} rows[FULL_MAX] = {
		[FULL_CONNECTIONS] = { PORT_COUNT_PAUSED_CONNECTIONS, "max_connections" },
		[FULL_UNAUTHENTICATED] = { PORT_COUNT_PAUSED_UNAUTHENTICATED,
					   "max_unauthenticated" },
		[FULL_RATE] = { PORT_COUNT_PAUSED_RATE, "accept_rate" },
		[FULL_CHURN] = { PORT_COUNT_PAUSED_CHURN,
				 "pace for clients that leave without a login" },
		[FULL_DESCRIPTORS] = { PORT_COUNT_PAUSED_DESCRIPTORS,
				       "part of the process's descriptors (`ulimit -n`)" },
	};
	unsigned dropped;

	port_count(wp->port, wp->worker, rows[full].counter, 1);
	if (log_limit_ok(&limits[full], 1, &dropped))
		log_warning("listener.waits", "%s is at its %s: further clients wait",
			    wp->port->name, rows[full].text);
}

static void on_rate_timer(struct timer *t)
{
	admission_look_again(container_of(t, struct worker_port, rate_timer));
}

static void come_back_in_time(struct worker_port *wp)
{
	struct admission *a = &wp->port->admission;
	bool churned;
	int64_t rate = rate_of(wp->worker, a, wp->conf->accept_rate, &churned);
	msec_t wait = rate == CONF_INFINITY ? 0
					    : rate_wait(&a->accepted_until, rate,
							loop_now(wp->worker->loop));

	timer_arm(wp->worker->loop, &wp->rate_timer, MAX(wait, (msec_t)1));
}

bool admission_may_accept(struct worker_port *wp)
{
	enum room room = take_room(wp), before = ROOM;
	struct waiters *w = NULL;

	ASSERT_ON(wp->worker);
	if (room == ROOM)
		return true;
	note_full(wp, room);
	listener_pause(&wp->io);
	for (; room != ROOM && room != before; room = take_room(wp)) {
		w = waiters_for(wp, room);
		begin_waiting(w, wp->worker->id);
		before = room;
	}
	if (room == ROOM && stop_waiting(w, wp->worker->id)) {
		/* Nobody else wakes those that wait under the same flag. */
		look_again(wp->worker,
			   w == &wp->port->admission.waiters ? wp->port : NULL);
		return true;
	}
	if (room == ROOM) /* somebody else wakes us: then we look again */
		admission_undo(wp->worker, wp->port);
	if (room == FULL_RATE || room == FULL_CHURN)
		come_back_in_time(wp);
	return false;
}

void admission_look_again(struct worker_port *wp)
{
	ASSERT_ON(wp->worker);
	timer_cancel(wp->worker->loop, &wp->rate_timer);
	listener_resume(&wp->io); /* does nothing if it is not paused */
}

void admission_start(struct worker_port *wp)
{
	timer_init(&wp->rate_timer, on_rate_timer);
}

void admission_stop(struct worker_port *wp)
{
	timer_cancel(wp->worker->loop, &wp->rate_timer);
}

/* --- one connection --- */

void admission_enter(struct worker *w, struct port *p, const struct conf_listener *l)
{
	bool churned;
	int64_t rate = rate_of(w, &p->admission, l->accept_rate, &churned);

	if (rate != CONF_INFINITY)
		rate_take(&p->admission.accepted_until, rate, loop_now(w->loop));
}

static void leave(struct worker *w, struct port *p, bool unauthenticated)
{
	struct admission *a = &p->admission;
	struct room_for_all *all = &w->server->descriptors;

	if (unauthenticated)
		atomic_fetch_sub(&a->unauthenticated, 1);
	atomic_fetch_sub(&a->open, 1);
	atomic_fetch_sub(&all->open, 1);
	wake_all(w->server, &a->waiters, p);
	wake_all(w->server, &all->waiters, NULL);
}

void admission_undo(struct worker *w, struct port *p)
{
	leave(w, p, true);
}

/* What each connection counts for, as far as it does. */
struct place {
	struct net ip, around;
};

static bool place_of(const struct c2s *c, struct place *ret)
{
	if (!conn_peer_net(c->conn, &ret->ip))
		return false;
	ret->around = net_around(&ret->ip, ret->ip.v6 ? 64 : 24);
	return true;
}

static bool take_source(struct c2s *c, const struct net *of, int64_t max)
{
	return sources_take(&c->port->admission.sources, of, (uint32_t)max);
}

bool admission_address(struct c2s *c)
{
	const struct conf_listener *l = c->st.listener;
	bool by_ip = l->max_connections_per_ip != CONF_INFINITY;
	bool by_net = l->max_connections_per_net != CONF_INFINITY;
	struct place p;

	if (!place_of(c, &p))
		return true; /* it has none */
	c->counts_ip = by_ip && take_source(c, &p.ip, l->max_connections_per_ip);
	if (by_ip && !c->counts_ip) {
		admission_refuse(c, REFUSED_IP);
		return false;
	}
	c->counts_net = by_net && take_source(c, &p.around, l->max_connections_per_net);
	if (by_net && !c->counts_net) {
		admission_refuse(c, REFUSED_NET);
		return false;
	}
	return true;
}

void admission_authenticated(struct c2s *c)
{
	if (!c->unauthenticated)
		return;
	c->unauthenticated = false;
	atomic_fetch_sub(&c->port->admission.unauthenticated, 1);
	wake_all(c->worker->server, &c->port->admission.waiters, c->port);
}

static void give_sources(struct c2s *c)
{
	struct place p;

	if (!place_of(c, &p)) /* then it counts for nothing */
		return;
	if (c->counts_ip)
		sources_give(&c->port->admission.sources, &p.ip);
	if (c->counts_net)
		sources_give(&c->port->admission.sources, &p.around);
}

void admission_leave(struct c2s *c)
{
	give_sources(c);
	if (c->unauthenticated)
		admission_note_left(&c->port->admission, c->worker->server->n_workers,
				    loop_now(c->worker->loop));
	leave(c->worker, c->port, c->unauthenticated);
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
	[REFUSED_IP] = { PORT_COUNT_REFUSED_IP,
			 "its address has max_connections_per_ip already" },
	[REFUSED_NET] = { PORT_COUNT_REFUSED_NET,
			  "its network has max_connections_per_net already" },
};

enum { REFUSALS_LOGGED_PER_MINUTE = 6 }; /* of a kind, by each worker */

void admission_refuse(struct c2s *c, enum refusal why)
{
	static _Thread_local struct log_limit limits[REFUSED_MAX];
	unsigned dropped;

	ASSERT_ON(c->worker);
	c2s_count_end(c, refusals[why].counter);
	if (log_limit_ok(&limits[why], REFUSALS_LOGGED_PER_MINUTE, &dropped))
		log_warning("conn.refused", "%s refused %s: %s (%u others of late)",
			    c->port->name, conn_peer(c->conn), refusals[why].text,
			    dropped);
	c->quiet = true;
	conn_abort(c->conn);
}
