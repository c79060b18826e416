#include "io/cert.h"
#include "base/utf8.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <limits.h>

static int take(struct arena *a, const unsigned char *p, int n, struct strv *ret)
{
	struct strv s = strv_make((const char *)p, (size_t)MAX(n, 0));

	if (s.n == 0 || s.n > CERT_MAX_NAME || strv_find(s, '\0') >= 0 ||
	    !utf8_is_valid(s))
		return -EINVAL;
	*ret = arena_strv(a, s);
	return 0;
}

static int add_address(struct arena *a, const OTHERNAME *other, struct cert_names *names)
{
	const ASN1_TYPE *value = other->value;
	const ASN1_STRING *s;

	if (OBJ_obj2nid(other->type_id) != NID_XmppAddr)
		return 0;
	if (value == NULL || value->type != V_ASN1_UTF8STRING)
		return -EINVAL;
	if (names->n_addresses == CERT_MAX_ADDRESSES)
		return -E2BIG;
	s = value->value.utf8string;
	return take(a, ASN1_STRING_get0_data(s), ASN1_STRING_length(s),
		    &names->address[names->n_addresses++]);
}

static int read_addresses(const X509 *cert, struct arena *a, struct cert_names *names)
{
	int critical, r = 0;
	GENERAL_NAMES *all =
		X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);

	if (all == NULL) /* -1: there is none */
		return critical == -1 ? 0 : -EINVAL;
	for (int i = 0; r == 0 && i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
		if (name->type == GEN_OTHERNAME)
			r = add_address(a, name->d.otherName, names);
	}
	GENERAL_NAMES_free(all);
	return r;
}

/* Directories put several into a subject, those of containers before the person's own: none of
 * them is taken then. */
static int read_common_name(const X509 *cert, struct arena *a, struct cert_names *names)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1), n, r;
	unsigned char *utf8 = NULL;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return 0;
	n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(
					       X509_NAME_get_entry(subject, at)));
	r = n < 0 ? -EINVAL : take(a, utf8, n, &names->common_name);
	OPENSSL_free(utf8);
	return r;
}

int cert_names_read(const X509 *cert, struct arena *a, struct cert_names *ret)
{
	struct cert_names names = { 0 };
	int r = read_addresses(cert, a, &names);

	r = r ? r : read_common_name(cert, a, &names);
	ERR_clear_error();
	if (r == 0)
		*ret = names;
	return r;
}

int cert_der(const X509 *cert, struct arena *a, struct strv *ret)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);

	ERR_clear_error();
	if (n <= 0)
		return -EINVAL;
	*ret = arena_strv(a, strv_make((char *)der, (size_t)n));
	OPENSSL_free(der);
	return 0;
}

/* In a time that does not tell how much of it is right. */
static bool is_equal(const unsigned char *a, size_t n, struct strv b)
{
	return n == b.n && CRYPTO_memcmp(a, b.p, n) == 0;
}

bool cert_pem_has(struct strv pem, struct strv der)
{
	BIO *bio = pem.n && pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	char *name, *header;
	unsigned char *data;
	bool has = false;
	long n;

	while (bio && PEM_read_bio(bio, &name, &header, &data, &n) == 1) {
		if (strcmp(name, PEM_STRING_X509) == 0 && header[0] == '\0')
			has |= is_equal(data, (size_t)n, der);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
	}
	BIO_free(bio);
	ERR_clear_error();
	return has;
}
