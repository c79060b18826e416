/* The beginning of a connection, on the worker that has accepted it or at its door. */
#include "core/c2s/c2s_count.h"
#include "core/c2s/c2s_move.h"
#include "core/c2s/c2s_priv.h"
#include "core/c2s/c2s_proxy.h"
#include "core/c2s/door.h"
#include "core/c2s/shaper.h"
#include "core/listen/port.h"
#include "core/server/server.h"
#include "core/server/worker.h"

#include <stdio.h>

/* Who has come, and where. Owns fd, and references of what it names. */
struct arrival {
	struct post post; /* to the door */
	int fd;
	struct port *port;
	struct conf *conf;
	const struct conf_listener *listener; /* of conf */
	char peer[NET_TEXT_MAX];
};

static bool begins_with_tls(const struct conf_listener *l)
{
	return l->has_tls && l->tls.mode == TLS_MODE_TLS;
}

static void shut_down(struct c2s *c)
{
	if (c->early && c->early->proxy)
		c2s_proxy_end(c);
	else
		stream_close(&c->st, STREAM_ERR_SYSTEM_SHUTDOWN, NULL);
}

static void open_stream(struct c2s *c, struct worker *w, const struct arrival *a)
{
	const struct conf_listener *l = a->listener;

	c2s_early_new(c);
	conn_set_patient(c->conn, true); /* messages come before logins */
	conn_set_secret(c->conn, true);
	c2s_keep_warm(c, l);
	c->port = a->port;
	c->unauthenticated = true;
	c2s_enlist(c, w);
	c2s_count(c, PORT_COUNT_ACCEPTED, 1);
	c2s_count_bytes(c);
	stream_init(&c->st, &c2s_stream_env, a->conf, l, false);
	c->st.env->timeout(&c->st, l->state_timeout_ms);
	shaper_refresh(c);
	c2s_log_context(c);
	log_debug("conn.accepted", "at %s", c->port->name);
	log_context_set(NULL, NULL);
}

/* Takes what `a` owns, not `a` itself. */
static void begin(struct worker *w, struct arrival *a)
{
	const struct conf_listener *l = a->listener;
	bool tls = begins_with_tls(l) && !l->proxy_protocol;
	struct c2s *c = slab_zalloc(loop_slabs(w->loop), sizeof(*c));

	if (conn_new(w->loop, a->fd, a->peer, tls ? l->tls_ctx : NULL, &c2s_conn_ops, c,
		     &c->conn) < 0) {
		slab_free(loop_slabs(w->loop), c, sizeof(*c));
		admission_undo(w, a->port);
		port_unref(&a->port);
		conf_unref(&a->conf);
		return;
	}
	open_stream(c, w, a);
	if (l->proxy_protocol)
		c2s_proxy_begin(c);
	else
		admission_address(c);
	if (c->st.closed || conn_is_dead(c->conn))
		return;
	if (atomic_load(&w->server->stopping))
		shut_down(c);
	else if (l->state_timeout_ms == 0) /* not even for what is there already */
		c2s_time_out(c);
}

static void on_arrived(struct worker *w, struct post *p)
{
	struct arrival *a = container_of(p, struct arrival, post);

	begin(w, a);
	mem_free(a);
}

void c2s_accept(struct worker_port *wp, int fd, const char *peer)
{
	struct worker *w = wp->worker;
	struct arrival *there, a = { .post.fn = on_arrived,
				     .fd = fd,
				     .port = port_ref(wp->port),
				     .conf = conf_ref(w->conf),
				     .listener = wp->conf };
	struct worker *door = begins_with_tls(wp->conf) ? door_for(w) : NULL;

	snprintf(a.peer, sizeof(a.peer), "%s", peer);
	admission_enter(w, wp->port, wp->conf); /* before the next one is accepted */
	if (door == NULL) {
		begin(w, &a);
		return;
	}
	there = mem_alloc(sizeof(*there));
	*there = a;
	worker_post(door, &there->post, sizeof(*there));
}

void c2s_shutdown_all(struct worker *w)
{
	struct c2s *c;

	for (uint32_t at = 0; (c = slots_next(&w->streams, &at));)
		shut_down(c);
}
