/* Tickets of connections that go over to the record layer, which sends them: a pre-shared key (RFC
 * 8446 4.6.1), what it is for and since when, 86 bytes in all. OpenSSL's hold a whole session in
 * ASN.1, which is written twice, read, and copied in each login that resumes one.
 *
 * To OpenSSL such a key is an external one, which has another label in the key schedule than one
 * that comes from a ticket; that schedule is ours (tls_kdf.c). */
#include "base/rand.h"
#include "io/tls_ticket.h"

enum {
	NAME = 0,
	NONCE = NAME + TICKET_NAME_LEN,
	BODY = NONCE +
	       TLS_NONCE_LEN, /* sealed: a suite, when it was made, the key; the tag */
	SUITE_LEN = 2,
	MADE_LEN = 8,
	HEAD_LEN = SUITE_LEN + MADE_LEN,
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

/* Returns how many bytes there are; 0: it is none of ours, or too old. */
static size_t open_ticket(struct tls_tickets *t, const unsigned char *ticket, size_t n,
			  unsigned char body[BODY_MAX])
{
	struct ticket_key *k;
	msec_t age;
	bool ok;

	if (n <= BODY + HEAD_LEN + TLS_TAG_LEN || n > TICKET_MAX)
		return 0;
	k = tls_ticket_key_take(t, ticket + NAME);
	if (k == NULL)
		return 0;
	n -= BODY + TLS_TAG_LEN;
	ok = crypt(t, k, false, ticket, n, ticket + BODY, body);
	tls_ticket_key_give(t);
	if (!ok)
		return 0;
	age = tls_ticket_now() - (msec_t)get(body + SUITE_LEN, MADE_LEN);
	return age < (msec_t)TLS_TICKET_LIFE_S * 1000 ? n : 0;
}

/* --- OpenSSL asks --- */

static int find_session(SSL *ssl, const unsigned char *ticket, size_t n,
			SSL_SESSION **ret)
{
	struct tls_ctx *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	unsigned char body[BODY_MAX];
	const SSL_CIPHER *suite;
	bool ok;

	*ret = NULL;
	n = open_ticket(c->tickets, ticket, n, body);
	suite = n ? SSL_CIPHER_find(ssl, body) : NULL;
	if (suite) {
		*ret = SSL_SESSION_new();
		ok = *ret &&
		     SSL_SESSION_set1_master_key(*ret, body + HEAD_LEN, n - HEAD_LEN) &&
		     SSL_SESSION_set_cipher(*ret, suite) &&
		     SSL_SESSION_set_protocol_version(*ret, TLS1_3_VERSION);
		ASSERT(ok);
	}
	mem_wipe(body, sizeof(body));
	return 1; /* a full handshake, if there is none */
}

void tls_ticket_own_init(struct tls_ctx *c)
{
	SSL_CTX_set_psk_find_session_callback(c->ssl, find_session);
}

/* --- a new one --- */

/* RFC 8446 4.6.1. It is the only one of its connection, whose nonce is one zero. */
static size_t write_message(struct tls_tickets *t, const unsigned char *body, size_t n,
			    unsigned char *to)
{
	size_t n_ticket = BODY + n + TLS_TAG_LEN;
	unsigned char *p = put(to, SSL3_MT_NEWSESSION_TICKET, 1);

	p = put(p, 4 + 4 + 2 + 2 + n_ticket + 2, 3);
	p = put(p, TLS_TICKET_LIFE_S, 4);
	rand_bytes(p, 4); /* ticket_age_add */
	p = put(p + 4, 1, 1);
	p = put(p, 0, 1);
	p = put(p, n_ticket, 2);
	seal(t, body, n, p);
	p = put(p + n_ticket, 0, 2); /* extensions */
	return (size_t)(p - to);
}

void tls_ticket_put(const struct tls_ssl *t, struct tls_record *r, struct buf *wire)
{
	unsigned char body[BODY_MAX], message[MESSAGE_MAX];
	const struct tls_secrets *s = &t->secrets;
	size_t n = s->n[TLS_SECRET_RESUMPTION];
	enum digest_alg hash =
		n == digest_len(DIGEST_SHA384) ? DIGEST_SHA384 : DIGEST_SHA256;
	int e;

	/* Who shows a certificate is judged anew each time. */
	if (t->ctx->tickets == NULL || n != digest_len(hash) ||
	    SSL_version(t->ssl) != TLS1_3_VERSION ||
	    SSL_get0_peer_certificate(t->ssl) != NULL)
		return;
	put(body, SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(t->ssl)), SUITE_LEN);
	put(body + SUITE_LEN, (uint64_t)tls_ticket_now(), MADE_LEN);
	tls_expand_label_with(hash, s->secret[TLS_SECRET_RESUMPTION], STRV("resumption"),
			      strv_make("", 1), body + HEAD_LEN, n);
	n = write_message(t->ctx->tickets, body, HEAD_LEN + n, message);
	mem_wipe(body, sizeof(body));
	e = tls_record_put_ticket(r, strv_make((char *)message, n), wire);
	(void)e; /* who has no room for it goes without */
}
