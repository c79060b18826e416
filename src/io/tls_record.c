#include "io/tls_record.h"
#include "base/clock.h"
#include "io/tls.h"

#include <openssl/ssl.h>

enum { IN, OUT };

enum content {
	CONTENT_CHANGE_CIPHER_SPEC = 20,
	CONTENT_ALERT = 21,
	CONTENT_HANDSHAKE = 22,
	CONTENT_DATA = 23,
};

enum { CLIENT_HELLO = 1, KEY_UPDATE = 24 }; /* handshake messages */
enum { WARNING = 1, FATAL = 2 };	    /* levels of alerts */
enum { HS_HEADER = 4, KEY_UPDATE_LEN = HS_HEADER + 1 };
enum { NONCE_EXPLICIT = 8 }; /* RFC 5288 3 */

/* There may be a million of these. */
struct tls_record {
	struct buf *cut; /* what has come of a record; NULL: nothing */
	uint64_t seq[2]; /* of the next record */
	unsigned char iv[2][TLS_NONCE_LEN];
	uint32_t updated_s; /* when the peer's KeyUpdates were last counted */
	unsigned char hs[KEY_UPDATE_LEN]; /* the beginning of one, TLS 1.3 */
	uint8_t n_hs;
	uint8_t n_updates; /* of the peer's, less one for each second that has passed */
	uint8_t n_warnings, n_empty;
	uint8_t failure; /* enum tls_failure */
	uint8_t alert;	 /* FAIL_PEER: which */
	uint8_t aead;
	uint8_t hash;
	bool v13 : 1;
	bool must_answer : 1; /* the peer wants new keys from us, too */
	bool has_asked : 1;   /* ... and we from it */
	bool peer_closed : 1;
	bool closed : 1;	 /* nothing more is sent */
	unsigned char secrets[]; /* the keys, IN and OUT; TLS 1.3: the traffic secrets */
};

static unsigned char *key(const struct tls_record *r, int way)
{
	return (unsigned char *)r->secrets +
	       (size_t)way * tls_aead_key_len((enum tls_aead)r->aead);
}

static unsigned char *secret(const struct tls_record *r, int way)
{
	return key(r, 2) + (size_t)way * digest_len((enum digest_alg)r->hash);
}

static size_t secrets_len(enum tls_aead aead, enum digest_alg hash, bool v13)
{
	return 2 * (tls_aead_key_len(aead) + (v13 ? digest_len(hash) : 0));
}

/* --- keys --- */

static uint32_t rekey_after = TLS_REKEY_AFTER;

void tls_record_rekey_early(uint32_t after)
{
	ASSERT(after > 0 && after <= TLS_REKEY_AFTER);
	rekey_after = after;
}

static void make_keys(struct tls_record *r, int way)
{
	struct digest_key k;

	tls_secret_key(&k, (enum digest_alg)r->hash, secret(r, way));
	tls_make_keys(&k, (enum tls_aead)r->aead, key(r, way), r->iv[way]);
	mem_wipe(&k, sizeof(k));
}

/* The next generation (RFC 8446 7.2). The old one is overwritten. */
static void update_keys(struct tls_record *r, int way)
{
	enum digest_alg hash = (enum digest_alg)r->hash;
	unsigned char next[DIGEST_MAX_LEN];

	tls_aead_forget((enum tls_aead)r->aead, key(r, way));
	tls_expand_label(hash, secret(r, way), "traffic upd", next, digest_len(hash));
	memcpy(secret(r, way), next, digest_len(hash));
	mem_wipe(next, sizeof(next));
	make_keys(r, way);
	r->seq[way] = 0;
}

static void set_keys(struct tls_record *r, int way, const struct tls_side *from)
{
	r->seq[way] = from->seq;
	if (r->v13) {
		memcpy(secret(r, way), from->secret,
		       digest_len((enum digest_alg)r->hash));
		make_keys(r, way);
		return;
	}
	memcpy(key(r, way), from->key, tls_aead_key_len((enum tls_aead)r->aead));
	memcpy(r->iv[way], from->iv, TLS_NONCE_LEN);
}

struct tls_record *tls_record_new(const struct tls_start *start)
{
	size_t n = secrets_len(start->aead, start->hash, start->v13);
	struct tls_record *r = mem_zalloc(offsetof(struct tls_record, secrets) + n);

	r->aead = (uint8_t)start->aead;
	r->hash = (uint8_t)start->hash;
	r->v13 = start->v13;
	set_keys(r, IN, &start->in);
	set_keys(r, OUT, &start->out);
	return r;
}

void tls_record_leave(const struct tls_record *r)
{
	tls_aead_forget((enum tls_aead)r->aead, key(r, IN));
	tls_aead_forget((enum tls_aead)r->aead, key(r, OUT));
}

static void drop_cut(struct tls_record *r)
{
	if (r->cut == NULL)
		return;
	buf_free(r->cut);
	mem_free(r->cut);
	r->cut = NULL;
}

/* RFC 8446 6: the secrets of a connection that has failed are forgotten. */
static void wipe(struct tls_record *r)
{
	tls_record_leave(r);
	mem_wipe(r->secrets,
		 secrets_len((enum tls_aead)r->aead, (enum digest_alg)r->hash, r->v13));
	mem_wipe(r->iv, sizeof(r->iv));
	drop_cut(r);
}

void tls_record_free(struct tls_record **pr)
{
	struct tls_record *r = *pr;

	*pr = NULL;
	if (r == NULL)
		return;
	wipe(r);
	mem_free(r);
}

/* --- what both directions have --- */

static bool has_explicit_nonce(const struct tls_record *r)
{
	return !r->v13 && r->aead != TLS_CHACHA20_POLY1305;
}

static void put64(unsigned char *to, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		to[i] = (unsigned char)v;
}

static uint64_t get64(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* RFC 8446 5.3, RFC 7905 2. */
static void make_nonce(const struct tls_record *r, int way,
		       unsigned char nonce[TLS_NONCE_LEN])
{
	memcpy(nonce, r->iv[way], TLS_NONCE_LEN);
	put64(nonce + 4, get64(nonce + 4) ^ r->seq[way]);
}

enum { AD_MAX = 13 };

/* RFC 8446 5.2: the header. RFC 5246 6.2.3.3: number, type, version, length of the content. */
static struct strv make_ad(const struct tls_record *r, int way,
			   const unsigned char *header, size_t n_content,
			   unsigned char ad[AD_MAX])
{
	if (r->v13)
		return strv_make((const char *)header, TLS_RECORD_HEADER);
	put64(ad, r->seq[way]);
	memcpy(ad + 8, header, 3);
	ad[11] = (unsigned char)(n_content >> 8);
	ad[12] = (unsigned char)n_content;
	return strv_make((const char *)ad, AD_MAX);
}

/* --- sending --- */

static size_t explicit_len(const struct tls_record *r)
{
	return has_explicit_nonce(r) ? NONCE_EXPLICIT : 0;
}

/* What a record has around `n` bytes of content, and those. */
static size_t record_len(const struct tls_record *r, size_t n)
{
	return TLS_RECORD_HEADER + explicit_len(r) + n + (r->v13 ? 1 : 0) + TLS_TAG_LEN;
}

/* Returns where the ciphertext comes. Who comes here has looked at how often the key was used. */
static unsigned char *begin_record(struct tls_record *r, enum content type, size_t n,
				   unsigned char nonce[TLS_NONCE_LEN], unsigned char *to)
{
	size_t n_body = record_len(r, n) - TLS_RECORD_HEADER;

	ASSERT(n <= TLS_RECORD_MAX && r->seq[OUT] < UINT64_MAX);
	to[0] = (unsigned char)(r->v13 ? CONTENT_DATA : type);
	to[1] = to[2] = 3; /* TLS 1.2, also where it is 1.3 */
	to[3] = (unsigned char)(n_body >> 8);
	to[4] = (unsigned char)n_body;
	if (has_explicit_nonce(
		    r)) { /* goes on from the one of the handshake's last record */
		memcpy(nonce, r->iv[OUT], TLS_NONCE_LEN);
		put64(nonce + 4, get64(nonce + 4) + r->seq[OUT]);
		memcpy(to + TLS_RECORD_HEADER, nonce + 4, NONCE_EXPLICIT);
	} else {
		make_nonce(r, OUT, nonce);
	}
	return to + TLS_RECORD_HEADER + explicit_len(r);
}

static int put_record(struct tls_record *r, enum content type, const void *p, size_t n,
		      struct buf *wire)
{
	unsigned char nonce[TLS_NONCE_LEN], ad[AD_MAX], *to, *body;
	char inner = (char)type;

	to = (unsigned char *)buf_reserve(wire, record_len(r, n));
	if (to == NULL)
		return -EMSGSIZE;
	body = begin_record(r, type, n, nonce, to);
	tls_aead_seal((enum tls_aead)r->aead, key(r, OUT), nonce,
		      make_ad(r, OUT, to, n, ad), strv_make(p, n),
		      strv_make(&inner, r->v13 ? 1 : 0), body);
	r->seq[OUT]++;
	wire->n += record_len(r, n);
	return 0;
}

static void put_alert(struct tls_record *r, unsigned char level, uint8_t what,
		      struct buf *wire)
{
	unsigned char alert[] = { level, what };
	int e = r->closed ? 0 : put_record(r, CONTENT_ALERT, alert, sizeof(alert), wire);

	(void)e; /* who has no room for it goes without */
}

static int put_key_update(struct tls_record *r, bool asks, struct buf *wire)
{
	unsigned char message[KEY_UPDATE_LEN] = { KEY_UPDATE, 0, 0, 1, asks };
	int e = put_record(r, CONTENT_HANDSHAKE, message, sizeof(message), wire);

	if (e < 0)
		return e;
	update_keys(r, OUT);
	r->must_answer = false; /* these are new keys, whyever */
	r->has_asked |= asks;
	return 0;
}

int tls_record_fail(struct tls_record *r, enum tls_failure why, struct buf *wire)
{
	if (why != FAIL_PEER)
		put_alert(r, FATAL, tls_failure_alert(why), wire);
	r->failure = (uint8_t)why;
	r->closed = true;
	wipe(r);
	return -EPROTO;
}

/* So many records can be sealed with a key, before it is replaced or no more is sent. */
static uint64_t most_records(const struct tls_record *r)
{
	if (r->v13)
		return rekey_after;
	return has_explicit_nonce(r) ? TLS_V12_GCM_MAX : UINT64_MAX - 8;
}

int tls_record_seal(struct tls_record *r, struct strv plain, struct buf *wire)
{
	while (plain.n) {
		size_t n = MIN(plain.n, (size_t)TLS_RECORD_MAX);
		int e = 0;

		if (r->closed)
			return -EPROTO;
		if (r->seq[OUT] >= most_records(r))
			e = r->v13 ? put_key_update(r, false, wire)
				   : tls_record_fail(r, FAIL_USED_UP, wire);
		e = e ? e : put_record(r, CONTENT_DATA, plain.p, n, wire);
		if (e < 0)
			return e;
		plain = strv_from_pos(plain, n);
	}
	return 0;
}

bool tls_record_takes_whole(const struct tls_record *r, size_t n)
{
	return !r->closed && n > 0 && n <= TLS_RECORD_MAX &&
	       r->seq[OUT] < most_records(r);
}

int tls_record_seal_in_place(struct tls_record *r, struct buf *b, size_t *ret_from)
{
	size_t n = b->n - TLS_ROOM, from = TLS_ROOM - TLS_RECORD_HEADER - explicit_len(r);
	unsigned char nonce[TLS_NONCE_LEN], ad[AD_MAX], *to, *body;

	ASSERT(b->n > TLS_ROOM && tls_record_takes_whole(r, n));
	if (buf_reserve(b, 1 + TLS_TAG_LEN) == NULL)
		return -EMSGSIZE;
	to = (unsigned char *)b->p + from;
	body = begin_record(r, CONTENT_DATA, n, nonce, to);
	ASSERT((char *)body == b->p + TLS_ROOM);
	body[n] = CONTENT_DATA; /* TLS 1.2: the tag comes there */
	tls_aead_seal((enum tls_aead)r->aead, key(r, OUT), nonce,
		      make_ad(r, OUT, to, n, ad),
		      strv_make((char *)body, n + (r->v13 ? 1 : 0)), STRV(""), body);
	r->seq[OUT]++;
	b->n = from + record_len(r, n);
	*ret_from = from;
	return 0;
}

int tls_record_put_ticket(struct tls_record *r, struct strv message, struct buf *wire)
{
	ASSERT(r->v13 && !r->closed);
	return put_record(r, CONTENT_HANDSHAKE, message.p, message.n, wire);
}

void tls_record_close_notify(struct tls_record *r, struct buf *wire)
{
	put_alert(r, WARNING, SSL_AD_CLOSE_NOTIFY, wire);
	r->closed = true;
}

/* --- what has been received --- */

static int take_data(struct tls_record *r, size_t n, struct buf *plain, struct buf *wire)
{
	plain->n += n; /* that is where it was opened to */
	if (n)
		r->n_empty = 0;
	else if (++r->n_empty > TLS_MAX_EMPTY)
		return tls_record_fail(r, FAIL_EMPTY, wire);
	return 0;
}

int tls_record_take_alert(struct tls_record *r, const unsigned char *p, size_t n,
			  struct buf *wire)
{
	bool warns;

	if (n != 2)
		return tls_record_fail(r, FAIL_ALERT_LEN, wire);
	r->alert = p[1];
	if (p[1] == SSL_AD_CLOSE_NOTIFY) {
		r->peer_closed = true;
		drop_cut(r);
		return -EPIPE;
	}
	if (!r->v13 && p[0] != WARNING && p[0] != FATAL)
		return tls_record_fail(r, FAIL_ALERT_LEVEL, wire);
	/* RFC 8446 6: only this one is none of an error; the level does not matter. */
	warns = r->v13 ? p[1] == SSL_AD_USER_CANCELLED : p[0] == WARNING;
	if (!warns)
		return tls_record_fail(r, FAIL_PEER, wire);
	return ++r->n_warnings > TLS_MAX_WARNINGS
		       ? tls_record_fail(r, FAIL_WARNINGS, wire)
		       : 0;
}

/* A bucket that runs out at one a second. */
static bool are_too_many_updates(struct tls_record *r)
{
	uint32_t now = (uint32_t)(clock_mono_ms() / 1000), past = now - r->updated_s;

	r->n_updates = past < r->n_updates ? (uint8_t)(r->n_updates - past) : 0;
	r->updated_s = now;
	return ++r->n_updates > TLS_MAX_KEY_UPDATES;
}

/* TLS 1.3: of all messages, a client may send KeyUpdate only (RFC 8446 4.6). It is the last one in
 * its record, since the key changes behind it; it may have come in several. */
static int take_key_update(struct tls_record *r, const unsigned char *p, size_t n,
			   struct buf *wire)
{
	static const unsigned char header[HS_HEADER] = { KEY_UPDATE, 0, 0, 1 };
	size_t part = MIN(n, sizeof(r->hs) - r->n_hs), n_header;

	memcpy(r->hs + r->n_hs, p, part);
	r->n_hs = (uint8_t)(r->n_hs + part);
	if (n == 0 || r->hs[0] != KEY_UPDATE)
		return tls_record_fail(r, FAIL_HANDSHAKE, wire);
	n_header = MIN((size_t)r->n_hs, sizeof(header));
	if (memcmp(r->hs, header, n_header) != 0)
		return tls_record_fail(r, FAIL_KEY_UPDATE_LEN, wire);
	if (n > part)
		return tls_record_fail(r, FAIL_HANDSHAKE, wire);
	if (r->n_hs < sizeof(r->hs))
		return 0;
	r->n_hs = 0;
	if (r->hs[HS_HEADER] > 1)
		return tls_record_fail(r, FAIL_KEY_UPDATE, wire);
	if (are_too_many_updates(r))
		return tls_record_fail(r, FAIL_KEY_UPDATES, wire);
	update_keys(r, IN);
	r->has_asked = false;
	r->must_answer |= r->hs[HS_HEADER] == 1;
	return 0;
}

/* TLS 1.2: a client that wants to renegotiate may go on without (RFC 5246 7.2.2). */
static int take_hello(struct tls_record *r, const unsigned char *p, size_t n,
		      struct buf *wire)
{
	size_t len = n < HS_HEADER ? 0 : (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

	if (n < HS_HEADER || p[0] != CLIENT_HELLO || n != HS_HEADER + len)
		return tls_record_fail(r, FAIL_HANDSHAKE, wire);
	if (++r->n_warnings > TLS_MAX_WARNINGS)
		return tls_record_fail(r, FAIL_WARNINGS, wire);
	put_alert(r, WARNING, SSL_AD_NO_RENEGOTIATION, wire);
	return 0;
}

static int take_content(struct tls_record *r, unsigned char type, const unsigned char *p,
			size_t n, struct buf *plain, struct buf *wire)
{
	if (r->n_hs && type != CONTENT_HANDSHAKE)
		return tls_record_fail(r, FAIL_INTERLEAVED, wire);
	switch (type) {
	case CONTENT_DATA:
		return take_data(r, n, plain, wire);
	case CONTENT_ALERT:
		return tls_record_take_alert(r, p, n, wire);
	case CONTENT_HANDSHAKE:
		return r->v13 ? take_key_update(r, p, n, wire)
			      : take_hello(r, p, n, wire);
	default:
		return tls_record_fail(r, FAIL_TYPE, wire);
	}
}

/* --- opening --- */

/* The type is the last byte that is not 0 (RFC 8446 5.4). */
static int take_inner(struct tls_record *r, const unsigned char *p, size_t n,
		      struct buf *plain, struct buf *wire)
{
	if (n > TLS_RECORD_MAX + 1)
		return tls_record_fail(r, FAIL_TOO_LONG, wire);
	while (n && p[n - 1] == 0)
		n--;
	if (n == 0)
		return tls_record_fail(r, FAIL_NO_TYPE, wire);
	return take_content(r, p[n - 1], p, n - 1, plain, wire);
}

/* A whole record, whose header is right. */
static int open_record(struct tls_record *r, const unsigned char *p, size_t n,
		       struct buf *plain, struct buf *wire)
{
	size_t explicit = explicit_len(r), n_text;
	const unsigned char *body = p + TLS_RECORD_HEADER + explicit;
	unsigned char nonce[TLS_NONCE_LEN], ad[AD_MAX], *to;

	if (r->seq[IN] == UINT64_MAX)
		return tls_record_fail(r, FAIL_USED_UP, wire);
	if (n < TLS_RECORD_HEADER + explicit + TLS_TAG_LEN)
		return tls_record_fail(r, FAIL_BAD_MAC, wire);
	n_text = n - TLS_RECORD_HEADER - explicit - TLS_TAG_LEN;
	to = (unsigned char *)buf_reserve(plain, n_text + 1);
	if (to == NULL)
		return -EMSGSIZE;
	make_nonce(r, IN, nonce);
	if (explicit)
		memcpy(nonce + 4, p + TLS_RECORD_HEADER, NONCE_EXPLICIT);
	if (!tls_aead_open((enum tls_aead)r->aead, key(r, IN), nonce,
			   make_ad(r, IN, p, n_text, ad), body, n_text, to))
		return tls_record_fail(r, FAIL_BAD_MAC, wire);
	r->seq[IN]++;
	if (r->v13)
		return take_inner(r, to, n_text, plain, wire);
	if (n_text > TLS_RECORD_MAX)
		return tls_record_fail(r, FAIL_TOO_LONG, wire);
	return take_content(r, p[0], to, n_text, plain, wire);
}

/* How long the record is that begins with `have`; as far as can be told. */
static int measure(struct tls_record *r, struct strv have, size_t *ret, struct buf *wire)
{
	const unsigned char *p = (const unsigned char *)have.p;
	size_t n;

	*ret = TLS_RECORD_HEADER;
	if (have.n < TLS_RECORD_HEADER)
		return 0;
	if (r->v13 ? p[0] != CONTENT_DATA : p[0] < CONTENT_ALERT || p[0] > CONTENT_DATA)
		return tls_record_fail(r, FAIL_TYPE, wire);
	n = (size_t)p[3] << 8 | p[4];
	if (n > (r->v13 ? TLS_RECORD_MAX_V13 : TLS_RECORD_MAX_V12))
		return tls_record_fail(r, FAIL_TOO_LONG, wire);
	if (n < TLS_TAG_LEN)
		return tls_record_fail(r, FAIL_BAD_MAC, wire);
	*ret = TLS_RECORD_HEADER + n;
	return 0;
}

/* Moves to the cut record what it lacks. */
static void keep(struct tls_record *r, struct strv *in, size_t whole)
{
	size_t n;
	int e;

	if (r->cut == NULL) {
		r->cut = MEM_NEW(struct buf);
		*r->cut = BUF_INIT(TLS_RECORD_HEADER + TLS_RECORD_MAX_V12);
	}
	n = MIN(in->n, whole - r->cut->n);
	e = buf_add(r->cut, in->p, n);
	ASSERT(e == 0);
	*in = strv_from_pos(*in, n);
}

static int take_some(struct tls_record *r, struct strv *in, struct buf *plain,
		     struct buf *wire)
{
	struct strv have = r->cut ? buf_strv(r->cut) : *in;
	size_t whole;
	int e = measure(r, have, &whole, wire);

	if (e < 0)
		return e;
	if (have.n >= TLS_RECORD_HEADER && have.n >= whole) {
		ASSERT(r->cut == NULL);
		*in = strv_from_pos(*in, whole);
		return open_record(r, (const unsigned char *)have.p, whole, plain, wire);
	}
	keep(r, in, whole);
	if (r->cut->n < whole)
		return 0;
	if (whole == TLS_RECORD_HEADER) /* it is all that there is, maybe: judged now */
		return measure(r, buf_strv(r->cut), &whole, wire);
	e = open_record(r, (const unsigned char *)r->cut->p, whole, plain, wire);
	drop_cut(r);
	return e;
}

/* New keys: the peer has asked for ours; its own are old, and we ask. */
static int renew(struct tls_record *r, struct buf *wire)
{
	int e = 0;

	if (r->must_answer && !r->closed)
		e = put_key_update(r, false, wire);
	if (e == 0 && r->v13 && r->seq[IN] >= rekey_after && !r->has_asked && !r->closed)
		e = put_key_update(r, true, wire);
	return e;
}

int tls_record_feed(struct tls_record *r, struct strv cipher, struct buf *plain,
		    struct buf *wire)
{
	int e = 0;

	if (r->failure)
		return -EPROTO;
	while (cipher.n && e == 0 && !r->peer_closed)
		e = take_some(r, &cipher, plain, wire);
	if (e == 0 || r->peer_closed)
		e = renew(r, wire);
	return e == 0 && r->peer_closed ? -EPIPE : e;
}

const char *tls_record_error(const struct tls_record *r)
{
	return tls_failure_text((enum tls_failure)r->failure, r->alert);
}
