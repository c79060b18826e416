/* SASL EXTERNAL with a certificate (RFC 4422 appendix A, XEP-0178): which account it comes to. Who
 * asks has made sure that the certificate is to be trusted and is the client's. */
#pragma once

#include "base/arena.h"
#include "xmpp/error.h"
#include "xmpp/jid.h"

enum external_rule {
	EXTERNAL_STANDARD,    /* an address in the certificate */
	EXTERNAL_COMMON_NAME, /* the subject's common name is the localpart */
	EXTERNAL_AUTH_ID,     /* without addresses: whoever the client says it is */
};

struct external_conf {
	const int64_t *rules; /* enum external_rule, tried in this order */
	size_t n_rules;
	struct strv prefix, suffix; /* around a common name */
};

struct external_claim {
	const struct strv *addresses; /* of the certificate, as it has them */
	size_t n_addresses;
	struct strv common_name; /* p == NULL: none */
	struct strv authzid;	 /* the client's; empty: none */
};

/* The account, bare, at `domain`, in `a`; or why none: that of the last rule. */
nodiscard enum sasl_err external_resolve(struct arena *a,
					 const struct external_conf *conf,
					 const struct external_claim *claim,
					 struct strv domain, struct jid *ret);
