/* Revocation lists. An issuer that has one is held to it, for good: if it is out of date, or cannot
 * be used, none of the issuer's certificates passes. An issuer that has none is not checked. */
#include "io/tls_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>

static bool has_list(const struct tls_trust *trust, const X509_NAME *issuer)
{
	for (int i = 0; i < sk_X509_CRL_num(trust->crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(trust->crls, i);
		if (X509_NAME_cmp(X509_CRL_get_issuer(crl), issuer) == 0)
			return true;
	}
	return false;
}

int tls_crl_on_error(int ok, X509_STORE_CTX *x)
{
	const struct tls_trust *trust = tls_peer_of(x)->trust;
	X509 *cert = X509_STORE_CTX_get_current_cert(x);

	if (ok || X509_STORE_CTX_get_error(x) != X509_V_ERR_UNABLE_TO_GET_CRL ||
	    has_list(trust, X509_get_issuer_name(cert)))
		return ok;
	X509_STORE_CTX_set_error(x, X509_V_OK);
	return 1;
}

bool tls_crl_is_at_fault(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
	case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
		return true;
	default:
		return false;
	}
}

/* --- at start --- */

static bool is_out_of_date(const X509_CRL *crl)
{
	const ASN1_TIME *until = X509_CRL_get0_nextUpdate(crl);

	return until && X509_cmp_current_time(until) < 0;
}

static void add(struct tls_trust *trust, X509_STORE *store, X509_CRL *crl, size_t file)
{
	X509_REVOKED *found;
	ASN1_INTEGER *zero = ASN1_INTEGER_new();

	/* The first look-up sorts the list: not while a client waits. */
	ASSERT(zero != NULL && ASN1_INTEGER_set(zero, 0) == 1);
	X509_CRL_get0_by_serial(crl, &found, zero);
	ASN1_INTEGER_free(zero);
	if (is_out_of_date(crl) && trust->stale_crl < 0)
		trust->stale_crl = (int)file;
	ASSERT(X509_STORE_add_crl(store, crl) == 1);
	ASSERT(sk_X509_CRL_push(trust->crls, crl) > 0);
}

/* How many; -1: something in the file cannot be read. */
static int read_pem(struct tls_trust *trust, X509_STORE *store, BIO *in, size_t file)
{
	X509_CRL *crl;
	int n = 0;

	while ((crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL))) {
		add(trust, store, crl, file);
		n++;
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return -1;
	ERR_clear_error();
	return n;
}

static int read_file(struct tls_trust *trust, X509_STORE *store, const char *path,
		     size_t file, struct buf *err)
{
	BIO *in = BIO_new_file(path, "rb");
	X509_CRL *der = NULL;
	int n = in ? read_pem(trust, store, in, file) : -1;

	if (n == 0 && BIO_reset(in) == 0 && (der = d2i_X509_CRL_bio(in, NULL))) {
		add(trust, store, der, file);
		n++;
	}
	BIO_free(in);
	return n > 0 ? 0 : tls_fail(err, path, "no revocation list can be read");
}

int tls_crl_load(struct tls_trust *trust, X509_STORE *store, const struct tls_conf *conf,
		 struct buf *err)
{
	int r = 0;

	trust->crls = sk_X509_CRL_new_null();
	ASSERT(trust->crls != NULL);
	for (size_t i = 0; r == 0 && i < conf->n_crl_files; i++)
		r = read_file(trust, store, conf->crl_files[i].p, i, err);
	if (conf->n_crl_files)
		X509_STORE_set_flags(store,
				     X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return r;
}
