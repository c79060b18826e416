/* The transport. A ClientHello is looked at first: a handshake of a kind that we know is ours, all
 * others are OpenSSL's SSL object's. Then the record layer of our own goes on; where that cannot be, the
 * SSL object stays. */
#include "io/tls_hello.h"
#include "io/tls_handshake.h"
#include "io/tls_rows.h"
#include "io/tls_ticket.h"

enum stage {
	LISTENING, /* no ClientHello yet */
	SHAKING,   /* to the client's Finished */
	OPENSSL,   /* maybe for good */
	RECORDS,
};

/* What has come of a ClientHello. */
struct hello {
	struct tls_ctx *ctx;
	struct buf cut;
};

/* There may be a million of these. */
struct tls {
	struct tls_record *record; /* RECORDS */
	union {
		struct hello *hello;
		struct tls_handshake *handshake;
		struct tls_ssl *ssl;
		struct tls_login *login; /* RECORDS; NULL: forgotten */
	};
	uint8_t version, cipher; /* rows of io/tls_rows.h; RECORDS */
	uint8_t stage;
	bool resumed : 1, verified : 1, keeps_buffers : 1;
};

static void hello_free(struct hello **ph)
{
	struct hello *h = *ph;

	*ph = NULL;
	buf_free(&h->cut);
	tls_ctx_unref(&h->ctx);
	mem_free(h);
}

struct tls *tls_new(struct tls_ctx *ctx)
{
	struct tls *t = MEM_NEW(struct tls);

	if (!tls_handshake_may(ctx)) {
		t->stage = OPENSSL;
		t->ssl = tls_ssl_new(ctx);
		return t;
	}
	t->stage = LISTENING;
	t->hello = MEM_NEW(struct hello);
	t->hello->ctx = tls_ctx_ref(ctx);
	t->hello->cut = BUF_INIT(TLS_RECORD_HEADER + TLS_HELLO_MAX);
	return t;
}

void tls_free(struct tls **pt)
{
	struct tls *t = *pt;

	*pt = NULL;
	if (t == NULL)
		return;
	tls_forget_login(t);
	switch ((enum stage)t->stage) {
	case LISTENING:
		hello_free(&t->hello);
		break;
	case SHAKING:
		tls_handshake_free(&t->handshake);
		break;
	case OPENSSL:
		tls_ssl_free(&t->ssl);
		break;
	case RECORDS:
		tls_record_free(&t->record);
		break;
	}
	mem_free(t);
}

bool tls_is_up(const struct tls *t)
{
	return t->stage == RECORDS || (t->stage == OPENSSL && t->ssl->up);
}

bool tls_has_own_records(const struct tls *t)
{
	return t->stage == RECORDS;
}

const char *tls_error(const struct tls *t)
{
	switch ((enum stage)t->stage) {
	case LISTENING:
		break;
	case SHAKING:
		return tls_handshake_error(t->handshake);
	case OPENSSL:
		return t->ssl->error;
	case RECORDS:
		return tls_record_error(t->record);
	}
	return "";
}

/* --- OpenSSL's handshake --- */

/* `flight`: from there on `wire` has what the server has sent at last. */
static void go_over(struct tls *t, size_t flight, struct buf *wire)
{
	struct tls_ssl *ssl = t->ssl;
	unsigned version = tls_version_row(tls_version(t)),
		 cipher = tls_cipher_row(tls_cipher(t));

	if (version == 0 || cipher == 0) /* it would lose its names */
		return;
	t->record = tls_handover(ssl, strv_from_pos(buf_strv(wire), flight));
	if (t->record == NULL)
		return;
	t->stage = RECORDS;
	t->version = (uint8_t)version;
	t->cipher = (uint8_t)cipher;
	t->resumed = SSL_session_reused(ssl->ssl) == 1;
	t->verified = ssl->peer.verified;
	t->login = ssl->login;
	tls_ticket_put_first(ssl, t->record, wire);
	tls_ssl_free(&ssl);
}

/* Needs more, or is up: then `cipher` is what has come behind it. */
static int shake_hands(struct tls *t, struct strv *cipher, struct buf *wire)
{
	size_t before = wire->n;
	int r = tls_ssl_shake_hands(t->ssl, cipher, wire);

	if (r < 0 || !t->ssl->up)
		return r;
	t->ssl->login = tls_login_new(t->ssl);
	go_over(t, before, wire);
	if (t->stage == OPENSSL) /* they are of no use any more */
		mem_wipe(&t->ssl->secrets, sizeof(t->ssl->secrets));
	return 0;
}

/* --- our own --- */

static int call_openssl(struct tls *t, struct strv *cipher, struct buf *wire)
{
	struct hello *h = t->hello;
	struct strv before = buf_strv(&h->cut);
	int r = 0;

	t->ssl = tls_ssl_new(h->ctx);
	t->stage = OPENSSL;
	tls_keep_buffers(t, t->keeps_buffers);
	if (before.n) /* of this nothing is left over: a handshake is not over with it */
		r = shake_hands(t, &before, wire);
	hello_free(&h);
	return r < 0 ? r : shake_hands(t, cipher, wire);
}

/* `n` bytes of it all are a record. */
static int answer(struct tls *t, size_t n, struct strv *cipher, struct buf *wire)
{
	struct hello *h = t->hello;
	struct strv record = strv_make(h->cut.n ? h->cut.p : cipher->p, n);
	struct tls_handshake *handshake = NULL;
	int r = tls_handshake_begin(h->ctx, record, wire, &handshake);

	if (r == 0)
		return call_openssl(t, cipher, wire);
	if (h->cut.n == 0)
		*cipher = strv_from_pos(*cipher, n);
	hello_free(&h);
	t->stage = SHAKING;
	t->handshake = handshake;
	return r < 0 ? r : 0;
}

/* Adds to what is cut as much of `cipher` as belongs to the first record. */
static void collect(struct buf *cut, struct strv *cipher, size_t whole)
{
	size_t n = MIN(cipher->n, whole - cut->n);

	buf_put(cut, strv_make(cipher->p, n));
	*cipher = strv_from_pos(*cipher, n);
}

static int listen(struct tls *t, struct strv *cipher, struct buf *wire)
{
	struct buf *cut = &t->hello->cut;
	int n = tls_handshake_measure(cut->n ? buf_strv(cut) : *cipher);

	while (n == 0 && cipher->n) {
		bool knows = cut->n >= TLS_RECORD_HEADER;
		const unsigned char *p = (const unsigned char *)cut->p;

		collect(cut, cipher,
			TLS_RECORD_HEADER + (knows ? (size_t)p[3] << 8 | p[4] : 0));
		n = tls_handshake_measure(buf_strv(cut));
	}
	if (n == 0)
		return 0;
	return n < 0 ? call_openssl(t, cipher, wire) : answer(t, (size_t)n, cipher, wire);
}

static int finish(struct tls *t, struct strv *cipher, struct buf *wire)
{
	int r = tls_handshake_finish(t->handshake, cipher, wire);
	struct tls_handshake_result got;

	if (r <= 0)
		return r;
	got = tls_handshake_take(t->handshake);
	tls_handshake_free(&t->handshake);
	t->stage = RECORDS;
	t->record = got.record;
	t->login = got.login;
	t->version = (uint8_t)tls_version_row("TLSv1.3");
	t->cipher = (uint8_t)tls_cipher_row(got.cipher);
	t->resumed = got.resumed;
	return 0;
}

/* --- bytes --- */

static int begin(struct tls *t, struct strv *cipher, struct buf *wire)
{
	int r = 0;

	if (t->stage == LISTENING)
		r = listen(t, cipher, wire);
	else if (t->stage == OPENSSL)
		r = shake_hands(t, cipher, wire);
	if (r == 0 && t->stage == SHAKING)
		r = finish(t, cipher, wire);
	return r;
}

int tls_feed(struct tls *t, struct strv cipher, struct buf *plain, struct buf *wire)
{
	int r = tls_is_up(t) ? 0 : begin(t, &cipher, wire);

	if (r < 0 || !tls_is_up(t))
		return r;
	return t->stage == RECORDS ? tls_record_feed(t->record, cipher, plain, wire)
				   : tls_ssl_read(t->ssl, cipher, plain, wire);
}

int tls_seal(struct tls *t, struct strv plain, struct buf *wire)
{
	ASSERT(tls_is_up(t));
	return t->stage == RECORDS ? tls_record_seal(t->record, plain, wire)
				   : tls_ssl_write(t->ssl, plain, wire);
}

bool tls_takes_whole(const struct tls *t, size_t n)
{
	return t->stage == RECORDS && tls_record_takes_whole(t->record, n);
}

int tls_seal_in_place(struct tls *t, struct buf *b, size_t *ret_from)
{
	ASSERT(t->stage == RECORDS);
	return tls_record_seal_in_place(t->record, b, ret_from);
}

void tls_keep_buffers(struct tls *t, bool keep)
{
	t->keeps_buffers = keep;
	if (t->stage != OPENSSL) /* has none, or not yet */
		return;
	if (keep)
		SSL_clear_mode(t->ssl->ssl, SSL_MODE_RELEASE_BUFFERS);
	else
		SSL_set_mode(t->ssl->ssl, SSL_MODE_RELEASE_BUFFERS);
}

void tls_free_buffers(struct tls *t)
{
	if (t->stage == OPENSSL)
		SSL_free_buffers(t->ssl->ssl);
}

void tls_close_notify(struct tls *t, struct buf *wire)
{
	if (t->stage == RECORDS)
		tls_record_close_notify(t->record, wire);
	else if (tls_is_up(t))
		tls_ssl_close_notify(t->ssl, wire);
}

void tls_leave_thread(struct tls *t)
{
	if (t->stage == RECORDS)
		tls_record_leave(t->record);
	else if (t->stage == SHAKING)
		tls_handshake_leave(t->handshake);
}

/* --- what is known of it --- */

bool tls_is_resumed(const struct tls *t)
{
	return t->stage == OPENSSL ? SSL_session_reused(t->ssl->ssl) == 1 : t->resumed;
}

const char *tls_version(const struct tls *t)
{
	return t->stage == OPENSSL ? SSL_get_version(t->ssl->ssl)
				   : tls_version_row_name(t->version);
}

const char *tls_cipher(const struct tls *t)
{
	return t->stage == OPENSSL ? SSL_get_cipher_name(t->ssl->ssl)
				   : tls_cipher_row_name(t->cipher);
}

bool tls_peer_verified(const struct tls *t)
{
	return t->stage == OPENSSL ? t->ssl->up && t->ssl->peer.verified : t->verified;
}

/* --- ... until somebody has logged in --- */

static struct tls_login *login_of(const struct tls *t) /* NULL: not yet, or no more */
{
	return t->stage == RECORDS   ? t->login
	       : t->stage == OPENSSL ? t->ssl->login
				     : NULL;
}

void tls_forget_login(struct tls *t)
{
	if (t->stage == RECORDS)
		tls_login_free(&t->login);
	else if (t->stage == OPENSSL)
		tls_login_free(&t->ssl->login);
}

const char *tls_sni(const struct tls *t)
{
	const struct tls_login *l = login_of(t);

	return l ? l->sni : NULL;
}

int tls_peer_names(const struct tls *t, struct arena *a, struct cert_names *ret)
{
	const struct tls_login *l = login_of(t);

	return l && l->cert ? cert_names_read(l->cert, a, ret) : -ENOENT;
}

int tls_peer_der(const struct tls *t, struct arena *a, struct strv *ret)
{
	const struct tls_login *l = login_of(t);

	return l && l->cert ? cert_der(l->cert, a, ret) : -ENOENT;
}

/* Without an SSL object there is a handshake that has succeeded. */
static int peer_error(const struct tls *t)
{
	const struct tls_login *l = login_of(t);

	if (l)
		return l->error;
	return t->stage == OPENSSL ? t->ssl->peer.error : X509_V_OK;
}

const char *tls_peer_error(const struct tls *t)
{
	int error = peer_error(t);

	return error == X509_V_OK ? NULL : X509_verify_cert_error_string(error);
}

bool tls_peer_crl_is_at_fault(const struct tls *t)
{
	return tls_crl_is_at_fault(peer_error(t));
}

int tls_channel_binding(struct tls *t, enum tls_cb_kind kind,
			unsigned char to[TLS_CB_MAX], size_t *ret_n)
{
	const struct tls_login *l = login_of(t);

	if (l == NULL || l->binding[kind].n == 0)
		return -ENOTSUP;
	memcpy(to, l->binding[kind].data, l->binding[kind].n);
	*ret_n = l->binding[kind].n;
	return 0;
}
