/* The record layer of our own against OpenSSL's client: it takes over where the handshake ends, and
 * neither side notices. */
#include "ca.h"
#include "duo.h"

#include <malloc.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>

#define ALL_SUITES                                                       \
	"ALL:@SECLEVEL=0:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:" \
	"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"

static const struct suite {
	const char *name;
	int version;
	bool rsa;   /* the certificate */
	bool stays; /* with OpenSSL */
} suites[] = {
	{ "TLS_AES_128_GCM_SHA256", TLS1_3_VERSION, false, false },
	{ "TLS_AES_256_GCM_SHA384", TLS1_3_VERSION, false, false },
	{ "TLS_CHACHA20_POLY1305_SHA256", TLS1_3_VERSION, true, false },
	{ "ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, false, false },
	{ "ECDHE-ECDSA-AES256-GCM-SHA384", TLS1_2_VERSION, false, false },
	{ "ECDHE-ECDSA-CHACHA20-POLY1305", TLS1_2_VERSION, false, false },
	{ "ECDHE-RSA-AES128-GCM-SHA256", TLS1_2_VERSION, true, false },
	{ "ECDHE-RSA-AES256-GCM-SHA384", TLS1_2_VERSION, true, false },
	{ "ECDHE-RSA-CHACHA20-POLY1305", TLS1_2_VERSION, true, false },
	{ "DHE-RSA-AES128-GCM-SHA256", TLS1_2_VERSION, true, false },
	{ "DHE-RSA-AES256-GCM-SHA384", TLS1_2_VERSION, true, false },
	{ "DHE-RSA-CHACHA20-POLY1305", TLS1_2_VERSION, true, false },
	{ "AES128-GCM-SHA256", TLS1_2_VERSION, true, false },
	{ "AES256-GCM-SHA384", TLS1_2_VERSION, true, false },
	{ "TLS_AES_128_CCM_SHA256", TLS1_3_VERSION, false, true },
	{ "TLS_AES_128_CCM_8_SHA256", TLS1_3_VERSION, false, true },
	{ "ECDHE-ECDSA-AES128-CCM", TLS1_2_VERSION, false, true },
	{ "ECDHE-ECDSA-AES256-CCM8", TLS1_2_VERSION, false, true },
	{ "ECDHE-ECDSA-ARIA128-GCM-SHA256", TLS1_2_VERSION, false, true },
	{ "ECDHE-ECDSA-AES128-SHA256", TLS1_2_VERSION, false, true },
	{ "AES128-SHA", TLS1_2_VERSION, true, true },
	{ "ECDHE-ECDSA-AES128-SHA", TLS1_1_VERSION, false, true },
	{ "ECDHE-ECDSA-AES128-SHA", TLS1_VERSION, false, true },
};
#define EACH_SUITE(s) \
	for (const struct suite *s = suites; s < suites + ARRAY_LEN(suites); s++)
#define EACH_OWN_SUITE(s) for (const struct suite *s = suites; s < suites + 14; s++)

static const char *rsa_file(void)
{
	const char *path = pair_file("handover-rsa.pem");
	FILE *f = fopen(path, "r");
	struct made m;

	if (f == NULL) {
		m = ca_make(
			&(struct spec){ .name = "localhost", .key = EVP_RSA_gen(2048) });
		f = fopen(path, "w");
		CHECK(PEM_write_X509(f, m.x) == 1);
		CHECK(PEM_write_PrivateKey(f, m.key, NULL, NULL, 0, NULL, NULL) == 1);
		made_free(&m);
	}
	fclose(f);
	return path;
}

static struct tls_ctx *suite_ctx(const struct suite *s)
{
	struct tls_conf conf = { .ciphers = ALL_SUITES,
				 .versions =
					 s->version == TLS1_3_VERSION	? 1u << TLS_V1_3
					 : s->version == TLS1_2_VERSION ? 1u << TLS_V1_2
					 : s->version == TLS1_1_VERSION ? 1u << TLS_V1_1
									: 1u << TLS_V1_0,
				 .certfile = s->rsa ? rsa_file() : NULL };

	return pair_ctx(&conf);
}

static SSL *suite_client(const struct suite *s)
{
	SSL *client = client_new(s->version, s->version);

	SSL_set_security_level(client, 0);
	if (s->version == TLS1_3_VERSION) {
		CHECK_INT(SSL_set_ciphersuites(client, s->name), 1);
		/* Without a share of X25519 the handshake is OpenSSL's. */
		CHECK_INT(SSL_set1_groups_list(client, "P-256"), 1);
	} else {
		CHECK_INT(SSL_set_cipher_list(client, s->name), 1);
	}
	return client;
}

static void open_suite(struct duo *d, const struct suite *s)
{
	struct tls_ctx *ctx = suite_ctx(s);

	duo_open(d, ctx, suite_client(s));
	tls_ctx_unref(&ctx);
	shake_hands(d);
	CHECK_STR(strv_from(tls_cipher(d->t)), s->name);
	CHECK_INT(tls_has_own_records(d->t), !s->stays);
}

static const char *numbers(void) /* bytes that do not repeat soon */
{
	static char b[100000];

	for (size_t i = 0; b[1] == 0 && i < sizeof(b); i += 4)
		memcpy(b + i, &(uint32_t){ (uint32_t)i * 2654435761u + 1 }, 4);
	return b;
}

static void to_server(struct duo *d, const char *p, size_t n, size_t piece)
{
	buf_clear(&d->plain);
	CHECK_INT(SSL_write(d->client, p, (int)n), (int)n);
	carry(d, piece);
	CHECK_INT(d->r, 0);
	CHECK(d->plain.n == n && memcmp(d->plain.p, p, n) == 0);
}

static void to_client(struct duo *d, const char *p, size_t n)
{
	static char got[100000];
	size_t at = 0;
	int r;

	CHECK_INT(tls_seal(d->t, strv_make(p, n), &d->wire), 0);
	carry(d, 65536);
	while (at < n && (r = SSL_read(d->client, got + at, (int)(sizeof(got) - at))) > 0)
		at += (size_t)r;
	CHECK(at == n && memcmp(got, p, n) == 0);
}

/* --- who goes over, and who stays --- */

TEST(tls_handover_carries_bytes_of_every_suite)
{
	static const size_t sizes[] = { 1,    2,     15,    16,	   17,	 100,
					4096, 16383, 16384, 16385, 50000 };

	EACH_SUITE(s)
	{
		struct duo d;

		open_suite(&d, s);
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			to_server(&d, numbers(), sizes[i], 65536);
			to_client(&d, numbers(), sizes[i]);
		}
		duo_close(&d);
	}
}

TEST(tls_handover_of_records_cut_at_every_byte)
{
	EACH_OWN_SUITE(s)
	{
		struct duo d;

		open_suite(&d, s);
		for (size_t piece = 1; piece < 150; piece++) {
			SSL_write(d.client, "", 0);
			to_server(&d, "romeo, romeo: <wherefore/> art thou romeo?", 40,
				  piece);
			to_client(&d, "deny thy father", 15);
		}
		duo_close(&d);
	}
}

/* Whatever the handshake's bytes are cut into, and whatever comes with its last ones. */
TEST(tls_handover_loses_nothing_that_came_with_finished)
{
	static const struct suite *s = &suites[0];
	struct tls_ctx *ctx = suite_ctx(s);

	for (size_t piece = 1; piece < 400; piece += piece < 20 ? 1 : 37) {
		struct duo d;

		duo_open(&d, ctx, suite_client(s));
		SSL_do_handshake(d.client);
		carry(&d, piece);
		CHECK_INT(SSL_do_handshake(d.client), 1);
		SSL_write(d.client, "<stream>", 8);
		SSL_key_update(d.client, SSL_KEY_UPDATE_REQUESTED);
		SSL_write(d.client, "<auth/>", 7);
		carry(&d, piece);
		CHECK_INT(d.r, 0);
		CHECK(tls_has_own_records(d.t));
		CHECK_STR(buf_strv(&d.plain), "<stream><auth/>");
		to_client(&d, "<success/>", 10);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

TEST(tls_handover_counts_the_tickets)
{
	struct tls_conf conf = { .tickets = true };
	struct tls_ctx *ctx = pair_ctx(&conf);
	SSL_SESSION *session = NULL;

	for (int i = 0; i < 3; i++) { /* the second one and the third are resumed */
		struct duo d;

		duo_open(&d, ctx, client_new(TLS1_3_VERSION, TLS1_3_VERSION));
		if (session)
			SSL_set_session(d.client, session);
		shake_hands(&d);
		CHECK(tls_has_own_records(d.t));
		CHECK_INT(tls_is_resumed(d.t), i > 0);
		to_client(&d, "hello", 5);
		to_server(&d, "hello", 5, 3);
		SSL_SESSION_free(session);
		session = SSL_get1_session(d.client);
		CHECK(SSL_SESSION_has_ticket(session));
		SSL_set_shutdown(d.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		duo_close(&d);
	}
	SSL_SESSION_free(session);
	tls_ctx_unref(&ctx);
}

/* A client that bears only small records is OpenSSL's. */
TEST(tls_handover_leaves_small_records_alone)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		struct duo d;

		duo_open(&d, ctx, client_new(*v, *v));
		SSL_set_tlsext_max_fragment_length(d.client,
						   TLSEXT_max_fragment_length_512);
		shake_hands(&d);
		CHECK(!tls_has_own_records(d.t));
		to_client(&d, numbers(), 5000);
		to_server(&d, numbers(), 5000, 100);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

/* --- what a connection says and hears later --- */

TEST(tls_handover_changes_keys)
{
	for (size_t i = 0; i < 3; i++) {
		struct duo d;

		open_suite(&d, &suites[i]);
		for (int round = 0; round < 6; round++) {
			int kind = round % 2 ? SSL_KEY_UPDATE_REQUESTED
					     : SSL_KEY_UPDATE_NOT_REQUESTED;

			CHECK_INT(SSL_key_update(d.client, kind), 1);
			to_server(&d, numbers(), 1000, 1 + 7 * (size_t)round);
			to_client(&d, numbers(), 1000);
			to_server(&d, numbers(), 20000, 65536);
		}
		duo_close(&d);
	}
}

TEST(tls_handover_says_goodbye_and_hears_it)
{
	EACH_OWN_SUITE(s)
	{
		struct duo d;
		char c;

		open_suite(&d, s);
		tls_close_notify(d.t, &d.wire);
		carry(&d, 65536);
		CHECK_INT(SSL_get_error(d.client, SSL_read(d.client, &c, 1)),
			  SSL_ERROR_ZERO_RETURN);
		to_server(&d, "last words", 10, 3); /* it may go on */
		SSL_shutdown(d.client);
		carry(&d, 1);
		CHECK_INT(d.r, -EPIPE);
		duo_close(&d);
	}
}

TEST(tls_handover_refuses_a_record_that_was_changed_anywhere)
{
	for (size_t i = 0; i < 6; i++) {
		for (size_t at = 0, n = 1; at < n; at++) {
			struct duo d;
			char b[200] = { 0 };
			int reason;

			if (at == 3 || at == 4) /* the length: see tls_record_test.c */
				continue;
			open_suite(&d, &suites[i]);
			SSL_write(d.client, "pay 10 ducats", 13);
			n = (size_t)BIO_read(d.from_client, b, sizeof(b));
			b[at] ^= 0x40;
			CHECK_INT(tls_feed(d.t, strv_make(b, n), &d.plain, &d.wire),
				  -EPROTO);
			CHECK_INT(d.plain.n, 0);
			BIO_write(d.to_client, d.wire.p, (int)d.wire.n);
			CHECK(SSL_read(d.client, b, sizeof(b)) <= 0);
			reason = ERR_GET_REASON(ERR_peek_error());
			CHECK_INT(reason, at ? SSL_R_SSLV3_ALERT_BAD_RECORD_MAC
					     : SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE);
			duo_close(&d);
		}
	}
}

TEST(tls_handover_tells_the_clients_alert)
{
	EACH_OWN_SUITE(s)
	{
		struct duo d;
		char b[200];

		open_suite(&d, s);
		CHECK_INT(tls_seal(d.t, STRV("changed on its way"), &d.wire), 0);
		d.wire.p[d.wire.n - 1] ^= 1;
		carry(&d, 65536);
		CHECK(SSL_read(d.client, b, sizeof(b)) <= 0);
		ERR_clear_error();
		carry(&d, 65536);
		CHECK_INT(d.r, -EPROTO);
		CHECK(strstr(tls_error(d.t), "bad record mac") != NULL);
		CHECK_INT(d.wire.n, 0);
		duo_close(&d);
	}
}

TEST(tls_handover_does_not_renegotiate)
{
	struct duo d;

	open_suite(&d, &suites[3]);
	SSL_renegotiate(d.client);
	SSL_do_handshake(d.client);
	carry(&d, 65536);
	CHECK_INT(d.r, 0);
	SSL_do_handshake(d.client);
	CHECK_INT(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
	duo_close(&d);
}

/* --- what a login asks --- */

TEST(tls_handover_forgets_what_only_a_login_asks)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		unsigned char cb[TLS_CB_MAX];
		struct duo d;
		size_t n;

		duo_open(&d, ctx, client_new(*v, *v));
		SSL_set_tlsext_host_name(d.client, "xmpp.example.org");
		shake_hands(&d);
		CHECK_INT(tls_channel_binding(d.t, TLS_CB_SERVER_END_POINT, cb, &n), 0);
		CHECK_STR(strv_from(tls_sni(d.t)), "xmpp.example.org");
		for (int i = 0; i < 2; i++) {
			tls_forget_login(d.t);
			CHECK(tls_sni(d.t) == NULL);
			for (int kind = 0; kind < 3; kind++)
				CHECK_INT(tls_channel_binding(d.t, (enum tls_cb_kind)kind,
							      cb, &n),
					  -ENOTSUP);
			CHECK(tls_peer_error(d.t) == NULL);
		}
		CHECK_STR(strv_from(tls_cipher(d.t)), SSL_get_cipher_name(d.client));
		to_client(&d, "on it goes", 10);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

/* --- threads --- */

static void *talk(void *arg)
{
	struct duo *d = arg;

	for (int i = 0; i < 10; i++) {
		to_server(d, "hello", 5, 4);
		to_client(d, "hello", 5);
	}
	tls_leave_thread(d->t);
	return NULL;
}

TEST(tls_handover_goes_from_thread_to_thread)
{
	EACH_OWN_SUITE(s)
	{
		struct duo d;
		pthread_t thread;

		open_suite(&d, s);
		for (int i = 0; i < 3; i++) {
			talk(&d);
			CHECK_INT(pthread_create(&thread, NULL, talk, &d), 0);
			CHECK_INT(pthread_join(thread, NULL), 0);
		}
		duo_close(&d);
	}
}

/* --- memory --- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static size_t in_use(void)
{
	return mallinfo2().uordblks;
}

TEST(tls_handover_holds_little_memory)
{
	enum { N = 256 }; /* what malloc() keeps for itself is little against them */
	static const struct {
		int suite;
		size_t most;
	} cases[] = { { 0, 272 }, { 1, 352 }, { 2, 304 }, { 3, 240 } };

	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct tls_ctx *ctx = suite_ctx(&suites[cases[k].suite]);
		static struct tls *all[2 * N];
		size_t before = 0;

		for (int i = 0; i < 2 * N; i++) {
			struct duo d;

			if (i == N) /* the thread's contexts are made */
				before = in_use();
			duo_open(&d, ctx, suite_client(&suites[cases[k].suite]));
			shake_hands(&d);
			to_server(&d, "hello", 5, 5);
			to_client(&d, "hello", 5);
			tls_forget_login(d.t);
			all[i] = d.t;
			d.t = NULL;
			duo_close(&d);
		}
		if (in_use() - before > N * cases[k].most)
			test_fail(__FILE__, __LINE__, "%s: %zu bytes",
				  suites[cases[k].suite].name, (in_use() - before) / N);
		for (int i = 0; i < 2 * N; i++)
			tls_free(&all[i]);
		tls_ctx_unref(&ctx);
	}
}
#endif
