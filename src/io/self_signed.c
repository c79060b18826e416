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

/* One by one: no character of a name can be taken for syntax, as in a configuration string. */
static int add_names(X509 *x, const char *const *names)
{
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	int r = list ? 0 : -EINVAL;

	for (const char *const *n = names; *n && r == 0; n++) {
		ASN1_OCTET_STRING *ip = a2i_IPADDRESS(*n);
		ASN1_IA5STRING *dns = ip ? NULL : ASN1_IA5STRING_new();
		GENERAL_NAME *name = GENERAL_NAME_new();

		ASSERT(name != NULL && (ip || dns));
		if (dns && ASN1_STRING_set(dns, *n, -1) != 1)
			r = -EINVAL;
		GENERAL_NAME_set0_value(name, ip ? GEN_IPADD : GEN_DNS,
					ip ? (void *)ip : dns);
		ASSERT(sk_GENERAL_NAME_push(list, name) > 0);
	}
	if (r == 0 && X509_add1_ext_i2d(x, NID_subject_alt_name, list, 0, 0) != 1)
		r = -EINVAL;
	GENERAL_NAMES_free(list);
	ERR_clear_error(); /* of names that are no addresses */
	return r;
}

static X509 *make_certificate(EVP_PKEY *key, const char *const *names)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	unsigned char serial[8];
	uint64_t number;
	int r;

	ASSERT(x != NULL && RAND_bytes(serial, sizeof(serial)) == 1);
	memcpy(&number, serial, sizeof(number));
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), number >> 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600); /* a client's clock may be slow */
	X509_time_adj_ex(X509_getm_notAfter(x), DAYS, 0, NULL);
	X509_set_pubkey(x, key);
	/* For people to read; clients look at the names above. At most 64 characters fit. */
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
				   (const unsigned char *)(strlen(names[0]) <= 64
								   ? names[0]
								   : "XMPP server"),
				   -1, -1, 0);
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

/* Beside the file: what is there under that name is of a run that failed. */
static int write_new(const char *path, X509 *x, EVP_PKEY *key, struct buf *err)
{
	FILE *f;
	int fd, ok;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f == NULL) {
		int e = errno;
		if (fd >= 0)
			close(fd);
		return tls_fail(err, path, strerror(e));
	}
	ok = x == NULL || PEM_write_X509(f, x) == 1;
	ok = ok && (key == NULL ||
		    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	ok = ok && fflush(f) == 0 && fsync(fd) == 0;
	ok = fclose(f) == 0 && ok;
	return ok ? 0 : tls_fail(err, path, "cannot be written");
}

/* Both are written before the first takes its place, so that they fit each other. */
static int write_files(const char *certfile, const char *keyfile, X509 *x, EVP_PKEY *key,
		       struct buf *err)
{
	AUTO(buf_free) struct buf cert = BUF_INIT(8192), new_key = BUF_INIT(8192);
	int r;

	if (buf_addf(&cert, "%s.new", certfile) < 0 ||
	    (keyfile && buf_addf(&new_key, "%s.new", keyfile) < 0))
		return tls_fail(err, certfile, "the name is too long");
	r = write_new(buf_cstr(&cert), x, keyfile ? NULL : key, err);
	if (r == 0 && keyfile)
		r = write_new(buf_cstr(&new_key), NULL, key, err);
	if (r == 0 && keyfile && rename(buf_cstr(&new_key), keyfile) < 0)
		r = tls_fail(err, keyfile, strerror(errno));
	if (r == 0 && rename(buf_cstr(&cert), certfile) < 0)
		r = tls_fail(err, certfile, strerror(errno));
	if (r < 0) {
		unlink(buf_cstr(&cert));
		if (keyfile)
			unlink(buf_cstr(&new_key));
	}
	return r;
}

int tls_make_self_signed(const char *certfile, const char *keyfile,
			 const char *const *names, struct buf *err)
{
	EVP_PKEY *key;
	X509 *x;
	int r;

	ASSERT(names[0] != NULL);
	if (keyfile && strcmp(certfile, keyfile) == 0)
		keyfile = NULL;
	ERR_clear_error();
	key = EVP_EC_gen("P-256");
	x = key ? make_certificate(key, names) : NULL;
	if (x)
		r = write_files(certfile, keyfile, x, key, err);
	else
		r = tls_fail(err, certfile,
			     "a certificate for these names cannot be made");
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}
