/* Handshakes of our own that show a certificate, with OpenSSL's client at the other end, who checks
 * it. Tickets, and what can be wrong with the client's flight: tls_resume_test.c. */
#include "shown.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>

enum { DATA = 23 }; /* a record that is sealed */

static void check_bindings(struct duo *d, const EVP_MD *md)
{
	unsigned char theirs[EVP_MAX_MD_SIZE], ours[TLS_CB_MAX];
	X509 *x = SSL_get1_peer_certificate(d->client);
	unsigned n_hash;
	size_t n;

	check_exporter(d);
	CHECK_INT(X509_digest(x, md, theirs, &n_hash), 1);
	CHECK_INT(tls_channel_binding(d->t, TLS_CB_SERVER_END_POINT, ours, &n), 0);
	CHECK(n == n_hash && memcmp(ours, theirs, n) == 0);
	CHECK_INT(tls_channel_binding(d->t, TLS_CB_UNIQUE, ours, &n), -ENOTSUP);
	X509_free(x);
}

static const char *const suites[] = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
				      "TLS_CHACHA20_POLY1305_SHA256" };

static const struct kind {
	const char *key; /* "RSA", or a group */
	unsigned bits;
	bool deep;
} kinds[] = {
	{ "P-256", 0, false }, { "P-256", 0, true },  { "RSA", 2048, false },
	{ "RSA", 3072, true }, { "RSA", 4096, true },
};

static EVP_PKEY *make_key(const struct kind *k)
{
	return k->bits ? EVP_RSA_gen(k->bits) : EVP_EC_gen(k->key);
}

TEST(tls_handshake_with_each_certificate_and_suite)
{
	struct duo d;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *file = shown_issue("kind.pem", .key = make_key(&kinds[i]),
					       .deep = kinds[i].deep);
		struct tls_ctx *ctx = shown_ctx(file);

		for (size_t k = 0; k < ARRAY_LEN(suites); k++) {
			duo_open(&d, ctx, shown_client(suites[k]));
			CHECK(shown_begin(&d));
			shown_check_is_up(&d, suites[k]);
			check_bindings(&d, EVP_sha256());
			check_data(&d);
			CHECK_INT(SSL_key_update(d.client, SSL_KEY_UPDATE_REQUESTED), 1);
			check_data(&d);
			tls_close_notify(d.t, &d.wire);
			carry(&d, 65536);
			CHECK_INT(SSL_shutdown(d.client), 0);
			CHECK_INT(SSL_shutdown(d.client), 1);
			duo_close(&d);
		}
		tls_ctx_unref(&ctx);
	}
}

/* With or without the disguise of RFC 8446 D.4. */
TEST(tls_handshake_in_pieces_of_any_size)
{
	struct tls_ctx *ctx = shown_ctx(shown_issue("p.pem", .deep = true));
	struct duo d;

	for (size_t piece = 1; piece < 80; piece++) {
		duo_open(&d, ctx, shown_client(NULL));
		if (piece % 2)
			SSL_clear_options(d.client, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
		shake_hands_by(&d, piece);
		shown_check_is_up(&d, suites[0]);
		check_data(&d);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

/* RFC 5929 4.1: the hash of tls-server-end-point is that of the certificate's signature. */
TEST(tls_handshake_with_each_hash_below_the_certificate)
{
	const EVP_MD *all[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct tls_ctx *ctx = shown_ctx(shown_issue("h.pem", .md = all[i]));
		struct duo d;

		duo_open(&d, ctx, shown_client(NULL));
		CHECK(shown_begin(&d));
		shown_check_is_up(&d, suites[0]);
		check_bindings(&d, all[i]);
		duo_close(&d);
		tls_ctx_unref(&ctx);
	}
}

static void *shake_many(void *arg)
{
	struct duo d;

	for (int i = 0; i < 20; i++) {
		duo_open(&d, arg, shown_client(suites[(size_t)i % ARRAY_LEN(suites)]));
		shake_hands(&d);
		check_data(&d);
		duo_close(&d);
	}
	return NULL;
}

TEST(tls_handshake_in_several_threads)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds) - 2; i++) {
		const char *file = shown_issue("m.pem", .key = make_key(&kinds[i]),
					       .deep = kinds[i].deep);
		struct tls_ctx *ctx = shown_ctx(file);
		pthread_t threads[4];

		for (size_t k = 0; k < ARRAY_LEN(threads); k++)
			CHECK_INT(pthread_create(&threads[k], NULL, shake_many, ctx), 0);
		for (size_t k = 0; k < ARRAY_LEN(threads); k++)
			CHECK_INT(pthread_join(threads[k], NULL), 0);
		tls_ctx_unref(&ctx);
	}
}

/* The server's order counts, of those that its string has. */
TEST(tls_handshake_chooses_the_suite)
{
	static const struct {
		const char *ciphers, *client, *chosen;
	} cases[] = {
		{ NULL, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
		  "TLS_AES_128_GCM_SHA256" },
		{ "CHACHA20:AESGCM",
		  "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
		  "TLS_CHACHA20_POLY1305_SHA256" },
		{ "AES256:CHACHA20",
		  "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
		  "TLS_AES_256_GCM_SHA384",
		  "TLS_AES_256_GCM_SHA384" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tls_conf conf = { .ciphers = cases[i].ciphers };
		struct tls_ctx *ctx;
		struct duo d;

		conf.certfile = shown_issue("s.pem");
		ctx = pair_ctx(&conf);
		duo_open(&d, ctx, shown_client(cases[i].client));
		CHECK(shown_begin(&d));
		shown_check_is_up(&d, cases[i].chosen);
		duo_close(&d);
		tls_ctx_unref(&ctx);
	}
}

TEST(tls_handshake_speaks_of_names_and_protocols)
{
	static const unsigned char both[] = "\4http\x0bxmpp-client", other[] = "\4http";
	struct tls_ctx *ctx = shown_ctx(shown_issue("n.pem"));
	const unsigned char *got;
	struct duo d;
	unsigned n;

	duo_open(&d, ctx, shown_client(NULL));
	SSL_set_tlsext_host_name(d.client, "chat.example");
	SSL_set_alpn_protos(d.client, both, sizeof(both) - 1);
	CHECK(shown_begin(&d));
	shown_check_is_up(&d, suites[0]);
	CHECK_STR(strv_from(tls_sni(d.t)), "chat.example");
	SSL_get0_alpn_selected(d.client, &got, &n);
	CHECK(n == 11 && memcmp(got, "xmpp-client", 11) == 0);
	duo_close(&d);
	duo_open(&d, ctx, shown_client(NULL));
	SSL_set_alpn_protos(d.client, other, sizeof(other) - 1);
	CHECK(shown_begin(&d));
	shown_check_is_up(&d, suites[0]);
	CHECK(tls_sni(d.t) == NULL);
	SSL_get0_alpn_selected(d.client, &got, &n);
	CHECK_INT(n, 0);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

/* A ticket of another context's is no reason not to go on. */
TEST(tls_handshake_after_a_ticket_that_is_not_known)
{
	struct tls_conf conf = { .tickets = true };
	SSL_SESSION *session = NULL;
	struct duo d;

	conf.certfile = shown_issue("t.pem");
	for (int i = 0; i < 2; i++) {
		struct tls_ctx *ctx = pair_ctx(&conf);
		char b[8];

		duo_open(&d, ctx, shown_client(NULL));
		if (session)
			CHECK_INT(SSL_set_session(d.client, session), 1);
		CHECK(shown_begin(&d));
		shown_check_is_up(&d, suites[0]);
		CHECK_INT(SSL_session_reused(d.client), 0);
		CHECK_INT(SSL_read(d.client, b, sizeof(b)), -1);
		SSL_SESSION_free(session);
		session = SSL_get1_session(d.client);
		CHECK(SSL_SESSION_has_ticket(session));
		duo_close(&d);
		tls_ctx_unref(&ctx);
	}
	SSL_SESSION_free(session);
}

/* --- a ClientHello that was changed on its way --- */

/* Whatever the server makes of it, the client does not go on: its own is in what the server signs. */
TEST(tls_handshake_binds_the_hello)
{
	struct tls_ctx *ctx = shown_ctx(shown_issue("b.pem"));
	size_t n_ours = 0;

	for (size_t at = 0, n = 1; at < n; at++) {
		char hello[4096];
		struct duo d;
		int r;

		duo_open(&d, ctx, shown_client(NULL));
		SSL_do_handshake(d.client);
		r = BIO_read(d.from_client, hello, sizeof(hello));
		CHECK(r > 0);
		n = (size_t)r;
		hello[at] ^= 0x11;
		n_ours += shown_feed(&d, hello, n) == 0 && d.wire.n &&
			  shown_is_ours(buf_strv(&d.wire));
		BIO_write(d.to_client, d.wire.p, (int)d.wire.n);
		buf_clear(&d.wire);
		r = SSL_do_handshake(d.client);
		/* The version of the record is ignored (RFC 8446 5.1). */
		CHECK((r == 1) == (at == 2));
		duo_close(&d);
	}
	CHECK(n_ours > 32); /* the random number at the least */
	tls_ctx_unref(&ctx);
}

/* RFC 8446 7.4.2. */
TEST(tls_handshake_refuses_a_share_that_gives_nothing)
{
	struct tls_ctx *ctx = shown_ctx(shown_issue("z.pem"));
	char hello[4096], *share;
	struct duo d;
	int n;

	duo_open(&d, ctx, shown_client(NULL));
	SSL_do_handshake(d.client);
	n = BIO_read(d.from_client, hello, sizeof(hello));
	share = memmem(hello, (size_t)n, "\0\x1d\0\x20", 4);
	CHECK(share != NULL);
	memset(share + 4, 0, 32);
	CHECK_INT(shown_feed(&d, hello, (size_t)n), -EPROTO);
	CHECK(strv_eq(buf_strv(&d.wire), STRV("\x15\3\3\0\2\2\x2f")));
	CHECK_STR(strv_from(tls_error(d.t)), "a key share that is none");
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

/* Whether a byte is of the version of a record in clear, which is ignored (RFC 8446 5.1). */
static bool is_version(struct strv flight, size_t at)
{
	const unsigned char *p = (const unsigned char *)flight.p;
	size_t start = 0;

	while (start + 5 + ((size_t)p[start + 3] << 8 | p[start + 4]) <= at)
		start += 5 + ((size_t)p[start + 3] << 8 | p[start + 4]);
	return p[start] != DATA && (at == start + 1 || at == start + 2);
}

/* Whatever byte of the server's flight is changed, the client does not go on. */
TEST(tls_handshake_is_whole)
{
	struct tls_ctx *ctx = shown_ctx(shown_issue("w.pem"));

	for (size_t at = 0, n = 1; at < n; at++) {
		struct duo d;
		char hello[4096];
		bool ignored;
		int r;

		duo_open(&d, ctx, shown_client(NULL));
		SSL_do_handshake(d.client);
		r = BIO_read(d.from_client, hello, sizeof(hello));
		CHECK_INT(shown_feed(&d, hello, (size_t)r), 0);
		n = d.wire.n; /* signatures are not all of a length */
		ignored = at >= n || is_version(buf_strv(&d.wire), at);
		if (at < n)
			d.wire.p[at] ^= 0x01;
		BIO_write(d.to_client, d.wire.p, (int)n);
		buf_clear(&d.wire);
		r = SSL_do_handshake(d.client);
		if (r == 1)
			CHECK(ignored);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

/* The client's Finished, changed anywhere. */
TEST(tls_handshake_refuses_a_flight_with_any_byte_changed)
{
	struct tls_ctx *ctx = shown_ctx(shown_issue("f.pem"));

	for (size_t at = 0, n = 1; at < n; at++) {
		char flight[512];
		struct duo d;
		int r;

		duo_open(&d, ctx, shown_client(NULL));
		CHECK(shown_begin(&d));
		CHECK_INT(SSL_do_handshake(d.client), 1);
		r = BIO_read(d.from_client, flight, sizeof(flight));
		CHECK(r > 6 && !tls_is_up(d.t));
		n = (size_t)r;
		flight[at] ^= 0x01;
		(void)!shown_feed(&d, flight, n);
		CHECK(tls_is_up(d.t) == (at == 1 || at == 2)); /* of a record in clear */
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}
