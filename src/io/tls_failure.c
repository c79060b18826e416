#include "io/tls_failure.h"
#include "base/base.h"

#include <openssl/err.h>

static const struct {
	uint8_t alert;
	const char *text;
} failures[] = { [FAIL_NONE] = { 0, "" },
#define X(id, alert, text) [FAIL_##id] = { alert, text },
		 TLS_FAILURES(X)
#undef X
};

uint8_t tls_failure_alert(enum tls_failure why)
{
	ASSERT(why < FAIL_PEER);
	return failures[why].alert;
}

const char *tls_failure_text(enum tls_failure why, uint8_t alert)
{
	const char *text;

	if (why != FAIL_PEER)
		return failures[why].text;
	text = ERR_reason_error_string(
		ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + alert));
	return text ? text : "an unknown alert";
}
