/* Versions of TLS: sets of them, what the library cannot do, and what other options leave. */
#include "pair.h"

#include <openssl/err.h>

/* The version that is spoken with a client that speaks only this one, 0: none. */
static int spoken(struct tls_ctx *ctx, int version)
{
	struct tls *t = tls_new(ctx);
	SSL_CTX *cc = SSL_CTX_new(TLS_client_method());
	AUTO(buf_free) struct buf plain = BUF_INIT(1 << 20), wire = BUF_INIT(1 << 20);
	BIO *to = BIO_new(BIO_s_mem()), *from = BIO_new(BIO_s_mem());
	SSL *client;
	int r = 0;

	SSL_CTX_set_security_level(cc, 0);
	SSL_CTX_set_min_proto_version(cc, version);
	SSL_CTX_set_max_proto_version(cc, version);
	client = SSL_new(cc);
	BIO_set_mem_eof_return(to, -1);
	SSL_set_bio(client, to, from);
	SSL_set_connect_state(client);
	for (int i = 0; i < 10 && r == 0 && !tls_is_up(t); i++) {
		char b[65536];
		int n;

		SSL_do_handshake(client);
		n = BIO_read(from, b, sizeof(b));
		r = tls_feed(t, strv_make(b, n > 0 ? (size_t)n : 0), &plain, &wire);
		if (wire.n)
			BIO_write(to, wire.p, (int)wire.n);
		buf_clear(&wire);
	}
	r = tls_is_up(t) ? SSL_version(client) : 0;
	SSL_free(client);
	SSL_CTX_free(cc);
	tls_free(&t);
	ERR_clear_error();
	return r;
}

static const int wire[] = { TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
			    TLS1_3_VERSION };

static void check_spoken(const struct tls_conf *conf, unsigned want)
{
	struct tls_ctx *ctx = pair_ctx(conf);

	for (unsigned v = 0; v < TLS_VERSION_MAX; v++)
		CHECK_INT(spoken(ctx, wire[v]), want & 1u << v ? wire[v] : 0);
	tls_ctx_unref(&ctx);
}

/* Every set that has a member: no version stands or falls with another. */
TEST(tls_version_speaks_exactly_the_set)
{
	for (unsigned set = 1; set < 1u << TLS_VERSION_MAX; set++) {
		struct tls_conf conf = { .versions = set,
					 .versions_needed = true,
					 .ciphers = "ALL:TLSv1.3:@SECLEVEL=0" };

		check_spoken(&conf, set);
	}
}

static void check_refused(struct tls_conf conf, const char *want)
{
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct tls_ctx *ctx = pair_ctx(NULL); /* makes the file */

	tls_ctx_unref(&ctx);
	conf.certfile = pair_file("localhost.pem");
	CHECK_INT(tls_ctx_new(&conf, &ctx, &err), -EINVAL);
	CHECK_STR(buf_strv(&err), want);
	CHECK_INT(ERR_peek_error(), 0);
}

TEST(tls_version_that_the_level_forbids)
{
	struct tls_conf conf = { .versions = 1u << TLS_V1_0 | 1u << TLS_V1_2,
				 .versions_needed = true,
				 .ciphers = "DEFAULT:TLSv1.3:@SECLEVEL=1" };
	struct tls_ctx *ctx;

	check_refused(conf, "versions: TLS 1.0 cannot be spoken: OpenSSL has it at its "
			    "security level 0 only, and the level here is 1; "
			    "\"@SECLEVEL=0\" in `ciphers` sets it");
	conf.versions_needed = false;
	check_spoken(&conf, 1u << TLS_V1_2);
	ctx = pair_ctx(&conf);
	CHECK_STR(tls_ctx_notes(ctx),
		  "versions: TLS 1.0 cannot be spoken: OpenSSL has it at its security "
		  "level 0 only, and the level here is 1; \"@SECLEVEL=0\" in `ciphers` "
		  "sets it\n");
	tls_ctx_unref(&ctx);
}

TEST(tls_version_that_no_cipher_serves)
{
	struct tls_conf conf = { .versions = 1u << TLS_V1_2,
				 .versions_needed = true,
				 /* the key is one of ECDSA */
				 .ciphers = "ECDHE-RSA-AES128-GCM-SHA256" };

	check_refused(conf,
		      "ciphers: TLS 1.2 cannot be spoken with these ciphers and this "
		      "key: no shared cipher");
}

TEST(tls_version_by_the_options_of_openssl)
{
	static const int64_t usual[] = { TLS_OPTION_NO_SSLv2, TLS_OPTION_NO_SSLv3,
					 TLS_OPTION_NO_TLSv1, TLS_OPTION_NO_TLSv1_1 };
	static const int64_t hole[] = { TLS_OPTION_NO_TLSv1_2, TLS_OPTION_NO_TLSv1 };
	static const int64_t none[] = { TLS_OPTION_NO_TLSv1, TLS_OPTION_NO_TLSv1_1,
					TLS_OPTION_NO_TLSv1_2, TLS_OPTION_NO_TLSv1_3 };
	struct tls_conf conf = { .options = usual, .n_options = ARRAY_LEN(usual) };

	check_spoken(&conf, 1u << TLS_V1_2 | 1u << TLS_V1_3);
	conf.options = hole;
	conf.n_options = ARRAY_LEN(hole);
	check_spoken(&conf, 1u << TLS_V1_3);
	conf.ciphers = "ALL:TLSv1.3:@SECLEVEL=0";
	check_spoken(&conf, 1u << TLS_V1_1 | 1u << TLS_V1_3);
	conf.options = none;
	conf.n_options = ARRAY_LEN(none);
	check_refused(conf, "protocol_options: no version of TLS is left");
}
