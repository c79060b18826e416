#include "core/c2s/c2s_proxy.h"
#include "base/log.h"
#include "core/c2s/c2s.h"
#include "core/c2s/c2s_count.h"
#include "core/listen/admission.h"
#include "io/proxy.h"

static bool is_trusted(const struct conf_listener *l, const struct conn *peer)
{
	struct net at;

	if (l->n_proxy_trusted == 0)
		return true;
	if (!conn_peer_net(peer, &at))
		return false;
	for (size_t i = 0; i < l->n_proxy_trusted; i++)
		if (net_has(&l->proxy_nets[i], &at))
			return true;
	return false;
}

void c2s_proxy_begin(struct c2s *c)
{
	c->early->proxy = MEM_NEW(struct proxy_reader);
	if (!is_trusted(c->st.listener, c->conn))
		admission_refuse(c, REFUSED_PROXY_UNTRUSTED);
}

static void on_header(struct c2s *c)
{
	const struct conf_listener *l = c->st.listener;
	char peer[NET_TEXT_MAX];

	if (c->early->proxy->has_address) {
		net_text(&c->early->proxy->address, peer);
		log_debug("conn.proxied", "by %s for %s", conn_peer(c->conn), peer);
		conn_set_peer(c->conn, peer);
	}
	mem_free(c->early->proxy);
	c->early->proxy = NULL;
	if (!admission_address(c))
		return;
	c->st.env->timeout(&c->st, l->state_timeout_ms); /* the next step */
	if (l->has_tls && l->tls.mode == TLS_MODE_TLS)
		conn_begin_tls(c->conn, l->tls_ctx);
}

size_t c2s_proxy_feed(struct c2s *c, struct strv in)
{
	size_t used;

	switch (proxy_read(c->early->proxy, in, &used)) {
	case PROXY_MORE:
		break;
	case PROXY_DONE:
		on_header(c);
		break;
	case PROXY_BAD:
		admission_refuse(c, REFUSED_PROXY_BAD);
		break;
	}
	return used;
}

void c2s_proxy_timeout(struct c2s *c)
{
	admission_refuse(c, REFUSED_PROXY_TIMEOUT);
}

/* A balancer that only looks whether the port is open sends nothing: no harm. */
void c2s_proxy_eof(struct c2s *c)
{
	if (c->early->proxy->n) {
		admission_refuse(c, REFUSED_PROXY_BAD);
		return;
	}
	c2s_count_end(c, PORT_COUNT_CLOSED_EOF);
	c2s_proxy_end(c);
}

void c2s_proxy_end(struct c2s *c)
{
	c2s_count_stream_end(c, STREAM_ERR_SYSTEM_SHUTDOWN);
	c->quiet = true;
	conn_abort(c->conn);
}
