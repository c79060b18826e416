/* The transport: OpenSSL's SSL object for the handshake, and then the record layer of our own, for
 * which the SSL object goes; where that cannot be, the SSL object stays. */
#include "io/tls_rows.h"
#include "io/tls_ticket.h"

/* There may be a million of these. */
struct tls {
	struct tls_record *record; /* NULL: all goes through `ssl` */
	union {
		struct tls_ssl *ssl;
		struct tls_login *login; /* with `record`; NULL: forgotten */
	};
	uint8_t version, cipher; /* rows of io/tls_rows.h; with `record` */
	bool resumed : 1, verified : 1;
};

struct tls *tls_new(struct tls_ctx *ctx)
{
	struct tls *t = MEM_NEW(struct tls);

	t->ssl = tls_ssl_new(ctx);
	return t;
}

void tls_free(struct tls **pt)
{
	struct tls *t = *pt;

	*pt = NULL;
	if (t == NULL)
		return;
	tls_forget_login(t);
	if (t->record)
		tls_record_free(&t->record);
	else
		tls_ssl_free(&t->ssl);
	mem_free(t);
}

bool tls_is_up(const struct tls *t)
{
	return t->record || t->ssl->up;
}

bool tls_has_own_records(const struct tls *t)
{
	return t->record != NULL;
}

const char *tls_error(const struct tls *t)
{
	return t->record ? tls_record_error(t->record) : t->ssl->error;
}

/* --- bytes --- */

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
	t->version = (uint8_t)version;
	t->cipher = (uint8_t)cipher;
	t->resumed = SSL_session_reused(ssl->ssl) == 1;
	t->verified = ssl->peer.verified;
	t->login = ssl->login;
	tls_ticket_put(ssl, t->record, wire);
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
	if (t->record == NULL) /* they are of no use any more */
		mem_wipe(&t->ssl->secrets, sizeof(t->ssl->secrets));
	return 0;
}

int tls_feed(struct tls *t, struct strv cipher, struct buf *plain, struct buf *wire)
{
	int r = tls_is_up(t) ? 0 : shake_hands(t, &cipher, wire);

	if (r < 0 || !tls_is_up(t))
		return r;
	return t->record ? tls_record_feed(t->record, cipher, plain, wire)
			 : tls_ssl_read(t->ssl, cipher, plain, wire);
}

int tls_seal(struct tls *t, struct strv plain, struct buf *wire)
{
	ASSERT(tls_is_up(t));
	return t->record ? tls_record_seal(t->record, plain, wire)
			 : tls_ssl_write(t->ssl, plain, wire);
}

bool tls_takes_whole(const struct tls *t, size_t n)
{
	return t->record && tls_record_takes_whole(t->record, n);
}

int tls_seal_in_place(struct tls *t, struct buf *b, size_t *ret_from)
{
	ASSERT(t->record != NULL);
	return tls_record_seal_in_place(t->record, b, ret_from);
}

void tls_keep_buffers(struct tls *t, bool keep)
{
	if (t->record) /* has none */
		return;
	if (keep)
		SSL_clear_mode(t->ssl->ssl, SSL_MODE_RELEASE_BUFFERS);
	else
		SSL_set_mode(t->ssl->ssl, SSL_MODE_RELEASE_BUFFERS);
}

void tls_free_buffers(struct tls *t)
{
	if (!t->record)
		SSL_free_buffers(t->ssl->ssl);
}

void tls_close_notify(struct tls *t, struct buf *wire)
{
	if (t->record)
		tls_record_close_notify(t->record, wire);
	else if (t->ssl->up)
		tls_ssl_close_notify(t->ssl, wire);
}

void tls_leave_thread(struct tls *t)
{
	if (t->record)
		tls_record_leave(t->record);
}

/* --- what is known of it --- */

bool tls_is_resumed(const struct tls *t)
{
	return t->record ? t->resumed : SSL_session_reused(t->ssl->ssl) == 1;
}

const char *tls_version(const struct tls *t)
{
	return t->record ? tls_version_row_name(t->version)
			 : SSL_get_version(t->ssl->ssl);
}

const char *tls_cipher(const struct tls *t)
{
	return t->record ? tls_cipher_row_name(t->cipher)
			 : SSL_get_cipher_name(t->ssl->ssl);
}

bool tls_peer_verified(const struct tls *t)
{
	return t->record ? t->verified : t->ssl->up && t->ssl->peer.verified;
}

/* --- ... until somebody has logged in --- */

static struct tls_login *login_of(const struct tls *t) /* NULL: not yet, or no more */
{
	return t->record ? t->login : t->ssl->login;
}

void tls_forget_login(struct tls *t)
{
	tls_login_free(t->record ? &t->login : &t->ssl->login);
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
	return t->record ? X509_V_OK : t->ssl->peer.error;
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
