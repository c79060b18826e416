/* Handshakes of our own that show a certificate, with OpenSSL's client at the other end, who checks
 * it. Tickets, and what can be wrong with the client's flight: tls_resume_test.c. */
#include "ca.h"
#include "duo.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>

enum { DATA = 23 }; /* a record that is sealed */

/* --- certificates --- */

static struct made root; /* of all that follow */

static void write_chain(const char *path, const struct made *m, const struct made *above)
{
	FILE *f = fopen(path, "w");

	CHECK(f != NULL);
	PEM_write_X509(f, m->x);
	if (above)
		PEM_write_X509(f, above->x);
	PEM_write_PrivateKey(f, m->key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
}

/* A file with a certificate of the root's, by way of another authority where `deep`. */
static const char *issue(const char *file, EVP_PKEY *key, bool deep, const char *usage)
{
	const char *ext[] = { "subjectAltName", "DNS:localhost",
			      usage ? "keyUsage" : NULL, usage, NULL };
	const char *path = pair_file(file);
	struct made between = { 0 }, m;

	if (root.x == NULL)
		root = ca_authority("the root", NULL);
	if (deep)
		between = ca_authority("between", &root);
	m = ca_make(&(struct spec){ .name = "localhost",
				    .issuer = deep ? &between : &root,
				    .ext = ext,
				    .key = key });
	write_chain(path, &m, deep ? &between : NULL);
	made_free(&m);
	made_free(&between);
	return path;
}

static struct tls_ctx *ctx_with(const char *file)
{
	struct tls_conf conf = { .certfile = file };

	return pair_ctx(&conf);
}

/* A client that takes what the root has signed, and nothing else. */
static SSL *client_of(const char *suite)
{
	SSL *s = client_new(TLS1_2_VERSION, TLS1_3_VERSION);
	X509_STORE *store = X509_STORE_new();

	X509_STORE_add_cert(store, root.x);
	SSL_set0_verify_cert_store(s, store);
	SSL_set_verify(s, SSL_VERIFY_PEER, NULL);
	CHECK_INT(SSL_set1_host(s, "localhost"), 1);
	if (suite)
		CHECK_INT(SSL_set_ciphersuites(s, suite), 1);
	return s;
}

/* --- whose handshake it is --- */

/* Ours has all that is sealed in one record, OpenSSL's has a record for each message. */
static size_t count_sealed(struct strv flight)
{
	size_t n = 0;

	while (flight.n >= 5) {
		const unsigned char *p = (const unsigned char *)flight.p;
		size_t len = 5 + ((size_t)p[3] << 8 | p[4]);

		CHECK(len <= flight.n);
		n += p[0] == DATA;
		flight = strv_from_pos(flight, len);
	}
	CHECK_INT(flight.n, 0);
	return n;
}

static int feed(struct duo *d, const char *bytes, size_t n)
{
	d->r = tls_feed(d->t, strv_make(bytes, n), &d->plain, &d->wire);
	return d->r;
}

/* The client's first flight, and what comes of it. */
static bool begin_is_ours(struct duo *d)
{
	char hello[8192];
	int n;
	bool ours;

	SSL_do_handshake(d->client);
	n = BIO_read(d->from_client, hello, sizeof(hello));
	CHECK(n > 0);
	ours = feed(d, hello, (size_t)n) == 0 && count_sealed(buf_strv(&d->wire)) == 1;
	BIO_write(d->to_client, d->wire.p, (int)d->wire.n);
	buf_clear(&d->wire);
	return ours;
}

static void check_bindings(struct duo *d)
{
	unsigned char theirs[EVP_MAX_MD_SIZE], ours[TLS_CB_MAX];
	X509 *x = SSL_get1_peer_certificate(d->client);
	unsigned n_hash;
	size_t n;

	check_exporter(d);
	CHECK_INT(X509_digest(x, EVP_sha256(), theirs, &n_hash), 1);
	CHECK_INT(tls_channel_binding(d->t, TLS_CB_SERVER_END_POINT, ours, &n), 0);
	CHECK(n == n_hash && memcmp(ours, theirs, n) == 0);
	CHECK_INT(tls_channel_binding(d->t, TLS_CB_UNIQUE, ours, &n), -ENOTSUP);
	X509_free(x);
}

static void check_is_up(struct duo *d, const char *suite)
{
	shake_hands(d);
	CHECK(tls_has_own_records(d->t) && !tls_is_resumed(d->t));
	CHECK_STR(strv_from(tls_version(d->t)), "TLSv1.3");
	CHECK_STR(strv_from(tls_cipher(d->t)), suite);
	CHECK_STR(strv_from(SSL_get_cipher_name(d->client)), suite);
	CHECK(!tls_peer_verified(d->t) && tls_peer_error(d->t) == NULL);
	CHECK_INT(SSL_get_verify_result(d->client), X509_V_OK);
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
		const char *file =
			issue("kind.pem", make_key(&kinds[i]), kinds[i].deep, NULL);
		struct tls_ctx *ctx = ctx_with(file);

		for (size_t k = 0; k < ARRAY_LEN(suites); k++) {
			duo_open(&d, ctx, client_of(suites[k]));
			CHECK(begin_is_ours(&d));
			check_is_up(&d, suites[k]);
			check_bindings(&d);
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
	struct tls_ctx *ctx = ctx_with(issue("p.pem", EVP_EC_gen("P-256"), true, NULL));
	struct duo d;

	for (size_t piece = 1; piece < 80; piece++) {
		duo_open(&d, ctx, client_of(NULL));
		if (piece % 2)
			SSL_clear_options(d.client, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
		shake_hands_by(&d, piece);
		check_is_up(&d, suites[0]);
		check_data(&d);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

static void *shake_many(void *arg)
{
	struct duo d;

	for (int i = 0; i < 20; i++) {
		duo_open(&d, arg, client_of(suites[(size_t)i % ARRAY_LEN(suites)]));
		shake_hands(&d);
		check_data(&d);
		duo_close(&d);
	}
	return NULL;
}

TEST(tls_handshake_in_several_threads)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds) - 2; i++) {
		const char *file =
			issue("m.pem", make_key(&kinds[i]), kinds[i].deep, NULL);
		struct tls_ctx *ctx = ctx_with(file);
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

		conf.certfile = issue("s.pem", EVP_EC_gen("P-256"), false, NULL);
		ctx = pair_ctx(&conf);
		duo_open(&d, ctx, client_of(cases[i].client));
		CHECK(begin_is_ours(&d));
		check_is_up(&d, cases[i].chosen);
		duo_close(&d);
		tls_ctx_unref(&ctx);
	}
}

TEST(tls_handshake_speaks_of_names_and_protocols)
{
	static const unsigned char both[] = "\4http\x0bxmpp-client", other[] = "\4http";
	struct tls_ctx *ctx = ctx_with(issue("n.pem", EVP_EC_gen("P-256"), false, NULL));
	const unsigned char *got;
	struct duo d;
	unsigned n;

	duo_open(&d, ctx, client_of(NULL));
	SSL_set_tlsext_host_name(d.client, "chat.example");
	SSL_set_alpn_protos(d.client, both, sizeof(both) - 1);
	CHECK(begin_is_ours(&d));
	check_is_up(&d, suites[0]);
	CHECK_STR(strv_from(tls_sni(d.t)), "chat.example");
	SSL_get0_alpn_selected(d.client, &got, &n);
	CHECK(n == 11 && memcmp(got, "xmpp-client", 11) == 0);
	duo_close(&d);
	duo_open(&d, ctx, client_of(NULL));
	SSL_set_alpn_protos(d.client, other, sizeof(other) - 1);
	CHECK(begin_is_ours(&d));
	check_is_up(&d, suites[0]);
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

	conf.certfile = issue("t.pem", EVP_EC_gen("P-256"), false, NULL);
	for (int i = 0; i < 2; i++) {
		struct tls_ctx *ctx = pair_ctx(&conf);
		char b[8];

		duo_open(&d, ctx, client_of(NULL));
		if (session)
			CHECK_INT(SSL_set_session(d.client, session), 1);
		CHECK(begin_is_ours(&d));
		check_is_up(&d, suites[0]);
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

/* --- what is left to OpenSSL --- */

static void only_p256(SSL *client)
{
	CHECK_INT(SSL_set1_groups_list(client, "P-256"), 1);
}

/* The share comes with a second ClientHello. */
static void x25519_second(SSL *client)
{
	CHECK_INT(SSL_set1_groups_list(client, "P-521:X25519"), 1);
}

static void only_12(SSL *client)
{
	SSL_set_max_proto_version(client, TLS1_2_VERSION);
}

static void small_records(SSL *client)
{
	CHECK_INT(SSL_set_tlsext_max_fragment_length(client,
						     TLSEXT_max_fragment_length_512),
		  1);
}

TEST(tls_handshake_leaves_some_clients_to_openssl)
{
	static void (*const cases[])(SSL * client) = { only_p256, x25519_second, only_12,
						       small_records };
	struct tls_ctx *ctx = ctx_with(issue("l.pem", EVP_EC_gen("P-256"), true, NULL));
	struct duo d;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		duo_open(&d, ctx, client_of(NULL));
		cases[i](d.client);
		CHECK(!begin_is_ours(&d));
		shake_hands(&d);
		check_data(&d);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

/* A client that takes no signature of this key hears so from OpenSSL. */
TEST(tls_handshake_without_a_signature_that_both_know)
{
	struct tls_ctx *ctx = ctx_with(issue("g.pem", EVP_EC_gen("P-256"), true, NULL));
	struct duo d;

	duo_open(&d, ctx, client_of(NULL));
	CHECK_INT(SSL_set1_sigalgs_list(d.client, "rsa_pss_rsae_sha256"), 1);
	SSL_set_min_proto_version(d.client, TLS1_3_VERSION);
	CHECK(!begin_is_ours(&d));
	CHECK_INT(d.r, -EPROTO);
	CHECK(strstr(tls_error(d.t), "signature") != NULL);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

static void check_context(struct tls_conf conf, bool ours)
{
	struct tls_ctx *ctx = pair_ctx(&conf);
	struct duo d;

	duo_open(&d, ctx, client_of(NULL));
	CHECK_INT(begin_is_ours(&d), ours);
	shake_hands(&d);
	check_data(&d);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

TEST(tls_handshake_leaves_some_contexts_to_openssl)
{
	const char *usual = issue("u.pem", EVP_EC_gen("P-256"), false, NULL);
	const char *other = issue("o.pem", EVP_EC_gen("P-256"), false, NULL);
	const struct strv sni = strv_from(other);
	static const int64_t chacha[] = { TLS_OPTION_PRIORITIZE_CHACHA };

	check_context((struct tls_conf){ .certfile = usual }, true);
	check_context((struct tls_conf){ .certfile = issue("d.pem", EVP_EC_gen("P-256"),
							   false, "digitalSignature") },
		      true);
	/* Keys and certificates of other kinds. */
	check_context((struct tls_conf){ .certfile = issue("4.pem", EVP_EC_gen("P-384"),
							   false, NULL) },
		      false);
	check_context((struct tls_conf){ .certfile = issue("e.pem",
							   EVP_PKEY_Q_keygen(NULL, NULL,
									     "ED25519"),
							   false, NULL) },
		      false);
	/* Options. */
	check_context((struct tls_conf){ .certfile = usual, .openssl_records = true },
		      false);
	check_context((struct tls_conf){ .certfile = usual,
					 .sni_certfiles = &sni,
					 .n_sni_certfiles = 1 },
		      false);
	check_context((struct tls_conf){ .certfile = usual, .verify = TLS_VERIFY_PEER },
		      false);
	check_context((struct tls_conf){ .certfile = usual, .keylog = pair_file("keys") },
		      false);
	check_context((struct tls_conf){ .certfile = usual,
					 .options = chacha,
					 .n_options = 1 },
		      false);
}

/* What stands before a suite that is not ours is; nothing does here. */
TEST(tls_handshake_leaves_the_servers_order_alone)
{
	const char *usual = issue("u.pem", EVP_EC_gen("P-256"), false, NULL);

	check_context((struct tls_conf){ .certfile = usual,
					 .ciphers = "TLS_AES_128_CCM_SHA256:"
						    "TLS_AES_128_GCM_SHA256" },
		      false);
	check_context((struct tls_conf){ .certfile = usual,
					 .ciphers = "TLS_AES_128_GCM_SHA256:"
						    "TLS_AES_128_CCM_SHA256" },
		      true);
}

/* A leaf with so much in it, and an authority behind it. */
static bool is_ours_with(size_t n_comment)
{
	char comment[8192];
	const char *ext[] = { "subjectAltName", "DNS:localhost", "nsComment", comment,
			      NULL };
	const char *path = pair_file("long.pem");
	struct made between = ca_authority("between", &root), m;
	struct tls_ctx *ctx;
	struct duo d;
	bool ours;

	memset(comment, 'x', n_comment);
	comment[n_comment] = '\0';
	m = ca_make(
		&(struct spec){ .name = "localhost", .issuer = &between, .ext = ext });
	write_chain(path, &m, &between);
	ctx = ctx_with(path);
	duo_open(&d, ctx, client_of(NULL));
	ours = begin_is_ours(&d);
	shake_hands(&d);
	duo_close(&d);
	tls_ctx_unref(&ctx);
	made_free(&m);
	made_free(&between);
	return ours;
}

/* To the byte: where the leaf alone fills what there is, the chain does not fit any more. */
TEST(tls_handshake_bounds_the_chain)
{
	issue("r.pem", EVP_EC_gen("P-256"), false, NULL); /* makes the root */
	CHECK(is_ours_with(6000));
	for (size_t n = 7700; n < 7900; n++)
		CHECK(!is_ours_with(n));
}

/* --- a ClientHello that was changed on its way --- */

/* Whatever the server makes of it, the client does not go on: its own is in what the server signs. */
TEST(tls_handshake_binds_the_hello)
{
	struct tls_ctx *ctx = ctx_with(issue("b.pem", EVP_EC_gen("P-256"), false, NULL));
	size_t n_ours = 0;

	for (size_t at = 0, n = 1; at < n; at++) {
		char hello[4096];
		struct duo d;
		int r;

		duo_open(&d, ctx, client_of(NULL));
		SSL_do_handshake(d.client);
		r = BIO_read(d.from_client, hello, sizeof(hello));
		CHECK(r > 0);
		n = (size_t)r;
		hello[at] ^= 0x11;
		n_ours += feed(&d, hello, n) == 0 && d.wire.n &&
			  count_sealed(buf_strv(&d.wire)) == 1;
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
	struct tls_ctx *ctx = ctx_with(issue("z.pem", EVP_EC_gen("P-256"), false, NULL));
	char hello[4096], *share;
	struct duo d;
	int n;

	duo_open(&d, ctx, client_of(NULL));
	SSL_do_handshake(d.client);
	n = BIO_read(d.from_client, hello, sizeof(hello));
	share = memmem(hello, (size_t)n, "\0\x1d\0\x20", 4);
	CHECK(share != NULL);
	memset(share + 4, 0, 32);
	CHECK_INT(feed(&d, hello, (size_t)n), -EPROTO);
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
	struct tls_ctx *ctx = ctx_with(issue("w.pem", EVP_EC_gen("P-256"), false, NULL));

	for (size_t at = 0, n = 1; at < n; at++) {
		struct duo d;
		char hello[4096];
		bool ignored;
		int r;

		duo_open(&d, ctx, client_of(NULL));
		SSL_do_handshake(d.client);
		r = BIO_read(d.from_client, hello, sizeof(hello));
		CHECK_INT(feed(&d, hello, (size_t)r), 0);
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
	struct tls_ctx *ctx = ctx_with(issue("f.pem", EVP_EC_gen("P-256"), false, NULL));

	for (size_t at = 0, n = 1; at < n; at++) {
		char flight[512];
		struct duo d;
		int r;

		duo_open(&d, ctx, client_of(NULL));
		CHECK(begin_is_ours(&d));
		CHECK_INT(SSL_do_handshake(d.client), 1);
		r = BIO_read(d.from_client, flight, sizeof(flight));
		CHECK(r > 6 && !tls_is_up(d.t));
		n = (size_t)r;
		flight[at] ^= 0x01;
		(void)!feed(&d, flight, n);
		CHECK(tls_is_up(d.t) == (at == 1 || at == 2)); /* of a record in clear */
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}
