/* SASL EXTERNAL (XEP-0178): offered to whoever has shown a certificate that passes, in this very
 * handshake, where the configuration lists it. */
#include "core/stream/stream_priv.h"
#include "base/utf8.h"

bool external_is_offered(struct stream *st)
{
	return st->secure && st->env->certificate(st, NULL, NULL);
}

enum sasl_err external_user(struct stream *st, struct strv authzid, struct jid *ret)
{
	struct arena *a = st->neg->arena;
	struct cert_names names;
	struct external_claim claim;

	if (authzid.n > SASL_NAME_MAX || strv_find(authzid, '\0') >= 0 ||
	    !utf8_is_valid(authzid))
		return SASL_ERR_MALFORMED_REQUEST;
	if (!st->env->certificate(st, a, &names))
		return SASL_ERR_NOT_AUTHORIZED; /* its names cannot be read */
	claim = (struct external_claim){ .addresses = names.address,
					 .n_addresses = names.n_addresses,
					 .common_name = names.common_name,
					 .authzid = authzid };
	return external_resolve(a, &st->host->auth->external, &claim, st->host->domain,
				ret);
}
