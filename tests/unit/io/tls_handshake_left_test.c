/* What is no handshake of our own: clients, contexts and certificates that OpenSSL's handshakes are for,
 * and what it would do another way. */
#include "shown.h"

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
	struct tls_ctx *ctx = shown_ctx(shown_issue("l.pem", .deep = true));
	struct duo d;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		duo_open(&d, ctx, shown_client(NULL));
		cases[i](d.client);
		CHECK(!shown_begin(&d));
		shake_hands(&d);
		check_data(&d);
		duo_close(&d);
	}
	tls_ctx_unref(&ctx);
}

/* A client that takes no signature of this key hears so from OpenSSL. */
TEST(tls_handshake_without_a_signature_that_both_know)
{
	struct tls_ctx *ctx = shown_ctx(shown_issue("g.pem", .deep = true));
	struct duo d;

	duo_open(&d, ctx, shown_client(NULL));
	CHECK_INT(SSL_set1_sigalgs_list(d.client, "rsa_pss_rsae_sha256"), 1);
	SSL_set_min_proto_version(d.client, TLS1_3_VERSION);
	CHECK(!shown_begin(&d));
	CHECK_INT(d.r, -EPROTO);
	CHECK(strstr(tls_error(d.t), "signature") != NULL);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

static void check_context(struct tls_conf conf, bool ours)
{
	struct tls_ctx *ctx = pair_ctx(&conf);
	struct duo d;

	duo_open(&d, ctx, shown_client(NULL));
	CHECK_INT(shown_begin(&d), ours);
	shake_hands(&d);
	check_data(&d);
	duo_close(&d);
	tls_ctx_unref(&ctx);
}

TEST(tls_handshake_leaves_some_contexts_to_openssl)
{
	const char *usual = shown_issue("u.pem");
	const char *other = shown_issue("o.pem");
	const struct strv sni = strv_from(other);
	static const int64_t chacha[] = { TLS_OPTION_PRIORITIZE_CHACHA };

	check_context((struct tls_conf){ .certfile = usual }, true);
	check_context((struct tls_conf){ .certfile = shown_issue(
						 "d.pem", .usage = "digitalSignature") },
		      true);
	/* Keys and certificates of other kinds. */
	check_context((struct tls_conf){ .certfile = shown_issue(
						 "4.pem", .key = EVP_EC_gen("P-384")) },
		      false);
	check_context((struct tls_conf){ .certfile = shown_issue(
						 "e.pem",
						 .key = EVP_PKEY_Q_keygen(NULL, NULL,
									  "ED25519")) },
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
	const char *usual = shown_issue("u.pem");

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
	struct made between = ca_authority("between", &shown_root), m;
	struct tls_ctx *ctx;
	struct duo d;
	bool ours;

	memset(comment, 'x', n_comment);
	comment[n_comment] = '\0';
	m = ca_make(
		&(struct spec){ .name = "localhost", .issuer = &between, .ext = ext });
	shown_write(path, &m, &between);
	ctx = shown_ctx(path);
	duo_open(&d, ctx, shown_client(NULL));
	ours = shown_begin(&d);
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
	shown_issue("r.pem"); /* makes the root */
	CHECK(is_ours_with(6000));
	for (size_t n = 7700; n < 7900; n++)
		CHECK(!is_ours_with(n));
}

/* OpenSSL's configuration may ask for algorithms that no provider here has. */
TEST(tls_context_of_algorithms_that_nobody_has)
{
	struct tls_conf conf = { .certfile = shown_issue("a.pem"),
				 .versions = 1u << TLS_V1_3 };
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct tls_ctx *ctx = NULL;
	int r;

	CHECK_INT(EVP_set_default_properties(NULL, "fips=yes"), 1);
	r = tls_ctx_new(&conf, &ctx, &err);
	CHECK_INT(EVP_set_default_properties(NULL, ""), 1);
	CHECK_INT(r, -EINVAL);
	CHECK_STR(buf_strv(&err),
		  "the system's OpenSSL has no TLS: library has no ciphers");
}

/* --- what OpenSSL's client does not say --- */

static void add_to_number(char *at, size_t n_bytes, size_t n)
{
	for (size_t i = n_bytes; i-- > 0; n >>= 8) {
		n += (unsigned char)at[i];
		at[i] = (char)n;
	}
}

/* Behind those that are there. */
static void add_extension(struct buf *hello, struct strv extension)
{
	size_t at = 5 + 4 + 2 + 32; /* record, message, version, random */

	at += 1 + (unsigned char)hello->p[at]; /* session_id */
	at += 2 + ((size_t)(unsigned char)hello->p[at] << 8 |
		   (unsigned char)hello->p[at + 1]); /* cipher_suites */
	at += 1 + (unsigned char)hello->p[at];	     /* compression_methods */
	add_to_number(hello->p + 3, 2, extension.n);
	add_to_number(hello->p + 6, 3, extension.n);
	add_to_number(hello->p + at, 2, extension.n);
	buf_put(hello, extension);
}

static bool is_ours_with_hello(struct tls_ctx *ctx, void (*change)(struct buf *hello))
{
	struct duo d;
	bool ours;

	duo_open(&d, ctx, shown_client(NULL));
	ours = shown_begin_with(&d, change);
	duo_close(&d);
	return ours;
}

/* signature_algorithms_cert (RFC 8446 4.2.3): of the signatures below certificates. */
static void below_ecdsa_sha256(struct buf *hello)
{
	add_extension(hello, STRV("\0\x32\0\6\0\4\x08\x04\x04\x03"));
}

static void below_ecdsa_sha384(struct buf *hello)
{
	add_extension(hello, STRV("\0\x32\0\6\0\4\x08\x04\x05\x03"));
}

TEST(tls_handshake_shows_what_the_client_can_check)
{
	struct tls_ctx *sha256 = shown_ctx(shown_issue("2.pem"));
	struct tls_ctx *sha384 = shown_ctx(shown_issue("3.pem", .md = EVP_sha384()));
	struct tls_conf old = { .certfile = shown_issue("1.pem", .md = EVP_sha1()),
				.ciphers = "DEFAULT@SECLEVEL=0" };
	struct tls_ctx *sha1 = pair_ctx(&old);

	CHECK(is_ours_with_hello(sha256, below_ecdsa_sha256));
	CHECK(!is_ours_with_hello(sha256, below_ecdsa_sha384));
	CHECK(!is_ours_with_hello(sha384, below_ecdsa_sha256));
	CHECK(is_ours_with_hello(sha384, below_ecdsa_sha384));
	CHECK(!is_ours_with_hello(sha1, NULL));
	tls_ctx_unref(&sha256);
	tls_ctx_unref(&sha384);
	tls_ctx_unref(&sha1);
}

/* status_request, which says nothing to us: once, and twice (RFC 8446 4.2). */
static void asks_for_status(struct buf *hello)
{
	add_extension(hello, STRV("\0\5\0\5\1\0\0\0\0"));
}

static void asks_for_status_twice(struct buf *hello)
{
	asks_for_status(hello);
	asks_for_status(hello);
}

TEST(tls_handshake_leaves_an_extension_that_comes_twice_to_openssl)
{
	struct tls_ctx *ctx = shown_ctx(shown_issue("x.pem"));

	CHECK(is_ours_with_hello(ctx, asks_for_status));
	CHECK(!is_ours_with_hello(ctx, asks_for_status_twice));
	tls_ctx_unref(&ctx);
}

/* X25519MLKEM768 among the groups, without a share: OpenSSL asks for it where it knows it. */
static void knows_hybrid(struct buf *hello)
{
	char *at = memmem(hello->p, hello->n, "\0\x1d\0\x17", 4);

	CHECK(at != NULL);
	memcpy(at + 2, "\x11\xec", 2);
}

TEST(tls_handshake_leaves_hybrid_groups_to_an_openssl_that_has_them)
{
	struct tls_ctx *ctx = shown_ctx(shown_issue("y.pem"));

	CHECK_INT(is_ours_with_hello(ctx, knows_hybrid),
		  OpenSSL_version_num() < 0x30500000L);
	tls_ctx_unref(&ctx);
}
