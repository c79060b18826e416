/* Certificates in files, with their chains and keys. */
#include "io/tls_priv.h"
#include "tls/pem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

/* --- reading --- */

int tls_cert_add_key(struct tls_cert *cert, const char *file, const char *password,
		     struct buf *err)
{
	const char *why;

	return tls_pem_use_key(cert->holder, file, password, &why) == TLS_PEM_OK
		       ? 0
		       : tls_fail(err, file, why);
}

/* --- what is known about it --- */

/* RFC 5929 4.1: the certificate's hash, by the hash of its signature; MD5 and SHA-1 are replaced
 * by SHA-256. */
static void make_end_point(struct tls_cert *cert, X509 *x)
{
	const EVP_MD *md;
	unsigned n = 0;
	int hash;

	if (X509_get_signature_info(x, &hash, NULL, NULL, NULL) != 1 ||
	    hash == NID_undef) {
		ERR_clear_error();
		return;
	}
	if (hash == NID_md5 || hash == NID_sha1)
		hash = NID_sha256;
	md = EVP_get_digestbynid(hash);
	if (md && EVP_MD_get_size(md) <= TLS_CB_MAX &&
	    X509_digest(x, md, cert->end_point, &n) == 1)
		cert->n_end_point = n;
}

/* One with a NUL in it is none. */
static void add_name(struct tls_cert *cert, const ASN1_STRING *s)
{
	const char *p = (const char *)ASN1_STRING_get0_data(s);
	size_t n = (size_t)ASN1_STRING_length(s);

	if (n == 0 || memchr(p, '\0', n))
		return;
	cert->names =
		mem_realloc(cert->names, (cert->n_names + 1) * sizeof(*cert->names));
	cert->names[cert->n_names] = mem_zalloc(n + 1);
	memcpy(cert->names[cert->n_names++], p, n);
}

/* RFC 6125 6.4.4: the common name counts only where there is no dNSName. */
static void read_names(struct tls_cert *cert, X509 *x)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	X509_NAME *subject = X509_get_subject_name(x);
	bool has_dns = false;
	int at;

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(san, i);
		if (name->type != GEN_DNS)
			continue;
		has_dns = true;
		add_name(cert, name->d.dNSName);
	}
	GENERAL_NAMES_free(san);
	at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (!has_dns && at >= 0)
		add_name(cert,
			 X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	ERR_clear_error();
}

/* --- the whole --- */

int tls_cert_open(struct tls_cert *cert, const char *file, struct buf *err)
{
	const char *why = tls_pem_use_chain(cert->holder, file);

	cert->file = mem_strdup(file);
	if (why)
		return tls_fail(err, file, why);
	make_end_point(cert, SSL_CTX_get0_certificate(cert->holder));
	read_names(cert, SSL_CTX_get0_certificate(cert->holder));
	return 0;
}

size_t tls_ctx_n_certs(const struct tls_ctx *c)
{
	return c->n_certs;
}

static int64_t seconds(const ASN1_TIME *at)
{
	struct tm tm;

	return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

struct tls_cert_info tls_ctx_cert(const struct tls_ctx *c, size_t i)
{
	const X509 *x = SSL_CTX_get0_certificate(c->certs[i].holder);

	ASSERT(i < c->n_certs);
	return (struct tls_cert_info){ .file = c->certs[i].file,
				       .from_s = seconds(X509_get0_notBefore(x)),
				       .until_s = seconds(X509_get0_notAfter(x)) };
}

void tls_cert_fini(struct tls_cert *cert)
{
	SSL_CTX_free(cert->holder);
	mem_free(cert->file);
	for (size_t i = 0; i < cert->n_names; i++)
		mem_free(cert->names[i]);
	mem_free(cert->names);
}

int tls_load_certificate(struct tls_ctx *c, const struct tls_conf *conf, struct buf *err)
{
	size_t before = err->n;
	int r;

	c->certs = mem_zalloc((1 + conf->n_sni_certfiles) * sizeof(*c->certs));
	c->certs[0].holder = c->ssl;
	SSL_CTX_up_ref(c->ssl);
	c->n_certs = 1;
	buf_putf(err, "certfile: ");
	r = tls_cert_open(&c->certs[0], conf->certfile, err);
	if (r == 0 && conf->keyfile) {
		err->n = before;
		buf_putf(err, "keyfile: ");
	}
	return r ? r
		 : tls_cert_add_key(&c->certs[0],
				    conf->keyfile ? conf->keyfile : conf->certfile,
				    conf->password, err);
}
