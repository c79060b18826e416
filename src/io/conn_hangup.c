/* A peer that goes while its owner waits for an answer. Nothing is read then, and so its end would
 * be noticed only with the answer, which may be half a minute away. */
#include "io/conn_priv.h"

#include <poll.h>
#include <sys/socket.h>

enum { TAIL = 512 }; /* bytes: TLS's own goodbye, and no stanzas */

/* Both sides have ended: nobody would hear the answer. */
static bool is_reset(const struct conn *c)
{
	struct pollfd p = { .fd = c->watch.fd };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP));
}

/* Bytes that can be read, up to the size of a read; 0: behind them is the end. */
static ssize_t pending(const struct conn *c)
{
	ssize_t n;

	do
		n = recv(c->watch.fd, loop_read_buf(c->loop), LOOP_BUF, MSG_PEEK);
	while (n < 0 && errno == EINTR);
	return n;
}

static bool has_nothing_to_give(const struct conn *c)
{
	return c->io == NULL || c->io->in.n == 0;
}

void conn_look_for_end(struct conn *c)
{
	ssize_t n;

	if (!c->hup || !(c->paused & CONN_PAUSE_ANSWER) || c->closing || c->eof_told)
		return;
	if (is_reset(c)) {
		conn_die(c, CONN_CLOSE_LOST, strerror(ECONNRESET));
		return;
	}
	if (c->ops->on_hangup == NULL)
		return;
	/* What came before the end of the peer's side is still its owner's, when he wants more. */
	while (!c->peer_eof && !c->closing && !c->dead && has_nothing_to_give(c)) {
		n = pending(c);
		if (n < 0 || n > TAIL)
			return;
		conn_read(c);
	}
	if (c->peer_eof && !c->closing && !c->dead && has_nothing_to_give(c))
		c->ops->on_hangup(c->owner);
}
