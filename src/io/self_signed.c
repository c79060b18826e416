/* A certificate for a first start. */
#include "io/tls_priv.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

enum { DAYS = 3650 };

static int add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int r;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	r = ext && X509_add_ext(x, ext, -1) == 1 ? 0 : -EINVAL;
	X509_EXTENSION_free(ext);
	return r;
}

static int add_names(X509 *x, const char *const *names)
{
	AUTO(buf_free) struct buf b = BUF_INIT(65536);

	for (const char *const *n = names; *n; n++)
		if (buf_addf(&b, "%sDNS:%s", b.n ? "," : "", *n) < 0)
			return -EINVAL;
	return add_extension(x, NID_subject_alt_name, buf_cstr(&b));
}

static X509 *make_certificate(EVP_PKEY *key, const char *const *names)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	unsigned char serial[8];
	uint64_t number;
	int r;

	RAND_bytes(serial, sizeof(serial));
	memcpy(&number, serial, sizeof(number));
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), number >> 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600); /* a client's clock may be slow */
	X509_time_adj_ex(X509_getm_notAfter(x), DAYS, 0, NULL);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)names[0], -1,
				   -1, 0);
	X509_set_issuer_name(x, subject);
	r = add_names(x, names);
	r = r ? r : add_extension(x, NID_basic_constraints, "critical,CA:FALSE");
	r = r ? r : add_extension(x, NID_ext_key_usage, "serverAuth");
	if (r < 0 || X509_sign(x, key, EVP_sha256()) == 0) {
		X509_free(x);
		return NULL;
	}
	return x;
}

/* Beside the file, then in its place: whole or not at all. */
static int write_file(const char *path, X509 *x, EVP_PKEY *key, struct buf *err)
{
	AUTO(buf_free) struct buf tmp = BUF_INIT(8192);
	FILE *f;
	int fd, ok;

	if (buf_addf(&tmp, "%s.new", path) < 0)
		return tls_fail(err, path, "the name is too long");
	fd = open(buf_cstr(&tmp), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return tls_fail(err, buf_cstr(&tmp), strerror(errno));
	}
	ok = x == NULL || PEM_write_X509(f, x) == 1;
	ok = ok && (key == NULL || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	ok = ok && fflush(f) == 0 && fsync(fd) == 0;
	ok = fclose(f) == 0 && ok;
	if (ok && rename(buf_cstr(&tmp), path) == 0)
		return 0;
	unlink(buf_cstr(&tmp));
	return tls_fail(err, path, "cannot be written");
}

int tls_make_self_signed(const char *certfile, const char *keyfile, const char *const *names,
			 struct buf *err)
{
	EVP_PKEY *key;
	X509 *x;
	bool one = strcmp(certfile, keyfile) == 0;
	int r = 0;

	ERR_clear_error();
	key = EVP_EC_gen("P-256");
	x = key ? make_certificate(key, names) : NULL;
	if (x == NULL)
		r = tls_fail(err, certfile, "a certificate cannot be made");
	if (r == 0 && !one)
		r = write_file(keyfile, NULL, key, err);
	r = r ? r : write_file(certfile, x, one ? key : NULL, err);
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}
