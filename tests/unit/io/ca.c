#include "ca.h"

#include <openssl/err.h>
#include <openssl/pem.h>

static void add_extensions(X509 *x, X509 *issuer, const char *const *ext)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	for (; ext && *ext; ext += 2) {
		X509_EXTENSION *e = X509V3_EXT_nconf(NULL, &ctx, ext[0], ext[1]);
		if (e == NULL)
			test_fail(__FILE__, __LINE__, "%s = %s", ext[0], ext[1]);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
}

struct made ca_make(const struct spec *s)
{
	static long serial = 1000;
	struct made m = { X509_new(), s->key ? s->key : EVP_EC_gen("P-256") };
	const struct made *issuer = s->issuer ? s->issuer : &m;
	bool now = s->from_s == 0 && s->until_s == 0;

	X509_set_version(m.x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(m.x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(m.x), now ? -60 : s->from_s);
	X509_gmtime_adj(X509_getm_notAfter(m.x), now ? 3600 : s->until_s);
	if (s->name)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(m.x), "CN",
					   MBSTRING_UTF8, (const unsigned char *)s->name,
					   -1, -1, 0);
	X509_set_issuer_name(m.x, X509_get_subject_name(issuer->x));
	X509_set_pubkey(m.x, m.key);
	add_extensions(m.x, issuer->x, s->ext);
	CHECK(X509_sign(m.x, issuer->key, s->md ? s->md : EVP_sha256()) > 0);
	return m;
}

struct made ca_authority(const char *name, const struct made *issuer)
{
	static const char *const ext[] = { "basicConstraints",
					   "critical,CA:TRUE",
					   "keyUsage",
					   "critical,keyCertSign,cRLSign",
					   "subjectKeyIdentifier",
					   "hash",
					   NULL };

	return ca_make(&(struct spec){ .name = name, .issuer = issuer, .ext = ext });
}

struct made ca_client(const char *name, const struct made *issuer)
{
	static const char *const ext[] = { "keyUsage", "critical,digitalSignature",
					   "extendedKeyUsage", "clientAuth", NULL };

	return ca_make(&(struct spec){ .name = name, .issuer = issuer, .ext = ext });
}

void made_free(struct made *m)
{
	X509_free(m->x);
	EVP_PKEY_free(m->key);
	*m = (struct made){ 0 };
}

X509_CRL *ca_crl(const struct made *issuer, const struct made *revoked, long until_s)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -60),
		  *until = X509_gmtime_adj(NULL, until_s);

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x));
	X509_CRL_set1_lastUpdate(crl, from);
	X509_CRL_set1_nextUpdate(crl, until);
	if (revoked) {
		X509_REVOKED *r = X509_REVOKED_new();
		X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked->x));
		X509_REVOKED_set_revocationDate(r, from);
		X509_CRL_add0_revoked(crl, r);
	}
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	CHECK(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
	return crl;
}

static FILE *open_file(const char *path)
{
	FILE *f = fopen(path, "w");

	CHECK(f != NULL);
	return f;
}

const char *ca_write(const char *name, const struct made *const *certs, size_t n)
{
	const char *path = pair_file(name);
	FILE *f = open_file(path);

	for (size_t i = 0; i < n; i++)
		CHECK_INT(PEM_write_X509(f, certs[i]->x), 1);
	fclose(f);
	return path;
}

const char *ca_write_crl(const char *name, X509_CRL *const *crls, size_t n)
{
	const char *path = pair_file(name);
	FILE *f = open_file(path);

	for (size_t i = 0; i < n; i++)
		CHECK_INT(PEM_write_X509_CRL(f, crls[i]), 1);
	fclose(f);
	return path;
}

void ca_shake_hands(struct pair *t, const struct tls_conf *conf,
		    const struct made *client, const struct made *above, int version)
{
	pair_open(t, PAIR_UNIX, NULL, 0);
	t->s.ctx = pair_ctx(conf);
	conn_start_tls(t->s.conn, t->s.ctx);
	peer_start_tls(&t->p, version, version);
	if (client) {
		SSL_set_security_level(t->p.ssl, 0);
		CHECK_INT(SSL_use_certificate(t->p.ssl, client->x), 1);
		CHECK_INT(SSL_use_PrivateKey(t->p.ssl, client->key), 1);
	}
	if (above)
		CHECK_INT(SSL_add1_chain_cert(t->p.ssl, above->x), 1);
	PAIR_UNTIL(t, (t->s.n_secured || t->s.n_close) &&
			      (SSL_is_init_finished(t->p.ssl) || t->p.failed));
}

int ca_alert(struct pair *t)
{
	int reason;

	CHECK_INT(t->s.n_secured, 0);
	CHECK_INT(t->s.why, CONN_CLOSE_TLS);
	PAIR_UNTIL(t, t->p.failed);
	reason = ERR_GET_REASON(ERR_peek_error());
	ERR_clear_error();
	return reason - SSL_AD_REASON_OFFSET;
}
