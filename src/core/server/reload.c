/* Reading the configuration again while the server runs. All of it is checked and opened first;
 * then each worker goes over to the new snapshot between two turns of its loop, and the caller
 * waits until all have. What cannot change without a restart refuses the whole, by name. */
#include "core/server/server.h"
#include "base/log.h"
#include "core/c2s/c2s.h"
#include "core/c2s/door.h"
#include "core/c2s/shaper.h"
#include "core/im/user.h"
#include "core/listen/port.h"
#include "core/module.h"
#include "core/server/worker.h"

#include <semaphore.h>
#include <sys/socket.h>

struct reload {
	struct conf *conf;
	struct port **ports; /* one for each of conf's listeners */
	size_t n_ports;
	sem_t done; /* once for each worker */
};

struct turn {
	struct post post;
	struct reload *reload;
};

/* --- on a worker --- */

static struct worker_port *find_port(struct worker *w, const struct port *p)
{
	LIST_EACH(it, &w->ports) {
		struct worker_port *wp = container_of(it, struct worker_port, link);
		if (wp->port == p)
			return wp;
	}
	return NULL;
}

static bool is_kept(const struct reload *r, const struct port *p)
{
	for (size_t i = 0; i < r->n_ports; i++)
		if (r->ports[i] == p)
			return true;
	return false;
}

static void take_ports(struct worker *w, const struct reload *r)
{
	LIST_EACH_SAFE(it, &w->ports) {
		struct worker_port *wp = container_of(it, struct worker_port, link);
		if (!is_kept(r, wp->port))
			port_stop(&wp);
	}
	for (size_t i = 0; i < r->n_ports; i++) {
		struct worker_port *wp = find_port(w, r->ports[i]);
		if (wp) {
			port_configure(wp, &w->conf->c2s[i]);
			admission_look_again(wp);
		} else {
			port_start(w, r->ports[i], &w->conf->c2s[i]);
		}
	}
}

/* An account of a domain that is no longer served keeps what it has until it is freed. */
static void take_user(struct hnode *n, void *arg)
{
	struct user *u = container_of(n, struct user, node);
	const struct conf *c = arg;
	const struct host *h = host_find(c, jid_domain(u->jid));

	if (h)
		user_set_host(u, h);
}

static void tell_modules(struct session *s)
{
	for (const struct hooks **h = s->user->host->hooks; *h; h++)
		if ((*h)->reloaded)
			(*h)->reloaded(s);
}

/* Who is negotiating goes on as it began. */
static void take_stream(struct worker *w, struct c2s *c)
{
	struct worker_port *wp = find_port(w, c->port);

	if (c->session == NULL)
		return;
	if (host_find(w->conf, jid_domain(c->st.jid)) == NULL) {
		stream_close(&c->st, STREAM_ERR_HOST_GONE,
			     "this domain is no longer served");
		return;
	}
	if (wp) {
		c2s_adopt(c, w->conf, wp->conf);
		shaper_refresh(c);
	}
	tell_modules(c->session);
}

static void on_turn(struct worker *w, struct post *p)
{
	struct reload *r = container_of(p, struct turn, post)->reload;
	struct conf *old = w->conf;
	struct c2s *c;

	w->conf = conf_ref(r->conf);
	if (!worker_is_door(w))
		take_ports(w, r);
	hash_each(&w->users, take_user, w->conf);
	for (uint32_t at = 0; (c = slots_next(&w->streams, &at));)
		take_stream(w, c);
	conf_unref(&old);
	sem_post(&r->done); /* r and p are the caller's again */
}

/* --- by the caller --- */

static void refuse_restart(struct buf *err, const char *what)
{
	buf_putf(err, "%s changes only with a restart\n", what);
}

static int check_modules(const struct conf *old, const struct conf *new, struct buf *err)
{
	int r = 0;

	for (size_t i = 0; i < new->n_hosts; i++) {
		const struct host *a = &new->hosts[i], *b = host_find(old, a->domain);
		for (size_t k = 0; b && all_modules[k]; k++) {
			if (!a->mod_conf[k] == !b->mod_conf[k])
				continue;
			buf_putf(err, "modules.%s of %.*s: ", all_modules[k]->name,
				 (int)a->domain.n, a->domain.p);
			refuse_restart(err, "turning it on or off");
			r = -EBUSY;
		}
	}
	return r;
}

static int check_restart(struct server *s, const struct conf *new, struct buf *err)
{
	int r = check_modules(s->conf, new, err);

	if (!strv_eq(s->conf->store.path, new->store.path)) {
		refuse_restart(err, "internal_databases.sqlite.path");
		r = -EBUSY;
	}
	if (!conf_same_rdbms(s->conf, new)) {
		refuse_restart(err, "outgoing_pools.rdbms.default");
		r = -EBUSY;
	}
	for (size_t i = 0; i < new->n_c2s; i++)
		for (size_t k = 0; k < s->n_ports; k++)
			if (port_is(s->ports[k], &new->c2s[i]) &&
			    s->ports[k]->reuse_port != new->c2s[i].reuse_port) {
				buf_putf(err, "listen.c2s[%zu]: ", i + 1);
				refuse_restart(err, "reuse_port");
				r = -EBUSY;
			}
	return r;
}

static struct port *find_open(struct server *s, const struct conf_listener *l)
{
	for (size_t i = 0; i < s->n_ports; i++)
		if (port_is(s->ports[i], l))
			return s->ports[i];
	return NULL;
}

/* Those that stay, referenced once more, and new ones, opened. */
static int open_ports(struct server *s, struct reload *r, struct buf *err)
{
	r->ports = mem_zalloc(r->conf->n_c2s * sizeof(struct port *));
	for (size_t i = 0; i < r->conf->n_c2s; i++) {
		const struct conf_listener *l = &r->conf->c2s[i];
		struct port *p = find_open(s, l);
		int e = p ? 0
			  : port_open(l, s->n_workers, s->n_threads, &r->ports[i], err);

		if (e < 0)
			return e;
		if (p) {
			r->ports[i] = port_ref(p);
			port_set_backlog(p, l);
		}
		r->n_ports++;
	}
	return 0;
}

/* Closes what is not in `kept`, and gives up the references. */
static void drop_ports(struct server *s, struct port **ports, size_t n,
		       struct port **kept, size_t n_kept)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < n_kept && kept[k] != ports[i])
			k++;
		if (k < n_kept) {
			port_unref(&ports[i]);
		} else {
			port_close(ports[i]);
			port_totals_take(&s->port_totals, ports[i]);
		}
	}
	port_totals_settle(&s->port_totals);
	mem_free(ports);
}

static void tell_workers(struct server *s, struct reload *r)
{
	struct turn *turns = mem_zalloc(s->n_threads * sizeof(*turns));

	sem_init(&r->done, 0, 0);
	for (uint16_t i = 0; i < s->n_threads; i++) {
		turns[i].reload = r;
		turns[i].post.fn = on_turn;
		worker_post(s->workers[i], &turns[i].post, sizeof(turns[i]));
	}
	for (uint16_t i = 0; i < s->n_threads; i++)
		while (sem_wait(&r->done) < 0)
			;
	sem_destroy(&r->done);
	mem_free(turns);
}

/* With the lock. Takes `c` over in any case. */
static int apply(struct server *s, struct conf *c, struct buf *err)
{
	struct reload r = { .conf = c };
	int e = check_restart(s, c, err);

	e = e ? e : open_ports(s, &r, err);
	if (e < 0) {
		drop_ports(s, r.ports, r.n_ports, s->ports, s->n_ports);
		conf_unref(&c);
		return e;
	}
	conf_start(c);
	tell_workers(s, &r);
	drop_ports(s, s->ports, s->n_ports, r.ports, r.n_ports);
	s->ports = r.ports;
	s->n_ports = r.n_ports;
	retirement_add(&s->retired, s->conf);
	s->conf = c;
	log_init((enum log_level)c->general.loglevel, c->general.log_json);
	return 0;
}

int server_reload(struct server *s, struct buf *err)
{
	struct conf *c;
	int r;

	pthread_mutex_lock(&s->lock);
	r = conf_load(s->conf->file, &c, err);
	r = r ? r : apply(s, c, err);
	pthread_mutex_unlock(&s->lock);
	return r;
}

int server_refresh(struct server *s, struct buf *err)
{
	struct conf *c;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	retirement_tidy(&s->retired);
	if (conf_files_changed(s->conf)) {
		r = conf_refresh(s->conf, &c, err);
		r = r ? r : apply(s, c, err);
		r = r ? r : 1;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

struct conf *server_conf(struct server *s)
{
	struct conf *c;

	pthread_mutex_lock(&s->lock);
	c = conf_ref(s->conf);
	pthread_mutex_unlock(&s->lock);
	return c;
}
