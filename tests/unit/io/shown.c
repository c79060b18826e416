#include "shown.h"

#include <openssl/pem.h>
#include <stdio.h>

enum { DATA = 23 }; /* a record that is sealed */

struct made shown_root;

void shown_write(const char *path, const struct made *m, const struct made *above)
{
	FILE *f = fopen(path, "w");

	CHECK(f != NULL);
	PEM_write_X509(f, m->x);
	if (above)
		PEM_write_X509(f, above->x);
	PEM_write_PrivateKey(f, m->key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
}

const char *shown_issue_by(const char *file, const struct shown_spec *spec)
{
	const char *ext[] = { "subjectAltName", "DNS:localhost",
			      spec->usage ? "keyUsage" : NULL, spec->usage, NULL };
	const char *path = pair_file(file);
	struct made between = { 0 }, m;

	if (shown_root.x == NULL)
		shown_root = ca_authority("the root", NULL);
	if (spec->deep)
		between = ca_authority("between", &shown_root);
	m = ca_make(&(struct spec){ .name = "localhost",
				    .issuer = spec->deep ? &between : &shown_root,
				    .ext = ext,
				    .md = spec->md,
				    .key = spec->key });
	shown_write(path, &m, spec->deep ? &between : NULL);
	made_free(&m);
	made_free(&between);
	return path;
}

struct tls_ctx *shown_ctx(const char *certfile)
{
	struct tls_conf conf = { .certfile = certfile };

	return pair_ctx(&conf);
}

SSL *shown_client(const char *suite)
{
	SSL *s = client_new(TLS1_2_VERSION, TLS1_3_VERSION);
	X509_STORE *store = X509_STORE_new();

	X509_STORE_add_cert(store, shown_root.x);
	SSL_set0_verify_cert_store(s, store);
	SSL_set_verify(s, SSL_VERIFY_PEER, NULL);
	CHECK_INT(SSL_set1_host(s, "localhost"), 1);
	if (suite)
		CHECK_INT(SSL_set_ciphersuites(s, suite), 1);
	return s;
}

int shown_feed(struct duo *d, const char *bytes, size_t n)
{
	d->r = tls_feed(d->t, strv_make(bytes, n), &d->plain, &d->wire);
	return d->r;
}

/* Ours has all that is sealed in one record, OpenSSL's has a record for each message. */
bool shown_is_ours(struct strv flight)
{
	size_t n_sealed = 0;

	while (flight.n >= 5) {
		const unsigned char *p = (const unsigned char *)flight.p;
		size_t len = 5 + ((size_t)p[3] << 8 | p[4]);

		CHECK(len <= flight.n);
		n_sealed += p[0] == DATA;
		flight = strv_from_pos(flight, len);
	}
	CHECK_INT(flight.n, 0);
	return n_sealed == 1;
}

bool shown_begin_with(struct duo *d, void (*change)(struct buf *hello))
{
	AUTO(buf_free) struct buf hello = BUF_INIT(8192);
	char b[4096];
	int n;
	bool ours;

	SSL_do_handshake(d->client);
	n = BIO_read(d->from_client, b, sizeof(b));
	CHECK(n > 0);
	buf_put(&hello, strv_make(b, (size_t)n));
	if (change)
		change(&hello);
	ours = shown_feed(d, hello.p, hello.n) == 0 && shown_is_ours(buf_strv(&d->wire));
	BIO_write(d->to_client, d->wire.p, (int)d->wire.n);
	buf_clear(&d->wire);
	return ours;
}

bool shown_begin(struct duo *d)
{
	return shown_begin_with(d, NULL);
}

void shown_check_is_up(struct duo *d, const char *suite)
{
	shake_hands(d);
	CHECK(tls_has_own_records(d->t) && !tls_is_resumed(d->t));
	CHECK_STR(strv_from(tls_version(d->t)), "TLSv1.3");
	CHECK_STR(strv_from(tls_cipher(d->t)), suite);
	CHECK_STR(strv_from(SSL_get_cipher_name(d->client)), suite);
	CHECK(!tls_peer_verified(d->t) && tls_peer_error(d->t) == NULL);
	CHECK_INT(SSL_get_verify_result(d->client), X509_V_OK);
}
