/* SASL ANONYMOUS (XEP-0175): nobody proves anything, and the server says who he is. */
#include "core/stream/stream_priv.h"
#include "xmpp/sasl/anonymous.h"

enum sasl_err anonymous_user_name(struct stream *st, struct strv trace, struct jid *ret)
{
	char name[SASL_ANONYMOUS_NAME_LEN + 1];

	if (sasl_anonymous_check(trace) < 0)
		return SASL_ERR_MALFORMED_REQUEST;
	sasl_anonymous_name(name);
	*ret = jid_make(st->neg->arena, strv_from(name), st->host->domain, STRV(""));
	return SASL_ERR_NONE;
}
