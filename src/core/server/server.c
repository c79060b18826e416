#include "core/server/server.h"
#include "auth/backoff.h"
#include "auth/cache.h"
#include "auth/pool.h"
#include "base/log.h"
#include "core/c2s/c2s.h"
#include "core/im/contact_gone.h"
#include "core/im/user.h"
#include "core/listen/descriptors.h"
#include "core/listen/port.h"
#include "core/login/anonymous.h"
#include "core/login/secret.h"
#include "core/server/worker.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
	AUTH_CACHE_ENTRIES = 4096,
	BACKOFF_ENTRIES = 8192,
	AUTH_THREADS = 1,
	SHUTDOWN_MS = 3000, /* for the streams to end; the rest is cut off */
	FINISH_MS = 20000,  /* for the database to answer what was asked until then */
};

/* --- listeners --- */

static int open_ports(struct server *s, struct buf *err)
{
	s->ports = mem_zalloc(s->conf->n_c2s * sizeof(struct port *));
	for (size_t i = 0; i < s->conf->n_c2s; i++) {
		const struct conf_listener *l = &s->conf->c2s[i];
		int r = port_open(l, s->n_workers, s->n_threads, &s->ports[i], err);
		if (r < 0)
			return r;
		s->n_ports++;
		for (uint16_t k = 0; k < s->n_workers; k++)
			port_start(s->workers[k], s->ports[i], l);
	}
	return 0;
}

/* --- making it --- */

/* A database server may be away: then the workers read it when they need it. */
static int read_secret(struct server *s, struct buf *err)
{
	int r = s->conf->has_rdbms ? 0 : secret_wait(s->store, s->secret);

	if (r < 0 && buf_addf(err, "the database %s: its secret cannot be read",
			      s->conf->store.path.p) < 0)
		r = -EINVAL;
	return r;
}

/* On a thread of the store's. */
static void on_forgotten(struct store_call *c)
{
	if (c->err < 0)
		log_warning("account.unmade",
			    STRV_FMT ": names of accounts that were being made when the "
				     "server ended may stay taken: the database failed",
			    STRV_ARG(c->server));
	else if (c->number)
		log_notice("account.unmade",
			   STRV_FMT ": %lld names are free again: their accounts were "
				    "being made when the server ended",
			   STRV_ARG(c->server), (long long)c->number);
	store_call_free(&c);
}

/* Before anything else is written: the queue is in order. */
static void forget_unmade_accounts(struct server *s)
{
	for (size_t i = 0; i < s->conf->n_hosts; i++) {
		struct store_call *c =
			store_account_forget_unmade(s->conf->hosts[i].domain);

		c->deliver = on_forgotten;
		if (store_submit(s->store, c) < 0)
			store_call_free(&c);
	}
}

/* When all that the server needs itself is open. */
static void plan_descriptors(struct server *s, uint64_t limit)
{
	s->descriptors.max = descriptors_room(limit, descriptors_in_use(),
					      conf_n_asking_threads(s->conf));
	descriptors_log(s->conf, s->descriptors.max, limit);
}

static int start(struct server *s, struct buf *err)
{
	struct store_conf sc;
	int r;

	conf_store_conf(s->conf, s->arena, &sc);
	r = store_open(&sc, &s->store, err);
	r = r ? r : read_secret(s, err);
	if (r < 0)
		return r;
	forget_unmade_accounts(s);
	conf_start(s->conf);
	s->auth_pool = auth_pool_new(AUTH_POOL_PLAIN(AUTH_THREADS), NULL, NULL);
	s->auth_cache = auth_cache_new(AUTH_CACHE_ENTRIES);
	s->backoff = backoff_new(BACKOFF_ENTRIES);
	s->anonymous_names = anonymous_names_new();
	for (uint16_t i = 0; r == 0 && i < s->n_threads; i++)
		r = worker_new(s, i, &s->workers[i]);
	return r ? r : open_ports(s, err);
}

int server_new(struct conf *c, uint16_t n_workers, struct server **ret, struct buf *err)
{
	struct server *s = MEM_NEW(struct server);
	uint64_t limit = descriptors_raise();
	int r;

	ASSERT(n_workers > 0 && n_workers <= SERVER_MAX_WORKERS);
	room_for_all_init(&s->descriptors, (uint16_t)(2 * n_workers));
	pthread_mutex_init(&s->lock, NULL);
	port_totals_init(&s->port_totals);
	retirement_init(&s->retired);
	s->arena = arena_new(1024);
	s->conf = conf_ref(c);
	s->n_workers = n_workers;
	s->n_threads = (uint16_t)(2 * n_workers);
	s->workers = mem_zalloc(s->n_threads * sizeof(*s->workers));
	s->started = clock_wall_us();
	r = start(s, err);
	if (r < 0) {
		server_free(&s);
		return r;
	}
	plan_descriptors(s, limit);
	*ret = s;
	return 0;
}

void server_free(struct server **ps)
{
	struct server *s = *ps;

	*ps = NULL;
	if (s == NULL)
		return;
	for (uint16_t i = 0; i < s->n_threads; i++)
		if (s->workers
			    [i]) /* before the sockets that their loops watch are closed */
			worker_stop_ports(s->workers[i]);
	for (size_t i = 0; i < s->n_ports; i++)
		port_close(s->ports[i]);
	retirement_end(&s->retired);
	conf_stop(s->conf, true);
	auth_pool_free(&s->auth_pool);
	store_close(&s->store);
	for (uint16_t i = 0; i < s->n_threads; i++)
		worker_free(&s->workers[i]);
	for (size_t i = 0; i < s->n_ports; i++)
		port_unref(&s->ports[i]);
	mem_free(s->ports);
	port_totals_fini(&s->port_totals);
	auth_cache_free(&s->auth_cache);
	backoff_free(&s->backoff);
	anonymous_names_free(&s->anonymous_names);
	mem_wipe(s->secret, sizeof(s->secret));
	mem_free(s->workers);
	conf_unref(&s->conf);
	arena_free_wiped(&s->arena);
	pthread_mutex_destroy(&s->lock);
	room_for_all_fini(&s->descriptors);
	mem_free(s);
}

void server_start(struct server *s)
{
	sigset_t all, old;

	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (uint16_t i = 0; i < s->n_threads; i++) {
		int r = pthread_create(&s->workers[i]->thread, NULL, worker_main,
				       s->workers[i]);
		ASSERT(r == 0);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* --- the end --- */

/* Looks again every few milliseconds whether this worker's connections have all ended. */
static void on_drain_timer(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, drain_timer);

	if (w->n_streams == 0 || loop_now(w->loop) >= w->drain_until)
		loop_stop(w->loop);
	else
		timer_arm(w->loop, t, 10);
}

static void on_shutdown(struct worker *w, struct post *p)
{
	mem_free(p);
	worker_stop_ports(w);
	c2s_shutdown_all(w);
	w->drain_until = loop_now(w->loop) + SHUTDOWN_MS;
	timer_init(&w->drain_timer, on_drain_timer);
	timer_arm(w->loop, &w->drain_timer, 10);
}

/* What is left when a worker's loop has stopped: streams that did not end in time, messages that
 * came late. We stand in for the thread. */
static void finish_worker(struct worker *w)
{
	struct c2s *c;

	this_worker = w;
	for (uint32_t at = 0; (c = slots_next(&w->streams, &at));)
		conn_abort(c->conn);
	loop_turn(w->loop, w->n_calls ? 1 : 0);
	this_worker = NULL;
}

static bool is_quiet(const struct server *s)
{
	for (uint16_t i = 0; i < s->n_threads; i++)
		if (s->workers[i]->n_streams ||
		    !inbox_is_empty(loop_inbox(s->workers[i]->loop)))
			return false;
	return true;
}

static void finish_all(struct server *s)
{
	do
		for (uint16_t i = 0; i < s->n_threads; i++)
			finish_worker(s->workers[i]);
	while (!is_quiet(s));
}

static unsigned n_calls(const struct server *s)
{
	unsigned n = 0;

	for (uint16_t i = 0; i < s->n_threads; i++)
		n += s->workers[i]->n_calls;
	return n;
}

/* What clients have sent may wait for the database, and have to go to it again: a message for an
 * account that is being loaded is stored behind that. */
static void finish_calls(struct server *s)
{
	msec_t until = clock_mono_ms() + FINISH_MS;
	unsigned n;

	do {
		finish_all(s);
		n = n_calls(s);
	} while (n && clock_mono_ms() < until);
	if (n)
		log_error(
			"server.stop",
			"the database leaves %u calls without an answer: what waits for "
			"them is lost",
			n);
}

void server_hurry(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	conf_hurry(s->conf);
	retirement_hurry(&s->retired);
	pthread_mutex_unlock(&s->lock);
}

void server_stop(struct server *s)
{
	atomic_store(&s->stopping, true);
	for (uint16_t i = 0; i < s->n_threads; i++) {
		struct post *p = MEM_NEW(struct post);
		p->fn = on_shutdown;
		worker_post(s->workers[i], p, sizeof(*p));
	}
	for (uint16_t i = 0; i < s->n_threads; i++)
		pthread_join(s->workers[i]->thread, NULL);
	/* Nobody runs any more: what workers have sent each other and the database's and the
	 * pool's answers are handled here, one worker after the other, until it is quiet. */
	finish_calls(s);
	retirement_end(&s->retired);
	conf_stop(s->conf, true);
	auth_pool_free(&s->auth_pool);
	store_close(&s->store); /* everything queued is committed */
	finish_all(s);
}

/* --- from other threads --- */

struct removed {
	struct post post;
	struct arena *arena;
	struct jid account;
};

static void on_removed(struct worker *w, struct post *p)
{
	struct removed *m = container_of(p, struct removed, post);
	struct arena *a = m->arena;

	user_removed(w, m->account);
	contact_gone(w, m->account);
	arena_free(&a);
}

void server_account_removed(struct server *s, struct jid account)
{
	removals_add(&s->removals, account);
	for (uint16_t i = 0; i < s->n_threads; i++) {
		struct arena *a = arena_new(512);
		struct removed *m = ARENA_NEW(a, struct removed);

		m->arena = a;
		m->account = jid_dup(a, account);
		m->post.fn = on_removed;
		if (s->workers[i] == this_worker) /* before whatever waits for it */
			on_removed(this_worker, &m->post);
		else
			worker_post(s->workers[i], &m->post, sizeof(*m));
	}
}
