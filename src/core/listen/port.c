#include "core/listen/port.h"
#include "core/c2s/c2s.h"
#include "core/server/worker.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void port_name(const struct conf_listener *l, char to[static 64])
{
	bool v6 = strv_find(l->ip_address, ':') >= 0;

	snprintf(to, 64, "%s" STRV_FMT "%s:%u", v6 ? "[" : "", STRV_ARG(l->ip_address),
		 v6 ? "]" : "", (unsigned)l->port);
}

bool port_is(const struct port *p, const struct conf_listener *l)
{
	char name[64];

	port_name(l, name);
	return strcmp(p->name, name) == 0;
}

static int backlog(const struct conf_listener *l)
{
	return (int)MIN(l->backlog, (int64_t)INT32_MAX);
}

static int open_socket(const struct conf_listener *l)
{
	struct listen_conf lc = { .address = l->ip_address.p,
				  .port = (uint16_t)l->port,
				  .backlog = backlog(l),
				  .reuse_port = l->reuse_port };

	return listen_open(&lc);
}

int port_open(const struct conf_listener *l, uint16_t n_accept, uint16_t n_workers,
	      struct port **ret, struct buf *err)
{
	struct port *p =
		mem_zalloc(sizeof(*p) + n_workers * sizeof(struct port_counters *));
	uint16_t n = l->reuse_port ? n_accept : 1;

	p->refs = 1;
	p->n_workers = n_workers;
	p->reuse_port = l->reuse_port;
	port_name(l, p->name);
	list_init(&p->closed);
	admission_init(&p->admission, n_workers);
	p->fd = mem_alloc(n * sizeof(int));
	for (uint16_t i = 0; i < n_workers; i++)
		p->counters[i] = MEM_NEW(struct port_counters);
	while (p->n_fd < n) {
		int fd = open_socket(l);
		if (fd < 0) {
			buf_putf(err, "listen.c2s: " STRV_FMT " port %u: %s",
				 STRV_ARG(l->ip_address), (unsigned)l->port,
				 strerror(-fd));
			port_close(p);
			port_unref(&p);
			return fd;
		}
		p->fd[p->n_fd++] = fd;
	}
	*ret = p;
	return 0;
}

void port_set_backlog(struct port *p, const struct conf_listener *l)
{
	for (uint16_t i = 0; i < p->n_fd; i++) {
		int r = listen(p->fd[i], backlog(l));
		ASSERT(r == 0); /* it listens already */
	}
}

void port_close(struct port *p)
{
	while (p->n_fd)
		close(p->fd[--p->n_fd]);
}

struct port *port_ref(struct port *p)
{
	atomic_fetch_add(&p->refs, 1);
	return p;
}

void port_unref(struct port **pp)
{
	struct port *p = *pp;

	*pp = NULL;
	if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	ASSERT(p->n_fd == 0);
	for (uint16_t i = 0; i < p->n_workers; i++)
		mem_free(p->counters[i]);
	admission_fini(&p->admission);
	mem_free(p->fd);
	mem_free(p);
}

/* --- on a worker --- */

static void on_accept(struct listener *io, int fd, const char *peer)
{
	c2s_accept(io->owner, fd, peer);
}

static bool may_accept(struct listener *io)
{
	return admission_may_accept(io->owner);
}

static void on_nobody(struct listener *io)
{
	struct worker_port *wp = io->owner;

	admission_undo(wp->worker, wp->port);
}

static void on_accept_error(struct listener *io, int err)
{
	static _Thread_local struct log_limit limit;
	unsigned dropped;

	if (log_limit_ok(&limit, 6, &dropped))
		log_warning("listener.full",
			    "no connection can be accepted for now: %s; the limit "
			    "of descriptors is raised by `ulimit -n`",
			    strerror(err));
}

void port_configure(struct worker_port *wp, const struct conf_listener *l)
{
	wp->conf = l;
	wp->io.max_per_turn = (unsigned)MIN(l->num_acceptors, (int64_t)1024);
}

void port_start(struct worker *w, struct port *p, const struct conf_listener *l)
{
	struct worker_port *wp = MEM_NEW(struct worker_port);
	int r;

	ASSERT(w->id < p->n_workers && p->n_fd > 0);
	wp->port = port_ref(p);
	wp->worker = w;
	port_configure(wp, l);
	wp->io.may_accept = may_accept;
	wp->io.on_nobody = on_nobody;
	wp->io.on_accept = on_accept;
	wp->io.on_error = on_accept_error;
	wp->io.owner = wp;
	admission_start(wp);
	list_push(&w->ports, &wp->link);
	r = listener_start(&wp->io, w->loop, p->fd[p->n_fd > 1 ? w->id : 0]);
	ASSERT(r == 0); /* a socket that this loop does not know yet */
}

void port_stop(struct worker_port **pwp)
{
	struct worker_port *wp = *pwp;

	*pwp = NULL;
	admission_stop(wp);
	listener_stop(&wp->io);
	list_remove(&wp->link);
	port_unref(&wp->port);
	mem_free(wp);
}

/* --- counters --- */

void port_count(struct port *p, const struct worker *w, enum port_counter which,
		int64_t n)
{
	_Atomic int64_t *v = &p->counters[w->id]->v[which];

	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

int64_t port_sum(const struct port *p, enum port_counter which)
{
	int64_t sum = 0;

	for (uint16_t i = 0; i < p->n_workers; i++)
		sum += atomic_load_explicit(&p->counters[i]->v[which],
					    memory_order_relaxed);
	return sum;
}
