#include "xmpp/error.h"

static const char *const stream_names[STREAM_ERR_MAX] = {
#define X(id, name) [STREAM_ERR_##id] = name,
	STREAM_ERRORS(X)
#undef X
};

static const char *const stanza_names[STANZA_ERR_MAX] = {
#define X(id, name, type) [STANZA_ERR_##id] = name,
	STANZA_ERRORS(X)
#undef X
};

static const char *const stanza_types[STANZA_ERR_MAX] = {
#define X(id, name, type) [STANZA_ERR_##id] = type,
	STANZA_ERRORS(X)
#undef X
};

static const char *const sasl_names[SASL_ERR_MAX] = {
#define X(id, name) [SASL_ERR_##id] = name,
	SASL_ERRORS(X)
#undef X
};

const char *stream_err_name(enum stream_err e)
{
	ASSERT(e > STREAM_ERR_NONE && e < STREAM_ERR_MAX);
	return stream_names[e];
}

const char *stanza_err_name(enum stanza_err e)
{
	ASSERT(e > STANZA_ERR_NONE && e < STANZA_ERR_MAX);
	return stanza_names[e];
}

const char *stanza_err_type(enum stanza_err e)
{
	ASSERT(e > STANZA_ERR_NONE && e < STANZA_ERR_MAX);
	return stanza_types[e];
}

const char *sasl_err_name(enum sasl_err e)
{
	ASSERT(e > SASL_ERR_NONE && e < SASL_ERR_MAX);
	return sasl_names[e];
}
