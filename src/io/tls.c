/* The transport on OpenSSL's SSL object. Its BIO reads from the slice of ciphertext that
 * tls_feed() was given and appends to the caller's output: no copy in between. */
#include "io/tls_priv.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>

struct tls {
	struct tls_ctx *ctx;
	SSL *ssl;
	struct strv in;	  /* what is left of the ciphertext; only within a call */
	struct buf *wire; /* where output goes; only within a call */
	bool up;
	struct tls_peer peer;
	const char *error; /* a constant of OpenSSL's or ours */
};

/* --- the BIO --- */

static int bio_read(BIO *bio, char *to, int n)
{
	struct tls *t = BIO_get_data(bio);
	size_t len = MIN((size_t)n, t->in.n);

	BIO_clear_retry_flags(bio);
	if (len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, t->in.p, len);
	t->in = strv_from_pos(t->in, len);
	return (int)len;
}

static int bio_write(BIO *bio, const char *p, int n)
{
	struct tls *t = BIO_get_data(bio);

	ASSERT(t->wire != NULL);
	BIO_clear_retry_flags(bio);
	return buf_add(t->wire, p, (size_t)n) < 0 ? -1 : n;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void method_init(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "meerkat");
	ASSERT(method != NULL);
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
}

/* --- the transport --- */

struct tls *tls_new(struct tls_ctx *ctx)
{
	struct tls *t = MEM_NEW(struct tls);
	BIO *bio;

	pthread_once(&method_once, method_init);
	t->ctx = tls_ctx_ref(ctx);
	t->error = "";
	t->ssl = SSL_new(ctx->ssl);
	bio = BIO_new(method);
	ASSERT(t->ssl != NULL && bio != NULL);
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_accept_state(t->ssl);
	tls_peer_init(&t->peer, ctx, t->ssl);
	return t;
}

void tls_free(struct tls **pt)
{
	struct tls *t = *pt;

	*pt = NULL;
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	tls_ctx_unref(&t->ctx);
	mem_free(t);
}

bool tls_is_up(const struct tls *t)
{
	return t->up;
}

const char *tls_error(const struct tls *t)
{
	return t->error;
}

/* What a call that did not succeed means: 0: more input is needed. */
static int verdict(struct tls *t, int r)
{
	int why = SSL_get_error(t->ssl, r);
	const char *reason;

	if (why == SSL_ERROR_WANT_READ)
		return 0;
	if (why == SSL_ERROR_ZERO_RETURN)
		return -EPIPE;
	reason = t->up ? NULL : tls_peer_reason(&t->peer);
	if (reason == NULL)
		reason = ERR_reason_error_string(ERR_peek_last_error());
	t->error = reason ? reason : "the output is full";
	ERR_clear_error();
	return -EPROTO;
}

static int shake_hands(struct tls *t)
{
	int r = SSL_do_handshake(t->ssl);

	if (r != 1)
		return verdict(t, r);
	t->up = true;
	return 0;
}

static int read_all(struct tls *t, struct buf *plain)
{
	for (;;) {
		char *to = buf_reserve(plain, 16384); /* a record's most */
		int r;

		if (to == NULL)
			return -EMSGSIZE;
		r = SSL_read(t->ssl, to, 16384);
		if (r <= 0)
			return verdict(t, r);
		plain->n += (size_t)r;
	}
}

int tls_feed(struct tls *t, struct strv cipher, struct buf *plain, struct buf *wire)
{
	int r = 0;

	ERR_clear_error();
	t->in = cipher;
	t->wire = wire;
	if (!t->up)
		r = shake_hands(t);
	if (r == 0 && t->up)
		r = read_all(t, plain);
	t->wire = NULL;
	t->in = STRV_NULL;
	return r;
}

int tls_seal(struct tls *t, struct strv plain, struct buf *wire)
{
	ASSERT(t->up);
	ERR_clear_error();
	t->wire = wire;
	while (plain.n) {
		int r = SSL_write(t->ssl, plain.p, (int)MIN(plain.n, (size_t)1 << 30));
		if (r <= 0) {
			t->wire = NULL;
			ERR_clear_error();
			return -EPROTO;
		}
		plain = strv_from_pos(plain, (size_t)r);
	}
	t->wire = NULL;
	return 0;
}

void tls_keep_buffers(struct tls *t, bool keep)
{
	if (keep)
		SSL_clear_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
	else
		SSL_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
}

void tls_free_buffers(struct tls *t)
{
	SSL_free_buffers(t->ssl);
}

void tls_close_notify(struct tls *t, struct buf *wire)
{
	if (!t->up)
		return;
	ERR_clear_error();
	t->wire = wire;
	SSL_shutdown(t->ssl);
	t->wire = NULL;
	ERR_clear_error();
}

const char *tls_sni(const struct tls *t)
{
	return SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
}

bool tls_is_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
}

const char *tls_version(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *tls_cipher(const struct tls *t)
{
	return SSL_get_cipher_name(t->ssl);
}

bool tls_peer_verified(const struct tls *t)
{
	return t->up && t->peer.verified;
}

int tls_peer_names(const struct tls *t, struct arena *a, struct cert_names *ret)
{
	if (!tls_peer_verified(t))
		return -ENOENT;
	return cert_names_read(SSL_get0_peer_certificate(t->ssl), a, ret);
}

const char *tls_peer_error(const struct tls *t)
{
	return tls_peer_reason(&t->peer);
}

bool tls_peer_crl_is_at_fault(const struct tls *t)
{
	return tls_crl_is_at_fault(t->peer.error);
}

/* --- channel binding --- */

static int exporter(struct tls *t, unsigned char *to, size_t *ret_n)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_version(t->ssl) != TLS1_3_VERSION ||
	    SSL_export_keying_material(t->ssl, to, 32, label, sizeof(label) - 1, NULL, 0,
				       0) != 1) {
		ERR_clear_error();
		return -ENOTSUP;
	}
	*ret_n = 32;
	return 0;
}

/* RFC 5929 3: the first Finished of the handshake; the client's, unless it was resumed. Without
 * the extended master secret it binds nothing (RFC 7627). */
static int unique(struct tls *t, unsigned char *to, size_t *ret_n)
{
	size_t n;

	if (SSL_version(t->ssl) != TLS1_2_VERSION || SSL_get_extms_support(t->ssl) != 1)
		return -ENOTSUP;
	n = SSL_session_reused(t->ssl) ? SSL_get_finished(t->ssl, to, TLS_CB_MAX)
				       : SSL_get_peer_finished(t->ssl, to, TLS_CB_MAX);
	*ret_n = MIN(n, (size_t)TLS_CB_MAX);
	return n ? 0 : -ENOTSUP;
}

/* A session that is resumed has no certificate of ours in its handshake. */
static int end_point(struct tls *t, unsigned char *to, size_t *ret_n)
{
	const struct tls_cert *cert = tls_cert_sent(t->ctx, t->ssl);

	if (SSL_session_reused(t->ssl) || cert == NULL || cert->n_end_point == 0)
		return -ENOTSUP;
	memcpy(to, cert->end_point, cert->n_end_point);
	*ret_n = cert->n_end_point;
	return 0;
}

int tls_channel_binding(struct tls *t, enum tls_cb_kind kind,
			unsigned char to[TLS_CB_MAX], size_t *ret_n)
{
	if (!t->up)
		return -ENOTSUP;
	if (kind == TLS_CB_EXPORTER)
		return exporter(t, to, ret_n);
	if (kind == TLS_CB_UNIQUE)
		return unique(t, to, ret_n);
	return end_point(t, to, ret_n);
}
