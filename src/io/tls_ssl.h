/* OpenSSL's SSL object as a transport. For the files of TLS only. */
#pragma once

#include "io/tls_kdf.h"
#include "io/tls_priv.h"

struct tls_ssl {
	struct tls_ctx *ctx;
	SSL *ssl;
	struct strv in;	  /* what is left of the ciphertext; only within a call */
	struct buf *wire; /* where output goes; only within a call */
	bool up;	  /* the handshake is over */
	struct tls_peer peer;
	struct tls_login *login; /* once it is up */
	const char *error;	 /* a constant of OpenSSL's or ours */
	/* For a record layer that takes over: records with the last keys (TLS 1.2: Finished is the
	 * first), and TLS 1.3's traffic secrets. */
	unsigned n_written, n_read;
	struct tls_secrets secrets;
};

struct tls_ssl *tls_ssl_new(struct tls_ctx *ctx);
void tls_ssl_free(struct tls_ssl **t);

/* 0: `up`, and `cipher` is what is left, or it needs more; as tls_feed() otherwise. */
nodiscard int tls_ssl_shake_hands(struct tls_ssl *t, struct strv *cipher,
				  struct buf *wire);
nodiscard int tls_ssl_read(struct tls_ssl *t, struct strv cipher, struct buf *plain,
			   struct buf *wire);
nodiscard int tls_ssl_write(struct tls_ssl *t, struct strv plain, struct buf *wire);
void tls_ssl_close_notify(struct tls_ssl *t, struct buf *wire);

/* What a connection has to know of its handshake until somebody has logged in. */
struct tls_login {
	struct {
		unsigned char data[TLS_CB_MAX];
		uint8_t n; /* 0: there is none */
	} binding[3];	   /* enum tls_cb_kind */
	X509 *cert; /* the client's; NULL: none has been shown, or it does not pass */
	int error;  /* X509_V_* */
	char *sni;  /* NULL: none */
};

/* tls_login.c: when the handshake is over. */
struct tls_login *tls_login_new(const struct tls_ssl *t);
/* ... of one without an SSL object, by the exporter's master secret. `shown`: NULL if none was. */
struct tls_login *tls_login_own(enum digest_alg hash, const unsigned char *exporter,
				struct strv sni, const struct tls_cert *shown);
void tls_login_free(struct tls_login **l);

/* tls_handover.c: a record layer that goes on where the handshake has ended; NULL: there is none for
 * it, and the SSL object goes on. `flight`: what the server has sent at last. */
struct tls_record *tls_handover(const struct tls_ssl *t, struct strv flight);
