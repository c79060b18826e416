/* The cipher string: what it selects of TLS 1.2 and of TLS 1.3. */
#include "pair.h"

#include <openssl/err.h>

#include <stdio.h>

/* What a client of this version gets that would take anything; "": no handshake. The key is one of
 * ECDSA. */
static const char *cipher_of(const char *ciphers, int version)
{
	static char name[100];
	struct tls_conf conf = { .ciphers = ciphers };
	struct tls_ctx *ctx = pair_ctx(&conf);
	struct pair t;
	struct tls *tls;

	pair_open(&t, PAIR_UNIX, NULL, 0);
	conn_start_tls(t.s.conn, ctx);
	peer_start_tls(&t.p, version, version);
	while (t.s.conn && !t.p.failed && !t.s.n_secured)
		pair_step(&t);
	tls = t.s.conn ? conn_tls(t.s.conn) : NULL;
	snprintf(name, sizeof(name), "%s", tls && t.s.n_secured ? tls_cipher(tls) : "");
	pair_close(&t);
	tls_ctx_unref(&ctx);
	return name;
}

static void check_selects(const char *ciphers, const char *want12, const char *want13)
{
	CHECK_STR(strv_from(cipher_of(ciphers, TLS1_2_VERSION)), want12);
	CHECK_STR(strv_from(cipher_of(ciphers, TLS1_3_VERSION)), want13);
}

#define GCM128	  "ECDHE-ECDSA-AES128-GCM-SHA256"
#define GCM256	  "ECDHE-ECDSA-AES256-GCM-SHA384"
#define POLY	  "ECDHE-ECDSA-CHACHA20-POLY1305"
#define GCM128_13 "TLS_AES_128_GCM_SHA256"
#define GCM256_13 "TLS_AES_256_GCM_SHA384"
#define POLY_13	  "TLS_CHACHA20_POLY1305_SHA256"

TEST(tls_cipher_names_select_what_they_name)
{
	check_selects(POLY ":" GCM256_13, POLY, GCM256_13);
	check_selects(GCM256_13 " " GCM128, GCM128, GCM256_13);
	check_selects("TLS_AES_128_CCM_SHA256:" POLY_13 "," GCM128, GCM128, POLY_13);
	check_selects(NULL, GCM256, GCM128_13);
}

TEST(tls_cipher_words_of_versions)
{
	check_selects("TLSv1.2:TLSv1.3", GCM256, GCM128_13);
	check_selects("TLSv1.2", GCM256, "");
	check_selects("TLSv1.3", "", GCM128_13);
	check_selects("TLSv1.3:@SECLEVEL=1", "", GCM128_13);
	check_selects("HIGH:!TLSv1.3", GCM256, "");
	check_selects("TLSv1.3+CHACHA20:TLSv1.2+AESGCM", GCM256, POLY_13);
}

TEST(tls_cipher_words_select_of_both)
{
	check_selects("HIGH:!aNULL", GCM256, GCM128_13);
	check_selects("AES128", GCM128, GCM128_13);
	check_selects("ECDHE+CHACHA20", POLY, POLY_13);
	check_selects("ECDHE+AESGCM:!AES256:!kRSA:!DHE", GCM128, GCM128_13);
	check_selects("DEFAULT:!AESGCM:!AESCCM:!ARIA", POLY, POLY_13);
	check_selects("CHACHA20:AES256", POLY, POLY_13);
	check_selects("ALL:-AES128:-AES256", POLY, POLY_13);
	check_selects("TLSv1.3:+AES128:" GCM128, GCM128, GCM256_13);
	/* gone for good, though it is named later */
	check_selects("!AES128:" GCM128_13 ":" GCM256_13 ":" POLY, POLY, GCM256_13);
}

/* The suites of one version are off, and so is the version: a client of both gets the other. */
TEST(tls_cipher_string_leaves_a_version_out)
{
	static const struct {
		const char *ciphers, *note;
	} rows[] = {
		{ GCM128, "ciphers: TLS 1.3 is not spoken: the string selects nothing of "
			  "it\n" },
		{ GCM128_13, "ciphers: TLS 1.2 is not spoken: the string selects nothing "
			     "of it\n" },
		{ "TLSv1.2:TLSv1.3", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_conf conf = { .ciphers = rows[i].ciphers };
		struct tls_ctx *ctx = pair_ctx(&conf);
		struct pair t;

		CHECK_STR(tls_ctx_notes(ctx), rows[i].note);
		pair_open(&t, PAIR_UNIX, NULL, 0);
		conn_start_tls(t.s.conn, ctx);
		peer_start_tls(&t.p, TLS1_2_VERSION, TLS1_3_VERSION);
		PAIR_UNTIL(&t, t.s.n_secured);
		pair_close(&t);
		tls_ctx_unref(&ctx);
	}
}

static void check_refused(const char *ciphers, const char *want)
{
	AUTO(buf_free) struct buf err = BUF_INIT(4096);
	struct tls_ctx *ctx = pair_ctx(NULL); /* makes the file */
	struct tls_conf conf = { .certfile = pair_file("localhost.pem"),
				 .versions = 1u << TLS_V1_2 | 1u << TLS_V1_3,
				 .ciphers = ciphers };

	tls_ctx_unref(&ctx);
	CHECK_INT(tls_ctx_new(&conf, &ctx, &err), -EINVAL);
	if (!strv_starts(buf_strv(&err), strv_from(want)))
		test_fail(__FILE__, __LINE__, "%s: \"%s\"", ciphers, buf_cstr(&err));
	CHECK_INT(ERR_peek_error(), 0);
}

TEST(tls_cipher_string_that_selects_nothing)
{
	static const char nothing[] = "ciphers: the string selects nothing";

	check_refused("", nothing);
	check_refused(" : ,", nothing);
	check_refused("ROT13", nothing);
	check_refused("TLS_ROT_13", nothing);
	check_refused("TLSv1.3:!AES128:!AES256:-CHACHA20", nothing);
	check_refused("@SECLEVEL=1", nothing);
	/* neither is ever used */
	check_refused("NULL", nothing);
	check_refused("aNULL", nothing);
	check_refused("!", nothing);
}
