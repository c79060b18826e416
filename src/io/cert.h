/* Whom a certificate is for, as far as it says so in a form that a login can use. */
#pragma once

#include "base/arena.h"

struct x509_st; /* OpenSSL's X509 */

enum { CERT_MAX_ADDRESSES = 16, CERT_MAX_NAME = 3071 /* bytes of each */ };

struct cert_names {
	struct strv address[CERT_MAX_ADDRESSES]; /* id-on-xmppAddr, RFC 6120 13.7.1.4 */
	size_t n_addresses;
	struct strv common_name; /* of the subject; p == NULL: it has none, or several */
};

/* In `a`. Valid UTF-8 without NUL, not more is known of them. -EINVAL: something in it is not as
 * it must be, or too long; -E2BIG: too many. */
nodiscard int cert_names_read(const struct x509_st *cert, struct arena *a,
			      struct cert_names *ret);

/* All of it, in DER and in `a`. -EINVAL: it cannot be written. */
nodiscard int cert_der(const struct x509_st *cert, struct arena *a, struct strv *ret);

/* Is this certificate, in DER, one of those in this text, in PEM? All of it is compared. */
bool cert_pem_has(struct strv pem, struct strv der);
