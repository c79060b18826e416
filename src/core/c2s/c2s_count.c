#include "core/c2s/c2s_count.h"
#include "core/c2s/c2s.h"
#include "core/listen/port.h"
#include "core/server/worker.h"

void c2s_count(struct c2s *c, enum port_counter which, int64_t n)
{
	port_count(c->port, c->worker, which, n);
}

static void count_row(struct c2s *c, enum port_counter table, unsigned row)
{
	c2s_count(c, (enum port_counter)((unsigned)table + row), 1);
}

void c2s_count_bytes(struct c2s *c)
{
	conn_set_meter(c->conn, &c->port->counters[c->worker->id]->bytes);
}

void c2s_count_secured(struct c2s *c)
{
	struct tls *t = conn_tls(c->conn);

	count_row(c, PORT_COUNT_TLS_VERSION, tls_version_row(tls_version(t)));
	count_row(c, PORT_COUNT_TLS_CIPHER, tls_cipher_row(tls_cipher(t)));
}

void c2s_count_auth(struct c2s *c, int mech, enum sasl_err err)
{
	if (err)
		count_row(c, PORT_COUNT_AUTH_FAILURE, err);
	else
		count_row(c, PORT_COUNT_LOGIN, (unsigned)mech);
}

/* --- the end --- */

void c2s_count_end(struct c2s *c, enum port_counter why)
{
	if (!c->end_counted)
		c2s_count(c, why, 1);
	c->end_counted = true;
}

void c2s_count_stream_end(struct c2s *c, enum stream_err why)
{
	if (why)
		c2s_count_end(c, (enum port_counter)((unsigned)PORT_COUNT_STREAM_ERROR +
						     why));
	else
		c2s_count_end(c, c->st.peer_closed ? PORT_COUNT_CLOSED_CLIENT
						   : PORT_COUNT_CLOSED_STARTTLS);
}

void c2s_count_conn_end(struct c2s *c, enum conn_close why)
{
	static const enum port_counter rows[] = {
		[CONN_CLOSED] = PORT_COUNT_CLOSED_CLIENT,
		[CONN_CLOSE_LOST] = PORT_COUNT_CLOSED_LOST,
		[CONN_CLOSE_SLOW] = PORT_COUNT_CLOSED_SLOW,
		[CONN_CLOSE_TLS] = PORT_COUNT_CLOSED_TLS_RECORD,
		[CONN_CLOSE_ABORT] = PORT_COUNT_CLOSED_LOST,
	};

	if (why == CONN_CLOSE_TLS && !c->st.secure)
		c2s_count_end(c, PORT_COUNT_CLOSED_TLS_HANDSHAKE);
	else
		c2s_count_end(c, rows[why]);
}
