#include "auth/directory_guard.h"

#include <poll.h>

enum { LOOK_UP_MS = 200 }; /* so often a wait looks whether it shall end */

static bool wait_for(Sockbuf_IO_Desc *d, short events)
{
	const struct ldap_guard *g = d->sbiod_pvt;
	struct pollfd fd = { .fd = -1, .events = events };

	ber_sockbuf_ctrl(d->sbiod_sb, LBER_SB_OPT_GET_FD, &fd.fd);
	for (;;) {
		msec_t left = g->until - clock_mono_ms();

		if (poll(&fd, 1, (int)MAX(MIN(left, (msec_t)LOOK_UP_MS), 0)) > 0)
			return true;
		if (left <= 0 || *g->ending)
			break;
	}
	errno = ETIMEDOUT;
	return false;
}

static int set_up(Sockbuf_IO_Desc *d, void *arg)
{
	d->sbiod_pvt = arg;
	return 0;
}

static int take_down(Sockbuf_IO_Desc *d)
{
	d->sbiod_pvt = NULL;
	return 0;
}

static int control(Sockbuf_IO_Desc *d, int option, void *arg)
{
	return LBER_SBIOD_CTRL_NEXT(d, option, arg);
}

static ber_slen_t read_some(Sockbuf_IO_Desc *d, void *to, ber_len_t n)
{
	return wait_for(d, POLLIN) ? LBER_SBIOD_READ_NEXT(d, to, n) : -1;
}

static ber_slen_t write_some(Sockbuf_IO_Desc *d, void *from, ber_len_t n)
{
	return wait_for(d, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(d, from, n) : -1;
}

static int close_it(Sockbuf_IO_Desc *d)
{
	return 0;
}

/* Between the socket and TLS, which comes on top of it later. */
static int on_connected(LDAP *ld, Sockbuf *sb, LDAPURLDesc *server, struct sockaddr *sa,
			struct ldap_conncb *cb)
{
	static Sockbuf_IO io = { .sbi_setup = set_up,
				 .sbi_remove = take_down,
				 .sbi_ctrl = control,
				 .sbi_read = read_some,
				 .sbi_write = write_some,
				 .sbi_close = close_it };

	return ber_sockbuf_add_io(sb, &io, LBER_SBIOD_LEVEL_TRANSPORT,
				  container_of(cb, struct ldap_guard, cb));
}

static void on_closed(LDAP *ld, Sockbuf *sb, struct ldap_conncb *cb)
{
}

int ldap_guard_set(LDAP *ld, struct ldap_guard *g)
{
	g->cb = (struct ldap_conncb){ .lc_add = on_connected, .lc_del = on_closed };
	return ldap_set_option(ld, LDAP_OPT_CONNECT_CB, &g->cb);
}
