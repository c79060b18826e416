/* For the files of TLS only. */
#pragma once

#include "io/tls.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

/* How clients' certificates are judged. */
struct tls_trust {
	enum tls_verify verify;
	bool must_verify;
	STACK_OF(X509_CRL) * crls; /* NULL: no certificates are asked for */
	int stale_crl;		   /* which file has one that is out of date; -1: none */
};

/* A certificate with its chain and key. */
struct tls_cert {
	SSL_CTX *holder; /* of all three */
	char *file;
	char **names; /* that it is for; maybe with "*." before them */
	size_t n_names;
	unsigned char end_point[TLS_CB_MAX]; /* tls-server-end-point */
	size_t n_end_point;		     /* 0: not defined for this certificate */
};

/* What the issuer says about the listener's own certificate. */
struct tls_ocsp {
	unsigned char *der;
	size_t n; /* 0: there is none */
	int64_t from_s, until_s;
};

struct tls_ctx {
	atomic_uint refs;
	SSL_CTX *ssl;
	struct tls_cert *certs; /* the first one is for all other names, and for none */
	size_t n_certs;
	struct tls_trust trust;
	struct tls_ocsp ocsp;
	struct tls_tickets *tickets; /* NULL: there are none */
	struct tls_shown *shown;     /* NULL: OpenSSL shows the certificates */
	int keylog_fd;		     /* -1: none */
	bool own_records;	     /* connections go over to them where they can */
	struct buf notes;
	unsigned
		unserved; /* 1u << enum tls_version: the ciphers' string has none of it */
};

/* What has come of one client's certificate. */
struct tls_peer {
	const struct tls_trust *trust;
	SSL *ssl;
	bool verified;
	int error; /* X509_V_*; X509_V_OK: verified, or none has come */
};

/* tls_verify.c */
nodiscard int tls_trust_init(struct tls_ctx *c, const struct tls_conf *conf,
			     struct buf *err);
void tls_trust_fini(struct tls_trust *trust);
void tls_peer_init(struct tls_peer *p, struct tls_ctx *c, SSL *ssl);
const char *tls_peer_reason(const struct tls_peer *p); /* NULL: no error */

/* AES-128-GCM first: half the work of AES-256 for the same practical strength. */
#define TLS_USUAL_SUITES                                 \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:" \
	"TLS_CHACHA20_POLY1305_SHA256"

/* tls_cipher.c */
nodiscard int tls_set_ciphers(struct tls_ctx *c, const struct tls_conf *conf,
			      struct buf *err);
nodiscard int tls_load_dh(struct tls_ctx *c, const struct tls_conf *conf,
			  struct buf *err);

/* tls_cert.c */
nodiscard int tls_load_certificate(struct tls_ctx *c, const struct tls_conf *conf,
				   struct buf *err);
/* With a holder. */
nodiscard int tls_cert_open(struct tls_cert *cert, const char *file, struct buf *err);
nodiscard int tls_cert_add_key(struct tls_cert *cert, const char *file,
			       const char *password, struct buf *err);
void tls_cert_fini(struct tls_cert *cert);

/* tls_sni.c */
nodiscard int tls_load_sni(struct tls_ctx *c, const struct tls_conf *conf,
			   struct buf *err);
/* The one that `ssl` sends; NULL: none that is known here. */
const struct tls_cert *tls_cert_sent(const struct tls_ctx *c, SSL *ssl);

/* tls_ticket.c */
nodiscard int tls_tickets_init(struct tls_ctx *c, const struct tls_conf *conf,
			       struct buf *err);
void tls_tickets_fini(struct tls_ctx *c);
/* A client that shows a certificate gets no ticket: it is judged anew each time. */
void tls_no_ticket(SSL *ssl);

/* tls_ocsp.c */
nodiscard int tls_ocsp_init(struct tls_ctx *c, const struct tls_conf *conf,
			    struct buf *err);
void tls_ocsp_fini(struct tls_ctx *c);

/* tls_keylog.c */
nodiscard int tls_keylog_init(struct tls_ctx *c, const struct tls_conf *conf,
			      struct buf *err);
void tls_keylog_fini(struct tls_ctx *c);

/* tls_handshake_cert.c. When all else is set up. */
nodiscard int tls_shown_init(struct tls_ctx *c, const struct tls_conf *conf,
			     struct buf *err);
void tls_shown_fini(struct tls_ctx *c);

/* tls_version.c. Before the rest is set up, and after. */
nodiscard int tls_set_versions(struct tls_ctx *c, const struct tls_conf *conf,
			       struct buf *err);
nodiscard int tls_check_versions(struct tls_ctx *c, const struct tls_conf *conf,
				 struct buf *err);

/* A handshake in memory tells what tables do not: whether ciphers, key, level of security and version
 * go together. OpenSSL's queue of errors has the reason why not. */
bool tls_can_agree(SSL_CTX *server, SSL_CTX *client);

/* The option stands in `err` already. Appends "file: what: OpenSSL's reason" and empties OpenSSL's
 * queue of errors. -EINVAL. */
int tls_fail(struct buf *err, const char *file, const char *what);
struct tls_peer *tls_peer_of(X509_STORE_CTX *x);

/* tls_crl.c */
nodiscard int tls_crl_load(struct tls_trust *trust, X509_STORE *store,
			   const struct tls_conf *conf, struct buf *err);
int tls_crl_on_error(int ok, X509_STORE_CTX *x); /* OpenSSL's verify callback */
bool tls_crl_is_at_fault(int error);
