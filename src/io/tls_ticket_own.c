/* Tickets of connections that go over to the record layer, which sends them: a pre-shared key (RFC
 * 8446 4.6.1), what it is for and since when, 94 bytes in all. OpenSSL's hold a whole session in
 * ASN.1, which is written twice, read, and copied in each login that resumes one. */
#include "base/rand.h"
#include "io/tls_handshake.h"
#include "io/tls_ticket.h"

enum {
	NAME = 0,
	NONCE = NAME + TICKET_NAME_LEN,
	BODY = NONCE +
	       TLS_NONCE_LEN, /* sealed: the suite, both times, the key; the tag */
	SUITE_LEN = 2,
	TIME_LEN = 8, /* when it was made; when the first of its kind was */
	HEAD_LEN = SUITE_LEN + 2 * TIME_LEN,
	BODY_MAX = HEAD_LEN + TLS_SECRET_MAX,
	TICKET_MAX = BODY + BODY_MAX + TLS_TAG_LEN,
	MESSAGE_MAX = 4 + 4 + 4 + 2 + 2 + TICKET_MAX + 2,
};

static unsigned char *put(unsigned char *to, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)(v >> 8 * (n - 1 - i));
	return to + n;
}

static uint64_t get(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* --- sealed with a key of this context's --- */

/* AES-256-GCM with a nonce by chance, of which one key sees far fewer than 2^32 in its hour; the
 * name goes in as well. `n` bytes are sealed or opened behind BODY, where the tag follows them. */
static bool crypt(struct tls_tickets *t, struct ticket_key *k, bool seals,
		  const unsigned char *ticket, size_t n, const unsigned char *from,
		  unsigned char *to)
{
	bool is_new = k->evp == NULL;
	int len, ok;

	if (is_new)
		k->evp = EVP_CIPHER_CTX_new();
	ASSERT(k->evp != NULL);
	ok = EVP_CipherInit_ex(k->evp, is_new ? t->type : NULL, NULL,
			       is_new ? k->cipher : NULL, ticket + NONCE, seals);
	ok = ok == 1 &&
	     (seals || EVP_CIPHER_CTX_ctrl(k->evp, EVP_CTRL_AEAD_SET_TAG, TLS_TAG_LEN,
					   (void *)(from + n)) == 1) &&
	     EVP_CipherUpdate(k->evp, NULL, &len, ticket + NAME, TICKET_NAME_LEN) == 1 &&
	     EVP_CipherUpdate(k->evp, to, &len, from, (int)n) == 1;
	ASSERT(ok);
	ok = EVP_CipherFinal_ex(k->evp, to + n, &len);
	ASSERT(ok == 1 || !seals);
	if (seals &&
	    EVP_CIPHER_CTX_ctrl(k->evp, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_LEN, to + n) != 1)
		ASSERT(!"there is a tag");
	return ok == 1;
}

static void seal(struct tls_tickets *t, const unsigned char *body, size_t n,
		 unsigned char *ticket)
{
	struct ticket_key *k = tls_ticket_key_take(t, NULL);

	memcpy(ticket + NAME, k->name, TICKET_NAME_LEN);
	rand_bytes(ticket + NONCE, TLS_NONCE_LEN);
	crypt(t, k, true, ticket, n, body, ticket + BODY);
	tls_ticket_key_give(t);
}

static bool is_younger(msec_t since, int64_t life_s)
{
	return tls_ticket_now() - since < (msec_t)life_s * 1000;
}

static void read_body(const unsigned char *body, size_t n, msec_t *made,
		      struct tls_ticket *ret)
{
	ret->suite = (unsigned)get(body, SUITE_LEN);
	*made = (msec_t)get(body + SUITE_LEN, TIME_LEN);
	ret->begun = (msec_t)get(body + SUITE_LEN + TIME_LEN, TIME_LEN);
	ret->n = n - HEAD_LEN;
	memcpy(ret->psk, body + HEAD_LEN, ret->n);
}

bool tls_ticket_open(struct tls_tickets *t, struct strv ticket, struct tls_ticket *ret)
{
	const unsigned char *p = (const unsigned char *)ticket.p;
	unsigned char body[BODY_MAX];
	struct ticket_key *k;
	size_t n = ticket.n;
	msec_t made;
	bool ok;

	if (n <= BODY + HEAD_LEN + TLS_TAG_LEN || n > TICKET_MAX)
		return false;
	k = tls_ticket_key_take(t, p + NAME);
	if (k == NULL)
		return false;
	n -= BODY + TLS_TAG_LEN;
	ok = crypt(t, k, false, p, n, p + BODY, body);
	tls_ticket_key_give(t);
	if (ok) {
		read_body(body, n, &made, ret);
		ok = is_younger(made, TLS_TICKET_LIFE_S) &&
		     is_younger(ret->begun, TLS_TICKET_CHAIN_S);
	}
	mem_wipe(body, sizeof(body));
	return ok;
}

/* --- a new one --- */

static const char ticket_nonce[1]; /* zero */

void tls_ticket_make_psk(struct tls_ticket *t, enum digest_alg hash,
			 const unsigned char *resumption)
{
	t->n = digest_len(hash);
	tls_expand_label_with(hash, resumption, STRV("resumption"),
			      strv_make(ticket_nonce, sizeof(ticket_nonce)), t->psk,
			      t->n);
}

static size_t write_body(const struct tls_ticket *t, unsigned char *to)
{
	unsigned char *p = put(to, t->suite, SUITE_LEN);

	p = put(p, (uint64_t)tls_ticket_now(), TIME_LEN);
	p = put(p, (uint64_t)t->begun, TIME_LEN);
	memcpy(p, t->psk, t->n);
	return HEAD_LEN + t->n;
}

/* RFC 8446 4.6.1. */
static size_t write_message(struct tls_tickets *t, const unsigned char *body, size_t n,
			    unsigned char *to)
{
	size_t n_ticket = BODY + n + TLS_TAG_LEN;
	unsigned char *p = put(to, SSL3_MT_NEWSESSION_TICKET, 1);

	p = put(p, 4 + 4 + 1 + sizeof(ticket_nonce) + 2 + n_ticket + 2, 3);
	p = put(p, TLS_TICKET_LIFE_S, 4);
	rand_bytes(p, 4); /* ticket_age_add */
	p = put(p + 4, sizeof(ticket_nonce), 1);
	p = put(p, 0, sizeof(ticket_nonce));
	p = put(p, n_ticket, 2);
	seal(t, body, n, p);
	p = put(p + n_ticket, 0, 2); /* extensions */
	return (size_t)(p - to);
}

void tls_ticket_put(struct tls_tickets *keys, const struct tls_ticket *t,
		    struct tls_record *r, struct buf *wire)
{
	unsigned char body[BODY_MAX], message[MESSAGE_MAX];
	size_t n = write_message(keys, body, write_body(t, body), message);
	int e;

	mem_wipe(body, sizeof(body));
	e = tls_record_put_ticket(r, strv_make((char *)message, n), wire);
	(void)e; /* who has no room for it goes without */
}

/* Only then can a ticket be of use, and only then is it certain that this context has that group. */
static bool has_used_x25519(SSL *ssl)
{
	EVP_PKEY *peer = NULL;
	bool ret = SSL_get_peer_tmp_key(ssl, &peer) == 1 &&
		   EVP_PKEY_get_id(peer) == EVP_PKEY_X25519;

	EVP_PKEY_free(peer);
	return ret;
}

void tls_ticket_put_first(const struct tls_ssl *t, struct tls_record *r, struct buf *wire)
{
	const struct tls_secrets *s = &t->secrets;
	size_t n = s->n[TLS_SECRET_RESUMPTION];
	struct tls_ticket ticket = { .begun = tls_ticket_now() };

	/* Who shows a certificate is judged anew each time. */
	if (!tls_handshake_may_resume(t->ctx) || n == 0 ||
	    SSL_version(t->ssl) != TLS1_3_VERSION ||
	    SSL_get0_peer_certificate(t->ssl) != NULL || !has_used_x25519(t->ssl))
		return;
	ticket.suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(t->ssl));
	tls_ticket_make_psk(&ticket, tls_hash_of_len(n),
			    s->secret[TLS_SECRET_RESUMPTION]);
	tls_ticket_put(t->ctx->tickets, &ticket, r, wire);
	mem_wipe(&ticket, sizeof(ticket));
}
