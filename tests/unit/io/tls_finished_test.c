/* TLS 1.2: the client's Finished in other records than the usual one. The handshake is that of
 * OpenSSL's client; its Finished is opened, and sealed as it is to be. */
#include "duo.h"
#include "io/tls_record.h"

enum { N_KEY = 16, N_SALT = 4, N_EXPLICIT = 8, N_FINISHED = 16 };
enum { SEAL_OVERHEAD = N_EXPLICIT + TLS_TAG_LEN };

/* The client's direction, with AES-128-GCM. */
struct sealer {
	unsigned char key[N_KEY], salt[N_SALT];
	uint64_t seq;
};

static void put_be(unsigned char *to, uint64_t v, int n)
{
	while (n--) {
		to[n] = (unsigned char)v;
		v >>= 8;
	}
}

/* RFC 5246 6.2.3.3, RFC 5288 3. */
static void additional(unsigned char ad[13], uint64_t seq, unsigned type, size_t n)
{
	put_be(ad, seq, 8);
	put_be(ad + 8, (uint64_t)type << 16 | TLS1_2_VERSION, 3);
	put_be(ad + 11, n, 2);
}

static void sealer_init(struct sealer *s, SSL *client)
{
	unsigned char master[TLS_MASTER_LEN], block[2 * (N_KEY + N_SALT)];
	unsigned char random[2][TLS_RANDOM_LEN];

	SSL_SESSION_get_master_key(SSL_get_session(client), master, sizeof(master));
	SSL_get_client_random(client, random[0], TLS_RANDOM_LEN);
	SSL_get_server_random(client, random[1], TLS_RANDOM_LEN);
	tls_key_block(DIGEST_SHA256, master, random[0], random[1], block, sizeof(block));
	memcpy(s->key, block, N_KEY);
	memcpy(s->salt, block + 2 * N_KEY, N_SALT);
	s->seq = 0;
}

static void seal(struct sealer *s, unsigned type, const void *p, size_t n, struct buf *to)
{
	unsigned char r[100], ad[13], nonce[TLS_NONCE_LEN];

	ASSERT(TLS_RECORD_HEADER + n + SEAL_OVERHEAD <= sizeof(r));
	put_be(r, (uint64_t)type << 16 | TLS1_2_VERSION, 3);
	put_be(r + 3, n + SEAL_OVERHEAD, 2);
	put_be(r + TLS_RECORD_HEADER, 1000 + s->seq, N_EXPLICIT);
	memcpy(nonce, s->salt, N_SALT);
	memcpy(nonce + N_SALT, r + TLS_RECORD_HEADER, N_EXPLICIT);
	additional(ad, s->seq++, type, n);
	tls_aead_seal(TLS_AES_128_GCM, s->key, nonce, strv_make((char *)ad, sizeof(ad)),
		      strv_make(p, n), STRV(""), r + TLS_RECORD_HEADER + N_EXPLICIT);
	buf_put(to, strv_make((char *)r, TLS_RECORD_HEADER + n + SEAL_OVERHEAD));
}

/* Takes it off the end of what the client sends. */
static void take_finished(struct sealer *s, struct buf *b, unsigned char *to)
{
	unsigned char ad[13], nonce[TLS_NONCE_LEN];
	const unsigned char *p;

	b->n -= TLS_RECORD_HEADER + N_FINISHED + SEAL_OVERHEAD;
	p = (const unsigned char *)b->p + b->n;
	CHECK_INT(p[0], SSL3_RT_HANDSHAKE);
	p += TLS_RECORD_HEADER;
	memcpy(nonce, s->salt, N_SALT);
	memcpy(nonce + N_SALT, p, N_EXPLICIT);
	additional(ad, 0, SSL3_RT_HANDSHAKE, N_FINISHED);
	CHECK(tls_aead_open(TLS_AES_128_GCM, s->key, nonce,
			    strv_make((char *)ad, sizeof(ad)), p + N_EXPLICIT, N_FINISHED,
			    to));
}

enum how { WHOLE, IN_TWO, BEHIND_AN_EMPTY_ONE, N_HOWS };

static void send_finished(struct sealer *s, enum how how, const unsigned char *p,
			  struct buf *to)
{
	size_t first = how == IN_TWO ? 7 : 0;

	if (how != WHOLE)
		seal(s, SSL3_RT_HANDSHAKE, p, first, to);
	seal(s, SSL3_RT_HANDSHAKE, p + first, N_FINISHED - first, to);
}

static void check(struct tls_ctx *ctx, enum how how, bool own_records)
{
	struct buf b = BUF_INIT(1 << 16);
	unsigned char finished[N_FINISHED];
	struct sealer s;
	struct duo d;
	char got[10];

	duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_2_VERSION));
	SSL_do_handshake(d.client);
	carry(&d, 65536);
	SSL_do_handshake(d.client);
	b.n = (size_t)BIO_read(d.from_client, buf_reserve(&b, 8192), 8192);
	sealer_init(&s, d.client);
	take_finished(&s, &b, finished);
	send_finished(&s, how, finished, &b);
	seal(&s, SSL3_RT_APPLICATION_DATA, "<stream>", 8, &b);

	CHECK_INT(tls_feed(d.t, buf_strv(&b), &d.plain, &d.wire), 0);
	CHECK_INT(tls_has_own_records(d.t), own_records);
	CHECK_STR(buf_strv(&d.plain), "<stream>");
	CHECK_INT(tls_seal(d.t, STRV("<features>"), &d.wire), 0);
	carry(&d, 65536);
	CHECK_INT(SSL_do_handshake(d.client), 1);
	CHECK_INT(SSL_read(d.client, got, sizeof(got)), 10);
	CHECK(memcmp(got, "<features>", 10) == 0);
	buf_free(&b);
	duo_close(&d);
}

TEST(tls_finished_in_whatever_records_it_comes)
{
	for (int openssl = 0; openssl < 2; openssl++) {
		struct tls_conf conf = { .openssl_records = openssl,
					 .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256",
					 .versions = 1u << TLS_V1_2 };
		struct tls_ctx *ctx = pair_ctx(&conf);

		for (enum how how = WHOLE; how < N_HOWS; how++)
			check(ctx, how, !openssl && how == WHOLE);
		tls_ctx_unref(&ctx);
	}
}
