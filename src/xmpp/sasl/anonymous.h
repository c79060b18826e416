/* SASL ANONYMOUS (RFC 4505, XEP-0175): the client's one message, and the name that the server
 * gives. */
#pragma once

#include "base/base.h"
#include "base/strv.h"

enum {
	SASL_TRACE_MAX = 255, /* characters of a token; an e-mail address gets no more */
	SASL_ANONYMOUS_NAME_LEN = 36,
};

/* Trace information: empty, a token or an e-mail address, of characters that the "trace" profile
 * of stringprep allows. -EINVAL: it is not that, or too long. */
nodiscard int sasl_anonymous_check(struct strv trace);

/* A localpart that cannot be guessed: a random UUID, and a NUL. It is canonical. */
void sasl_anonymous_name(char to[SASL_ANONYMOUS_NAME_LEN + 1]);
