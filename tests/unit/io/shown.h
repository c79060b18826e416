/* Contexts whose handshakes may be our own, with OpenSSL's client, who checks the certificate; and whose
 * handshake it was in the end. */
#pragma once

#include "ca.h"
#include "duo.h"

/* The authority of all that follow; it is made by the first shown_issue(). */
extern struct made shown_root;

/* The certificate and those above it, with its key. */
void shown_write(const char *path, const struct made *m, const struct made *above);

struct shown_spec {
	EVP_PKEY *key;	   /* taken over; NULL: a new one, P-256 */
	bool deep;	   /* by way of another authority */
	const char *usage; /* its keyUsage; NULL: has none */
	const EVP_MD *md;  /* NULL: SHA-256 */
};
/* A file of this name with a certificate for "localhost" that the root has issued; the spec's fields
 * follow (shown_issue("a.pem", .deep = true)). */
#define shown_issue(file, ...) \
	shown_issue_by(file, &(const struct shown_spec){ __VA_ARGS__ })
const char *shown_issue_by(const char *file, const struct shown_spec *spec);

struct tls_ctx *shown_ctx(const char *certfile); /* with defaults */

/* A client that takes what the root has signed, and nothing else. `suite`: of TLS 1.3; NULL: any. */
SSL *shown_client(const char *suite);

/* As tls_feed(). */
int shown_feed(struct duo *d, const char *bytes, size_t n);
/* Whether a flight of the server's, as it was written, is one of our own. */
bool shown_is_ours(struct strv flight);
/* The client's first flight, of which `change` may make another one (NULL: as it is), and what comes of
 * it; true if the handshake is our own. */
bool shown_begin_with(struct duo *d, void (*change)(struct buf *hello));
bool shown_begin(struct duo *d);

/* Goes on to its end: TLS 1.3, a handshake with a certificate that is right. */
void shown_check_is_up(struct duo *d, const char *suite);
