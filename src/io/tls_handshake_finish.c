/* The client's flight: change_cipher_spec, which means nothing, and Finished under the handshake's
 * keys. What fails is told with the keys of the server's side, which are those that come behind its
 * Finished (RFC 8446 4.4.4). */
#include "io/tls_failure.h"
#include "io/tls_handshake_priv.h"

enum { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22, DATA = 23 };
enum { MESSAGE_HEADER = 4 };

static int fail(struct tls_handshake *r, enum tls_failure why, struct buf *wire)
{
	return tls_record_fail(r->record, why, wire);
}

/* 1: it is all there, and says what it must. It may come in several records, and is the last in its
 * own, since the key changes behind it. */
static int take_finished(struct tls_handshake *r, const unsigned char *p, size_t n,
			 struct buf *wire)
{
	size_t n_header;

	if (n == 0 || n > (size_t)r->n_finished - r->n_have)
		return fail(r, FAIL_HANDSHAKE, wire);
	memcpy(r->got + r->n_have, p, n);
	r->n_have = (uint8_t)(r->n_have + n);
	n_header = MIN((size_t)r->n_have, (size_t)MESSAGE_HEADER);
	if (memcmp(r->got, r->finished, n_header) != 0)
		return fail(r, FAIL_HANDSHAKE, wire);
	if (r->n_have < r->n_finished)
		return 0;
	return mem_equal_ct(r->got, r->finished, r->n_finished)
		       ? 1
		       : fail(r, FAIL_FINISHED, wire);
}

static int take_content(struct tls_handshake *r, unsigned char type,
			const unsigned char *p, size_t n, struct buf *wire)
{
	if (type == HANDSHAKE)
		return take_finished(r, p, n, wire);
	if (r->n_have)
		return fail(r, FAIL_INTERLEAVED, wire);
	if (type == ALERT)
		return tls_record_take_alert(r->record, p, n, wire);
	return fail(r, FAIL_TYPE, wire);
}

/* In its place. */
static int open_record(struct tls_handshake *r, struct buf *wire)
{
	unsigned char *p = (unsigned char *)r->cut.p, *body = p + TLS_RECORD_HEADER;
	size_t n = r->cut.n - TLS_RECORD_HEADER;
	unsigned char nonce[TLS_NONCE_LEN];

	if (n < TLS_TAG_LEN)
		return fail(r, FAIL_BAD_MAC, wire);
	n -= TLS_TAG_LEN;
	memcpy(nonce, r->iv, sizeof(nonce));
	nonce[TLS_NONCE_LEN - 1] ^= r->seq;
	if (!tls_aead_open(r->suite->aead, r->key, nonce,
			   strv_make((char *)p, TLS_RECORD_HEADER), body, n, body))
		return fail(r, FAIL_BAD_MAC, wire);
	r->seq++; /* each has a byte of Finished or a warning, of which there are few */
	if (n > TLS_RECORD_MAX + 1)
		return fail(r, FAIL_TOO_LONG, wire);
	while (n && body[n - 1] == 0)
		n--;
	if (n == 0)
		return fail(r, FAIL_NO_TYPE, wire);
	return take_content(r, body[n - 1], body, n - 1, wire);
}

/* RFC 8446 5: change_cipher_spec is dropped, but not for ever. A client that did not like our flight may
 * say so in clear. */
static int take_record(struct tls_handshake *r, struct buf *wire)
{
	const unsigned char *p = (const unsigned char *)r->cut.p,
			    *body = p + TLS_RECORD_HEADER;
	size_t n = r->cut.n - TLS_RECORD_HEADER;

	if (p[0] == DATA)
		return open_record(r, wire);
	if (p[0] == ALERT)
		return tls_record_take_alert(r->record, body, n, wire);
	if (p[0] != CHANGE_CIPHER_SPEC || n != 1 || body[0] != 1)
		return fail(r, FAIL_TYPE, wire);
	return ++r->n_skipped > TLS_MAX_EMPTY ? fail(r, FAIL_EMPTY, wire) : 0;
}

/* Moves so many bytes to the record, as far as there are any. */
static bool fill(struct tls_handshake *r, struct strv *in, size_t whole)
{
	size_t n = MIN(in->n, whole - r->cut.n);

	buf_put(&r->cut, strv_make(in->p, n));
	*in = strv_from_pos(*in, n);
	return r->cut.n == whole;
}

static int take_some(struct tls_handshake *r, struct strv *in, struct buf *wire)
{
	const unsigned char *p;
	size_t n;
	int e;

	if (r->cut.n < TLS_RECORD_HEADER && !fill(r, in, TLS_RECORD_HEADER))
		return 0;
	p = (const unsigned char *)r->cut.p;
	n = (size_t)p[3] << 8 | p[4];
	if (n > TLS_RECORD_MAX_V13 - (p[0] == DATA ? 0 : 256))
		return fail(r, FAIL_TOO_LONG, wire);
	if (!fill(r, in, TLS_RECORD_HEADER + n))
		return 0;
	e = take_record(r, wire);
	buf_clear(&r->cut);
	return e;
}

/* RFC 8446 6: what has failed is forgotten. The record layer has done so. */
static int end(struct tls_handshake *r, int e)
{
	r->ended = e;
	tls_aead_forget(r->suite->aead, r->key);
	mem_wipe(r->key, sizeof(r->key));
	mem_wipe(r->iv, sizeof(r->iv));
	mem_wipe(&r->ticket, sizeof(r->ticket));
	return e;
}

int tls_handshake_finish(struct tls_handshake *r, struct strv *in, struct buf *wire)
{
	int e = 0;

	if (r->ended)
		return r->ended;
	while (in->n && e == 0)
		e = take_some(r, in, wire);
	if (e < 0)
		return end(r, e);
	if (e == 1 && r->has_ticket)
		tls_ticket_put(r->ctx->tickets, &r->ticket, r->record, wire);
	return e;
}
