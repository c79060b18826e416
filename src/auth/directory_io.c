#include "auth/directory_io.h"

#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

bool ldap_io_may_go_on(struct ldap_io *io, int r)
{
	int error = SSL_get_error(io->ssl, r);

	switch (error) {
	case SSL_ERROR_WANT_READ:
		return ldap_wait_for(&io->wait, io->fd, POLLIN);
	case SSL_ERROR_WANT_WRITE:
		return ldap_wait_for(&io->wait, io->fd, POLLOUT);
	case SSL_ERROR_ZERO_RETURN:
		errno = 0;
		return false;
	default:
		io->reason = ERR_reason_error_string(ERR_peek_error());
		/* EAGAIN would be tried again. */
		if (error != SSL_ERROR_SYSCALL || errno == 0 || errno == EAGAIN)
			errno = EPROTO;
		return false;
	}
}

static bool may_go_on_plain(struct ldap_io *io, short events)
{
	return (errno == EAGAIN || errno == EINTR) &&
	       ldap_wait_for(&io->wait, io->fd, events);
}

/* --- for the library --- */

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

/* It would wait for the socket before it reads, and not end its wait when the server does: we wait. */
static int control(Sockbuf_IO_Desc *d, int option, void *arg)
{
	return option == LBER_SB_OPT_DATA_READY;
}

static ber_slen_t read_wire(struct ldap_io *io, void *to, int most)
{
	ssize_t got;
	int r;

	if (!io->ssl) {
		do
			got = recv(io->fd, to, (size_t)most, 0);
		while (got < 0 && may_go_on_plain(io, POLLIN));
		return got;
	}
	do {
		ERR_clear_error();
		errno = 0;
		r = SSL_read(io->ssl, to, most);
	} while (r <= 0 && ldap_io_may_go_on(io, r));
	return r > 0 ? r : errno ? -1 : 0;
}

static ber_slen_t read_some(Sockbuf_IO_Desc *d, void *to, ber_len_t n)
{
	struct ldap_io *io = d->sbiod_pvt;
	ber_slen_t got;

	if (io->left == 0) {
		io->trouble = "its answer is longer than 1 MiB";
		errno = EMSGSIZE;
		return -1;
	}
	got = read_wire(io, to, (int)MIN(n, io->left));
	if (got > 0)
		io->left -= (size_t)got;
	else if (got < 0 && errno == ETIMEDOUT)
		io->trouble = "Timed out";
	return got;
}

/* Who does not want us has said why, and closed, before we have written. */
static void look_for_an_alert(struct ldap_io *io)
{
	int before = errno;
	char any;

	ERR_clear_error();
	if (SSL_peek(io->ssl, &any, 1) <= 0)
		io->reason = ERR_reason_error_string(ERR_peek_error());
	errno = before;
}

static ber_slen_t write_part(struct ldap_io *io, const void *from, int most)
{
	int r;
	ssize_t sent;

	if (!io->ssl) {
		do
			sent = send(io->fd, from, (size_t)most, MSG_NOSIGNAL);
		while (sent < 0 && may_go_on_plain(io, POLLOUT));
		return sent;
	}
	do {
		ERR_clear_error();
		errno = 0;
		r = SSL_write(io->ssl, from, most);
	} while (r <= 0 && ldap_io_may_go_on(io, r));
	if (r > 0)
		return r;
	if (!io->reason)
		look_for_an_alert(io);
	return -1;
}

/* The library has no more use for what has been written, and would free it as it is: a request to
 * bind has a password in it. */
static ber_slen_t write_some(Sockbuf_IO_Desc *d, void *from, ber_len_t n)
{
	int most = (int)MIN(n, (ber_len_t)INT_MAX);
	ber_slen_t sent = write_part(d->sbiod_pvt, from, most);

	if (sent > 0)
		mem_wipe(from, (size_t)sent);
	return sent;
}

static int close_it(Sockbuf_IO_Desc *d)
{
	ldap_io_close(d->sbiod_pvt);
	return 0;
}

static Sockbuf_IO functions = {
	.sbi_setup = set_up,
	.sbi_remove = take_down,
	.sbi_ctrl = control,
	.sbi_read = read_some,
	.sbi_write = write_some,
	.sbi_close = close_it,
};

/* The library would connect by itself when it has lost a connection, without TLS, to whatever is
 * the default of this machine. */
static int refuse(LDAP *ld, Sockbuf *sb, LDAPURLDesc *server, struct sockaddr *address,
		  struct ldap_conncb *cb)
{
	return -1;
}

static void on_closed(LDAP *ld, Sockbuf *sb, struct ldap_conncb *cb)
{
}

/* --- its life --- */

void ldap_io_begin(struct ldap_io *io)
{
	io->left = LDAP_ANSWER_MAX;
}

int ldap_io_open(struct ldap_io *io, LDAP **ret)
{
	static struct ldap_conncb never = { .lc_add = refuse, .lc_del = on_closed };
	Sockbuf *sb;
	LDAP *ld;
	ber_len_t most =
		LDAP_ANSWER_MAX; /* it allocates what a message says that it has */
	int r = ldap_init_fd(io->fd, LDAP_PROTO_EXT, NULL, &ld);

	if (r != LDAP_SUCCESS)
		return r;
	r = ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb);
	ASSERT(r == LDAP_OPT_SUCCESS);
	r = ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most);
	ASSERT(r == 1);
	r = ber_sockbuf_add_io(sb, &functions, LBER_SBIOD_LEVEL_PROVIDER, io);
	ASSERT(r == 0);
	r = ldap_set_option(ld, LDAP_OPT_CONNECT_CB, &never);
	ASSERT(r == LDAP_OPT_SUCCESS);
	*ret = ld;
	return 0;
}

void ldap_io_close(struct ldap_io *io)
{
	if (io->ssl) {
		if (SSL_is_init_finished(io->ssl))
			SSL_shutdown(io->ssl);
		SSL_free(io->ssl);
		ERR_clear_error();
	}
	if (io->fd >= 0)
		close(io->fd);
	io->ssl = NULL;
	io->fd = -1;
}
