#include "io/linger.h"

#include <sys/socket.h>
#include <unistd.h>

struct lingering {
	struct io_watch watch;
	struct timer timer;
	struct loop *loop;
	struct list link; /* loop_lingering() */
	size_t n;	  /* bytes that were dropped */
};

static void end(struct lingering *s)
{
	loop_lingering(s->loop)->n--;
	list_remove(&s->link);
	loop_unwatch(s->loop, &s->watch);
	timer_cancel(s->loop, &s->timer);
	close(s->watch.fd);
	mem_free(s);
}

static void on_timer(struct timer *t)
{
	end(container_of(t, struct lingering, timer));
}

static void on_event(struct io_watch *w, uint32_t events)
{
	struct lingering *s = container_of(w, struct lingering, watch);
	ssize_t n;

	do {
		n = recv(w->fd, loop_read_buf(s->loop), LOOP_BUF, 0);
		if (n > 0)
			s->n += (size_t)n;
	} while ((n > 0 && s->n < LINGER_MAX_BYTES) || (n < 0 && errno == EINTR));
	if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		end(s);
}

void linger(struct loop *l, int fd)
{
	struct loop_lingering *all = loop_lingering(l);
	struct lingering *s;

	if (all->n == LINGER_MAX || shutdown(fd, SHUT_WR) < 0) {
		close(fd);
		return;
	}
	s = MEM_NEW(struct lingering);
	s->loop = l;
	s->watch = (struct io_watch){ .fd = fd, .on_event = on_event };
	timer_init(&s->timer, on_timer);
	if (loop_watch(l, &s->watch, EPOLLIN | EPOLLRDHUP | EPOLLET) < 0) {
		close(fd);
		mem_free(s);
		return;
	}
	timer_arm(l, &s->timer, LINGER_MS);
	list_push(&all->list, &s->link);
	all->n++;
}

void linger_end_all(struct loop *l)
{
	LIST_EACH_SAFE(it, &loop_lingering(l)->list) {
		end(container_of(it, struct lingering, link));
	}
}
