#include "duo.h"

#include <openssl/err.h>

SSL *client_new(int min_version, int max_version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *s;

	SSL_CTX_set_min_proto_version(ctx, min_version);
	SSL_CTX_set_max_proto_version(ctx, max_version);
	s = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_connect_state(s);
	return s;
}

void duo_open(struct duo *d, struct tls_ctx *ctx, SSL *client)
{
	*d = (struct duo){ .t = tls_new(ctx), .client = client };
	d->plain = BUF_INIT(1 << 20);
	d->wire = BUF_INIT(1 << 20);
	d->to_client = BIO_new(BIO_s_mem());
	d->from_client = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(d->to_client, -1);
	SSL_set_bio(client, d->to_client, d->from_client);
}

void duo_close(struct duo *d)
{
	tls_free(&d->t);
	SSL_free(d->client);
	buf_free(&d->plain);
	buf_free(&d->wire);
	ERR_clear_error();
}

void carry(struct duo *d, size_t piece)
{
	char b[65536];
	int n = BIO_read(d->from_client, b, sizeof(b));

	for (size_t at = 0; n > 0 && at < (size_t)n && d->r == 0; at += piece)
		d->r = tls_feed(d->t, strv_make(b + at, MIN(piece, (size_t)n - at)),
				&d->plain, &d->wire);
	if (d->wire.n)
		BIO_write(d->to_client, d->wire.p, (int)d->wire.n);
	buf_clear(&d->wire);
}

void shake_hands_by(struct duo *d, size_t piece)
{
	for (int i = 0; i < 10 && d->r == 0 && !d->failed; i++) {
		int r = SSL_do_handshake(d->client);
		d->failed = r != 1 && SSL_get_error(d->client, r) != SSL_ERROR_WANT_READ;
		carry(d, piece);
	}
}

void shake_hands(struct duo *d)
{
	shake_hands_by(d, 65536);
	if (!tls_is_up(d->t))
		test_fail(__FILE__, __LINE__, "no handshake: %s", tls_error(d->t));
	CHECK(SSL_is_init_finished(d->client));
}

void check_data(struct duo *d)
{
	char b[64];

	CHECK_INT(SSL_write(d->client, "to the server", 13), 13);
	carry(d, 65536);
	CHECK_STR(buf_strv(&d->plain), "to the server");
	CHECK_INT(tls_seal(d->t, STRV("to the client"), &d->wire), 0);
	carry(d, 65536);
	CHECK_INT(SSL_read(d->client, b, sizeof(b)), 13);
	CHECK(memcmp(b, "to the client", 13) == 0);
	buf_clear(&d->plain);
}

void check_exporter(struct duo *d)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	unsigned char theirs[32], ours[TLS_CB_MAX];
	size_t n;

	CHECK_INT(SSL_export_keying_material(d->client, theirs, 32, label,
					     sizeof(label) - 1, NULL, 0, 0),
		  1);
	CHECK_INT(tls_channel_binding(d->t, TLS_CB_EXPORTER, ours, &n), 0);
	CHECK(n == 32 && memcmp(ours, theirs, 32) == 0);
}

const int duo_versions[] = { TLS1_2_VERSION, TLS1_3_VERSION, TLS1_2_VERSION,
			     TLS1_3_VERSION, 0 };

const int *duo_version(const int *v, struct tls_ctx **ctx)
{
	struct tls_conf conf = { .openssl_records = true };

	if (v == &duo_versions[2]) {
		tls_ctx_unref(ctx);
		*ctx = pair_ctx(&conf);
	}
	return *v ? v : NULL;
}
