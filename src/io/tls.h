/* TLS: contexts made from certificates, and the transport under a connection. The transport takes
 * and gives bytes and touches no socket, so that another implementation can take its place. */
#pragma once

#include "base/buf.h"
#include "io/cert.h"
#include "io/tls_option.h"

struct tls_ctx; /* immutable, counted, any thread */
struct tls;	/* of one connection */

/* How a client's certificate is judged. */
enum tls_verify {
	TLS_VERIFY_NONE,	/* none is asked for */
	TLS_VERIFY_PEER,	/* a chain to a trust anchor, for client authentication */
	TLS_VERIFY_SELF_SIGNED, /* ... or signed by itself */
};

enum tls_version { TLS_V1_0, TLS_V1_1, TLS_V1_2, TLS_V1_3, TLS_VERSION_MAX };

struct tls_conf {
	const char *
		certfile; /* PEM: certificate and chain; the key too, if keyfile is NULL */
	const char *keyfile;
	const char *password; /* of the key; NULL: none */
	/* PEM: certificate, chain and key in each, for clients that ask for their names. */
	const struct strv *sni_certfiles;
	size_t n_sni_certfiles;
	const char *ocsp_file; /* DER: a response to be stapled; NULL: none */
	const char *dhfile;    /* NULL: DHE with OpenSSL's own groups */
	const char *ciphers;   /* OpenSSL's string, TLS 1.3 included; NULL: its default */
	unsigned versions;     /* 1u << enum tls_version; 0: all that `options` leave */
	bool versions_needed;  /* one that cannot be spoken is an error, not a note */
	const int64_t *options; /* enum tls_option */
	size_t n_options;
	bool tickets; /* TLS 1.3: clients may resume their sessions */
	const char
		*keylog; /* where the connections' secrets are written; NULL: nowhere */
	bool openssl_records; /* each connection keeps its SSL object, about 14 KB */
	enum tls_verify verify;
	bool must_verify;	      /* no handshake without a certificate that passes */
	const char *cacertfile;	      /* PEM: trust anchors; NULL: the system's */
	const struct strv *crl_files; /* PEM or DER, a NUL behind each name */
	size_t n_crl_files;
};

/* A ticket is good for so long, and its key is kept twice as long. */
enum { TLS_TICKET_LIFE_S = 3600 };
/* Each connection has another one, but some day the certificate is to be shown again (RFC 8446 4.6.1). */
enum { TLS_TICKET_CHAIN_S = 7 * 24 * 3600 };

/* -EINVAL, and in `err` the option, ": ", the file, if it was one, and OpenSSL's reason. */
nodiscard int tls_ctx_new(const struct tls_conf *conf, struct tls_ctx **ret,
			  struct buf *err);
/* The index in crl_files of one that is out of date already; -1: none is. */
int tls_ctx_stale_crl(const struct tls_ctx *c);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *c);
void tls_ctx_unref(struct tls_ctx **c);
/* What is not as it was asked for, but no error: a line each, "OPTION: TEXT\n". */
struct strv tls_ctx_notes(const struct tls_ctx *c);

struct tls_cert_info {
	const char *file;	 /* as long as the context */
	int64_t from_s, until_s; /* since 1970 */
};
/* The listener's own certificate is the first. */
size_t tls_ctx_n_certs(const struct tls_ctx *c);
/* From then on nothing is stapled, in seconds since 1970; INT64_MAX: nothing ever was, or there is
 * no end. */
int64_t tls_ctx_ocsp_until(const struct tls_ctx *c);
struct tls_cert_info tls_ctx_cert(const struct tls_ctx *c, size_t i);

/* Makes a key (ECDSA P-256) and a self-signed certificate for these names (ended by NULL), valid
 * for ten years, into one file (keyfile NULL or the same) or two; mode 0600; whole or not at
 * all. A name may be an IP address; a domain is in its ASCII form. */
nodiscard int tls_make_self_signed(const char *certfile, const char *keyfile,
				   const char *const *names, struct buf *err);

/* --- the transport --- */

struct tls *tls_new(struct tls_ctx *ctx); /* the server's side; keeps its own reference */
void tls_free(struct tls **t);

/* Takes all of `cipher`: what it opens is appended to `plain`, what is to be sent (handshake,
 * alerts) to `wire`. 0; -EPIPE: the peer has said close_notify; -EPROTO: the handshake or a
 * record failed (an alert may be in `wire`); -EMSGSIZE: a buffer is full. */
nodiscard int tls_feed(struct tls *t, struct strv cipher, struct buf *plain,
		       struct buf *wire);
bool tls_is_up(const struct tls *t); /* the handshake is over */
/* OpenSSL has done its part: the connection goes on without an SSL object. */
bool tls_has_own_records(const struct tls *t);

/* Seals `plain` into `wire`. -EMSGSIZE, -EPROTO. */
nodiscard int tls_seal(struct tls *t, struct strv plain, struct buf *wire);

/* Without a copy: what stands in `b` from TLS_ROOM on becomes a record in its place, and is for the
 * wire from *ret_from on. Only what tls_takes_whole(). -EMSGSIZE. */
enum { TLS_ROOM = 5 + 8 }; /* a record's header, and TLS 1.2's explicit nonce */
bool tls_takes_whole(const struct tls *t, size_t n);
nodiscard int tls_seal_in_place(struct tls *t, struct buf *b, size_t *ret_from);

/* Whether OpenSSL's buffers (17 KiB to read, and as much to write) stay when they are empty; at
 * first they do not. Own records have none. */
void tls_keep_buffers(struct tls *t, bool keep);
void tls_free_buffers(struct tls *t); /* those that are empty, now */
void tls_close_notify(struct tls *t, struct buf *wire);
const char *tls_error(const struct tls *t); /* why tls_feed failed, for the log */

/* Another thread takes it: no secrets of it stay with this one. */
void tls_leave_thread(struct tls *t);

const char *tls_version(const struct tls *t);
const char *tls_cipher(const struct tls *t);
bool tls_is_resumed(const struct tls *t);
/* The client has shown, in this handshake, a certificate that passes. Whoever asks for more than
 * an encrypted connection because of it asks this. */
bool tls_peer_verified(const struct tls *t);

/* --- what a login asks, from the end of the handshake on --- */

/* Nobody will ask any more: from here on there is none of it. */
void tls_forget_login(struct tls *t);

enum tls_cb_kind { TLS_CB_EXPORTER, TLS_CB_SERVER_END_POINT, TLS_CB_UNIQUE };
enum { TLS_CB_MAX = 64 };

/* Channel binding data: tls-exporter (RFC 9266) on TLS 1.3; tls-unique (RFC 5929) on TLS 1.2 with
 * the extended master secret only; tls-server-end-point on both. -ENOTSUP. */
nodiscard int tls_channel_binding(struct tls *t, enum tls_cb_kind kind,
				  unsigned char to[TLS_CB_MAX], size_t *ret_n);
/* The name that the client asked for (SNI), as it wrote it; NULL: none. */
const char *tls_sni(const struct tls *t);

/* Whom the certificate that passes is for. -ENOENT: there is none; others as cert_names_read(). */
nodiscard int tls_peer_names(const struct tls *t, struct arena *a,
			     struct cert_names *ret);
/* The same certificate, all of it, in DER and in `a`. -ENOENT, -EINVAL. */
nodiscard int tls_peer_der(const struct tls *t, struct arena *a, struct strv *ret);
/* Why the certificate that it has shown does not pass; NULL: it does, or there is none. */
const char *tls_peer_error(const struct tls *t);
/* ... and it is because of a revocation list of ours, which is out of date or cannot be used. */
bool tls_peer_crl_is_at_fault(const struct tls *t);
