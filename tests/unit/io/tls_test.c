/* The TLS transport against OpenSSL's client, in memory. */
#include "duo.h"

#include <openssl/err.h>

/* --- bytes --- */

TEST(tls_shakes_hands_and_carries_bytes)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		struct duo d;
		char got[100];

		duo_open(&d, ctx, client_new(*v, *v));
		CHECK(!tls_is_up(d.t));
		shake_hands(&d);
		CHECK_INT(tls_has_own_records(d.t), v < duo_versions + 2);
		CHECK(strcmp(tls_version(d.t),
			     *v == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3") == 0);
		CHECK(strcmp(tls_cipher(d.t), SSL_get_cipher_name(d.client)) == 0);
		SSL_write(d.client, "to the server", 13);
		carry(&d, 65536);
		CHECK_STR(buf_strv(&d.plain), "to the server");
		CHECK_INT(tls_seal(d.t, STRV("to the client"), &d.wire), 0);
		carry(&d, 65536);
		CHECK_INT(SSL_read(d.client, got, sizeof(got)), 13);
		CHECK(memcmp(got, "to the client", 13) == 0);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

TEST(tls_takes_ciphertext_cut_anywhere)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		for (size_t piece = 1; piece < 8; piece++) {
			struct duo d;

			duo_open(&d, ctx, client_new(*v, *v));
			shake_hands_by(&d, piece);
			CHECK(tls_is_up(d.t));
			SSL_write(d.client, "one", 3);
			SSL_write(d.client, "two", 3);
			carry(&d, piece);
			CHECK_STR(buf_strv(&d.plain), "onetwo");
			duo_close(&d);
		}
	}
	tls_ctx_unref(&ctx);
}

TEST(tls_keeps_its_context_while_it_lives)
{
	struct tls_ctx *ctx = pair_ctx(NULL);
	struct duo d;

	duo_open(&d, ctx, client_new(TLS1_3_VERSION, TLS1_3_VERSION));
	tls_ctx_unref(&ctx);
	CHECK(ctx == NULL);
	shake_hands(&d);
	duo_close(&d);
	tls_ctx_unref(&ctx); /* of NULL: nothing */
}

TEST(tls_hears_and_says_goodbye)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		struct duo d;
		char c;

		duo_open(&d, ctx, client_new(*v, *v));
		shake_hands(&d);
		SSL_write(d.client, "bye", 3);
		SSL_shutdown(d.client);
		carry(&d, 65536);
		CHECK_INT(d.r, -EPIPE);
		CHECK_STR(buf_strv(&d.plain), "bye");
		tls_close_notify(d.t, &d.wire);
		CHECK(d.wire.n > 0);
		carry(&d, 65536);
		CHECK_INT(SSL_get_error(d.client, SSL_read(d.client, &c, 1)),
			  SSL_ERROR_ZERO_RETURN);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

TEST(tls_reads_on_after_its_own_goodbye)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		struct duo d;

		duo_open(&d, ctx, client_new(*v, *v));
		shake_hands(&d);
		tls_close_notify(d.t, &d.wire);
		SSL_write(d.client, "still here", 10);
		carry(&d, 65536);
		CHECK_INT(d.r, 0);
		CHECK_STR(buf_strv(&d.plain), "still here");
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

/* --- what is refused --- */

TEST(tls_refuses_what_is_no_handshake)
{
	static const char *const bytes[] = {
		"<?xml version='1.0'?><stream:stream>", "GET / HTTP/1.1\r\n\r\n",
		"\x16\x03\x01\xff\xff garbage behind a header"
	};
	struct tls_ctx *ctx = pair_ctx(NULL);

	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		struct duo d;

		duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_3_VERSION));
		CHECK_INT(tls_feed(d.t, strv_from(bytes[i]), &d.plain, &d.wire), -EPROTO);
		CHECK(tls_error(d.t)[0] != '\0');
		CHECK(!tls_is_up(d.t));
		CHECK_INT(d.plain.n, 0);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

TEST(tls_refuses_a_record_that_was_changed)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		struct duo d;
		char b[1000];
		int n;

		duo_open(&d, ctx, client_new(*v, *v));
		shake_hands(&d);
		SSL_write(d.client, "pay 10 ducats", 13);
		n = BIO_read(d.from_client, b, sizeof(b));
		b[n - 1] ^= 1;
		CHECK_INT(tls_feed(d.t, strv_make(b, (size_t)n), &d.plain, &d.wire),
			  -EPROTO);
		CHECK_INT(d.plain.n, 0);
		CHECK(d.wire.n > 0); /* the alert */
		CHECK(tls_error(d.t)[0] != '\0');
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

TEST(tls_speaks_only_the_versions_that_it_is_told)
{
	struct tls_conf conf = { .versions = 1u << TLS_V1_3 };
	struct tls_ctx *ctx = pair_ctx(&conf);
	struct duo d;

	duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_2_VERSION));
	shake_hands_by(&d, 65536);
	CHECK_INT(d.r, -EPROTO);
	CHECK(strstr(tls_error(d.t), "protocol") != NULL);
	SSL_do_handshake(d.client); /* it hears why */
	CHECK_INT(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
	duo_close(&d);
	tls_ctx_unref(&ctx);
	conf = (struct tls_conf){ .versions = 1u << TLS_V1_2 };
	ctx = pair_ctx(&conf);
	duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_3_VERSION));
	shake_hands(&d);
	CHECK(strcmp(tls_version(d.t), "TLSv1.2") == 0);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

TEST(tls_does_not_renegotiate_and_does_not_resume)
{
	struct tls_ctx *ctx = pair_ctx(NULL);
	struct duo d;
	SSL_SESSION *session;

	duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_2_VERSION));
	shake_hands(&d);
	SSL_renegotiate(d.client);
	shake_hands_by(&d, 65536);
	CHECK(d.failed);
	duo_close(&d);
	duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_2_VERSION));
	shake_hands(&d);
	session = SSL_get1_session(d.client);
	SSL_shutdown(d.client);
	duo_close(&d);
	duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_2_VERSION));
	SSL_set_session(d.client, session);
	SSL_SESSION_free(session);
	shake_hands(&d);
	CHECK(!SSL_session_reused(d.client));
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

/* --- ALPN --- */

TEST(tls_agrees_on_xmpp_client_and_lives_without_it)
{
	static const struct {
		const char *offer;
		bool ours;
	} cases[] = { { "\x0bxmpp-client", true },
		      { "\x08http/1.1\x0bxmpp-client", true },
		      { "\x08http/1.1", false },
		      { "", false } };
	struct tls_ctx *ctx = pair_ctx(NULL);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct duo d;
		const unsigned char *name;
		unsigned n;

		duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_3_VERSION));
		if (cases[i].offer[0])
			SSL_set_alpn_protos(d.client,
					    (const unsigned char *)cases[i].offer,
					    (unsigned)strlen(cases[i].offer));
		shake_hands(&d);
		SSL_get0_alpn_selected(d.client, &name, &n);
		CHECK_INT(n, cases[i].ours ? 11 : 0);
		CHECK(n == 0 || memcmp(name, "xmpp-client", 11) == 0);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

TEST(tls_says_which_name_the_client_asked_for)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		struct duo d;

		duo_open(&d, ctx, client_new(*v, *v));
		SSL_set_tlsext_host_name(d.client, "xmpp.example.org");
		CHECK(tls_sni(d.t) == NULL);
		shake_hands(&d);
		CHECK(strcmp(tls_sni(d.t), "xmpp.example.org") == 0);
		duo_close(&d);
		duo_open(&d, ctx, client_new(*v, *v));
		shake_hands(&d);
		CHECK(tls_sni(d.t) == NULL);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

/* --- channel binding --- */

static size_t binding(struct duo *d, enum tls_cb_kind kind, unsigned char to[TLS_CB_MAX])
{
	size_t n = 0;
	int r = tls_channel_binding(d->t, kind, to, &n);

	CHECK(r == 0 || r == -ENOTSUP);
	CHECK((r == 0) == (n > 0));
	return n;
}

TEST(tls_exporter_is_the_same_on_both_sides)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	static const char *const suites[] = { "TLS_AES_128_GCM_SHA256",
					      "TLS_AES_256_GCM_SHA384" };
	struct tls_ctx *ctx = pair_ctx(NULL);
	unsigned char ours[TLS_CB_MAX], theirs[32];
	struct duo d;

	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		duo_open(&d, ctx, client_new(TLS1_3_VERSION, TLS1_3_VERSION));
		CHECK_INT(SSL_set_ciphersuites(d.client, suites[i]), 1);
		CHECK_INT(binding(&d, TLS_CB_EXPORTER, ours),
			  0); /* not before the handshake's end */
		CHECK_INT(binding(&d, TLS_CB_SERVER_END_POINT, ours), 0);
		shake_hands(&d);
		CHECK_INT(binding(&d, TLS_CB_EXPORTER, ours), 32);
		CHECK_INT(SSL_export_keying_material(d.client, theirs, 32, label,
						     strlen(label),
						     (const unsigned char *)"", 0, 1),
			  1);
		CHECK(memcmp(ours, theirs, 32) == 0);
		CHECK_INT(binding(&d, TLS_CB_UNIQUE, ours), 0);
		duo_close(&d);
	}
	duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_2_VERSION));
	shake_hands(&d);
	CHECK_INT(binding(&d, TLS_CB_EXPORTER, ours), 0);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

TEST(tls_unique_is_the_clients_first_finished)
{
	struct tls_ctx *ctx = pair_ctx(NULL);
	unsigned char ours[TLS_CB_MAX], theirs[TLS_CB_MAX];
	struct duo d;

	duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_2_VERSION));
	shake_hands(&d);
	CHECK_INT(binding(&d, TLS_CB_UNIQUE, ours), 12);
	CHECK_INT(SSL_get_finished(d.client, theirs, sizeof(theirs)), 12);
	CHECK(memcmp(ours, theirs, 12) == 0);
	duo_close(&d);
	duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_2_VERSION));
	SSL_set_options(d.client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	shake_hands(&d);
	CHECK_INT(binding(&d, TLS_CB_UNIQUE, ours), 0); /* it would bind nothing */
	CHECK(binding(&d, TLS_CB_SERVER_END_POINT, ours) > 0);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

TEST(tls_server_end_point_is_the_certificates_hash)
{
	struct tls_ctx *ctx = pair_ctx(NULL);

	EACH_VERSION(v)
	{
		unsigned char ours[TLS_CB_MAX], theirs[EVP_MAX_MD_SIZE];
		struct duo d;
		X509 *x;
		unsigned n;

		duo_open(&d, ctx, client_new(*v, *v));
		shake_hands(&d);
		CHECK_INT(binding(&d, TLS_CB_SERVER_END_POINT, ours), 32);
		x = SSL_get1_peer_certificate(d.client);
		CHECK_INT(X509_digest(x, EVP_sha256(), theirs, &n), 1);
		X509_free(x);
		CHECK(n == 32 && memcmp(ours, theirs, 32) == 0);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}
