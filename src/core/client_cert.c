#include "core/client_cert.h"
#include "base/log.h"
#include "core/c2s.h"

void client_cert_log(struct c2s *c)
{
	const char *why = tls_peer_error(conn_tls(c->conn));

	if (why)
		log_info("tls.certificate", "the client's does not pass: %s", why);
}
