#include "core/listen/port_counter.h"

static const char *own_name(unsigned row)
{
	static const char *const names[] = {
#define X(id, name) name,
		PORT_COUNTERS(X)
#undef X
	};

	_Static_assert(ARRAY_LEN(names) == PORT_COUNT_STREAM_ERROR, "a name each");
	return names[row];
}

static const char *stream_error(unsigned row)
{
	return row == STREAM_ERR_NONE ? NULL : stream_err_name((enum stream_err)row);
}

static const char *mechanism(unsigned row)
{
	return sasl_mech_name((enum sasl_mech)row);
}

static const char *sasl_error(unsigned row)
{
	return row == SASL_ERR_NONE ? NULL : sasl_err_name((enum sasl_err)row);
}

const struct port_counter_group port_counter_groups[PORT_COUNTER_GROUPS] = {
	{ NULL, 0, PORT_COUNT_STREAM_ERROR, own_name, false },
	{ "stream_errors", PORT_COUNT_STREAM_ERROR, STREAM_ERR_MAX, stream_error, false },
	{ "tls_versions", PORT_COUNT_TLS_VERSION, TLS_VERSION_ROWS, tls_version_row_name,
	  false },
	{ "tls_ciphers", PORT_COUNT_TLS_CIPHER, TLS_CIPHER_ROWS, tls_cipher_row_name,
	  true },
	{ "logins", PORT_COUNT_LOGIN, SASL_MECH_MAX, mechanism, false },
	{ "auth_failures", PORT_COUNT_AUTH_FAILURE, SASL_ERR_MAX, sasl_error, false },
};
