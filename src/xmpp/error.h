/* The errors of RFC 6120, one row each: enum and wire name come from it. */
#pragma once

#include "base/strv.h"

#define STREAM_ERRORS(X) /* RFC 6120 4.9.3 */                   \
	X(BAD_FORMAT, "bad-format")                             \
	X(BAD_NAMESPACE_PREFIX, "bad-namespace-prefix")         \
	X(CONFLICT, "conflict")                                 \
	X(CONNECTION_TIMEOUT, "connection-timeout")             \
	X(HOST_GONE, "host-gone")                               \
	X(HOST_UNKNOWN, "host-unknown")                         \
	X(IMPROPER_ADDRESSING, "improper-addressing")           \
	X(INTERNAL_SERVER_ERROR, "internal-server-error")       \
	X(INVALID_FROM, "invalid-from")                         \
	X(INVALID_NAMESPACE, "invalid-namespace")               \
	X(INVALID_XML, "invalid-xml")                           \
	X(NOT_AUTHORIZED, "not-authorized")                     \
	X(NOT_WELL_FORMED, "not-well-formed")                   \
	X(POLICY_VIOLATION, "policy-violation")                 \
	X(REMOTE_CONNECTION_FAILED, "remote-connection-failed") \
	X(RESET, "reset")                                       \
	X(RESOURCE_CONSTRAINT, "resource-constraint")           \
	X(RESTRICTED_XML, "restricted-xml")                     \
	X(SYSTEM_SHUTDOWN, "system-shutdown")                   \
	X(UNDEFINED_CONDITION, "undefined-condition")           \
	X(UNSUPPORTED_ENCODING, "unsupported-encoding")         \
	X(UNSUPPORTED_FEATURE, "unsupported-feature")           \
	X(UNSUPPORTED_STANZA_TYPE, "unsupported-stanza-type")   \
	X(UNSUPPORTED_VERSION, "unsupported-version")

/* RFC 6120 8.3.3: wire name, error type that RFC recommends. */
#define STANZA_ERRORS(X)                                                \
	X(BAD_REQUEST, "bad-request", "modify")                         \
	X(CONFLICT, "conflict", "cancel")                               \
	X(FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", "cancel") \
	X(FORBIDDEN, "forbidden", "auth")                               \
	X(GONE, "gone", "cancel")                                       \
	X(INTERNAL_SERVER_ERROR, "internal-server-error", "cancel")     \
	X(ITEM_NOT_FOUND, "item-not-found", "cancel")                   \
	X(JID_MALFORMED, "jid-malformed", "modify")                     \
	X(NOT_ACCEPTABLE, "not-acceptable", "modify")                   \
	X(NOT_ALLOWED, "not-allowed", "cancel")                         \
	X(NOT_AUTHORIZED, "not-authorized", "auth")                     \
	X(POLICY_VIOLATION, "policy-violation", "modify")               \
	X(RECIPIENT_UNAVAILABLE, "recipient-unavailable", "wait")       \
	X(REDIRECT, "redirect", "modify")                               \
	X(REGISTRATION_REQUIRED, "registration-required", "auth")       \
	X(REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", "cancel") \
	X(REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait")       \
	X(RESOURCE_CONSTRAINT, "resource-constraint", "wait")           \
	X(SERVICE_UNAVAILABLE, "service-unavailable", "cancel")         \
	X(SUBSCRIPTION_REQUIRED, "subscription-required", "auth")       \
	X(UNDEFINED_CONDITION, "undefined-condition", "cancel")         \
	X(UNEXPECTED_REQUEST, "unexpected-request", "wait")

#define SASL_ERRORS(X) /* RFC 6120 6.5 */             \
	X(ABORTED, "aborted")                         \
	X(ACCOUNT_DISABLED, "account-disabled")       \
	X(CREDENTIALS_EXPIRED, "credentials-expired") \
	X(ENCRYPTION_REQUIRED, "encryption-required") \
	X(INCORRECT_ENCODING, "incorrect-encoding")   \
	X(INVALID_AUTHZID, "invalid-authzid")         \
	X(INVALID_MECHANISM, "invalid-mechanism")     \
	X(MALFORMED_REQUEST, "malformed-request")     \
	X(MECHANISM_TOO_WEAK, "mechanism-too-weak")   \
	X(NOT_AUTHORIZED, "not-authorized")           \
	X(TEMPORARY_AUTH_FAILURE, "temporary-auth-failure")

enum stream_err {
	STREAM_ERR_NONE,
#define X(id, name) STREAM_ERR_##id,
	STREAM_ERRORS(X)
#undef X
		STREAM_ERR_MAX,
};

enum stanza_err {
	STANZA_ERR_NONE,
#define X(id, name, type) STANZA_ERR_##id,
	STANZA_ERRORS(X)
#undef X
		STANZA_ERR_MAX,
};

enum sasl_err {
	SASL_ERR_NONE,
#define X(id, name) SASL_ERR_##id,
	SASL_ERRORS(X)
#undef X
		SASL_ERR_MAX,
};

const char *stream_err_name(enum stream_err e);
const char *stanza_err_name(enum stanza_err e);
const char *stanza_err_type(enum stanza_err e);
const char *sasl_err_name(enum sasl_err e);
