/* Handshakes that a ticket begins, with OpenSSL's client at the other end; and with one that has its
 * keys, and says what it should not. */
#include "duo.h"
#include "forge.h"
#include "base/clock.h"

#include <openssl/err.h>

static const struct suite {
	const char *name;
	enum tls_aead aead;
	enum digest_alg hash;
} suites[] = {
	{ "TLS_AES_128_GCM_SHA256", TLS_AES_128_GCM, DIGEST_SHA256 },
	{ "TLS_AES_256_GCM_SHA384", TLS_AES_256_GCM, DIGEST_SHA384 },
	{ "TLS_CHACHA20_POLY1305_SHA256", TLS_CHACHA20_POLY1305, DIGEST_SHA256 },
};

static struct tls_ctx *ticket_ctx(void)
{
	struct tls_conf conf = { .tickets = true, .must_verify = true };

	/* Nobody is asked for a certificate: it does not matter what would become of one. */
	return pair_ctx(&conf);
}

/* --- a client that comes back --- */

static unsigned char handshake_secret[DIGEST_MAX_LEN]; /* the client's */

static void on_key(const SSL *ssl, const char *line)
{
	static const char label[] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET ";
	const char *hex;

	if (strncmp(line, label, sizeof(label) - 1) != 0)
		return;
	hex = strrchr(line, ' ') + 1;
	for (size_t i = 0; hex[2 * i] && i < DIGEST_MAX_LEN; i++)
		sscanf(hex + 2 * i, "%2hhx", &handshake_secret[i]);
}

static SSL *client_of(const char *suite)
{
	SSL *s = client_new(TLS1_3_VERSION, TLS1_3_VERSION);

	if (suite)
		CHECK_INT(SSL_set_ciphersuites(s, suite), 1);
	SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(s), on_key);
	return s;
}

/* The client has read the ticket. */
static SSL_SESSION *end_with_ticket(struct duo *d)
{
	SSL_SESSION *s;
	char b[8];

	carry(d, 65536);
	CHECK_INT(SSL_read(d->client, b, sizeof(b)), -1);
	s = SSL_get1_session(d->client);
	CHECK(SSL_SESSION_has_ticket(s));
	SSL_set_shutdown(d->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	return s;
}

static SSL_SESSION *first_session(struct tls_ctx *ctx, const char *suite)
{
	struct duo d;
	SSL_SESSION *s;

	duo_open(&d, ctx, client_of(suite));
	shake_hands(&d);
	CHECK(!tls_is_resumed(d.t));
	s = end_with_ticket(&d);
	duo_close(&d);
	return s;
}

/* A client with the ticket of another connection. */
static void come_back(struct duo *d, struct tls_ctx *ctx, const char *suite)
{
	SSL_SESSION *s = first_session(ctx, suite);

	duo_open(d, ctx, client_of(suite));
	CHECK_INT(SSL_set_session(d->client, s), 1);
	SSL_SESSION_free(s);
}

/* --- it is the handshake that OpenSSL expects --- */

static void check_is_resumed(struct duo *d, const struct suite *suite)
{
	CHECK(tls_is_up(d->t) && tls_is_resumed(d->t) && tls_has_own_records(d->t));
	CHECK_INT(SSL_session_reused(d->client), 1);
	CHECK_STR(strv_from(tls_version(d->t)), "TLSv1.3");
	CHECK_STR(strv_from(tls_cipher(d->t)), suite->name);
	CHECK(!tls_peer_verified(d->t) && tls_peer_error(d->t) == NULL);
}

TEST(tls_resume_with_each_suite)
{
	struct tls_ctx *ctx = ticket_ctx();
	struct duo d;

	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		come_back(&d, ctx, suites[i].name);
		shake_hands(&d);
		check_is_resumed(&d, &suites[i]);
		check_exporter(&d);
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

/* With or without the disguise of RFC 8446 D.4. */
TEST(tls_resume_in_pieces_of_any_size)
{
	struct tls_ctx *ctx = ticket_ctx();
	struct duo d;

	for (size_t piece = 1; piece < 80; piece++) {
		come_back(&d, ctx, suites[0].name);
		if (piece % 2)
			SSL_clear_options(d.client, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
		shake_hands_by(&d, piece);
		CHECK(tls_is_up(d.t));
		check_is_resumed(&d, &suites[0]);
		check_data(&d);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

/* ... and so does a handshake that is OpenSSL's after all. */
TEST(tls_resume_leaves_to_openssl_what_it_does_not_know)
{
	struct tls_ctx *ctx = ticket_ctx();
	struct duo d;

	for (size_t piece = 1; piece < 600; piece += piece / 2 + 1) {
		duo_open(&d, ctx, client_new(TLS1_2_VERSION, TLS1_3_VERSION));
		shake_hands_by(&d, piece);
		CHECK(tls_is_up(d.t) && !tls_is_resumed(d.t));
		check_data(&d);
		duo_close(&d);
	}
	come_back(&d, ctx, suites[0].name); /* another group: a certificate again */
	CHECK_INT(SSL_set1_groups_list(d.client, "P-256"), 1);
	shake_hands(&d);
	CHECK(!tls_is_resumed(d.t) && !SSL_session_reused(d.client));
	carry(&d, 65536);
	duo_close(&d);
	come_back(&d, ctx, suites[0].name); /* OpenSSL shortens records */
	CHECK_INT(SSL_set_tlsext_max_fragment_length(d.client,
						     TLSEXT_max_fragment_length_512),
		  1);
	shake_hands(&d);
	CHECK(!tls_is_resumed(d.t) && !tls_has_own_records(d.t));
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

TEST(tls_resume_speaks_of_names_and_protocols)
{
	static const unsigned char ours[] = "\4http\x0bxmpp-client", other[] = "\4http";
	struct tls_ctx *ctx = ticket_ctx();
	const unsigned char *got;
	struct duo d;
	unsigned n;

	come_back(&d, ctx, suites[0].name);
	SSL_set_tlsext_host_name(d.client, "chat.example");
	SSL_set_alpn_protos(d.client, ours, sizeof(ours) - 1);
	shake_hands(&d);
	check_is_resumed(&d, &suites[0]);
	CHECK_STR(strv_from(tls_sni(d.t)), "chat.example");
	SSL_get0_alpn_selected(d.client, &got, &n);
	CHECK(n == 11 && memcmp(got, "xmpp-client", 11) == 0);
	tls_forget_login(d.t);
	CHECK(tls_sni(d.t) == NULL);
	duo_close(&d);
	come_back(&d, ctx, suites[0].name);
	SSL_set_alpn_protos(d.client, other, sizeof(other) - 1);
	shake_hands(&d);
	check_is_resumed(&d, &suites[0]);
	CHECK(tls_sni(d.t) == NULL);
	SSL_get0_alpn_selected(d.client, &got, &n);
	CHECK_INT(n, 0);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

/* RFC 8446 4.6.1: each connection gets a new ticket, but not for ever. */
TEST(tls_resume_ends_with_a_certificate_some_day)
{
	struct tls_ctx *ctx = ticket_ctx();
	msec_t step = (msec_t)TLS_TICKET_LIFE_S * 1000 - 1;
	SSL_SESSION *s;
	int n = 0;

	clock_fake_set(5000, 0);
	s = first_session(ctx, NULL);
	for (bool resumed = true; resumed; n++) {
		struct duo d;

		CHECK(n <= TLS_TICKET_CHAIN_S / TLS_TICKET_LIFE_S);
		clock_fake_advance(step);
		duo_open(&d, ctx, client_of(NULL));
		CHECK_INT(SSL_set_session(d.client, s), 1);
		shake_hands(&d);
		resumed = tls_is_resumed(d.t);
		SSL_SESSION_free(s);
		s = end_with_ticket(&d);
		duo_close(&d);
	}
	CHECK_INT(n, TLS_TICKET_CHAIN_S / TLS_TICKET_LIFE_S + 1);
	clock_fake_off();
	SSL_SESSION_free(s);
	tls_ctx_unref(&ctx);
}

/* --- a ClientHello that was changed --- */

static size_t hello_of(struct duo *d, char *to, size_t max)
{
	int n;

	SSL_do_handshake(d->client);
	n = BIO_read(d->from_client, to, (int)max);
	CHECK(n > 0 && (size_t)n < max);
	return (size_t)n;
}

/* With any byte changed, there is no server's flight of a resumption: the binder binds it all. */
TEST(tls_resume_refuses_a_hello_with_any_byte_changed)
{
	struct tls_ctx *ctx = ticket_ctx();
	char hello[4096];
	static const char alert[] = "\x15\3\3\0\2\2\x33"; /* decrypt_error */
	static const char accepts[] = "\0\x29\0\2\0";	  /* pre_shared_key, the first */
	size_t n, n_refused = 0;
	struct duo d;

	come_back(&d, ctx, suites[0].name);
	n = hello_of(&d, hello, sizeof(hello));
	for (size_t at = 0; at < n; at++) {
		struct tls *t = tls_new(ctx);
		int r;

		buf_clear(&d.wire);
		hello[at] ^= 0x11;
		r = tls_feed(t, strv_make(hello, n), &d.plain, &d.wire);
		hello[at] ^= 0x11;
		CHECK(!tls_is_up(t));
		if (strv_starts(buf_strv(&d.wire), strv_make(alert, 7))) {
			CHECK_INT(r, -EPROTO);
			CHECK(tls_error(t)[0] != '\0');
			n_refused++;
		}
		/* The version of the record is ignored (RFC 8446 5.1). */
		CHECK((memmem(buf_strv(&d.wire).p, d.wire.n, accepts, 6) != NULL) ==
		      (at == 2));
		tls_free(&t);
	}
	CHECK(n_refused > 32 + 32); /* the random number and the binder at the least */
	buf_clear(&d.wire);
	CHECK_INT(tls_feed(d.t, strv_make(hello, n), &d.plain, &d.wire), 0);
	CHECK(memmem(d.wire.p, d.wire.n, accepts, 6) != NULL);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

/* The binder of a ClientHello that was changed, by somebody who has the ticket's key. */
static void bind_anew(struct duo *d, char *hello, size_t n)
{
	enum { BINDER = 32 };
	const enum digest_alg sha = DIGEST_SHA256;
	unsigned char psk[48], early[32], nothing[32], binder[32], hash[32];
	struct digest_key key;
	size_t n_psk =
		SSL_SESSION_get_master_key(SSL_get0_session(d->client), psk, sizeof(psk));

	CHECK_INT(n_psk, 32);
	tls_next_secret(sha, NULL, strv_make((char *)psk, n_psk), early);
	digest(sha, STRV(""), nothing);
	tls_secret_key(&key, sha, early);
	tls_derive_secret(&key, STRV("res binder"), nothing, binder);
	digest(sha, strv_make(hello + 5, n - 5 - 2 - 1 - BINDER), hash);
	tls_secret_key(&key, sha, binder);
	tls_verify_data(&key, hash, (unsigned char *)hello + n - BINDER);
}

/* RFC 7748 6.1. */
TEST(tls_resume_refuses_a_share_that_gives_nothing)
{
	struct tls_ctx *ctx = ticket_ctx();
	char hello[4096], before[32], *share;
	struct duo d;
	size_t n;

	come_back(&d, ctx, suites[0].name);
	n = hello_of(&d, hello, sizeof(hello));
	memcpy(before, hello + n - 32, 32);
	bind_anew(&d, hello, n);
	CHECK(memcmp(before, hello + n - 32, 32) == 0);
	share = memmem(hello, n, "\0\x1d\0\x20", 4);
	CHECK(share != NULL);
	memset(share + 4, 0, 32);
	bind_anew(&d, hello, n);
	CHECK_INT(tls_feed(d.t, strv_make(hello, n), &d.plain, &d.wire), -EPROTO);
	CHECK(strv_eq(buf_strv(&d.wire), STRV("\x15\3\3\0\2\2\x2f")));
	CHECK_STR(strv_from(tls_error(d.t)), "a key share that is none");
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

/* --- a client's flight --- */

/* The server waits for Finished, and `f` has the client's keys. Returns what the client would send:
 * change_cipher_spec, and Finished. */
static struct strv get_flight(struct duo *d, struct tls_ctx *ctx,
			      const struct suite *suite, struct forge *f, char *to,
			      size_t max)
{
	struct tls_start start = { .v13 = true,
				   .aead = suite->aead,
				   .hash = suite->hash };
	struct forge server;
	int n;

	come_back(d, ctx, suite->name);
	SSL_do_handshake(d->client);
	carry(d, 65536);
	CHECK_INT(SSL_do_handshake(d->client), 1);
	memcpy(start.in.secret, handshake_secret, sizeof(handshake_secret));
	forge_init(f, &server, &start);
	n = BIO_read(d->from_client, to, (int)max);
	CHECK(n > 6 && (size_t)n < max && to[0] == 20);
	CHECK(d->r == 0 && !tls_is_up(d->t));
	return strv_make(to, (size_t)n);
}

/* What a case does to the server: returns what tls_feed() has. */
static int feed(struct duo *d, struct strv s)
{
	return tls_feed(d->t, s, &d->plain, &d->wire);
}

static void check_refused(struct duo *d, int r, const char *why)
{
	CHECK_INT(r, -EPROTO);
	CHECK(strstr(tls_error(d->t), why) != NULL);
	CHECK(!tls_is_up(d->t) && d->plain.n == 0);
	CHECK_INT(feed(d, STRV("\x14\3\3\0\1\1")), -EPROTO); /* and it stays so */
}

/* Finished as it has to be: opened with the client's keys. */
static struct strv open_finished(const struct forge *f, struct strv flight,
				 struct buf *to)
{
	struct forge reader = *f;
	struct strv sealed = strv_from_pos(flight, 6);

	CHECK_INT(forge_open(&reader, &sealed, to), 22);
	CHECK_INT(sealed.n, 0);
	return buf_strv(to);
}

TEST(tls_resume_refuses_a_flight_with_any_byte_changed)
{
	struct tls_ctx *ctx = ticket_ctx();

	for (size_t at = 0, n = 1; at < n; at++) {
		char bytes[512];
		struct forge f;
		struct duo d;
		struct strv flight =
			get_flight(&d, ctx, &suites[0], &f, bytes, sizeof(bytes));

		n = flight.n;
		bytes[at] ^= 0x01;
		(void)!feed(&d, flight);
		/* The versions of records in clear are ignored (RFC 8446 5.1). */
		CHECK(tls_is_up(d.t) == (at == 1 || at == 2));
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

struct flight {
	struct tls_ctx *ctx;
	struct duo d;
	struct forge f;
	char bytes[512];
	struct strv all, finished;
	struct buf text, sent;
};

static void flight_open(struct flight *t, const struct suite *suite)
{
	*t = (struct flight){ .ctx = ticket_ctx() };
	t->text = t->sent = BUF_INIT(1 << 20);
	t->all = get_flight(&t->d, t->ctx, suite, &t->f, t->bytes, sizeof(t->bytes));
	t->finished = open_finished(&t->f, t->all, &t->text);
}

static void flight_close(struct flight *t)
{
	duo_close(&t->d);
	buf_free(&t->text);
	buf_free(&t->sent);
	tls_ctx_unref(&t->ctx);
}

TEST(tls_resume_takes_finished_in_pieces_and_padded)
{
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct flight t;

		flight_open(&t, &suites[i]);
		for (size_t at = 0; at < t.finished.n; at++)
			forge_put(&t.f, 23, 22, strv_make(t.finished.p + at, 1), 100,
				  &t.sent);
		CHECK_INT(feed(&t.d, buf_strv(&t.sent)), 0);
		CHECK(tls_is_up(t.d.t) && tls_is_resumed(t.d.t));
		BIO_write(t.d.to_client, t.d.wire.p, (int)t.d.wire.n);
		buf_clear(&t.d.wire);
		check_data(&t.d);
		flight_close(&t);
	}
}

TEST(tls_resume_refuses_what_is_not_finished)
{
	static const struct {
		unsigned char outer, type;
		struct strv content;
		size_t pad;
		const char *why;
	} cases[] = {
		{ 23, 23, STRV("early"), 0, "no place" },
		{ 23, 20, STRV("\1"), 0, "no place" },
		{ 23, 22, STRV(""), 0, "no place" },
		{ 23, 22, STRV("\x0b\0\0\4"), 0, "no place" },	 /* Certificate */
		{ 23, 22, STRV("\x18\0\0\1\0"), 0, "no place" }, /* KeyUpdate */
		{ 23, 0, STRV(""), 9, "without a type" },
		{ 23, 21, STRV("\2"), 0, "not one alert" },
		{ 23, 21, STRV("\2\x28"), 0, "handshake failure" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct flight t;

		flight_open(&t, &suites[0]);
		forge_put(&t.f, cases[i].outer, cases[i].type, cases[i].content,
			  cases[i].pad, &t.sent);
		check_refused(&t.d, feed(&t.d, buf_strv(&t.sent)), cases[i].why);
		flight_close(&t);
	}
}

TEST(tls_resume_refuses_a_wrong_finished)
{
	struct flight t;
	char b[8];

	for (size_t at = 0; at < 36; at++) {
		flight_open(&t, &suites[0]);
		((char *)t.finished.p)[at] ^= 0x80;
		forge_seal(&t.f, 22, t.finished, &t.sent);
		check_refused(&t.d, feed(&t.d, buf_strv(&t.sent)),
			      at < 4 ? "no place" : "does not fit");
		/* The alert comes under the keys that come behind the handshake. */
		BIO_write(t.d.to_client, t.d.wire.p, (int)t.d.wire.n);
		CHECK(SSL_read(t.d.client, b, sizeof(b)) <= 0);
		CHECK_INT(ERR_GET_REASON(ERR_peek_error()),
			  SSL_AD_REASON_OFFSET + (at < 4 ? SSL_AD_UNEXPECTED_MESSAGE
							 : SSL_AD_DECRYPT_ERROR));
		flight_close(&t);
	}
}

TEST(tls_resume_refuses_what_stands_around_finished)
{
	struct flight t;

	flight_open(&t, &suites[0]); /* something behind it in its record */
	buf_put(&t.text, STRV("\x18"));
	forge_seal(&t.f, 22, buf_strv(&t.text), &t.sent);
	check_refused(&t.d, feed(&t.d, buf_strv(&t.sent)), "no place");
	flight_close(&t);

	flight_open(&t, &suites[0]); /* an alert in the midst of it */
	forge_seal(&t.f, 22, strv_make(t.finished.p, 5), &t.sent);
	forge_seal(&t.f, 21, STRV("\1\x5a"), &t.sent);
	check_refused(&t.d, feed(&t.d, buf_strv(&t.sent)), "in the midst");
	flight_close(&t);

	flight_open(&t, &suites[0]); /* data behind it, under its keys */
	forge_seal(&t.f, 22, t.finished, &t.sent);
	forge_seal(&t.f, 23, STRV("data"), &t.sent);
	CHECK_INT(feed(&t.d, buf_strv(&t.sent)), -EPROTO);
	CHECK_INT(t.d.plain.n, 0);
	flight_close(&t);
}

TEST(tls_resume_drops_change_cipher_spec_and_not_for_ever)
{
	static const struct strv ccs = STRV("\x14\3\3\0\1\1");
	struct flight t;

	flight_open(&t, &suites[0]);
	for (int i = 0; i < TLS_MAX_EMPTY; i++)
		CHECK_INT(feed(&t.d, ccs), 0);
	CHECK_INT(feed(&t.d, strv_from_pos(t.all, 6)), 0);
	CHECK(tls_is_up(t.d.t));
	CHECK_INT(feed(&t.d, ccs), -EPROTO); /* not behind Finished */
	flight_close(&t);

	flight_open(&t, &suites[0]);
	for (int i = 0; i < TLS_MAX_EMPTY; i++)
		CHECK_INT(feed(&t.d, ccs), 0);
	check_refused(&t.d, feed(&t.d, ccs), "too many");
	flight_close(&t);
}

TEST(tls_resume_refuses_records_in_clear)
{
	static const struct {
		struct strv record;
		const char *why;
	} cases[] = {
		{ STRV("\x14\3\3\0\1\2"), "no place" },
		{ STRV("\x14\3\3\0\2\1\1"), "no place" },
		{ STRV("\x16\3\3\0\4\x14\0\0\x20"), "no place" },
		{ STRV("\x99\3\3\0\1\1"), "no place" },
		{ STRV("\x15\3\3\0\2\2\x32"), "decode error" },
		{ STRV("\x17\3\3\0\1\1"), "of no use" },
		{ STRV("\x17\3\3\x41\1"), "too long" },
		{ STRV("\x14\3\3\x40\1"), "too long" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct flight t;

		flight_open(&t, &suites[0]);
		check_refused(&t.d, feed(&t.d, cases[i].record), cases[i].why);
		flight_close(&t);
	}
}

TEST(tls_resume_hears_goodbye_before_it_is_over)
{
	struct flight t;

	flight_open(&t, &suites[0]);
	forge_seal(&t.f, 21, STRV("\1\0"), &t.sent);
	CHECK_INT(feed(&t.d, buf_strv(&t.sent)), -EPIPE);
	CHECK(!tls_is_up(t.d.t));
	CHECK_INT(feed(&t.d, STRV("x")),
		  -EPIPE); /* RFC 8446 6.1: all behind it is ignored */
	flight_close(&t);
}
