/* Why the record layer gives a connection up: what is said to the peer, and in the log. */
#pragma once

#include <openssl/ssl.h>
#include <stdint.h>

#define TLS_FAILURES(X)                                                                 \
	X(BAD_MAC, SSL_AD_BAD_RECORD_MAC, "a record that was changed or is of no use")  \
	X(TOO_LONG, SSL_AD_RECORD_OVERFLOW, "a record is too long")                     \
	X(TYPE, SSL_AD_UNEXPECTED_MESSAGE, "a record of a type that has no place here") \
	X(NO_TYPE, SSL_AD_UNEXPECTED_MESSAGE, "a record without a type")                \
	X(INTERLEAVED, SSL_AD_UNEXPECTED_MESSAGE,                                       \
	  "a record in the midst of a handshake message")                               \
	X(EMPTY, SSL_AD_UNEXPECTED_MESSAGE, "too many records without content")         \
	X(ALERT_LEN, SSL_AD_UNEXPECTED_MESSAGE, "a record that is not one alert")       \
	X(ALERT_LEVEL, SSL_AD_ILLEGAL_PARAMETER, "an alert of an unknown level")        \
	X(WARNINGS, SSL_AD_UNEXPECTED_MESSAGE, "too many warnings")                     \
	X(HANDSHAKE, SSL_AD_UNEXPECTED_MESSAGE,                                         \
	  "a handshake message that has no place here")                                 \
	X(KEY_UPDATE_LEN, SSL_AD_DECODE_ERROR, "a KeyUpdate of a wrong length")         \
	X(KEY_UPDATE, SSL_AD_ILLEGAL_PARAMETER, "a KeyUpdate of an unknown kind")       \
	X(KEY_UPDATES, SSL_AD_UNEXPECTED_MESSAGE, "too many KeyUpdates")                \
	X(FINISHED, SSL_AD_DECRYPT_ERROR, "a Finished that does not fit the handshake") \
	X(USED_UP, SSL_AD_INTERNAL_ERROR, "the key has been used for all that it may")

enum tls_failure {
	FAIL_NONE,
#define X(id, alert, text) FAIL_##id,
	TLS_FAILURES(X)
#undef X
		FAIL_PEER, /* an alert of its own */
};

uint8_t tls_failure_alert(enum tls_failure why); /* not of FAIL_PEER */
/* FAIL_PEER: of its `alert`. "": FAIL_NONE. */
const char *tls_failure_text(enum tls_failure why, uint8_t alert);
