#include "core/login/client_cert.h"
#include "base/log.h"
#include "core/c2s/c2s.h"

void client_cert_log(struct c2s *c)
{
	static _Thread_local struct log_limit limit;
	const struct tls *tls = conn_tls(c->conn);
	const char *why = tls ? tls_peer_error(tls) : NULL;
	unsigned dropped;

	if (why && tls_peer_crl_is_at_fault(tls)) {
		if (log_limit_ok(&limit, 6, &dropped))
			log_warning("tls.crl",
				    "a client's certificate does not pass because of a "
				    "revocation list: %s",
				    why);
	} else if (why && tls_is_up(tls)) {
		log_info("tls.certificate", "the client's does not pass: %s", why);
	}
}

bool client_cert_names(struct stream *st, struct arena *a, struct cert_names *ret)
{
	const struct tls *tls = conn_tls(c2s_of(st)->conn);

	if (tls == NULL || !tls_peer_verified(tls))
		return false;
	return ret == NULL || tls_peer_names(tls, a, ret) == 0;
}

struct strv client_cert_der(struct c2s *c, struct arena *a)
{
	const struct tls *tls = conn_tls(c->conn);
	struct strv der;

	return tls && tls_peer_der(tls, a, &der) == 0 ? der : STRV_NULL;
}
