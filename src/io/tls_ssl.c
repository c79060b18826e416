/* The transport on OpenSSL's SSL object: the handshake, and all that comes behind it where the record
 * layer of our own does not take over. Its BIO reads from the slice of ciphertext that it is given
 * and appends to the caller's output: no copy in between. */
#include "io/tls_ssl.h"
#include "tls/wipe.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>

/* --- the BIO --- */

static int bio_read(BIO *bio, char *to, int n)
{
	struct tls_ssl *t = BIO_get_data(bio);
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
	struct tls_ssl *t = BIO_get_data(bio);

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

/* --- what is sent and received with the last keys --- */

/* Records, which a record layer goes on counting. TLS 1.2 takes these keys before Finished, and says
 * so; TLS 1.3 behind it, and a message is told when all of its records have been. */
static void on_message(int writes, int version, int type, const void *p, size_t n,
		       SSL *ssl, void *arg)
{
	struct tls_ssl *t = arg;
	unsigned *count = writes ? &t->n_written : &t->n_read;
	unsigned char first = n ? *(const unsigned char *)p : 0;

	if (type == SSL3_RT_HEADER)
		*count = first == SSL3_RT_CHANGE_CIPHER_SPEC ? 0 : *count + 1;
	else if (type == SSL3_RT_HANDSHAKE && first == SSL3_MT_FINISHED &&
		 SSL_version(ssl) == TLS1_3_VERSION)
		*count = 0;
}

/* --- the transport --- */

struct tls_ssl *tls_ssl_new(struct tls_ctx *ctx)
{
	struct tls_ssl *t = MEM_NEW(struct tls_ssl);
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
	if (ctx->own_records) {
		SSL_set_msg_callback(t->ssl, on_message);
		SSL_set_msg_callback_arg(t->ssl, t);
	}
	return t;
}

void tls_ssl_free(struct tls_ssl **pt)
{
	struct tls_ssl *t = *pt;

	*pt = NULL;
	if (t == NULL)
		return;
	tls_wipe_ssl(t->ssl);
	tls_ctx_unref(&t->ctx);
	mem_wipe(&t->secrets, sizeof(t->secrets));
	mem_free(t);
}

/* What a call that did not succeed means: 0: more input is needed. */
static int verdict(struct tls_ssl *t, int r)
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

int tls_ssl_shake_hands(struct tls_ssl *t, struct strv *cipher, struct buf *wire)
{
	int r;

	ERR_clear_error();
	t->in = *cipher;
	t->wire = wire;
	tls_kdf_collect(t->ctx->own_records ? &t->secrets : NULL);
	r = SSL_do_handshake(t->ssl);
	tls_kdf_collect(NULL);
	t->up = r == 1;
	r = r == 1 ? 0 : verdict(t, r);
	*cipher = t->in;
	t->in = STRV_NULL;
	t->wire = NULL;
	return r;
}

static int read_all(struct tls_ssl *t, struct buf *plain)
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

int tls_ssl_read(struct tls_ssl *t, struct strv cipher, struct buf *plain,
		 struct buf *wire)
{
	bool wipes = tls_wipe_begin(); /* its buffer is given back when it is empty */
	int r;

	ERR_clear_error();
	t->in = cipher;
	t->wire = wire;
	r = read_all(t, plain);
	tls_wipe_end(wipes);
	t->in = STRV_NULL;
	t->wire = NULL;
	return r;
}

int tls_ssl_write(struct tls_ssl *t, struct strv plain, struct buf *wire)
{
	ASSERT(t->up);
	ERR_clear_error();
	t->wire = wire;
	while (plain.n) {
		int r = SSL_write(t->ssl, plain.p, (int)MIN(plain.n, (size_t)1 << 30));
		if (r <= 0) {
			t->wire = NULL;
			t->error = "nothing more can be sealed";
			ERR_clear_error();
			return -EPROTO;
		}
		plain = strv_from_pos(plain, (size_t)r);
	}
	t->wire = NULL;
	return 0;
}

void tls_ssl_close_notify(struct tls_ssl *t, struct buf *wire)
{
	ERR_clear_error();
	t->wire = wire;
	SSL_shutdown(t->ssl);
	t->wire = NULL;
	ERR_clear_error();
}
